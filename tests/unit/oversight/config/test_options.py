"""Options of commands are generated from the settings: type, default, help and variable are defined once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from common.settings.base import Settings
from common.settings.shared import OversightSettings
from enrich_service.settings import ServeSettings
from oversight.cli import app
from oversight.config.settings import PARTS, load, option_of
from watcher.settings import WatchSettings


@click.command()
@option_of(ServeSettings, "threads", metavar="N")
@option_of(ServeSettings, "queue_timeout_s")
@option_of(OversightSettings, "model")
@option_of(WatchSettings, "slice")
def command(**given: Any) -> None:
    """Print the given values."""
    click.echo(repr(sorted(given.items())))


def run(*words: str) -> str:
    result = CliRunner().invoke(command, words)
    return result.output


def test_the_help_of_an_option_is_that_of_the_setting_with_its_variable_and_default() -> None:
    text = " ".join(run("--help").split())
    assert "--threads N Requests that one worker process handles at the same time." in text
    assert "[env var: OVERSIGHT_SERVE_THREADS; default: 4]" in text
    assert "--queue-timeout-s FLOAT Seconds after which a waiting request gets 503." in text
    assert "[env var: OVERSIGHT_MODEL; default: kdd99-mlp]" in text
    assert "[env var: OVERSIGHT_WATCH_SLICE]" in text


def test_an_option_that_is_not_given_leaves_the_setting_to_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    """A default of the option would override the environment."""
    assert run() == "[('model', None), ('queue_timeout_s', None), ('slice', None), ('threads', None)]\n"
    monkeypatch.setenv("OVERSIGHT_SERVE_THREADS", "7")
    assert load(ServeSettings, threads=None).threads == 7
    assert load(ServeSettings, threads=3).threads == 3


def test_an_option_has_the_type_of_its_setting(tmp_path: Path) -> None:
    """A path stays text: for the settings `kdd99-flow` is a name and `./kdd99-flow` a path, which are equal as Path."""
    said = run("--threads", "3", "--queue-timeout-s", "1.5", "--model", str(tmp_path), "--slice", "1/2")
    assert said == (f"[('model', {str(tmp_path)!r}), ('queue_timeout_s', 1.5), ('slice', '1/2'), ('threads', 3)]\n")
    assert "is not a valid integer" in run("--threads", "many")


@pytest.mark.parametrize("part", PARTS)
def test_every_setting_has_help(part: type[Settings]) -> None:
    """Options, `oversight settings` and docs/settings.md show it."""
    for name, field in part.model_fields.items():
        assert (field.description or "").endswith("."), part.variable(name)


def test_no_two_settings_share_a_variable() -> None:
    variables = [part.variable(name) for part in PARTS for name in part.model_fields]
    assert len(variables) == len(set(variables))


def test_every_command_for_one_installation_can_name_its_dataset() -> None:
    """Without the option a command would use the stream of another model."""
    checked = 0
    for path, each in _commands(app, ()):
        names = {option for one in each.params for option in one.opts}
        if "--namespace" in names:
            checked += 1
            assert "--dataset" in names, path
    assert checked >= 14


def _commands(command: click.Command, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    context = click.Context(command)
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below is not None
            yield from _commands(below, (*path, name))
    else:
        yield path, command
