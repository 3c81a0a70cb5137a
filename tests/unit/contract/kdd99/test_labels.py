"""Which words count as labels."""

from __future__ import annotations

from dataclasses import replace

from contract.kdd99.labels import LABEL_NAMES, known_labels, label_names
from tests.artifacts import TURBINE
from tests.pipelines import KDD99


def test_known_labels_are_those_of_the_model_and_of_both_kdd_files() -> None:
    """The test set has 17 attacks that are not in the training set; a model of another domain adds its own words."""
    known = known_labels(KDD99)
    assert (len(known), known) == (40, tuple(sorted(known)))
    assert {"normal", "neptune", "mscan", "snmpguess"} <= set(known)
    assert set(known_labels(TURBINE)) - set(known) == {label.name for label in TURBINE.labels} - set(known)


def test_the_label_column_of_the_contract_has_the_labels() -> None:
    """Not if it is a feature, and not for a regression: a number is no label."""
    made = replace(TURBINE, training={"label": "Diagnosis", "label_words": {TURBINE.labels[1].name: "a/b"}})
    assert label_names(made) == (*LABEL_NAMES, "diagnosis")
    assert "a/b" in known_labels(made)
    assert label_names(replace(made, training={"label": TURBINE.features[0].name})) == LABEL_NAMES
    assert label_names(replace(made, training={"label": 5})) == LABEL_NAMES
    assert label_names(replace(made, task="regression")) == LABEL_NAMES
    assert label_names(KDD99) == LABEL_NAMES
