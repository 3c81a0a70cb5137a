"""`oversight contract`: writes the contract of your data, and checks one that someone wrote."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import get_args

import click

from common.settings.connections import ElasticsearchSettings
from common.tables.batch import Batch
from common.tables.open_table import open_table
from contract.artifact.contract import Measure, Task
from contract.errors import ConversionError
from converter.contract_file import read_contract, write_contract
from converter.describe.describe import Described, Wishes, describe
from converter.describe.missing import missing_in_words
from converter.describe.seen import Seen, see
from oversight.client.cluster import connect
from oversight.client.documents import documents
from oversight.commands.file_progress import shown
from oversight.config.settings import load
from oversight.terminal import print_json

NAME = "contract.json"


@click.group()
def command() -> None:
    """Write the contract of your data, and check one that you wrote.

    A contract says what the model's features are, where documents have them, and what its outputs mean.

    \b
    Example:
      oversight contract init --data flows.csv --label class --output contract.json
      oversight contract check contract.json
    """


@command.command()
@click.option(
    "--data", type=click.Path(path_type=Path), help="Rows: .csv, .jsonl or .parquet; the first two also packed as .gz."
)
@click.option("--index", metavar="NAME", help="Rows: documents of this index, in place of --data.")
@click.option(
    "--most", type=click.IntRange(1), default=100_000, show_default=True, help="With --index: documents to read."
)
@click.option("--label", metavar="COLUMN", help="Column of the truth. Without it, the task is to find anomalies.")
@click.option(
    "--model",
    type=click.Path(path_type=Path),
    help="Your model (.keras, .h5, SavedModel, .onnx): shows its inputs and outputs, gives the words of its look-up "
    "layers, and with --label puts the labels into its order.",
)
@click.option("--harmless", metavar="LABEL", multiple=True, help="A label that does not alert. May be repeated.")
@click.option(
    "--labels",
    metavar="LABEL,LABEL",
    default="",
    help="All labels in the order of the model's outputs; default: sorted, as encoders sort them.",
)
@click.option("--task", type=click.Choice(get_args(Task)), help="The task, where the label's column does not show it.")
@click.option("--name", help="Name of the model; default: the file's or the index's.")
@click.option("--dataset", help="Dataset of the data stream; default: the name.")
@click.option(
    "--words", metavar="COLUMN", multiple=True, help="The column holds words, even if they look like numbers."
)
@click.option("--leave-out", metavar="COLUMN", multiple=True, help="The column is no feature. May be repeated.")
@click.option(
    "--quantile",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    help="Anomalies: share of rows that do not alert.",
)
@click.option(
    "--per-day", type=click.FloatRange(0, min_open=True), help="Anomalies: alerts a day; needs --rows-per-day."
)
@click.option("--rows-per-day", type=click.FloatRange(0, min_open=True), help="How many rows a day has.")
@click.option(
    "--compared-with",
    metavar="LAYER",
    default="raw",
    show_default=True,
    help="Anomalies: the layer whose output the model reconstructs, such as its Normalization; raw: its inputs.",
)
@click.option(
    "--measure",
    type=click.Choice(get_args(Measure)),
    default="mse",
    show_default=True,
    help="Anomalies: how a reconstruction is compared; score: the model gives the score itself.",
)
@click.option(
    "--missing",
    metavar="COLUMN=VALUE",
    multiple=True,
    help="What training put in place of a missing value. May be repeated.",
)
@click.option(
    "--flag", "flags", metavar="COLUMN", multiple=True, help="The model has an input COLUMN_missing. May be repeated."
)
@click.option(
    "--by-target",
    metavar="LABEL",
    multiple=True,
    help="Network events: the label is a flood with forged sources, so its alerts form incidents by destination.ip. "
    "May be repeated.",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path(NAME),
    show_default=True,
    help="File to write.",
)
@click.option("--json", "as_json", is_flag=True, help="Print what was found as JSON.")
def init(
    *,
    data: Path | None,
    index: str | None,
    most: int,
    label: str | None,
    model: Path | None,
    harmless: tuple[str, ...],
    labels: str,
    task: Task | None,
    name: str | None,
    dataset: str | None,
    words: tuple[str, ...],
    leave_out: tuple[str, ...],
    quantile: float | None,
    per_day: float | None,
    rows_per_day: float | None,
    compared_with: str,
    measure: Measure,
    missing: tuple[str, ...],
    flags: tuple[str, ...],
    by_target: tuple[str, ...],
    output: Path,
    as_json: bool,
) -> None:
    """Write the contract of a file's rows or of an index's documents.

    Columns that no model should learn from are left out, each with the reason: identifiers, constants, free text, and
    columns that equal the label.

    \b
    Example:
      oversight contract init --data flows.csv.gz --label class --harmless BENIGN --output contract.json
      oversight contract init --data flows.csv --label class --missing rtt_ms=0 --flag rtt_ms --missing service=none
      oversight contract init --data flows.csv --label class --model flows.keras
      oversight contract init --data metrics.csv --quantile 0.999 --compared-with scaled
      oversight contract init --index metrics-host-default --name hosts --task anomaly
    """
    if (data is None) == (index is None):
        raise click.UsageError("name the rows with --data FILE or with --index NAME")
    if (per_day is None) != (rows_per_day is None):
        raise click.UsageError("--per-day and --rows-per-day belong together: the second says how many rows a day has")
    if per_day is not None and rows_per_day is not None:
        quantile = max(1e-6, 1 - per_day / rows_per_day)
    source = data.name.split(".")[0] if data is not None else str(index)
    wishes = Wishes(
        name=name or as_name(source),
        dataset=dataset,
        label=label,
        harmless=harmless,
        labels=tuple(filter(None, map(str.strip, labels.split(",")))),
        task=task,
        words=words,
        leave_out=leave_out,
        quantile=quantile,
        compared_with=compared_with,
        measure=measure,
        missing=dict(map(_pair, missing)),
        flags=flags,
        by_target=by_target,
        own_fields=index is not None,
    )

    def rows() -> Iterator[Batch]:
        return shown(open_table(data)) if data is not None else _documents(str(index), most)

    seen = see(rows())
    described, notes = (describe(seen, wishes), []) if model is None else fitted(model, seen, wishes, rows)
    write_contract(output, described.contract)
    if as_json:
        print_json(_facts(described, output) | ({"model": notes} if model is not None else {}))
    else:
        click.echo(_text(described, output, notes))


@command.command()
@click.argument("path", type=click.Path(path_type=Path))
def check(path: Path) -> None:
    """Check a contract that you wrote, and name every problem at once.

    \b
    Example:
      oversight contract check contract.json
    """
    contract = read_contract(path)
    click.echo(
        f"{path}: fine. {contract.name}, {contract.task}, {len(contract.features)} features, "
        f"{len(contract.labels)} labels, data stream logs-oversight.{contract.dataset}-default"
    )


def fitted(path: Path, seen: Seen, wishes: Wishes, rows: Callable[[], Iterator[Batch]]) -> tuple[Described, list[str]]:
    """The contract with the model's vocabularies and order of labels, and what the model takes and gives, in words.

    Args:
        path: of the model.
        seen: what the rows are like.
        wishes: what the person asks for.
        rows: reads the rows again.
    Raises:
        InputError: the model cannot be read, or as `describe` does.
        ConversionError: it is no model that can be loaded safely.
    """
    from converter.proof.labelled_rows import labelled_rows  # here: these need packages that a plain install lacks
    from oversight.commands.model_order import describe_for, in_order, open_model

    model, label = open_model(path), wishes.label
    notes = [f"input {each}" for each in model.inputs] + [f"output {each}" for each in model.outputs]
    described = describe_for(model, seen, wishes)
    if label is None or described.contract.task != "classification":
        return described, notes
    try:
        labelled = labelled_rows(rows(), described.contract, label=label)
        with tempfile.TemporaryDirectory() as name:
            found = in_order(model, described.contract, labelled, Path(name) / "model.onnx")
    except ConversionError as error:
        return described, [*notes, f"the order of the labels was not tried: {error}"]
    accuracy = found.finished.contract.proved["accuracy"]
    order = (
        "the truth puts the labels in another order than the data's" if found.reordered else "the labels' order fits"
    )
    return replace(described, contract=found.contract), [*notes, f"{order}: accuracy {accuracy}"]


def as_name(source: str) -> str:
    """A name for a model, from a file's or an index's."""
    kept = "".join(letter if letter.isascii() and (letter.isalnum() or letter in "._-") else "-" for letter in source)
    return kept.lower().strip("._-")[:100] or "model"


def _pair(text: str) -> tuple[str, str]:
    column, equals, value = text.partition("=")
    if not equals or not column:
        raise click.UsageError(f"--missing {text}: expected COLUMN=VALUE, such as rtt_ms=0")
    return column, value


def _documents(index: str, most: int) -> Iterator[Batch]:
    settings = load(ElasticsearchSettings)
    yield from documents(connect(settings), index, most=most, url=settings.url)


def _facts(described: Described, output: Path) -> dict[str, object]:
    contract = described.contract
    return {
        "output": str(output),
        "name": contract.name,
        "task": contract.task,
        "dataset": contract.dataset,
        "rows": described.rows,
        "broken_rows": described.broken,
        "features": [feature.name for feature in contract.features],
        "labels": [label.name for label in contract.labels],
        "left_out": {each.name: each.reason for each in described.left_out},
        "label_words": dict(described.label_words),
        "words": list(described.notes),
    }


def _text(described: Described, output: Path, notes: list[str]) -> str:
    contract = described.contract
    harmless = [label.name for label in contract.labels if label.severity == 0]
    lines = [
        f"{output}: {contract.name}, {contract.task}, from {described.rows:,} rows"
        + (f" ({described.broken:,} could not be read)" if described.broken else ""),
        f"  features   {len(contract.features)}: {', '.join(feature.name for feature in contract.features)}",
        f"  labels     {', '.join(label.name for label in contract.labels)}; harmless: {', '.join(harmless)}",
        f"  documents  in the data stream logs-oversight.{contract.dataset}-default",
    ]
    if contract.incidents_by:
        lines.append(f"  incidents  by target: {', '.join(contract.incidents_by)}; the events are network events")
    lines += [f"  missing    {words}" for words in map(missing_in_words, contract.features) if words]
    lines += [f"  words      {note}" for note in described.notes]
    lines += [f"  left out   {each.name}: {each.reason}" for each in described.left_out]
    lines += [f"  label      {word!r} is written {name!r}" for name, word in described.label_words.items()]
    lines += [f"  model      {note}" for note in notes]
    lines.append("Check it before you convert: the order of features and labels must be the model's.")
    return "\n".join(lines)
