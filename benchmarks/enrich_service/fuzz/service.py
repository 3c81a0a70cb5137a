"""Send invalid requests of all kinds to a real service, and check its answers, workers, memory and log.

    python -m benchmarks.enrich_service.fuzz [--rounds 200] [--seed 1] [--model FILE]

    bodies ──────────┐
                     ├──▶ oversight serve, a real gunicorn ──▶ responses ──▶ faults: 5xx, not JSON, a traceback, a hang
    sockets: clients ┘             └─ workers, memory, log: before and after
    tls: clients ──────▶ the same with a certificate

Exits with 1 if there is a fault, the service replaced a worker, or its memory grew.
"""

from __future__ import annotations

import argparse
import json
import shutil
import ssl
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from random import Random

import psutil

from benchmarks.enrich_service.fuzz import bodies, sockets, tls
from benchmarks.enrich_service.fuzz.sockets import Answer, Hung, Sent
from common.settings.shared import DEFAULT_MODEL
from contract.artifact.contract import ModelContract
from enrich_service.model.model_file import read
from tests.servers import running

MB = 1024 * 1024
HEAVY_EVERY = 20
"""The number of other requests for each request of a heavy kind."""
MAX_GROWTH = 1.25
"""Highest ratio of the workers' memory after the rounds to that after the warm-up rounds."""
WARM_ROUNDS = 200
SETTLE_S = 1.0
BACKPRESSURE = b"OVERSIGHT_SERVE_QUEUE"
"""Text in a 503 that the service sends on purpose because its queue is full."""
TRACES = (b"Traceback", b'File "', b"site-packages")

Client = Callable[[str, ModelContract, Random], Sent]
Kinds = dict[str, tuple[Client, bool]]
"""By name: the function that sends one request of a kind, and whether the kind is heavy."""


@dataclass
class Kind:
    """Answers and faults of one kind of request."""

    requests: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)


@dataclass
class Report:
    """Results of all kinds for one service."""

    kinds: dict[str, Kind] = field(default_factory=dict)
    replaced: int = 0
    before_bytes: int = 0
    after_bytes: int = 0
    log_problems: list[str] = field(default_factory=list)

    @property
    def faults(self) -> list[str]:
        """All faults, a line each."""
        faults = [f"{name}: {fault}" for name, kind in self.kinds.items() for fault in kind.faults]
        faults += [f"log: {line}" for line in self.log_problems]
        faults += [f"the service replaced {self.replaced} workers"] if self.replaced else []
        if self.after_bytes > MAX_GROWTH * self.before_bytes:
            faults.append(f"memory grew from {self.before_bytes // MB} to {self.after_bytes // MB} MB")
        return faults


def clients() -> Kinds:
    """All kinds of bodies, and of clients without TLS, by name."""
    kinds: Kinds = {name: (_sender(make), False) for name, make in bodies.MAKERS.items()}
    kinds |= {name: (client, False) for name, client in sockets.CLIENTS.items()}
    kinds |= {name: (_sender(make), True) for name, make in bodies.HEAVY.items()}
    return kinds | {name: (client, True) for name, client in sockets.HEAVY.items()}


def _sender(make: Callable[[ModelContract, Random], bodies.Body]) -> Client:
    def send(url: str, contract: ModelContract, random: Random) -> Sent:
        body = make(contract, random)
        head = sockets.head_of(body.path, len(body.data), body.headers)
        return 1, sockets.exchange(url, head + body.data)

    return send


def run(
    url: str,
    workers: Callable[[], list[psutil.Process]],
    log: Path,
    *,
    rounds: int,
    warm_rounds: int,
    seed: int,
    threads: int = 2,
    contract: ModelContract,
    kinds: Kinds | None = None,
) -> Report:
    """Send every kind `rounds` times, heavy kinds less often, after `warm_rounds` that do not count. `kinds` replaces
    `clients()`.

    A thread reaches its full memory with its largest request, so too few warm-up rounds show a growth that soon ends.
    """
    first = {worker.pid for worker in workers()}
    report = Report()
    send = partial(_all_kinds, url, contract, clients() if kinds is None else kinds, threads=threads)
    send(Report(), rounds=warm_rounds, seed=seed - 1)
    report.before_bytes = _memory(workers)
    send(report, rounds=rounds, seed=seed)
    report.after_bytes = _memory(workers)
    report.replaced = len({worker.pid for worker in workers()} - first)
    report.log_problems = log_problems(log)
    return report


def _all_kinds(
    url: str, contract: ModelContract, kinds: Kinds, report: Report, *, rounds: int, seed: int, threads: int
) -> None:
    with ThreadPoolExecutor(threads) as pool, sockets.silent_clients(url, 2):
        for name, (client, heavy) in kinds.items():
            kind = report.kinds.setdefault(name, Kind())
            times = -(-rounds // HEAVY_EVERY) if heavy else rounds
            randoms = [Random(f"{name} {seed} {number}") for number in range(times)]  # noqa: S311  no secret
            for sent in pool.map(partial(_send, client, url, contract), randoms):
                _count(kind, sent)


def _send(client: Client, url: str, contract: ModelContract, random: Random) -> Sent | str:
    """Send one request; returns its answers, or a text if the service hung or refused the connection."""
    try:
        return client(url, contract, random)
    except Hung as hung:
        return str(hung)
    except ConnectionRefusedError:
        return "the service refuses connections"
    except ConnectionError:
        return 1, []


def _count(kind: Kind, sent: Sent | str) -> None:
    if isinstance(sent, str):
        kind.requests += 1
        kind.faults.append(sent)
        return
    requests, answers = sent
    kind.requests += requests
    for answer in answers:
        kind.statuses[answer.status] += 1
        problem = problem_of(answer)
        if problem is not None:
            kind.faults.append(problem)


def problem_of(answer: Answer) -> str | None:
    """Why an answer is a fault; None if it is not."""
    shown = f"{answer.status} {answer.body[:200]!r}"
    if answer.status >= 500 and not (answer.status == 503 and BACKPRESSURE in answer.body):
        return f"a server error: {shown}"
    if any(trace in answer.body for trace in TRACES):
        return f"a stack trace: {shown}"
    if answer.content_type.startswith("text/plain") and answer.status == 200:
        return None  # metrics
    if answer.content_type != "application/json":
        return f"{answer.content_type!r} instead of JSON: {shown}"
    try:
        page = json.loads(answer.body)
    except ValueError:
        return f"not JSON: {shown}"
    error = page.get("error")
    if answer.status >= 400 and not (isinstance(error, str) or set(error or ()) == {"type", "message"}):
        return f"an error in an unexpected format: {shown}"
    return None


def log_problems(log: Path) -> list[str]:
    """Lines of a service's log that show an error in the service; at most five."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    bad = [line for line in lines if "Traceback" in line or '"log.level":"error"' in line or not line.startswith("{")]
    return [line[:400] for line in bad[:5]]


def _memory(workers: Callable[[], list[psutil.Process]]) -> int:
    """Resident memory of all workers, a moment after the load ended."""
    time.sleep(SETTLE_S)
    return sum(worker.memory_info().rss for worker in workers())


def table(report: Report) -> list[str]:
    """The report as a Markdown table, followed by the faults."""
    lines = ["| what was sent | requests | answers by status | no answer |", "|---|---|---|---|"]
    for name, kind in report.kinds.items():
        statuses = ", ".join(f"{status}: {number:,}" for status, number in sorted(kind.statuses.items()))
        lines.append(f"| {name} | {kind.requests:,} | {statuses} | {kind.requests - kind.statuses.total():,} |")
    total = sum(kind.requests for kind in report.kinds.values())
    lines += [
        "",
        f"{total:,} requests, workers replaced: {report.replaced}, memory of the workers: "
        f"{report.before_bytes / MB:.0f} MB before, {report.after_bytes / MB:.0f} MB after",
    ]
    return [*lines, *(f"FAULT {fault}" for fault in report.faults)]


def main() -> None:
    """Run the fuzzer and print its reports."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=200, help="requests of each kind")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--model", type=Path, default=DEFAULT_MODEL, help="the artifact; the shipped one by default")
    options = parser.parse_args()
    reports = []
    with running(options.model, options=["--workers", "2"]) as service:
        reports.append(
            run(
                service.url,
                service.workers,
                service.log,
                rounds=options.rounds,
                warm_rounds=WARM_ROUNDS,
                seed=options.seed,
                contract=read(options.model).contract,
            )
        )
    if openssl := shutil.which("openssl"):
        reports.append(_over_tls(options.model, openssl, rounds=options.rounds, seed=options.seed))
    sys.stdout.write("\n\n".join("\n".join(table(report)) for report in reports) + "\n")
    sys.exit(1 if any(report.faults for report in reports) else 0)


def _over_tls(model: Path, openssl: str, *, rounds: int, seed: int) -> Report:
    """Run the clients of `tls` against a service with a certificate."""
    with tempfile.TemporaryDirectory() as folder:
        cert, key = Path(folder) / "cert.pem", Path(folder) / "key.pem"
        subprocess.run(
            [
                openssl,
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:prime256v1",
                "-nodes",
                "-days",
                "2",
                "-subj",
                "/CN=fuzz",
                "-addext",
                "subjectAltName=IP:127.0.0.1",
                "-keyout",
                str(key),
                "-out",
                str(cert),
            ],
            check=True,
            capture_output=True,
            timeout=20,
        )
        env = {"OVERSIGHT_SERVE_TLS_CERT": str(cert), "OVERSIGHT_SERVE_TLS_KEY": str(key)}
        context = ssl.create_default_context(cafile=cert)
        with running(model, env=env, tls=context, options=["--workers", "2"]) as service:
            return run(
                service.url,
                service.workers,
                service.log,
                rounds=rounds,
                warm_rounds=WARM_ROUNDS,
                seed=seed,
                contract=read(model).contract,
                kinds=tls.clients(context),
            )
