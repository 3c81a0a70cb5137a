"""`oversight evaluate`: measures an artifact on labelled rows with ONNX Runtime alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from common.settings.shared import OversightSettings
from enrich_service.model.pointer import artifact_path
from oversight.commands import evaluate_show
from oversight.commands.built import newer_artifact, version_of
from oversight.config.settings import load, option_of
from oversight.terminal import print_json
from training.data.records import read
from training.evaluation.detail import detail, twins_of_normal
from training.evaluation.evaluate import evaluate, open_artifact, predict


@click.command()
@click.option(
    "--data",
    "data_path",
    type=click.Path(path_type=Path),
    required=True,
    help="Labelled KDD Cup 99 file to measure on.",
)
@option_of(OversightSettings, "model")
@click.option(
    "--train-data",
    type=click.Path(path_type=Path),
    help="Labelled training file; attacks that equal one of its normal rows are also counted as indistinguishable.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
def command(*, data_path: Path, model: Path | None, train_data: Path | None, as_json: bool) -> None:
    """Measure a model on a labelled KDD Cup 99 file: 41 columns and the label, plain or gzip.

    The figures count every row, repeated rows too; a second set counts each distinct row once. Figures over 23 labels
    use the rows whose label the model knows. Figures over families, cost and alerts use all rows and the verdict that
    a document would get.

    \b
    Example:
      oversight evaluate --data corrected.gz
      oversight evaluate --data corrected.gz --model build/kdd99-mlp/model.onnx
      oversight evaluate --data corrected.gz --json | jq .kdd_cost
    """
    artifact = artifact_path(load(OversightSettings, model=model).model)
    figures = score_artifact(artifact, data_path, train_data)
    if as_json:
        print_json(figures)
        return
    _say_which(figures["artifact"], named=model is not None)
    evaluate_show.show(figures, evaluate_show.console())


def score_artifact(model: Path, data_path: Path, train_data: Path | None) -> dict[str, Any]:
    """Return all figures of an artifact on a file, as JSON values."""
    session, contract = open_artifact(model)
    columns = tuple(feature.name for feature in contract.features)
    records, _ = read(data_path, columns)
    training = None if train_data is None else read(train_data, columns)[0]
    predictions = predict(session, contract, records)
    figures = evaluate(records, predictions, contract)
    scored = {"path": str(model), "name": contract.name, "version": version_of(model)}
    details = detail(records, predictions, contract, twins_of_normal(records, training))
    return {**figures, **details, "artifact": scored}


def _say_which(artifact: dict[str, Any], *, named: bool) -> None:
    """Print which artifact was measured, and a hint if build/ has a newer one that the user may have meant."""
    path = Path(artifact["path"])
    click.echo(f"measured: {path}  {artifact['name']}, version {artifact['version']}")
    newer = None if named else newer_artifact(path, artifact["name"])
    if newer is not None:
        click.echo(
            f"{newer} (version {version_of(newer)}) is newer and was not measured; add --model {newer} to measure it",
            err=True,
        )
