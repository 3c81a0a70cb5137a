"""Names of datasets, and the names derived from them."""

from __future__ import annotations

import pytest

from contract.documents.datasets import OUR_INDEX, dataset_of, is_dataset, resource_name, suffix, works_on
from contract.documents.fields import stream_name


def test_the_dataset_connection_keeps_its_original_names() -> None:
    assert stream_name("lab") == stream_name("lab", "connection") == "logs-oversight.connection-lab"
    assert resource_name("router", "lab", "connection") == "oversight-router-lab"
    assert suffix("lab", "connection") == "lab"


def test_any_other_dataset_is_in_front_of_the_namespace() -> None:
    assert stream_name("lab", "river") == "logs-oversight.river-lab"
    assert resource_name("router", "lab", "river") == "oversight-router-river-lab"


@pytest.mark.parametrize("name", ["river", "a", "9", "_x", "water.level_2", "x" * 80])
def test_lower_case_letters_digits_underscores_and_dots_are_a_dataset(name: str) -> None:
    assert is_dataset(name)
    assert dataset_of(stream_name("lab", name)) == (name, "lab")


@pytest.mark.parametrize("name", ["", "x" * 81, "River", "a-b", "a/b", "..", ".", ".hidden", "a b", "a*", "é", "a\n"])
def test_any_other_text_is_no_dataset(name: str) -> None:
    """`-` separates the parts of a stream's name, and `..` would lead out of the folder of the keys."""
    assert not is_dataset(name)


@pytest.mark.parametrize("index", ["metrics-x-lab", "logs-oversight.river-lab,other", "logs-oversight.*-lab", "alias"])
def test_no_other_index_counts_as_a_stream(index: str) -> None:
    assert dataset_of(index) is None


@pytest.mark.parametrize(
    ("index", "ours"),
    [
        ("logs-oversight.river-lab", True),
        (".ds-logs-oversight.river-lab-2026.01.31-000001", True),
        (".ds-logs-oversight.water.level_2-lab-000001", True),
        ("shrink-ab1c-.ds-logs-oversight.connection-lab-2026.01.31-000001", True),
        ("logs-oversight-lab", False),
        ("logs-nginx.river-lab", False),
        ("copy-of-logs-oversight.river-lab", False),
        ("logs-oversight.River-lab", False),
    ],
)
def test_each_of_our_datasets_is_recognised_by_its_index(index: str, *, ours: bool) -> None:
    """In any other index the watcher writes only below `oversight.*`."""
    assert (OUR_INDEX.fullmatch(index) is not None) is ours


def test_a_watcher_of_one_stream_does_not_work_on_another_one() -> None:
    river, connection = stream_name("lab", "river"), stream_name("lab")
    assert works_on(river, river)
    assert not works_on(river, connection)
    assert works_on("logs-*", connection)
    assert works_on(river, "my-index")
