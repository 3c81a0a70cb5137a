"""`oversight evaluate`: score an artifact on labelled rows with ONNX Runtime alone, or train anew and measure that."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import orjson

from oversight.commands import evaluate_show
from oversight.settings import OversightSettings, load
from training.data import read, select
from training.detail import detail, twins_of_normal
from training.evaluate import evaluate, open_artifact, predict


@click.command()
@click.option("--data", "data_path", type=click.Path(path_type=Path), required=True, help="Labelled KDD Cup 99 file.")
@click.option("--model", type=click.Path(path_type=Path), help="Artifact; default: OVERSIGHT_MODEL.")
@click.option(
    "--train-data", type=click.Path(path_type=Path), help="Its normal rows too count as what an attack may equal."
)
@click.option("--json", "as_json", is_flag=True, help="The figures as JSON.")
def command(*, data_path: Path, model: Path | None, train_data: Path | None, as_json: bool) -> None:
    """Score the artifact on a labelled KDD Cup 99 file, 41 columns and the label; plain or gzip.

    Every row counts, repetitions too, and beside that each distinct row once. Figures over 23 labels are of rows whose
    label the model knows; those over families, cost and alerts are of all rows, by the verdict that a document gets.

    \b
    Example:
      oversight evaluate --data corrected.gz
      oversight evaluate --data corrected.gz --json | jq .kdd_cost
    """
    figures = score_artifact(load(OversightSettings, model=model).model, data_path, train_data)
    if as_json:
        click.echo(orjson.dumps(figures, option=orjson.OPT_INDENT_2))
    else:
        evaluate_show.show(figures, evaluate_show.console())


def score_artifact(model: Path, data_path: Path, train_data: Path | None) -> dict[str, Any]:
    """All figures of an artifact on a file, as JSON values."""
    session, contract = open_artifact(model)
    columns = tuple(feature.name for feature in contract.features)
    records = select(read(data_path)[0], columns)
    training = None if train_data is None else select(read(train_data)[0], columns)
    predictions = predict(session, contract, records)
    figures = evaluate(records, predictions, contract)
    return {**figures, **detail(records, predictions, contract, twins_of_normal(records, training))}
