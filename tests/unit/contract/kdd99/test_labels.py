"""Which words count as labels."""

from __future__ import annotations

from contract.kdd99.labels import known_labels
from tests.artifacts import TURBINE
from tests.pipelines import KDD99


def test_known_labels_are_those_of_the_model_and_of_both_kdd_files() -> None:
    """The test set has 17 attacks that the training set lacks; a model of another domain adds its own words."""
    known = known_labels(KDD99)
    assert (len(known), known) == (40, tuple(sorted(known)))
    assert {"normal", "neptune", "mscan", "snmpguess"} <= set(known)
    assert set(known_labels(TURBINE)) - set(known) == {label.name for label in TURBINE.labels} - set(known)
