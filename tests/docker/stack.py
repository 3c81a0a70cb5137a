"""The whole compose file, run by Docker in a copy of the checkout, as a user runs it.

Only `.env` differs from a user's: it names other images where those of the compose file cannot be pulled.
"""

from __future__ import annotations

import json
import shutil
import ssl
import subprocess
import urllib.error
import urllib.request
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from dotenv import dotenv_values

from contract.documents.fields import stream_name
from tests.conftest import ROOT
from tests.docker.engine import BUILD_WAIT_S, Engine
from tests.waiting import WAIT_S, wait_until

PROJECT = "oversight-test"
"""Not `oversight`, so that an installation on the same engine keeps its volumes."""
MAKE = shutil.which("make") or "make"
PROFILES = ("--profile", "console", "--profile", "simulator")
ELASTIC = "https://localhost:9200"
LINES = (ROOT / "tests" / "golden" / "csv" / "plain.log").read_text(encoding="utf-8").splitlines()
"""Records to ship."""
SETUP = ("certificates", "provision")
"""Services that write the certificates and the keys."""


def basic(user: str, password: str) -> dict[str, str]:
    """Return the headers of a user."""
    return {"Authorization": f"Basic {b64encode(f'{user}:{password}'.encode()).decode()}"}


@dataclass(frozen=True)
class Before:
    """What an installation was before its upgrade."""

    containers: dict[str, dict[str, Any]]
    fingerprints: list[str]
    path: str
    """Of the file whose events had their predictions."""
    events: list[dict[str, Any]]
    pipeline: str


@dataclass
class Stack:
    """One installation.

    Args:
        docker: the engine.
        folder: the checkout that it runs from.
        replaced: variables of the compose file that name an image, and the image to use in its place.
    """

    docker: Engine
    folder: Path
    replaced: Mapping[str, str]
    shipped: int = 0
    """Number of records that were shipped."""
    before: Before | None = None

    def write_env(self) -> None:
        """Run `make env`, and add the images."""
        subprocess.run([MAKE, "env"], cwd=self.folder, check=True, capture_output=True)
        with (self.folder / ".env").open("a", encoding="utf-8") as file:
            for name, value in self.replaced.items():
                file.write(f"{name}={value}\n")
        (self.folder / "logs").mkdir(exist_ok=True)

    @property
    def secrets(self) -> dict[str, str]:
        """The content of `.env`."""
        return {name: value or "" for name, value in dotenv_values(self.folder / ".env").items()}

    def compose(self, *words: str, check: bool = True, wait_s: float = WAIT_S) -> subprocess.CompletedProcess[str]:
        """Run a command of Compose."""
        given = {"COMPOSE_PROJECT_NAME": PROJECT}
        return self.docker.run("compose", *words, check=check, cwd=self.folder, env=given, wait_s=wait_s)

    def services(self) -> list[dict[str, Any]]:
        """Return the services, as Compose reads them."""
        found = json.loads(self.compose("--profile", "*", "config", "--format", "json").stdout)
        return list(found["services"].values())

    def build(self) -> None:
        """Build each image as the compose file says, with the machine's network: Compose has no option for it."""
        services = self.services()
        for image, how in {each["image"]: each["build"] for each in services if "build" in each}.items():
            arguments = [f"--build-arg={name}={value}" for name, value in how["args"].items()]
            words = [
                "build",
                "--network=host",
                f"--target={how['target']}",
                f"--tag={image}",
                *arguments,
                how["context"],
            ]
            self.docker.run(*words, wait_s=BUILD_WAIT_S)

    def up(self, *profiles: str) -> None:
        """Start everything, as docs/docker.md says. Every step of the images is in the builder's cache."""
        done = self.compose(*profiles, "up", "--build", "--wait", check=False, wait_s=BUILD_WAIT_S)
        if done.returncode:
            logs = self.compose("--profile", "*", "logs", "--tail", "30").stdout
            raise AssertionError(f"docker compose up: {done.stderr[-1000:]}\n{logs[-6000:]}")

    def containers(self) -> dict[str, dict[str, Any]]:
        """Return what the engine knows of each service's container."""
        ids = self.compose("--profile", "*", "ps", "--all", "--quiet").stdout.split()
        found = json.loads(self.docker.run("inspect", *ids).stdout) if ids else []
        return {each["Config"]["Labels"]["com.docker.compose.service"]: each for each in found}

    def healthy(self, *services: str) -> bool:
        """Whether these containers run and their health checks succeed."""
        states = [container["State"] for name, container in self.containers().items() if name in services]
        return len(states) == len(services) and all(
            state["Running"] and state["Health"]["Status"] == "healthy" for state in states
        )

    def fingerprints(self) -> list[str]:
        """Return a digest of each certificate and key, with its path."""
        lines: list[str] = []
        for service in SETUP:
            script = ("--entrypoint", "sh", service, "-c", "find /certs /keys -type f -exec sha256sum {} +")
            lines += self.compose("run", "--rm", "--no-deps", "--no-TTY", *script).stdout.splitlines()
        return sorted(lines)

    @cached_property
    def trust(self) -> ssl.SSLContext:
        """Return TLS settings that trust the installation's own authority, copied as docs/docker.md says."""
        self.compose("cp", "certificates:/certs/public/ca.crt", "ca.crt")
        return ssl.create_default_context(cafile=str(self.folder / "ca.crt"))

    def get(self, url: str, **headers: str) -> tuple[int, str]:
        """Return status and text of a page on this machine, over TLS."""
        return self.request("GET", url, None, **headers)

    def request(self, method: str, url: str, body: Mapping[str, Any] | None, **headers: str) -> tuple[int, str]:
        """Return status and text of the response to a request with a JSON body."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(url, data, {"Content-Type": "application/json", **headers}, method=method)
        try:
            with urllib.request.urlopen(request, context=self.trust, timeout=WAIT_S) as answer:
                return answer.status, answer.read().decode(errors="replace")
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode(errors="replace")

    @property
    def superuser(self) -> dict[str, str]:
        """Headers of the user elastic."""
        return basic("elastic", self.secrets["ELASTIC_PASSWORD"])

    def ask(self, path: str) -> dict[str, Any]:
        """Return an answer of Elasticsearch, as the user elastic."""
        status, answer = self.get(f"{ELASTIC}/{path}", **self.superuser)
        assert status == 200, answer
        found: dict[str, Any] = json.loads(answer)
        return found

    def search(self, query: str) -> list[dict[str, Any]]:
        """Return the events that match a query in Lucene's syntax, in one order."""
        words = urlencode({"q": query, "size": 100, "sort": "log.offset", "ignore_unavailable": "true"})
        return [hit["_source"] for hit in self.ask(f"{stream_name('default')}/_search?{words}")["hits"]["hits"]]

    def pipeline(self, name: str) -> str:
        """Return the description of one of our pipelines."""
        full = f"oversight-{name}-default"
        return str(self.ask(f"_ingest/pipeline/{full}")[full]["description"])

    def ship(self, lines: list[str]) -> str:
        """Ship lines from a new file. Return the file's path in the container."""
        name = f"sensor-{self.shipped}.csv"
        (self.folder / "logs" / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
        self.shipped += 1
        self.compose("run", "--rm", "ship", f"/logs/{name}")
        return f"/logs/{name}"

    def predictions(self, path: str, count: int) -> list[dict[str, Any]]:
        """Wait until that many events of a shipped file have their prediction. Return them."""
        query = f'log.file.path:"{path}" AND _exists_:oversight.prediction.label'
        wait_until(lambda: len(self.search(query)) >= count, f"{count} predictions of {path}")
        return self.search(query)

    def down(self) -> None:
        """Remove containers, networks and volumes, as docs/docker.md says."""
        self.compose("--profile", "*", "down", "--volumes")

    def left(self) -> list[str]:
        """Return what the engine still has of this installation."""
        mine = ["--filter", f"label=com.docker.compose.project={PROJECT}", "--quiet"]
        kinds = (("ps", "--all"), ("volume", "ls"), ("network", "ls"))
        return [name for kind in kinds for name in self.docker.run(*kind, *mine).stdout.split()]
