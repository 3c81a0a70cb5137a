"""Anything at all is sent to a real service: what it answers, and that it is the same service afterwards.

    python -m benchmarks.enrich_service.fuzz [--rounds 200] [--seed 1] [--model FILE]

    bodies ──────────┐
                     ├──▶ oversight serve, a real gunicorn ──▶ responses ──▶ faults: a 5xx, no JSON, a traceback, a hang
    sockets: clients ┘             └─ workers, memory, log: before and after
    tls: clients ──────▶ the same with a certificate

Exit 1 where there is a fault, a worker was replaced or its memory grew.
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
"""One request of a heavy kind for so many of another."""
MAX_GROWTH = 1.25
"""Memory of the workers together after the rounds, against that before them and after those that warm up."""
WARM_ROUNDS = 200
SETTLE_S = 1.0
BACKPRESSURE = b"OVERSIGHT_SERVE_QUEUE"
"""In a 503 that turns away what the queue has no room for; that is what it is there for."""
TRACES = (b"Traceback", b'File "', b"site-packages")

Client = Callable[[str, ModelContract, Random], Sent]
Kinds = dict[str, tuple[Client, bool]]
"""What sends one of each kind, and whether it is heavy."""


@dataclass
class Kind:
    """What came of one kind of request."""

    requests: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)


@dataclass
class Report:
    """What a service did with all of it."""

    kinds: dict[str, Kind] = field(default_factory=dict)
    replaced: int = 0
    before_bytes: int = 0
    after_bytes: int = 0
    log_problems: list[str] = field(default_factory=list)

    @property
    def faults(self) -> list[str]:
        """Everything that must not be, a line each."""
        faults = [f"{name}: {fault}" for name, kind in self.kinds.items() for fault in kind.faults]
        faults += [f"log: {line}" for line in self.log_problems]
        faults += [f"{self.replaced} workers were replaced"] if self.replaced else []
        if self.after_bytes > MAX_GROWTH * self.before_bytes:
            faults.append(f"memory grew from {self.before_bytes // MB} to {self.after_bytes // MB} MB")
        return faults


def clients() -> Kinds:
    """Every kind by its name, of bodies and of clients without TLS."""
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
    """Send every kind `rounds` times, the heavy ones less often, after rounds that only warm up; `kinds` in place of
    `clients`.

    A thread is at its largest once it has had the largest request, so few rounds to warm up show a growth that ends.
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
            randoms = [Random(f"{name} {seed} {number}") for number in range(times)]  # noqa: S311  to be repeated
            for sent in pool.map(partial(_send, client, url, contract), randoms):
                _count(kind, sent)


def _send(client: Client, url: str, contract: ModelContract, random: Random) -> Sent | str:
    """What came of one; text where it is a fault by itself."""
    try:
        return client(url, contract, random)
    except Hung as hung:
        return str(hung)
    except ConnectionRefusedError:
        return "the service takes no connection"
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
    """Why an answer must not be; None where it may."""
    shown = f"{answer.status} {answer.body[:200]!r}"
    if answer.status >= 500 and not (answer.status == 503 and BACKPRESSURE in answer.body):
        return f"a server's error: {shown}"
    if any(trace in answer.body for trace in TRACES):
        return f"a stack trace: {shown}"
    if answer.content_type.startswith("text/plain") and answer.status == 200:
        return None  # the metrics
    if answer.content_type != "application/json":
        return f"{answer.content_type!r} instead of JSON: {shown}"
    try:
        page = json.loads(answer.body)
    except ValueError:
        return f"no JSON: {shown}"
    error = page.get("error")
    if answer.status >= 400 and not (isinstance(error, str) or set(error or ()) == {"type", "message"}):
        return f"an error of another form: {shown}"
    return None


def log_problems(log: Path) -> list[str]:
    """Lines of a service's log that tell of a mistake in it."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    bad = [line for line in lines if "Traceback" in line or '"log.level":"error"' in line or not line.startswith("{")]
    return [line[:400] for line in bad[:5]]


def _memory(workers: Callable[[], list[psutil.Process]]) -> int:
    """Resident memory of the workers together, once they rest."""
    time.sleep(SETTLE_S)
    return sum(worker.memory_info().rss for worker in workers())


def table(report: Report) -> list[str]:
    """The report as lines for the documentation, and what must not be."""
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
    """The command."""
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
    """What came of the clients of `tls`, at a service that has a certificate."""
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
