"""A service with a site's profile: reasons in the site's terms, also after a switch; a profile that does not fit."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from enrich_service.model.model_file import read
from enrich_service.model.pointer import Pointer, version_path, write_pointer
from tests import warm
from tests.artifacts import HEALTHY, HOT, TURBINE, write_model
from tests.integration.enrich_service.requests import ask
from tests.profiles import PROFILE, write_profile
from tests.servers import Service, running
from tests.waiting import until

AT_SITE = "temperature_c is 125; 95 % of harmless rows of this site have at most 120"


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """The profile that fits the turbine."""
    return write_profile(tmp_path / "site.json")


def oversight(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("OVERSIGHT_")}
    return warm.run(*words, env={**clean, **environment}, cwd=Path.cwd())


def reasons(service: Service) -> tuple[str, list[str]]:
    """The version that answers, and its reasons for the hot turbine."""
    status, page = ask(f"{service.url}/v1/enrich", {"documents": [{"id": "hot", "source": HOT}]})
    assert status == 200
    return page["model"]["version"], page["results"][0]["fields"]["oversight"]["prediction"]["reasons"]


def test_a_switch_keeps_the_profile_and_a_model_with_other_features_is_refused(tmp_path: Path, site: Path) -> None:
    """The profile belongs to the site, not to a version. A model for which it says nothing is not served with it."""
    other = replace(TURBINE.features[2], name="shake_mm_s")
    contracts = {
        "first": TURBINE,
        "second": replace(TURBINE, training={"rows": 121}),
        "other": replace(TURBINE, features=(*TURBINE.features[:2], other)),
    }
    folder, versions = tmp_path / "models", {}
    (folder / "versions").mkdir(parents=True)
    for name, contract in contracts.items():
        file = read(write_model(tmp_path / f"{name}.onnx", contract))
        version_path(folder, file.version).write_bytes(file.data)
        versions[name] = file.version
    write_pointer(folder, Pointer(versions["first"]))
    with running(folder, env={"OVERSIGHT_PROFILE": str(site)}) as service:
        assert reasons(service) == (versions["first"], [AT_SITE])
        write_pointer(folder, Pointer(versions["second"]))
        assert until(lambda: reasons(service)[0] == versions["second"])
        assert reasons(service) == (versions["second"], [AT_SITE])
        write_pointer(folder, Pointer(versions["other"], foreign=True))
        why = "the profile does not fit the model turbine: it has no usual values of shake_mm_s"
        assert until(lambda: why in service.log.read_text(encoding="utf-8"))
        assert reasons(service) == (versions["second"], [AT_SITE])
        status, page = ask(f"{service.url}/v1/model")
        assert (status, page["profile"]["rows"]) == (200, PROFILE["rows"])


def test_a_service_with_a_profile_of_other_features_does_not_start(tmp_path: Path, turbine_model: Path) -> None:
    """One line that names the features and what to do, and exit code 64."""
    wrong = write_profile(tmp_path / "wrong.json", features=PROFILE["features"][:1])
    ended = oversight(
        "serve", "--bind", "127.0.0.1:0", OVERSIGHT_MODEL=str(turbine_model), OVERSIGHT_PROFILE=str(wrong)
    )
    assert ended.returncode == 64
    (line,) = ended.stderr.splitlines()
    assert "the profile does not fit the model turbine: it has no usual values of mode, vibration_mm_s" in line
    assert "`oversight sense --report --profile FILE`" in line


def test_the_commands_show_and_use_the_profile(tmp_path: Path, turbine_model: Path, site: Path) -> None:
    """`model` names it, `predict` gives its reasons, and `check` fails if it is damaged."""
    settings = {"OVERSIGHT_MODEL": str(turbine_model), "OVERSIGHT_PROFILE": str(site)}
    shown = oversight("model", **settings)
    assert shown.returncode == 0
    said = " ".join(shown.stdout.split())
    assert f"profile: {site}, SHA-256 " in said
    assert "compare with 900 harmless rows of this site from 2026-11-30T10:00:00Z to 2026-11-30T11:00:00Z" in said
    page = json.loads(oversight("model", "--json", **settings).stdout)
    assert (page["profile"]["path"], page["profile"]["rows"]) == (str(site), 900)

    rows = tmp_path / "rows.jsonl"
    rows.write_text("\n".join(map(json.dumps, (HEALTHY, HOT))), encoding="utf-8")
    scored = oversight("predict", "--data", str(rows), "--output", "-", "--format", "jsonl", **settings)
    assert [json.loads(line).get("reasons") for line in scored.stdout.splitlines()] == [None, [AT_SITE]]

    site.write_text("{}", encoding="utf-8")
    checked = oversight("check", "--json", ELASTICSEARCH_URL="http://127.0.0.1:1", **settings)
    (artifact,) = [each for each in json.loads(checked.stdout) if each["about"] == "artifact"]
    assert not artifact["good"]
    assert "the profile has format None" in artifact["says"]
