"""Laws of the watcher's writes: each document has exactly one outcome, and answers change only our fields."""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from msgspec import UNSET

from contract.documents.fields import ALERT_ROOT, BY_NAME, ENRICH_ROOTS, FIELDS, STATUS
from contract.documents.paths import leaves, nest
from contract.errors import ProtocolError
from contract.wire import DocumentError
from watcher.enrich.merge_rules import mergeable
from watcher.enrich.responses import Result, parse_enriched
from watcher.read.hit import Hit
from watcher.totals import DocumentOutcome
from watcher.write.actions import AT, DELAY, Action, actions, body, outcome_of

NOW = datetime(2026, 1, 2, 3, 4, 5, 678_900, tzinfo=UTC)
OURS, THEIRS = ".ds-logs-oversight.connection-lab-2026.01.01-000001", "flows-2026"
NAMES = st.text("abcxyz_", min_size=1, max_size=6)
PATHS = st.lists(NAMES, min_size=1, max_size=4).map(".".join)
WRITABLE = st.sampled_from(
    [field for field in FIELDS if any(field.name == root or field.name.startswith(f"{root}.") for root in ENRICH_ROOTS)]
)
LABEL = {"oversight.prediction.label": "healthy"}


def value_of(kind: str) -> st.SearchStrategy[Any]:
    """Values that a mapping of this kind accepts."""
    return {
        "boolean": st.booleans(),
        "float": st.floats(0, 1),
        "long": st.integers(0, 100),
        "object": st.lists(st.dictionaries(NAMES, st.floats(0, 1), max_size=2), max_size=2),
    }.get(kind, st.one_of(st.text(max_size=8), st.lists(st.text(max_size=4), max_size=3)))


FLAT = st.lists(WRITABLE, max_size=8, unique_by=lambda field: field.name).flatmap(
    lambda chosen: st.fixed_dictionaries({field.name: value_of(field.kind) for field in chosen})
)


def respelled(draw: st.DrawFn, flat: dict[str, Any]) -> dict[str, Any]:
    """The same fields, each dotted from a random level on."""
    root: dict[str, Any] = {}
    for path, value in flat.items():
        parts = path.split(".")
        cut = draw(st.integers(0, len(parts) - 1))
        level = root
        for part in parts[:cut]:
            level = level.setdefault(part, {})
        level[".".join(parts[cut:])] = value
    return root


SPELLED = st.composite(respelled)


@given(data=st.data(), flat=FLAT)
def test_every_spelling_gives_the_same_partial_document(data: st.DataObject, flat: dict[str, Any]) -> None:
    flat = {**flat, **LABEL}
    assert mergeable(data.draw(SPELLED(flat))) == nest(flat)


@given(data=st.data(), path=PATHS, flat=FLAT)
def test_a_field_outside_our_roots_is_rejected_in_any_spelling(
    data: st.DataObject, path: str, flat: dict[str, Any]
) -> None:
    assume(not any(path == root or path.startswith(f"{root}.") for root in ENRICH_ROOTS))
    # the path is not below one of the other fields, which would be another error
    with pytest.raises(ProtocolError):
        mergeable(data.draw(SPELLED({**flat, **LABEL, path: "x"})))


@pytest.mark.parametrize("name", [field.name for field in FIELDS])
def test_each_known_field_is_ours_or_rejected(name: str) -> None:
    """For all fields of the contract: an answer cannot change raw line, features, status, feedback or arrival time."""
    ours = any(name == root or name.startswith(f"{root}.") for root in ENRICH_ROOTS)
    value: Any = True if BY_NAME[name].kind == "boolean" else None
    for spelling in ({name: value}, nest({name: value})):
        if ours:
            assert mergeable(spelling) == nest({name: value})
        else:
            with pytest.raises(ProtocolError):
                mergeable(spelling)


@given(path=st.sampled_from(["", ".", "oversight..prediction", "rule.", "rule..name", "oversight.prediction."]))
def test_an_invalid_field_name_is_rejected(path: str) -> None:
    with pytest.raises(ProtocolError):
        mergeable({path: "x"})


def test_very_deep_nesting_is_rejected() -> None:
    deep: dict[str, Any] = {"x": 1}
    for _ in range(2_000):
        deep = {"prediction": deep}
    with pytest.raises(ProtocolError):
        mergeable({"oversight": deep})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=5), children, max_size=3),
    max_leaves=12,
)


@given(
    fields=st.dictionaries(st.sampled_from(["oversight", "event", "rule", "oversight.prediction", "threat", "x"]), JSON)
)
def test_accepted_fields_are_within_our_roots(fields: dict[str, Any]) -> None:
    """Any JSON is rejected, or every leaf that would be written is at or below a root."""
    try:
        found = mergeable(fields)
    except ProtocolError:
        return
    for path, _ in leaves(found):
        assert any(path == root or path.startswith(f"{root}.") for root in ENRICH_ROOTS)


@given(body=st.binary(max_size=60))
def test_any_bytes_are_an_answer_or_a_protocol_error(body: bytes) -> None:
    with pytest.raises(ProtocolError):
        parse_enriched(body, ["a"])


RESULTS: st.SearchStrategy[Result] = FLAT.map(lambda flat: nest({**flat, **LABEL})) | st.builds(
    DocumentError, st.just("missing_feature"), st.text(max_size=5), st.just(UNSET) | PATHS
)
SOURCES = FLAT.map(nest).map(lambda nested: {**nested, "turbine": {"mode": "steady"}})


def action(hit: Hit, result: Result, *, now: datetime) -> Action:
    """The action for one document."""
    (only,) = actions([hit], [result], now=now)
    return only


@given(result=RESULTS, source=SOURCES, index=st.sampled_from([OURS, THEIRS]))
def test_an_update_writes_only_our_fields(result: Result, source: dict[str, Any], index: str) -> None:
    """In our stream these are our roots, the status and the failure; elsewhere only fields below `oversight`."""
    before = copy.deepcopy(source)
    done = action(Hit(index, "a", 1, 1, source), result, now=NOW)
    assert source == before
    allowed = (*ENRICH_ROOTS, STATUS, "error", "oversight.failure") if index == OURS else ("oversight",)
    for path, _ in leaves(done.document):
        assert any(path == root or path.startswith(f"{root}.") for root in allowed), path
        assert not path.startswith(("oversight.feedback", "oversight.truth", "oversight.shipped"))
    if index == THEIRS and isinstance(result, dict) and "name" in result.get("rule", {}):
        assert done.document["oversight"]["alert"]["rule"]["name"] == result["rule"]["name"]
    assert ALERT_ROOT.startswith("oversight.")


def merged(source: Any, change: Any) -> Any:
    """The document after a partial update, as an engine merges it."""
    if not (isinstance(source, dict) and isinstance(change, dict)):
        return change
    return {**source, **{key: merged(source.get(key), value) for key, value in change.items()}}


def values(document: dict[str, Any]) -> dict[str, Any]:
    """Leaves that are not empty."""
    return {path: value for path, value in leaves(document) if value not in (None, {})}


@given(first=RESULTS, second=FLAT, index=st.sampled_from([OURS, THEIRS]))
def test_a_rescored_document_equals_one_predicted_once(first: Result, second: dict[str, Any], index: str) -> None:
    """For any first verdict; only the time, the delay and the mark of the rescore may differ."""
    later = nest({**second, **LABEL})
    fresh = {"turbine": {"mode": "steady"}}

    def scored(source: dict[str, Any], result: Result) -> dict[str, Any]:
        changed: dict[str, Any] = merged(source, action(Hit(index, "a", 1, 1, source), result, now=NOW).document)
        return changed

    twice, once = values(scored(scored(fresh, first), later)), values(scored(fresh, later))
    own = {AT, DELAY, "oversight.prediction.rescored"}
    kept = {
        "event.kind",
        "event.category",
        "event.type",
    }  # the pipelines write them too, and every verdict overwrites them
    assert {p: v for p, v in twice.items() if p not in own | kept} == {
        p: v for p, v in once.items() if p not in own | kept
    }


@given(age_ms=st.integers(-5_000, 10**9), label=st.sampled_from(["healthy", "worn"]))
def test_the_delay_stays_that_of_the_first_verdict(age_ms: int, label: str) -> None:
    """A rescore months later does not change the delay; a clock that is behind gives no negative delay."""
    arrival_ms = round(NOW.timestamp() * 1000) - age_ms
    source = {"event": {"kind": "event"}, "oversight": {"status": "pending"}}
    first = action(Hit(OURS, "a", 1, 1, source, arrival_ms=arrival_ms), nest(LABEL), now=NOW).document
    delay_s = values(dict(first))[DELAY]
    assert delay_s == pytest.approx(max(0, age_ms / 1000), abs=0.002)
    stored = merged(source, first)
    again = nest({"oversight.prediction.label": label})
    later = action(Hit(OURS, "a", 2, 1, stored, arrival_ms=arrival_ms), again, now=NOW + timedelta(days=90)).document
    assert values(dict(later))[DELAY] == delay_s


def test_without_an_arrival_there_is_no_delay() -> None:
    assert DELAY not in values(dict(action(Hit(THEIRS, "a", 1, 1, {}), nest(LABEL), now=NOW).document))


STATUSES = st.sampled_from([200, 201, 400, 401, 403, 404, 408, 409, 413, 429, 500, 502, 503, 504])


@given(
    status=st.integers(200, 599) | STATUSES, wanted=st.sampled_from([DocumentOutcome.ENRICHED, DocumentOutcome.FAILED])
)
def test_every_status_is_exactly_one_outcome(status: int, wanted: DocumentOutcome) -> None:
    """Only 200 and 201 mean written; a server error never makes a document fail."""
    outcome = outcome_of(status, wanted)
    assert outcome in DocumentOutcome
    assert (outcome is wanted) == (status in (200, 201))
    if status >= 500 or status == 429:
        assert outcome is DocumentOutcome.DEFERRED


@given(results=st.lists(RESULTS, min_size=1, max_size=10))
def test_every_update_is_a_compare_and_set_at_the_hits_own_index(results: list[Result]) -> None:
    hits = [
        Hit(OURS, str(number), number, 7, {}, routing="r" if number % 2 else None) for number in range(len(results))
    ]
    lines = [json.loads(line) for line in body(actions(hits, results, now=NOW)).splitlines()]
    assert len(lines) == 2 * len(results)
    for hit, line in zip(hits, lines[::2], strict=True):
        target = line["update"]
        assert (target["_index"], target["_id"]) == (OURS, hit.id)
        assert (target["if_seq_no"], target["if_primary_term"]) == (hit.seq_no, 7)
        assert target.get("routing") == hit.routing


def bodies_of(results: list[dict[str, Any]]) -> bytes:
    return json.dumps({"model": {"id": "m", "version": "1"}, "results": results}).encode()


@given(page=st.lists(FLAT, min_size=1, max_size=6), data=st.data(), index=st.sampled_from([OURS, THEIRS]))
def test_a_page_writes_the_same_as_its_documents_one_by_one(
    page: list[dict[str, Any]], data: st.DataObject, index: str
) -> None:
    """No document changes the update of another one, for any spelling."""
    nested = [
        nest({**flat, **LABEL}) if data.draw(st.booleans()) else data.draw(SPELLED({**flat, **LABEL})) for flat in page
    ]
    ids = [str(number) for number in range(len(page))]
    untouched = {"oversight": {"status": "pending"}, "event": {"kind": "event"}, "turbine": {}}
    hits = [
        Hit(index, doc_id, 1, 1, data.draw(st.just(untouched) | SOURCES), arrival_ms=data.draw(st.none() | st.just(5)))
        for doc_id in ids
    ]
    answer = parse_enriched(bodies_of([{"id": i, "fields": f} for i, f in zip(ids, nested, strict=True)]), ids)
    together = actions(hits, answer.results, now=NOW)
    alone = [action(hit, nest({**flat, **LABEL}), now=NOW) for hit, flat in zip(hits, page, strict=True)]
    assert [one.document for one in together] == [one.document for one in alone]


GOOD: dict[str, Any] = {"oversight": {"prediction": {"label": "healthy", "unknown": False}}, "rule": {"name": "x"}}


@pytest.mark.parametrize(
    "odd",
    [
        {"oversight": {"prediction": {"label": "healthy", "unknown": "yes"}}},
        {"oversight": {"prediction": {"label": "healthy", "unknown": [True, None]}}},
        {"oversight": {"prediction": {"label": {"x": 1}}}},
        {"oversight": {"prediction": {"label": 1}}},
        {"oversight": {"prediction": {}}},
        {"oversight": {"prediction": None}},
        {"oversight": {**GOOD["oversight"], "status": "enriched"}},
        {**GOOD, "rule": {"name": [["x"]]}},
        {**GOOD, "rule": {"name": "x", "": 1}},
        {**GOOD, "threat": "x"},
        {**GOOD, "event": {"original": "x"}},
        {**GOOD, "event": {"kind": {"a": 1}}},
        {"rule": {"name": "x"}},
        {},
    ],
)
def test_one_invalid_result_rejects_the_page(odd: dict[str, Any]) -> None:
    """One invalid result among valid ones is found, and nothing is written."""
    ids = [str(number) for number in range(4)]
    page = [{"id": doc_id, "fields": GOOD} for doc_id in ids]
    assert len(parse_enriched(bodies_of(page), ids).results) == len(ids)
    with pytest.raises(ProtocolError):
        parse_enriched(bodies_of([*page[:2], {"id": "2", "fields": odd}, page[3]]), ids)


def test_a_result_of_another_document_rejects_the_page() -> None:
    """Results in the wrong order are a server error, even if each of them is valid."""
    page = [{"id": doc_id, "fields": GOOD} for doc_id in "ba"]
    with pytest.raises(ProtocolError):
        parse_enriched(bodies_of(page), ["a", "b"])
