"""The command that the console shows for a verdict."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

import pytest

from console.events.verdict_command import verdict_command
from console.panels.indices import Indices
from contract import hints


@pytest.fixture
def lab() -> Iterator[None]:
    """An installation with names of its own."""
    hints.installation("lab", "river")
    yield
    hints.installation(hints.DEFAULT_NAMESPACE)


def test_it_names_only_what_is_needed() -> None:
    assert verdict_command("oversight", Indices("default"), "3f8a91c0") == "oversight verdict 3f8a91c0 true_positive"


@pytest.mark.usefixtures("lab")
def test_it_names_program_address_namespace_dataset_and_index() -> None:
    """Without them it would judge nothing, or an event of another installation."""
    program = "ELASTICSEARCH_URL=http://127.0.0.1:9 .venv/bin/oversight"
    assert verdict_command(program, Indices("lab", "my-index-*", "river"), "3f8a91c0") == (
        f"{program} verdict --namespace lab --dataset river --index 'my-index-*' 3f8a91c0 true_positive"
    )


@pytest.mark.parametrize("doc_id", ["-Xa1", "a b", "$(reboot)", "it's", "`id`;"])
def test_any_id_is_one_argument(doc_id: str) -> None:
    """Elasticsearch's own ids can begin with a dash, and a sender can choose any id."""
    words = shlex.split(verdict_command("oversight", Indices("default"), doc_id))
    assert words[-2:] == [doc_id, "true_positive"]
    assert ("--" in words) == doc_id.startswith("-")


def test_an_id_of_ship_is_shortened() -> None:
    """`oversight verdict` takes the first digits."""
    assert "verdict 0123456789ab true_positive" in verdict_command(
        "oversight", Indices("default"), "0123456789abcdef" * 4
    )
    assert "0123456789abcdef true" in verdict_command("oversight", Indices("default"), "0123456789abcdef")


def test_an_id_that_would_deceive_is_spelled_out() -> None:
    assert "\\u202e" in verdict_command("oversight", Indices("default"), "a\u202eb")
