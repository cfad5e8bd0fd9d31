"""What is installed: the wheel, with its stubs and types."""

from __future__ import annotations

import importlib.metadata
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from cluster import REPOSITORY

import tamis_client
from tamis_client import extras

PACKAGE = Path(tamis_client.__file__).parent


def test_the_tests_run_against_the_installed_wheel() -> None:
    assert "site-packages" in PACKAGE.parts, "install the wheel, as `check` does"
    assert (PACKAGE / "py.typed").is_file()
    for name in ("types_pb2", "jobs_pb2", "index_pb2", "workers_pb2", "jobs_pb2_grpc", "index_pb2_grpc", "workers_pb2_grpc"):
        assert (PACKAGE / "v1" / f"{name}.py").is_file()
        assert (PACKAGE / "v1" / f"{name}.pyi").is_file()


def test_it_has_the_version_of_tamis() -> None:
    workspace = tomllib.loads((REPOSITORY / "Cargo.toml").read_text("utf-8"))
    assert importlib.metadata.version("tamis-client") == workspace["workspace"]["package"]["version"]


def test_without_extras_it_needs_grpcio_and_protobuf_only() -> None:
    needed = [line for line in importlib.metadata.requires("tamis-client") or () if "extra ==" not in line]
    assert sorted(re.split(r"[<>=]", line)[0] for line in needed) == ["grpcio", "protobuf"]
    code = (
        "import sys; import tamis_client; from tamis_client import Client; Client('http://127.0.0.1:9').close();"
        "print([name for name in ('numpy', 'pandas', 'pyarrow', 'datasets', 'tqdm') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "[]\n"


def test_a_missing_extra_says_how_to_get_it() -> None:
    with pytest.raises(ImportError, match=r"progress=True needs `no_such_package`: pip install 'tamis-client\[notebook\]'"):
        extras.need("no_such_package.auto", "notebook", "progress=True")


def test_all_names_are_there() -> None:
    assert len(set(tamis_client.__all__)) == len(tamis_client.__all__)
    assert all(hasattr(tamis_client, name) for name in tamis_client.__all__)
