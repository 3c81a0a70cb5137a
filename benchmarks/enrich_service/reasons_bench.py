"""What reasons cost and how faithful they are, on the shipped artifact.

python -m benchmarks.enrich_service.reasons_bench [--data FILE] [--model FILE]

Cost is the processor time of `Enricher.enrich` on a page of 1,000 distinct documents: without reasons, with reasons,
and with every feature tried, as for an artifact without usual reasons. The three take turns, so that a busy machine
slows all of them; the table shows medians of the rounds and of their ratios. For faithfulness see `faithful`; it is
measured with the usual reasons first, then with every feature tried. FILE is a labelled KDD Cup 99 file, such as the
10 % training set; without it the rows come from the simulator.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
import numpy as np
import onnxruntime
from numpy.typing import NDArray

from benchmarks.enrich_service.faithful import measure
from benchmarks.enrich_service.load.traffic import simulated
from common.settings.shared import DEFAULT_MODEL
from contract.kdd99.columns import NORMAL, ROOT
from enrich_service.model.artifact import Artifact, load
from enrich_service.predict.enrich import Enricher
from enrich_service.predict.page import Page
from training.data.records import Records, read

PAGE = 1000
ROUNDS = 31
SIMULATED = 20_000
"""Events of the simulator: enough for 1,000 distinct attacks."""


def main() -> None:
    """Print the two tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, help="labelled KDD Cup 99 file")
    parser.add_argument("--model", type=Path, default=DEFAULT_MODEL, help="artifact")
    arguments = parser.parse_args()
    artifact = load(arguments.model)
    records = read(arguments.data)[0] if arguments.data else simulated()
    sys.stdout.write(
        f"{artifact.contract.name} {artifact.version}, ONNX Runtime {onnxruntime.__version__}, "
        f"{len(records)} distinct rows of {arguments.data.name if arguments.data else 'the simulator'}\n\n"
    )
    _print_cost(artifact, records)
    for name, which in (("usual reasons first", artifact), ("every feature tried", without_usual_reasons(artifact))):
        _print_faithfulness(name, which, records)


def without_usual_reasons(artifact: Artifact) -> Artifact:
    """The artifact as an older converter wrote it, without usual reasons: the service tries every feature."""
    labels = tuple(replace(label, usual_reasons=(), usual_fall=None) for label in artifact.contract.labels)
    return replace(artifact, contract=replace(artifact.contract, labels=labels))


def _print_faithfulness(name: str, artifact: Artifact, records: Records) -> None:
    columns = (
        "verdict",
        "rows",
        "lowered",
        "more than another",
        "... that is odd",
        "with real values",
        "fall",
        "of another",
    )
    sys.stdout.write(f"\n{name}\n\n| {' | '.join(columns)} |\n|{'---|' * len(columns)}\n")
    for row in measure(artifact, records, at_least=200):
        shares = (row.lowered, row.more_than_random, row.more_than_random_odd, row.with_real_values)
        percents = " | ".join(f"{share * 100:.1f} %" for share in shares)
        sys.stdout.write(
            f"| {row.verdict} | {row.n_rows} | {percents} | {row.median_fall:.1f} | {row.median_fall_random:.1f} |\n"
        )


def _print_cost(artifact: Artifact, records: Records) -> None:
    rng = np.random.default_rng(0)
    attack = np.flatnonzero(records.labels != NORMAL)
    pages = {"attacks": attack, "normal connections": np.flatnonzero(records.labels == NORMAL)}
    columns = (
        "page of distinct",
        "documents",
        "without reasons",
        "with",
        "every feature tried",
        "with / without",
        "every / with",
    )
    sys.stdout.write(f"| {' | '.join(columns)} |\n|{'---|' * len(columns)}\n")
    for name, rows in pages.items():
        page = documents(records, rng.choice(rows, min(PAGE, len(rows)), replace=False))
        found = cost(artifact, page)
        times = " | ".join(f"{ms:.1f} ms" for ms in (found.bare_ms, found.with_ms, found.every_ms))
        sys.stdout.write(f"| {name} | {len(page.ids)} | {times} | {found.of_bare:.2f} | {found.gained:.2f} |\n")


def documents(records: Records, index: NDArray[np.intp]) -> Page:
    """A page with one document for each of these rows, as the watcher sends it."""
    sources = (
        {
            ROOT: {
                **dict(zip(records.numeric_columns, map(float, records.numeric[row]), strict=True)),
                **dict(zip(records.categorical_columns, map(str, records.categorical[row]), strict=True)),
            }
        }
        for row in index.tolist()
    )
    return Page(list(map(str, index.tolist())), list(map(msgspec.json.encode, sources)))


@dataclass(frozen=True)
class Cost:
    """Processor time of a page, medians of the rounds; the ratios are medians of the rounds' ratios."""

    bare_ms: float
    with_ms: float
    every_ms: float
    of_bare: float
    """Time with reasons / time without."""
    gained: float
    """Time with every feature tried / time with the usual reasons first."""


def cost(artifact: Artifact, page: Page, rounds: int = ROUNDS) -> Cost:
    """Measure a page in three variants that take turns."""
    ways = (
        Enricher(artifact, reasons=False, cache_bytes=0),
        Enricher(artifact, cache_bytes=0),
        Enricher(without_usual_reasons(artifact), cache_bytes=0),
    )
    times = [[_processor_ms(way, page) for way in ways] for _ in range(rounds)]
    bare, with_reasons, every = zip(*times[1:], strict=True)  # the first round warms up
    return Cost(
        bare_ms=statistics.median(bare),
        with_ms=statistics.median(with_reasons),
        every_ms=statistics.median(every),
        of_bare=statistics.median(b / a for a, b in zip(bare, with_reasons, strict=True)),
        gained=statistics.median(b / a for a, b in zip(with_reasons, every, strict=True)),
    )


def _processor_ms(enricher: Enricher, page: Page) -> float:
    began = time.process_time()
    enricher.enrich(page)
    return (time.process_time() - began) * 1e3


if __name__ == "__main__":
    main()
