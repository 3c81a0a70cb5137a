"""Opening the artifact: one file that is checked before it answers anything.

ModelFile ──▶ ONNX Runtime ──▶ graph like contract? ──▶ one row answered? ──▶ Artifact
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnxruntime.capi import onnxruntime_pybind11_state as ort_state

from contract.artifact.contract import (
    CATEGORICAL_INPUT,
    DEVIATIONS_OUTPUT,
    NOVELTY_OUTPUT,
    NUMERIC_INPUT,
    PROBABILITIES_OUTPUT,
    SCORE_OUTPUT,
    VALUE_OUTPUT,
    Feature,
    ModelContract,
)
from contract.errors import ArtifactError
from contract.onnx.session import closed, first_line, refusal
from enrich_service.model.model_file import ModelFile, read, read_contract
from enrich_service.model.onnx_part import part_for

__all__ = [
    "RUNTIME_ERRORS",
    "Artifact",
    "ModelFile",
    "Outputs",
    "first_line",
    "load",
    "open_model",
    "read",
    "read_contract",
]

RUNTIME_ERRORS: tuple[type[Exception], ...] = (
    ort_state.EPFail,
    ort_state.Fail,
    ort_state.InvalidArgument,
    ort_state.InvalidGraph,
    ort_state.InvalidProtobuf,
    ort_state.ModelLoadCanceled,
    ort_state.ModelRequiresCompilation,
    ort_state.NoModel,
    ort_state.NoSuchFile,
    ort_state.NotFound,
    ort_state.NotImplemented,
    ort_state.RuntimeException,
    UnicodeDecodeError,
)
"""What ONNX Runtime raises; its classes share no base. A reason that is not UTF-8 comes as UnicodeDecodeError."""

PROVIDERS = ["CPUExecutionProvider"]

SUM_TOLERANCE = 1e-3
"""How far the probabilities of one row may be from 1 together: 23 float32 of a softmax stay below 1e-5."""

Outputs = dict[str, NDArray[np.float32]]
"""By name; the first axis is the rows. `contract.artifact.contract` has the shapes."""

_SHARES = (PROBABILITIES_OUTPUT, NOVELTY_OUTPUT)
_ARTICLES = {
    PROBABILITIES_OUTPUT: "a probability that is",
    NOVELTY_OUTPUT: "a novelty that is",
    VALUE_OUTPUT: "a value that is",
    SCORE_OUTPUT: "a score that is",
    DEVIATIONS_OUTPUT: "a deviation that is",
}
LABEL_PART = "label"
"""Key of the part that gives the probabilities with the novelty held at 0."""

_DIM = tuple[int | None, ...]
"""A shape, where None is any number."""


@dataclass(frozen=True, slots=True)
class Artifact:
    """A model that has answered a row."""

    contract: ModelContract
    version: str
    session: onnxruntime.InferenceSession
    parts: Mapping[str, onnxruntime.InferenceSession] = field(default_factory=dict)
    """By output, a session of the nodes that it needs, where the graph has others too; and `LABEL_PART`."""

    @property
    def outputs(self) -> list[str]:
        """The outputs that are used: those that the contract needs, and the deviations if the graph gives them."""
        deviates = any(output.name == DEVIATIONS_OUTPUT for output in self.session.get_outputs())
        return [*self.contract.outputs, *([DEVIATIONS_OUTPUT] if deviates and self.contract.task == "anomaly" else [])]

    def run(self, numeric: NDArray[np.float32], categorical: NDArray[np.object_]) -> Outputs:
        """Run the graph once. Safe to call from several threads.

        Args:
            numeric: shape (n, n_numeric), float32.
            categorical: shape (n, n_categorical), text.
        Returns:
            every output by its name.
        """
        return dict(zip(self.outputs, self.session.run(self.outputs, self._inputs(numeric, categorical)), strict=True))

    def run_one(
        self, output: str, numeric: NDArray[np.float32], categorical: NDArray[np.object_]
    ) -> NDArray[np.float32]:
        """One output alone, without computing what only the other one needs; the same numbers as `run` gives."""
        session = self.parts.get(output, self.session)
        answer: NDArray[np.float32] = session.run([output], self._inputs(numeric, categorical))[0]
        return answer

    def run_label(self, numeric: NDArray[np.float32], categorical: NDArray[np.object_]) -> NDArray[np.float32]:
        """Probabilities as they would be of rows that are not novel at all: what a label rests on, without the novelty.

        A graph may let the novelty take from P(normal); which attack a row is closest to never depends on it.
        """
        session = self.parts.get(LABEL_PART)
        if session is None:
            return self.run_one(PROBABILITIES_OUTPUT, numeric, categorical)
        answer: NDArray[np.float32] = session.run([PROBABILITIES_OUTPUT], self._inputs(numeric, categorical))[0]
        return answer

    def _inputs(
        self, numeric: NDArray[np.float32], categorical: NDArray[np.object_]
    ) -> dict[str, NDArray[np.float32] | NDArray[np.object_]]:
        inputs: dict[str, NDArray[np.float32] | NDArray[np.object_]] = {}
        if self.contract.numeric:
            inputs[NUMERIC_INPUT] = numeric
        if self.contract.categorical:
            inputs[CATEGORICAL_INPUT] = categorical
        return inputs

    def harmless_row(self) -> tuple[NDArray[np.float32], NDArray[np.object_]]:
        """One row of harmless values, as `run` takes it."""
        numbers, words = (
            [harmless_value(f) for f in part] for part in (self.contract.numeric, self.contract.categorical)
        )
        return np.array([numbers], np.float32), np.array([words], np.object_)

    def probe(self) -> None:
        """Let the model answer one row, made of the background values.

        Raises:
            ArtifactError: it does not answer, or not with what the contract says.
        """
        contract = self.contract
        try:
            outputs = self.run(*self.harmless_row())
        except RUNTIME_ERRORS as error:
            raise ArtifactError(
                f"model {contract.name!r} does not answer a row of harmless values ({first_line(error)}); "
                f"convert the model again"
            ) from None
        _check_answer(contract, outputs)


def harmless_value(feature: Feature) -> float | str:
    """The feature's background; without one 0 or the first word of its vocabulary."""
    if feature.background is not None:
        return feature.background
    return feature.vocabulary[0] if feature.vocabulary else 0.0


def load(path: Path, *, intra_op_threads: int = 1) -> Artifact:
    """Read, check and open an artifact; it has answered a row when this returns.

    Args:
        path: the file.
        intra_op_threads: processor cores for one run of the graph. One is best for small models: requests already
            run beside each other in several threads and processes.
    Raises:
        ArtifactError: says in one line what is wrong with the file and what to do.
    """
    return open_model(read(path), intra_op_threads=intra_op_threads)


def open_model(model: ModelFile, *, intra_op_threads: int = 1) -> Artifact:
    """Hand the bytes to ONNX Runtime and check that graph and contract fit together.

    Raises:
        ArtifactError: the graph is refused, does not match the contract, or does not answer.
    """
    options = closed(onnxruntime.SessionOptions())
    options.intra_op_num_threads = intra_op_threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 4  # what it has to say comes as an exception, and that is said once
    try:
        session = onnxruntime.InferenceSession(model.data, options, providers=PROVIDERS, enable_fallback=False)
    except RUNTIME_ERRORS as error:
        raise ArtifactError(f"{model.path}: {refusal(error, onnxruntime.__version__)}") from None
    problems = list(_mismatches(model.contract, session))
    if problems:
        raise ArtifactError(
            f"{model.path}: graph and contract do not fit: {'; '.join(problems)}; convert the model again"
        )
    try:
        artifact = Artifact(model.contract, model.version, session, _parts(model, options))
        artifact.probe()
    except ArtifactError as error:
        raise ArtifactError(f"{model.path}: {error}") from None
    return _without_what_fails(artifact)


def _without_what_fails(artifact: Artifact) -> Artifact:
    """A graph may not take one zero in the place of a novelty a row: then its labels are explained by the whole
    part.
    """
    numeric, categorical = artifact.harmless_row()
    try:
        whole = artifact.run_label(numeric.repeat(2, axis=0), categorical.repeat(2, axis=0)).shape == (
            2,
            len(artifact.contract.labels),
        )
    except RUNTIME_ERRORS:
        whole = False
    return artifact if whole else replace(artifact, parts={k: v for k, v in artifact.parts.items() if k != LABEL_PART})


def _parts(model: ModelFile, options: onnxruntime.SessionOptions) -> dict[str, onnxruntime.InferenceSession]:
    """A session of each output's part of the graph; none where there is one output only."""
    if model.contract.novelty_threshold is None:
        return {}
    parts = {output: part_for(model.data, output) for output in (PROBABILITIES_OUTPUT, NOVELTY_OUTPUT)}
    label = part_for(model.data, PROBABILITIES_OUTPUT, held_at_zero=NOVELTY_OUTPUT)
    if label != parts[PROBABILITIES_OUTPUT]:
        parts[LABEL_PART] = label
    try:
        return {
            name: onnxruntime.InferenceSession(data, options, providers=PROVIDERS, enable_fallback=False)
            for name, data in parts.items()
        }
    except RUNTIME_ERRORS as error:
        raise ArtifactError(f"{refusal(error, onnxruntime.__version__)}") from None


def _mismatches(contract: ModelContract, session: onnxruntime.InferenceSession) -> Sequence[str]:
    """What the contract promises and the graph does not hold, or the other way round."""
    takes: dict[str, tuple[str, _DIM]] = {}
    if contract.numeric:
        takes[NUMERIC_INPUT] = ("tensor(float)", (None, len(contract.numeric)))
    if contract.categorical:
        takes[CATEGORICAL_INPUT] = ("tensor(string)", (None, len(contract.categorical)))
    gives = {name: ("tensor(float)", shape) for name, shape in output_shapes(contract).items()}
    graph_inputs = {tensor.name: (tensor.type, tuple(tensor.shape)) for tensor in session.get_inputs()}
    graph_outputs = {tensor.name: (tensor.type, tuple(tensor.shape)) for tensor in session.get_outputs()}
    if DEVIATIONS_OUTPUT not in graph_outputs:
        gives.pop(DEVIATIONS_OUTPUT, None)
    return [
        *(
            f"the graph needs an input {name!r} that the contract does not have"
            for name in graph_inputs
            if name not in takes
        ),
        *_unlike("input", takes, graph_inputs),
        *_unlike("output", gives, graph_outputs),
    ]


def _unlike(
    what: str, expected: dict[str, tuple[str, _DIM]], found: dict[str, tuple[str, tuple[int | str | None, ...]]]
) -> Sequence[str]:
    problems = []
    for name, (kind, shape) in expected.items():
        if name not in found:
            problems.append(f"{what} {name!r} is missing, the graph has {', '.join(sorted(found)) or 'none'}")
        elif found[name][0] != kind or not _fits(found[name][1], shape):
            words = [
                f"{k} of shape ({', '.join('any' if n is None else str(n) for n in s)})"
                for k, s in ((found[name][0], found[name][1]), (kind, shape))
            ]
            problems.append(f"{what} {name!r} is {words[0]}, the contract says {words[1]}")
    return problems


def _fits(found: tuple[int | str | None, ...], expected: _DIM) -> bool:
    """Whether a shape can hold the expected one; the rows must be free, a name or None is any number."""
    if len(found) != len(expected):
        return False
    return all(
        not isinstance(have, int) if want is None else have == want or not isinstance(have, int)
        for have, want in zip(found, expected, strict=True)
    )


def output_shapes(contract: ModelContract) -> dict[str, _DIM]:
    """The shape of each output, None for the rows; the deviations may be absent."""
    shapes: dict[str, _DIM] = dict.fromkeys(contract.outputs, (None,))
    if contract.task == "classification":
        shapes[PROBABILITIES_OUTPUT] = (None, len(contract.labels))
    if contract.task == "anomaly":
        shapes[DEVIATIONS_OUTPUT] = (None, len(contract.numeric))
    return shapes


def _check_answer(contract: ModelContract, outputs: Outputs) -> None:
    shapes = output_shapes(contract)
    problem = None
    for name, values in outputs.items():
        expected = (1, *shapes.get(name, values.shape)[1:])
        if values.shape != expected:
            problem = problem or f"{name} of shape {values.shape} instead of {expected}"
        elif not np.isfinite(values).all():
            problem = problem or f"{_ARTICLES[name]} not a number"
        elif name in _SHARES and not ((values >= 0) & (values <= 1 + SUM_TOLERANCE)).all():
            problem = problem or f"{_ARTICLES[name]} not a number from 0 to 1"
        elif name == PROBABILITIES_OUTPUT and not contract.several_labels:
            total = float(values.sum())
            if abs(total - 1.0) > SUM_TOLERANCE:
                problem = problem or f"probabilities that sum to {total:.4f} instead of 1"
    if problem:
        raise ArtifactError(
            f"model {contract.name!r} answers a row of harmless values with {problem}; convert the model again"
        )
