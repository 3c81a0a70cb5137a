"""One condition, two languages."""

from __future__ import annotations

import pytest

from kibana.panels.conditions import (
    All,
    AnyOf,
    Begins,
    Between,
    Exists,
    Is,
    Not,
    Where,
    all_of,
    fields,
    kql,
    lucene,
    query,
)

CASES: list[tuple[Where | None, str]] = [
    (None, ""),
    (Is("a.b", "x"), 'a.b: "x"'),
    (Is("a.b", ("x", "y")), 'a.b: ("x" or "y")'),
    (Is("a.b", True), "a.b: true"),
    (Is("n", 73), "n: 73"),
    (Is("a", 'say "hi" \\ *'), 'a: "say \\"hi\\" \\\\ *"'),
    (Is("a", "two\nlines"), 'a: "two\\nlines"'),
    (Exists("a"), "a: *"),
    (Between("n", 1, 5), "n >= 1 and n < 5"),
    (Between("n", None, 0.5), "n < 0.5"),
    (Not(Exists("a")), "not (a: *)"),
    (All((Is("a", "x"), Between("n", 1, 5))), 'a: "x" and (n >= 1 and n < 5)'),
    (AnyOf((Is("a", "x"), All((Is("b", "y"), Exists("c"))))), 'a: "x" or (b: "y" and c: *)'),
    (Is("my field:(1)", "x"), '"my field:(1)": "x"'),
    (Is("Not", "x"), '"Not": "x"'),
    (Exists("this or that"), '"this or that": *'),
]


@pytest.mark.parametrize(("where", "text"), CASES, ids=[str(number) for number in range(len(CASES))])
def test_a_condition_as_kql(where: Where | None, text: str) -> None:
    assert kql(where) == text


def test_a_condition_as_a_query() -> None:
    where = All((Is("a", "x"), Not(Is("a", ("y", "z"))), AnyOf((Exists("b"), Between("n", 1)))))
    assert query(where) == {
        "bool": {
            "filter": [
                {"term": {"a": "x"}},
                {"bool": {"must_not": [{"terms": {"a": ["y", "z"]}}]}},
                {
                    "bool": {
                        "should": [{"exists": {"field": "b"}}, {"range": {"n": {"gte": 1}}}],
                        "minimum_should_match": 1,
                    }
                },
            ]
        }
    }
    assert query(None) == query(All(())) == {"match_all": {}}
    assert list(fields(where)) == ["a", "a", "b", "n"]


def test_parts_that_are_not_there_are_left_out() -> None:
    assert all_of(None, None) is None
    assert all_of(None, Exists("a")) == Exists("a")
    assert all_of(Exists("a"), Exists("b")) == All((Exists("a"), Exists("b")))


def test_a_beginning_is_a_prefix_in_a_query_and_in_lucene_and_refused_in_kql() -> None:
    where = Begins("a.b", 'cpu (1) is "')
    assert query(where) == {"prefix": {"a.b": {"value": 'cpu (1) is "'}}}
    assert lucene(where) == r"a.b:cpu\ \(1\)\ is\ \"*"
    assert list(fields(where)) == ["a.b"]
    with pytest.raises(ValueError, match="use lucene"):
        kql(where)
