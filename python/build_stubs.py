"""Makes the gRPC stubs from the protocol when a wheel is built, and puts the protocol into the sdist.

`python build_stubs.py` makes them in the source tree, for type checkers and editors.
"""

import os
import re
import shutil
import sysconfig
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PACKAGE = "tamis/v1"
STUBS = "src/tamis_client/v1"
# Messages have no services, and `types.proto` is nothing but messages.
WITH_SERVICES = ("index", "jobs", "workers")


class Stubs(BuildHookInterface[Any]):
    """The build hook that `pyproject.toml` names."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Runs before files are gathered."""
        root = Path(self.root)
        protocol = protocol_of(root)
        if self.target_name == "sdist":
            build_data["force_include"][str(protocol / PACKAGE)] = f"proto/{PACKAGE}"
            for licence in (root / "LICENSE", root.parent / "LICENSE"):
                if licence.is_file():
                    build_data["force_include"][str(licence)] = "LICENSE"
                    break
            return
        generate(protocol, root / STUBS)
        build_data["artifacts"].append(f"{STUBS}/*_pb2*")


def protocol_of(root: Path) -> Path:
    """The folder of the protocol: beside this file in an sdist, beside its folder in the repository."""
    for folder in (root / "proto", root.parent / "proto"):
        if (folder / PACKAGE).is_dir():
            return folder
    raise SystemExit(f"error: no protocol stands in {root / 'proto'} or {root.parent / 'proto'}")


def generate(protocol: Path, stubs: Path) -> None:
    """Writes modules and their types for all files of the protocol."""
    import grpc_tools
    from grpc_tools import protoc

    for old in stubs.glob("*_pb2*"):
        old.unlink()
    made = stubs / "made"
    shutil.rmtree(made, ignore_errors=True)
    made.mkdir(parents=True)
    files = sorted(path.relative_to(protocol).as_posix() for path in (protocol / PACKAGE).glob("*.proto"))
    status = protoc.main(
        [
            "protoc",
            f"-I{protocol}",
            f"-I{Path(grpc_tools.__file__).parent / '_proto'}",
            f"--plugin=protoc-gen-mypy={tool('protoc-gen-mypy')}",
            f"--plugin=protoc-gen-mypy_grpc={tool('protoc-gen-mypy_grpc')}",
            f"--python_out={made}",
            f"--mypy_out=quiet:{made}",
            f"--grpc_python_out={made}",
            f"--mypy_grpc_out=quiet:{made}",
            *files,
        ]
    )
    if status != 0:
        raise SystemExit(f"error: protoc ended with {status}")
    for path in sorted((made / PACKAGE).iterdir()):
        stem, _, kind = path.name.partition("_pb2")
        if not kind.startswith("_grpc") or stem in WITH_SERVICES:
            (stubs / path.name).write_text(relocated(path.read_text("utf-8")), "utf-8")
    shutil.rmtree(made)


def relocated(code: str) -> str:
    """Generated code as a part of this package: `protoc` names modules by the folders of the protocol."""
    code = re.sub(r"^from tamis\.v1 import", "from tamis_client.v1 import", code, flags=re.MULTILINE)
    return re.sub(r"'tamis\.v1\.(\w+_pb2)'", r"'tamis_client.v1.\1'", code)


def tool(name: str) -> str:
    """A command of the environment that builds."""
    places = os.pathsep.join([os.environ.get("PATH", os.defpath), sysconfig.get_path("scripts")])
    found = shutil.which(name, path=places)
    if found is None:
        raise SystemExit(f"error: `{name}` is missing: mypy-protobuf must be installed where the wheel is built")
    return found


if __name__ == "__main__":
    HERE = Path(__file__).resolve().parent
    generate(protocol_of(HERE), HERE / STUBS)
