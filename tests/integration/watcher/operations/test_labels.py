"""`oversight labels export` writes a file that is safe in a spreadsheet and from which `oversight train` reads the same
values as in the documents.
"""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from elasticsearch import Elasticsearch

from common.settings.shared import DEFAULT_MODEL
from contract.kdd99.columns import CATEGORICAL, COLUMNS
from enrich_service.model.model_file import read_contract
from oversight.commands.labels import write
from training.data.records import read
from watcher.operations.labels import FORMULA, NO_PLAIN_WORD, Exported, rows

CONTRACT = read_contract(DEFAULT_MODEL)
FIELDS = {feature.name: feature.field for feature in CONTRACT.features}
FORMULAS = ["=1+1", "+cmd", "-cmd|'/C calc'!A0", "@SUM(1)", "=HYPERLINK(0)", "-", "+1-1", "-1e999"]
UNPLAIN = ["\t=1+1", "\r=1+1", "\n=1", " =1", "\uff1d1+1", "a,b", 'a"b', "x;=1+1", "", "caf\u00e9", "\x1b[0m"]
NUMBERS = ["-5", "+5", "-1.5e-3", "7"]
"""Words that are numbers: a spreadsheet shows them and runs no formula."""


def document(label: str, **changed: Any) -> dict[str, Any]:
    """An event with a verdict, its fields dotted."""
    values: dict[str, Any] = {name: "x" if name in CATEGORICAL else position for position, name in enumerate(COLUMNS)}
    values |= {"protocol_type": "tcp", "service": "http", "flag": "SF", **changed}
    verdict = {
        "verdict": "true_positive",
        "label": label,
        "by": "=ann()",
        "comment": "=1+1",
        "at": "2026-01-01T00:00:00Z",
    }
    return {
        "@timestamp": "2026-01-01T00:00:00Z",
        "event.ingested": "2026-01-01T00:00:00Z",
        "oversight": {"status": "enriched", "prediction": {"label": "normal"}, "feedback": verdict},
        **{FIELDS[name]: value for name, value in values.items()},
    }


@pytest.fixture
def exported(embedded_url: str, namespace: str, tmp_path: Path) -> tuple[Path, Exported, list[dict[str, Any]]]:
    """The file, the counts, and the documents that belong in the file."""
    good = [
        document("neptune", src_bytes=-3, dst_bytes=-0.25),
        document("back", duration=1.5e9, dst_bytes=0.1, src_bytes=123456789012),
        *(document("smurf", service=word, count=at) for at, word in enumerate(NUMBERS)),
    ]
    bad = [document("neptune", service=word) for word in (*FORMULAS, *UNPLAIN)]
    keyword = {"type": "keyword"}
    mapping = {"properties": {"oversight": {"properties": {"feedback": {"properties": {"verdict": keyword}}}}}}
    with Elasticsearch(embedded_url) as es:
        es.indices.create(index=namespace, mappings=mapping)
        for number, source in enumerate([*good, *bad]):
            es.index(index=namespace, id=str(number), document=source)
        counts, file = Exported(), tmp_path / "verdicts.csv"
        write(rows(es, namespace, CONTRACT, counts, unguarded=True), CONTRACT, "csv", file)
    return file, counts, good


def test_words_that_a_spreadsheet_would_run_are_left_out_and_counted(
    exported: tuple[Path, Exported, list[dict[str, Any]]],
) -> None:
    file, counts, good = exported
    service = FIELDS["service"]
    assert dict(counts.left_out) == {
        f"{service} holds {FORMULA}": len(FORMULAS),
        f"{service} holds {NO_PLAIN_WORD}": len(UNPLAIN),
    }
    assert counts.rows == len(good)
    for line in csv.reader(file.read_text(encoding="utf-8").splitlines()[1:]):
        for cell in line:
            assert cell[0] not in "=@\t\r"
            assert cell[0] not in "+-" or float(cell) is not None
    provenance = file.with_name(file.name + ".provenance.jsonl").read_text(encoding="utf-8").splitlines()
    assert all(json.loads(line)["by"] == "=ann()" for line in provenance), (
        "the JSON file is never opened in a spreadsheet"
    )


def test_training_reads_the_rows_that_the_documents_have(
    exported: tuple[Path, Exported, list[dict[str, Any]]],
) -> None:
    file, _, good = exported
    records, _ = read(file)
    found = sorted(
        [*map(str, numbers), *words, label]
        for numbers, words, label in zip(
            records.numeric.tolist(), records.categorical.tolist(), records.labels.tolist(), strict=True
        )
    )
    numeric = [name for name in COLUMNS if name not in CATEGORICAL]
    wanted = sorted(
        [
            *(str(records.numeric.dtype.type(one[FIELDS[name]]).item()) for name in numeric),
            *(str(one[FIELDS[name]]) for name in records.categorical_columns),
            one["oversight"]["feedback"]["label"],
        ]
        for one in good
    )
    assert found == wanted
    assert records.n_rows == len(good)
