"""A coordinator that says what a test wants, for answers that a sound one does not give."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, NoReturn

import grpc
from google.protobuf.message_factory import GetMessageClass

from tamis_client.v1 import index_pb2, jobs_pb2, types_pb2, workers_pb2

_FILES = (index_pb2, jobs_pb2, workers_pb2)
_SERVICES = {name: service for file in _FILES for name, service in file.DESCRIPTOR.services_by_name.items()}


@contextmanager
def serving(**methods: Callable[[Any, grpc.ServicerContext], Any]) -> Iterator[str]:
    """Serves methods until the context is left, such as `JobService_Get=…`; the URL. A method is a function of request(s) and
    context; one that streams gives an iterator. All others are not implemented.
    """
    server = grpc.server(ThreadPoolExecutor(8))
    for name, method in methods.items():
        service, _, call = name.partition("_")
        about = _SERVICES[service].methods_by_name[call]
        make = {
            (False, False): grpc.unary_unary_rpc_method_handler,
            (False, True): grpc.unary_stream_rpc_method_handler,
            (True, True): grpc.stream_stream_rpc_method_handler,
        }[about.client_streaming, about.server_streaming]
        handler = make(method, GetMessageClass(about.input_type).FromString, GetMessageClass(about.output_type).SerializeToString)
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(_SERVICES[service].full_name, {call: handler}),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.stop(None).wait()


def refuse(
    context: grpc.ServicerContext, code: grpc.StatusCode, detail: types_pb2.ErrorDetail | None = None, said: str = "no"
) -> NoReturn:
    """Ends a call as a coordinator does (with a detail) or as a proxy does (without)."""
    if detail is not None:
        context.set_trailing_metadata((("grpc-status-details-bin", detail.SerializeToString()),))
    context.abort(code, said)


def detail_of(
    number: types_pb2.ErrorClass.ValueType, message: str, hint: str = "", retryable: bool = False
) -> types_pb2.ErrorDetail:
    """An error as a coordinator tells it: `class` is no name that Python lets be written."""
    detail = types_pb2.ErrorDetail(message=message, hint=hint, retryable=retryable)
    setattr(detail, "class", number)
    return detail
