"""Laws of usual reasons: they save runs of the model, and hide a heavier reason only behind a usual fall."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from contract.artifact.contract import Feature, Label, ModelContract
from contract.occlusion import LEAST_FALL
from enrich_service.model.artifact import Artifact, load
from enrich_service.predict.reasons import Explainer, heaviest
from tests.artifacts import write_model

VOCABULARY = ("a", "b", "c")
LABELS = (Label("calm", "calm", 0), Label("flood", "danger", 80), Label("drought", "danger", 40))
ALL_FEATURES = 1e9
"""A fall that no feature reaches, so that every feature is tried."""
SHAPES = [(1, 0), (0, 1), (7, 0), (0, 7), (4, 3)]
WIDE = [(500, 0), (0, 500), (250, 250)]


def contract_of(n_numeric: int, n_words: int) -> ModelContract:
    numbers = [Feature(f"n{i}", f"x.n{i}", "float", background=float(i % 3)) for i in range(n_numeric)]
    words = [Feature(f"w{i}", f"x.w{i}", "string", vocabulary=VOCABULARY, background="b") for i in range(n_words)]
    return ModelContract("any", (*words, *numbers), LABELS, ("calm", "danger"))


def graph_of(n_numeric: int, n_words: int) -> onnx.GraphProto:
    """A small network with a hidden layer over numbers and words, and random weights."""
    rng = np.random.default_rng(n_numeric * 1000 + n_words)
    constants = {"inner": rng.normal(0, 1, (n_numeric + n_words, 8)), "outer": rng.normal(0, 1, (8, len(LABELS)))}
    nodes, inputs, parts = [], [], []
    if n_numeric:
        inputs.append(helper.make_tensor_value_info("numeric", TensorProto.FLOAT, ["n", n_numeric]))
        parts.append("numeric")
    if n_words:
        inputs.append(helper.make_tensor_value_info("categorical", TensorProto.STRING, ["n", n_words]))
        values: dict[str, Any] = {
            "keys_strings": list(VOCABULARY),
            "values_floats": [-1.0, 0.5, 2.0],
            "default_float": 0.0,
        }
        nodes.append(helper.make_node("LabelEncoder", ["categorical"], ["codes"], domain="ai.onnx.ml", **values))
        parts.append("codes")
    nodes += [
        helper.make_node("Concat", parts, ["row"], axis=1),
        helper.make_node("MatMul", ["row", "inner"], ["before"]),
        helper.make_node("Relu", ["before"], ["hidden"]),
        helper.make_node("MatMul", ["hidden", "outer"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
    ]
    output = helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["n", len(LABELS)])
    tensors = [numpy_helper.from_array(value.astype(np.float32), name) for name, value in constants.items()]
    return helper.make_graph(nodes, "any", inputs, [output], tensors)


@pytest.fixture(scope="module")
def artifact_of(tmp_path_factory: pytest.TempPathFactory):  # type: ignore[no-untyped-def]
    folder = tmp_path_factory.mktemp("any")

    @lru_cache
    def made(n_numeric: int, n_words: int) -> Artifact:
        path = folder / f"{n_numeric}-{n_words}.onnx"
        return load(write_model(path, contract_of(n_numeric, n_words), graph=graph_of(n_numeric, n_words)))

    return made


Rows = tuple[NDArray[np.float32], NDArray[np.object_]]


def rows_of(seed: int, n_rows: int, n_numeric: int, n_words: int) -> Rows:
    rng = np.random.default_rng(seed)
    numeric = rng.integers(-2, 4, (n_rows, n_numeric)).astype(np.float32)
    words = rng.choice(np.array([*VOCABULARY, "unseen"], object), (n_rows, n_words))
    return numeric, words


def with_usual(artifact: Artifact, names: tuple[str, ...], fall: float) -> Artifact:
    labels = tuple(replace(label, usual_reasons=names, usual_fall=fall) for label in artifact.contract.labels)
    return replace(artifact, contract=replace(artifact.contract, labels=labels))


def reasons_of(artifact: Artifact, rows: Rows) -> list[list[str]]:
    closest = artifact.run(*rows)["probabilities"].argmax(axis=1)
    return Explainer(artifact).reasons(*rows, closest, np.zeros(len(closest), np.bool_))


def first_falls(artifact: Artifact, rows: Rows) -> NDArray[np.float64]:
    """The fall of each row's first reason; -inf if it has none."""
    closest = artifact.run(*rows)["probabilities"].argmax(axis=1)
    places = Explainer(artifact).falls(*rows, closest, of_novelty=False)
    falls = np.full((len(closest), len(artifact.contract.features)), -np.inf)
    falls[places[0], places[1]] = places[2]
    which, columns = heaviest(*places, least=LEAST_FALL)
    owners, at = np.unique(which, return_index=True)
    found = np.full(len(closest), -np.inf)
    found[owners] = falls[owners, columns[at]]
    return found


@pytest.mark.parametrize("shape", [*SHAPES, *WIDE])
def test_a_fall_that_no_feature_reaches_gives_the_reasons_of_all_features(  # type: ignore[no-untyped-def]
    artifact_of, shape: tuple[int, int]
) -> None:
    """For any contract: 1 feature or 500, only words or only numbers."""
    artifact = artifact_of(*shape)
    rows = rows_of(1, 12, *shape)
    every = reasons_of(artifact, rows)
    assert any(every)
    names = tuple(feature.name for feature in artifact.contract.features[:2])
    assert reasons_of(with_usual(artifact, names, ALL_FEATURES), rows) == every


@settings(max_examples=60, deadline=None)
@given(
    shape=st.sampled_from(SHAPES),
    seed=st.integers(0, 1000),
    n_rows=st.integers(1, 20),
    share=st.floats(0, 1),
    fall=st.floats(LEAST_FALL, 5),
)
def test_a_first_reason_is_the_heaviest_or_lowers_the_label_by_the_usual_fall(  # type: ignore[no-untyped-def]
    artifact_of, shape: tuple[int, int], seed: int, n_rows: int, share: float, fall: float
) -> None:
    artifact, rows = artifact_of(*shape), rows_of(seed, n_rows, *shape)
    names = [feature.name for feature in artifact.contract.features]
    usual = with_usual(artifact, tuple(names[: max(1, round(share * len(names)))]), fall)
    every, found = first_falls(artifact, rows), first_falls(usual, rows)
    assert (found <= every + 1e-4).all()
    short = found < every - 1e-4
    assert (found[short] >= fall - 1e-4).all()


@settings(max_examples=30, deadline=None)
@given(shape=st.sampled_from(SHAPES), seed=st.integers(0, 1000), fall=st.floats(LEAST_FALL, 5))
def test_a_row_has_the_same_reasons_alone_and_in_a_page(  # type: ignore[no-untyped-def]
    artifact_of, shape: tuple[int, int], seed: int, fall: float
) -> None:
    numeric, words = rows_of(seed, 8, *shape)
    artifact = with_usual(artifact_of(*shape), (artifact_of(*shape).contract.features[-1].name,), fall)
    page = reasons_of(artifact, (numeric, words))
    assert page == [reasons_of(artifact, (numeric[i : i + 1], words[i : i + 1]))[0] for i in range(8)]
