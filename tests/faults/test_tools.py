"""Tests of the fault tests' tools: an audit must be able to find each kind of problem."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from elasticsearch import ConnectionError as ConnectionFailedError
from elasticsearch import Elasticsearch, NotFoundError

from tests.faults.injector import (
    Damage,
    Injector,
    another_order,
    busy,
    cut_after,
    cut_before,
    cut_in_answer,
    cut_in_request,
)
from tests.faults.ledger import Ledger
from tests.faults.table import BEGIN, END, is_bad, markdown, read_rows, replace_in
from tests.faults.trial import ROWS, Row, Trial
from tests.faults.trial_index import TrialIndex
from tests.integration.watcher.proxy import Call, Reply, proxied


@pytest.fixture
def engine() -> str:
    """The tools do not depend on the engine."""
    return "embedded"


@pytest.fixture
def ledger(trial_index: TrialIndex) -> Ledger:
    """Ten documents as a watcher writes them; the last one lacks the model's fields."""
    made = trial_index.ledger("tool")
    made.put(10)
    lines: list[dict[str, Any]] = []
    for doc_id, entry in made.entries.items():
        enriched = {"oversight": {"status": "enriched", "prediction": {"label": entry.label}}}
        failed = {"oversight": {"status": "failed", "failure": {"type": "missing_feature"}}}
        lines += [{"update": {"_index": entry.index, "_id": doc_id}}, {"doc": enriched if entry.label else failed}]
    trial_index.es.bulk(operations=lines)
    return made


def change(trial_index: TrialIndex, doc_id: str, document: dict[str, Any]) -> None:
    """Write a document that the ledger does not know of."""
    trial_index.es.update(index=trial_index.index, id=doc_id, doc=document)


def test_an_audit_of_good_documents_is_clean(ledger: Ledger) -> None:
    audit = ledger.audit()
    assert audit.clean, audit.found
    assert audit.documents == 10


def test_an_audit_finds_a_lost_document(trial_index: TrialIndex, ledger: Ledger) -> None:
    trial_index.es.delete(index=trial_index.index, id="tool-3")
    audit = ledger.audit()
    assert (audit.lost, audit.damaged, audit.doubled, audit.stuck) == (1, 0, 0, 0)


def test_an_audit_finds_an_additional_write(trial_index: TrialIndex, ledger: Ledger) -> None:
    change(trial_index, "tool-3", {"oversight": {"prediction": {"probability": 0.5}}})
    audit = ledger.audit()
    assert (audit.lost, audit.damaged, audit.doubled, audit.stuck) == (0, 0, 1, 0)


def test_an_audit_finds_a_duplicate_document(trial_index: TrialIndex, ledger: Ledger) -> None:
    trial_index.es.index(index=trial_index.index, id="another-id", document={"user": {"id": "user-3"}})
    assert ledger.audit().doubled == 1


@pytest.mark.parametrize(
    "damage",
    [
        {"user": {"id": "root"}},
        {"event": {"original": "another line"}},
        {"oversight": {"prediction": {"label": "overheating"}}},
        {"others": {"value": 1}},
    ],
)
def test_an_audit_finds_changed_fields_and_wrong_predictions(
    trial_index: TrialIndex, ledger: Ledger, damage: dict[str, Any]
) -> None:
    """A changed raw field, a changed raw line, another document's prediction, a value that no writer recorded."""
    change(trial_index, "tool-3", damage)
    ledger.entries["tool-3"].writes += 1  # the number of writes is right
    audit = ledger.audit()
    assert (audit.lost, audit.damaged, audit.doubled, audit.stuck) == (0, 1, 0, 0)


def test_an_audit_finds_a_stuck_document(trial_index: TrialIndex, ledger: Ledger) -> None:
    ledger.put(1)
    assert ledger.audit().stuck == 1
    assert not ledger.settled()
    assert ledger.left() == 1


def test_a_trial_fails_if_a_document_is_lost_and_the_table_shows_it(
    trial_index: TrialIndex, ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ROWS, str(tmp_path / "rows.jsonl"))
    trial_index.es.delete(index=trial_index.index, id="tool-3")
    with pytest.raises(AssertionError, match="tool-3 lost"), Trial("watcher", "deleted", "embedded", ledger) as trial:
        trial.tries = 1
    with pytest.raises(ZeroDivisionError), Trial("watcher", "broken", "embedded", ledger):
        raise ZeroDivisionError("the trial itself")
    with pytest.raises(AssertionError, match="never happened"), Trial("watcher", "none", "embedded", ledger):
        pass
    broken, deleted, none = read_rows(tmp_path / "rows.jsonl")
    assert (deleted.lost, deleted.documents, broken.lost) == (1, 10, 1)
    assert (broken.failure, none.failure) == ("ZeroDivisionError: the trial itself", "the fault never happened")


def test_the_table_has_the_last_row_of_each_fault_and_names_failures(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    rows = [
        Row("cluster", "b", "opensearch", tries=1, documents=5, stuck=5),
        Row("watcher", "a", "embedded", "short", tries=5, documents=10),
        Row("cluster", "b", "opensearch", "soak", tries=2, documents=1_000, doubled=1),
    ]
    file.write_text("".join(f"{row.line()}\n" for row in rows), encoding="utf-8")
    found = read_rows(file)
    assert [is_bad(row) for row in found] == [False, True]
    table = markdown(found).splitlines()
    assert table[2] == "| watcher | a | embedded | short | 5 | 10 | 0 | 0 | 0 | 0 | 0 |"
    assert table[3] == "| cluster | b | opensearch **failed** | soak | 2 | 1,000 | 0 | 0 | 1 | 0 | 0 |"
    assert table[4].startswith("| **all** |  |  |  | 7 | 1,010 | 0 | 0 | 1 |")
    assert replace_in(f"x\n{BEGIN}\nold\n{END}\ny", "new") == f"x\n{BEGIN}\nnew\n{END}\ny"
    with pytest.raises(ValueError, match="no place"):
        replace_in("a page", "a table")


@pytest.mark.parametrize(
    ("name", "is_written"),
    [("before", False), ("in the request", False), ("in the answer", True), ("after", True)],
)
def test_a_cut_connection_is_an_error_and_the_write_happens_or_not(
    trial_index: TrialIndex, name: str, *, is_written: bool
) -> None:
    with proxied(trial_index.url) as proxy, Elasticsearch(proxy.url, max_retries=0) as es:
        cuts: dict[str, Damage] = {
            "before": cut_before,
            "in the request": cut_in_request(proxy),
            "in the answer": cut_in_answer,
            "after": cut_after,
        }
        injector = Injector([cuts[name]], seed=1, most=1)
        proxy.fault = injector
        operations: list[dict[str, Any]] = [
            {"index": {"_index": trial_index.index, "_id": "two"}},
            {"text": "x" * 5_000},
        ]
        with pytest.raises(ConnectionFailedError):
            es.bulk(operations=operations)
        assert injector.done == 1
        if is_written:
            assert trial_index.es.get(index=trial_index.index, id="two")["_version"] == 1
        else:
            with pytest.raises(NotFoundError):
                trial_index.es.get(index=trial_index.index, id="two")
        assert not es.bulk(operations=operations)["errors"]


def test_an_injector_repeats_its_draws_with_the_same_seed_and_skips_other_paths() -> None:
    answer = Reply(200, b"{}")

    def statuses(path: str) -> list[int]:
        injector = Injector([busy(429), busy(503)], seed=7, share=0.5, first=2)
        return [injector(Call("POST", path, b""), lambda: answer).status for _ in range(40)]

    drawn = statuses("/_bulk")
    assert drawn == statuses("/_bulk")
    assert set(drawn) == {200, 429, 503}
    assert 200 not in drawn[:2]
    assert set(statuses("/_search")) == {200}


def test_a_request_that_cannot_be_damaged_is_forwarded_and_not_counted() -> None:
    """A single result has no other order."""
    injector = Injector([another_order], seed=7, share=1.0)
    answer = Reply(200, b'{"results": [{"id": "a"}]}')
    assert injector(Call("POST", "/_bulk", b""), lambda: answer) is answer
    assert injector.done == 0
