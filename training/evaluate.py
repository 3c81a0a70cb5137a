"""Score an artifact on labelled KDD Cup 99 records: ONNX Runtime and NumPy, neither TensorFlow nor scikit-learn.

records ─▶ artifact ─▶ probabilities, novelty ─▶ verdicts ─┬─▶ labels that the model knows: 23-class figures
                                                           ├─▶ all labels: family figures, cost, alerts
                                                           └─▶ labels that it never saw: what it called them
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnxruntime.capi import onnxruntime_pybind11_state as ort_errors

from contract.artifact import (
    CATEGORICAL_INPUT,
    METADATA_KEY,
    NOVELTY_OUTPUT,
    NUMERIC_INPUT,
    PROBABILITIES_OUTPUT,
    ModelContract,
)
from contract.errors import ArtifactError, InputError
from contract.kdd99 import CATEGORICAL, FAMILIES, NORMAL, NUMERIC, TEST_ONLY_FAMILIES
from training import score
from training.data import Records

BATCH = 8_192
NOT_A_GRAPH = (ort_errors.Fail, ort_errors.InvalidArgument, ort_errors.InvalidGraph, ort_errors.InvalidProtobuf,
               ort_errors.NotImplemented, ort_errors.RuntimeException)  # fmt: skip
"""What ONNX Runtime raises for a damaged file; these have no base class of their own."""


@dataclass(frozen=True)
class Predictions:
    """What a model says of records."""

    probabilities: NDArray[np.float32]
    """Shape (n_records, n_labels)."""
    novelty: NDArray[np.float32]
    """Shape (n_records,); 0 where the model measures none."""


def open_artifact(path: Path) -> tuple[onnxruntime.InferenceSession, ModelContract]:
    """A session over an artifact, and its contract.

    Raises:
        ArtifactError: the file is no artifact, or its model does not read KDD Cup 99.
    """
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    try:
        session = onnxruntime.InferenceSession(path.read_bytes(), options, providers=["CPUExecutionProvider"])
    except OSError as error:
        raise ArtifactError(
            f"cannot read {path} ({error.strerror or error}); name an artifact with --model, or make one with `oversight train`"
        ) from None
    except NOT_A_GRAPH as error:
        raise ArtifactError(
            f"{path} is no ONNX graph ({str(error).splitlines()[0][:200]}); convert the model again"
        ) from None
    text = session.get_modelmeta().custom_metadata_map.get(METADATA_KEY)
    if text is None:
        raise ArtifactError(
            f"{path} has no {METADATA_KEY!r} in its metadata; make the artifact with `oversight convert`"
        )
    contract = ModelContract.from_json(text)
    columns = {feature.name for feature in contract.features}
    foreign = sorted(columns.difference(NUMERIC, CATEGORICAL))
    if foreign:
        raise ArtifactError(
            f"{path} reads {', '.join(foreign[:3])}, which KDD Cup 99 has not; only a model of KDD columns can be scored here"
        )
    return session, contract


def predict(session: onnxruntime.InferenceSession, contract: ModelContract, records: Records) -> Predictions:
    """Run records through the graph, `BATCH` at a time; columns that the model does not read are left out.

    Raises:
        InputError: the records lack a column that the model reads.
    """
    numeric, categorical = records.pick([feature.name for feature in contract.features])
    words = categorical.astype(object)
    inputs = {item.name for item in session.get_inputs()}
    outputs = [item.name for item in session.get_outputs()]
    found: dict[str, list[NDArray[np.float32]]] = {name: [] for name in outputs}
    for start in range(0, len(records), BATCH):
        rows = slice(start, start + BATCH)
        feed = {
            name: value
            for name, value in ((NUMERIC_INPUT, numeric[rows]), (CATEGORICAL_INPUT, words[rows]))
            if name in inputs
        }
        for name, values in zip(outputs, session.run(outputs, feed), strict=True):
            found[name].append(values)
    joined = {name: np.concatenate(values) for name, values in found.items()}
    return Predictions(joined[PROBABILITIES_OUTPUT], joined.get(NOVELTY_OUTPUT, np.zeros(len(records), np.float32)))


@dataclass(frozen=True)
class _Verdicts:
    """Predictions as the product turns them into verdicts; all arrays have shape (n_records,)."""

    closest: NDArray[np.int64]
    alert: NDArray[np.bool_]
    """The closest label is an attack."""
    flag: NDArray[np.bool_]
    """Alert, or unknown: the closest label is harmless and the novelty above the threshold."""


def verdicts(predictions: Predictions, contract: ModelContract) -> _Verdicts:
    """Closest label, alert and flag of each record."""
    closest = predictions.probabilities.argmax(axis=1)
    alert = np.array([label.severity > 0 for label in contract.labels])[closest]
    threshold = contract.novelty_threshold
    novel = np.zeros(len(closest), bool) if threshold is None else predictions.novelty > threshold
    return _Verdicts(closest, alert, alert | novel)


def evaluate(records: Records, predictions: Predictions, contract: ModelContract) -> dict[str, Any]:
    """The figures of `oversight evaluate`, as JSON values; a figure without rows to measure it on is None.

    Raises:
        InputError: a label belongs to no known family.
    """
    names = [label.name for label in contract.labels]
    place = {name: index for index, name in enumerate(names)}
    truth = np.array([place.get(label, -1) for label in records.labels.tolist()])
    verdict = verdicts(predictions, contract)
    weights = records.counts
    known = truth >= 0
    matrix = score.confusion(truth[known], verdict.closest[known], len(names), weights[known])
    family_of_label = np.array([FAMILIES.index(label.family) for label in contract.labels])
    family = families(records.labels, contract)
    by_family = score.confusion(family, family_of_label[verdict.closest], len(FAMILIES), weights)
    family_probabilities = predictions.probabilities @ np.eye(len(FAMILIES), dtype=np.float32)[family_of_label]
    normal = records.labels == NORMAL
    return _plain(
        {
            "rows": records.n_rows,
            "accuracy_23": score.accuracy(matrix),
            "macro_f1_23": score.macro_f1(matrix),
            "kdd_cost": score.mean_cost(by_family),
            "family_accuracy": score.accuracy(by_family),
            "family_recall": dict(zip(FAMILIES, score.recall(by_family).tolist(), strict=True)),
            "normal_alert_rate": _share(verdict.alert[normal], weights[normal]),
            "normal_flag_rate": _share(verdict.flag[normal], weights[normal]),
            "ece_family": score.calibration_error(family_probabilities, family, weights),
            "unseen": _unseen(records.take(~known), verdict, ~known, names),
        }
    )


def by_label(records: Records, predictions: Predictions, contract: ModelContract) -> list[dict[str, Any]]:
    """Precision, recall, F1 and number of records (not rows) of each label of the model, as JSON values."""
    names = [label.name for label in contract.labels]
    truth = np.array([names.index(label) for label in records.labels.tolist()])
    closest = predictions.probabilities.argmax(axis=1)
    matrix = score.confusion(truth, closest, len(names), np.ones(len(truth)))
    columns = zip(
        names, score.precision(matrix), score.recall(matrix), score.f1(matrix), score.support(matrix), strict=True
    )
    return [
        _plain({"label": name, "precision": float(p), "recall": float(r), "f1": float(f), "records": int(n)})
        for name, p, r, f, n in columns
    ]


def families(labels: NDArray[np.str_], contract: ModelContract) -> NDArray[np.int64]:
    """Family number of each label, those of the test set only included.

    Raises:
        InputError: names the labels that belong to none.
    """
    known = {**TEST_ONLY_FAMILIES, **{label.name: label.family for label in contract.labels}}
    distinct, place = np.unique(labels, return_inverse=True)
    foreign = [name for name in distinct.tolist() if name not in known]
    if foreign:
        raise InputError(
            f"the data has labels that are none of KDD Cup 99: {', '.join(foreign[:5])}; correct the last column"
        )
    return np.array([FAMILIES.index(known[name]) for name in distinct.tolist()])[place]


def _unseen(records: Records, verdict: _Verdicts, chosen: NDArray[np.bool_], names: list[str]) -> dict[str, Any]:
    """Of each label that the model never saw: its rows, what they were called, and how many were flagged."""
    found: dict[str, Any] = {}
    closest, flag = verdict.closest[chosen], verdict.flag[chosen]
    for label in np.unique(records.labels).tolist():
        mine = records.labels == label
        counts = records.counts[mine]
        called = np.bincount(closest[mine], weights=counts, minlength=len(names)).astype(int)
        order = [index for index in np.argsort(-called, kind="stable") if called[index]]
        found[label] = {
            "rows": int(counts.sum()),
            "called": {names[index]: int(called[index]) for index in order},
            "flagged": int(counts[flag[mine]].sum()),
        }
    return found


def _share(chosen: NDArray[np.bool_], weights: NDArray[np.int64]) -> float:
    total = weights.sum()
    return float(weights[chosen].sum() / total) if total else float("nan")


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """The same with None in place of NaN, which JSON has not."""
    return {
        key: _plain(value) if isinstance(value, Mapping) else None if value != value else value
        for key, value in values.items()
    }
