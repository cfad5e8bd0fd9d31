"""Packages that are not always needed: each belongs to an extra of `tamis-client`."""

from __future__ import annotations

import importlib
from types import ModuleType


def need(module: str, extra: str, what: str) -> ModuleType:
    """Imports `module`. Raises `ImportError` that says how to get it; `what` is what needs it."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        package = module.partition(".")[0]
        raise ImportError(f"{what} needs `{package}`: pip install 'tamis-client[{extra}]'", name=package) from error
