"""What the tests need besides Docker, in a cache folder outside of the checkout. `make test-docker` runs it first.

    CACHE/cli-plugins/docker-compose   Compose, built from its Go module, if the machine has none of 2.20 or newer
    CACHE/bookworm.tar                 the base image: Debian's minbase with its python3, from debootstrap

A first run takes ten minutes or more. What cannot be had is left out, with a line that says why; the tests that need it
are skipped then.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "oversight-docker"
COMPOSE_MODULE = "github.com/docker/compose/v2"
COMPOSE_VERSION = "v2.29.7"
OLDEST_COMPOSE = (2, 20)
"""As docs/docker.md says: older versions lack `required: false`."""
OLDEST_GO = (1, 21)
"""The module of Compose needs it."""
PLUGIN = CACHE / "cli-plugins" / "docker-compose"
ROOT_FILES = CACHE / "bookworm.tar"
PACKAGES = "python3,python3-venv,ca-certificates"
"""As in Docker's image `python:slim`."""


class NotAvailableError(Exception):
    """The machine cannot make it; says why."""


def main() -> int:
    """Make what is missing. Return 1 if something that could be made was not."""
    CACHE.mkdir(parents=True, exist_ok=True)
    failed = False
    for make in (compose, root_files):
        try:
            make()
        except NotAvailableError as reason:
            _say(str(reason))
        except subprocess.CalledProcessError as error:
            failed = True
            _say(f"{error.cmd[0]} ended with {error.returncode}: {(error.stderr or b'').decode()[-2000:]}")
    return int(failed)


def why_no_compose() -> str:
    """Return why Compose cannot be used; empty if it can."""
    return "" if _compose_is_new() else "no Compose of 2.20 or newer: install it, or Go 1.21 or newer to build it"


def why_no_base() -> str:
    """Return why there is no base image; empty if there is one."""
    return "" if ROOT_FILES.exists() else "no base image: install debootstrap"


def compose() -> None:
    """Build the plugin, unless the machine has one."""
    if _compose_is_new():
        return
    go = shutil.which("go")
    found = _version([go, "version"]) if go else (0,)
    if go is None or found < OLDEST_GO:
        raise NotAvailableError(why_no_compose())
    found_module = subprocess.run(
        [go, "mod", "download", f"{COMPOSE_MODULE}@{COMPOSE_VERSION}"], capture_output=True, check=False, cwd=CACHE
    )
    if found_module.returncode:
        raise NotAvailableError(f"{why_no_compose()}; no Go module proxy has {COMPOSE_MODULE}")
    module = f"{COMPOSE_MODULE}/cmd@{COMPOSE_VERSION}"
    _say(f"building {module}: five minutes on two cores")
    with tempfile.TemporaryDirectory(dir=CACHE) as folder:
        name = f"-X {COMPOSE_MODULE}/internal.Version={COMPOSE_VERSION}"
        command = [go, "install", "-trimpath", f"-ldflags=-s -w {name}", module]
        environment = {**os.environ, "GOBIN": folder, "CGO_ENABLED": "0"}
        subprocess.run(command, check=True, stderr=subprocess.PIPE, env=environment, cwd=folder)
        PLUGIN.parent.mkdir(exist_ok=True)
        Path(folder, "cmd").replace(PLUGIN)


def root_files() -> None:
    """Write the files of the base image."""
    if ROOT_FILES.exists():
        return
    if os.geteuid() != 0 or not (debootstrap := shutil.which("debootstrap", path=f"{os.environ['PATH']}:/usr/sbin")):
        raise NotAvailableError(why_no_base())
    _say("making the base image with debootstrap: two minutes")
    with tempfile.TemporaryDirectory(dir=CACHE) as folder:
        root, tar = Path(folder, "root"), Path(folder, "bookworm.tar")
        command = [debootstrap, "--variant=minbase", f"--include={PACKAGES}", "bookworm", str(root)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        left_out = [f"--exclude=./{path}/*" for path in ("var/cache/apt", "var/lib/apt/lists", "dev", "proc", "sys")]
        subprocess.run(
            [shutil.which("tar") or "tar", "--create", "--file", tar, "--directory", root, *left_out, "."], check=True
        )
        tar.replace(ROOT_FILES)


def _compose_is_new() -> bool:
    docker = shutil.which("docker")
    return docker is not None and _version([docker, "compose", "version", "--short"]) >= OLDEST_COMPOSE


def _version(command: list[str]) -> tuple[int, ...]:
    """Return the first two numbers that a command prints; (0,) if it fails."""
    environment = {**os.environ, "DOCKER_CONFIG": str(CACHE)}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    found = re.search(r"(\d+)\.(\d+)", done.stdout) if done.returncode == 0 else None
    return (int(found[1]), int(found[2])) if found else (0,)


def _say(line: str) -> None:
    sys.stderr.write(f"test-docker: {line}\n")


if __name__ == "__main__":
    sys.exit(main())
