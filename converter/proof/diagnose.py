"""Find out how a model is wired in truth, where the contract's wiring gives other outputs than the user's program.

    labels by assignment ─▶ words in another order ─▶ features in another order ─▶ swaps of two ─▶ scaled inputs

Each step tries what people's programs do most often: it runs the model so on some rows, and stops where they equal.
"""

from __future__ import annotations

import itertools
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from contract.artifact.contract import Feature, ModelContract
from contract.errors import ConversionError
from converter.onnx_run import Outputs
from converter.proof.expected import Expected, Numbers, difference, of_outputs
from converter.proof.labelled_rows import LabelledRows
from converter.rows import Rows

MOST_S = 60.0
MOST_ROWS = 300
"""Rows that each try uses: a wiring that equals on so many is the right one."""

Answer = Callable[[ModelContract, Rows], Outputs]
"""Runs the model as a contract wires it."""


@dataclass(frozen=True, slots=True)
class _Try:
    """A wiring, and what a person would call it."""

    contract: ModelContract
    words: str


class _Search:
    def __init__(self, answer: Answer, contract: ModelContract, labelled: LabelledRows, expected: Expected) -> None:
        self._answer = answer
        self.contract = contract
        some = slice(0, MOST_ROWS)
        self._rows = Rows(labelled.rows.numeric[some], labelled.rows.categorical[some])
        self._expected = replace(expected, numbers=expected.numbers[some])
        self._end_s = time.monotonic() + MOST_S

    @property
    def is_over(self) -> bool:
        """Whether the time is used up."""
        return time.monotonic() > self._end_s

    def found(self, contract: ModelContract) -> Numbers | None:
        """What the model answers as this contract wires it; None if it cannot be wired so."""
        try:
            outputs = self._answer(contract, self._in_order(contract))
        except ConversionError:
            return None
        return of_outputs(outputs, contract, self._expected.numbers.shape[1])

    def off(self, found: Numbers | None) -> float:
        """How far answers are from the expected ones; up to 1 is equal."""
        return np.inf if found is None else difference(found, self._expected, self.contract)

    def labels(self, found: Numbers | None) -> str | None:
        """The order of labels that makes answers equal, in words; None if none does."""
        expected = self._expected.numbers
        if found is None or found.shape != expected.shape or found.shape[1] < 2:
            return None
        cost = np.abs(found[:, :, None] - expected[:, None, :]).max(axis=0)
        columns, places = linear_sum_assignment(cost)
        if difference(found[:, columns[np.argsort(places)]], self._expected, self.contract) > 1:
            return None
        names = [self.contract.labels[place].name for place in places[np.argsort(columns)]]
        return f"the labels in the order {', '.join(names)}"

    def _in_order(self, contract: ModelContract) -> Rows:
        """The rows with the columns of another contract's features."""
        mine = [feature.name for feature in self.contract.numeric]
        words = [feature.name for feature in self.contract.categorical]
        return Rows(
            self._rows.numeric[:, [mine.index(feature.name) for feature in contract.numeric]],
            self._rows.categorical[:, [words.index(feature.name) for feature in contract.categorical]],
        )

    def scaled(self) -> Iterator[tuple[str, Rows]]:
        """The rows as programs scale them outside of the model."""
        numeric = self._rows.numeric
        for words, low, spread in (
            ("standardised: minus the mean, divided by the standard deviation", numeric.mean(0), numeric.std(0)),
            ("scaled to 0..1: minus the minimum, divided by the range", numeric.min(0), np.ptp(numeric, axis=0)),
        ):
            yield words, Rows(((numeric - low) / _not_0(spread)).astype(np.float32), self._rows.categorical)

    def off_scaled(self, rows: Rows) -> float:
        """The correlation of the answers for other rows with the expected ones."""
        outputs = of_outputs(self._answer(self.contract, rows), self.contract, self._expected.numbers.shape[1])
        if outputs.std() == 0 or self._expected.numbers.std() == 0:
            return 0.0
        return float(np.corrcoef(outputs.ravel(), self._expected.numbers.ravel())[0, 1])


def diagnose(answer: Answer, contract: ModelContract, labelled: LabelledRows, expected: Expected) -> str | None:
    """What would make the model equal the expected outputs, as the end of a sentence; None if nothing that was tried.

    Args:
        answer: runs the model with another contract.
        contract: the contract that does not equal.
        labelled: the rows.
        expected: what the user's program answers for them.
    """
    search = _Search(answer, contract, labelled, expected)
    for attempt in _tries(contract, labelled):
        if search.is_over:
            return None
        found = search.found(attempt.contract)
        if search.off(found) <= 1:
            return f"it equals with {attempt.words}: write them so"
        if (labels := search.labels(found)) is not None:
            return f"it equals with {' and '.join(filter(None, (attempt.words, labels)))}: write them so"
    return _swaps(search) or _scaling(search)


def _tries(contract: ModelContract, labelled: LabelledRows) -> Iterator[_Try]:
    """The wirings that people's programs have most often, the commonest first."""
    yield _Try(contract, "")
    words = list(_word_orders(contract, labelled))
    features = list(_feature_orders(contract))
    for vocabularies, name in words:
        yield _Try(_with_words(contract, vocabularies), name)
    for order, name in features:
        yield _Try(replace(contract, features=order), name)
    for (order, name), (vocabularies, word_name) in itertools.product(features, words):
        yield _Try(_with_words(replace(contract, features=order), vocabularies), f"{name} and {word_name}")


def _word_orders(contract: ModelContract, labelled: LabelledRows) -> Iterator[tuple[dict[str, list[str]], str]]:
    columns = {f.name: labelled.rows.categorical[:, place].tolist() for place, f in enumerate(contract.categorical)}
    known = {feature.name: list(feature.vocabulary) for feature in contract.categorical}
    if not known:
        return
    yield {name: sorted(words) for name, words in known.items()}, "the words of each vocabulary sorted"
    frequent = {name: [word for word, _ in Counter(column).most_common()] for name, column in columns.items()}
    yield _led_by(frequent, known), "the words of each vocabulary by frequency"
    first = {name: list(dict.fromkeys(column)) for name, column in columns.items()}
    yield _led_by(first, known), "the words of each vocabulary by their first appearance"


def _led_by(order: dict[str, list[str]], known: dict[str, list[str]]) -> dict[str, list[str]]:
    """The known words in this order, those that are not in it behind."""
    return {
        name: [*(word for word in order[name] if word in words), *(word for word in words if word not in order[name])]
        for name, words in known.items()
    }


def _with_words(contract: ModelContract, vocabularies: dict[str, list[str]]) -> ModelContract:
    features = [
        replace(feature, vocabulary=tuple(vocabularies[feature.name])) if feature.name in vocabularies else feature
        for feature in contract.features
    ]
    return replace(contract, features=tuple(features))


def _feature_orders(contract: ModelContract) -> Iterator[tuple[tuple[Feature, ...], str]]:
    features = contract.features
    for order, name in (
        (tuple(sorted(features, key=lambda feature: feature.name)), "the features in the alphabet's order"),
        (contract.numeric + contract.categorical, "the float features first"),
        (contract.categorical + contract.numeric, "the string features first"),
        (tuple(reversed(features)), "the features in reverse order"),
    ):
        if order != features:
            yield order, name


def _swaps(search: _Search) -> str | None:
    """Features in the place of others, found by swapping two as long as it helps."""
    contract = search.contract
    best, off = contract, search.off(search.found(contract))
    while off > 1:
        nearer = _best_swap(search, best, off)
        if nearer is None:
            return None
        best, off = nearer
    moved = [
        f"{new.name} in the place of {old.name}"
        for old, new in zip(contract.features, best.features, strict=True)
        if old.name != new.name
    ]
    return f"it equals with {', '.join(moved)}: write the features so"


def _best_swap(search: _Search, contract: ModelContract, off: float) -> tuple[ModelContract, float] | None:
    """The swap of two features that brings the answers nearest; None if none does, or the time is over."""
    nearest = None
    for left, right in itertools.combinations(range(len(contract.features)), 2):
        if search.is_over:
            return None
        features = list(contract.features)
        features[left], features[right] = features[right], features[left]
        attempt = replace(contract, features=tuple(features))
        distance = search.off(search.found(attempt))
        if distance < off:
            nearest, off = (attempt, distance), distance
    return nearest


def _scaling(search: _Search) -> str | None:
    """Scaling has its own means and spreads, which the rows give only nearly: a near match is enough to say so."""
    for words, rows in search.scaled():
        if search.off_scaled(rows) > 0.98:
            return (
                f"its inputs seem to be {words}; put the scaling into the model (a Normalization layer), or give it "
                f"with --preprocess"
            )
    return None


def _not_0(spread: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.where(spread > 0, spread, np.float32(1))
