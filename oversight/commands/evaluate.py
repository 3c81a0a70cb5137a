"""`oversight evaluate`: measures an artifact on labelled rows with ONNX Runtime alone, or trains again and measures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from common.settings.shared import OversightSettings
from enrich_service.model.pointer import artifact_path
from oversight.commands import evaluate_show
from oversight.commands.built import newer_artifact, version_of
from oversight.commands.train_progress import TrainProgress
from oversight.config.settings import load, option_of
from oversight.terminal import print_json
from training.data.feature_sets import SETS
from training.data.records import read
from training.evaluation.detail import detail, twins_of_normal
from training.evaluation.evaluate import evaluate, open_artifact, predict

RETRAIN = "With --retrain: "


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
@click.option(
    "--retrain",
    is_flag=True,
    help="Train on --data several times with the shipped recipe, and measure those trainings.",
)
@click.option("--test", type=click.Path(path_type=Path), help=f"{RETRAIN}labelled file for the final figures.")
@click.option(
    "--seeds",
    type=click.IntRange(1, 100),
    default=5,
    show_default=True,
    help=f"{RETRAIN}number of trainings with different seeds.",
)
@click.option(
    "--folds",
    type=click.IntRange(2, 100),
    default=5,
    show_default=True,
    help=f"{RETRAIN}number of cross-validation folds.",
)
@click.option(
    "--features", type=click.Choice(list(SETS)), default="all", show_default=True, help=f"{RETRAIN}columns to train on."
)
@click.option("--anchor", is_flag=True, help=f"{RETRAIN}also measure a naive model for comparison.")
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    help=f"{RETRAIN}folder for the results; default: a folder of the model's name in build/study.",
)
@click.option(
    "--recipe", "changes", multiple=True, hidden=True, metavar="NAME=NUMBER", help="Change the recipe, to try."
)
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
def command(
    *, data_path: Path, model: Path | None, train_data: Path | None, retrain: bool, as_json: bool, **study: Any
) -> None:
    """Measure a model on a labelled KDD Cup 99 file: 41 columns and the label, plain or gzip.

    The figures count every row, repeated rows too; a second set counts each distinct row once. Figures over 23 labels
    use the rows whose label the model knows. Figures over families, cost and alerts use all rows and the verdict that
    a document would get.

    With --retrain the command measures trainings instead of an artifact: it trains the shipped recipe on --data once
    per seed and once per fold, and measures each training on rows that it did not see and on --test. Each training
    takes some minutes. If you interrupt the command, the next run continues with the trainings that are left. It writes
    study.json and its pictures to the output folder, and a new model card if the folder holds an artifact of that
    recipe.

    \b
    Example:
      oversight evaluate --data corrected.gz
      oversight evaluate --data corrected.gz --model build/kdd99-mlp/model.onnx
      oversight evaluate --data corrected.gz --json | jq .kdd_cost
      oversight evaluate --retrain --data kddcup.data_10_percent.gz --test corrected.gz --anchor
    """
    if retrain:
        if train_data is not None:
            raise click.UsageError(
                "--train-data cannot be combined with --retrain, where --data is the training file; leave it out"
            )
        figures = _study(data_path, **study)
        page = evaluate_show.show_study
    else:
        named = [name for name in ("test", "anchor", "output", "changes") if study[name]]
        if named:
            raise click.UsageError(f"--{named[0]} needs --retrain")
        artifact = artifact_path(load(OversightSettings, model=model).model)
        figures = score_artifact(artifact, data_path, train_data)
        page = evaluate_show.show
        if not as_json:
            _say_which(figures["artifact"], named=model is not None)
    if as_json:
        print_json(figures)
    else:
        page(figures, evaluate_show.console())


def _study(
    data: Path,
    *,
    test: Path | None,
    seeds: int,
    folds: int,
    features: str,
    anchor: bool,
    output: Path | None,
    changes: tuple[str, ...],
) -> dict[str, Any]:
    """Train and measure. Return the content of study.json."""
    from oversight.commands.retrain import Plan, Retraining, read_material

    if test is None:
        raise click.UsageError("--retrain needs --test FILE, a labelled file that is not used for training")
    plan, recipe = Plan(seeds, folds, anchor=anchor, features=SETS[features]), _numbers(changes)
    folder = output or Path("build/study") / plan.features.model
    with TrainProgress() as progress:
        progress.say("reading the data")
        material = read_material(data, test, plan)
        return Retraining(material, plan, folder, recipe).run(progress)


def _numbers(changes: tuple[str, ...]) -> dict[str, int]:
    pairs = [change.partition("=") for change in changes]
    for name, _, value in pairs:
        if not value.isdigit():
            raise click.UsageError(f"--recipe {name}: expected NAME=NUMBER")
    return {name: int(value) for name, _, value in pairs}


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
