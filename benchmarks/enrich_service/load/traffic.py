"""Requests as the watcher sends them: pages of documents that have only the model's fields.

labelled KDD Cup 99 file, or the simulator ──▶ rows, drawn by frequency ──▶ {"documents": [...]}, in bytes
"""

from __future__ import annotations

import hashlib
import tempfile
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
from sensor.writer import Layout, write
from training.data.records import Records, read

PAGE = 1000
SIMULATED = 20_000
"""Events of the simulator: enough for 1,000 distinct attacks."""
MIXES = ("normal", "natural", "distinct", "attacks")
"""`normal` and `natural` draw normal rows and all rows by their frequency in the file; `distinct` and `attacks` draw
all rows and only attacks, each row once.
"""


def rows_of(path: Path | None) -> tuple[Records, str]:
    """Rows to draw from, and the name of their source."""
    if path is None:
        return simulated(), "the simulator"
    return read(path)[0], path.name


def simulated() -> Records:
    """Labelled rows of the simulator, the same in each call."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        start = datetime(2026, 1, 1, tzinfo=UTC)
        traffic = simulate(seed=1999, start=start, users=DEFAULT_USERS, events=SIMULATED, loop=False)
        written = write(traffic, path, rate=None, layout=Layout(addresses=False, label=True))
        whole = path / "all.csv"
        lines = [file.read_bytes().splitlines(keepends=True)[1:] for file in written.files.values()]  # no header
        whole.write_bytes(b"".join(line for of_user in lines for line in of_user))
        return read(whole)[0]


def draw(records: Records, mix: str, rng: np.random.Generator, size: int) -> NDArray[np.intp]:
    """Indices of the rows of a mix. `attacks` and `distinct` give fewer than `size` if there are fewer rows."""
    attack = records.labels != NORMAL
    if mix in ("attacks", "distinct"):
        rows = np.flatnonzero(attack | (mix == "distinct"))
        return rng.permutation(rows)[:size]
    weights = records.counts * ~attack if mix == "normal" else records.counts
    return rng.choice(len(records), size, p=weights / weights.sum())


def repeated_share(rows: NDArray[np.intp]) -> float:
    """Share of the rows that are equal to an earlier one."""
    return 1.0 - len(np.unique(rows)) / len(rows)


def sources(records: Records, index: NDArray[np.intp], contract: ModelContract) -> list[dict[str, Any]]:
    """The model's fields of these rows as an ingest pipeline stores them: nested, numbers as float64."""
    names = [feature.name for feature in contract.features]
    numeric, words = records.pick(names)
    # 0.11 as in the line, not the nearest float32
    numbers = [[float(str(value)) for value in row] for row in numeric[index]]
    numeric_names = [feature.name for feature in contract.numeric]
    word_names = [feature.name for feature in contract.categorical]
    found = []
    for row, texts in zip(numbers, words[index].tolist(), strict=True):
        values = {**dict(zip(numeric_names, row, strict=True)), **dict(zip(word_names, texts, strict=True))}
        found.append({ROOT: {name: values[name] for name in names}})
    return found


def body(page: list[dict[str, Any]]) -> bytes:
    """The request body of a page; the ids are as long as those of `oversight ship`."""
    ids = [hashlib.sha256(str(place).encode()).hexdigest() for place in range(len(page))]
    return orjson.dumps({"documents": [{"id": i, "source": source} for i, source in zip(ids, page, strict=True)]})


@dataclass(frozen=True)
class Traffic:
    """Request bodies to send in turn."""

    bodies: list[bytes]
    repeated_share: float
    """Share of their rows that are equal to an earlier one."""


def traffic(records: Records, mix: str, contract: ModelContract, *, pages: int, size: int = PAGE) -> Traffic:
    """Requests of a mix, the same in each call; fewer than `pages` if the mix has too few distinct rows."""
    rows = draw(records, mix, np.random.default_rng([99, MIXES.index(mix)]), pages * size)
    whole = len(rows) // size * size
    documents = sources(records, rows[:whole], contract)
    return Traffic(
        [body(documents[begin : begin + size]) for begin in range(0, whole, size)], repeated_share(rows[:whole])
    )
