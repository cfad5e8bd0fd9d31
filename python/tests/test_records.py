"""Records have all that the protocol says, and nothing else."""

from __future__ import annotations

import dataclasses
import typing
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import pytest

from tamis_client import records
from tamis_client.records import ErrorDetail, JobFigures, JobState, JobStatus, Phase, record
from tamis_client.v1 import index_pb2, jobs_pb2, types_pb2, workers_pb2

MODULES = (types_pb2, jobs_pb2, workers_pb2, index_pb2)
# Where a record's name is not that of its message.
MESSAGES = {"Document": "ReadDocumentResponse"}


def kinds(base: type) -> list[Any]:
    return [
        kind
        for kind in vars(records).values()
        if isinstance(kind, type)
        and kind.__module__ == records.__name__
        and (dataclasses.is_dataclass(kind) if base is object else issubclass(kind, base))
    ]


def find(where: str, name: str) -> Any:
    return next(getattr(module.DESCRIPTOR, where)[name] for module in MODULES if name in getattr(module.DESCRIPTOR, where))


@pytest.mark.parametrize("kind", kinds(object), ids=lambda kind: kind.__name__)
def test_a_record_has_the_fields_of_its_message_with_their_kinds(kind: Any) -> None:
    message = find("message_types_by_name", MESSAGES.get(kind.__name__, kind.__name__))
    hints = typing.get_type_hints(kind)
    names = {"class" if name == "error_class" else name: name for name in hints}
    assert set(names) == set(message.fields_by_name)
    for name, field in message.fields_by_name.items():
        hint = hints[names[name]]
        is_optional = type(None) in typing.get_args(hint)
        assert is_optional == (field.has_presence and not field.is_repeated), name
        assert (typing.get_origin(hint) is tuple) == field.is_repeated, name


@pytest.mark.parametrize("kind", kinds(StrEnum), ids=lambda kind: kind.__name__)
def test_an_enum_has_the_values_of_its_message(kind: Any) -> None:
    enum = find("enum_types_by_name", kind.__name__)
    prefix = enum.values[0].name.removesuffix("UNSPECIFIED")
    assert [item.value for item in kind] == [value.name.removeprefix(prefix).lower() for value in enum.values]


def test_a_message_becomes_a_record_with_none_for_what_is_not_set() -> None:
    message = types_pb2.JobStatus(
        job_id="j",
        state=types_pb2.JOB_STATE_SCANNING,
        submitted_at_ms=1_500,
        phases=[types_pb2.PhaseProgress(phase=types_pb2.PHASE_SCAN, bytes_total=7)],
    )
    status = record(JobStatus, message)
    assert (status.state, status.error, status.ended, status.started_at) == (JobState.SCANNING, None, False, None)
    assert status.submitted_at == datetime(1970, 1, 1, 0, 0, 1, 500_000, UTC)
    assert status.running_phase is not None
    assert (status.running_phase.phase, status.running_phase.bytes_total) == (Phase.SCAN, 7)
    figures = record(JobFigures, jobs_pb2.JobFigures(funnel=[jobs_pb2.FunnelStage(stage="read", bytes=3)]))
    assert (figures.funnel[0].bytes, figures.funnel[0].chars, figures.sources) == (3, None, ())


def test_a_value_of_a_newer_coordinator_is_unspecified() -> None:
    # As it comes from the wire: an enum of this version could not be set to it.
    status = types_pb2.JobStatus.FromString(b"\x18\x63")
    assert record(JobStatus, status).state is JobState.UNSPECIFIED
    detail = types_pb2.ErrorDetail.FromString(b"\x08\x63")
    assert record(ErrorDetail, detail).error_class == "unspecified"
