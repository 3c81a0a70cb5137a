"""Train the shipped recipe on several seeds and folds, and measure each training on rows that it did not see.

python -m benchmarks.training --data kddcup.data_10_percent.gz --test corrected.gz --seeds 5 --folds 5 --anchor

Each training takes some minutes. If you interrupt the command, the next run continues with the trainings that are left.
It writes study.json and its pictures to the output folder, and a new model card if the folder holds an artifact of that
recipe.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from benchmarks.training.goals import anchor_rows, goal_rows
from benchmarks.training.retraining import Plan, Retraining, read_material
from contract.errors import OversightError
from oversight.commands.evaluate_show import console
from oversight.commands.train_progress import TrainProgress
from oversight.tables import table
from oversight.terminal import print_json
from training.data.feature_sets import SETS

FILE = click.Path(path_type=Path)


@click.command(help=(__doc__ or "").splitlines()[0])
@click.option("--data", type=FILE, required=True, help="Labelled KDD Cup 99 file to train on.")
@click.option("--test", type=FILE, required=True, help="Labelled file for the final figures; no training uses it.")
@click.option(
    "--seeds", type=click.IntRange(1, 100), default=5, show_default=True, help="Trainings with different seeds."
)
@click.option("--folds", type=click.IntRange(2, 100), default=5, show_default=True, help="Folds of cross-validation.")
@click.option(
    "--features", type=click.Choice(list(SETS)), default="all", show_default=True, help="Columns to train on."
)
@click.option("--anchor", is_flag=True, help="Also measure a naive model for comparison.")
@click.option(
    "--output", type=FILE, help="Folder for the results; default: a folder of the model's name in build/study."
)
@click.option("--recipe", "changes", multiple=True, metavar="NAME=NUMBER", help="Change the recipe, to try.")
@click.option("--json", "as_json", is_flag=True, help="Print the content of study.json.")
def command(
    *,
    data: Path,
    test: Path,
    seeds: int,
    folds: int,
    features: str,
    anchor: bool,
    output: Path | None,
    changes: tuple[str, ...],
    as_json: bool,
) -> None:
    """Train, measure and print the figures."""
    plan, recipe = Plan(seeds, folds, anchor=anchor, features=SETS[features]), _numbers(changes)
    folder = output or Path("build/study") / plan.features.model
    try:
        with TrainProgress() as progress:
            progress.say("reading the data")
            material = read_material(data, test, plan)
            figures = Retraining(material, plan, folder, recipe).run(progress)
    except OversightError as error:
        raise click.ClickException(str(error)) from None
    if as_json:
        print_json(figures)
    else:
        _show(figures)


def _numbers(changes: tuple[str, ...]) -> dict[str, int]:
    pairs = [change.partition("=") for change in changes]
    for name, _, value in pairs:
        if not value.isdigit():
            raise click.UsageError(f"--recipe {name}: expected NAME=NUMBER")
    return {name: int(value) for name, _, value in pairs}


def _show(figures: dict[str, Any]) -> None:
    """Print the requirements and goals, and the comparison with the naive model."""
    out = console()
    goals = table("Figure", "Measured on", "Must", "Goal", "Mean", "Least", "Most", "Reached")
    for row in goal_rows(figures):
        goals.add_row(*row)
    out.print(goals)
    done, planned = len(figures["done"]), len(figures["planned"])
    out.print(f"\n{done} of {planned} trainings: {', '.join(figures['done'])}")
    if "anchor" in figures["trainings"]:
        out.print("\nComparison with the naive model:")
        beside = table("Figure", "This model", "Naive model")
        for row in anchor_rows(figures):
            beside.add_row(*row)
        out.print(beside)


if __name__ == "__main__":
    command()
