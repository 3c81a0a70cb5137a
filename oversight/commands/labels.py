"""`oversight labels`: exports analysts' verdicts as training rows."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import click
import orjson

from common import atomic_file
from common.settings.shared import OversightSettings
from contract.artifact.contract import ModelContract
from contract.errors import InputError
from oversight.client import cluster
from oversight.commands.sweeping import name_closed_indices
from oversight.config.settings import load_installation, option_of
from oversight.terminal import one_line, print_json
from watcher.operations.labels import Exported, Row, csv_header, csv_line, json_row, rows

PROVENANCE = ".provenance.jsonl"


@click.group()
def command() -> None:
    """Export the verdicts of `oversight verdict` for training."""


@command.command()
@click.option(
    "--output", type=click.Path(path_type=Path, dir_okay=False), help="File to write; default: standard output."
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["csv", "jsonl"]),
    default="csv",
    show_default=True,
    help="Format of the rows.",
)
@option_of(OversightSettings, "model")
@option_of(OversightSettings, "namespace")
@option_of(OversightSettings, "dataset")
@option_of(OversightSettings, "index")
@click.option(
    "--unguarded",
    is_flag=True,
    help="Also export from an index without Oversight's final pipeline, and documents that look forged. "
    "Do this only if you trust every writer.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the counts as JSON (needs --output).")
def export(
    *,
    output: Path | None,
    form: str,
    model: str | None,
    namespace: str | None,
    dataset: str | None,
    index: str | None,
    unguarded: bool,
    as_json: bool,
) -> None:
    """Write one training row for each verdict: the model's features in their order, and the confirmed label.

    The label is the one that the analyst gave. Without it, a true positive gets the predicted label and a false
    positive gets the model's label for normal traffic. With CSV, FILE.provenance.jsonl names for each row the document,
    who gave the verdict and what was predicted; with jsonl, the row itself contains that. `oversight train --data FILE`
    reads the CSV.

    The command exports only from a stream that has Oversight's final pipeline: elsewhere every writer can store a
    verdict. It skips and counts documents that look forged.

    \b
    Example:
      oversight labels export --output verdicts.csv
      oversight labels export --format jsonl > verdicts.jsonl
    """
    from enrich_service.model.model_file import read_contract

    if as_json and output is None:
        raise click.UsageError("--json needs --output, because without it the rows go to standard output")
    shared = load_installation(namespace=namespace, dataset=dataset, index=index, model=model)
    contract = read_contract(shared.model)
    exported = Exported()
    with cluster.connect() as es:
        documents = shared.documents
        name_closed_indices(es, documents)
        exported_rows = rows(es, documents, contract, exported, unguarded=unguarded)
        if output is None:
            for line in lines(exported_rows, contract, form):
                click.echo(line)
        else:
            write(exported_rows, contract, form, output)
    if as_json:
        print_json(exported)
        return
    for line in summary(exported, output):
        click.echo(line, err=output is None)


def lines(rows: Iterator[Row], contract: ModelContract, form: str) -> Iterator[str]:
    """Yield the lines of the file."""
    if form == "csv":
        yield csv_header(contract)
    for row in rows:
        yield csv_line(row) if form == "csv" else orjson.dumps(json_row(row, contract)).decode()


def write(rows: Iterator[Row], contract: ModelContract, form: str, output: Path) -> None:
    """Write the file, and for CSV the provenance beside it. An existing file is replaced only when all is written.

    Raises:
        InputError: the folder cannot be written to.
    """
    beside = output.with_name(output.name + PROVENANCE)
    try:
        with contextlib.ExitStack() as stack:
            if form == "jsonl":
                file = stack.enter_context(whole(output))
                file.writelines(f"{line}\n" for line in lines(rows, contract, form))
                return
            notes, file = stack.enter_context(whole(beside)), stack.enter_context(whole(output))
            file.write(f"{csv_header(contract)}\n")
            for number, row in enumerate(rows, 2):  # line 1 is the header
                file.write(f"{csv_line(row)}\n")
                notes.write(orjson.dumps({"line": number, "label": row.label, **row.provenance}).decode() + "\n")
    except OSError as error:
        raise InputError(
            f"cannot write {output} ({error.strerror or error}); name a file in a folder where you have write "
            f"permission"
        ) from None


@contextlib.contextmanager
def whole(path: Path) -> Iterator[IO[str]]:
    """Open a file that gets its name only when it is complete."""
    with (
        atomic_file.draft(path, mode=atomic_file.PRIVATE) as draft,
        draft.open("w", encoding="utf-8", newline="\n") as file,
    ):
        yield file


def summary(exported: Exported, output: Path | None) -> list[str]:
    """Return the numbers of exported and skipped verdicts, as lines."""
    target = "" if output is None else f" in {output}"
    by_label = ", ".join(f"{count:,} {one_line(label)}" for label, count in exported.by_label.most_common())
    lines = [f"{exported.rows:,} row{'' if exported.rows == 1 else 's'}{target}{by_label and f': {by_label}'}"]
    return lines + [f"{count:,} verdicts skipped: {reason}" for reason, count in exported.left_out.most_common()]
