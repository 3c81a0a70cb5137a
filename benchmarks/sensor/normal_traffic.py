"""Draw KDD's normal rows beside simulated and captured normal traffic, feature by feature.

python -m benchmarks.sensor.normal_traffic --kdd kddcup.data_10_percent.gz [--pcap FILE ...] [--output FILE.png]

Each panel has the share of records whose value is at most x. Captures are read as `oversight sense --pcap` reads them,
each on its own; what a capture cannot know (the content columns) has no panel. Prints the largest distance of the lines
of each panel: 0 is the same distribution, 1 has no value in common.
"""

from __future__ import annotations

import argparse
import gzip
import io
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.style import context
from numpy.typing import NDArray

from benchmarks.training.figures import BLUE, GREEN, ORANGE, STYLE
from contract.kdd99.columns import COLUMNS, NORMAL
from sensor.capture.counts import Counts
from sensor.capture.files import read
from sensor.capture.tracker import track
from sensor.simulation import simulate
from sensor.stream import Stream

SEED, EVENTS = 7, 10_000
OWN = ("duration", "src_bytes", "dst_bytes")
PANELS = (*OWN, *COLUMNS[22:])
"""The numeric columns that need nothing of a connection's content."""
WIDTH = 5
LOOKS = ((BLUE, "-"), (ORANGE, "--"), (GREEN, ":"))
SHARES = np.linspace(0, 100, 101)
PICTURE = Path("docs/images/normal-traffic.png")

Rows = Mapping[str, NDArray[np.float64]]
"""The values of each panel's column."""


def main() -> None:
    """Write the picture and print the distances."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--kdd", type=Path, required=True, help="a file of KDD Cup 99 with labels")
    parser.add_argument("--pcap", type=Path, nargs="*", default=[], help="captures of normal traffic")
    parser.add_argument("--output", type=Path, default=PICTURE)
    arguments = parser.parse_args()
    kinds = {"KDD": of_kdd(arguments.kdd), "simulated": simulated()}
    if arguments.pcap:
        kinds["captured"] = captured(arguments.pcap)
    arguments.output.write_bytes(draw(kinds))
    for line in table(kinds):
        sys.stdout.write(f"{line}\n")


def of_kdd(path: Path) -> Rows:
    """The normal rows of one of KDD's files."""
    with gzip.open(path, "rt", encoding="ascii") as file:
        return _rows(line.split(",") for line in file if line.rstrip().endswith(f",{NORMAL}."))


def simulated() -> Rows:
    """People's work of a simulated round."""
    records = simulate(seed=SEED, start=datetime(2026, 3, 1, tzinfo=UTC), events=EVENTS)
    return _rows(record.columns for record in records if record.label == NORMAL)


def captured(paths: Iterable[Path]) -> Rows:
    """The connections of captures, each with windows of its own."""
    rows: list[Sequence[object]] = []
    for path in paths:
        counts, stream = Counts(), Stream()
        flows = list(chain.from_iterable(track(read([path], counts), counts)))
        rows += [sensed.columns for sensed in (*stream.feed(flows), *stream.close())]
    return _rows(rows)


def _rows(rows: Iterable[Sequence[object]]) -> Rows:
    places = [COLUMNS.index(name) for name in PANELS]
    values = np.array([[float(str(row[place])) for place in places] for row in rows])
    return dict(zip(PANELS, values.T, strict=True))


def table(kinds: Mapping[str, Rows]) -> list[str]:
    """A line for each column: the quantiles of each kind, and its distance to KDD's rows."""
    kdd, *others = kinds
    lines = [f"{len(rows['count']):,} records: {kind}" for kind, rows in kinds.items()]
    lines.append("| column | " + " | ".join(f"{kind} 10, 50, 90 %" for kind in kinds))
    lines[-1] += "".join(f" | {kind}: distance" for kind in others) + " |"
    for name in PANELS:
        cells = [
            ", ".join(f"{value:g}" for value in np.percentile(rows[name], (10, 50, 90))) for rows in kinds.values()
        ]
        cells += [f"{distance(kinds[kdd][name], kinds[kind][name]):.2f}" for kind in others]
        lines.append(f"| `{name}` | " + " | ".join(cells) + " |")
    return lines


def distance(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """The largest difference of two cumulative distributions (Kolmogorov and Smirnov's)."""
    points = np.union1d(one, other)
    return float(np.max(np.abs(_share(one, points) - _share(other, points))))


def _share(values: NDArray[np.float64], points: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.searchsorted(np.sort(values), points, side="right") / len(values))


def draw(kinds: Mapping[str, Rows]) -> bytes:
    """The picture, as PNG."""
    with context(["default", STYLE, {"font.size": 8}]):
        height = -(-len(PANELS) // WIDTH)
        figure = Figure(figsize=(2.4 * WIDTH, 1.75 * height), layout="constrained")
        panels = figure.subplots(height, WIDTH, sharey=True)
        for axes, name in zip(panels.flat, PANELS, strict=False):
            _panel(axes, name, kinds)
        for axes in panels.flat[len(PANELS) :]:
            axes.axis("off")
        handles = panels.flat[0].get_lines()
        figure.legend(handles, list(kinds), loc="lower right", ncols=len(kinds), fontsize=10)
        file = io.BytesIO()
        figure.savefig(file, format="png", dpi=90)
        return file.getvalue()


def _panel(axes: Axes, name: str, kinds: Mapping[str, Rows]) -> None:
    for (colour, style), rows in zip(LOOKS, kinds.values(), strict=False):
        quantiles = np.percentile(rows[name], SHARES, method="higher")
        axes.plot(quantiles, SHARES / 100, color=colour, linestyle=style, drawstyle="steps-post")
    axes.set_title(name, fontsize=8)
    axes.set_ylim(-0.03, 1.03)
    if name in OWN or name in {"count", "srv_count"}:
        axes.set_xscale("symlog", linthresh=1)
        axes.set_xlim(left=0)
    elif name.endswith("_rate"):
        axes.set_xlim(-0.03, 1.03)


if __name__ == "__main__":
    main()
