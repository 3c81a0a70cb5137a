"""`oversight evaluate`: score an artifact on labelled rows, with ONNX Runtime alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import orjson
from rich.console import Console
from rich.table import Table

from oversight.settings import OversightSettings, load
from training.data import read
from training.evaluate import evaluate, open_artifact, predict

MEANINGS = {
    "rows": "rows scored, repetitions included",
    "accuracy_23": "rows whose label the model knows: closest label is right",
    "macro_f1_23": "the same rows: mean F1 over labels",
    "kdd_cost": "all rows: mean cost, KDD Cup 99 matrix (the winner of 1999 had 0.2331 on the whole test set)",
    "family_accuracy": "all rows: family is right",
    "normal_alert_rate": "normal rows that raise an alert",
    "normal_flag_rate": "normal rows that raise an alert or are unknown",
    "ece_family": "expected calibration error, 5 families",
}


@click.command()
@click.option("--data", "data_path", type=click.Path(path_type=Path), required=True, help="Labelled KDD Cup 99 file.")
@click.option("--model", type=click.Path(path_type=Path), help="Artifact; default: OVERSIGHT_MODEL.")
@click.option("--json", "as_json", is_flag=True, help="The figures as JSON.")
def command(*, data_path: Path, model: Path | None, as_json: bool) -> None:
    """Score the artifact on a labelled KDD Cup 99 file, 41 columns and the label; plain or gzip.

    Every row counts, repetitions too. Figures over 23 labels are of rows whose label the model knows; those over
    families, cost and alerts are of all rows.

    \b
    Example:
      oversight evaluate --data corrected.gz
      oversight evaluate --data corrected.gz --json | jq .kdd_cost
    """
    session, contract = open_artifact(load(OversightSettings, model=model).model)
    records, _ = read(data_path)
    figures = evaluate(records, predict(session, contract, records), contract)
    if as_json:
        click.echo(orjson.dumps(figures, option=orjson.OPT_INDENT_2))
        return
    _show(figures, Console(soft_wrap=True, highlight=False))


def _show(figures: dict[str, Any], console: Console) -> None:
    table = Table("Figure", "Value", "Meaning", box=None, header_style="bold", padding=(0, 2, 0, 0))
    for key, meaning in MEANINGS.items():
        table.add_row(key, _number(figures[key]), meaning)
    for family, value in figures["family_recall"].items():
        table.add_row(f"family_recall.{family}", _number(value), "of the family's rows: family is right")
    console.print(table)
    if figures["unseen"]:
        unseen = Table(
            "Label never seen", "Rows", "Flagged", "Called", box=None, header_style="bold", padding=(0, 2, 0, 0)
        )
        for label, facts in sorted(figures["unseen"].items(), key=lambda item: -item[1]["rows"]):
            called = ", ".join(f"{name} {count:,}" for name, count in list(facts["called"].items())[:3])
            unseen.add_row(label, f"{facts['rows']:,}", f"{facts['flagged'] / facts['rows']:.0%}", called)
        console.print()
        console.print(unseen)


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,}" if isinstance(value, int) else f"{value:.4f}"
