"""Each error gives the user one line that names the problem and says what to do, without a traceback."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from elasticsearch import Elasticsearch
from elasticsearch.helpers import scan

from contract.documents.fields import stream_name
from oversight.demo.ports import free_port
from tests.acceptance.commands import Terminal

GOOD = (
    "0,tcp,http,SF,181,5450,0,0,0,0,0,1,0,0,0,0,0,0,0,0,0,0,8,8,0.00,0.00,0.00,0.00,1.00,0.00,0.00,"
    "9,9,1.00,0.00,0.11,0.00,0.00,0.00,0.00,0.00"
)


def _one_line(done: Any, code: int, *words: str) -> None:
    lines = done.stderr.strip().splitlines()
    assert done.returncode == code, done.stdout + done.stderr
    assert len(lines) == 1, done.stderr
    assert "Traceback" not in done.stderr
    assert [word for word in words if word not in lines[0]] == [], lines[0]


@pytest.fixture
def nowhere(tmp_path: Path) -> Terminal:
    """A terminal whose cluster is unreachable."""
    return Terminal(tmp_path, {"ELASTICSEARCH_URL": f"http://127.0.0.1:{free_port()}"})


@pytest.mark.parametrize("words", [("provision",), ("status",)], ids=lambda words: words[0])
def test_an_unreachable_cluster_is_named(nowhere: Terminal, words: tuple[str, ...]) -> None:
    _one_line(nowhere.type(*words), 1, "cannot reach Elasticsearch at", "ELASTICSEARCH_URL")


def test_a_missing_file_a_folder_and_an_unreachable_cluster_give_different_errors(
    nowhere: Terminal, tmp_path: Path
) -> None:
    (tmp_path / "events.csv").write_text(GOOD, encoding="utf-8")
    _one_line(nowhere.type("ship", "missing.csv"), 1, "missing.csv")
    _one_line(nowhere.type("ship", tmp_path), 1, str(tmp_path), "folder")
    _one_line(nowhere.type("ship", "events.csv"), 1, "cannot reach Elasticsearch")


@pytest.mark.parametrize(
    "words",
    [("ship",), ("nonsense",), ("watch", "--page-size", "many")],
    ids=["no file", "no such command", "a word for a number"],
)
def test_wrong_usage_exits_with_2(nowhere: Terminal, words: tuple[str, ...]) -> None:
    done = nowhere.type(*words)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_a_missing_or_foreign_artifact_is_named(nowhere: Terminal, tmp_path: Path) -> None:
    (tmp_path / "foreign.onnx").write_bytes(b"not a model")
    _one_line(
        nowhere.type("model", OVERSIGHT_MODEL=str(tmp_path / "missing.onnx")), 64, "missing.onnx", "OVERSIGHT_MODEL"
    )
    for words in (("model",), ("serve", "--bind", "127.0.0.1:0")):
        _one_line(nowhere.type(*words, OVERSIGHT_MODEL=str(tmp_path / "foreign.onnx")), 64, "foreign.onnx")


def test_shipping_before_provisioning_names_the_missing_command(terminal: Terminal, tmp_path: Path) -> None:
    (tmp_path / "events.csv").write_text(GOOD, encoding="utf-8")
    _one_line(terminal.type("ship", "events.csv"), 1, "oversight provision")


@pytest.mark.parametrize("engine_url", ["embedded"], indirect=True)
def test_a_file_without_a_usable_row_exits_with_1(terminal: Terminal, tmp_path: Path) -> None:
    from contract.kdd99.columns import COLUMNS

    assert terminal.type("provision").returncode == 0
    (tmp_path / "empty.csv").write_bytes(b"")
    (tmp_path / "header.csv").write_text(",".join(COLUMNS) + "\n", encoding="utf-8")
    (tmp_path / "blank.csv").write_text("\n \n", encoding="utf-8")
    (tmp_path / "prose.csv").write_text("Dear all,\nthe log is attached.\n", encoding="utf-8")
    done = terminal.type("ship", "empty.csv", "header.csv", "blank.csv", "prose.csv", "--json")
    report = json.loads(done.stdout)
    assert (report["stored"], report["refused"], report["headers"], report["blank"]) == (2, 0, 1, 2)
    assert all(file["note"] for file in report["files"] if "empty" in file["path"])
    assert done.returncode == 1
    lines = done.stderr.splitlines()
    assert [
        name for name, line in zip(("empty", "header", "blank", "prose"), lines, strict=True) if name not in line
    ] == []
    assert [line for line in lines[:3] if "has no events" not in line] == []
    assert "none of its lines can be predicted; the first one failed with column_count" in lines[3]


def test_every_bad_line_is_stored_with_its_reason(
    terminal: Terminal, es: Elasticsearch, namespace: str, tmp_path: Path
) -> None:
    """Bad lines are stored as failed; a good line among them is pending as usual."""
    assert terminal.type("provision").returncode == 0
    bad = {
        b"1,2,3": "column_count",
        GOOD.replace("181", "many").encode(): "not_a_number",
        b"x" * (1024 * 1024): "column_count",
        b"0,tcp,\xff\xfe": "column_count",
    }
    unseen = GOOD.replace("tcp", "sctp").encode()
    (tmp_path / "mixed.csv").write_bytes(b"\n".join([*bad, GOOD.encode(), unseen]) + b"\n")
    report = terminal.json("ship", "mixed.csv")
    assert (report["stored"], report["refused"]) == (len(bad) + 2, 0)

    es.indices.refresh(index=stream_name(namespace))
    documents = sorted(
        (hit["_source"] for hit in scan(es, index=stream_name(namespace))), key=lambda d: d["log"]["offset"]
    )
    assert [document["oversight"]["status"] for document in documents] == ["failed"] * len(bad) + ["pending"] * 2
    assert [document["error"]["type"] for document in documents[: len(bad)]] == list(bad.values())
    assert [len(document["event"]["original"]) for document in documents[:3]] == [len(line) for line in list(bad)[:3]]
    assert "\\xff\\xfe" in documents[3]["event"]["original"]
    status = terminal.json("status")
    assert {failure["type"]: failure["count"] for failure in status["failures"]}["column_count"] == 3
    assert json.dumps(status)
