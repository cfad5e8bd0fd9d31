"""Errors with what the coordinator says of them: whose fault it is, what to do, and whether the same call may succeed later.

The mapping of codes is that of `proto/src/status.rs`. The class itself travels as `ErrorDetail` in the status's binary
details, so it is exact where a coordinator answered, and follows from the code where a transport or a proxy did.
"""

from __future__ import annotations

from typing import ClassVar

import grpc
from google.protobuf.message import DecodeError

from tamis_client.records import ErrorClass, ErrorDetail, JobState, JobStatus, record
from tamis_client.v1 import types_pb2

_DETAILS = "grpc-status-details-bin"


class TamisError(Exception):
    """What all errors of this package are.

    `error_class` says whose fault it is, `message` what is wrong, `hint` what to do (empty: nothing is known), and
    `retryable` whether the same call may succeed later. `code` is the gRPC code, where a call failed.
    """

    error_class: ErrorClass = ErrorClass.INTERNAL
    # For errors that did not come from a coordinator, which would say so itself.
    _retryable: ClassVar[bool] = False

    def __init__(
        self, message: str, *, hint: str = "", retryable: bool | None = None, code: grpc.StatusCode | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.retryable = self._retryable if retryable is None else retryable
        self.code = code

    def __str__(self) -> str:
        return f"{self.message}\nhint: {self.hint}" if self.hint else self.message


class SpecError(TamisError, ValueError):
    """The job spec or the call is wrong: change it."""

    error_class = ErrorClass.SPEC


class InputError(TamisError):
    """An input is wrong: mend it."""

    error_class = ErrorClass.INPUT


class NotFoundError(TamisError, LookupError):
    """What was named does not exist."""

    error_class = ErrorClass.NOT_FOUND


class ConflictError(TamisError):
    """The call does not fit the present state."""

    error_class = ErrorClass.CONFLICT


class PermissionDeniedError(TamisError):
    """The caller may not do this, or nobody knows who calls."""

    error_class = ErrorClass.PERMISSION


class StorageError(TamisError):
    """A store failed, or what came from it is not what was published."""

    error_class = ErrorClass.STORAGE
    _retryable = True


class ResourceError(TamisError):
    """A limit is reached: disk, memory, slots."""

    error_class = ErrorClass.RESOURCE
    _retryable = True


class UnavailableError(TamisError):
    """The coordinator is not there, not ready, or did not answer in time."""

    error_class = ErrorClass.UNAVAILABLE
    _retryable = True


class NoAnswerError(UnavailableError):
    """Nobody answered at all."""


class LeaseLostError(TamisError):
    """An attempt no longer holds its lease."""

    error_class = ErrorClass.LEASE_LOST
    _retryable = True


class CancelledError(TamisError):
    """What was called was cancelled."""

    error_class = ErrorClass.CANCELLED
    _retryable = True


class InternalError(TamisError):
    """A defect of tamis."""

    error_class = ErrorClass.INTERNAL
    _retryable = True


class WaitTimeoutError(TamisError, TimeoutError):
    """A job has not ended within the time that its caller waits. The job goes on."""

    error_class = ErrorClass.UNAVAILABLE
    _retryable = True


class JobFailed(TamisError):  # noqa: N818  (what happened to the job, not to the call)
    """A job failed. `error_class`, `message` and `hint` are those of the job's error; `status` is its last status."""

    def __init__(self, status: JobStatus) -> None:
        error = status.error
        # A cancelled job's message says so itself.
        failed = " failed" if status.state is JobState.FAILED else ""
        super().__init__(
            f"job {status.job_id}{failed}: {error.message if error else status.message}",
            hint=error.hint if error else "",
            retryable=error.retryable if error else False,
        )
        self.status = status
        if error:
            self.error_class = error.error_class

    def __reduce__(self) -> tuple[type[JobFailed], tuple[JobStatus]]:
        # As it is made, for those who send errors between processes.
        return type(self), (self.status,)


class JobCancelled(JobFailed):
    """A job was cancelled."""

    error_class = ErrorClass.CANCELLED


_KINDS: dict[ErrorClass, type[TamisError]] = {
    kind.error_class: kind
    for kind in (
        SpecError,
        InputError,
        NotFoundError,
        ConflictError,
        PermissionDeniedError,
        StorageError,
        ResourceError,
        UnavailableError,
        LeaseLostError,
        CancelledError,
        InternalError,
    )
}

# For statuses without details. Broken connections show as any of several codes: whatever is not named is unavailable.
_CLASSES: dict[grpc.StatusCode, ErrorClass] = {
    grpc.StatusCode.INVALID_ARGUMENT: ErrorClass.SPEC,
    grpc.StatusCode.NOT_FOUND: ErrorClass.NOT_FOUND,
    grpc.StatusCode.PERMISSION_DENIED: ErrorClass.PERMISSION,
    grpc.StatusCode.UNAUTHENTICATED: ErrorClass.PERMISSION,
    grpc.StatusCode.RESOURCE_EXHAUSTED: ErrorClass.RESOURCE,
    grpc.StatusCode.OUT_OF_RANGE: ErrorClass.RESOURCE,
    grpc.StatusCode.UNIMPLEMENTED: ErrorClass.CONFLICT,
    grpc.StatusCode.FAILED_PRECONDITION: ErrorClass.CONFLICT,
}


def error_of(error: grpc.RpcError, url: str) -> TamisError:
    """The error behind a call to the coordinator at `url` that failed."""
    call = error if isinstance(error, grpc.Call) else None
    code = call.code() if call else grpc.StatusCode.UNKNOWN
    detail = _detail_of(call)
    if detail is not None:
        kind = _KINDS[detail.error_class]
        return kind(detail.message, hint=detail.hint, retryable=detail.retryable, code=code)
    said = (call.details() if call else str(error)) or code.name
    if code is grpc.StatusCode.UNAVAILABLE:
        hint = "start one with `tamis coordinator`, or name another in Client(url) or TAMIS_COORDINATOR"
        return NoAnswerError(f"no coordinator answers at `{url}`", hint=hint, code=code)
    if code is grpc.StatusCode.DEADLINE_EXCEEDED:
        hint = "give the client more time, as in Client(timeout=600), or look at the coordinator's log"
        return UnavailableError(f"the coordinator at `{url}` did not answer in time", hint=hint, code=code)
    if code is grpc.StatusCode.UNIMPLEMENTED:
        hint = "it is of another version than this client"
        return ConflictError(f"the coordinator at `{url}` does not know this call", hint=hint, code=code)
    kind = _KINDS[_CLASSES.get(code, ErrorClass.UNAVAILABLE)]
    return kind(f"the call failed: {said}", code=code)


def _detail_of(call: grpc.Call | None) -> ErrorDetail | None:
    """What a coordinator says of an error; `None` where a transport or a proxy ended the call."""
    for key, value in (call.trailing_metadata() if call else None) or ():
        if key != _DETAILS or not isinstance(value, bytes):
            continue
        try:
            detail = record(ErrorDetail, types_pb2.ErrorDetail.FromString(value))
        except DecodeError:
            continue
        if detail.error_class is not ErrorClass.UNSPECIFIED:
            return detail
    return None
