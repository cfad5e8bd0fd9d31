"""A client of tamis, the service that turns raw text into training sets.

    from tamis_client import Client

    with Client() as client:
        job = client.submit("job.toml").wait()
        print(job.report())

`tamis_client.v1` holds the generated messages and stubs beneath.
"""

from tamis_client.access import Tls
from tamis_client.client import Client
from tamis_client.errors import (
    CancelledError,
    ConflictError,
    InputError,
    InternalError,
    JobCancelled,
    JobFailed,
    LeaseLostError,
    NoAnswerError,
    NotFoundError,
    PermissionDeniedError,
    ResourceError,
    SpecError,
    StorageError,
    TamisError,
    UnavailableError,
    WaitTimeoutError,
)
from tamis_client.index import Index
from tamis_client.job import Job
from tamis_client.output import Output
from tamis_client.records import (
    AttemptProgress,
    CheckResult,
    Document,
    Drop,
    ErrorClass,
    ErrorDetail,
    Explanation,
    FunnelStage,
    IndexDescription,
    IndexJob,
    IndexMatch,
    JobFigures,
    JobState,
    JobStatus,
    OutputFile,
    Partner,
    Phase,
    PhaseProgress,
    RuleCount,
    SourceFigures,
    TaskState,
    TaskStatus,
    Throughput,
    WorkerStatus,
)
from tamis_client.report import Report
from tamis_client.tokens import TokenPart, Tokens

__all__ = [
    # What is called.
    "Client",
    "Index",
    "Job",
    "Output",
    "Report",
    "Tls",
    "TokenPart",
    "Tokens",
    # What is answered.
    "AttemptProgress",
    "CheckResult",
    "Document",
    "Drop",
    "ErrorClass",
    "ErrorDetail",
    "Explanation",
    "FunnelStage",
    "IndexDescription",
    "IndexJob",
    "IndexMatch",
    "JobFigures",
    "JobState",
    "JobStatus",
    "OutputFile",
    "Partner",
    "Phase",
    "PhaseProgress",
    "RuleCount",
    "SourceFigures",
    "TaskState",
    "TaskStatus",
    "Throughput",
    "WorkerStatus",
    # What is raised.
    "CancelledError",
    "ConflictError",
    "InputError",
    "InternalError",
    "JobCancelled",
    "JobFailed",
    "LeaseLostError",
    "NoAnswerError",
    "NotFoundError",
    "PermissionDeniedError",
    "ResourceError",
    "SpecError",
    "StorageError",
    "TamisError",
    "UnavailableError",
    "WaitTimeoutError",
]
