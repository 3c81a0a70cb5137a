"""A unified diff of two bodies, as a person reads it: YAML, a script line by line, a set of paths one to a line."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

import yaml

CONTEXT_LINES = 2
_LONG = 100
"""Letters past which a text that is a list is shown as one."""
_WIDTH = 10**6
"""YAML folds no line: a folded one differs everywhere after its first change."""


class _Dumper(yaml.SafeDumper):
    """YAML with scripts as blocks."""


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    style = "|" if "\n" in value.strip("\n") else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Dumper.add_representer(str, _text)


def diff(stands: Mapping[str, Any], wanted: Mapping[str, Any]) -> tuple[str, ...]:
    """Lines of a unified diff from what stands to what is wanted, without the two header lines."""
    lines = difflib.unified_diff(_lines(stands), _lines(wanted), n=CONTEXT_LINES, lineterm="")
    return tuple(lines)[2:]


def _lines(body: Mapping[str, Any]) -> list[str]:
    if not body:
        return []
    text = yaml.dump(_readable(body), Dumper=_Dumper, allow_unicode=True, width=_WIDTH, sort_keys=True)
    return text.splitlines()


def _readable(value: Any) -> Any:
    """The same with long texts that are lists as lists."""
    if isinstance(value, Mapping):
        return {key: _readable(child) for key, child in value.items()}
    if isinstance(value, list):
        return [_readable(child) for child in value]
    if isinstance(value, str) and len(value) > _LONG and "\n" not in value:
        for separator in ("|", ","):
            parts = value.strip(separator).split(separator)
            if len(parts) > 10:
                return parts
    return value
