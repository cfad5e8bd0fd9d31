"""What the coordinator answers, as plain frozen records.

Their fields are those of the messages in `proto/tamis/v1/`, which say what each means; zero means what it means there.
"""

from __future__ import annotations

import functools
import json
import typing
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, TypeVar, cast

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

_Record = TypeVar("_Record")


class ErrorClass(StrEnum):
    """Whose fault an error is."""

    UNSPECIFIED = "unspecified"
    SPEC = "spec"
    INPUT = "input"
    NOT_FOUND = "not_found"
    CONFLICT = "conflict"
    PERMISSION = "permission"
    STORAGE = "storage"
    RESOURCE = "resource"
    UNAVAILABLE = "unavailable"
    LEASE_LOST = "lease_lost"
    CANCELLED = "cancelled"
    INTERNAL = "internal"


class JobState(StrEnum):
    """Where a job stands."""

    UNSPECIFIED = "unspecified"
    PLANNING = "planning"
    SCANNING = "scanning"
    WAITING = "waiting"
    RESOLVING = "resolving"
    MIXING = "mixing"
    EMITTING = "emitting"
    PUBLISHING = "publishing"
    PUBLISHED = "published"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Phase(StrEnum):
    """The two kinds of work that workers do."""

    UNSPECIFIED = "unspecified"
    SCAN = "scan"
    EMIT = "emit"


class TaskState(StrEnum):
    """Where a task stands."""

    UNSPECIFIED = "unspecified"
    READY = "ready"
    HELD = "held"
    RUNNING = "running"
    COMMITTED = "committed"
    QUARANTINED = "quarantined"


@dataclass(frozen=True)
class ErrorDetail:
    """An error that a job or a task met."""

    error_class: ErrorClass
    message: str
    hint: str
    retryable: bool


@dataclass(frozen=True)
class PhaseProgress:
    """How far a phase is."""

    phase: Phase
    tasks_total: int
    tasks_done: int
    tasks_running: int
    bytes_total: int
    bytes_done: int
    records_done: int


@dataclass(frozen=True)
class JobStatus:
    """How a job stands."""

    job_id: str
    name: str
    state: JobState
    message: str
    phases: tuple[PhaseProgress, ...]
    submitted_at_ms: int
    started_at_ms: int
    ended_at_ms: int
    bytes_per_second: float
    eta_seconds: float
    output_uri: str
    error: ErrorDetail | None
    failed_attempts: int
    submitted_by: str

    @property
    def ended(self) -> bool:
        """Whether nothing happens any more."""
        return self.state in (JobState.PUBLISHED, JobState.FAILED, JobState.CANCELLED)

    @property
    def running_phase(self) -> PhaseProgress | None:
        """The phase that workers are in now."""
        phase = {JobState.SCANNING: Phase.SCAN, JobState.EMITTING: Phase.EMIT}.get(self.state)
        return next((progress for progress in self.phases if progress.phase == phase), None)

    @property
    def submitted_at(self) -> datetime | None:
        """When it was submitted."""
        return _time(self.submitted_at_ms)

    @property
    def started_at(self) -> datetime | None:
        """When it began; `None`: not yet."""
        return _time(self.started_at_ms)

    @property
    def ended_at(self) -> datetime | None:
        """When it ended; `None`: not yet."""
        return _time(self.ended_at_ms)


@dataclass(frozen=True)
class TaskStatus:
    """How the task of a shard stands."""

    shard: int
    state: TaskState
    failed_attempts: int
    released_attempts: int
    worker_id: str
    attempt: int
    bytes_total: int
    bytes_done: int
    records_done: int
    last_error: ErrorDetail | None
    source: str
    uri: str
    part: str


@dataclass(frozen=True)
class FunnelStage:
    """What was left after a stage."""

    stage: str
    documents: int
    chars: int | None
    bytes: int
    tokens: int | None


@dataclass(frozen=True)
class RuleCount:
    """What a rule dropped."""

    stage: str
    rule: str
    documents: int


@dataclass(frozen=True)
class SourceFigures:
    """What came of a source."""

    name: str
    role: str
    records: int
    filtered: int
    emitted: int
    tokens: int


@dataclass(frozen=True)
class Throughput:
    """How fast a phase went over a span of time."""

    at_ms: int
    phase: Phase
    bytes_per_second: float
    records_per_second: float


@dataclass(frozen=True)
class JobFigures:
    """The figures of a job so far. While it runs, those of its committed tasks."""

    funnel: tuple[FunnelStage, ...]
    drops: tuple[RuleCount, ...]
    final: bool
    scans: int
    emits: int
    sources: tuple[SourceFigures, ...]
    throughput: tuple[Throughput, ...]


@dataclass(frozen=True)
class Partner:
    """Another document. An empty job is the same job."""

    job_id: str
    source: str
    document_id: str


@dataclass(frozen=True)
class Drop:
    """Why a document was dropped."""

    stage: str
    rule: str
    value: float | None
    threshold: float | None
    detail: str
    kept: Partner | None
    via: Partner | None
    similarity: float | None


@dataclass(frozen=True)
class Explanation:
    """The fate of one document."""

    document_id: str
    source: str
    uri: str
    offset: int
    kept: bool
    part: str
    drop: Drop | None
    undecided: bool


@dataclass(frozen=True)
class Document:
    """A document as its input holds it."""

    document_id: str
    source: str
    uri: str
    offset: int
    text: str
    cut: bool
    extra_json: str

    @property
    def extra(self) -> dict[str, Any]:
        """The record's other fields."""
        fields: dict[str, Any] = json.loads(self.extra_json) if self.extra_json else {}
        return fields


@dataclass(frozen=True)
class OutputFile:
    """A file that a published job wrote."""

    path: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class AttemptProgress:
    """What a slot of a worker does."""

    job_id: str
    phase: Phase
    shard: int
    attempt: int
    bytes_done: int
    records_done: int


@dataclass(frozen=True)
class WorkerStatus:
    """How a worker stands."""

    worker_id: str
    host: str
    version: str
    slots: int
    attempts: tuple[AttemptProgress, ...]
    last_seen_ms: int
    draining: bool
    tasks_committed: int
    bytes_per_second: float


@dataclass(frozen=True)
class IndexJob:
    """A job that published into an index."""

    job_id: str
    name: str
    documents: int
    published_at_ms: int

    @property
    def published_at(self) -> datetime | None:
        """When it was published."""
        return _time(self.published_at_ms)


@dataclass(frozen=True)
class IndexDescription:
    """A global dedup index."""

    name: str
    params_json: str
    documents: int
    bytes: int
    runs: int
    jobs: tuple[IndexJob, ...]
    state_digest: str

    @property
    def params(self) -> dict[str, Any]:
        """The pinned parameters."""
        params: dict[str, Any] = json.loads(self.params_json)
        return params


@dataclass(frozen=True)
class IndexMatch:
    """A document of an index that is like one that was asked for."""

    job_id: str
    source: str
    document_id: str
    similarity: float
    equal: bool


@dataclass(frozen=True)
class CheckResult:
    """What an index holds of one text, the most similar first; no matches: nothing."""

    id: str
    matches: tuple[IndexMatch, ...]


def record(kind: type[_Record], message: Message) -> _Record:
    """A message as the record of its fields."""
    values = {name: _value(message, field, wanted) for name, field, wanted in _fields(cast("Any", kind), message.DESCRIPTOR)}
    return kind(**values)


# A field whose name is a keyword of Python.
_RENAMED = {"error_class": "class"}


@functools.cache
def _fields(kind: type, descriptor: Any) -> list[tuple[str, FieldDescriptor, Any]]:
    """Each field of a record with that of its message and what it holds: `X` for `X | None` and `tuple[X, ...]`."""
    fields = []
    for name, hint in typing.get_type_hints(kind).items():
        inner = [wanted for wanted in typing.get_args(hint) if wanted not in (type(None), ...)]
        fields.append((name, descriptor.fields_by_name[_RENAMED.get(name, name)], inner[0] if inner else hint))
    return fields


def _value(message: Message, field: FieldDescriptor, wanted: Any) -> Any:
    value = getattr(message, field.name)
    if field.is_repeated:
        return tuple(_one(item, field, wanted) for item in value)
    if field.has_presence and not message.HasField(field.name):
        return None
    return _one(value, field, wanted)


def _one(value: Any, field: FieldDescriptor, wanted: Any) -> Any:
    if field.message_type is not None:
        return record(wanted, value)
    if field.enum_type is None:
        return value
    known = field.enum_type.values_by_number.get(value)
    # Of a newer coordinator: nothing is known of it here.
    if known is None:
        return wanted.UNSPECIFIED
    # All names of an enum begin with its own, as in JOB_STATE_PLANNING.
    prefix = len(field.enum_type.values[0].name) - len("UNSPECIFIED")
    return wanted(known.name[prefix:].lower())


def _time(ms: int) -> datetime | None:
    return datetime.fromtimestamp(ms / 1000, UTC) if ms else None
