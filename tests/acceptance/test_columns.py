"""The same records give the same predictions in each order, naming and separation of a file's columns."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from elasticsearch import Elasticsearch
from elasticsearch.helpers import scan

from common.settings.shared import DEFAULT_MODEL
from contract.documents.fields import stream_name
from contract.kdd99.columns import COLUMNS
from tests.acceptance.commands import Terminal
from tests.pipelines import creations
from tests.servers import enrich_service

pytestmark = pytest.mark.data
ROWS = 40
REVERSED = (*reversed(COLUMNS), "label")
WORDS = ("protocol_type", "service", "flag")


@pytest.fixture(scope="module")
def records(shared_data: Path) -> list[dict[str, str]]:
    """Labelled records of the KDD Cup 99 test set, spread over the file."""
    with gzip.open(shared_data / "kdd99" / "corrected-dev.gz", "rt") as file:
        lines = islice(file, 0, None, 3_000)
        return [
            dict(zip((*COLUMNS, "label"), line.strip().rstrip(".").split(","), strict=True))
            for line in islice(lines, ROWS)
        ]


@pytest.fixture(scope="module")
def service() -> Iterator[str]:
    """Address of a service with the shipped model."""
    with enrich_service(DEFAULT_MODEL) as url:
        yield url


def files(records: list[dict[str, str]]) -> dict[str, list[str]]:
    """Lines of the records in each form of a file; the first is the original KDD Cup 99 form."""
    kdd = [",".join(record.values()) for record in records]
    names = ("", "id", *(name.upper() for name in REVERSED), "note")
    turned = [
        ";".join([str(at), f"c-{at}", *(record[name].replace(".", ",") for name in REVERSED), '"a; b"'])
        for at, record in enumerate(records)
    ]
    nominal = {name: f"{{{','.join(sorted({repr(record[name]) for record in records}))}}}" for name in WORDS}
    attributes = [f"@attribute '{name}' {nominal.get(name, 'real')}" for name in COLUMNS]
    return {
        "kdd.csv": kdd,
        "turned.csv": [";".join(names), *turned],
        "KDDTrain+.txt": [f"{row},{at % 22}" for at, row in enumerate(kdd)],
        "KDDTrain+.arff": [
            "@relation 'KDDTrain'",
            *attributes,
            "@attribute 'class' {'normal', 'anomaly'}",
            "@data",
            *kdd,
        ],
        "docker.log": [
            json.dumps({"log": f"{row}\n", "stream": "stdout", "time": "2024-05-01T08:00:03.120456789Z"}) for row in kdd
        ],
    }


def test_every_form_of_a_file_gives_the_same_predictions(
    terminal: Terminal, es: Elasticsearch, namespace: str, records: list[dict[str, str]], service: str
) -> None:
    """`oversight ship` reads the header. Another shipper sends `csv.columns` as a static field."""
    mine = Terminal(terminal.folder, {**terminal.settings, "OVERSIGHT_ENRICH_URL": service})
    assert mine.type("provision").returncode == 0
    stream, forms = stream_name(namespace), files(records)
    for name, lines in forms.items():
        (terminal.folder / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
        assert mine.json("ship", name)["stored"] == ROWS, name
    header, *turned = forms["turned.csv"]
    static = {"csv": {"columns": header.split(";"), "delimiter": ";"}, "user": {"id": "static"}}
    documents = [{"message": line, **static, "log": {"offset": at}} for at, line in enumerate([header, *turned])]
    assert not es.bulk(index=stream, operations=creations(documents), refresh=True)["errors"]
    assert mine.type("watch", "--once").returncode == 0
    es.indices.refresh(index=stream)
    found = by_user(es, stream)
    assert {name: len(sources) for name, sources in found.items()} == dict.fromkeys(
        ["kdd", "turned", "KDDTrain+", "docker", "static"], ROWS
    ) | {"KDDTrain+": 2 * ROWS}
    expected = [verdict(source) for source in found["kdd"]]
    assert len({label for label, _, _ in expected}) > 2
    for name, sources in found.items():
        for at in range(0, len(sources), ROWS):
            assert [verdict(source) for source in sources[at : at + ROWS]] == expected, name
    assert [source["kdd99"]["difficulty"] for source in found["KDDTrain+"] if "difficulty" in source["kdd99"]] == [
        at % 22 for at in range(ROWS)
    ]
    assert [(source["id"], source["note"]) for source in found["turned"]] == [(f"c-{at}", "a; b") for at in range(ROWS)]
    assert {source["@timestamp"] for source in found["docker"]} == {"2024-05-01T08:00:03.120Z"}


def by_user(es: Elasticsearch, stream: str) -> dict[str, list[dict[str, Any]]]:
    """The stored documents by user, in the order of their files."""
    hits = sorted(
        (hit["_source"] for hit in scan(es, index=stream)),
        key=lambda source: (source.get("log", {}).get("file", {}).get("path", ""), source["log"]["offset"]),
    )
    found: dict[str, list[dict[str, Any]]] = {}
    for source in hits:
        found.setdefault(source["user"]["id"], []).append(source)
    return found


def verdict(source: dict[str, Any]) -> tuple[str, str | None, list[str]]:
    """Predicted label, true label, and the exact top labels of a document."""
    prediction = source["oversight"]["prediction"]
    return prediction["label"], source["oversight"].get("truth", {}).get("label"), prediction["top"]


def test_commands_name_the_file_of_a_stored_header(
    terminal: Terminal, es: Elasticsearch, namespace: str, service: str
) -> None:
    """Without `csv.columns` a shipper sends the header as an event. It is stored as failed; `status` and `check` name
    its file.
    """
    mine = Terminal(terminal.folder, {**terminal.settings, "OVERSIGHT_ENRICH_URL": service})
    assert mine.type("provision").returncode == 0
    document = {"message": ",".join(REVERSED), "log": {"file": {"path": "/s/alpha.csv"}}, "user": {"id": "alpha"}}
    assert not es.bulk(index=stream_name(namespace), operations=creations([document]), refresh=True)["errors"]
    assert "/s/alpha.csv (user alpha)" in mine.type("status").stdout
    (misread,) = mine.json("status")["misread"]
    assert (misread["path"], misread["user"], misread["headers"]) == ("/s/alpha.csv", "alpha", 1)
    check = mine.type("check", "--json")
    (columns,) = (one for one in json.loads(check.stdout) if one["about"] == "columns")
    assert check.returncode == 1
    assert not columns["good"]
    assert "/s/alpha.csv (user alpha)" in columns["says"]
    assert "csv.columns" in columns["says"]
