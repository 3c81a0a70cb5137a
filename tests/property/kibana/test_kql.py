"""A label or a field name can contain any text. In KQL it stays one value, and no part of it becomes an operator."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from kibana.panels.conditions import All, Exists, Is, Not, kql

ANYTHING = st.text(st.characters(blacklist_categories=["Cs"]), max_size=20)
STRING = re.compile(r'"(?:\\.|[^"\\])*"', re.DOTALL)
"""A quoted text in KQL's grammar: a backslash precedes every quote and backslash inside it."""
ESCAPES = {"\\t": "\t", "\\r": "\r", "\\n": "\n"}


def read(quoted: str) -> str:
    """The value of a quoted text, as KQL's grammar reads it."""
    return re.sub(r"\\.", lambda found: ESCAPES.get(found[0], found[0][1:]), quoted[1:-1], flags=re.DOTALL)


@given(value=ANYTHING)
def test_a_value_reads_back_as_it_was(value: str) -> None:
    text = kql(Is("label", value)).removeprefix("label: ")
    assert STRING.fullmatch(text)
    assert read(text) == value
    assert not re.search(r"[\n\r\t]", text)


@given(values=st.lists(ANYTHING, min_size=1, max_size=4))
def test_several_values_are_told_apart(values: list[str]) -> None:
    text = kql(Not(Is("label", tuple(values))))
    assert [read(found) for found in STRING.findall(text)] == values
    assert STRING.sub("_", text) == f"not (label: ({' or '.join('_' for _ in values)}))"


@given(name=st.text('abAND or:(){}<>"*\\.', min_size=1, max_size=12))
def test_a_field_of_any_name_stays_one_field(name: str) -> None:
    """Quoted if it has other characters than letters; Kibana's grammar accepts quoted field names."""
    field, separator, rest = kql(All((Exists(name), Exists("b")))).partition(": * and b: *")
    assert (separator, rest) == (": * and b: *", "")
    if field.startswith('"'):
        assert STRING.fullmatch(field)
        assert read(field) == name
    else:
        assert re.fullmatch(r"[a-zA-Z.]+", field)
        assert field == name
        assert field.lower() not in ("and", "or", "not")
