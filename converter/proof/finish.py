"""The last steps of every artifact: the threshold of a score, the proof, the contract in the graph, the file.

graph, contract, rows ─▶ outputs ─▶ threshold ─▶ proof against the truth ─▶ contract ─▶ model.onnx, atomic
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper

from contract.artifact.contract import METADATA_KEY, SCORE_OUTPUT, ModelContract
from contract.artifact.file import of_bytes
from contract.artifact.statistics import shortest
from contract.errors import ConversionError
from converter.contract_file import write
from converter.onnx_run import Outputs, open_session, run_onnx
from converter.proof.diagnose import Answer, diagnose
from converter.proof.expected import TOLERANCE, Expected, difference, of_outputs
from converter.proof.figures import Proof, prove, require
from converter.proof.labelled_rows import LabelledRows
from converter.proof.measures import is_odd

NO_CAUSE = (
    "no other order of labels, words or features that was tried makes them equal: compare the rows' columns and the "
    "scaling with the training's"
)
FEWEST_ABOVE = 1
"""Fewest rows beyond a threshold that is a quantile: with none, the quantile says nothing."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What the model is tried on and measured by; all of it optional."""

    labelled: LabelledRows | None = None
    """The user's own rows, with their truth if they have one."""
    expected_accuracy: float | None = None
    expected: Expected | None = None
    """What the user's own program answers for these rows."""
    force: bool = False
    """Write a model that is no better than guessing, or worse than expected."""


@dataclass(frozen=True, slots=True)
class Finished:
    """The artifact that was written."""

    path: Path
    size_bytes: int
    version: str
    """The value of `oversight.model.version`."""
    contract: ModelContract
    proof: Proof | None
    """How it compares with the truth; None without one."""


def finish(
    model: onnx.ModelProto, contract: ModelContract, output: Path, trial: Trial, answer: Answer | None = None
) -> Finished:
    """Write the artifact, or nothing.

    Args:
        model: the graph with the artifact's inputs and outputs.
        contract: its contract.
        output: the file to write; replaces an existing one atomically.
        trial: what it is tried on and measured by.
        answer: runs the model as another contract wires it, to find out what is wrong with this one.
    Raises:
        ConversionError: a threshold has no rows to be found in, the outputs are not those of the user's program, or
            the model is no better than guessing.
        InputError: a truth is no label, or the file cannot be written.
    """
    labelled, proof = trial.labelled, None
    if contract.score is not None and contract.score.threshold is None and labelled is None:
        raise ConversionError("`score` has a `quantile` and no `threshold`; give real rows with --rows FILE to find it")
    if labelled is not None:
        outputs = run_onnx(open_session(model), labelled.rows)
        contract = _with_threshold(contract, outputs.get(SCORE_OUTPUT), labelled)
        if labelled.truth is not None:
            proof = prove(outputs, contract, labelled)
            if not trial.force:
                require(proof, expected_accuracy=trial.expected_accuracy)
            contract = replace(contract, proof="labels", proved={"rows": proof.rows, **proof.figures})
        if trial.expected is not None:
            _equal(outputs, contract, labelled, trial.expected, answer)
            contract = replace(contract, proof="outputs", proved={"rows": len(labelled.rows), **contract.proved})
    helper.set_model_props(model, {METADATA_KEY: contract.to_json()})
    content = model.SerializeToString(deterministic=True)
    artifact = of_bytes(output, content)  # read it as the service will
    write(output, content)
    return Finished(output, len(content), artifact.version, contract, proof)


def _equal(
    outputs: Outputs, contract: ModelContract, labelled: LabelledRows, expected: Expected, answer: Answer | None
) -> None:
    """Stop where the outputs are not those of the user's program.

    Raises:
        ConversionError: says how far they are off, and what would make them equal.
    """
    found = of_outputs(outputs, contract, expected.numbers.shape[1])
    off = np.abs(found - expected.numbers).max(axis=1)
    if difference(found, expected, contract) <= 1:
        return
    cause = None if answer is None else diagnose(answer, contract, labelled, expected)
    raise ConversionError(
        f"the outputs differ from the expected ones by up to {off.max():.3g}, first in row "
        f"{labelled.numbers[int((off > TOLERANCE).argmax())]}; {cause or NO_CAUSE}; nothing was written"
    )


def _with_threshold(
    contract: ModelContract, score: NDArray[np.float32] | None, labelled: LabelledRows
) -> ModelContract:
    """The contract with the threshold beyond which the wanted share of these rows lies: of harmless ones, if known."""
    wanted = contract.score
    if wanted is None or wanted.threshold is not None or wanted.quantile is None or score is None:
        return contract
    if labelled.truth is not None:
        score = score[~is_odd(labelled.truth, contract)]
    share = wanted.quantile if wanted.alerts == "above" else 1 - wanted.quantile
    if len(score) * (1 - wanted.quantile) < FEWEST_ABOVE:
        raise ConversionError(
            f"{len(score):,} rows are too few for the quantile {wanted.quantile:g}: not one would alert; give at least "
            f"{int(np.ceil(FEWEST_ABOVE / (1 - wanted.quantile))):,} rows, or write the threshold"
        )
    threshold = shortest(np.quantile(score, share, method="higher" if wanted.alerts == "above" else "lower"))
    return replace(contract, score=replace(wanted, threshold=threshold))
