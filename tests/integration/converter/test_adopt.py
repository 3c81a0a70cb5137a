"""ONNX files of other tools become artifacts that predict like the tool itself."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from contract.artifact.contract import Feature, Label, ModelContract, ScoreOutput, ValueOutput
from contract.artifact.file import read_file
from contract.errors import ConversionError, InputError
from converter.adopt.adopt import adopt

RNG = np.random.default_rng(11)
X = RNG.normal(size=(300, 3)).astype(np.float32)
COLOUR = RNG.choice(np.array(["blue", "green", "red"], object), 300)
Y = (X[:, 0] + (COLOUR == "red") > 0.4).astype(int) + (X[:, 1] > 1)
NAMES = np.array(["calm", "flood", "drought"])[Y]
FEATURES = tuple(Feature(name, f"river.{name}", "float", minimum=-3.0, maximum=3.0) for name in ("a", "b", "c"))
LABELS = (Label("calm", "calm", 0), Label("flood", "danger", 50), Label("drought", "danger", 50))
RIVERS = ModelContract("rivers", FEATURES, LABELS, ("calm", "danger"))
COLOURED = replace(
    RIVERS, features=(FEATURES[0], Feature("colour", "river.colour", "string", ("blue", "green", "red")), *FEATURES[1:])
)


def answers(path: Path, numeric: NDArray[np.float32] = X, words: Any = None) -> dict[str, NDArray[np.float32]]:
    session = onnxruntime.InferenceSession(path)
    names = [output.name for output in session.get_outputs()]
    feed = {"numeric": numeric} | ({} if words is None else {"categorical": words})
    return dict(zip(names, session.run(names, feed), strict=True))


@pytest.fixture(scope="module")
def sk() -> Any:
    """Converts a model of scikit-learn."""
    skl2onnx = pytest.importorskip("skl2onnx")
    types = pytest.importorskip("skl2onnx.common.data_types")

    def export(model: Any, path: Path, initial: Any = None, **options: Any) -> Path:
        initial = initial or [("X", types.FloatTensorType([None, 3]))]
        path.write_bytes(skl2onnx.convert_sklearn(model, initial_types=initial, **options).SerializeToString())
        return path

    return export


@pytest.mark.parametrize("zipmap", [True, False], ids=["zipmap", "matrix"])
def test_a_classifier_predicts_in_the_contract_s_order(sk: Any, zipmap: bool, tmp_path: Path) -> None:
    """scikit-learn sorts its classes: the graph names them, so the outputs are put into the contract's order."""
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(max_iter=500).fit(X, NAMES)
    path = sk(model, tmp_path / "m.onnx", options={id(model): {"zipmap": zipmap}})
    made = adopt(path, RIVERS, tmp_path / "out.onnx")
    expected = model.predict_proba(X)[:, [list(model.classes_).index(label.name) for label in LABELS]]
    np.testing.assert_allclose(answers(made.path)["probabilities"], expected, atol=1e-5)
    assert read_file(made.path).contract.name == "rivers"


def test_a_pipeline_with_words_has_an_input_per_column(sk: Any, tmp_path: Path) -> None:
    from skl2onnx.common.data_types import FloatTensorType, StringTensorType
    from sklearn.compose import ColumnTransformer
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    frame = np.column_stack([X.astype(object), COLOUR])
    parts = ColumnTransformer([("n", StandardScaler(), [0, 1, 2]), ("w", OneHotEncoder(handle_unknown="ignore"), [3])])
    model = make_pipeline(parts, RandomForestClassifier(5, random_state=0)).fit(frame, NAMES)
    initial = [(name, FloatTensorType([None, 1])) for name in ("a", "b", "c")] + [
        ("colour", StringTensorType([None, 1]))
    ]
    path = sk(model, tmp_path / "m.onnx", initial)
    made = adopt(path, COLOURED, tmp_path / "out.onnx")
    expected = model.predict_proba(frame)[:, [list(model.classes_).index(label.name) for label in LABELS]]
    np.testing.assert_allclose(answers(made.path, words=COLOUR[:, None])["probabilities"], expected, atol=1e-5)


def test_probabilities_of_many_trees_stay_within_0_and_1(sk: Any, tmp_path: Path) -> None:
    """Rounding moves their sum, and the service refuses a probability below 0."""
    from sklearn.ensemble import RandomForestClassifier

    two = replace(RIVERS, labels=LABELS[:2])
    model = RandomForestClassifier(49, max_depth=2, random_state=0).fit(X, Y > 0)
    made = adopt(sk(model, tmp_path / "m.onnx"), two, tmp_path / "out.onnx")
    found = answers(made.path, np.repeat(X, 20, axis=0) * 3)["probabilities"]
    assert found.min() >= 0.0
    assert found.max() <= 1.0


def test_codes_of_words_in_one_matrix_count_from_0(sk: Any, tmp_path: Path) -> None:
    from skl2onnx.common.data_types import FloatTensorType
    from sklearn.tree import DecisionTreeClassifier

    codes = np.searchsorted(["blue", "green", "red"], COLOUR.astype(str))
    matrix = np.column_stack([X[:, 0], codes, X[:, 1:]]).astype(np.float32)
    model = DecisionTreeClassifier(max_depth=4).fit(matrix, Y)
    path = sk(model, tmp_path / "m.onnx", [("X", FloatTensorType([None, 4]))])
    made = adopt(path, COLOURED, tmp_path / "out.onnx")
    found = answers(made.path, words=COLOUR[:, None])["probabilities"]
    np.testing.assert_allclose(found, model.predict_proba(matrix), atol=1e-6)


def test_a_missing_number_becomes_its_value_and_a_flag_in_an_imputer_s_order(sk: Any, tmp_path: Path) -> None:
    """Like SimpleImputer(add_indicator=True): the flags follow all features. Unseen words are -1."""
    from skl2onnx.common.data_types import FloatTensorType
    from sklearn.tree import DecisionTreeClassifier

    gaps = RNG.random(300) < 0.3
    numeric = np.where(gaps[:, None] & [False, True, False], np.nan, X).astype(np.float32)
    words = np.where(gaps, "violet", COLOUR).astype(object)[:, None]
    codes = np.where(gaps, -1, np.searchsorted(["blue", "green", "red"], COLOUR.astype(str)))
    matrix = np.column_stack([X[:, 0], codes, np.where(gaps, 9.0, X[:, 1]), X[:, 2], gaps]).astype(np.float32)
    model = DecisionTreeClassifier(max_depth=5).fit(matrix, Y)
    a, colour, b, c = COLOURED.features
    flagged = replace(COLOURED, features=(a, colour, replace(b, missing="flag", missing_value=9.0), c))
    path = sk(model, tmp_path / "m.onnx", [("X", FloatTensorType([None, 5]))])
    made = adopt(path, flagged, tmp_path / "out.onnx")
    found = answers(made.path, numeric, words)["probabilities"]
    np.testing.assert_allclose(found, model.predict_proba(matrix), atol=1e-6)


def test_a_regression_and_an_isolation_forest(sk: Any, tmp_path: Path) -> None:
    from sklearn.ensemble import GradientBoostingRegressor, IsolationForest

    target = X @ [1.0, 2.0, -1.0]
    model = GradientBoostingRegressor(n_estimators=10).fit(X, target)
    number = replace(RIVERS, task="regression", labels=LABELS[:2], value=ValueOutput("m", high=2.0))
    made = adopt(sk(model, tmp_path / "r.onnx"), number, tmp_path / "out.onnx")
    np.testing.assert_allclose(answers(made.path)["value"], model.predict(X), rtol=1e-4, atol=1e-5)
    forest = IsolationForest(n_estimators=10, random_state=0).fit(X)
    score = replace(RIVERS, task="anomaly", labels=LABELS[:2], score=ScoreOutput(0.0, alerts="below"))
    path = sk(forest, tmp_path / "f.onnx", target_opset={"": 17, "ai.onnx.ml": 3})
    made = adopt(path, score, tmp_path / "out.onnx", head="scores")
    np.testing.assert_allclose(answers(made.path)["score"], forest.decision_function(X), atol=1e-4)


@pytest.mark.parametrize("kind", ["xgboost", "lightgbm"])
def test_boosted_trees(kind: str, tmp_path: Path) -> None:
    onnxmltools = pytest.importorskip("onnxmltools")
    library = pytest.importorskip(kind)
    from onnxmltools.convert.common.data_types import FloatTensorType

    if kind == "xgboost":
        model = library.XGBClassifier(n_estimators=4, max_depth=3).fit(X, Y)
        proto = onnxmltools.convert_xgboost(model, initial_types=[("X", FloatTensorType([None, 3]))])
    else:
        model = library.LGBMClassifier(n_estimators=4, verbose=-1).fit(X, Y)
        proto = onnxmltools.convert_lightgbm(model, initial_types=[("X", FloatTensorType([None, 3]))])
    (tmp_path / "m.onnx").write_bytes(proto.SerializeToString())
    made = adopt(tmp_path / "m.onnx", RIVERS, tmp_path / "out.onnx")
    np.testing.assert_allclose(answers(made.path)["probabilities"], model.predict_proba(X), atol=1e-5)


def linear(
    path: Path, *, width: int = 3, outputs: int = 3, name: str = "input", node: str = "Gemm", outside: bool = False
) -> Path:
    """A linear layer as PyTorch exports it, with logits; its weights are in a separate file if `outside`."""
    weights = numpy_helper.from_array(RNG.normal(size=(width, outputs)).astype(np.float32), "w")
    nodes = [helper.make_node("Gemm", [name, "w"], ["y"])]
    nodes += (
        [helper.make_node(node, ["y"], ["output"])]
        if node != "Gemm"
        else [helper.make_node("Identity", ["y"], ["output"])]
    )
    graph = helper.make_graph(
        nodes,
        "torch",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", width])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, ["batch", outputs])],
        [weights],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, path, save_as_external_data=outside, location=f"{path.name}.data", size_threshold=0)
    return path


@pytest.mark.parametrize("outside", [False, True], ids=["inside", "beside"])
def test_logits_of_pytorch_get_their_softmax_and_weights_are_embedded(outside: bool, tmp_path: Path) -> None:
    path = linear(tmp_path / "m.onnx", outside=outside, name="numeric")
    raw = onnxruntime.InferenceSession(path).run(None, {"numeric": X})[0]
    made = adopt(path, RIVERS, tmp_path / "out.onnx")
    if outside:
        (tmp_path / "m.onnx.data").unlink()
    shares = np.exp(raw) / np.exp(raw).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(answers(made.path)["probabilities"], shares, atol=1e-5)


def test_an_autoencoder_gives_score_and_deviations(tmp_path: Path) -> None:
    path = linear(tmp_path / "m.onnx")
    contract = replace(RIVERS, task="anomaly", labels=LABELS[:2], score=ScoreOutput(1.0, measure="mse"))
    made = adopt(path, contract, tmp_path / "out.onnx")
    off = np.abs(onnxruntime.InferenceSession(path).run(None, {"input": X})[0] - X)
    found = answers(made.path)
    np.testing.assert_allclose(found["deviations"], off, atol=1e-5)
    np.testing.assert_allclose(found["score"], (off**2).mean(axis=1), rtol=1e-4)


def test_one_logit_and_sigmoids(tmp_path: Path) -> None:
    two = replace(RIVERS, labels=LABELS[:2])
    path = linear(tmp_path / "m.onnx", outputs=1)
    raw = onnxruntime.InferenceSession(path).run(None, {"input": X})[0][:, 0]
    np.testing.assert_allclose(
        answers(adopt(path, two, tmp_path / "o.onnx").path)["probabilities"][:, 1], 1 / (1 + np.exp(-raw)), atol=1e-6
    )
    several = replace(RIVERS, several_labels=True, labels=(*LABELS[1:], LABELS[0]))
    path = linear(tmp_path / "m.onnx", outputs=2, node="Sigmoid")
    raw = onnxruntime.InferenceSession(path).run(None, {"input": X})[0]
    found = answers(adopt(path, several, tmp_path / "o.onnx").path)["probabilities"]
    np.testing.assert_allclose(found, np.hstack([raw, 1 - raw.max(axis=1, keepdims=True)]), atol=1e-6)


def test_weights_that_are_not_in_a_file_beside_the_model_are_refused(tmp_path: Path) -> None:
    """A link or a path could copy any file of this machine into the artifact."""
    path = linear(tmp_path / "m.onnx", outside=True)
    data = tmp_path / "m.onnx.data"
    data.rename(tmp_path / "real")
    with pytest.raises(ConversionError, match="which is not beside it; copy it there"):
        adopt(path, RIVERS, tmp_path / "out.onnx")
    data.symlink_to(tmp_path / "real")
    with pytest.raises(ConversionError, match="which is a link or no file"):
        adopt(path, RIVERS, tmp_path / "out.onnx")
    model = onnx.load(path, load_external_data=False)
    for entry in model.graph.initializer[0].external_data:
        if entry.key == "location":
            entry.value = "../real"
    path.write_bytes(model.SerializeToString())
    with pytest.raises(ConversionError, match="they must be in a file beside it"):
        adopt(path, RIVERS, tmp_path / "out.onnx")
    assert not (tmp_path / "out.onnx").exists()


@pytest.mark.parametrize(
    ("build", "contract", "says"),
    [
        ({"width": 4}, RIVERS, "input 'input' has the shape (n, 4), the contract has 3 features: expected (n, 3)"),
        ({"outputs": 2}, RIVERS, "output 'output' has 2 columns, and the contract has 3 labels"),
        ({}, replace(RIVERS, task="regression", labels=LABELS[:2]), "needs one number a row"),
        ({"node": "Exp"}, RIVERS, "expected 0 to 1"),
    ],
)
def test_a_model_that_does_not_fit_is_refused(
    build: dict[str, Any], contract: ModelContract, says: str, tmp_path: Path
) -> None:
    with pytest.raises(ConversionError) as refused:
        adopt(linear(tmp_path / "m.onnx", **build), contract, tmp_path / "out.onnx")
    assert says in str(refused.value)
    assert "\n" not in str(refused.value)
    assert not (tmp_path / "out.onnx").exists()


def test_a_file_that_is_no_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_bytes(b"no model at all")
    with pytest.raises(InputError, match="is not an ONNX model"):
        adopt(tmp_path / "m.onnx", RIVERS, tmp_path / "out.onnx")
    with pytest.raises(InputError, match="cannot read"):
        adopt(tmp_path / "none.onnx", RIVERS, tmp_path / "out.onnx")
    with pytest.raises(ConversionError, match="has no output 'age' of floats; choose one of output"):
        adopt(linear(tmp_path / "l.onnx"), RIVERS, tmp_path / "out.onnx", head="age")
