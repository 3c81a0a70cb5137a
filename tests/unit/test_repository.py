"""What contributors and hosts find around the code: workflows, forms, pages, types."""

from __future__ import annotations

import re
import tomllib
from typing import Any

import pytest
import yaml

from oversight.own_packages import OURS
from tests.conftest import ROOT

GITHUB = ROOT / ".github"
WORKFLOWS = sorted(GITHUB.glob("workflows/*.yml"))
FORMS = sorted(path for path in GITHUB.glob("ISSUE_TEMPLATE/*.yml") if path.name != "config.yml")
BASE: Any = yaml.BaseLoader  # so that `on` stays a word


def jobs() -> dict[str, Any]:
    return {
        name: job
        for path in WORKFLOWS
        for name, job in yaml.load(path.read_text("utf-8"), BASE)["jobs"].items()  # noqa: S506
    }


def steps(key: str) -> list[str]:
    return [step[key] for job in jobs().values() for step in job["steps"] if key in step]


def test_a_workflow_pins_its_actions_and_holds_no_secret() -> None:
    assert [used for used in steps("uses") if not re.fullmatch(r"actions/[\w-]+@v\d+", used)] == []
    for path in WORKFLOWS:
        text = path.read_text("utf-8")
        assert "secrets." not in text
        assert "\npermissions:\n  contents: read\n" in text
    assert [name for name, job in jobs().items() if "timeout-minutes" not in job] == []


def test_the_workflows_run_commands_that_exist() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    targets = [word for run in steps("run") for word in re.findall(r"^make ([a-z ]+)", run)]
    for name in " ".join(targets).split():
        assert re.search(rf"^{name}:.*## ", makefile, re.MULTILINE), name
    assert {"make bounds PYTHON=python3.11", "make audit sbom", ".ci/run"} <= set(steps("run"))


def test_the_tests_run_on_the_oldest_python() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    oldest = project["requires-python"].removeprefix(">=")
    assert jobs()["tests"]["container"] == f"python:{oldest}-bookworm"
    assert oldest in str(jobs()["versions"]["steps"])


@pytest.mark.parametrize("form", FORMS, ids=lambda path: path.stem)
def test_an_issue_form_has_what_the_host_requires(form: Any) -> None:
    content = yaml.safe_load(form.read_text("utf-8"))
    assert content["name"]
    assert content["description"]
    fields = [part for part in content["body"] if part["type"] != "markdown"]
    assert fields
    assert all(part["attributes"]["label"] for part in fields)
    assert len({part["id"] for part in fields}) == len(fields)


def test_each_package_declares_its_types() -> None:
    assert [name for name in sorted(OURS | {"oversight"}) if not (ROOT / name / "py.typed").is_file()] == []
