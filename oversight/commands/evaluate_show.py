"""Prints the figures of an evaluation as tables: of KDD Cup 99, of the rows of any file, and of stored documents."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from contract.artifact.proof import GUESSING
from oversight import tables
from oversight.tables import table
from training.evaluation.evaluate import plain
from training.evaluation.tally import by_class

WIDTH = 160
"""Line width without a terminal, so that a log or a pipe gets whole rows."""
TABLES = ("confusion", "by_label")
"""Figures that have a table of their own."""
MEANINGS = {
    "rows": "rows measured",
    "accuracy_23": "rows whose label the model knows: share with the right closest label",
    "macro_f1_23": "the same rows: mean F1 over labels",
    "kdd_cost": "mean cost of the verdict's family, KDD Cup 99 matrix (the winner of 1999 had 0.2331 on the "
    "whole test set)",
    "kdd_cost_closest": "as above, but by the closest label's family, also where the verdict is unknown",
    "family_accuracy": "share of rows whose verdict has the right family",
    "normal_alert_rate": "share of normal rows that alert",
    "normal_flag_rate": "share of normal rows that alert or are unknown",
    "attack_alert_rate": "share of attack rows that alert",
    "attack_flag_rate": "share of attack rows that alert or are unknown",
    "ece_family": "expected calibration error, 5 families",
}


def show(figures: dict[str, Any], console: Console) -> None:
    """Print the tables of `oversight evaluate --data`, from the content of its `--json`."""
    main = table("Figure", "All rows", "Distinct rows", "Meaning")
    for key, meaning in MEANINGS.items():
        main.add_row(key, number(figures[key]), number(figures["distinct"][key]), meaning)
    main.add_row(
        "auc", number(figures["auc"]["attack_probability"]), "", "area under the ROC curve, normal against attack"
    )
    console.print(main)
    _show_classes("Family", figures["by_family"], console)
    _show_classes("Label", [row for row in figures["by_label"] if row["support"] or row["called"]], console)
    if figures["unseen"]:
        _show_unseen(figures, console)


def by_label(confusion: NDArray[np.int64], names: list[str]) -> list[dict[str, Any]]:
    """Rows, predictions, precision, recall and F1 of each label that occurs.

    Args:
        confusion: shape (n_labels, n_labels), truth against prediction.
        names: of the labels.
    """
    rows = by_class(confusion.astype(np.float64), names)
    return [plain(row) for row in rows if row["support"] or row["called"]]


def show_measures(figures: dict[str, Any], counts: dict[str, int], console: Console) -> None:
    """Print the figures of any model, each beside the figure of guessing, then the confusion and each label.

    Args:
        figures: by name; those of guessing begin with `guessing_`.
        counts: numbers to print before them, by title.
        console: where to print.
    """
    main = table("Figure", "Model", "Guessing")
    for title, count in counts.items():
        main.add_row(title, number(count), "")
    for name, value in figures.items():
        if name not in TABLES and not name.startswith(GUESSING):
            guess = figures.get(f"{GUESSING}{name}")
            main.add_row(name, number(value), "" if guess is None else number(guess))
    console.print(main)
    if figures.get("confusion"):
        pairs = table("Truth", "Predicted", "Rows")
        for truth, row in figures["confusion"].items():
            for found, count in sorted(row.items(), key=lambda pair: -pair[1]):
                pairs.add_row(truth, found, number(count))
        console.print()
        console.print(pairs)
    if figures.get("by_label"):
        _show_classes("Label", figures["by_label"], console)


def console() -> Console:
    """Return a console for standard output, as wide as the terminal if there is one."""
    return tables.console(width=None if sys.stdout.isatty() else WIDTH)


def number(value: float | None) -> str:
    """Format a number: a count with thousands separators, any other with four decimals, a dash for None."""
    if value is None:
        return "-"
    return f"{value:,}" if isinstance(value, int) else f"{value:.4f}"


def _show_classes(title: str, rows: list[dict[str, Any]], console: Console) -> None:
    classes = table(title, "Rows", "Predicted", "Precision", "Recall", "F1")
    for row in rows:
        values = (row[key] for key in ("support", "called", "precision", "recall", "f1"))
        classes.add_row(row["name"], *map(number, values))
    console.print()
    console.print(classes)


def _show_unseen(figures: dict[str, Any], console: Console) -> None:
    rows = table("Label never seen", "Rows", "Unlike normal", "Alerts", "Flagged", "Of those unlike normal", "Called")
    for label, facts in sorted(figures["unseen"].items(), key=lambda item: -item[1]["rows"]):
        called = ", ".join(f"{name} {count:,}" for name, count in list(facts["called"].items())[:3])
        apart = figures["unseen_separable"][label]
        share = f"{apart['flagged'] / apart['rows']:.0%}" if apart["rows"] else "-"
        flagged, alerts = (f"{facts[key] / facts['rows']:.0%}" for key in ("flagged", "alerts"))
        rows.add_row(label, f"{facts['rows']:,}", f"{apart['rows']:,}", alerts, flagged, share, called)
    console.print()
    console.print(rows)
    console.print(
        f"{number(figures['separable_flagged'])} of the {figures['separable_rows']:,} rows of these labels that equal "
        f"no normal "
        f"row are flagged (they alert or are unknown); mean over labels {number(figures['macro_flagged'])}."
    )
