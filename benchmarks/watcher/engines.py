"""Find the processes of a real engine on this machine, measure their processor time, and pin them to a core.

URL ──▶ process that listens there ──┐
 └────▶ pid that the node reports ───┴─▶ Engine ──▶ processor seconds
                                           └──────▶ alone_on_a_core(): all its threads on a core, clients on the others
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
"""Oldest supported major version of Elasticsearch; OpenSearch has lower version numbers."""


@dataclass(frozen=True)
class Engine:
    """One node, with a process that listens in front of it, if there is one."""

    name: str
    processes: tuple[psutil.Process, ...]

    def cpu_s(self) -> float:
        """Processor seconds that it has used; 0 if it is not on this machine."""
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
    """Pin the engine to one core; pin this process, its children and `clients` to the others. Undone at the end.

    Raises:
        SystemExit: there is only one core, or the engine's processes are not on this machine.
    """
    cores = os.sched_getaffinity(0)
    if len(cores) < 2 or not engine.processes:
        raise SystemExit("--pin needs two cores, and an engine that runs on this machine")
    engine_core = {max(cores)}
    others = [psutil.Process(), *clients, *(child for one in clients for child in one.children(recursive=True))]
    try:
        _pin(engine.processes, engine_core)
        _pin(others, cores - engine_core)
        yield
    finally:
        _pin(others, cores)
        _pin(engine.processes, cores)


def _pin(processes: Iterable[psutil.Process], cores: set[int]) -> None:
    """Pin every existing thread; new threads inherit the cores of the thread that starts them."""
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
    """The pid that a node reports, if it is a Java process on this machine."""
    pid = node.get("process", {}).get("id")
    with contextlib.suppress(psutil.Error):
        if pid is not None and psutil.Process(pid).name() == "java":
            return int(pid)
    return None
