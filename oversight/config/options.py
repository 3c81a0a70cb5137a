"""Creates command-line options from settings: the settings class gives type, default and help."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import NoneType
from typing import Any, TypeVar, get_args

import click
from pydantic import SecretStr

from common.settings.base import Settings
from common.settings.shared import DEFAULT_MODEL

_Command = TypeVar("_Command", bound=Callable[..., Any])


def option_of(part: type[Settings], name: str, *, metavar: str | None = None) -> Callable[[_Command], _Command]:
    """Return the option `--NAME` of one setting. Without the option the value is None, and `load` uses the variable."""
    field = part.model_fields[name]
    default = default_of(part, name)
    known = f"env var: {part.variable(name)}" + ("" if default is None else f"; default: {default}")
    kinds = [kind for kind in get_args(field.annotation) or (field.annotation,) if kind is not NoneType]
    return click.option(
        f"--{name.replace('_', '-')}",
        name,
        type=click.Path(path_type=Path) if Path in kinds else kinds[0],
        metavar=metavar,
        help=f"{field.description} [{known}]",
    )


def default_of(part: type[Settings], name: str) -> str | None:
    """Return the default of a setting as text; None: unset."""
    value = part.model_fields[name].default
    if value is None or isinstance(value, SecretStr):
        return None
    if value == DEFAULT_MODEL:
        return str(DEFAULT_MODEL.relative_to(DEFAULT_MODEL.parents[2]))
    return str(value).lower() if isinstance(value, bool) else str(value)
