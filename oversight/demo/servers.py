"""The demo's servers: engine, enrich service, watcher, console. Each is started, awaited and supervised."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
from elasticsearch import Elasticsearch

from common.own_program import own_program
from common.settings.shared import DEFAULT_MODEL
from contract.documents.fields import stream_name
from contract.errors import EndpointUnavailableError
from enrich_service.model.model_file import read_contract
from es_pipelines.provision.apply import provision
from oversight.demo import embedded
from oversight.demo.children import Children, HttpServer
from oversight.demo.ports import Ports

NAMESPACE = "default"
SINCE = "from=now-15m"
"""Time range of the dashboards: the demo's traffic covers minutes, not days."""
OTHERS = ("ELASTICSEARCH_", "KIBANA_", "OVERSIGHT_")
"""Prefixes of settings that may point at a real cluster: the demo's processes do not get them."""


class Servers:
    """The processes of one demo and their addresses."""

    def __init__(self, children: Children, *, ports: Ports, say: Callable[[str], None]) -> None:
        self._children = children
        self._ports = ports
        self._say = say
        self._running: dict[str, psutil.Popen] = {}
        self.folder = children.folder
        self.contract = read_contract(DEFAULT_MODEL)
        self.stream = stream_name(NAMESPACE)
        self.traffic = self.folder / "traffic"
        self.state = self.folder / "state"
        self.engine_url = self.enrich_url = self.console_url = ""

    @contextmanager
    def start(self) -> Iterator[Elasticsearch]:
        """Start all servers in the right order, and yield a client of the engine.

        Raises:
            OversightError: one of them does not start; names its log.
        """
        self._running["engine"], self.engine_url = embedded.start(self._children, port=self._ports.engine)
        self._say(
            f"engine          {self.engine_url}  (noida-db, a small in-memory engine for the demo; not for production)"
        )
        enrich = self._http_server("enrich", "serve", "/v2/health/ready", self._ports.enrich)
        console = self._http_server("console", "console", "/health/live", self._ports.console)
        with Elasticsearch(self.engine_url, request_timeout=30) as es:
            steps = provision(es, self.contract, namespace=NAMESPACE)
            self._say(f"pipelines       {len(steps)} resources for {self.stream}")
            self.enrich_url = self._ready("enrich service", enrich, log="enrich")
            self._say(f"enrich service  {self.enrich_url}")
            self._running["watcher"] = self._command("watcher", "watch", "--enrich-url", self.enrich_url)
            self._say("watcher         adds predictions to pending documents")
            self.console_url = self._ready("console", console, log="console")
            self._say(f"console         {self.console_url}/?{SINCE}  (the dashboards, live)")
            yield es

    def _http_server(self, log: str, command: str, path: str, port: int | None) -> HttpServer:
        def on_port(free: int) -> psutil.Popen:
            return self._command(log, command, "--bind", f"127.0.0.1:{free}")

        return HttpServer(self._children, on_port, path, port=port)

    def _ready(self, name: str, server: HttpServer, *, log: str) -> str:
        """Wait until a server is ready. Return its address."""
        if not server.wait():
            raise EndpointUnavailableError(f"the {name} does not start; see its log {self._log(log)}")
        self._running[name] = server.process
        return server.url

    def _command(self, log: str, *arguments: str) -> psutil.Popen:
        """Start one of our own commands, as a user would."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith(OTHERS)}
        environment |= {
            "ELASTICSEARCH_URL": self.engine_url,
            "OVERSIGHT_NAMESPACE": NAMESPACE,
            "OVERSIGHT_STATE": str(self.folder / "console"),
            "OVERSIGHT_WATCH_POLL_INTERVAL_S": "0.5",
        }
        return self._children.start(
            [sys.executable, "-m", "oversight", *arguments], log=self._log(log), env=environment
        )

    def _log(self, name: str) -> Path:
        return self.folder / f"{name}.log"

    def check(self) -> None:
        """Check that all processes are running.

        Raises:
            EndpointUnavailableError: names the process that ended.
        """
        for name, process in self._running.items():
            if process.poll() is not None:
                raise EndpointUnavailableError(f"the {name} stopped unexpectedly; see the logs in {self.folder}")

    def where_to_look(self, alert_id: str) -> str:
        """Return addresses for a browser, and commands for another terminal.

        Args:
            alert_id: an alert that a person can judge.
        """
        engine = f"ELASTICSEARCH_URL={self.engine_url}"
        program = own_program()
        return (
            f"\nIn a browser\n"
            f"  incidents and dashboards  {self.console_url}/?{SINCE}\n"
            f"  the alerts as JSON        {self.engine_url}/{self.stream}/_search?q=event.kind:alert&pretty\n"
            f"  the model                 {self.enrich_url}/v1/model\n"
            f"In another terminal\n"
            f"  incidents                 {engine} {program} incidents\n"
            f"  your verdict              {engine} {program} verdict {alert_id[:12]} false_positive --comment WHY\n"
            f"  your own file             {engine} {program} ship FILE.csv\n"
            f"Your own cluster: docs/cluster.md   Your own traffic, from Zeek, Suricata or a capture: docs/traffic.md\n"
        )
