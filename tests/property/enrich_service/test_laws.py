"""Laws that hold for all requests of a client."""

from __future__ import annotations

import contextlib
import copy
import json
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from flask.testing import FlaskClient
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.documents.paths import leaves, nest
from contract.documents.top_labels import as_word, from_stored
from contract.errors import DocumentError
from contract.values import BLANKS
from enrich_service.predict.enrich import Enricher
from enrich_service.predict.features import FeatureReader
from tests.artifacts import TURBINE
from tests.enriching import enriched

NUMBERS = st.floats(-1e6, 1e6, width=32) | st.integers(-(10**6), 10**6)
WORDS = st.sampled_from(TURBINE.categorical[0].vocabulary) | st.text(min_size=1, max_size=20).filter(
    lambda text: text.isascii() and text.strip(BLANKS) != ""
)
SOURCES = st.fixed_dictionaries(
    {
        "turbine": st.fixed_dictionaries(
            {"temperature_c": NUMBERS, "vibration_mm_s": NUMBERS, "state": st.fixed_dictionaries({"mode": WORDS})}
        )
    }
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
NAMES = st.sampled_from(
    [
        "turbine",
        "turbine.temperature_c",
        "temperature_c",
        "vibration_mm_s",
        "state",
        "state.mode",
        "mode",
        "turbine.state",
        "x",
    ]
)
ODD_SOURCES = st.dictionaries(
    NAMES, st.recursive(JSON, lambda inner: st.dictionaries(NAMES, inner, max_size=4), max_leaves=8)
)
PAGES = st.lists(
    st.builds(lambda i, s: {"id": i, "source": s}, st.text(max_size=10), SOURCES | ODD_SOURCES), max_size=6
)


SPELLINGS: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "nested": lambda source: source,
    "dotted": lambda source: dict(leaves(source)),
    "partly dotted": lambda source: {"turbine": dict(leaves(source["turbine"]))},
    "fields": lambda source: {name: [value] for name, value in leaves(source)},
    "nested lists": lambda source: nest({name: [value] for name, value in leaves(source)}),
    "with others": lambda source: {**source, "host": {"name": "a"}, "turbine.x": 1, "a.b": [1, 2]},
}
DAMAGES: list[Callable[[dict[str, Any], str, Any], Any]] = [
    lambda source, name, value: source.update({name: value}),
    lambda source, name, value: source.update({name.rpartition(".")[0]: value}),
    lambda source, name, value: source.pop(name, None),
    lambda source, name, value: source.update({name: [value, value]}),
    lambda source, name, value: source.update({name: True}),
    lambda source, name, value: source.update({name: str(value)}),
    lambda source, name, value: source.update({name: 10**400}),
    lambda source, name, value: source.update({name: "\ud800"}),
]
"""Changes at the top level of a document; if the field is also nested, they add a second spelling."""


@st.composite
def spelled(draw: st.DrawFn, sources: st.SearchStrategy[dict[str, Any]], *, damaged: bool = False) -> dict[str, Any]:
    """A document in any spelling, optionally with one error."""
    source = dict(SPELLINGS[draw(st.sampled_from(sorted(SPELLINGS)))](draw(sources)))
    if damaged:
        draw(st.sampled_from(DAMAGES))(source, draw(st.sampled_from(TURBINE.fields)), draw(NUMBERS))
    return source


def one(enricher: Enricher, source: dict[str, Any]) -> dict[str, Any]:
    (result,) = enriched(enricher, source)
    return result


def shuffled(source: dict[str, Any], order: Any) -> dict[str, Any]:
    items = list(source.items())
    order.shuffle(items)
    return {key: shuffled(value, order) if isinstance(value, dict) else value for key, value in items}


def assert_close(left: Any, right: Any) -> None:
    """Equal except for the last digits of probabilities, which may depend on the batch size."""
    flat_left, flat_right = dict(leaves(copy.deepcopy(left))), dict(leaves(copy.deepcopy(right)))
    assert flat_left.keys() == flat_right.keys()
    for name, value in flat_left.items():
        if name.endswith("top"):
            ours, theirs = ([from_stored(entry) for entry in entries] for entries in (value, flat_right[name]))
            assert [one and one.probability for one in ours] == pytest.approx(
                [one and one.probability for one in theirs], abs=2e-3
            )
        elif isinstance(value, float):
            assert value == pytest.approx(flat_right[name], abs=1e-2 if name.endswith("risk_score") else 1e-5)
        else:
            assert value == flat_right[name]


@given(source=SOURCES, order=st.randoms())
def test_the_order_of_fields_changes_nothing(enricher: Enricher, source: dict[str, Any], order: Any) -> None:
    """JSON objects have no order."""
    assert one(enricher, shuffled(source, order)) == one(enricher, source)


@given(source=SOURCES)
def test_the_spelling_of_fields_changes_nothing(enricher: Enricher, source: dict[str, Any]) -> None:
    """Dotted or nested, it is the same document."""
    dotted = dict(leaves(source))
    assert one(enricher, dotted) == one(enricher, source) == one(enricher, nest(dotted))


@given(sources=st.lists(SOURCES | ODD_SOURCES, max_size=8), cut=st.integers(0, 8))
def test_a_batch_equals_its_parts(enricher: Enricher, sources: list[dict[str, Any]], cut: int) -> None:
    """The watcher's page size does not change a verdict."""
    parts = [*enriched(enricher, *sources[:cut]), *enriched(enricher, *sources[cut:])]
    for whole, part in zip(enriched(enricher, *sources), parts, strict=True):
        assert_close({**whole, "id": ""}, {**part, "id": ""})


@given(sources=st.lists(spelled(SOURCES) | spelled(SOURCES, damaged=True) | ODD_SOURCES, max_size=20))
def test_a_page_equals_its_documents_one_by_one(enricher: Enricher, sources: list[dict[str, Any]]) -> None:
    """For any mix of spellings and errors in a page."""
    results = enriched(enricher, *sources)
    for source, result in zip(sources, results, strict=True):
        assert_close({**result, "id": "0"}, one(enricher, source))


@given(source=spelled(SOURCES) | spelled(SOURCES, damaged=True) | ODD_SOURCES)
def test_the_typed_decoder_equals_reading_field_by_field(source: dict[str, Any]) -> None:
    """Both give the same row or the same error."""
    reader = FeatureReader(TURBINE)
    rows = reader.read([json.dumps(source).encode()])
    found = []
    with contextlib.suppress(DocumentError):
        numbers, words = reader._field_by_field(source)
        found = [(np.array(numbers, np.float32).tolist(), words)]
    assert list(zip(rows.numeric.tolist(), rows.categorical.tolist(), strict=True)) == found
    for error in rows.errors.values():
        with pytest.raises(type(error), match=re.escape(str(error))):
            reader._field_by_field(source)


@given(source=SOURCES, gone=st.sampled_from(TURBINE.fields))
def test_the_error_names_a_missing_field(enricher: Enricher, source: dict[str, Any], gone: str) -> None:
    """So the operator knows which field to map."""
    rest = {name: value for name, value in leaves(source) if name != gone}
    error = one(enricher, rest)["error"]
    assert (error["type"], error["field"]) == ("missing_feature", gone)
    assert gone in error["message"]


@given(
    source=SOURCES,
    word=st.text(min_size=1, max_size=50).filter(
        lambda text: text.strip(BLANKS) not in ("", *TURBINE.categorical[0].vocabulary)
    ),
)
def test_an_unseen_category_is_a_warning_and_no_error(enricher: Enricher, source: dict[str, Any], word: str) -> None:
    """Networks get new services; the model still predicts, with a warning."""
    try:
        word.encode()
    except UnicodeEncodeError:
        return
    source["turbine"]["state"]["mode"] = word
    assert (
        "unseen_category:turbine.state.mode" in one(enricher, source)["fields"]["oversight"]["prediction"]["warnings"]
    )


@given(source=SOURCES)
def test_every_answer_is_a_probability(enricher: Enricher, source: dict[str, Any]) -> None:
    """For any numbers, probability, novelty and risk stay within their ranges."""
    fields = one(enricher, source)["fields"]
    prediction = fields["oversight"]["prediction"]
    assert 0 <= prediction["probability"] <= 1
    assert 0 <= prediction["novelty"] <= 1
    assert 0 <= fields["event"]["risk_score"] <= 100
    assert prediction["top"][0] == as_word(prediction["closest"], prediction["probability"])


@given(page=PAGES)
@settings(max_examples=200)
def test_any_documents_give_one_result_each_in_order(client: FlaskClient, page: list[dict[str, Any]]) -> None:
    """The service never answers 500 and never leaves a document out."""
    answer = client.post("/v1/enrich", data=json.dumps({"documents": page}), content_type="application/json")
    assert answer.status_code == 200
    results = json.loads(answer.get_data())["results"]
    assert [result["id"] for result in results] == [item["id"] for item in page]
    assert all(("fields" in result) != ("error" in result) for result in results)


@given(
    body=JSON
    | st.fixed_dictionaries({"documents": JSON | st.lists(JSON | st.fixed_dictionaries({"id": JSON, "source": JSON}))})
)
@settings(max_examples=200)
def test_any_json_is_answered_or_rejected_with_a_message(client: FlaskClient, body: Any) -> None:
    """The status is 200 or 422, because the body is JSON."""
    answer = client.post("/v1/enrich", data=json.dumps(body), content_type="application/json")
    assert answer.status_code in (200, 422)
    if answer.status_code == 422:
        assert answer.get_json()["error"]["type"] == "wrong_shape"


@given(
    body=st.binary(max_size=200),
    encoding=st.sampled_from(["", "gzip", "br"]),
    kind=st.sampled_from(["application/json", "text/html"]),
)
def test_any_bytes_are_answered_or_rejected_with_a_message(
    client: FlaskClient, body: bytes, encoding: str, kind: str
) -> None:
    """The answer is never a 500 and always JSON."""
    answer = client.post("/v1/enrich", data=body, content_type=kind, headers={"Content-Encoding": encoding})
    assert answer.status_code in (200, 400, 413, 415, 422)
    assert answer.get_json() is not None


@given(path=st.text(max_size=20), method=st.sampled_from(["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD"]))
def test_any_path_is_answered_in_json(client: FlaskClient, path: str, method: str) -> None:
    """The answer is JSON, also for 404 and 405, never an HTML page."""
    answer = client.open("/v1/" + path.encode("utf-8", "replace").decode(), method=method)
    assert answer.status_code in (200, 404, 405, 308, 400)
    assert answer.content_type == "application/json" or answer.status_code == 308
