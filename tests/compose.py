"""docker-compose.yml as Docker would read it: variables filled in, blocks merged."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from tests.conftest import ROOT

TEXT = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
_VARIABLE = re.compile(r"\$(?:\$|\{(?P<name>\w+)(?:(?P<how>:[-?])(?P<rest>[^}]*))?\})")

Service = dict[str, Any]


def read(variables: Mapping[str, str]) -> dict[str, Any]:
    """The whole file.

    Args:
        variables: as in `.env`.
    Raises:
        KeyError: one is missing that the file demands.
    """
    content: dict[str, Any] = _filled(yaml.safe_load(TEXT), variables)
    return content


def _filled(value: Any, variables: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _filled(inner, variables) for key, inner in value.items()}
    if isinstance(value, list):
        return [_filled(inner, variables) for inner in value]
    return _VARIABLE.sub(lambda found: _value(found, variables), value) if isinstance(value, str) else value


def _value(found: re.Match[str], variables: Mapping[str, str]) -> str:
    if found["name"] is None:
        return "$"
    given = variables.get(found["name"], "")
    if not given and found["how"] == ":?":
        raise KeyError(found["name"])
    return given or (found["rest"] or "")


def variables() -> Iterator[tuple[str, str, str]]:
    """Every variable that the file takes: name, `:?` or `:-` or nothing, and its default or message."""
    for found in _VARIABLE.finditer(TEXT):
        if found["name"] is not None:
            yield found["name"], found["how"] or "", found["rest"] or ""


def mounts(service: Service) -> dict[str, tuple[str, bool]]:
    """What is mounted where: path in the container, source and whether it may be written."""
    found = {}
    for entry in service.get("volumes", []):
        source, target, *mode = entry.split(":")
        found[target] = (source, mode != ["ro"])
    return found
