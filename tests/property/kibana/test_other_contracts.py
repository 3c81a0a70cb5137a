"""Any model's contract makes dashboards of its own."""

from __future__ import annotations

from hypothesis import given

from contract.artifact import ModelContract
from kibana.boards import boards, unknown_fields
from tests.kibana_contracts import CONTRACTS


@given(contract=CONTRACTS)
def test_any_contract_makes_dashboards_whose_fields_exist(contract: ModelContract) -> None:
    found = boards(contract)
    assert list(unknown_fields(contract, found)) == []
    assert {label.name for label in contract.labels} <= set(found.colours["label"])
    assert set(contract.families) == set(found.colours["family"])


@given(contract=CONTRACTS)
def test_the_same_contract_makes_the_same_dashboards(contract: ModelContract) -> None:
    assert boards(contract) == boards(contract)
