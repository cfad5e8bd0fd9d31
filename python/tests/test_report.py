"""The report as an object, as text, and in a notebook."""

from __future__ import annotations

import copy
import json
import pickle
from html.parser import HTMLParser
from pathlib import Path

import pytest
from cluster import Cluster

from tamis_client import Client, Job, Report

SMALL = {
    "name": "a",
    "readiness": {
        "ready": True,
        "sentence": "Ready to train: it is.",
        "gates": [
            {"id": "tokens", "state": "pass", "sentence": "word " * 40 + "end"},
            {"id": "odd", "state": "of a newer version", "sentence": "x\x1b[2Jy\u202e"},
        ],
        "advice": ["Do more."],
    },
    "uneven": [],
}


def test_its_figures_are_attributes(published: Job, cluster: Cluster) -> None:
    report = published.report()
    plain = json.loads((cluster.folder / "example" / "report.json").read_bytes())
    assert report.to_dict() == plain
    assert report.tokens.total == plain["tokens"]["total"]
    assert report.funnel[-1].docs == plain["funnel"][-1]["docs"]
    assert report["sources"][0]["drops"]["parse/malformed_json"] == 1
    assert (report.ready, report.verdict) == (False, plain["readiness"]["sentence"])
    assert report.gates["tokens"].state == "fail"
    assert report.gates["tokens"].target == 1e9
    assert "tokens" in dir(report)
    with pytest.raises(AttributeError, match=r"there is no `token` here, only: .*tokens"):
        _ = report.token


def test_it_prints_as_the_verdict_with_its_gates(published: Job) -> None:
    text = repr(published.report())
    assert text.splitlines()[0] == "report of finance-zh"
    assert "\nFAIL    the set has 351,143 tokens" in text
    assert "\npass    none of 2,592 texts is in the output twice\n" in text
    assert "\nadvice: With" in text
    assert text.endswith("\nNot ready to train: the set has 351,143 tokens, 0.04 % of the 1,000,000,000 that\nare wanted.")
    assert max(map(len, text.splitlines())) <= 80


def test_what_it_prints_moves_no_cursor() -> None:
    text = repr(Report(json.dumps(SMALL), lambda: None))
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "of a newer version" in text
    assert text.endswith("Ready to train: it is.")


def test_it_is_copied_and_pickled() -> None:
    figures = Report(json.dumps(SMALL), lambda: None).readiness
    assert copy.deepcopy(figures).to_dict() == pickle.loads(pickle.dumps(figures)).to_dict() == SMALL["readiness"]


class Elements(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def test_a_notebook_shows_the_page_in_a_frame_that_runs_nothing(published: Job, cluster: Cluster) -> None:
    page = (cluster.folder / "example" / "report.html").read_text("utf-8")
    ((tag, attributes),) = Elements(published.report()._repr_html_()).found
    assert tag == "iframe"
    assert attributes["sandbox"] == ""
    assert attributes["srcdoc"] == page
    assert not {name for name in attributes if name.startswith("on") or name == "src"}


@pytest.mark.parametrize(
    "page", ['"><script>alert(1)</script>', "</iframe><img src=x onerror=alert(1)>", "'\" onload='x' &quot;"]
)
def test_no_page_breaks_out_of_its_frame(page: str) -> None:
    ((tag, attributes),) = Elements(Report(json.dumps(SMALL), lambda: page)._repr_html_()).found
    assert (tag, attributes["srcdoc"], attributes["sandbox"]) == ("iframe", page, "")
    hostile = {**SMALL, "name": '"><script>alert(1)</script>'}
    assert len(Elements(Report(json.dumps(hostile), lambda: page)._repr_html_()).found) == 1
    ((tag, _),) = Elements(Report(json.dumps(hostile), lambda: None)._repr_html_()).found
    assert tag == "pre", "without a page it is the text"


def test_a_report_without_its_page_shows_its_text(client: Client, published: Job, cluster: Cluster) -> None:
    report = client.job(published.id).report()
    page = cluster.folder / "example" / "report.html"
    away = Path(f"{page}.away")
    page.rename(away)
    try:
        assert report._repr_html_().startswith("<pre>report of finance-zh")
    finally:
        away.rename(page)
