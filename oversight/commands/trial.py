"""The options of `convert`, `adopt` and `try` that say on which rows a model is tried and measured."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from common.tables.open_table import open_table
from contract.artifact.contract import ModelContract
from contract.artifact.proof import proof_in_words
from converter.proof.expected import read_expected
from converter.proof.finish import Finished, Trial
from converter.proof.labelled_rows import labelled_rows
from oversight.commands.file_progress import shown


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
                "--expected",
                "expected_path",
                type=click.Path(path_type=Path),
                help="What your own program answers for --rows, a line each: one column for each label, or one number.",
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


@dataclass(frozen=True, slots=True)
class TrialOptions:
    """What the user gave."""

    rows_path: Path | None
    label: str | None
    expected_path: Path | None
    expect_accuracy: float | None
    force: bool

    def trial(self, contract: ModelContract) -> Trial:
        """The trial that these options ask for.

        Raises:
            InputError: a file cannot be read, or lacks a column.
        """
        asked = {"--label": self.label, "--expected": self.expected_path, "--expect-accuracy": self.expect_accuracy}
        if self.rows_path is None:
            for option, value in asked.items():
                if value is not None:
                    raise click.UsageError(f"{option} needs the rows; name their file with --rows")
            return Trial(force=self.force)
        if self.expect_accuracy is not None and self.label is None:
            raise click.UsageError("--expect-accuracy needs the truth; name its column with --label")
        labelled = labelled_rows(shown(open_table(self.rows_path)), contract, label=self.label)
        expected = None
        if self.expected_path is not None:
            expected = read_expected(open_table(self.expected_path).batches(), contract, labelled)
        return Trial(labelled, self.expect_accuracy, expected, self.force)


def trial_lines(finished: Finished, trial: Trial) -> list[str]:
    """What the trial showed, in words."""
    lines = []
    if trial.labelled is not None and trial.labelled.refused:
        lines.append(f"{trial.labelled.refused:,} rows cannot be read as the contract says: {trial.labelled.why}")
    score = finished.contract.score
    if score is not None and score.quantile is not None and trial.labelled is not None:
        which = "these rows" if trial.labelled.truth is None else "the harmless rows"
        lines.append(f"threshold {score.threshold:.4g}: {1 - score.quantile:.3g} of {which} alert")
    unproved = "; measure it with --rows FILE --label COLUMN, or --rows FILE --expected FILE"
    lines.append(f"proof: {proof_in_words(finished.contract)}{unproved if finished.contract.proof == 'none' else ''}")
    return lines
