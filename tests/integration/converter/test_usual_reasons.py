"""Usual reasons in a converted artifact: computed from real rows, written into the contract, the graph unchanged."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import onnx
import pytest
from keras import layers, ops

from contract.artifact.contract import METADATA_KEY, Feature, Label, ModelContract
from contract.artifact.file import read_file
from converter.convert import convert
from converter.rows import Rows
from converter.usual_reasons import FEWEST_ROWS, MOST

WIDTH = 9
CONTRACT = ModelContract(
    name="many",
    features=tuple(
        Feature(f"f{i}", f"x.f{i}", "float", minimum=0.0, maximum=1.0, background=0.0) for i in range(WIDTH)
    ),
    labels=(Label("calm", "calm", 0), Label("flood", "danger", 80), Label("drought", "danger", 40)),
    families=("calm", "danger"),
)
SLOPES = np.zeros((WIDTH, 3), np.float32)
SLOPES[8, 1], SLOPES[3, 1], SLOPES[0, 1], SLOPES[5, 2] = 9.0, 4.0, 1.0, 8.0


def model(*, novelty: bool = False) -> keras.Model:
    """Floods depend on f8 and then f3, droughts on f5; the novelty is the mean of all."""
    numeric = keras.Input((WIDTH,), name="numeric")
    dense = layers.Dense(3, activation="softmax", name="probabilities")
    outputs = [dense(numeric)]
    if novelty:
        outputs.append(layers.Identity(name="novelty")(ops.mean(numeric, axis=1)))
    made = keras.Model(numeric, outputs)
    dense.set_weights([SLOPES, np.array([2.0, 0.0, 0.0], np.float32)])
    return made


def rows(n_rows: int = 4 * FEWEST_ROWS) -> Rows:
    """Half floods, half calm, a few droughts."""
    rng = np.random.default_rng(0)
    numeric = rng.random((n_rows, WIDTH)).astype(np.float32) * 0.2
    numeric[: n_rows // 2, 8] = 1.0
    numeric[-FEWEST_ROWS // 4 :, 5] = 1.0
    return Rows(numeric, np.empty((n_rows, 0), object))


def test_the_usual_reasons_of_a_label_are_its_heaviest_features(tmp_path: Path) -> None:
    """The heaviest first; a label with few rows and a harmless one have none."""
    calm, flood, drought = read_file(convert(model(), CONTRACT, tmp_path / "m.onnx", usual=rows()).path).contract.labels
    assert flood.usual_reasons[:2] == ("f8", "f3")
    assert len(flood.usual_reasons) <= MOST
    assert flood.usual_fall is not None
    assert (calm.usual_reasons, drought.usual_reasons) == ((), ())


def test_the_graph_stays_as_it_was_and_the_same_rows_give_the_same_bytes(tmp_path: Path) -> None:
    """Only the contract in the metadata grows, and a conversion with only that contract gives the same artifact."""
    plain, usual, again = (
        convert(model(novelty=True), contract, tmp_path / f"{n}.onnx", usual=known).path
        for n, (contract, known) in enumerate([(NOVEL, None), (NOVEL, rows()), (NOVEL, rows())])
    )
    assert usual.read_bytes() == again.read_bytes() != plain.read_bytes()
    assert onnx.load(usual).graph == onnx.load(plain).graph
    assert [entry.key for entry in onnx.load(usual).metadata_props] == [METADATA_KEY]
    found = read_file(usual).contract
    assert found.labels[1].usual_reasons
    for known in (None, Rows(rows().numeric[:, ::-1].copy(), rows().categorical)):
        last = convert(model(novelty=True), found, tmp_path / "last.onnx", usual=known)
        assert last.path.read_bytes() == usual.read_bytes(), "a contract with usual reasons keeps them"


NOVEL = ModelContract(CONTRACT.name, CONTRACT.features, CONTRACT.labels, CONTRACT.families, novelty_threshold=0.9)


@pytest.mark.parametrize("width", [1, MOST])
def test_a_contract_of_few_features_needs_no_usual_reasons(tmp_path: Path, width: int) -> None:
    """To try all features is as fast."""
    numeric = keras.Input((width,), name="numeric")
    small = keras.Model(numeric, layers.Dense(3, activation="softmax", name="probabilities")(numeric))
    contract = ModelContract(CONTRACT.name, CONTRACT.features[:width], CONTRACT.labels, CONTRACT.families)
    known = Rows(rows().numeric[:, :width], rows().categorical)
    labels = read_file(convert(small, contract, tmp_path / "m.onnx", usual=known).path).contract.labels
    assert not any(label.usual_reasons for label in labels)
