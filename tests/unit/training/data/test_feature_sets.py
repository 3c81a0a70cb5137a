"""The two choices of columns, and what the model card says about each."""

from __future__ import annotations

import pytest

from contract.artifact.contract import ModelContract
from contract.kdd99 import columns as kdd99
from tests.artifacts import TURBINE
from tests.pipelines import FLOW, KDD99
from training.data.feature_sets import SETS, command_options, in_words, option_of


def test_each_choice_is_known_by_its_columns_in_any_order() -> None:
    """The columns in the contract identify the model; its name does not matter."""
    for option, found in SETS.items():
        assert option_of(reversed(found.columns)) == option
    assert option_of(kdd99.CONTENT) is None


def test_the_two_models_have_names_and_folders_of_their_own() -> None:
    """One must not overwrite the other."""
    assert {found.model for found in SETS.values()} == {"kdd99-mlp", "kdd99-flow"}
    left_out = {"wrong_fragment", "urgent", *kdd99.CONTENT}
    assert SETS["flow"].columns == tuple(column for column in kdd99.COLUMNS if column not in left_out)
    assert [found.dataset for found in SETS.values()] == ["connection", "flow"]


@pytest.mark.parametrize(("contract", "other"), [(KDD99, "kdd99-flow"), (FLOW, "kdd99-mlp")])
def test_the_card_of_each_names_the_other(contract: ModelContract, other: str) -> None:
    """Whoever reads one card must learn when to use the other model."""
    line, *_ = in_words(contract)
    assert other in line
    assert "13 content columns (`hot` to `is_guest_login`" in line


def test_the_card_of_the_flow_model_names_the_attacks_that_it_cannot_see() -> None:
    """No flow log counts wrong fragments, and two attacks consist of them."""
    text = " ".join(in_words(FLOW))
    for word in ("`wrong_fragment` and `urgent`", "`teardrop`", "`pod`"):
        assert word in text


def test_the_command_that_makes_a_model_again_names_its_columns() -> None:
    """Otherwise it would make the other model."""
    assert [command_options(contract) for contract in (KDD99, FLOW, TURBINE)] == ["", " --features flow", ""]
    assert in_words(TURBINE) == []
