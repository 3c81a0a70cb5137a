"""The options of `convert`, `adopt` and `try` that say on which rows a model is tried and measured."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from common.tables.open_table import open_table
from contract.artifact.contract import ModelContract
from converter.finish import Finished, Trial
from converter.labelled_rows import labelled_rows


def trial_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --rows, --label, --expect-accuracy and --force to a command."""
    for option in reversed(
        (
            click.option(
                "--rows",
                "rows_path",
                type=click.Path(path_type=Path),
                help="Real rows to try the model with: .csv, .jsonl or .parquet, columns named as the features.",
            ),
            click.option(
                "--label", metavar="COLUMN", help="Column of --rows with the truth: the model is measured by it."
            ),
            click.option(
                "--expect-accuracy",
                type=click.FloatRange(0, 1),
                help="Write nothing if the accuracy on --rows is more than 0.02 below this.",
            ),
            click.option("--force", is_flag=True, help="Write a model that is no better than guessing, too."),
        )
    ):
        command = option(command)
    return command


def trial_of(
    contract: ModelContract, rows_path: Path | None, label: str | None, expect_accuracy: float | None, *, force: bool
) -> Trial:
    """The trial that these options ask for.

    Raises:
        InputError: the file cannot be read, or lacks a column.
    """
    if rows_path is None and (label is not None or expect_accuracy is not None):
        raise click.UsageError("--label and --expect-accuracy need the rows; name their file with --rows")
    if expect_accuracy is not None and label is None:
        raise click.UsageError("--expect-accuracy needs the truth; name its column with --label")
    if rows_path is None:
        return Trial(force=force)
    labelled = labelled_rows(open_table(rows_path).batches(), contract, label=label)
    return Trial(labelled, expect_accuracy, force)


def trial_lines(finished: Finished, trial: Trial) -> list[str]:
    """What the trial showed, in words."""
    lines = []
    if trial.labelled is not None and trial.labelled.refused:
        lines.append(f"{trial.labelled.refused:,} rows cannot be read as the contract says: {trial.labelled.why}")
    score = finished.contract.score
    if score is not None and score.quantile is not None:
        lines.append(f"threshold {score.threshold:g}: {1 - score.quantile:.3%} of these rows alert")
    if finished.proof is not None:
        lines.append(f"proof: labels, {finished.proof.in_words()}")
    else:
        lines.append(f"proof: {finished.contract.proof}; measure it with --rows FILE --label COLUMN")
    return lines
