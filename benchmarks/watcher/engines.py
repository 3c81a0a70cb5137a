"""The processes of a real engine on this machine: what they use, and which core they run on.

URL ──▶ who listens there ──┐
 └────▶ the node's own pid ─┴─▶ Engine ──▶ processor seconds
                                  └──────▶ alone_on_a_core(): every thread of it on one core, we on the others
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import psutil
from elasticsearch import Elasticsearch

OLDEST_ELASTICSEARCH = 8
"""Major version of the oldest that we speak to; OpenSearch counts from 1 again."""


@dataclass(frozen=True)
class Engine:
    """One node, and what stands in front of it."""

    name: str
    processes: tuple[psutil.Process, ...]

    def cpu_s(self) -> float:
        """Processor seconds that it has used; 0 where it is not on this machine."""
        return sum(times.user + times.system for times in (each.cpu_times() for each in self.processes))


def engine_at(es: Elasticsearch, url: str) -> Engine:
    """The engine that answers at an address."""
    nodes = list(es.nodes.info(metric="process")["nodes"].values())
    version = str(nodes[0]["version"])
    name = "OpenSearch" if int(version.split(".")[0]) < OLDEST_ELASTICSEARCH else "Elasticsearch"
    pids = _listeners(urlsplit(url).port or 9200) | {pid for node in nodes if (pid := _pid_here(node)) is not None}
    return Engine(f"{name} {version}", tuple(psutil.Process(pid) for pid in sorted(pids)))


@contextlib.contextmanager
def alone_on_a_core(engine: Engine, *clients: psutil.Process) -> Iterator[None]:
    """Give the engine one core, and this process, what it starts, and `clients` the others; undone at the end.

    Raises:
        SystemExit: there is one core only, or the engine's processes are not found here.
    """
    cores = os.sched_getaffinity(0)
    if len(cores) < 2 or not engine.processes:
        raise SystemExit("--pin needs two cores, and an engine that runs on this machine")
    its = {max(cores)}
    others = [psutil.Process(), *clients, *(child for one in clients for child in one.children(recursive=True))]
    try:
        _pin(engine.processes, its)
        _pin(others, cores - its)
        yield
    finally:
        _pin(others, cores)
        _pin(engine.processes, cores)


def _pin(processes: Iterable[psutil.Process], cores: set[int]) -> None:
    """Every thread that there is; those that come inherit it from the one that starts them."""
    for process in processes:
        for thread in process.threads():
            with contextlib.suppress(ProcessLookupError):
                os.sched_setaffinity(thread.id, cores)


def _listeners(port: int) -> set[int]:
    found = psutil.net_connections(kind="tcp")
    return {
        one.pid
        for one in found
        if one.status == psutil.CONN_LISTEN and one.laddr and one.laddr.port == port and one.pid
    }


def _pid_here(node: Mapping[str, Any]) -> int | None:
    """The pid that a node tells of itself, where that is a Java program of this machine."""
    pid = node.get("process", {}).get("id")
    with contextlib.suppress(psutil.Error):
        if pid is not None and psutil.Process(pid).name() == "java":
            return int(pid)
    return None
