"""Choose the novelty measure and the second opinion by training data alone: leave attacks out, then score them.

    data ─▶ groups to leave out (left_out.py) ─▶ one training for each ─▶ FOLDER/*.npz ─▶ tables, the rule's choice
                                                  ▲                         │              (choose.py)
                                                  └── skipped if it is done ┘

    python -m benchmarks.training.select kddcup.data_10_percent.gz --seeds 3

A training takes half a minute; each seed has nine. An interrupted run continues where it stopped. The reasons and the
rule are in docs/decisions/0015.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from benchmarks.training import left_out_scores
from benchmarks.training.choose import Novelty, Scores, best_novelty, best_opinion, novelties, opinions
from benchmarks.training.left_out import groups
from benchmarks.training.provenance import code_digest
from benchmarks.training.session import start_afresh
from common import atomic_file
from training.data.feature_sets import SETS
from training.data.records import Records, Source, read
from training.data.split import one_label_a_vector
from training.fit.train import Recipe

EPOCHS = (5, 10, 20, 40)
"""The detectors' numbers of epochs to compare."""


class Selection:
    """The trainings for one choice of columns. A folder keeps their scores."""

    def __init__(
        self,
        records: Records,
        source: Source,
        folder: Path,
        epochs: tuple[int, ...] = EPOCHS,
        recipe: Recipe | None = None,
    ) -> None:
        self._records, _ = one_label_a_vector(records)
        self._groups = groups(self._records)
        self._folder = folder
        self._epochs, self._recipe = epochs, recipe or Recipe()
        code = code_digest("benchmarks.training.left_out_scores")
        self._made_by = f"{source.sha256} {code} {self._epochs} {self._recipe}"

    def trainings(self, kind: str, seeds: range) -> list[Scores]:
        """Scores of all groups of a kind (`labels`, `services`), seed after seed. Trains those that are missing."""
        return [self._training(name, seed) for seed in seeds for name in self._groups if name.startswith(kind)]

    def _training(self, name: str, seed: int) -> Scores:
        path = self._folder / f"{seed}-{name}.npz"
        scores_by_name = _load(path)
        if scores_by_name is None or str(scores_by_name.pop("made_by", "")) != self._made_by:
            sys.stderr.write(f"seed {seed}, without {name}: training\n")
            start_afresh()
            epochs = self._epochs if name.startswith("labels") else (self._recipe.detector_epochs,)
            scores_by_name = left_out_scores.scores(
                self._records, self._groups[name], seed, self._recipe, epochs, lambda *_: None
            )
            with atomic_file.draft(path, suffix=".npz") as draft:
                np.savez_compressed(draft, made_by=np.array(self._made_by), **scores_by_name)  # type: ignore[arg-type]
        return scores_by_name


def _load(path: Path) -> dict[str, np.ndarray] | None:
    try:
        with np.load(path) as content:
            return dict(content)
    except (OSError, ValueError):
        return None


def novelty_table(candidates: Sequence[Novelty], chosen: Novelty | None) -> Iterator[str]:
    """Lines of a table with one row for each way to measure novelty."""
    yield "| novelty | detector epochs | share | found | price | held-out normal flagged | |"
    yield "|---|---|---|---|---|---|---|"
    for candidate in candidates:
        mark = "chosen" if candidate == chosen else ""
        yield (
            f"| {candidate.form} | {candidate.epochs} | {candidate.share:.1%} | {candidate.found:.3f} | "
            f"{candidate.price:.2%} | {candidate.held_out:.2%} | {mark} |"
        )


def opinion_table(selection: Selection, seeds: range, chosen: Novelty) -> Iterator[str]:
    """Lines of a table with one row for each mean of opinions."""
    shipped = (Recipe.detector_epochs, chosen.share)
    by_label, by_service = (
        opinions(selection.trainings(kind, seeds), chosen.form, *shipped) for kind in ("labels", "services")
    )
    sums = {subset: by_label[subset] + by_service[subset] for subset in by_label}
    best = best_opinion(sums)
    yield "| opinion | labels left out | services left out | sum | |"
    yield "|---|---|---|---|---|"
    for subset, value in sums.items():
        mark = "chosen" if subset == best else ""
        yield f"| {', '.join(subset)} | {by_label[subset]:.3f} | {by_service[subset]:.3f} | {value:.3f} | {mark} |"


def main(arguments: list[str] | None = None) -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.training.select", description=__doc__.split("\n")[0])
    parser.add_argument("data", type=Path, help="KDD Cup 99 training file")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--features", choices=list(SETS), default="all")
    parser.add_argument(
        "--folder", type=Path, default=Path("build/select"), help="where the trainings' scores are kept"
    )
    chosen = parser.parse_args(arguments)
    records, source = read(chosen.data, SETS[chosen.features].columns)
    selection = Selection(records, source, chosen.folder / chosen.features)
    seeds = range(chosen.seeds)
    candidates = novelties(selection.trainings("labels", seeds), EPOCHS)
    best = best_novelty(candidates)
    lines = [*novelty_table(candidates, best), ""]
    sys.stdout.write("\n".join(lines) + "\n")
    if best is not None:
        sys.stdout.write("\n".join(opinion_table(selection, seeds, best)) + "\n")


if __name__ == "__main__":
    main()
