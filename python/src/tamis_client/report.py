"""The readiness report of a published job."""

from __future__ import annotations

import html
import json
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from textwrap import fill
from typing import Any

_STATES = {"pass": "pass", "fail": "FAIL", "unknown": "?", "shown": "-"}
_WIDTH = 80
_STATE_WIDTH = 8


class Figures(Mapping[str, Any]):
    """An object of JSON, whose keys are attributes, too: `figures.tokens.total` is `figures["tokens"]["total"]`."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values

    def __getitem__(self, key: str) -> Any:
        return _readable(self._values[key])

    def __getattr__(self, name: str) -> Any:
        # Not for what Python asks of every object, such as `__deepcopy__` before there are values.
        if name.startswith("__") or name == "_values":
            raise AttributeError(name)
        try:
            return self[name]
        except KeyError:
            known = ", ".join(self._values)
            raise AttributeError(f"there is no `{name}` here, only: {known}") from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self._values]

    def __repr__(self) -> str:
        return json.dumps(self._values, ensure_ascii=False, indent=2)

    def to_dict(self) -> dict[str, Any]:
        """The plain object."""
        return dict(self._values)


class Report(Figures):
    """`report.json`, key by key (`docs/report.md` has each figure). It prints as the verdict with its gates.

    In a notebook it shows the page of the report, `report.html`, in a frame that runs no script and asks for nothing.
    """

    def __init__(self, report_json: str, page: Callable[[], str | None]) -> None:
        super().__init__(json.loads(report_json))
        self._page = page

    @property
    def ready(self) -> bool:
        """Whether training may start."""
        return bool(self.readiness.ready)

    @property
    def verdict(self) -> str:
        """The verdict in one sentence."""
        return str(self.readiness.sentence)

    @property
    def gates(self) -> dict[str, Figures]:
        """The gates by their ids: state, figure, target, and where the target comes from."""
        return {gate.id: gate for gate in self.readiness.gates}

    def __repr__(self) -> str:
        lines = [f"report of {_plain(self.name)}", "", f"{'gate':<{_STATE_WIDTH}}what was found"]
        lines += [
            _wrapped(f"{_STATES.get(gate.state, gate.state):<{_STATE_WIDTH}}", gate.sentence) for gate in self.readiness.gates
        ]
        if self.readiness.advice:
            lines += ["", *(_wrapped("advice: ", advice) for advice in self.readiness.advice)]
        return "\n".join([*lines, "", _wrapped("", self.verdict)])

    def _repr_html_(self) -> str:
        page = self._page()
        if page is None:
            return f"<pre>{html.escape(repr(self))}</pre>"
        # An empty `sandbox` takes scripts, forms, plugins and the notebook's origin away from what is in the frame.
        return (
            f'<iframe sandbox="" srcdoc="{html.escape(page)}" title="report of {html.escape(str(self.name))}" '
            'style="width: 100%; height: 80vh; border: 0"></iframe>'
        )


def _readable(value: Any) -> Any:
    if isinstance(value, dict):
        return Figures(value)
    if isinstance(value, list):
        return tuple(_readable(item) for item in value)
    return value


def _wrapped(first: str, text: str) -> str:
    return fill(
        _plain(text),
        _WIDTH,
        initial_indent=first,
        subsequent_indent=" " * len(first),
        break_long_words=False,
        break_on_hyphens=False,
    )


def _plain(text: str) -> str:
    """Text without what could move a terminal's cursor or turn its lines."""
    return "".join("\ufffd" if unicodedata.category(c) in ("Cc", "Cf") else c for c in text)
