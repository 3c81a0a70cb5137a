"""How memory and time of `oversight contract init` grow with a file that is ten times as long.

    a tenth of the rows ─┐
                         ├─▶ oversight contract init, one process each ─▶ peak memory, seconds, ratio of the memory
    all rows ────────────┘

    python -m benchmarks.converter.init_bench [--rows N]

Memory must not grow with the file: the command counts column by column while it reads, and takes quantiles from a
sample.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

N_NUMBERS = 8
WORDS = np.array(["tcp", "udp", "icmp", "sctp"])


def main() -> None:
    """Measure and print a table for docs/benchmarks.md."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=1_000_000)
    rows = parser.parse_args().rows
    sys.stdout.write("| rows | file, MB | largest memory, MB | seconds | rows/s |\n|---|---|---|---|---|\n")
    memory = []
    with tempfile.TemporaryDirectory() as name:
        for n in (rows // 10, rows):
            path = written(Path(name) / f"rows{n}.csv", n)
            size, seconds = described(path, Path(name) / "contract.json")
            memory.append(size)
            megabytes = path.stat().st_size / 1e6
            sys.stdout.write(f"| {n:,} | {megabytes:.0f} | {size:.0f} | {seconds:.1f} | {n / seconds:,.0f} |\n")
    sys.stdout.write(f"\nmemory with ten times the rows: {memory[1] / memory[0]:.2f}\n")


def written(path: Path, n: int) -> Path:
    """Write a file with numbers, words, a column of times, missing values, and a label."""
    rng = np.random.default_rng(0)
    names = [*(f"n{place}" for place in range(N_NUMBERS)), "proto", "at", "class"]
    with path.open("w", encoding="utf-8") as file:
        file.write(",".join(names) + "\n")
        for start in range(0, n, 10_000):
            size = min(10_000, n - start)
            columns = [[f"{value:.6g}" for value in rng.lognormal(size=size)] for _ in range(N_NUMBERS)]
            columns[0] = [text if draw < 0.95 else "" for text, draw in zip(columns[0], rng.random(size), strict=True)]
            times = [
                f"2026-03-{1 + second // 86400 % 28:02}T{second // 3600 % 24:02}:00:00Z"
                for second in range(start, start + size)
            ]
            labels = np.where(rng.random(size) < 0.1, "attack", "normal").tolist()
            for row in zip(*columns, WORDS[rng.integers(0, 4, size)].tolist(), times, labels, strict=True):
                file.write(",".join(row) + "\n")
    return path


def described(path: Path, output: Path) -> tuple[float, float]:
    """Run the command; returns its peak memory in MB and its seconds."""
    words = [
        sys.executable,
        "-m",
        "oversight",
        "contract",
        "init",
        "--data",
        path,
        "--label",
        "class",
        "--output",
        output,
    ]
    start_s = time.perf_counter()
    process = os.posix_spawn(
        sys.executable,
        list(map(str, words)),
        os.environ,
        file_actions=[(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)],
    )
    _, status, used = os.wait4(process, 0)
    if status:
        sys.exit("`oversight contract init` failed")
    return used.ru_maxrss / 1024, time.perf_counter() - start_s


if __name__ == "__main__":
    main()
