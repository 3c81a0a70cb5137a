"""Real engines find what a slow evaluation of the same line finds."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from elasticsearch import ApiError, Elasticsearch
from elasticsearch.helpers import bulk
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from console.finding.errors import QueryLineError
from console.finding.fields import Fields
from console.finding.query_line import DEEPEST, LONGEST_LINE, parse
from console.finding.values import LONGEST_PATTERN, MOST_STARS
from contract.documents.fields import FIELDS as DOCUMENT_FIELDS
from contract.documents.fields import properties
from es_pipelines.resources.desired import model_fields
from tests.property.console.test_query_line import LINES
from tests.query_lines import DOCUMENTS, TREES, matches, written
from tests.unit.console.panel_samples import NOW_MS, contract
from tests.waiting import WAIT_S

FIELDS = Fields(contract())
ENGINES = [
    pytest.param("opensearch", marks=pytest.mark.opensearch),
    pytest.param("elasticsearch", marks=pytest.mark.elasticsearch),
]
GENERATED = settings(database=None, phases=(Phase.generate,), suppress_health_check=list(HealthCheck))
"""Without looking for the smallest case, because that would send thousands of searches."""
N = 400
LINES_AT_ONCE = 60


@dataclass
class Filled:
    """An index of generated documents, and the same documents in memory."""

    es: Elasticsearch
    index: str
    documents: list[dict[str, Any]]

    def search(self, queries: list[dict[str, Any]]) -> list[Any]:
        """The responses to several queries."""
        lines: list[Any] = []
        for query in queries:
            body = {"size": N, "_source": False, "query": {"bool": {"filter": [query]}}}
            lines += [{"index": self.index}, body]
        return list(self.es.msearch(searches=lines)["responses"])


@pytest.fixture(scope="module", params=ENGINES)
def filled(request: pytest.FixtureRequest) -> Iterator[Filled]:
    """Generated documents with the mappings of this project."""
    index = f"console-lines-{uuid.uuid4().hex[:8]}"
    documents: list[dict[str, Any]] = []

    @seed(7)
    @settings(GENERATED, max_examples=N)
    @given(document=DOCUMENTS)
    def collect(document: dict[str, Any]) -> None:
        documents.append(document)

    collect()
    with Elasticsearch(request.getfixturevalue(f"{request.param}_url"), request_timeout=WAIT_S) as es:
        fields = properties([*DOCUMENT_FIELDS, *model_fields(contract())])
        es.indices.create(index=index, mappings={"dynamic": False, "properties": fields})
        try:
            made = ({"_index": index, "_id": str(number), "_source": one} for number, one in enumerate(documents))
            bulk(es, made, refresh=True)
            yield Filled(es, index, documents)
        finally:
            es.indices.delete(index=index)


def test_a_line_finds_what_a_slow_evaluation_finds(filled: Filled) -> None:
    """Every type of field, every operator, wildcards, words, and, or, not."""

    @settings(GENERATED, max_examples=3)
    @given(trees=st.lists(TREES, min_size=LINES_AT_ONCE, max_size=LINES_AT_ONCE))
    def check(trees: list[Any]) -> None:
        queries = [parse(written(tree), FIELDS, now_ms=NOW_MS) or {} for tree in trees]
        for tree, response in zip(trees, filled.search(queries), strict=True):
            assert "error" not in response, (written(tree), response["error"])
            found = {int(hit["_id"]) for hit in response["hits"]["hits"]}
            wanted = {number for number, one in enumerate(filled.documents) if matches(tree, one)}
            assert found == wanted, written(tree)

    check()


def test_every_query_of_any_line_is_accepted(filled: Filled) -> None:
    """Whatever a person types: a line is refused by us, with a position, or the engine answers it."""

    @settings(GENERATED, max_examples=3)
    @given(lines=st.lists(LINES, min_size=LINES_AT_ONCE, max_size=LINES_AT_ONCE))
    def check(lines: list[str]) -> None:
        _accepted(filled, lines)

    check()


def test_the_longest_lines_are_accepted(filled: Filled) -> None:
    """At each limit of a line: depth, `*`, comparisons, length."""
    part = LONGEST_PATTERN // (MOST_STARS - 1)
    lines = [
        "(" * DEEPEST + "user: a or b" + ")" * DEEPEST,
        "not (x or " * (DEEPEST // 2) + "x" + ")" * (DEEPEST // 2),
        "not (user: a and not (user: b and not (user: c or x)))",
        "user: " + "*" + f"{'a' * part}*" * (MOST_STARS - 1),
        "user: " + "*" + f"{('ab' * part)[:part]}*" * (MOST_STARS - 1),
        "*" + f"{'a' * part}*" * (MOST_STARS - 1),
        "*" + f"{'é' * part}*" * (MOST_STARS - 1),
        "*" + f"{('?b' * part)[:part]}*" * (MOST_STARS - 1),
        "*" + f"{chr(0x1F600) * part}*" * (MOST_STARS - 1),
        "x" * LONGEST_PATTERN,
        f'user: "{"x" * (LONGEST_LINE - 8)}"',
        " or ".join(["user: a"] * 180),
        " ".join("abcdefghijklmnopqrstuvwxyzabcdefghijklmn"),
        " or ".join(["(x)"] * 40),
    ]
    assert _accepted(filled, lines) == len(lines)


def _accepted(filled: Filled, lines: list[str]) -> int:
    queries = {}
    for line in lines:
        try:
            query = parse(line, FIELDS, now_ms=NOW_MS)
        except QueryLineError:
            continue
        if query is not None:
            queries[line] = query
    try:
        responses = filled.search(list(queries.values())) if queries else []
    except ApiError as error:
        raise AssertionError(error.body) from error
    assert {line: one["error"] for line, one in zip(queries, responses, strict=True) if "error" in one} == {}
    return len(queries)
