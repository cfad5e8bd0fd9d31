"""What the checks have in common: where things are, what `tamis` takes, and a list of what is wrong."""

import functools
import os
import pathlib
import re
import subprocess
import sys

DEPLOY = pathlib.Path(__file__).resolve().parent.parent
ROOT = DEPLOY.parent
OPERATIONS = ROOT / "docs" / "operations.md"
BINARY = os.environ.get("TAMIS_TEST_BINARY", str(ROOT / "target" / "release" / "tamis"))

_found = []


def check(holds, wrong):
    """Notes `wrong` unless it holds."""
    if not holds:
        _found.append(wrong)


def end(checked):
    """Prints what is wrong, and ends."""
    for wrong in _found:
        print(f"error: {wrong}", file=sys.stderr)
    if _found:
        sys.exit(1)
    print(f"ok: {checked}")


@functools.cache
def help_of(command):
    """What `tamis COMMAND --help` prints."""
    call = [BINARY, *command.split(), "--help"]
    return subprocess.run(call, check=True, capture_output=True, text=True, timeout=30).stdout


# Not flags: they have no line in --help.
VARIABLES = {"TAMIS_LOG", "TAMIS_TOKEN"}


def check_call(where, arguments, environment):
    """Checks that a call of tamis names a command, flags and variables that there are."""
    command = arguments[0]
    text = help_of(command)
    for argument in arguments[1:]:
        flag = argument.split("=")[0]
        if flag.startswith("--"):
            check(re.search(rf"^\s+{flag}\b", text, re.M), f"{where}: `tamis {command}` has no flag {flag}")
    words = " ".join(text.split())
    for name in environment:
        known = name in VARIABLES or f"[env: {name}=" in words
        check(not name.startswith("TAMIS_") or known, f"{where}: `tamis {command}` knows no variable {name}")


def seconds(text):
    """`90s` or `1m30s` in seconds."""
    units = {"h": 3600, "m": 60, "s": 1}
    return sum(int(count) * units[unit] for count, unit in re.findall(r"(\d+)([hms])", text))
