"""The units run under a real systemd: they start with their confinement and keys, and stop as they should."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from oversight.demo.ports import free_port
from tests.conftest import ROOT
from tests.waiting import WAIT_S, until, wait_until

SYSTEMD = Path("/lib/systemd/systemd")
SCRIPT = Path(__file__).with_name("machine.sh")
UNITS = ("oversight-serve", "oversight-watch", "oversight-console")
DROP_IN = """[Service]
StandardOutput=append:/var/log/%N
StandardError=append:/var/log/%N
Environment=PYTHONPATH=/opt/oversight LD_LIBRARY_PATH=/opt/python/lib
"""
"""A log file in place of the journal, and this checkout's code and Python, which may lie below /root or /home."""


class Machine:
    """A systemd in namespaces of its own."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self.init = 0

    def booted(self) -> bool:
        assert self._process.poll() is None, "the machine ended"
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().split()
        self.init = int(children[0]) if children else 0
        return bool(self.init) and Path(f"/proc/{self.init}/comm").read_text() == "systemd\n" and self._answers()

    def _answers(self) -> bool:
        return self.run("systemctl", "is-system-running").stdout.strip() in ("running", "degraded")

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        inside = [
            "nsenter",
            f"--target={self.init}",
            "--mount",
            "--pid",
            "--ipc",
            "--uts",
            "--cgroup",
            "--root",
            "--wd",
        ]
        return subprocess.run([*inside, *words], capture_output=True, text=True, timeout=WAIT_S, check=False)

    def values(self, unit: str, name: str) -> str:
        return self.run("systemctl", "show", "--value", f"--property={name}", unit).stdout.strip()

    def log(self, unit: str) -> str:
        return self.run("cat", f"/var/log/{unit}").stdout


def cgroup_mount() -> Path | None:
    mounts = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
    return next((Path(mount[1]) for mount in mounts if mount[2] == "cgroup2"), None)


def why_not() -> Path:
    """Return the folder of cgroups. Skip the test where no systemd can be started."""
    if os.geteuid() != 0:
        pytest.skip("only root may start a systemd")
    if not SYSTEMD.exists():
        pytest.skip("no systemd (Debian: apt-get install systemd)")
    namespaces = [shutil.which("unshare") or "unshare", "--mount", "--pid", "--fork", "true"]
    if subprocess.run(namespaces, capture_output=True, check=False).returncode:
        pytest.skip("no namespaces here")
    folder = cgroup_mount()
    if folder is None or not os.access(folder, os.W_OK):
        pytest.skip("this kernel gives no cgroup of version 2")
    return folder


@pytest.fixture
def ports() -> dict[str, int]:
    return {name: free_port() for name in ("SERVE_BIND", "CONSOLE_BIND", "WATCH_METRICS_BIND")}


@pytest.fixture
def machine(tmp_path: Path, ports: dict[str, int]) -> Iterator[Machine]:
    above = why_not()
    shutil.copytree(ROOT / "deploy" / "systemd", tmp_path / "units")
    for unit in UNITS:
        (tmp_path / "units" / f"{unit}.service.d").mkdir()
        (tmp_path / "units" / f"{unit}.service.d" / "50-test.conf").write_text(DROP_IN)
    settings = "".join(f"OVERSIGHT_{name}=127.0.0.1:{port}\n" for name, port in ports.items())
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "oversight.env").write_text(f"ELASTICSEARCH_URL=http://127.0.0.1:{free_port()}\n{settings}")
    for part in ("watcher", "console"):
        (tmp_path / "etc" / "keys" / part).mkdir(parents=True, mode=0o700)
        (tmp_path / "etc" / "keys" / part / "key.env").write_text("ELASTICSEARCH_API_KEY=dGVzdDp0ZXN0\n")
    cgroup = above / f"oversight-test-{os.getpid()}"
    with (tmp_path / "boot.log").open("wb") as log:
        process = subprocess.Popen(
            [SCRIPT, tmp_path, ROOT, sys.base_prefix, sys.prefix, cgroup], stdout=log, stderr=log
        )
    try:
        booting = Machine(process)
        wait_until(booting.booted, f"systemd to boot: {(tmp_path / 'boot.log').read_text()}")
        yield booting
    finally:
        process.kill()
        process.wait()
        until(lambda: remove(cgroup))


def remove(cgroup: Path) -> bool:
    """Remove a cgroup and those below it; False while a process still ends there."""
    try:
        for folder in sorted((path for path in cgroup.rglob("*") if path.is_dir()), reverse=True):
            folder.rmdir()
        cgroup.rmdir()
    except OSError:
        return False
    return True


def answers(port: int, path: str) -> bool:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=WAIT_S) as response:
        return bool(response.status == 200)


def test_the_units_start_serve_and_stop(machine: Machine, ports: dict[str, int]) -> None:
    started = machine.run("systemctl", "start", *UNITS)
    assert started.returncode == 0, started.stderr + "".join(machine.log(unit) for unit in UNITS)
    wait_until(lambda: answers(ports["SERVE_BIND"], "/v2/health/ready"), "the enrich service")
    assert answers(ports["CONSOLE_BIND"], "/health/live")
    wait_until(lambda: "does not answer" in machine.log("oversight-watch"), "the watcher to look for its servers")
    for unit in UNITS:
        assert machine.values(unit, "ActiveState") == "active", machine.log(unit)
        status = machine.run("cat", f"/proc/{machine.values(unit, 'MainPID')}/status").stdout
        assert "\nCapBnd:\t0000000000000000\n" in status
        assert "\nNoNewPrivs:\t1\n" in status
        assert "\nUid:\t0" not in status

    machine.run("sh", "-c", "echo OVERSIGHT_WATCHH=1 > /etc/oversight/oversight-watch.env")
    machine.run("systemctl", "restart", "oversight-watch")
    wait_until(lambda: machine.values("oversight-watch", "ActiveState") == "failed", "the wrong setting to end it")
    assert machine.values("oversight-watch", "ExecMainStatus") == "64"
    assert "OVERSIGHT_WATCHH is not a setting" in machine.log("oversight-watch")

    machine.run("systemctl", "stop", *UNITS)
    for unit in ("oversight-serve", "oversight-console"):
        assert (machine.values(unit, "Result"), machine.values(unit, "ExecMainStatus")) == ("success", "0")
