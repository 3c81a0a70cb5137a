"""The systemd units: systemd accepts them, they are confined, and their commands, keys and settings exist."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from es_pipelines.security.roles import PARTS
from oversight.cli import COMMANDS
from tests.conftest import ROOT

UNITS = ROOT / "deploy" / "systemd"
SERVICES = sorted(path.stem for path in UNITS.glob("*.service"))
PROGRAM = "/opt/oversight/.venv/bin/oversight"
MOST_EXPOSED = 20
"""`systemd-analyze security` gives 0 (confined) to 100 (no limits at all); a unit without any hardening has 96."""


def analyze(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run systemd-analyze. It finds the units of `folder` and those of the system."""
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("no systemd-analyze (Debian: apt-get install systemd)")
    environment = {**os.environ, "SYSTEMD_UNIT_PATH": f"{folder}:"}
    return subprocess.run([program, *words], env=environment, capture_output=True, text=True, check=False)


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """The units as an administrator copies them, with this checkout's program."""
    shutil.copytree(UNITS, tmp_path / "units")
    (tmp_path / "oversight").write_text("#!/bin/sh\n", encoding="utf-8")
    (tmp_path / "oversight").chmod(0o755)
    for unit in (tmp_path / "units").glob("*.service"):
        unit.write_text(unit.read_text("utf-8").replace(PROGRAM, str(tmp_path / "oversight")), encoding="utf-8")
    live = tmp_path / "units" / "oversight-sense.service.d"
    live.mkdir()
    return tmp_path / "units"


def test_systemd_accepts_every_unit(installed: Path) -> None:
    shutil.copy(installed / "sense-interface.conf", installed / "oversight-sense.service.d" / "interface.conf")
    done = analyze(installed, "verify", "--man=no", *(str(installed / f"{name}.service") for name in SERVICES))
    of_ours = [line for line in (done.stdout + done.stderr).splitlines() if "oversight" in line]
    assert (done.returncode, of_ours) == (0, [])


def test_systemd_names_a_mistake_in_a_unit(installed: Path) -> None:
    with (installed / "oversight-watch.service").open("a", encoding="utf-8") as unit:
        unit.write("[Service]\nProtectSistem=strict\n")
    done = analyze(installed, "verify", "--man=no", str(installed / "oversight-watch.service"))
    assert "ProtectSistem" in done.stderr


@pytest.mark.parametrize("name", [*SERVICES, "oversight-sense with an interface"])
def test_a_unit_is_confined(installed: Path, name: str) -> None:
    if name not in SERVICES:
        name = name.split()[0]
        shutil.copy(installed / "sense-interface.conf", installed / f"{name}.service.d" / "interface.conf")
    limit = f"--threshold={MOST_EXPOSED}"
    done = analyze(installed, "security", "--offline=yes", "--no-pager", limit, str(installed / f"{name}.service"))
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_check_fails_for_a_unit_without_hardening(installed: Path) -> None:
    shutil.rmtree(installed / "oversight-.service.d")
    unit = str(installed / "oversight-watch.service")
    assert analyze(installed, "security", "--offline=yes", "--no-pager", f"--threshold={MOST_EXPOSED}", unit).returncode


def test_there_is_a_unit_for_each_command_that_runs_for_long() -> None:
    assert [f"oversight-{command}" for command in ("console", "sense", "serve", "ship", "watch")] == SERVICES
    for name in SERVICES:
        text = (UNITS / f"{name}.service").read_text("utf-8")
        started = re.findall(rf"^ExecStart={PROGRAM} (\w+)", text, re.MULTILINE)
        assert started == [name.removeprefix("oversight-")]
        assert started[0] in COMMANDS


def test_a_unit_takes_the_key_that_provision_writes_for_its_part() -> None:
    """`oversight provision --keys /etc/oversight/keys` writes PART/key.env."""
    for name in SERVICES:
        text = (UNITS / f"{name}.service").read_text("utf-8")
        keys = re.findall(r"LoadCredential=.*:/etc/oversight/keys/(\w+)/key\.env", text)
        assert set(keys) <= set(PARTS)
        assert len(keys) == (name != "oversight-serve")


def test_the_settings_of_the_units_exist() -> None:
    lines = (UNITS / "oversight.env").read_text("utf-8").splitlines()
    for path in [*UNITS.glob("*.service"), *UNITS.glob("*/*.conf")]:
        found = re.findall(r"^Environment=(.*)$", path.read_text("utf-8"), re.MULTILINE)
        lines += [word for line in found for word in line.split()]
    names = {line.split("=")[0] for line in lines if line.startswith(("OVERSIGHT_", "ELASTICSEARCH_"))}
    assert {"ELASTICSEARCH_API_KEY_FILE", "OVERSIGHT_STATE", "ELASTICSEARCH_URL"} <= names
    page = (ROOT / "docs" / "settings.md").read_text("utf-8")
    assert [name for name in names if f"| `{name}` |" not in page] == []


def test_no_unit_sets_what_all_share() -> None:
    """systemd takes the value of the shared file, whatever the unit says. Lists are joined."""
    joined = {"Environment", "RestrictAddressFamilies"}
    shared = settings_of(UNITS / "oversight-.service.d" / "10-common.conf") - joined
    for name in SERVICES:
        assert settings_of(UNITS / f"{name}.service") & shared == set()


def test_only_the_console_may_write_code_into_its_memory() -> None:
    """V8, which builds the chart script, ends at once where it may not."""
    allowed = [name for name in SERVICES if "MemoryDenyWriteExecute=yes" not in (UNITS / f"{name}.service").read_text()]
    assert allowed == ["oversight-console"]


def settings_of(path: Path) -> set[str]:
    return set(re.findall(r"^(\w+)=", path.read_text("utf-8"), re.MULTILINE))
