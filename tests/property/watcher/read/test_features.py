"""Laws of requests to the enrich service: they contain the model's fields in any spelling, and nothing else."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from contract.documents.paths import leaves, lookup_clear
from watcher.read.features import features

FIELDS = ("kdd99.count", "kdd99.flag", "network.bytes", "network.dns.size", "speed")
NAMES = st.sampled_from(
    ["kdd99", "count", "flag", "network", "bytes", "dns", "size", "speed", "other", "kdd99.count", "dns.size"]
)
VALUES = st.recursive(
    st.integers(0, 9),
    lambda children: st.dictionaries(NAMES, children, max_size=3) | st.lists(children, max_size=2),
    max_leaves=8,
)
SOURCES = st.dictionaries(NAMES, VALUES, max_size=4)
USUAL = st.fixed_dictionaries(
    {"kdd99": st.fixed_dictionaries({"count": st.integers(), "flag": st.just("SF")}), "user": st.just({"id": "alice"})}
)


@given(pages=st.lists(SOURCES | USUAL, min_size=1, max_size=4))
def test_a_page_equals_its_documents_one_by_one(pages: list[dict[str, Any]]) -> None:
    """Choosing the features of a whole page gives the same as choosing them for each document."""
    assert features(pages, FIELDS) == [features([source], FIELDS)[0] for source in pages]


@given(source=SOURCES)
def test_only_fields_of_the_model_are_sent(source: dict[str, Any]) -> None:
    """Every value is at or below a field of the model, also within lists."""

    def paths(value: Any, path: str) -> list[str]:
        if isinstance(value, dict):
            return [each for key, child in value.items() for each in paths(child, f"{path}.{key}" if path else key)]
        if isinstance(value, list) and path not in FIELDS:
            return [each for child in value for each in paths(child, path)]
        return [path]

    for path in paths(features([source], FIELDS)[0], ""):
        assert any(path == field or path.startswith(f"{field}.") for field in FIELDS), path


@given(source=SOURCES)
def test_every_existing_field_is_sent(source: dict[str, Any]) -> None:
    """In any spelling, also if two spellings contradict each other: the service reports that, not the watcher."""
    sent = features([source], FIELDS)[0]
    for field in FIELDS:
        value = lookup_clear(source, field)
        if value is not None and not (isinstance(value, dict) and not list(leaves(value))):
            assert lookup_clear(sent, field) == value


def test_a_usual_document_is_sent_without_its_other_fields() -> None:
    source = {"kdd99": {"count": 1, "flag": "SF"}, "event": {"original": "a line"}, "oversight": {"status": "pending"}}
    assert features([source, source], FIELDS) == [{"kdd99": {"count": 1, "flag": "SF"}}] * 2
    assert features([{**source, "kdd99": {"count": 1, "secret": 2}}], FIELDS) == [{"kdd99": {"count": 1}}]
