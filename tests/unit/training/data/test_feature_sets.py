"""The two choices of columns, and what the card says of each."""

from __future__ import annotations

import pytest

from contract.artifact.contract import ModelContract
from contract.kdd99 import columns as kdd99
from tests.artifacts import TURBINE
from tests.pipelines import FLOW, KDD99
from training.data.feature_sets import SETS, command_options, in_words, option_of


def test_each_choice_is_known_by_its_columns_in_any_order() -> None:
    """The contract says which model it is; no name has to be compared."""
    for option, found in SETS.items():
        assert option_of(reversed(found.columns)) == option
    assert option_of(kdd99.CONTENT) is None


def test_the_two_models_have_names_and_folders_of_their_own() -> None:
    """One must not overwrite the other."""
    assert {found.model for found in SETS.values()} == {"kdd99-mlp", "kdd99-flow"}
    assert SETS["flow"].columns == tuple(column for column in kdd99.COLUMNS if column not in kdd99.CONTENT)


@pytest.mark.parametrize(("contract", "other"), [(KDD99, "kdd99-flow"), (FLOW, "kdd99-mlp")])
def test_the_card_of_each_names_the_other(contract: ModelContract, other: str) -> None:
    """A person who reads one must learn when to take the other."""
    (line,) = in_words(contract)
    assert other in line
    assert "13 content columns (`hot` to `is_guest_login`" in line


def test_the_command_that_makes_a_model_again_names_its_columns() -> None:
    """Else it would make the other one."""
    assert [command_options(contract) for contract in (KDD99, FLOW, TURBINE)] == ["", " --features flow", ""]
    assert in_words(TURBINE) == []
