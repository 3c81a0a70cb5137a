"""`oversight provision` as a user types it: output and exit codes of plan, check, removal and refusals."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from elasticsearch import Elasticsearch

from benchmarks.es_pipelines.removal import remove
from common.settings.shared import DEFAULT_MODEL
from contract.documents.fields import stream_name
from contract.errors import InputError, SettingsError
from enrich_service.model.model_file import read_contract
from es_pipelines.provision.apply import plan
from es_pipelines.provision.plan import apply
from es_pipelines.provision.upgrade import NOTES
from oversight.commands.provision import command
from tests.pipelines import LINE, creations
from tests.provisioning import state

FLOW = ("--dataset", "connection", "--model", "kdd99-flow")
"""The other shipped model, in the stream of the first."""
ON_THE_EMBEDDED = pytest.mark.parametrize("engine_url", ["embedded"], indirect=True)
"""Texts and exit codes are the same on each engine."""
NOTHING: dict[str, Any] = {"pipelines": {}, "component templates": [], "index templates": []}

Type = Callable[..., Result]


@pytest.fixture
def installation(es: Elasticsearch, namespace: str) -> Iterator[str]:
    """A namespace whose resources are removed afterwards."""
    yield namespace
    remove(es, namespace)


@pytest.fixture
def provision(engine_url: str, installation: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Type:
    """Runs `oversight provision` with the given arguments, in a folder without a `.env`."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ELASTICSEARCH_URL", engine_url)
    monkeypatch.setenv("OVERSIGHT_NAMESPACE", installation)
    return lambda *words: CliRunner().invoke(command, list(words))


def _steps(result: Result) -> list[tuple[str, str, str]]:
    """Kind, name and action of each step of a report or a plan."""
    assert result.exception is None, result.output
    return [(step["kind"], step["name"], step["action"]) for step in json.loads(result.stdout)["steps"]]


def _lines(result: Result) -> list[list[str]]:
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return [line.split() for line in result.stdout.splitlines()]


def test_a_plan_says_exactly_what_the_next_run_does(es: Elasticsearch, provision: Type, installation: str) -> None:
    """On an empty cluster, after a change of the model, and for a removal: the same resources in the same order."""
    done = {"create": "created", "update": "updated", "unchanged": "unchanged", "remove": "removed"}
    for words in ((), FLOW, ("--remove",)):
        before = state(es, installation)
        plan = _steps(provision(*words, "--plan", "--json"))
        assert state(es, installation) == before
        assert _steps(provision(*words, "--json")) == [(kind, name, done[action]) for kind, name, action in plan]
        assert {action for _, _, action in plan} - {"unchanged"}
    assert state(es, installation) == NOTHING


@ON_THE_EMBEDDED
def test_a_plan_shows_each_change_and_the_command_for_it(provision: Type, installation: str) -> None:
    """Another model changes its pipelines: each diff shows where, and the last line is the command to run."""
    first = _lines(provision("--plan"))
    assert ["create", "pipeline", f"oversight-router-{installation}"] in [line[:3] for line in first]
    assert first[-1][-6:] == ["run", "`oversight", "provision`", "to", "apply", "it"]
    provision()
    shown = provision("--plan", *FLOW)
    assert "@@ processors > script (gather) > params > needed" in shown.stdout
    assert "    -      - kdd99.hot\n" in shown.stdout
    assert "\x1b" not in shown.stdout
    assert shown.exit_code == 0
    assert shown.stdout.splitlines()[-1].endswith(f"run `oversight provision {' '.join(FLOW)}` to apply it")


@ON_THE_EMBEDDED
def test_a_check_that_finds_a_difference_ends_with_1_and_names_it(
    es: Elasticsearch, provision: Type, installation: str
) -> None:
    """Before and after provisioning, and after a person's edit: the exit code is enough for a cron job."""
    absent = provision("--check")
    assert absent.exit_code == 1
    provision()
    good = provision("--check")
    assert (good.exit_code, good.stdout.splitlines()[-1].endswith("unchanged; nothing was written")) == (0, True)
    name = f"oversight-csv-{installation}"
    stored = dict(es.ingest.get_pipeline(id=name)[name])
    es.ingest.put_pipeline(id=name, body={**stored, "processors": stored["processors"][1:]})
    drifted = provision("--check")
    assert drifted.exit_code == 1
    (line,) = [line for line in drifted.stdout.splitlines() if name in line]
    assert line.startswith("keep")
    assert "a person edited it" in line
    assert provision().exit_code == 0
    assert es.ingest.get_pipeline(id=name)[name]["processors"] == stored["processors"][1:]
    assert ["updated", "pipeline", f"{name}:"] in [line[:3] for line in _lines(provision("--force"))]
    assert provision("--check").exit_code == 0


@ON_THE_EMBEDDED
def test_an_upgrade_names_what_the_administrator_has_to_do(
    es: Elasticsearch, provision: Type, installation: str
) -> None:
    """A user with a short token learns it from the plan, before the service refuses to start; one run prints it."""
    planned, of_now, _ = plan(es, read_contract(DEFAULT_MODEL), namespace=installation)
    apply(es, planned, dataclasses.replace(of_now, version="0.1.0"))
    es.ingest.delete_pipeline(id=f"oversight-json-{installation}")  # as if a later version changed something
    before = state(es, installation)
    for words in (("--plan",), ()):
        said = provision(*words).stdout
        assert "upgrade from 0.1.0 to 0.2.0: tokens off loopback need 16 characters" in said
        assert said.count("upgrade from") == len(NOTES["0.2.0"])
        assert (state(es, installation) == before) is bool(words)
    assert "upgrade from" not in provision("--plan").stdout


@ON_THE_EMBEDDED
def test_a_second_run_counts_the_unchanged_resources(provision: Type) -> None:
    """Fourteen lines that say "unchanged" would hide the one that differs."""
    provision()
    said = provision().stdout
    assert "unchanged; next, run each of these in its own terminal or service unit: `oversight serve`" in said
    assert not [line for line in said.splitlines() if line.startswith(("created", "updated", "unchanged"))]
    assert "left out" in said


def test_a_removal_lists_what_stays_and_why(es: Elasticsearch, provision: Type, installation: str) -> None:
    """Only `--with-data` deletes events; its plan can be read first."""
    stream = stream_name(installation)
    provision()
    es.bulk(index=stream, operations=creations([{"message": LINE}]))
    said = provision("--remove").stdout
    assert f"{stream}: it holds 1 document; remove it with --with-data" in said
    assert es.count(index=stream)["count"] == 1
    assert (
        provision("--remove", "--with-data", "--plan")
        .stdout.splitlines()[-1]
        .endswith("nothing was written; run `oversight provision --remove --with-data` to apply it")
    )
    assert es.count(index=stream)["count"] == 1
    provision("--remove", "--with-data")
    assert state(es, installation) == NOTHING
    assert provision("--remove").stdout == "this installation has no resources in the cluster\n"


@ON_THE_EMBEDDED
def test_all_obstacles_are_named_in_one_run(es: Elasticsearch, provision: Type, installation: str) -> None:
    """Not one per run; a script finds the same list under `in_the_way`, and the command ends with 1."""
    names = [f"oversight-{part}-{installation}" for part in ("csv", "json")]
    for name in names:
        es.ingest.put_pipeline(id=name, description="mine", processors=[])
    try:
        refused = provision()
        assert isinstance(refused.exception, InputError)
        assert "2 problems prevent it" in str(refused.exception)
        assert [name for name in names if f"pipeline {name}: it has no mark of Oversight" in refused.stderr] == names
        assert provision("--plan").exit_code == 1
        data: dict[str, Any] = json.loads(provision("--plan", "--json").stdout)
        assert len(data["in_the_way"]) == 2
        assert data["written"] is False
        assert state(es, installation)["component templates"] == []
    finally:
        for name in names:
            es.ingest.delete_pipeline(id=name)


@pytest.mark.parametrize(
    "words", [("--check", "--plan"), ("--check", "--remove"), ("--with-data",)], ids=lambda words: "".join(words)
)
def test_options_that_contradict_each_other_are_a_usage_error(words: tuple[str, ...]) -> None:
    """Exit 2, before any request to the cluster."""
    assert CliRunner().invoke(command, list(words)).exit_code == 2


@pytest.mark.parametrize(
    ("variable", "value", "says"),
    [
        ("OVERSIGHT_NAMESPACE", "My-Lab", "a namespace has 1 to 100 characters out of a-z, 0-9"),
        ("OVERSIGHT_NAMESPACE", "a*", "a namespace has 1 to 100 characters out of a-z, 0-9"),
        ("OVERSIGHT_RETENTION", "a while", "expected a number of days or hours such as 30d"),
    ],
    ids=["dash and capitals", "wildcard", "retention"],
)
def test_settings_that_no_cluster_accepts_are_refused_first(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, variable: str, value: str, says: str
) -> None:
    """The error names the variable and the allowed values; no cluster needs to run."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(variable, value)
    refused = CliRunner().invoke(command, ["--plan"])
    assert isinstance(refused.exception, SettingsError)
    assert refused.exception.exit_code == 64
    assert f"{variable}={value}: {says}" in str(refused.exception)
