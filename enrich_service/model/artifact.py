"""Open an artifact, and check it before it predicts anything.

ModelFile ──▶ ONNX Runtime ──▶ graph fits contract? ──▶ predicts one row? ──▶ Artifact
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

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
from contract.artifact.file import ModelFile
from contract.artifact.site_profile import SiteProfile, read_profile
from contract.errors import ArtifactError
from contract.onnx.session import closed, first_line, refusal
from enrich_service.model.model_file import read
from enrich_service.model.onnx_part import part_for

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
"""Exceptions of ONNX Runtime, which have no common base class. A reason that is not UTF-8 is a UnicodeDecodeError."""

PROVIDERS = ["CPUExecutionProvider"]

SUM_TOLERANCE = 1e-3
"""Largest distance of the sum of probabilities from 1; a softmax of 23 float32 stays below 1e-5."""

Outputs = dict[str, NDArray[np.float32]]
"""By name; the first axis is the rows. `contract.artifact.contract` has the shapes."""

_SHARES = (PROBABILITIES_OUTPUT, NOVELTY_OUTPUT)
_ARTICLES = {
    PROBABILITIES_OUTPUT: "probabilities that are",
    NOVELTY_OUTPUT: "a novelty that is",
    VALUE_OUTPUT: "a value that is",
    SCORE_OUTPUT: "a score that is",
    DEVIATIONS_OUTPUT: "a deviation that is",
}
_NUMBER = ("not a number", "not numbers")
LABEL_PART = "label"
"""Key of the part that computes the probabilities with the novelty held at 0."""

Shape = tuple[int | None, ...]
"""A shape; None is any number."""


@dataclass(frozen=True, slots=True)
class Artifact:
    """An open model that has predicted a row."""

    contract: ModelContract
    version: str
    session: onnxruntime.InferenceSession
    parts: Mapping[str, onnxruntime.InferenceSession] = field(default_factory=dict)
    """Sessions with the nodes of one output each, by output, and `LABEL_PART`; empty if the graph has one output."""

    deviates: bool = False
    """The graph gives the deviation of each number too."""
    profile: SiteProfile | None = None
    """What is usual at this site."""

    @property
    def usual(self) -> ModelContract:
        """The contract with the usual values for reasons and drift: those of the site if there is a profile.

        Raises:
            ArtifactError: the profile does not fit.
        """
        return self.contract if self.profile is None else self.profile.over(self.contract)

    @property
    def outputs(self) -> list[str]:
        """The outputs that are used: those that the contract needs, and the deviations if the graph gives them."""
        return [*self.contract.outputs, DEVIATIONS_OUTPUT] if self.deviates else list(self.contract.outputs)

    def run(self, numeric: NDArray[np.float32], categorical: NDArray[np.object_]) -> Outputs:
        """Run the graph once. Safe to call from several threads.

        Args:
            numeric: shape (n, n_numeric), float32.
            categorical: shape (n, n_categorical), text.
        Returns:
            every output by its name.
        """
        names = self.outputs
        return dict(zip(names, self.session.run(names, self._inputs(numeric, categorical)), strict=True))

    def run_one(
        self, output: str, numeric: NDArray[np.float32], categorical: NDArray[np.object_]
    ) -> NDArray[np.float32]:
        """One output, without the nodes that only the other output needs; the same numbers as from `run`."""
        session = self.parts.get(output, self.session)
        return self._output(session, output, numeric, categorical)

    def run_label(self, numeric: NDArray[np.float32], categorical: NDArray[np.object_]) -> NDArray[np.float32]:
        """The probabilities as if no row were novel, to explain a label without the novelty.

        In a graph the novelty may lower P(normal); the closest attack of a row never depends on it.
        """
        session = self.parts.get(LABEL_PART) or self.parts.get(PROBABILITIES_OUTPUT, self.session)
        return self._output(session, PROBABILITIES_OUTPUT, numeric, categorical)

    def _output(
        self,
        session: onnxruntime.InferenceSession,
        output: str,
        numeric: NDArray[np.float32],
        categorical: NDArray[np.object_],
    ) -> NDArray[np.float32]:
        found: NDArray[np.float32] = session.run([output], self._inputs(numeric, categorical))[0]
        return found

    def _inputs(self, numeric: NDArray[np.float32], categorical: NDArray[np.object_]) -> dict[str, NDArray[Any]]:
        arrays: dict[str, NDArray[Any]] = {NUMERIC_INPUT: numeric, CATEGORICAL_INPUT: categorical}
        return {name: arrays[name] for name in inputs_of(self.contract)}

    def harmless_row(self) -> tuple[NDArray[np.float32], NDArray[np.object_]]:
        """One row of harmless values, as `run` takes it."""
        numbers, words = (
            [harmless_value(f) for f in part] for part in (self.contract.numeric, self.contract.categorical)
        )
        return np.array([numbers], np.float32), np.array([words], np.object_)

    def probe(self) -> None:
        """Let the model predict one harmless row.

        Raises:
            ArtifactError: it fails, or its outputs are not what the contract says.
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


def inputs_of(contract: ModelContract) -> dict[str, tuple[Feature, ...]]:
    """The features of each input of a model, by input; a model has only inputs with features."""
    inputs = {NUMERIC_INPUT: contract.numeric, CATEGORICAL_INPUT: contract.categorical}
    return {name: features for name, features in inputs.items() if features}


def outputs_of(contract: ModelContract) -> dict[str, Shape]:
    """The shape of each output of a model, by output, in the order of `Artifact.run`."""
    outputs: dict[str, Shape] = dict.fromkeys(contract.outputs, (None,))
    if contract.task == "classification":
        outputs[PROBABILITIES_OUTPUT] = (None, len(contract.labels))
    return outputs


def load(path: Path, profile: Path | None = None) -> Artifact:
    """Read, check and open an artifact, with the site's profile if there is one.

    Raises:
        ArtifactError: says in one line what is wrong with a file and what to do.
    """
    artifact = open_model(read(path))
    return artifact if profile is None else replace(artifact, profile=read_profile(profile))


def open_model(model: ModelFile) -> Artifact:
    """Open a model with ONNX Runtime, and check that graph and contract fit and that it predicts a row.

    Raises:
        ArtifactError: the graph is refused, does not fit the contract, or predicts nothing.
    """
    options = closed(onnxruntime.SessionOptions())
    options.intra_op_num_threads = 1  # requests already run in parallel, in threads and processes
    options.inter_op_num_threads = 1
    options.log_severity_level = 4  # errors are raised too, so they need no log line
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
        deviates = _deviates(model.contract, session)
        artifact = Artifact(model.contract, model.version, session, _parts(model, options), deviates)
        artifact.probe()
    except ArtifactError as error:
        raise ArtifactError(f"{model.path}: {error}") from None
    return _without_what_fails(artifact)


def _without_what_fails(artifact: Artifact) -> Artifact:
    """Without `LABEL_PART` if the graph does not accept a single 0 in place of the novelty of several rows."""
    if LABEL_PART not in artifact.parts:
        return artifact
    numeric, categorical = artifact.harmless_row()
    try:
        shape = artifact.run_label(numeric.repeat(2, axis=0), categorical.repeat(2, axis=0)).shape
    except RUNTIME_ERRORS:
        shape = ()
    works = shape == (2, len(artifact.contract.labels))
    return artifact if works else replace(artifact, parts={k: v for k, v in artifact.parts.items() if k != LABEL_PART})


def _parts(model: ModelFile, options: onnxruntime.SessionOptions) -> dict[str, onnxruntime.InferenceSession]:
    """A session for the part of the graph of each output; none if there is only one output."""
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


def _deviates(contract: ModelContract, session: onnxruntime.InferenceSession) -> bool:
    """Whether the graph of an anomaly detector gives the deviation of each number."""
    return contract.task == "anomaly" and any(output.name == DEVIATIONS_OUTPUT for output in session.get_outputs())


def _mismatches(contract: ModelContract, session: onnxruntime.InferenceSession) -> Sequence[str]:
    """Inputs and outputs that differ between contract and graph."""
    types = {NUMERIC_INPUT: "tensor(float)", CATEGORICAL_INPUT: "tensor(string)"}
    inputs: dict[str, tuple[str, Shape]] = {
        name: (types[name], (None, len(features))) for name, features in inputs_of(contract).items()
    }
    outputs = {name: ("tensor(float)", shape) for name, shape in outputs_of(contract).items()}
    graph_inputs = {tensor.name: (tensor.type, tuple(tensor.shape)) for tensor in session.get_inputs()}
    graph_outputs = {tensor.name: (tensor.type, tuple(tensor.shape)) for tensor in session.get_outputs()}
    if _deviates(contract, session):
        outputs[DEVIATIONS_OUTPUT] = ("tensor(float)", (None, len(contract.numeric)))
    return [
        *(
            f"the graph needs an input {name!r} that the contract does not have"
            for name in graph_inputs
            if name not in inputs
        ),
        *_unlike("input", inputs, graph_inputs),
        *_unlike("output", outputs, graph_outputs),
    ]


def _unlike(
    what: str, expected: dict[str, tuple[str, Shape]], found: dict[str, tuple[str, tuple[int | str | None, ...]]]
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


def _fits(found: tuple[int | str | None, ...], expected: Shape) -> bool:
    """Whether a shape accepts the expected one. A name or None is any number; the number of rows must be that."""
    if len(found) != len(expected):
        return False
    return all(
        not isinstance(have, int) if want is None else have == want or not isinstance(have, int)
        for have, want in zip(found, expected, strict=True)
    )


def _check_answer(contract: ModelContract, outputs: Outputs) -> None:
    shapes = outputs_of(contract)
    problem = None
    for name, values in outputs.items():
        expected = (1, *shapes.get(name, values.shape)[1:])
        if values.shape != expected:
            problem = problem or f"{name} of shape {values.shape} instead of {expected}"
        elif not np.isfinite(values).all():
            problem = problem or f"{_ARTICLES[name]} {_NUMBER[name == PROBABILITIES_OUTPUT]}"
        elif name in _SHARES and not ((values >= 0) & (values <= 1 + SUM_TOLERANCE)).all():
            problem = problem or f"{_ARTICLES[name]} {_NUMBER[name == PROBABILITIES_OUTPUT]} from 0 to 1"
        elif name == PROBABILITIES_OUTPUT and not contract.several_labels:
            total = float(values.sum())
            if abs(total - 1.0) > SUM_TOLERANCE:
                problem = problem or f"probabilities that sum to {total:.4f} instead of 1"
    if problem:
        raise ArtifactError(
            f"model {contract.name!r} answers a row of harmless values with {problem}; convert the model again"
        )
