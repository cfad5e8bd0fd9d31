"""Job specs: read from TOML, JSON or a `dict`, with their paths made absolute (`common/src/spec/paths.rs`).

The coordinator checks all else, and fills in what is not set.
"""

from __future__ import annotations

import json
import os
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from tamis_client.errors import NotFoundError, SpecError

SpecLike: TypeAlias = str | os.PathLike[str] | Mapping[str, Any]
_Tree: TypeAlias = dict[str, Any]

# The settings of cleaners and filters that name files: `tamis filters --json` says `file` or `[files]` of them.
FILE_SETTINGS: dict[tuple[str, str], tuple[str, ...]] = {
    ("filter", "bad_words"): ("files",),
    ("filter", "classifier"): ("model",),
    ("filter", "decontaminate"): ("files",),
    ("filter", "language_id"): ("model",),
    ("filter", "lexicon"): ("files",),
    ("filter", "urls"): ("domains", "urls"),
}


def spec_json(spec: SpecLike, base: str | os.PathLike[str] | None = None) -> str:
    """A spec as the coordinator takes it: JSON with absolute paths.

    A path-like object is a file, as is a string of one line that does not begin with `{`; any other string is the text of
    a spec. Relative paths are relative to `base`: by default the folder of the file, else the working directory.

    Raises `NotFoundError` for no such file and `SpecError` for what is neither TOML nor JSON.
    """
    if isinstance(spec, Mapping):
        name, tree = "the spec", dict(spec)
    elif isinstance(spec, str) and ("\n" in spec or spec.lstrip().startswith("{")):
        name, tree = "the spec", _parse(spec, "the spec")
    else:
        path = Path(os.path.abspath(spec))
        name, tree = str(path), _parse(_text_of(path), str(path))
        base = base if base is not None else path.parent
    # Plain lists and dicts, whatever kinds the caller has.
    tree = json.loads(_dumps(tree, name))
    absolutize(tree, os.path.abspath(base if base is not None else os.curdir))
    return _dumps(tree, name)


def absolutize(tree: _Tree, base: str) -> None:
    """Makes all paths absolute against the absolute folder `base`. What is not where a spec has it is left alone."""
    literal = re.sub(r"[?*\[\]{}]", r"[\g<0>]", base)
    for source in _tables(tree.get("source")):
        _change(source, "inputs", lambda path: _absolute(literal, path))
    plain: Callable[[str], str] = lambda path: _absolute(base, path)  # noqa: E731
    for section, key in (("output", "uri"), ("tokenizer", "path"), ("report", "lexicon")):
        for table in _tables(tree.get(section)):
            _change(table, key, plain)
    for (section, family), keys in FILE_SETTINGS.items():
        for table in _tables(tree.get(section)):
            for settings in _tables(table.get(family)):
                for key in keys:
                    _change(settings, key, plain)


def _absolute(base: str, path: str) -> str:
    # An empty path is a broken rule, which must not turn into the base.
    if not path or "://" in path:
        return path
    parts: list[str] = []
    for part in (path if path.startswith("/") else f"{base}/{path}").split("/"):
        if part == "..":
            del parts[-1:]
        elif part not in ("", "."):
            parts.append(part)
    return "/" + "/".join(parts)


def _change(table: _Tree, key: str, change: Callable[[str], str]) -> None:
    value = table.get(key)
    if isinstance(value, str):
        table[key] = change(value)
    elif isinstance(value, list):
        table[key] = [change(item) if isinstance(item, str) else item for item in value]


def _tables(value: Any) -> Iterable[_Tree]:
    """A section, or those of a list of them."""
    return [table for table in (value if isinstance(value, list) else [value]) if isinstance(table, dict)]


def _text_of(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except FileNotFoundError as error:
        raise NotFoundError(f"cannot read the job spec `{path}`: there is no such file") from error
    except (OSError, UnicodeDecodeError) as error:
        raise SpecError(f"cannot read the job spec `{path}`: {error}") from error


def _parse(text: str, name: str) -> _Tree:
    """TOML or JSON, told by the extension of `name`, else by the first character."""
    text = text.removeprefix("\ufeff")
    is_json = name.lower().endswith(".json") or (not name.lower().endswith(".toml") and text.lstrip().startswith("{"))
    try:
        tree = json.loads(text, object_pairs_hook=_unique) if is_json else tomllib.loads(text)
    except (json.JSONDecodeError, tomllib.TOMLDecodeError) as error:
        raise SpecError(f"`{name}` is no {'JSON' if is_json else 'TOML'}: {error}") from error
    if not isinstance(tree, dict):
        raise SpecError(f"`{name}` must hold an object, as a job spec does")
    return tree


def _unique(pairs: list[tuple[str, Any]]) -> _Tree:
    tree: _Tree = {}
    for key, value in pairs:
        if key in tree:
            raise SpecError(f"`{key}` is set twice in the job spec")
        tree[key] = value
    return tree


def _dumps(tree: Any, name: str) -> str:
    try:
        return json.dumps(tree, ensure_ascii=False, allow_nan=False, default=_plain)
    except (TypeError, ValueError) as error:
        raise SpecError(f"`{name}` holds what no job spec can hold: {error}") from error


def _plain(value: Any) -> Any:
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"a value of type {type(value).__name__}: {value}")
