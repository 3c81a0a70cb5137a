"""Files in all common formats: the dry run predicts what `ship` does, and the same row gets the same prediction."""

from __future__ import annotations

import gzip
import itertools
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from elasticsearch import Elasticsearch
from elasticsearch.helpers import scan

from common.settings.shared import DEFAULT_MODEL
from contract.documents.fields import stream_name
from contract.kdd99.columns import COLUMNS
from tests.acceptance.commands import Terminal
from tests.servers import enrich_service

pytestmark = pytest.mark.data
ROWS = 18
SHIFTED = ROWS // 6
"""Rows of one file that have a date in place of the label."""


def _rows(shared_data: Path) -> list[list[str]]:
    """Distinct labelled rows of several kinds."""
    with gzip.open(shared_data / "kdd99" / "corrected-dev.gz", "rt") as lines:
        distinct = dict.fromkeys(line.rstrip(".\n") for line in itertools.islice(lines, 5_000))
    return [line.split(",") for line in list(distinct)[:: max(1, len(distinct) // ROWS)][:ROWS]]


def _files(folder: Path, rows: list[list[str]]) -> Iterator[tuple[Path, int]]:
    """The same rows in each format, with the number of the file's events that the pipelines fail."""
    names = [*COLUMNS, "label"]

    def write(name: str, text: str | bytes, failing: int = 0) -> tuple[Path, int]:
        path = folder / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path, failing

    def table(header: list[str], lines: list[list[str]], delimiter: str = ",") -> str:
        return "".join(delimiter.join(line) + "\n" for line in [header, *lines])

    plain = table(names, rows)
    yield write("plain.csv", plain)
    yield write("headless.csv", plain.partition("\n")[2])
    yield write("backwards.csv", table(names[::-1], [row[::-1] for row in rows]))
    yield write(
        "quoted.csv",
        table([f' "{name.upper()}" ' for name in names[::-1]], [[f'"{v}"' for v in row[::-1]] for row in rows]),
    )
    further = [[str(at), f"a-{at}", *row[::-1], "x"] for at, row in enumerate(rows)]
    yield write("further.csv", table(["", "id", *names[::-1], "Flow ID"], further))
    commas = [[value.replace(".", ",") for value in row] for row in rows]
    yield write("semicolons.csv", table(names[::-1], [row[::-1] for row in commas], ";"))
    yield write("tabs.tsv", table(names, rows, "\t").partition("\n")[2])
    yield write("packed.csv.gz", gzip.compress(table(names[::-1], [row[::-1] for row in rows]).encode()))
    hard = [[*row, "21"] for row in rows]
    yield write("nsl-kdd.txt", table([], hard)[1:])
    yield write("nsl-kdd.csv", table([*names[:-1], "class", "difficulty_level"], hard))
    attributes = "".join(f"@attribute '{name}' real\n" for name in names[:-1][::-1])
    arff = f"% NSL-KDD\n@relation 'KDD'\n{attributes}@attribute 'class' {{normal}}\n@data\n"
    yield write("nsl-kdd.arff", arff + table([], [[*row[:-1][::-1], row[-1]] for row in rows])[1:])
    objects = [dict(zip(names, row, strict=True)) for row in rows]
    yield write("array.json", json.dumps(objects, indent=2))
    shifted = [row if at % 6 else [*row[:-1], "2024-05-01"] for at, row in enumerate(rows)]
    yield write("shifted.csv", table([], shifted)[1:], SHIFTED)
    yield write("blank.csv", "\n \n".join(plain.splitlines()) + "\n1,2,3\n", 1)


def _documents(es: Elasticsearch, stream: str) -> dict[str, list[dict[str, Any]]]:
    """Stored documents by file, in the order of the lines."""
    es.indices.refresh(index=stream)
    found = sorted((hit["_source"] for hit in scan(es, index=stream)), key=lambda one: one["log"]["offset"])
    files: dict[str, list[dict[str, Any]]] = {}
    for document in found:
        files.setdefault(Path(document["log"]["file"]["path"]).name, []).append(document)
    return files


def test_a_row_gets_the_same_prediction_in_each_format_and_the_dry_run_is_right(
    terminal: Terminal, es: Elasticsearch, namespace: str, shared_data: Path, tmp_path: Path
) -> None:
    """The dry run stores nothing. Its counts and reasons are those of `ship` afterwards."""
    rows, stream = _rows(shared_data), stream_name(namespace)
    files = dict(_files(tmp_path, rows))
    assert terminal.type("provision").returncode == 0
    answer = terminal.json("ship", "--dry-run", *files)
    assert answer["asked"] is True
    assert not es.indices.exists(index=stream) or int(es.count(index=stream)["count"]) == 0
    dry_run = {Path(one["path"]).name: one for one in answer["files"]}
    assert {path.name: one for path, one in files.items()} == {name: one["failing"] for name, one in dry_run.items()}

    report = terminal.json("ship", *files)
    assert report["refused"] == 0
    with enrich_service(DEFAULT_MODEL) as url:
        assert terminal.type("watch", "--once", OVERSIGHT_ENRICH_URL=url).returncode == 0
    documents = _documents(es, stream)
    for name, one in dry_run.items():
        stored = Counter(document["error"]["type"] for document in documents[name] if "error" in document)
        assert stored == {reason["type"]: reason["rows"] for reason in one["reasons"]}, name
        assert len(documents[name]) == one["rows"] == ROWS + (name == "blank.csv"), name

    good = _predictions(documents["plain.csv"])
    assert len(set(map(str, good))) > 10
    for name in sorted(dry_run.keys() - {"shifted.csv", "blank.csv"}):
        assert _predictions(documents[name]) == good, name
        assert [one["oversight"]["truth"]["label"] for one in documents[name]] == [row[-1] for row in rows], name
    assert {
        one["kdd99"]["difficulty"]
        for name in documents
        if "nsl-kdd." in name and "arff" not in name
        for one in documents[name]
    } == {21}
    assert [one["id"] for one in documents["further.csv"]] == [f"a-{at}" for at in range(ROWS)]
    assert documents["backwards.csv"][0]["event"]["original"] == ",".join(rows[0][::-1])
    assert documents["packed.csv.gz"][0]["observer"]["name"] == "packed"
    assert report["number_labels"] == SHIFTED
    assert terminal.json("ship", *files)["stored"] == 0


def _predictions(documents: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """The model's prediction for each event."""
    predictions = [document["oversight"]["prediction"] for document in documents]
    return [(one["label"], one["probability"], one.get("novelty")) for one in predictions]


@pytest.mark.parametrize("engine_url", ["embedded"], indirect=True)
def test_the_dry_run_shows_how_a_file_is_read(terminal: Terminal, shared_data: Path, tmp_path: Path) -> None:
    rows = _rows(shared_data)
    rows[3][-1], rows[5][-1] = "21", "anomaly"
    files = {path.name: path for path, _ in _files(tmp_path, rows)}
    (tmp_path / "prose.txt").write_text("Dear all,\nthe log is attached.\n", encoding="utf-8")
    (tmp_path / "link.csv").symlink_to(files["plain.csv"])
    assert terminal.type("provision").returncode == 0
    done = terminal.type("ship", "--dry-run", files["further.csv"], "prose.txt", "link.csv", "--json")
    further, prose, link = json.loads(done.stdout)["files"]
    assert done.returncode == 1
    assert "is a symbolic link" in link["problem"]
    assert done.stderr.count("\n") == 1
    assert (prose["format"], prose["usable"], prose["reasons"][0]["type"]) == ("text", 0, "column_count")
    header = further["header"]
    assert (header["line"], len(header["features"]), header["label"]) == (1, 41, "label")
    assert (header["beside"], header["without_name"], header["missing"]) == (["id", "Flow ID"], 1, [])
    assert header["sent_as_columns"] is True
    assert further["first_row"]["protocol_type"] == rows[0][1]
    assert further["first_row"]["src_bytes"] == float(rows[0][4])
    odd = {one["kind"]: (one["rows"], one["example"], one["first"]["line"]) for one in further["odd_labels"]}
    assert odd == {"label is a number or a date": (1, "21", 5), "unknown label": (1, "anomaly", 7)}
    assert (further["rows"], further["failing"], further["usable"]) == (ROWS, 1, ROWS - 1)

    shown = terminal.type("ship", "--dry-run", files["semicolons.csv"], "--limit", "7")
    assert shown.returncode == 0
    for words in (
        "CSV, semicolon between columns (detected)",
        "line 1: 42 columns, in another order, sent as csv.columns",
        "7: 6 would be predicted, 1 would fail; the rows after --limit were not read",
        "1 label_not_a_word; line 5:",
        "nothing was stored",
    ):
        assert words in shown.stdout
    shown = terminal.type("ship", "--dry-run", files["further.csv"])
    assert "45 columns, with further ones, sent as csv.columns" in shown.stdout


def test_without_a_cluster_the_dry_run_reports_it_and_uses_only_the_file(shared_data: Path, tmp_path: Path) -> None:
    """It still counts columns and labels."""
    rows = _rows(shared_data)
    files = dict(_files(tmp_path, rows))
    nowhere = Terminal(tmp_path, {"ELASTICSEARCH_URL": "http://127.0.0.1:9"})
    answer = nowhere.json("ship", "--dry-run", *files)
    assert answer["asked"] is False
    assert "cannot reach Elasticsearch" in answer["why_not_asked"]
    dry_run = {Path(one["path"]).name: one for one in answer["files"]}
    assert {path.name: one for path, one in files.items()} == {name: one["failing"] for name, one in dry_run.items()}
    assert dry_run["backwards.csv"]["first_row"] == dict(zip(COLUMNS, rows[0], strict=False))
    assert dry_run["array.json"]["format"] == "JSON array"
    assert "no value was checked" in nowhere.type("ship", "--dry-run", next(iter(files))).stdout
    assert nowhere.type("ship", "--dry-run", "-").returncode == 2
    assert nowhere.type("ship", "--limit", "5", next(iter(files))).returncode == 2
