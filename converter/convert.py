"""Convert a Keras model and a contract to a checked artifact on disk.

Keras model ─▶ wired model ─▶ graph ─▶ agreement on rows ─▶ usual reasons ─▶ threshold, proof ─▶ model.onnx, atomic
                  └── contract ────┘
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path

import keras
import onnx
import tensorflow
import tf2onnx

from contract.artifact.contract import ModelContract
from converter.check import Agreement, agreement
from converter.export.graph import export
from converter.export.tensor_model import TensorModel
from converter.export.wired import wire
from converter.inputs.preprocess import Preprocess
from converter.inputs.wiring import Choices
from converter.proof.compared import require_raw
from converter.proof.finish import Finished, Trial, finish
from converter.rows import Rows, made_from, with_unseen_words
from converter.usual_reasons import with_usual_reasons


@dataclasses.dataclass(frozen=True)
class Converted(Finished):
    """The artifact that was written."""

    agreement: Agreement
    also: Mapping[str, Agreement]
    """The agreement on each further set of rows, by its name."""


def convert(
    model: keras.Model | TensorModel,
    contract: ModelContract,
    output: Path,
    rows: Rows | None = None,
    *,
    also: Mapping[str, Rows] | None = None,
    usual: Rows | None = None,
    head: str | None = None,
    choices: Choices = Choices(),  # noqa: B008 - it is frozen
    preprocess: Preprocess | None = None,
    trial: Trial | None = None,
) -> Converted:
    """Write the artifact of a model, or nothing.

    Args:
        model: a tabular model; `converter.inputs.wiring` says which inputs it may have.
        contract: features, labels and thresholds. The versions of the libraries used here are added to it.
        output: the file to write; replaces an existing one atomically.
        rows: real rows to check with; without them, rows are made from the contract.
        also: further rows to check with, such as whole files, each by a name.
        head: which of several outputs of the model to take, by name.
        usual: real rows in which to find each label's usual reasons, unless the contract has them.
        choices: what the model alone does not show: the features of an input, the first code of a word.
        preprocess: a graph between the features and the model.
        trial: the author's own rows to measure it with, in place of `rows`.
    Raises:
        ArtifactError: the contract's parts do not fit together.
        ConversionError: model and contract do not fit, ONNX gives other outputs than Keras, or the trial fails.
        InputError: the file cannot be written.
    """
    contract.check()
    contract = dataclasses.replace(contract, libraries={**contract.libraries, **versions()})
    wired = wire(model, contract, choices, preprocess, head=head)
    graph = export(wired, contract)
    trial = trial or Trial()
    if isinstance(model, keras.Model) and trial.labelled is not None and not trial.force:
        require_raw(model, wired, contract, trial.labelled.rows)
    rows = rows if trial.labelled is None else trial.labelled.rows
    tried = with_unseen_words(made_from(contract) if rows is None else rows)
    result = agreement(wired, graph, contract, tried)
    more = {name: agreement(wired, graph, contract, further) for name, further in (also or {}).items()}
    if usual is not None and contract.task == "classification" and not contract.several_labels:
        contract = with_usual_reasons(contract, graph, usual)
    made = finish(graph, contract, output, trial, lambda other, some: wired.rewired(other).run(some, other))
    return Converted(made.path, made.size_bytes, made.version, made.contract, made.proof, result, more)


def versions() -> dict[str, str]:
    """Versions of the libraries that made the graph."""
    return {module.__name__: module.__version__ for module in (keras, onnx, tensorflow, tf2onnx)}
