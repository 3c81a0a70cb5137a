"""The tools of the fault tests do what they say: an audit that finds nothing wrong must be able to find it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from elasticsearch import ConnectionError as ConnectionFailedError
from elasticsearch import Elasticsearch, NotFoundError

from tests.faults.ground import Ground
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
from tests.integration.watcher.proxy import Call, Reply, proxied


@pytest.fixture
def engine() -> str:
    """The tools do not depend on the engine."""
    return "embedded"


@pytest.fixture
def ledger(ground: Ground) -> Ledger:
    """Ten documents, the last of which the model cannot read, as a watcher leaves them."""
    made = ground.ledger("tool")
    made.put(10)
    lines: list[dict[str, Any]] = []
    for doc_id, entry in made.entries.items():
        enriched = {"oversight": {"status": "enriched", "prediction": {"label": entry.label}}}
        failed = {"oversight": {"status": "failed", "failure": {"type": "missing_feature"}}}
        lines += [{"update": {"_index": entry.index, "_id": doc_id}}, {"doc": enriched if entry.label else failed}]
    ground.es.bulk(operations=lines)
    return made


def change(ground: Ground, doc_id: str, document: dict[str, Any]) -> None:
    """One write too many."""
    ground.es.update(index=ground.index, id=doc_id, doc=document)


def test_an_audit_of_good_documents_is_clean(ledger: Ledger) -> None:
    audit = ledger.audit()
    assert audit.clean, audit.found
    assert audit.documents == 10


def test_an_audit_finds_a_document_that_is_lost(ground: Ground, ledger: Ledger) -> None:
    ground.es.delete(index=ground.index, id="tool-3")
    audit = ledger.audit()
    assert (audit.lost, audit.damaged, audit.doubled, audit.stuck) == (1, 0, 0, 0)


def test_an_audit_finds_a_write_too_many(ground: Ground, ledger: Ledger) -> None:
    change(ground, "tool-3", {"oversight": {"prediction": {"probability": 0.5}}})
    audit = ledger.audit()
    assert (audit.lost, audit.damaged, audit.doubled, audit.stuck) == (0, 0, 1, 0)


def test_an_audit_finds_a_document_that_is_there_twice(ground: Ground, ledger: Ledger) -> None:
    ground.es.index(index=ground.index, id="another-id", document={"user": {"id": "user-3"}})
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
def test_an_audit_finds_what_is_not_what_was_put_or_predicted(
    ground: Ground, ledger: Ledger, damage: dict[str, Any]
) -> None:
    """A raw field, the raw line, somebody else's prediction, a value that nobody noted."""
    change(ground, "tool-3", damage)
    ledger.entries["tool-3"].writes += 1  # the number of writes is right
    audit = ledger.audit()
    assert (audit.lost, audit.damaged, audit.doubled, audit.stuck) == (0, 1, 0, 0)


def test_an_audit_finds_a_document_that_is_stuck(ground: Ground, ledger: Ledger) -> None:
    ledger.put(1)
    assert ledger.audit().stuck == 1
    assert not ledger.settled()
    assert ledger.left() == 1


def test_a_trial_fails_where_a_document_is_lost_and_the_table_says_so(
    ground: Ground, ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ROWS, str(tmp_path / "rows.jsonl"))
    ground.es.delete(index=ground.index, id="tool-3")
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
def test_a_cut_connection_is_a_fault_to_the_client_and_done_or_not(
    ground: Ground, name: str, *, is_written: bool
) -> None:
    with proxied(ground.url) as proxy, Elasticsearch(proxy.url, max_retries=0) as es:
        cuts: dict[str, Damage] = {
            "before": cut_before,
            "in the request": cut_in_request(proxy),
            "in the answer": cut_in_answer,
            "after": cut_after,
        }
        injector = Injector([cuts[name]], seed=1, most=1)
        proxy.fault = injector
        operations: list[dict[str, Any]] = [{"index": {"_index": ground.index, "_id": "two"}}, {"text": "x" * 5_000}]
        with pytest.raises(ConnectionFailedError):
            es.bulk(operations=operations)
        assert injector.done == 1
        if is_written:
            assert ground.es.get(index=ground.index, id="two")["_version"] == 1
        else:
            with pytest.raises(NotFoundError):
                ground.es.get(index=ground.index, id="two")
        assert not es.bulk(operations=operations)["errors"]


def test_an_injector_draws_the_same_with_the_same_seed_and_leaves_other_paths_alone() -> None:
    answer = Reply(200, b"{}")

    def statuses(path: str) -> list[int]:
        injector = Injector([busy(429), busy(503)], seed=7, share=0.5, first=2)
        return [injector(Call("POST", path, b""), lambda: answer).status for _ in range(40)]

    drawn = statuses("/_bulk")
    assert drawn == statuses("/_bulk")
    assert set(drawn) == {200, 429, 503}
    assert 200 not in drawn[:2]
    assert set(statuses("/_search")) == {200}


def test_what_cannot_be_damaged_is_passed_on_and_not_counted() -> None:
    """One result has no other order."""
    injector = Injector([another_order], seed=7, share=1.0)
    answer = Reply(200, b'{"results": [{"id": "a"}]}')
    assert injector(Call("POST", "/_bulk", b""), lambda: answer) is answer
    assert injector.done == 0
