"""Reads docker-compose.yml as Docker does: fills in variables and merges blocks."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
TEXT = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
_VARIABLE = re.compile(r"\$(?:\$|\{(?P<name>\w+)(?:(?P<how>:[-?])(?P<rest>(?:[^{}]|\$\{[^{}]*\})*))?\})")

Service = dict[str, Any]


def read(variables: Mapping[str, str]) -> dict[str, Any]:
    """Return the whole file.

    Args:
        variables: as in `.env`.
    Raises:
        KeyError: a required variable is missing.
    """
    content: dict[str, Any] = _filled(yaml.safe_load(TEXT), variables)
    return content


def _filled(value: Any, variables: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _filled(inner, variables) for key, inner in value.items()}
    if isinstance(value, list):
        return [_filled(inner, variables) for inner in value]
    return _VARIABLE.sub(lambda match: _value(match, variables), value) if isinstance(value, str) else value


def _value(match: re.Match[str], variables: Mapping[str, str]) -> Any:
    if match["name"] is None:
        return "$"
    given = variables.get(match["name"], "")
    if not given and match["how"] == ":?":
        raise KeyError(match["name"])
    return given or _filled(match["rest"] or "", variables)


def variables(text: str = TEXT) -> Iterator[tuple[str, str, str]]:
    """Yield every variable of the file: name, `:?` or `:-` or nothing, and its default or message."""
    for match in _VARIABLE.finditer(text):
        if match["name"] is not None:
            yield match["name"], match["how"] or "", match["rest"] or ""
            yield from variables(match["rest"] or "")


def mounts(service: Service) -> dict[str, tuple[str, bool]]:
    """Return the mounts: path in the container, source, and whether it is writable."""
    mounted = {}
    for entry in service.get("volumes", []):
        source, target, *mode = entry.split(":")
        mounted[target] = (source, mode != ["ro"])
    return mounted
