"""Requests as the watcher sends them: pages of documents with the model's fields alone.

labelled KDD Cup 99 file, or the simulator ──▶ rows drawn by how often they occur ──▶ {"documents": [...]}, in bytes
"""

from __future__ import annotations

import hashlib
import tempfile
import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from contract.artifact.contract import ModelContract
from contract.kdd99.columns import NORMAL, ROOT
from sensor.simulation import DEFAULT_USERS, simulate
from sensor.writer import write
from training.data.records import Records, read

PAGE = 1000
SIMULATED = 20_000
"""Events of the simulator: enough for 1,000 distinct attacks."""
MIXES = ("normal", "natural", "distinct", "attacks")
"""Normal rows as often as they occur in the file; all rows so; all rows, and attacks alone, of which no two are equal.
"""


def rows_of(path: Path | None) -> tuple[Records, str]:
    """Rows to draw from, and what they are."""
    if path is None:
        return simulated(), "the simulator"
    return read(path)[0], path.name


def simulated() -> Records:
    """Labelled rows of the simulator, always the same."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        start = datetime(2026, 1, 1, tzinfo=UTC)
        traffic = simulate(seed=1999, start=start, users=DEFAULT_USERS, events=SIMULATED, loop=False)
        written = write(traffic, path, rate=None, stop=threading.Event(), label=True)
        whole = path / "all.csv"
        lines = [file.read_bytes().splitlines(keepends=True)[1:] for file in written.files.values()]  # no header
        whole.write_bytes(b"".join(line for of_user in lines for line in of_user))
        return read(whole)[0]


def draw(records: Records, mix: str, rng: np.random.Generator, size: int) -> NDArray[np.intp]:
    """Rows of a mix, by their place in the records, in which no two are equal; fewer where there are not so many."""
    attack = records.labels != NORMAL
    if mix in ("attacks", "distinct"):
        rows = np.flatnonzero(attack | (mix == "distinct"))
        return rng.permutation(rows)[:size]
    weights = records.counts * ~attack if mix == "normal" else records.counts
    return rng.choice(len(records), size, p=weights / weights.sum())


def again(rows: NDArray[np.intp]) -> float:
    """Share of the rows that are equal to an earlier one."""
    return 1.0 - len(np.unique(rows)) / len(rows)


def sources(records: Records, index: NDArray[np.intp], contract: ModelContract) -> list[dict[str, Any]]:
    """The model's fields of these rows as an ingest pipeline stores them: numbers as float64, nested."""
    names = [feature.name for feature in contract.features]
    numeric, words = records.pick(names)
    # 0.11 as the line had it, and not the float32 nearest to it
    numbers = [[float(str(value)) for value in row] for row in numeric[index]]
    numeric_names = [feature.name for feature in contract.numeric]
    word_names = [feature.name for feature in contract.categorical]
    found = []
    for row, texts in zip(numbers, words[index].tolist(), strict=True):
        values = {**dict(zip(numeric_names, row, strict=True)), **dict(zip(word_names, texts, strict=True))}
        found.append({ROOT: {name: values[name] for name in names}})
    return found


def body(page: list[dict[str, Any]]) -> bytes:
    """The request of one page; the ids are as long as those of `oversight ship`."""
    ids = [hashlib.sha256(str(place).encode()).hexdigest() for place in range(len(page))]
    return orjson.dumps({"documents": [{"id": i, "source": source} for i, source in zip(ids, page, strict=True)]})


@dataclass(frozen=True)
class Traffic:
    """Requests to be sent in turn."""

    bodies: list[bytes]
    again: float
    """Share of their rows that are equal to an earlier one."""


def traffic(records: Records, mix: str, contract: ModelContract, *, pages: int, size: int = PAGE) -> Traffic:
    """Requests of a mix, always the same ones; fewer than `pages` where a mix has not so many different rows."""
    rows = draw(records, mix, np.random.default_rng([99, MIXES.index(mix)]), pages * size)
    whole = len(rows) // size * size
    documents = sources(records, rows[:whole], contract)
    return Traffic([body(documents[begin : begin + size]) for begin in range(0, whole, size)], again(rows[:whole]))
