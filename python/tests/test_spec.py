"""Job specs: what is sent is what the command would send."""

from __future__ import annotations

import json
import os
from collections import UserDict
from pathlib import Path
from typing import Any

import grpc
import pytest
from cluster import EXAMPLE, Cluster, tamis
from fake import serving

from tamis_client import Client, NotFoundError, SpecError
from tamis_client.spec import FILE_SETTINGS, spec_json
from tamis_client.v1 import jobs_pb2

# Every place of a spec that holds a path. Nothing but the folder is there.
FULL = """
name = "paths"
[tokenizer]
path = "../tokenizer.json"
[[source]]
name = "a"
inputs = ["data/*.jsonl", "./x", "/abs/../d", "s3://bucket/a/../b", "file:///x/y"]
[[source]]
name = "b"
inputs = ["../../../../../../../../../e"]
[filter.lexicon]
files = ["terms.txt"]
terms = ["a/b"]
[filter.urls]
domains = ["domains.txt"]
urls = ["urls.txt"]
[filter.language_id]
model = "lid.ftz"
[filter.bad_words]
files = ["bad.txt", "./worse.txt"]
[filter.decontaminate]
files = ["b1.jsonl"]
[[filter.classifier]]
model = "one.bin"
[[filter.classifier]]
model = "two.bin"
[report]
lexicon = ["lexicon.txt"]
[output]
uri = "out/"
"""


def sent(spec: Any, base: Any = None) -> Any:
    return json.loads(spec_json(spec, base))


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("data/x.jsonl", "/jobs/a/data/x.jsonl"),
        ("./x", "/jobs/a/x"),
        ("../b/./c/", "/jobs/b/c"),
        ("/abs/../d", "/d"),
        ("../../../../e", "/e"),
        ("s3://bucket/a/../b", "s3://bucket/a/../b"),
        ("file:///x/y", "file:///x/y"),
        ("", ""),
    ],
)
def test_relative_paths_are_taken_from_the_base_and_normalised(path: str, expected: str) -> None:
    assert sent({"output": {"uri": path}}, "/jobs/a") == {"output": {"uri": expected}}


def test_paths_are_those_that_the_command_sends(tmp_path: Path) -> None:
    # The folder is taken literally, whatever its letters mean in patterns.
    folder = tmp_path / "specs [1] {x} 语料"
    folder.mkdir()
    file = folder / "job.toml"
    file.write_text(FULL, "utf-8")
    specs: list[Any] = []

    def submit(request: jobs_pb2.SubmitRequest, _: grpc.ServicerContext) -> jobs_pb2.SubmitResponse:
        specs.append(json.loads(request.spec_json))
        return jobs_pb2.SubmitResponse(job_id="j")

    with serving(JobService_Submit=submit) as url, Client(url) as client:
        tamis("submit", file, url=url)
        client.submit(file)
    by_command, by_client = specs
    assert by_client["source"][0]["inputs"][0].endswith("/specs [[]1[]] [{]x[}] 语料/data/*.jsonl")
    assert paths_of(by_client) == paths_of(by_command)
    assert len(paths_of(by_client)) == 19


def paths_of(tree: Any, key: str = "") -> list[tuple[str, str]]:
    """All texts that look like paths, with their keys."""
    if isinstance(tree, dict):
        return sorted(path for name, item in tree.items() for path in paths_of(item, f"{key}.{name}"))
    if isinstance(tree, list):
        return sorted(path for item in tree for path in paths_of(item, key))
    return [(key, tree)] if isinstance(tree, str) and "/" in tree else []


def test_the_settings_that_name_files_are_those_of_the_command() -> None:
    families = [json.loads(line) for line in tamis("filters", "--json").splitlines()]
    known = {
        (family["section"], family["name"]): tuple(
            option["name"] for option in family["options"] if option["holds"] in ("file", "file, required", "[files]")
        )
        for family in families
        if "options" in family
    }
    assert {family: names for family, names in known.items() if names} == FILE_SETTINGS


def test_a_file_a_text_and_a_dict_are_one_spec(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    toml = tmp_path / "job.toml"
    toml.write_text("\ufeff" + FULL, "utf-8")
    expected = sent(toml)
    assert expected["tokenizer"]["path"] == str(tmp_path.parent / "tokenizer.json")
    assert list(expected["filter"]) == ["lexicon", "urls", "language_id", "bad_words", "decontaminate", "classifier"]
    monkeypatch.chdir(tmp_path)
    assert sent("job.toml") == sent(os.fspath(toml)) == sent(FULL) == expected
    plain = json.loads(spec_json(FULL, "/"))
    (tmp_path / "job.json").write_text(json.dumps(plain))
    assert sent("job.json") == sent(json.dumps(plain)) == sent(plain) == sent(UserDict(plain)) == plain
    (tmp_path / "job").write_text(json.dumps(plain))
    assert sent("job") == plain, "told by its first character"


def test_a_dict_may_hold_paths_and_is_not_changed(tmp_path: Path) -> None:
    spec = {"source": [{"inputs": [Path("data"), tmp_path]}], "output": {"uri": Path("out")}}
    assert sent(spec, "/jobs") == {"source": [{"inputs": ["/jobs/data", str(tmp_path)]}], "output": {"uri": "/jobs/out"}}
    assert spec["output"] == {"uri": Path("out")}


def test_what_is_not_where_a_spec_has_it_is_left_to_the_coordinator() -> None:
    odd: dict[str, Any] = {"source": {"inputs": "data"}, "filter": ["x"], "output": None, "tokenizer": {"path": 1}, "x": [[]]}
    assert sent(odd, "/j") == {**odd, "source": {"inputs": "/j/data"}}


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("name = \n[", "is no TOML"),
        ('{"name": }', "is no JSON"),
        ('{"name": "a", "name": "b"}', "`name` is set twice"),
        ({"dedup": {"threshold": float("nan")}}, "holds what no job spec can hold"),
        ({"name": object()}, "a value of type object"),
        ("name = 2026-01-01\n", "a value of type date"),
    ],
)
def test_what_no_spec_can_be_is_refused(spec: Any, said: str) -> None:
    with pytest.raises(SpecError, match=said):
        spec_json(spec)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=r"cannot read the job spec `.*none\.toml`: there is no such file"):
        spec_json(tmp_path / "none.toml")
    (tmp_path / "list.json").write_text("[]")
    with pytest.raises(SpecError, match="must hold an object"):
        spec_json(tmp_path / "list.json")


def test_all_problems_of_a_spec_are_told_at_once(client: Client) -> None:
    with pytest.raises(SpecError) as refused:
        client.submit({"name": "a b", "nmae": 1, "output": {"uri": "/out", "level": 99}})
    assert refused.value.message.startswith("4 problems"), refused.value.message
    for problem in ("`nmae`", "`name`", "`source`", "`output.level`"):
        assert problem in refused.value.message


def test_client_and_command_write_the_same_bytes(client: Client, cluster: Cluster) -> None:
    spec = EXAMPLE.joinpath("job.toml").read_text("utf-8")
    manifests = []
    for who in ("command", "client"):
        text = spec.replace('uri = "out"', f'uri = "{cluster.folder / who}"')
        if who == "client":
            client.submit(text, base=EXAMPLE).wait()
        else:
            absolute = text.replace('"data/', f'"{EXAMPLE}/data/').replace('"tokenizer', f'"{EXAMPLE}/tokenizer')
            (cluster.folder / "by-command.toml").write_text(absolute, "utf-8")
            tamis("submit", "--wait", cluster.folder / "by-command.toml", url=cluster.url)
        manifests.append((cluster.folder / who / "manifest.json").read_bytes())
    assert manifests[0] == manifests[1]
