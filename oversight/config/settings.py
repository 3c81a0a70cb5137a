"""Reads settings from command-line options, then the environment, then `.env`, then the class's default; makes those
options from the settings.

A variable that begins with `OVERSIGHT_` and is no setting is an error, so that no misspelt name is ignored silently.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from types import NoneType
from typing import Any, TypeVar, get_args

import click
from pydantic import SecretStr, ValidationError

from common.settings.base import Settings
from common.settings.connections import ElasticsearchSettings
from common.settings.shared import DEFAULT_MODEL, OversightSettings
from console.web.settings import ConsoleSettings
from contract import hints
from contract.documents.datasets import CONNECTION
from contract.errors import ArtifactError, SettingsError
from enrich_service.settings import ServeSettings
from es_pipelines.settings import ProvisionSettings, ShipSettings
from kibana.settings import KibanaSettings
from oversight.config import env_file, misspelt_names
from oversight.config.env_file import ENV_FILE
from watcher.settings import WatchSettings

PARTS: tuple[type[Settings], ...] = (
    ElasticsearchSettings,
    OversightSettings,
    ProvisionSettings,
    ServeSettings,
    WatchSettings,
    ShipSettings,
    KibanaSettings,
    ConsoleSettings,
)
ENVIRONMENT = "environment"
_Part = TypeVar("_Part", bound=Settings)
_Command = TypeVar("_Command", bound=Callable[..., Any])
_warned: set[str] = set()
"""Warnings that this process has printed."""


def load(part: type[_Part], **given: Any) -> _Part:
    """Return the settings of one part. `given` are command-line options, which win (None: not given).

    Raises:
        SettingsError: names the variable, its value and what is allowed.
    """
    file, environment = env_file.values(), _environment()
    _check_names(environment, file)
    variables = {**file, **environment}
    values = {name: variables.get(part.variable(name)) for name in part.model_fields}
    values |= {name: value for name, value in given.items() if value is not None}
    try:
        settings = part(**{name: value for name, value in values.items() if value is not None})
    except ValidationError as error:
        raise SettingsError("; ".join(_explain(part, problem) for problem in error.errors())) from None
    _refuse_mixed(part, given)
    return settings


def load_installation(**given: Any) -> OversightSettings:
    """Return the settings of a command that works on one dataset of an installation; `given` as for `load`.

    Without `--dataset` and OVERSIGHT_DATASET it is the dataset of the model's contract.

    Raises:
        SettingsError: as `load`, or the model cannot be read.
    """
    settings = load(OversightSettings, **given)
    if settings.dataset is None:
        settings = settings.model_copy(update={"dataset": _dataset_of(settings.model)})
    explicit = given.get("dataset") is not None or settings.dataset != CONNECTION
    hints.installation(settings.namespace, settings.chosen_dataset if explicit else "")
    return settings


def model_dataset(settings: OversightSettings) -> str:
    """Return the dataset of the model's contract; the settings' own one if this machine does not have the model."""
    try:
        return _dataset_of(settings.model)
    except SettingsError:
        return settings.chosen_dataset


def _dataset_of(model: Path) -> str:
    if model == DEFAULT_MODEL:  # every command would read the file for nothing
        return CONNECTION
    from enrich_service.model.model_file import read_contract

    try:
        return read_contract(model).dataset
    except ArtifactError as error:
        raise SettingsError(
            f"{error}; a command that needs no model runs without it if you name the dataset in OVERSIGHT_DATASET or "
            "with --dataset"
        ) from None


def origin(part: type[Settings], name: str) -> str:
    """Return where a setting's value comes from: `environment`, `.env` or `default`."""
    key = part.variable(name)
    if key in _environment():
        return ENVIRONMENT
    return ENV_FILE if key in env_file.values() else "default"


def _environment() -> dict[str, str]:
    return {name.upper(): value for name, value in os.environ.items()}


def _check_names(environment: Collection[str], file: Collection[str]) -> None:
    """Refuse variables that look like misspelt settings, or warn about them.

    Raises:
        SettingsError: names one, and the closest setting.
    """
    known = {part.variable(name) for part in PARTS for name in part.model_fields}
    for message in misspelt_names.refused(environment, file, known):
        raise SettingsError(message)
    for message in misspelt_names.warned(environment, file, known):
        if message not in _warned:  # a command loads the settings of several parts
            _warned.add(message)
            click.echo(f"oversight: {message}", err=True)


def _refuse_mixed(part: type[Settings], given: Mapping[str, Any]) -> None:
    """Refuse to combine a secret from the environment with an address or certificate authority from `.env`.

    Raises:
        SettingsError: names both variables.
    """
    for secret in part.secrets:
        for address in part.places:
            both_from_variables = given.get(address) is None and given.get(secret) is None
            if both_from_variables and (origin(part, secret), origin(part, address)) == (ENVIRONMENT, ENV_FILE):
                raise SettingsError(
                    f"{part.variable(secret)} is in the environment and {part.variable(address)} in the file "
                    f"{Path(ENV_FILE).absolute()}: Oversight never sends a secret from the environment to an address "
                    "from a file; set both in the environment, or both in the file"
                )


def _explain(part: type[Settings], problem: Any) -> str:
    message = str(problem["msg"]).removeprefix("Value error, ")
    if not problem["loc"]:
        return message
    name = str(problem["loc"][0])
    field = part.model_fields.get(name)
    secret = (
        field is None
        or "SecretStr" in str(field.annotation)
        or any(mark in str(problem.get("input")) for mark in "@?#")
    )
    shown = "" if secret else f"={problem.get('input')}"
    return f"{part.variable(name)}{shown}: {message}"


def option_of(part: type[Settings], name: str, *, metavar: str | None = None) -> Callable[[_Command], _Command]:
    """Return the option `--NAME` of one setting. Without the option the value is None, and `load` uses the variable."""
    field = part.model_fields[name]
    default = default_of(part, name)
    known = f"env var: {part.variable(name)}" + ("" if default is None else f"; default: {default}")
    kinds = [kind for kind in get_args(field.annotation) or (field.annotation,) if kind is not NoneType]
    return click.option(
        f"--{name.replace('_', '-')}",
        name,
        type=click.Path() if Path in kinds else kinds[0],  # as text: `./name` and `name` are the same Path
        metavar=metavar,
        help=f"{field.description} [{known}]",
    )


def default_of(part: type[Settings], name: str) -> str | None:
    """Return the default of a setting as text; None: unset."""
    value = part.model_fields[name].default
    if value is None or isinstance(value, SecretStr):
        return None
    if value == DEFAULT_MODEL:
        return DEFAULT_MODEL.parent.name
    return str(value).lower() if isinstance(value, bool) else str(value)
