"""How fast `oversight predict --no-reasons` scores a file, compared with pandas and ONNX Runtime.

    the same CSV file ─┬─▶ oversight predict: in batches, checks every row, an error for each wrong row
                       └─▶ pandas.read_csv ─▶ ONNX Runtime, all rows at once ─▶ DataFrame.to_csv

    python -m benchmarks.enrich_service.predict_bench [--rows N] [--rounds N]

The two take turns in this process, so that a busy machine slows both. Each uses its default number of threads: pandas
one, ONNX Runtime one for each core, `predict` those that it starts itself. The models are a small network with 30
numbers and the shipped model. Needs pandas: `pip install pandas`.
"""

from __future__ import annotations

import argparse
import csv
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from benchmarks.enrich_service.load.made_model import made_model
from common.settings.shared import DEFAULT_MODEL
from common.tables.open_table import open_table
from contract.artifact.contract import METADATA_KEY, ModelContract
from converter.rows import made_from
from enrich_service.files.output import Lines, replaced
from enrich_service.files.score import Scorer
from enrich_service.model.artifact import load as open_artifact
from oversight.commands.predict import score

N_NUMBERS = 30


def main() -> None:
    """Measure and print a table for docs/benchmarks.md."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    import pandas

    sys.stdout.write(f"pandas {pandas.__version__}, ONNX Runtime {onnxruntime.__version__}, {given.rows:,} rows\n\n")
    sys.stdout.write(
        "| model | predict, rows/s | pandas and ONNX Runtime, rows/s | ratio of the medians | of processor time |\n"
        "|---|---|---|---|---|\n"
    )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for model in (made_model(folder / "numbers.onnx", numbers=N_NUMBERS), DEFAULT_MODEL):
            rows = written(model, folder / f"{model.stem}.csv", given.rows)
            ways: list[Callable[[Path, Path, Path], None]] = [with_predict, with_pandas]
            times: list[list[float]] = [[], []]
            cpu_times: list[list[float]] = [[], []]
            for _ in range(given.rounds):
                for way, found, cpu in zip(ways, times, cpu_times, strict=True):
                    start_s, cpu_s = time.perf_counter(), time.process_time()
                    way(model, rows, folder / "out.csv")
                    found.append(time.perf_counter() - start_s)
                    cpu.append(time.process_time() - cpu_s)
            ours, theirs = map(statistics.median, times)
            our_cpu, their_cpu = map(statistics.median, cpu_times)
            name = f"{N_NUMBERS} numbers" if model.parent == folder else model.parent.name
            sys.stdout.write(
                f"| {name} | {given.rows / ours:,.0f} | {given.rows / theirs:,.0f} | {theirs / ours:.2f} | "
                f"{their_cpu / our_cpu:.2f} |\n"
            )


def with_predict(model: Path, rows: Path, output: Path) -> None:
    """Score rows like the command."""
    scorer = Scorer(open_artifact(model), reasons=False)
    with replaced(output) as file:
        score(open_table(rows), scorer, Lines("csv", scorer.columns), file)


def with_pandas(model: Path, rows: Path, output: Path) -> None:
    """Score rows as in a notebook."""
    import pandas

    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    contract = ModelContract.from_json(session.get_modelmeta().custom_metadata_map[METADATA_KEY])
    frame = pandas.read_csv(rows)
    feed: dict[str, Any] = {"numeric": frame[[each.name for each in contract.numeric]].to_numpy(np.float32)}
    if contract.categorical:
        feed["categorical"] = frame[[each.name for each in contract.categorical]].to_numpy(object)
    probabilities, *novelty = session.run(list(contract.outputs), feed)
    labels = np.array([label.name for label in contract.labels], object)
    scored = pandas.DataFrame(
        {"label": labels[probabilities.argmax(axis=1)], "probability": probabilities.max(axis=1).round(6)}
    )
    if novelty:
        scored["novelty"] = novelty[0].round(6)
        scored["unknown"] = novelty[0] > contract.novelty_threshold
    scored.to_csv(output, index=False)


def written(model: Path, path: Path, n: int) -> Path:
    """Write a CSV file with rows for a model; numbers have six digits."""
    contract = open_artifact(model).contract
    rows = made_from(contract, n_rows=n)
    with path.open("w", newline="", encoding="utf-8") as file:
        lines = csv.writer(file)
        lines.writerow([feature.name for feature in (*contract.numeric, *contract.categorical)])
        for numbers, words in zip(rows.numeric.tolist(), rows.categorical.tolist(), strict=True):
            lines.writerow([*(f"{value:.6g}" for value in numbers), *words])
    return path


if __name__ == "__main__":
    main()
