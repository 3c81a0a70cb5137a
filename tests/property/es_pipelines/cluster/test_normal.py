"""The normal form of any body: it ignores changes by an engine and shows changes by a person."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from es_pipelines.cluster import normal
from es_pipelines.cluster.capabilities import Capabilities
from es_pipelines.cluster.ownership import Mark, describe, digest, from_description, from_meta, meta, undescribe
from es_pipelines.resources.desired import resources
from tests.pipelines import KDD99

PIPELINES = [
    one.body
    for one in resources(KDD99, "unit", Capabilities(data_streams=True, index_mode=True))
    if one.kind == "pipeline"
]
NAMES = st.text("abcdefgh_", min_size=1, max_size=6)
SCALARS = st.booleans() | st.integers(-(10**9), 10**9) | st.text(max_size=8)
BODIES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3), max_leaves=12
)
SETTINGS = st.dictionaries(NAMES, st.dictionaries(NAMES, st.booleans() | st.integers(0, 1000), min_size=1, max_size=3))


@given(BODIES)
def test_normalizing_is_idempotent(body: Any) -> None:
    """A second normalization and a round trip through JSON change nothing."""
    once = normal.plain(body)
    assert normal.plain(once) == once
    assert digest(normal.plain(json.loads(json.dumps(body)))) == digest(once)


@given(SETTINGS)
def test_settings_may_be_spelled_in_any_way(groups: dict[str, dict[str, Any]]) -> None:
    """Nested below `index`, flat, or as strings: Elasticsearch accepts one form and returns another."""
    flat = {f"index.{group}.{name}": value for group, values in groups.items() for name, value in values.items()}
    as_text = {name: json.dumps(value) for name, value in flat.items()}
    assert normal.settings({"index": groups}) == normal.settings(flat) == normal.settings(as_text)
    assert normal.settings(groups) == normal.settings(flat)


@given(st.data())
def test_removing_any_option_changes_the_digest(data: st.DataObject) -> None:
    """The digest covers every part of a pipeline."""
    ours = data.draw(st.sampled_from(PIPELINES))
    body = json.loads(json.dumps(ours))
    place = data.draw(st.integers(0, len(body["processors"]) - 1))
    ((kind, options),) = body["processors"][place].items()
    key = data.draw(st.sampled_from(sorted(options)))
    del body["processors"][place][kind][key]
    assert digest(normal.pipeline(body)) != digest(normal.pipeline(ours))


@given(NAMES, st.text("0123456789abcdef", min_size=16, max_size=16), st.text(max_size=200))
def test_our_mark_can_be_read_next_to_any_text(namespace: str, sha256: str, text: str) -> None:
    """The other text stays unchanged."""
    mark = Mark(namespace, sha256, "1.0.0")
    assert from_meta({**meta(mark), "theirs": text}) == mark
    assert from_description(describe(text, mark)) == mark
    assert undescribe(describe(text, mark)) == text
