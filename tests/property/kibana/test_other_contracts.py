"""Every model's contract gives complete dashboards."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from contract.artifact.contract import ModelContract
from kibana.panels.boards import boards
from kibana.saved_objects.compile import saved_objects
from kibana.saved_objects.objects import Names, ndjson
from tests.kibana_check import faults, unknown_fields
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


@settings(max_examples=40)
@given(contract=CONTRACTS, namespace=st.from_regex(r"[a-z0-9][a-z0-9_.]{0,20}", fullmatch=True))
def test_any_contract_makes_a_file_that_keeps_every_rule(contract: ModelContract, namespace: str) -> None:
    content = ndjson(saved_objects(contract, Names(namespace)))
    assert faults(content) == []
    assert content == ndjson(saved_objects(contract, Names(namespace)))
