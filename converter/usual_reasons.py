"""Find the usual reasons of each label: the features that matter most in rows with this label.

    real rows ─▶ graph ─▶ rows of each label ─▶ every feature occluded ─▶ how often each is among the heaviest three
                                                                     └─▶ the fall above which the others can be left out

The service tries the usual reasons first. Most attacks then need a third of the copies (decision 0047).
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from contract.artifact.contract import NOVELTY_OUTPUT, PROBABILITIES_OUTPUT, Label, ModelContract
from contract.occlusion import LEAST_FALL, Occlusion, log_odds
from converter.onnx_run import open_session, run_onnx
from converter.rows import Rows

MOST = 6
"""Largest number of usual reasons of a label. With five, later reasons are missed three times as often."""
FEWEST_ROWS = 100
"""Fewest rows of a label for usual reasons; with fewer, the service tries every feature."""
MOST_COPIES = 200_000
"""Largest number of copies for one label: 4,900 rows of 41 features. It limits the time."""
WEIGHTS = (3, 1, 1)
"""Weights of a feature's first, second and third place in a row."""
WEAK = 0.02
"""Share of the rows whose fall counts as weaker than usual. It costs 2 % more copies."""
STEPS = 10_000
"""Steps of the fall in one log-odds: four decimals."""
HELD, ZERO = "novelty_held_at_zero", "zero_for_held_novelty"

Falls = NDArray[np.float64]


def with_usual_reasons(contract: ModelContract, model: onnx.ModelProto, rows: Rows) -> ModelContract:
    """Add the usual reasons of the attack labels to a contract, found in these rows.

    The same rows give the same contract. A contract that already has usual reasons keeps them.

    Raises:
        ConversionError: ONNX Runtime cannot run the graph on these rows.
    """
    if len(contract.features) <= MOST or any(label.usual_reasons for label in contract.labels):
        return contract
    finder = _Finder(contract, model)
    closest = run_onnx(finder.session, rows)[PROBABILITIES_OUTPUT].argmax(axis=1)
    labels = list(contract.labels)
    for index, label in enumerate(labels):
        of_label = np.flatnonzero(closest == index)
        if label.severity > 0 and len(of_label) >= FEWEST_ROWS:
            some = of_label[np.linspace(0, len(of_label) - 1, min(len(of_label), finder.most_rows)).astype(int)]
            labels[index] = finder.usual_of(label, index, Rows(rows.numeric[some], rows.categorical[some]))
    return dataclasses.replace(contract, labels=tuple(labels))


class _Finder:
    def __init__(self, contract: ModelContract, model: onnx.ModelProto) -> None:
        self.session = open_session(_with_novelty_held(model))
        self.most_rows = max(FEWEST_ROWS, MOST_COPIES // len(contract.features))
        self._names = [feature.name for feature in (*contract.numeric, *contract.categorical)]
        self._occlusion = Occlusion(contract)

    def usual_of(self, label: Label, index: int, rows: Rows) -> Label:
        """The label with its usual reasons; unchanged if no feature has a harmless value."""
        step = self._occlusion.rows_at_once
        falls = np.concatenate([self._falls(index, rows.part(at, at + step)) for at in range(0, len(rows), step)])
        columns = most_frequent(falls)
        if not columns:
            return label
        return dataclasses.replace(
            label, usual_reasons=tuple(self._names[column] for column in columns), usual_fall=enough(falls, columns)
        )

    def _falls(self, label: int, rows: Rows) -> Falls:
        """How far each feature's harmless value lowers the label's log-odds; -inf if the value is harmless already."""
        places = np.nonzero(self._occlusion.differences(rows.numeric, rows.categorical))
        copies = Rows(*self._occlusion.copies(rows.numeric, rows.categorical, *places))
        falls = np.full((len(rows), len(self._names)), -np.inf)
        if len(copies):
            before, after = self._log_odds(rows, label), self._log_odds(copies, label)
            falls[places] = np.nan_to_num(before[places[0]] - after, nan=-np.inf)
        return falls

    def _log_odds(self, rows: Rows, label: int) -> NDArray[np.float64]:
        return log_odds(run_onnx(self.session, rows)[PROBABILITIES_OUTPUT], np.full(len(rows), label))


def most_frequent(falls: Falls) -> list[int]:
    """The columns that are most often among the heaviest three of a row, the most frequent first.

    Args:
        falls: shape (n_rows, n_features), -inf where a feature was not tried.
    """
    counts = np.zeros(falls.shape[1])
    heaviest = np.argsort(-falls, axis=1, kind="stable")[:, : len(WEIGHTS)]
    for place, weight in enumerate(WEIGHTS[: heaviest.shape[1]]):
        column = heaviest[:, place]
        is_reason = falls[np.arange(len(falls)), column] >= LEAST_FALL
        np.add.at(counts, column[is_reason], weight)
    order = np.argsort(-counts, kind="stable")[:MOST]
    return [int(column) for column in order if counts[column] > 0]


def enough(falls: Falls, columns: list[int]) -> float:
    """The fall from which the heaviest of these columns counts as the heaviest of all.

    In all these rows it was, from this fall on. The fall is also not weaker than usual, so that every feature is tried
    in an
    unusual row.
    """
    usual, every = falls[:, columns].max(axis=1), falls.max(axis=1)
    missed: list[float] = [
        (math.floor(fall * STEPS) + 1) / STEPS for fall in usual[usual < every].tolist() if fall >= LEAST_FALL
    ]
    weak = float(np.quantile(usual, WEAK, method="lower"))
    return max(LEAST_FALL, *missed, math.floor(weak * STEPS) / STEPS if math.isfinite(weak) else 0.0)


def _with_novelty_held(model: onnx.ModelProto) -> onnx.ModelProto:
    """The graph without its novelty output. Nodes that use the novelty get zeros, as in the service."""
    held = onnx.ModelProto()
    held.CopyFrom(model)
    graph = held.graph
    if all(output.name != NOVELTY_OUTPUT for output in graph.output):
        return held
    for node in graph.node:
        node.input[:] = [HELD if name == NOVELTY_OUTPUT else name for name in node.input]
    maker = next(at for at, node in enumerate(graph.node) if NOVELTY_OUTPUT in node.output)
    graph.node.insert(maker + 1, helper.make_node("Mul", [NOVELTY_OUTPUT, ZERO], [HELD]))
    graph.initializer.append(numpy_helper.from_array(np.array(0.0, np.float32), ZERO))
    outputs = [output for output in graph.output if output.name != NOVELTY_OUTPUT]
    del graph.output[:]
    graph.output.extend(outputs)
    return held
