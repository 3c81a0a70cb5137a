"""A contract of format 1 gives the same saved objects and alert rules as when it was the only format.

tests/unit/kibana/golden.json holds a digest of each; `OVERSIGHT_GOLDEN=rewrite` writes it again.
"""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from contract.artifact.contract import ModelContract
from contract.documents.datasets import CONNECTION
from contract.shipped_models import shipped_path
from enrich_service.model.model_file import read_contract
from kibana.saved_objects.alert_items import alert_items
from kibana.saved_objects.compile import saved_objects
from kibana.saved_objects.objects import Names
from tests.artifacts import TURBINE, without_novelty
from tests.kibana_contracts import shipped_contract

GOLDEN = Path(__file__).with_name("golden.json")
CONTRACTS: dict[str, ModelContract] = {
    "kdd99-mlp": shipped_contract(),
    "kdd99-flow": replace(read_contract(shipped_path("kdd99-flow")), dataset=CONNECTION),
    "turbine": TURBINE,
    "turbine without novelty": without_novelty(),
}


def digests(contract: ModelContract) -> dict[str, str]:
    """Digest of each saved object, connector and rule, by type and id."""
    objects = {each.key: each.digest for each in saved_objects(contract, Names("lab"))}
    items = {each.key: each.digest for each in alert_items(contract, Names("lab"))}
    return {" ".join(key): digest for key, digest in {**objects, **items}.items()}


@pytest.mark.parametrize("name", CONTRACTS)
def test_a_format_1_contract_gives_the_same_bytes_as_before(name: str) -> None:
    """An object that differs would be written again by each user's next import."""
    contract = CONTRACTS[name]
    assert contract.to_dict()["format"] == 1
    found = digests(contract)
    golden = json.loads(GOLDEN.read_text(encoding="utf-8")) if GOLDEN.exists() else {}
    if os.environ.get("OVERSIGHT_GOLDEN") == "rewrite":
        GOLDEN.write_text(json.dumps({**golden, name: found}, indent=1, sort_keys=True) + "\n", encoding="utf-8")
        golden[name] = found
    assert found == golden[name]
