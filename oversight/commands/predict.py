"""`oversight predict`: scores the rows of a file, without a cluster.

--data ──▶ batches ──▶ the service's own predictor ──▶ a line for each row ──▶ --output, replaced at the end
"""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, get_args

import click

from common.ahead import ahead
from common.settings.shared import OversightSettings
from common.tables.batch import Batch
from common.tables.features import require_columns
from common.tables.open_table import Table, open_table
from contract.artifact.contract import ModelContract
from contract.errors import InputError
from enrich_service.files.output import Form, Lines, form_of, replaced
from enrich_service.files.score import Scored, Scorer
from enrich_service.model.artifact import load as open_artifact
from enrich_service.model.pointer import artifact_path
from oversight.commands.file_progress import shown
from oversight.config.settings import load, option_of
from oversight.terminal import print_json

STDOUT = Path("-")
CELLS = 80_000
"""Values of features in one batch: with more, the processor's cache no longer holds them."""
MOST_ROWS, FEWEST_ROWS = 10_000, 100
"""Rows of a batch, however few or many features a model has."""


THREADS = 2
"""Batches scored at once: while one is in the graph, another is read. A third only waits for the interpreter."""


@dataclass(slots=True)
class Summary:
    """What was scored."""

    rows: int = 0
    predicted: int = 0
    alerts: int = 0
    first_error: str = ""

    def add(self, scored: Scored) -> None:
        """Count a batch."""
        if scored.errors and not self.first_error:
            place = min(scored.errors)
            self.first_error = f"row {self.rows + place + 1}: {scored.errors[place]}"
        self.rows += scored.size
        self.predicted += len(scored.index)
        self.alerts += scored.alerts


@click.command()
@option_of(OversightSettings, "model")
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    required=True,
    help="Rows: .csv, .jsonl or .parquet; the first two also packed as .gz.",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path, allow_dash=True),
    required=True,
    help="File to write: .csv or .jsonl, also packed as .gz; - is standard output. An existing file is replaced at "
    "the end.",
)
@click.option("--format", "form", type=click.Choice(get_args(Form)), help="Form of the output; default: by its ending.")
@click.option(
    "--reasons/--no-reasons",
    default=True,
    show_default=True,
    help="Name the features that weighed most, for rows that alert or are unknown.",
)
@click.option("--json", "as_json", is_flag=True, help="Print a summary as JSON.")
def command(*, model: str | None, data: Path, output: Path, form: Form | None, reasons: bool, as_json: bool) -> None:
    """Score the rows of a file with a model, as the service scores documents.

    Columns are found by the features' names, their fields, or the last part of their fields. The output has a line for
    each row, in the same order; a row that cannot be read gets a line with its `error`. Columns of the output, as far
    as the model has them: label, probability, value, score, novelty, unknown, labels, reasons, error.

    \b
    Example:
      oversight predict --model build/flows/model.onnx --data flows.csv.gz --output scored.csv
      oversight predict --model model.onnx --data rows.parquet --output - --format jsonl | jq .label
    """
    if as_json and output == STDOUT:
        raise click.UsageError("--json prints a summary on standard output; name a file with --output")
    form = form or ("csv" if output == STDOUT else form_of(output))
    table = open_table(data)
    if output != STDOUT and output.exists() and output.samefile(data):
        raise InputError(f"--output {output} is the file of the rows itself; name another one")
    shared = load(OversightSettings, model=model)
    artifact = open_artifact(artifact_path(shared.model), shared.profile)
    scorer = Scorer(artifact, reasons=reasons)
    stream: AbstractContextManager[IO[Any]] = nullcontext(sys.stdout.buffer) if output == STDOUT else replaced(output)
    with stream as file:
        summary = score(table, scorer, Lines(form, scorer.columns), file)
        if not summary.predicted:
            raise InputError(
                f"no row of {data} could be scored ({summary.first_error or 'there are none'}); correct the rows"
            )
    facts = {
        "model": artifact.contract.name,
        "version": artifact.version,
        "output": str(output),
        "rows": summary.rows,
        "predicted": summary.predicted,
        "alerts": summary.alerts,
        "errors": summary.rows - summary.predicted,
        "first_error": summary.first_error or None,
    }
    if as_json:
        print_json(facts)
    else:
        click.echo(_text(facts), err=output == STDOUT)


def score(table: Table, scorer: Scorer, lines: Lines, file: IO[bytes]) -> Summary:
    """Write a line for each row of a table.

    Raises:
        InputError: the table cannot be read, or lacks a feature's column.
    """

    def scored_and_encoded(batch: Batch) -> tuple[Scored, bytes]:
        require_columns(batch, scorer.contract)
        scored = scorer.score(batch)
        return scored, lines.encode(scored)

    summary = Summary()
    file.write(lines.header)
    for scored, text in ahead(scored_and_encoded, shown(table, batch_rows(scorer.contract)), THREADS):
        file.write(text)
        summary.add(scored)
    return summary


def batch_rows(contract: ModelContract) -> int:
    """Rows of a batch, so that memory stays the same for models with many features."""
    return max(FEWEST_ROWS, min(MOST_ROWS, CELLS // len(contract.features)))


def _text(facts: dict[str, Any]) -> str:
    lines = [
        f"{facts['output']}: {facts['rows']:,} rows scored by {facts['model']}, version {facts['version']}; "
        f"{facts['alerts']:,} alert or are unknown"
    ]
    if facts["errors"]:
        lines.append(f"{facts['errors']:,} rows have an error instead; the first is {facts['first_error']}")
    return "\n".join(lines)
