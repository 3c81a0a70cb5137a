"""The laboratory in docker-compose.yml: every long-running service has a health check and waits for those it needs.

No Docker engine runs where these tests do, so the images themselves are not built here.
"""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from oversight.cli import COMMANDS
from oversight.settings import PARTS, variable
from tests.conftest import ROOT

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
SERVICES: dict[str, Any] = COMPOSE["services"]
ENDS_BY_ITSELF = {"provision"}
OURS = sorted(name for name, service in SERVICES.items() if service.get("build"))


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_a_service_that_stays_has_a_health_check_and_publishes_on_this_machine_only(name: str) -> None:
    assert ("healthcheck" in SERVICES[name]) == (name not in ENDS_BY_ITSELF)
    assert all(port.startswith("127.0.0.1:") for port in SERVICES[name].get("ports", []))


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_a_service_waits_until_those_it_needs_are_healthy_or_done(name: str) -> None:
    for needed, how in SERVICES[name].get("depends_on", {}).items():
        expected = "service_completed_successfully" if needed in ENDS_BY_ITSELF else "service_healthy"
        assert how["condition"] == expected


@pytest.mark.parametrize("name", OURS)
def test_our_services_run_commands_and_settings_that_exist(name: str) -> None:
    known = {variable(part, setting) for part in PARTS for setting in part.model_fields}
    assert SERVICES[name]["command"][0] in COMMANDS
    assert set(SERVICES[name]["environment"]) <= known


def test_the_image_gets_every_package_of_ours() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    folders = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests", "benchmarks"}
    assert folders
    assert not [folder for folder in folders if f"COPY {folder} {folder}\n" not in dockerfile]
    ignore = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert not [folder for folder in folders if f"!{folder}" not in ignore]
