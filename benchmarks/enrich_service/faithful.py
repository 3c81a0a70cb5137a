"""Test whether the first reason caused the verdict: replace its feature by a usual value, then a random other feature.

    row, first reason ──▶ that feature usual  ──▶ graph ──▶ fall of the label's log-odds: must be > 0
                     └──▶ another one usual   ──▶ graph ──▶ fall of the label's log-odds: must be smaller

"Usual" is the contract's harmless value. A second measurement uses the feature's values in real normal rows, which the
reasons do not use, and takes the mean fall over them. For an `unknown` verdict the log-odds are those of the novelty.
The falls are computed with the whole graph; only the choice of the feature comes from the explainer.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from contract.artifact.contract import NOVELTY_OUTPUT, PROBABILITIES_OUTPUT
from contract.kdd99.columns import NORMAL, UNKNOWN_LABEL
from contract.occlusion import LEAST_FALL, log_odds
from enrich_service.model.artifact import Artifact
from enrich_service.predict.reasons import LEAST_FALL_OF_NOVELTY, Explainer, heaviest, log_odds_of_novelty
from training.data.records import Records

N_ROWS = 500
"""Rows of each attack."""
N_NORMAL = 20
"""Real normal rows whose values replace the feature's value."""
BATCH = 4096


@dataclass(frozen=True)
class Faithfulness:
    """Shares of the rows of one verdict, 0 to 1. A row without a reason counts as a failure in each share."""

    verdict: str
    n_rows: int
    lowered: float
    """A usual value in the first reason's feature lowers the log-odds of the verdict."""
    more_than_random: float
    """It lowers them more than another feature does, drawn from all features."""
    more_than_random_odd: float
    """It lowers them more than another feature does, drawn from those that also have an unusual value."""
    with_real_values: float
    """With values of real normal rows too, it lowers them, and more than the second drawn feature does."""
    median_fall: float
    """Median fall of the log-odds for the first reason's feature."""
    median_fall_random: float
    """The same for the second drawn feature."""


@dataclass(frozen=True)
class _Rows:
    """Rows of one verdict, with the closest label and the novelty result to explain."""

    numeric: NDArray[np.float32]
    categorical: NDArray[np.object_]
    closest: NDArray[np.intp]
    unknown: NDArray[np.bool_]


def measure(artifact: Artifact, records: Records, *, seed: int = 0, at_least: int = N_ROWS) -> Iterator[Faithfulness]:
    """One result for each attack with enough correctly predicted distinct rows, and one for `unknown`.

    Args:
        artifact: an artifact for KDD Cup 99.
        records: labelled rows; up to `N_ROWS` rows of each attack are drawn, and the real normal rows come from them.
        seed: seed of all random draws.
        at_least: an attack with fewer rows than this is left out, because its shares would mean little.
    """
    rng = np.random.default_rng(seed)
    contract = artifact.contract
    numeric, words = records.pick([feature.name for feature in contract.features])
    categorical = words.astype(object)
    closest, novel = _answers(artifact, numeric, categorical)
    names = np.array([label.name for label in contract.labels])
    verdicts = names[closest]
    right = np.where(verdicts == records.labels, verdicts, "")
    right[(verdicts == NORMAL) & novel] = UNKNOWN_LABEL
    normal = rng.choice(np.flatnonzero(records.labels == NORMAL), N_NORMAL)
    for verdict in sorted({*right.tolist()} - {"", NORMAL}):
        of_verdict = np.flatnonzero(right == verdict)
        if len(of_verdict) < at_least:
            continue
        index = rng.choice(of_verdict, min(N_ROWS, len(of_verdict)), replace=False)
        unknown = np.full(len(index), verdict == UNKNOWN_LABEL)
        rows = _Rows(numeric[index], categorical[index], closest[index], unknown)
        yield _measure(artifact, verdict, rows, (numeric[normal], categorical[normal]), rng)


def _answers(
    artifact: Artifact, numeric: NDArray[np.float32], categorical: NDArray[np.object_]
) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Closest label of each row, and whether its novelty is above the threshold."""
    closest, novel = [], []
    threshold = artifact.contract.novelty_threshold
    for begin in range(0, len(numeric), BATCH):
        part = slice(begin, begin + BATCH)
        outputs = artifact.run(numeric[part], categorical[part])
        probabilities, novelty = outputs[PROBABILITIES_OUTPUT], outputs.get(NOVELTY_OUTPUT)
        closest.append(probabilities.argmax(axis=1))
        known = np.zeros(len(probabilities), np.bool_)
        novel.append(known if novelty is None or threshold is None else novelty > threshold)
    return np.concatenate(closest), np.concatenate(novel)


def _measure(
    artifact: Artifact,
    verdict: str,
    rows: _Rows,
    real: tuple[NDArray[np.float32], NDArray[np.object_]],
    rng: np.random.Generator,
) -> Faithfulness:
    contract = artifact.contract
    numbers = np.array([feature.background for feature in contract.numeric], np.float32)
    words = np.array([feature.background for feature in contract.categorical], object)
    of_novelty = bool(rows.unknown.all())
    first = first_reasons(artifact, rows.numeric, rows.categorical, rows.closest, of_novelty=of_novelty)
    n, width = len(first), len(numbers) + len(words)
    odd = np.concatenate([rows.numeric != numbers, rows.categorical != words], axis=1)
    odd[np.arange(n), first] = False
    draws = [_other(first, np.ones((n, width), np.bool_), rng), _other(first, odd, rng)]
    top, at_random, at_random_odd = (_falls(artifact, rows, c, numbers, words) for c in (first, *draws))
    real_top, real_other = (
        np.mean([_falls(artifact, rows, columns, *values) for values in zip(*real, strict=True)], axis=0)
        for columns in (first, draws[1])
    )
    has_reason = first >= 0

    def share(true: NDArray[np.bool_]) -> float:
        return float((true & has_reason).mean())

    return Faithfulness(
        verdict=verdict,
        n_rows=n,
        lowered=share(top > 0),
        more_than_random=share(top > at_random),
        more_than_random_odd=share(top > at_random_odd),
        with_real_values=share((real_top > 0) & (real_top > real_other)),
        median_fall=float(np.median(top)),
        median_fall_random=float(np.median(at_random_odd)),
    )


def first_reasons(
    artifact: Artifact,
    numeric: NDArray[np.float32],
    categorical: NDArray[np.object_],
    closest: NDArray[np.intp],
    *,
    of_novelty: bool,
) -> NDArray[np.intp]:
    """Column of each row's first reason, -1 if it has none; the columns of words follow those of numbers."""
    found = Explainer(artifact).falls(numeric, categorical, closest, of_novelty=of_novelty)
    which, columns = heaviest(*found, least=LEAST_FALL_OF_NOVELTY if of_novelty else LEAST_FALL)
    first = np.full(len(closest), -1)
    owners, places = np.unique(which, return_index=True)
    first[owners] = columns[places]
    return first


def _other(first: NDArray[np.intp], allowed: NDArray[np.bool_], rng: np.random.Generator) -> NDArray[np.intp]:
    """A random allowed column for each row, but not the first reason's."""
    chance = np.where(allowed, rng.random(allowed.shape), -1.0)
    chance[np.arange(len(first)), first] = -2.0
    columns: NDArray[np.intp] = chance.argmax(axis=1)
    return columns


def _falls(
    artifact: Artifact,
    rows: _Rows,
    columns: NDArray[np.intp],
    numbers: NDArray[np.float32],
    words: NDArray[np.object_],
) -> NDArray[np.float64]:
    """How much the verdict's log-odds fall if one column of each row gets another value; shape (n,)."""
    numeric, categorical = rows.numeric.copy(), rows.categorical.copy()
    for row, column in enumerate(columns.tolist()):
        if column < len(numbers):
            numeric[row, column] = numbers[column]
        else:
            categorical[row, column - len(numbers)] = words[column - len(numbers)]
    before, after = (
        _score(artifact, rows, *values) for values in ((rows.numeric, rows.categorical), (numeric, categorical))
    )
    return before - after


def _score(
    artifact: Artifact, rows: _Rows, numeric: NDArray[np.float32], categorical: NDArray[np.object_]
) -> NDArray[np.float64]:
    outputs = artifact.run(numeric, categorical)
    probabilities, novelty = outputs[PROBABILITIES_OUTPUT], outputs.get(NOVELTY_OUTPUT)
    odds = log_odds(probabilities, rows.closest)
    return odds if novelty is None else np.where(rows.unknown, log_odds_of_novelty(novelty), odds)
