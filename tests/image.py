"""Builds our Dockerfile and runs containers of docker-compose.yml without Docker, with the kernel's namespaces.

    Dockerfile ──▶ its COPY and RUN steps, in a separate root folder ──▶ the image
    image + a service of the compose file ──▶ read-only root, its volumes and tmpfs, its user, no capabilities,
                                              its environment and nothing else ──▶ the service's process

All containers share one network with only a loopback device. So the ports are those of the compose file, and
`elasticsearch`, `enrich`, ... resolve to it. Three things differ from Docker: the system under `/usr` is that of this
machine; Python is the one that runs the tests; and the locked packages are links into its environment, though pip still
checks each of them against the lock file.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from tests.compose import Service, mounts
from tests.conftest import ROOT
from tests.servers import stop
from tests.waiting import WAIT_S, until

LINKED = "/srv/packages"
"""Where the image sees the environment of these tests."""
SYSTEM = ("usr", "dev", "proc")
NAMES = ("elasticsearch", "kibana", "enrich", "console")


def why_not() -> str:
    """Return why containers cannot run here; empty if they can."""
    if os.geteuid() != 0:
        return "only root can create containers (namespaces, other users)"
    if missing := [
        tool for tool in ("unshare", "nsenter", "chroot", "setpriv", "mount", "ip") if not shutil.which(tool)
    ]:
        return f"no {', '.join(missing)}"
    probe = subprocess.run(
        [_tool("unshare"), "--mount", "--net", "--pid", "--fork", _tool("true")], capture_output=True, check=False
    )
    return "" if probe.returncode == 0 else f"no namespaces here: {probe.stderr.decode()[:200]}"


def _tool(name: str) -> str:
    return shutil.which(name) or name


@dataclass
class Image:
    """The result of a Dockerfile."""

    root: Path
    environment: dict[str, str] = field(default_factory=dict)
    folder: str = "/"
    user: str = "0:0"
    entrypoint: list[str] = field(default_factory=list)
    command: list[str] = field(default_factory=list)


def build(folder: Path) -> Image:
    """Run the Dockerfile, stage by stage, and return the last stage.

    Raises:
        AssertionError: a step failed; includes its output.
    """
    stages: dict[str, Image] = {}
    image = Image(folder)
    context = _context(folder / "context")
    for word, rest in _instructions():
        if word == "FROM":
            name = rest.partition(" AS ")[2] or "last"
            image = stages[name] = Image(_base(folder / name), {"PATH": "/usr/local/bin:/usr/bin:/bin"})
        elif word == "ENV":
            image.environment |= dict(pair.split("=", 1) for pair in shlex.split(rest))
        elif word == "WORKDIR":
            image.folder = rest
            (image.root / rest.lstrip("/")).mkdir(parents=True, exist_ok=True)
        elif word == "COPY":
            _copy(image, shlex.split(rest), stages, context)
        elif word == "RUN":
            _run(image, rest)
        elif word == "USER":
            image.user = rest
        elif word == "ENTRYPOINT":
            image.entrypoint = json.loads(rest)
        else:
            assert word == "CMD", f"this test does not support the instruction {word}"
            image.command = json.loads(rest)
    return image


def _instructions() -> Iterator[tuple[str, str]]:
    text = re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text(encoding="utf-8"), flags=re.MULTILINE)
    for line in text.replace("\\\n", " ").splitlines():
        if line.strip():
            word, _, rest = line.partition(" ")
            yield word, " ".join(rest.split())


def _context(target: Path) -> Path:
    """Copy the build context: only what .dockerignore allows."""
    first, *lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").split()
    assert first == "*"
    allowed = [line[1:] for line in lines if line.startswith("!")]
    ignored = shutil.ignore_patterns(*(line.removeprefix("**/") for line in lines if not line.startswith("!")))
    target.mkdir(parents=True)
    for name in allowed:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, target / name, ignore=ignored)
        else:
            shutil.copy(ROOT / name, target / name)
    return target


def _base(root: Path) -> Path:
    """Create a root folder like that of a slim image: this machine's system, its own /etc, no other file."""
    for name in (*SYSTEM, "etc", "tmp", "opt", f".{LINKED}", f".{sys.base_prefix}"):
        (root / name).mkdir(parents=True, exist_ok=True)
    for name in ("bin", "lib", "lib64", "sbin"):
        (root / name).symlink_to(f"usr/{name}")
    for name in ("passwd", "group", "shadow", "gshadow", "login.defs", "nsswitch.conf", "ld.so.cache", "ssl"):
        source = Path("/etc") / name
        if source.is_dir():
            shutil.copytree(source, root / "etc" / name, ignore=shutil.ignore_patterns("private", "certs"))
        elif source.exists():
            shutil.copy2(source, root / "etc" / name)
    (root / "etc" / "hosts").write_text(f"127.0.0.1 localhost {' '.join(NAMES)}\n", encoding="utf-8")
    (root / "tmp").chmod(0o1777)
    return root


def _copy(image: Image, words: list[str], stages: Mapping[str, Image], context: Path) -> None:
    origin = context
    if words[0].startswith("--from="):
        origin = stages[words.pop(0).removeprefix("--from=")].root
    *sources, target = words
    for source in sources:
        into = image.root / str(Path(image.folder) / target).lstrip("/")
        into.parent.mkdir(parents=True, exist_ok=True)
        path = origin / source.lstrip("/")
        if path.is_dir():
            shutil.copytree(path, into, symlinks=True)
        else:
            shutil.copy2(path, into / path.name if into.is_dir() else into)


def _run(image: Image, line: str) -> None:
    environment = {"PIP_NO_INDEX": "1", "HOME": "/tmp", **image.environment}
    script = [
        *_system(image.root),
        f"cd / && exec {_chroot(image.root, '0:0', environment, image.folder, ['/bin/sh', '-c', line])}",
    ]
    done = subprocess.run(
        [_tool("unshare"), "--mount", "/bin/sh", "-ec", "\n".join(script)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"RUN {line}: {done.stdout[-2000:]} {done.stderr[-2000:]}"
    if "venv /opt/venv" in line:
        _link_packages(image.root / "opt" / "venv")


def _system(root: Path) -> list[str]:
    """Return shell lines that mount this machine's system in a root folder."""
    packages = Path(str(importlib.metadata.distribution("onnxruntime").locate_file(""))).resolve()
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    lines = [
        "mount --make-rprivate /",
        f"mount --bind {root} {root}",
        f"mount --rbind /dev {root}/dev",
        f"mount -t proc proc {root}/proc",
    ]
    lines += [f"mount --bind /usr {root}/usr"]
    if sys.base_prefix not in ("/usr", "/usr/local"):
        lines += [
            f"mount --bind {sys.base_prefix} {root}/usr/local",
            f"mount --bind {sys.base_prefix} {root}{sys.base_prefix}",
        ]
    lines += [f"mount --bind {packages} {root}{LINKED}"]
    lines += [f"mount -o remount,bind,ro {root}/usr", f"mount -o remount,bind,ro {root}{LINKED}"]
    return [*lines, f"test -x {root}/usr/local/bin/{version} -o -x {root}/usr/bin/{version}"]


def _link_packages(venv: Path) -> None:
    """Link the packages of the image's lock file, and no others of this environment."""
    (site,) = venv.glob("lib/python3*/site-packages")
    text = (ROOT / "requirements" / "image.txt").read_text(encoding="utf-8")
    for old in site.glob("setuptools*"):  # Python brings an older one, which pip would replace
        shutil.rmtree(old)
    for name in dict.fromkeys(re.findall(r"^([a-z0-9][\w.-]*)==", text, re.MULTILINE)):
        with contextlib.suppress(
            importlib.metadata.PackageNotFoundError
        ):  # for another Python version; pip fails if it is needed
            for top in {
                file.parts[0]
                for file in importlib.metadata.files(name) or []
                if file.parts[0] not in ("..", "__pycache__")
            }:
                if not (site / top).exists():
                    (site / top).symlink_to(f"{LINKED}/{top}")


def _chroot(root: Path, user: str, environment: Mapping[str, str], folder: str, words: Sequence[str]) -> str:
    """Return a shell line that runs a command in a root folder, with this user and only this environment."""
    uid, gid = user.split(":")
    rights = [] if uid == "0" else ["--no-new-privs", "--bounding-set=-all", "--inh-caps=-all"]
    line = ["chroot", str(root), "setpriv", f"--reuid={uid}", f"--regid={gid}", "--clear-groups", *rights]
    line += ["env", "-i", *(f"{name}={value}" for name, value in environment.items())]
    return shlex.join([*line, "/bin/sh", "-c", f'cd {shlex.quote(folder)} && exec "$@"', "sh", *words])


def _wait_for_line(process: subprocess.Popen[bytes]) -> None:
    assert process.stdout is not None
    assert process.stdout.readline() == b"up\n"


class Machine:
    """The network and volumes of containers of one image.

    Args:
        image: image of the containers.
        folder: where volumes are stored.
    """

    def __init__(self, image: Image, folder: Path) -> None:
        self.image, self.folder = image, folder
        folder.mkdir(parents=True, exist_ok=True)
        self._network = subprocess.Popen(
            [_tool("unshare"), "--net", "/bin/sh", "-ec", "ip link set lo up; echo up; exec sleep 3600"],
            stdout=subprocess.PIPE,
        )
        _wait_for_line(self._network)

    @contextlib.contextmanager
    def connected(self, port: int, address: str) -> Iterator[None]:
        """Connect a port of this network to an address of the machine, such as `127.0.0.1:1234`, inside the block."""
        relay, socket = str(ROOT / "tests" / "relay.py"), str(self.folder / f"{port}.socket")
        inside = [_tool("nsenter"), f"--net=/proc/{self.network}/ns/net"]
        started: list[subprocess.Popen[bytes]] = []
        try:
            for words in (
                [sys.executable, relay, socket, address],
                [*inside, sys.executable, relay, f"127.0.0.1:{port}", socket],
            ):
                started.append(subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL))
                _wait_for_line(started[-1])
            yield
        finally:
            for process in reversed(started):
                _end(process)

    def close(self) -> None:
        """End the network, after its last container."""
        _end(self._network)

    @property
    def network(self) -> int:
        """Pid of the process that holds the network."""
        return self._network.pid

    def volume(self, name: str, target: str) -> Path:
        """Return a volume. A new one gets the owner and mode of the folder that it is mounted on, as in Docker."""
        path = self.folder / name
        if not path.exists():
            path.mkdir(parents=True)
            mount_point = self.image.root / target.lstrip("/")
            info = mount_point.stat()
            os.chown(path, info.st_uid, info.st_gid)
            path.chmod(info.st_mode & 0o7777)
        return path

    def run(self, service: Service, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a service's container until it ends; `words` replace its command."""
        return subprocess.run(self._line(service, words), capture_output=True, text=True, check=False, timeout=WAIT_S)

    @contextlib.contextmanager
    def running(self, service: Service, log: Path) -> Iterator[psutil.Popen]:
        """Run a service's container until the end of the block."""
        with log.open("wb") as output:
            process = psutil.Popen(
                self._line(service, ()), stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
            )
        try:
            yield process
        finally:
            stop(process)

    def healthy(self, service: Service) -> str:
        """Run a service's health check until it succeeds. Return an empty string then, otherwise its last output."""
        kind, *test = service["healthcheck"]["test"]
        words = ["/bin/sh", "-c", *test] if kind == "CMD-SHELL" else test
        outputs: list[str] = []

        def answers() -> bool:
            done = self.run({**service, "entrypoint": words, "command": []})
            outputs.append(f"{done.stdout[-1000:]} {done.stderr[-1000:]}")
            return done.returncode == 0

        return "" if until(answers) else outputs[-1]

    def _line(self, service: Service, words: Sequence[str]) -> list[str]:
        root = self.image.root
        script = _system(root)
        for target, (source, writable) in mounts(service).items():
            script.append(f"mount --bind {self.volume(source, target)} {root}{target}")
            script += [] if writable else [f"mount -o remount,bind,ro {root}{target}"]
        for entry in service["tmpfs"]:
            target, _, options = entry.partition(":")
            script.append(f"mount -t tmpfs -o mode=1777,nosuid,nodev,{options} tmpfs {root}{target}")
        script += [f"mount -o remount,bind,ro {root}"] if service["read_only"] else []
        program = service.get("entrypoint") or self.image.entrypoint
        command = [*program, *(words or service.get("command") or [])]
        environment: dict[str, Any] = {**self.image.environment, **service.get("environment", {})}
        script.append(
            f"exec {_chroot(root, service.get('user', self.image.user), environment, self.image.folder, command)}"
        )
        return [
            _tool("nsenter"),
            f"--net=/proc/{self.network}/ns/net",
            _tool("unshare"),
            "--mount",
            "/bin/sh",
            "-ec",
            "\n".join(script),
        ]


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
    if process.stdout is not None:
        process.stdout.close()
