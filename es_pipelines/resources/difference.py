"""A unified diff of two bodies, as a person reads it: YAML, a script line by line, a set of paths one to a line.

@@ processors > script (gather) > params        where in the body the lines are, not at which line
-  half: 21
+  half: 14
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import yaml

CONTEXT_LINES = 2
_LONG = 100
"""A longer text that is a list is shown as a list."""
_WIDTH = 10**6
"""YAML folds no line: a folded line would differ everywhere after its first change."""
_ROW_KEYS, _ROW_LETTERS = 8, 150
"""Most keys and letters of an object that is shown in one line."""
_KEY = re.compile(r"^(\s*)(?:- )*([^\s:'\"]+):(?: [|>].*)?$")


class _Row(dict[str, Any]):
    """An object that is shown in one line: a field of a mapping, a feature of a model."""


class _Dumper(yaml.SafeDumper):
    """YAML with scripts as blocks and rows of numbers in one line."""


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    style = None
    if "\n" in value:
        style = "|" if value.strip() else '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


def _list(dumper: yaml.SafeDumper, value: list[Any]) -> yaml.SequenceNode:
    numbers = all(isinstance(item, int | float) for item in value)
    return dumper.represent_sequence("tag:yaml.org,2002:seq", value, flow_style=numbers)


def _row(dumper: yaml.SafeDumper, value: _Row) -> yaml.MappingNode:
    return dumper.represent_mapping("tag:yaml.org,2002:map", value, flow_style=True)


_Dumper.add_representer(_Row, _row)
_Dumper.add_representer(str, _text)
_Dumper.add_representer(list, _list)


def diff(stands: Mapping[str, Any], wanted: Mapping[str, Any]) -> tuple[str, ...]:
    """Lines of a unified diff from what is there to what is wanted; a line `@@` says where in the body the next ones
    are.
    """
    before, after = _lines(stands), _lines(wanted)
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
    return tuple(line for group in matcher.get_grouped_opcodes(CONTEXT_LINES) for line in _hunk(group, before, after))


def _hunk(group: Sequence[tuple[str, int, int, int, int]], before: list[str], after: list[str]) -> Iterator[str]:
    kind, start, _, new_start, _ = next(code for code in group if code[0] != "equal")
    yield f"@@ {_where(before, start) if kind == 'delete' else _where(after, new_start)}".rstrip()
    for tag, start, end, new_start, new_end in group:
        if tag == "equal":
            yield from (f" {line}" for line in before[start:end])
            continue
        yield from (f"-{line}" for line in before[start:end])
        yield from (f"+{line}" for line in after[new_start:new_end])


def _where(lines: list[str], number: int) -> str:
    """The keys above a line, the outermost first; a processor is named by its tag too."""
    found: list[str] = []
    indent = _indent(lines[number]) if number < len(lines) else 0
    for index in range(min(number, len(lines)) - 1, -1, -1):
        line = lines[index]
        key = _KEY.match(line)
        if key is not None and _indent(line) < indent:
            indent = _indent(line)
            found.append(f"{key[2]}{_tag(lines, index)}")
    return " > ".join(reversed(found))


def _indent(line: str) -> int:
    """Blanks before a line's text; the dash of a list belongs to what is in it."""
    return len(line) - len(line.lstrip(" -")) if line.lstrip().startswith("- ") else len(line) - len(line.lstrip())


def _tag(lines: list[str], index: int) -> str:
    """Tag of the processor that begins at a line, in brackets."""
    if not lines[index].lstrip().startswith("- "):
        return ""
    inside = _indent(lines[index])
    for line in lines[index + 1 :]:
        if line.strip() and _indent(line) <= inside:
            return ""
        if line.startswith(f"{' ' * (inside + 2)}tag: "):
            return f" ({line.split(': ', 1)[1]})"
    return ""


def _lines(body: Mapping[str, Any]) -> list[str]:
    if not body:
        return []
    text = yaml.dump(
        {key: _readable(value) for key, value in body.items()},
        Dumper=_Dumper,
        allow_unicode=True,
        width=_WIDTH,
        sort_keys=True,
    )
    return text.splitlines()


def _readable(value: Any) -> Any:
    """The same with long texts that are lists as lists."""
    if isinstance(value, Mapping):
        readable = {key: _readable(child) for key, child in value.items()}
        return _Row(readable) if _fits_a_row(readable) else readable
    if isinstance(value, list):
        return [_readable(child) for child in value]
    if isinstance(value, str) and len(value) > _LONG and "\n" not in value:
        for separator in ("|", ","):
            parts = value.strip(separator).split(separator)
            if len(parts) > 10:
                return parts
    return value


def _fits_a_row(value: Mapping[str, Any]) -> bool:
    plain = all(isinstance(child, str | int | float) for child in value.values())
    text = str(value)
    return plain and len(value) <= _ROW_KEYS and len(text) <= _ROW_LETTERS and "\\n" not in text
