"""`oversight evaluate`: measures an artifact on labelled rows, or the predictions that stored documents have."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from common.settings.shared import OversightSettings
from contract.artifact.file import read_file
from contract.distribution import how_to_install
from contract.documents.fields import TRUTH
from contract.errors import InputError, SettingsError
from contract.kdd99.columns import COLUMNS
from enrich_service.model.artifact import load as open_for_service
from enrich_service.model.pointer import artifact_path
from oversight.commands import evaluate_show
from oversight.commands.built import newer_artifact, version_of
from oversight.config.settings import load, load_installation, option_of
from oversight.terminal import print_json
from training.data.records import read
from training.evaluation.detail import detail, twins_of_normal
from training.evaluation.evaluate import evaluate, open_artifact, predict


@click.command()
@click.option(
    "--data",
    "data_path",
    type=click.Path(path_type=Path),
    help="File to measure on: labelled KDD Cup 99; with --label any .csv, .jsonl or .parquet. Without it: the stream.",
)
@click.option(
    "--label",
    metavar="NAME",
    help="Where the truth is. With --data the column, needed for every model that is not of KDD Cup 99; without it the "
    f"documents' field, if that is not {TRUTH}.",
)
@click.option(
    "--query",
    metavar="QUERY",
    help="Only documents that match this Lucene query string, such as '@timestamp:[now-7d TO now]'.",
)
@option_of(OversightSettings, "model")
@option_of(OversightSettings, "namespace")
@option_of(OversightSettings, "dataset")
@option_of(OversightSettings, "index")
@click.option(
    "--train-data",
    type=click.Path(path_type=Path),
    help="Labelled training file; attacks that equal one of its normal rows are also counted as indistinguishable.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
def command(
    *,
    data_path: Path | None,
    label: str | None,
    query: str | None,
    model: str | None,
    namespace: str | None,
    dataset: str | None,
    index: str | None,
    train_data: Path | None,
    as_json: bool,
) -> None:
    """Measure a model on the rows of a file, or the predictions of a stream.

    With --data and --label, any model and any file whose columns are named as the features: accuracy, macro-F1 and
    confusion of a classification, error and R2 of a regression, ROC AUC and alerts of an anomaly detector, beside those
    of guessing.

    With --data alone, a labelled KDD Cup 99 file: 41 columns and the label, plain or gzip. The figures count every row,
    repeated rows too; a second set counts each distinct row once. Figures over 23 labels use the rows whose label the
    model knows. Figures over families, cost and alerts use all rows and the verdict that a document would get.

    Without --data, the documents of the stream, or of --index: it compares the predictions that they have with their
    truth label and with the analysts' verdicts, overall and for each model version. It predicts nothing again.

    \b
    Example:
      oversight evaluate --data test.csv --label class --model build/flows/model.onnx
      oversight evaluate --data corrected.gz --json | jq .kdd_cost
      oversight evaluate --index logs-oversight.connection-default
      oversight evaluate --query '@timestamp:[now-7d TO now]' --json
      oversight evaluate --index 'pumps-*' --label pump.litres --model build/pumps/model.onnx
    """
    places = {"namespace": namespace, "dataset": dataset, "index": index}
    if data_path is None:
        _measure_stream(label, query, train_data, as_json=as_json, model=model, **places)
        return
    _refuse_beside_data(query=query, **places)
    artifact = artifact_path(load(OversightSettings, model=model).model)
    if label is not None:
        _measure(artifact, data_path, label, train_data, named=model is not None, as_json=as_json)
        return
    _require_kdd(artifact)
    figures = score_artifact(artifact, data_path, train_data)
    if as_json:
        print_json(figures)
        return
    _say_which(figures["artifact"], named=model is not None)
    evaluate_show.show(figures, evaluate_show.console())


def _measure_stream(
    field: str | None,
    query: str | None,
    train_data: Path | None,
    *,
    as_json: bool,
    **places: Any,
) -> None:
    from oversight.commands import evaluate_stream  # here: a file needs no client of Elasticsearch

    if train_data is not None:
        raise click.UsageError("--train-data is for files of KDD Cup 99; name the file to measure on with --data")
    evaluate_stream.measure(load_installation(**places), field=field, query=query, as_json=as_json)


def _refuse_beside_data(**options: str | None) -> None:
    given = [f"--{name}" for name, value in options.items() if value is not None]
    if given:
        raise click.UsageError(
            f"{given[0]} chooses stored documents, and --data measures on a file; leave out one of them"
        )


def _measure(path: Path, data: Path, label: str, train_data: Path | None, *, named: bool, as_json: bool) -> None:
    if train_data is not None:
        raise click.UsageError("--train-data is for files of KDD Cup 99; leave it out beside --label")
    try:
        from oversight.commands import evaluate_rows  # here: the serving install lacks what it needs
    except ModuleNotFoundError as error:
        package = (error.name or "").split(".")[0]
        raise SettingsError(
            f"`oversight evaluate --label` needs the package {package}; {how_to_install('train')}"
        ) from None
    artifact = open_for_service(path)
    proof, labelled = evaluate_rows.measured(artifact, data, label)
    which = {"path": str(path), "name": artifact.contract.name, "version": artifact.version}
    if as_json:
        print_json({"artifact": which, **evaluate_rows.facts(proof, labelled, artifact.contract)})
        return
    _say_which(which, named=named)
    evaluate_rows.show(proof, labelled, artifact.contract)


def _require_kdd(path: Path) -> None:
    """Stop where a model's features are none of KDD Cup 99's.

    Raises:
        InputError: says which option is missing.
    """
    contract = read_file(path).contract
    if not {feature.name for feature in contract.features} <= set(COLUMNS):
        raise InputError(f"{contract.name} is no model of KDD Cup 99; name the column of the truth with --label")


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
