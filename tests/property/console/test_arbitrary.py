"""For any address, document and search response, the console answers with JSON that shows text as text."""

from __future__ import annotations

import unicodedata
from typing import Any

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st
from werkzeug.datastructures import MultiDict

from console.events.safe_text import LONGEST, label, visible
from console.events.story import story
from console.panels.board import panel_data
from console.panels.chart import chart, draws
from console.panels.models import show
from console.panels.query import body
from console.panels.rows import rows_of
from console.panels.scope import asked, scope_of
from contract.artifact.contract import ModelContract
from contract.errors import InputError
from kibana.panels.declarations import Panel
from tests.kibana_contracts import CONTRACTS
from tests.unit.console.panel_samples import NOW_MS, SCOPE, all_panels, answer, contract, made_up, shown

PANELS = st.sampled_from([panel for _, panel in all_panels()])
PAGES = st.sampled_from(shown().pages)
TEXTS = st.text(max_size=40) | st.sampled_from(
    ["<script>", "\u202e", "x" * 10_000, "", "others", "__proto__", "constructor"]
)
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | TEXTS
JSON = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3), max_leaves=12
)
NAMES = st.sampled_from(
    [
        "@timestamp",
        "event",
        "oversight",
        "kdd99",
        "user",
        "threat",
        "error",
        "oversight.prediction.label",
        "prediction",
        "id",
        "top",
    ]
)
DOCUMENTS = st.recursive(JSON, lambda inner: st.dictionaries(NAMES, inner, max_size=6), max_leaves=20)


@given(value=TEXTS)
def test_shown_text_has_no_invisible_characters(value: str) -> None:
    shown_text = visible(value)
    assert all(unicodedata.category(letter) not in ("Cc", "Cf", "Cs", "Zl", "Zp") for letter in shown_text)
    assert 1 <= len(label(value)) <= LONGEST


@given(
    page=PAGES,
    pairs=st.lists(
        st.tuples(st.sampled_from(["from", "to", "user", "family", "label", "status", "x"]), TEXTS), max_size=6
    ),
)
def test_any_address_is_accepted_or_rejected_in_one_line(page: Any, pairs: list[tuple[str, str]]) -> None:
    """A search uses only `terms` and `range`; a value of an address is never a query."""
    scope, refused = SCOPE, ""
    try:
        scope = scope_of(asked(MultiDict(pairs), page), now_ms=NOW_MS)
    except InputError as error:
        refused = str(error)
    assert "\n" not in refused
    for panel in page.panels:
        orjson.dumps([filters := scope.filters(panel.source), body(panel, scope)])
        assert {next(iter(one)) for one in filters} <= {"range", "terms"}


@settings(max_examples=60)
@given(hit=DOCUMENTS)
def test_any_document_has_a_story(hit: Any) -> None:
    source = hit if isinstance(hit, dict) else {"x": hit}
    found = story({"_index": "i", "_id": "1", "_source": source}, contract(), shown().boards.colours)
    assert orjson.dumps(found)


@settings(max_examples=60)
@given(panel=PANELS, text=TEXTS, count=st.integers(0, 10**12))
def test_any_field_value_gives_rows_and_a_chart(panel: Panel, text: str, count: int) -> None:
    searched = body(panel, SCOPE)
    found = answer(_replaced(made_up(searched.get("aggs", {}), count=count), text), total=count)
    found["hits"]["hits"] = [
        {"_index": "i", "_id": text, "_source": {"user": {"id": text}, "event": {"original": text}}}
    ]
    assert orjson.dumps(panel_data(panel, found, SCOPE, shown().boards.colours))
    if draws(panel):
        spec, data = chart(panel, rows_of(panel, found, SCOPE), SCOPE, shown().boards.colours)
        assert all(len(str(value)) <= LONGEST for row in data for key, value in row.items() if key.startswith("by"))
        assert orjson.dumps(spec)


@settings(max_examples=25)
@given(contract=CONTRACTS)
def test_the_pages_of_any_model_have_data(contract: ModelContract) -> None:
    """With the labels, families and colours of that model."""
    made = show(contract)
    for page in made.pages:
        for panel in page.panels:
            found = answer(made_up(body(panel, SCOPE).get("aggs", {})), total=7)
            assert panel_data(panel, found, SCOPE, made.boards.colours)["state"] in ("ok", "empty")


def _replaced(part: Any, text: str) -> Any:
    """The same answer with this text as every field value."""
    if isinstance(part, dict):
        return {
            key: text if key == "key" and isinstance(value, str) else _replaced(value, text)
            for key, value in part.items()
        }
    return [_replaced(one, text) for one in part] if isinstance(part, list) else part
