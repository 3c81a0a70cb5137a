"""What reasons cost and whether they hold, on the shipped artifact.

python -m benchmarks.enrich_service.reasons_bench [--data FILE] [--model FILE]

Cost: `Enricher.enrich` over a page of 1,000 distinct documents, with and without reasons, in turns, so that a busy
machine slows both; processor time, the median of the rounds and their ratio. Faithfulness: see `faithful`. FILE is a
labelled KDD Cup 99 file, such as the 10 % training set; without it the rows are the simulator's.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from benchmarks.enrich_service.faithful import measure
from benchmarks.enrich_service.traffic import simulated
from contract.kdd99.columns import NORMAL, ROOT
from enrich_service.model.artifact import Artifact, load
from enrich_service.predict.enrich import Document, Enricher
from oversight.config.settings import DEFAULT_MODEL
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
    sys.stdout.write(
        "\n| verdict | rows | lowered | more than another | ... that is odd | with real values | fall | of another |\n"
        "|---|---|---|---|---|---|---|---|\n"
    )
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
    sys.stdout.write("| page of distinct | documents | without reasons | with | ratio |\n|---|---|---|---|---|\n")
    for name, rows in pages.items():
        page = documents(records, rng.choice(rows, min(PAGE, len(rows)), replace=False))
        bare_ms, full_ms, ratio = cost(artifact, page)
        sys.stdout.write(f"| {name} | {len(page)} | {bare_ms:.1f} ms | {full_ms:.1f} ms | {ratio:.2f} |\n")


def documents(records: Records, index: NDArray[np.intp]) -> list[Document]:
    """Documents as the watcher sends them, one for each of these rows."""
    return [
        Document(
            str(row),
            {
                ROOT: {
                    **dict(zip(records.numeric_columns, map(float, records.numeric[row]), strict=True)),
                    **dict(zip(records.categorical_columns, map(str, records.categorical[row]), strict=True)),
                }
            },
        )
        for row in index.tolist()
    ]


def cost(artifact: Artifact, page: list[Document], rounds: int = ROUNDS) -> tuple[float, float, float]:
    """Processor milliseconds of the page without and with reasons, medians, and the median ratio of a round."""
    bare, full = Enricher(artifact, reasons=False), Enricher(artifact)
    times: list[tuple[float, float]] = []
    for _ in range(rounds):
        begin = time.process_time()
        bare.enrich(page)
        between = time.process_time()
        full.enrich(page)
        times.append((between - begin, time.process_time() - between))
    without, with_reasons = zip(*times[1:], strict=True)  # the first round warms up
    ratio = statistics.median(b / a for a, b in times[1:])
    return statistics.median(without) * 1e3, statistics.median(with_reasons) * 1e3, ratio


if __name__ == "__main__":
    main()
