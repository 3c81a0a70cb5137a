"""A Docker engine for the tests: the one that answers, or one that the tests start and end.

    unshare (own mounts and processes) ── dockerd ── containerd ── containers

If dockerd or the test run is killed, the kernel ends every process and mount below unshare. The network is the
machine's, because the ports of the compose file are published there. The packet filter's rules and the bridge that
dockerd adds are removed.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from tests import guardian
from tests.docker import tools
from tests.servers import stop
from tests.waiting import WAIT_S, until

BUILD_WAIT_S = 590.0
"""A build may download and install every package. pytest ends a test after 600 s."""
DOCKER = shutil.which("docker") or "docker"
SBIN = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
BRIDGE = Path("/sys/class/net/docker0")
FORWARDING = Path("/proc/sys/net/ipv4/ip_forward")


class NotAvailableError(Exception):
    """No engine can run here; says why."""


@dataclass
class Engine:
    """A Docker engine and the settings of its clients."""

    host: str
    """Address of the engine; empty for the client's default."""
    environment: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("COMPOSE_")}
        # The classic builder shows that no step needs BuildKit. Of the user's configuration nothing is used.
        self.environment |= {"DOCKER_BUILDKIT": "0", "DOCKER_CONFIG": str(tools.CACHE)}
        self.environment |= {"DOCKER_HOST": self.host} if self.host else {}

    def run(
        self,
        *words: str | Path,
        check: bool = True,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        wait_s: float = WAIT_S,
    ) -> subprocess.CompletedProcess[str]:
        """Run a docker command.

        Raises:
            AssertionError: it failed and `check` is set; includes its output.
        """
        done = subprocess.run(
            [DOCKER, *words],
            capture_output=True,
            text=True,
            check=False,
            cwd=cwd,
            env={**self.environment, **(env or {})},
            timeout=wait_s,
        )
        said = f"docker {' '.join(map(str, words))}: {done.stdout[-3000:]} {done.stderr[-3000:]}"
        assert done.returncode == 0 or not check, said
        return done


@contextlib.contextmanager
def engine() -> Iterator[Engine]:
    """Yield an engine that runs containers.

    Raises:
        NotAvailableError: there is none, and none can be started here.
    """
    if not shutil.which(DOCKER):
        raise NotAvailableError("no docker: install docker.io")
    given = Engine(os.environ.get("DOCKER_HOST", ""))
    if given.run("version", check=False).returncode == 0:
        yield given
        return
    with tempfile.TemporaryDirectory(prefix="oversight-docker-") as folder, _dockerd(Path(folder)) as own:
        yield own


@contextlib.contextmanager
def _dockerd(folder: Path) -> Iterator[Engine]:
    """Start dockerd with all of its files in a folder."""
    if os.geteuid() != 0:
        raise NotAvailableError("only root can start dockerd, and no Docker engine answers")
    dockerd, unshare = shutil.which("dockerd", path=SBIN), shutil.which("unshare", path=SBIN)
    if dockerd is None or unshare is None:
        raise NotAvailableError("no dockerd: install docker.io")
    own = Engine(f"unix://{folder}/socket")
    command = [unshare, "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", dockerd]
    command += ["--host", own.host, "--pidfile", f"{folder}/pid", "--storage-driver", "overlay2"]
    command += ["--data-root", f"{folder}/data", "--exec-root", f"{folder}/exec"]
    log = folder / "log"
    with _network_as_before(), log.open("wb") as output:
        process = psutil.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PATH": SBIN, guardian.OWNER: guardian.RUN},
        )
        try:
            if not until(lambda: process.poll() is not None or _answers(own)) or process.poll() is not None:
                raise NotAvailableError(f"this kernel runs no dockerd: {log.read_text(encoding='utf-8')[-600:]}")
            yield own
        finally:
            # unshare passes no signal on, and its end kills everything; so dockerd gets the signal itself.
            for child in process.children():
                with contextlib.suppress(psutil.NoSuchProcess):
                    child.terminate()
                    child.wait(WAIT_S)
            stop(process)


def _answers(own: Engine) -> bool:
    return own.run("version", check=False).returncode == 0


@contextlib.contextmanager
def _network_as_before() -> Iterator[None]:
    """Remove the bridge, the packet filter's rules and the forwarding that dockerd adds to this machine's network."""
    filters = [name for name in ("iptables", "ip6tables") if shutil.which(f"{name}-save", path=SBIN)]
    before = {name: _rules(name) for name in filters}
    had_bridge, forwarding = BRIDGE.exists(), FORWARDING.read_text(encoding="utf-8")
    try:
        yield
    finally:
        if BRIDGE.exists() and not had_bridge:
            subprocess.run([_tool("ip"), "link", "delete", BRIDGE.name], check=False)
        for name, tables in before.items():
            text = "".join(tables.get(table, _emptied(now)) for table, now in _rules(name).items())
            subprocess.run([_tool(f"{name}-restore")], input=text, text=True, check=False)
        FORWARDING.write_text(forwarding, encoding="utf-8")


def _rules(name: str) -> dict[str, str]:
    """Return the rules of each table, as a packet filter writes them."""
    done = subprocess.run([_tool(f"{name}-save")], capture_output=True, text=True, check=False)
    return {text.split()[0]: text for text in re.findall(r"^\*.*?^COMMIT\n", done.stdout, re.MULTILINE | re.DOTALL)}


def _emptied(table: str) -> str:
    """Return a table without rules. A chain of the kernel accepts everything; others (`-`) go."""
    name, *lines = table.splitlines(keepends=True)
    chains = [line.split()[0] for line in lines if line.startswith(":") and line.split()[1] != "-"]
    return "".join([name, *(f"{chain} ACCEPT [0:0]\n" for chain in chains), "COMMIT\n"])


def _tool(name: str) -> str:
    return shutil.which(name, path=SBIN) or name


def try_container(docker: Engine, image: str) -> None:
    """Run a container with the limits of the compose file, in a network of its own.

    Raises:
        NotAvailableError: this machine cannot run it.
    """
    name = f"oversight-try-{uuid.uuid4().hex[:8]}"
    limits = ["--init", "--read-only", "--cap-drop=ALL", "--pids-limit=64", "--memory=64m", "--tmpfs=/tmp:size=1m"]
    networked = docker.run("network", "create", "--internal", name, check=False)
    ran = docker.run("run", "--rm", f"--network={name}", *limits, image, "true", check=False)
    docker.run("network", "rm", name, check=False)
    if networked.returncode or ran.returncode:
        raise NotAvailableError(f"this kernel runs no container: {networked.stderr[-300:]} {ran.stderr[-300:]}")
