"""Draw the pictures of a model card from study.json alone: the same study gives the same files.

study.json ─┬─▶ confusion.svg     held-out vectors of all folds, label against closest label
            ├─▶ reliability.svg   stated probability against the share that was right, held out and test file
            ├─▶ novelty.svg       novelty of normal rows, known and unseen attacks, and the threshold
            └─▶ roc.svg           attacks found over false alarms, test file
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from matplotlib import colors
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.style import context

from benchmarks.training.measure import FALSE_POSITIVE_RATES, NOVELTY_BINS
from contract.kdd99.columns import FAMILIES, LABELS

BLUE, ORANGE, GREEN, GREY = "#0072b2", "#d55e00", "#009e73", "#767676"
"""From the palette of Okabe and Ito, which colour-blind people can tell apart. Lines also differ in style."""
STYLE = {
    "font.family": "DejaVu Sans",  # comes with matplotlib, so it is the same on every machine
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e0e0e0",
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "legend.frameon": False,
    "svg.hashsalt": "oversight",
    "svg.fonttype": "path",
    "figure.facecolor": "white",
}
Study = Mapping[str, Any]


FEW = 20
"""Rows below which a bin's share of right answers is chance."""


def draw(study: Study, digest: str) -> dict[str, bytes]:
    """The pictures for which a study has data: file name and SVG.

    Args:
        study: the content of study.json.
        digest: digest of that file. Each picture contains it, so that an outdated picture can be recognised.
    """
    wanted: dict[str, tuple[str, Callable[[Study], Figure]]] = {
        "confusion.svg": ("held_out", confusion),
        "reliability.svg": ("test", reliability),
        "novelty.svg": ("test", novelty),
        "roc.svg": ("test", roc),
    }
    with context(["default", STYLE]):
        return {name: _svg(make(study), digest) for name, (part, make) in wanted.items() if study[part] is not None}


def confusion(study: Study) -> Figure:
    """Rows: labels. Columns: closest labels. Both grouped by family. Colour: share of the row. Numbers: vectors."""
    order = sorted(range(len(LABELS)), key=lambda index: (FAMILIES.index(LABELS[index].family), LABELS[index].name))
    counts = np.array(study["held_out"]["confusion"], float)[np.ix_(order, order)]
    totals = counts.sum(axis=1, keepdims=True)
    shares = np.divide(counts, totals, out=np.zeros_like(counts), where=totals > 0)
    figure = Figure(figsize=(9.2, 8.6), layout="constrained")
    axes = figure.subplots()
    axes.grid(visible=False)
    axes.imshow(np.where(counts > 0, shares, np.nan), cmap="Blues", norm=colors.PowerNorm(0.5, 0, 1), aspect="equal")
    for row, column in np.argwhere(counts > 0).tolist():
        shade = "white" if shares[row, column] > 0.4 else "black"
        axes.text(column, row, f"{counts[row, column]:.0f}", ha="center", va="center", fontsize=6.5, color=shade)
    names = [LABELS[index].name for index in order]
    axes.set_xticks(range(len(names)), names, rotation=90, fontsize=9)
    axes.set_yticks(range(len(names)), names, fontsize=9)
    families = [LABELS[index].family for index in order]
    for place in range(1, len(families)):
        if families[place] != families[place - 1]:
            axes.axhline(place - 0.5, color=GREY, linewidth=0.7)
            axes.axvline(place - 0.5, color=GREY, linewidth=0.7)
    axes.set_ylabel("label (normal, probe, dos, u2r, r2l)")
    axes.set_xlabel("closest label")
    vectors, folds = study["held_out"]["vectors"], study["held_out"]["folds"]
    axes.set_title(f"{vectors:,} held-out vectors of {_plural(folds, 'fold')}; colour: share of the row", fontsize=11)
    return figure


def reliability(study: Study) -> Figure:
    """Top: stated probability against the share that was right. Bottom: the number of rows behind each point."""
    figure = Figure(figsize=(7.6, 6.4), layout="constrained")
    upper, lower = figure.subplots(2, 1, height_ratios=[3, 1], sharex=True)
    upper.plot([0, 1], [0, 1], color=GREY, linewidth=1, linestyle=":", label="perfect")
    sides = [("test", "test file", ORANGE, "s", "--"), ("held_out", "held-out vectors", BLUE, "o", "-")]
    for part, title, colour, marker, line in sides:
        if study[part] is None:
            continue
        look: dict[str, Any] = {"color": colour, "marker": marker, "linestyle": line}
        bins = study[part]["reliability"]
        sure = [item for item in bins if item["rows"] >= FEW]
        upper.plot(
            [item["stated"] for item in sure], [item["right"] for item in sure], **look, markersize=5, label=title
        )
        total = sum(item["rows"] for item in bins)
        lower.plot([item["stated"] for item in bins], [item["rows"] / total for item in bins], **look, markersize=4)
    upper.set(xlim=(0.15, 1.02), ylim=(-0.02, 1.03), ylabel="share that was right")
    upper.set_title(f"Probability of the likeliest family, bins of {FEW} rows or more", fontsize=11)
    upper.legend(loc="upper left")
    lower.set(yscale="log", ylabel="share of rows", xlabel="stated probability")
    return figure


def novelty(study: Study) -> Figure:
    """Shares of each kind, so that a few unseen rows are visible beside many known ones."""
    figure = Figure(figsize=(7.6, 4.8), layout="constrained")
    axes = figure.subplots()
    edges = np.linspace(0, 1, NOVELTY_BINS + 1)
    kinds = [
        ("normal", "normal", BLUE, "-"),
        ("known", "attacks that training saw", GREY, ":"),
        ("unseen", "attacks that training never saw", ORANGE, "--"),
    ]
    for kind, title, colour, line in kinds:
        rows = np.array(study["test"]["novelty"][kind], float)
        if rows.sum():
            label = f"{title} ({rows.sum():,.0f} rows)"
            axes.stairs(
                rows / rows.sum(), edges, color=colour, linestyle=line, linewidth=1.8, label=label, baseline=None
            )
    threshold = study["test"]["novelty_threshold"]
    if threshold is not None:
        axes.axvline(threshold, color="black", linewidth=1)
        axes.text(threshold + 0.01, 0.98, "threshold", transform=axes.get_xaxis_transform(), va="top")
    axes.set(yscale="log", xlim=(0, 1), ylim=(1e-5, 2), xlabel="novelty", ylabel="share of rows of its kind")
    axes.set_title("Novelty on the test file", fontsize=11)
    figure.legend(loc="outside lower center", ncols=2)
    return figure


def roc(study: Study) -> Figure:
    """Mean over seeds with a band from least to most; the operating points of the product; the naive model."""
    figure = Figure(figsize=(7.6, 5.6), layout="constrained")
    axes = figure.subplots()
    test = study["test"]
    lines = [
        ("attack_probability", "probability of an attack", BLUE, "-"),
        ("either", "probability or novelty, p + (1 − p) n", GREEN, "-."),
    ]
    for name, title, colour, line in lines:
        mean, least, most = (
            np.array([point[key] for point in test["roc"][name]], float) for key in ("mean", "min", "max")
        )
        area = test["figures"][f"auc_{name}"]["mean"]
        axes.plot(FALSE_POSITIVE_RATES, mean, color=colour, linestyle=line, label=f"{title}: area {area:.4f}")
        axes.fill_between(FALSE_POSITIVE_RATES, least, most, color=colour, alpha=0.15, linewidth=0)
    naive = study["trainings"].get("anchor")
    if naive is not None:
        area = naive["test"]["auc_attack_probability"]
        axes.plot(FALSE_POSITIVE_RATES, naive["roc"], color=GREY, linestyle=":", label=f"naive model: area {area:.4f}")
    _operating_points(axes, test["figures"])
    axes.set(xscale="log", xlim=(FALSE_POSITIVE_RATES[0], 1), ylim=(0, 1.02))
    axes.set(xlabel="normal rows above the threshold (log scale)", ylabel="attack rows above the threshold")
    axes.set_title(f"Normal against attack on the test file, {_plural(test['seeds'], 'seed')}", fontsize=11)
    figure.legend(loc="outside lower center", ncols=2)
    return figure


def _operating_points(axes: Axes, figures: Mapping[str, Any]) -> None:
    for name, title, marker in (("alert", "alerts", "o"), ("flag", "alerts and unknown", "D")):
        x, y = (figures[f"{side}_{name}_rate"]["mean"] for side in ("normal", "attack"))
        if x and y:
            axes.plot(
                [x],
                [y],
                marker=marker,
                color=ORANGE,
                markersize=8,
                linestyle="none",
                label=f"{title}: {x:.2%} of normal",
            )


def _plural(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


def _svg(figure: Figure, digest: str) -> bytes:
    """The picture's bytes, without the time of drawing."""
    file = io.BytesIO()
    figure.savefig(file, format="svg", metadata={"Date": None, "Description": f"study {digest}"})
    return file.getvalue()
