"""`oversight try`: from a model and a labelled file to a measured artifact, in one command.

data ─▶ contract ─▶ convert or adopt ─▶ order of the labels that fits the truth ─▶ proof ─▶ build/NAME/, scored rows
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import click

from common import atomic_file
from common.tables.open_table import Table, open_table
from contract.artifact.contract import ModelContract, Task
from contract.artifact.proof import proof_in_words
from contract.errors import InputError
from converter.contract_file import write_contract
from converter.describe.describe import Described, Wishes
from converter.describe.seen import see
from converter.proof.figures import require
from converter.proof.labelled_rows import labelled_rows
from enrich_service.files.score import Scorer
from enrich_service.model.artifact import Artifact
from enrich_service.model.artifact import load as open_artifact
from oversight.commands.built import ARTIFACT_FILE, BUILD, CONTRACT_FILE
from oversight.commands.contract import as_name
from oversight.commands.file_progress import shown
from oversight.commands.model_order import UserModel, describe_for, in_order, open_model
from oversight.tables import console, table
from oversight.terminal import print_json

PREVIEW = 5
"""Scored rows that are shown."""


@dataclass(frozen=True, slots=True)
class _Tried:
    """The artifact, and how it was found."""

    artifact: Artifact
    order_found: bool
    """The labels are in another order than the data's, because the truth says so."""

    @property
    def contract(self) -> ModelContract:
        """The artifact's contract."""
        return self.artifact.contract


@click.command()
@click.option(
    "--model",
    type=click.Path(path_type=Path),
    required=True,
    help="Keras file (.keras, .h5), SavedModel folder, or ONNX file of another tool (.onnx).",
)
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    required=True,
    help="Rows: .csv, .jsonl or .parquet; the first two also packed as .gz.",
)
@click.option("--label", metavar="COLUMN", required=True, help="Column of the truth.")
@click.option("--harmless", metavar="LABEL", multiple=True, help="A label that does not alert. May be repeated.")
@click.option("--task", type=click.Choice(get_args(Task)), help="The task, where the label's column does not show it.")
@click.option("--leave-out", metavar="COLUMN", multiple=True, help="The column is no feature. May be repeated.")
@click.option("--name", help="Name of the model; default: the data file's.")
@click.option("--force", is_flag=True, help="Write a model that is no better than guessing, too.")
@click.option("--json", "as_json", is_flag=True, help="Print what was found as JSON.")
def command(
    *,
    model: Path,
    data: Path,
    label: str,
    harmless: tuple[str, ...],
    task: Task | None,
    leave_out: tuple[str, ...],
    name: str | None,
    force: bool,
    as_json: bool,
) -> None:
    """Make an artifact of your model and your labelled rows, measure it, and show some scored rows.

    The command writes the contract of the data, finds the order of the labels by the truth, converts a Keras model or
    adopts an ONNX one, and measures it beside guessing. Contract and artifact go to build/NAME/. Use `contract init`,
    `convert` and `adopt` one by one where your model needs more options.

    \b
    Example:
      oversight try --model forest.onnx --data flows.csv --label class
      oversight try --model flows.keras --data flows.csv.gz --label class --harmless BENIGN --name flows
    """
    source = open_table(data)
    wishes = Wishes(
        name=name or as_name(data.name.split(".")[0]), label=label, harmless=harmless, task=task, leave_out=leave_out
    )
    seen = see(shown(source))
    opened = open_model(model)
    described = describe_for(opened, seen, wishes)
    folder = BUILD / described.contract.name
    tried = _tried(opened, described, source, label, folder / ARTIFACT_FILE, force=force)
    write_contract(folder / CONTRACT_FILE, tried.contract)
    scorer = Scorer(tried.artifact)
    preview = _preview(source, scorer)
    if as_json:
        facts = {
            "output": str(folder / ARTIFACT_FILE),
            "contract": str(folder / CONTRACT_FILE),
            "task": tried.contract.task,
            "features": [feature.name for feature in tried.contract.features],
            "left_out": {each.name: each.reason for each in described.left_out},
            "words": list(described.notes),
            "labels": [each.name for each in tried.contract.labels],
            "labels_reordered": tried.order_found,
            "proof": tried.contract.proof,
            "proved": dict(tried.contract.proved),
            "preview": preview,
        }
        print_json(facts)
        return
    for line in _lines(tried, described, folder):
        click.echo(line)
    _show(preview, scorer.columns)
    click.echo(f"\nscore a file:  oversight predict --model {folder / ARTIFACT_FILE} --data FILE --output scored.csv")
    click.echo(f"serve it:      OVERSIGHT_MODEL={folder / ARTIFACT_FILE} oversight serve")


def _tried(model: UserModel, described: Described, source: Table, label: str, output: Path, *, force: bool) -> _Tried:
    """Write the artifact with the labels in the order that fits the truth, or nothing.

    Raises:
        ConversionError: model and data do not fit, or the model is no better than guessing.
        ArtifactError: the service would refuse the artifact.
        InputError: a file cannot be read or written.
    """
    labelled = labelled_rows(source.batches(), described.contract, label=label)
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / ARTIFACT_FILE
        found = in_order(model, described.contract, labelled, path)
        if not force and found.finished.proof is not None:
            require(found.finished.proof)
        artifact = open_artifact(path)  # what the service refuses is not written
        try:
            atomic_file.write(output, path.read_bytes())
        except OSError as error:
            raise InputError(f"cannot write {output} ({error.strerror or error}); run it in another folder") from None
    return _Tried(artifact, found.reordered)


def _preview(source: Table, scorer: Scorer) -> list[dict[str, Any]]:
    """The first rows, scored."""
    batch = next(source.batches(PREVIEW))
    scored = scorer.score(batch)
    rows: list[dict[str, Any]] = [{"error": scored.errors.get(place, "")} for place in range(scored.size)]
    for row, place in enumerate(scored.index.tolist()):
        rows[place] = {name: cells[row] for name, cells in scored.columns.items() if cells[row] != []}
    return rows


def _lines(tried: _Tried, described: Described, folder: Path) -> list[str]:
    contract = tried.contract
    labels = ", ".join(each.name for each in contract.labels)
    found = ", in the order that fits the truth" if tried.order_found else ""
    lines = [
        f"{folder / ARTIFACT_FILE}: {contract.name}, {contract.task}, from {described.rows:,} rows",
        f"  features   {len(contract.features)}: {', '.join(feature.name for feature in contract.features)}",
        f"  labels     {labels}{found}",
    ]
    lines += [f"  words      {note}" for note in described.notes]
    lines += [f"  left out   {each.name}: {each.reason}" for each in described.left_out]
    lines.append(f"  proof      {proof_in_words(contract)}")
    return lines


def _show(preview: list[dict[str, Any]], columns: tuple[str, ...]) -> None:
    """The scored rows as a table."""
    names = [name for name in columns if any(row.get(name) for row in preview)]
    rows = table("row", *names)
    for number, row in enumerate(preview, 1):
        cells = (row.get(name, "") for name in names)
        rows.add_row(str(number), *("\n".join(cell) if isinstance(cell, list) else str(cell) for cell in cells))
    click.echo()
    console().print(rows)
