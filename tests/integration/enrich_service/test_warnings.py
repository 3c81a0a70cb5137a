"""Values that training never saw cause a warning and no refusal: the shipped model behind the real service."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from common.settings.shared import DEFAULT_MODEL
from contract.artifact.contract import ModelContract
from enrich_service.model.model_file import read_contract
from tests.conftest import ROOT
from tests.integration.enrich_service.requests import ask
from tests.servers import enrich_service

EXAMPLE: dict[str, Any] = orjson.loads((ROOT / "docs" / "examples" / "enrich-request.json").read_bytes())


@pytest.fixture(scope="module")
def shipped() -> Iterator[str]:
    """A service with the model of this repository."""
    with enrich_service(Path(DEFAULT_MODEL)) as url:
        yield url


@pytest.fixture(scope="module")
def contract() -> ModelContract:
    return read_contract(DEFAULT_MODEL)


def warnings(url: str, **changes: Any) -> list[str]:
    """The warnings for the page's smurf event with other values in some columns."""
    kdd99 = {**EXAMPLE["documents"][0]["source"]["kdd99"], **changes}
    status, body = ask(f"{url}/v1/enrich", {"documents": [{"id": "1", "source": {"kdd99": kdd99}}]})
    assert status == 200
    prediction: dict[str, Any] = body["results"][0]["fields"]["oversight"]["prediction"]
    found: list[str] = prediction.get("warnings", [])
    return found


def test_usual_values_give_no_warning(shipped: str) -> None:
    assert warnings(shipped) == []


@pytest.mark.parametrize(("column", "word"), [("service", "quic"), ("flag", "S9"), ("protocol_type", "sctp")])
def test_a_word_that_training_never_saw_is_a_warning(shipped: str, column: str, word: str) -> None:
    """The graph has a bucket for it; the document is still enriched."""
    assert warnings(shipped, **{column: word}) == [f"unseen_category:kdd99.{column}"]


def test_a_known_word_in_another_case_is_unseen(shipped: str) -> None:
    """The graph compares words case-sensitively, so the warning does too."""
    assert warnings(shipped, protocol_type="ICMP") == ["unseen_category:kdd99.protocol_type"]


def test_the_smallest_and_largest_value_of_training_are_in_range_and_the_next_ones_are_not(
    shipped: str, contract: ModelContract
) -> None:
    """Both ends of every numeric feature, as the contract has them."""
    for feature in contract.numeric:
        assert feature.minimum is not None
        assert feature.maximum is not None
        far = 1.0 + abs(feature.maximum)
        for value, expected in (
            (feature.minimum, []),
            (feature.maximum, []),
            (feature.minimum - far, [f"out_of_range:{feature.field}"]),
            (feature.maximum + far, [f"out_of_range:{feature.field}"]),
        ):
            assert warnings(shipped, **{feature.name: value}) == expected, (feature.name, value)


def test_a_column_that_never_changed_in_training_warns_of_any_other_value(
    shipped: str, contract: ModelContract
) -> None:
    """The weights have learned nothing from it, so such a value does not change the verdict."""
    constant = [feature for feature in contract.numeric if feature.minimum == feature.maximum]
    assert {"num_outbound_cmds", "is_host_login"} <= {feature.name for feature in constant}
    for feature in constant:
        assert warnings(shipped, **{feature.name: 1}) == [f"out_of_range:{feature.field}"]


def test_a_document_can_have_several_warnings(shipped: str) -> None:
    found = warnings(shipped, service="quic", num_outbound_cmds=2, count=100_000)
    assert sorted(found) == [
        "out_of_range:kdd99.count",
        "out_of_range:kdd99.num_outbound_cmds",
        "unseen_category:kdd99.service",
    ]
