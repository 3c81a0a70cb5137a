"""The pictures of a model card, drawn by matplotlib from the content of a study.json."""

from __future__ import annotations

from benchmarks.training import study
from benchmarks.training.card import digest
from benchmarks.training.figures import draw
from tests.unit.training.report.test_card import content


def test_pictures_are_the_same_bytes_each_time_and_name_their_study() -> None:
    """So an outdated picture can be recognised, and drawing the same study again changes nothing."""
    found = content()
    key = digest(study.text(found))
    pictures = draw(found, key)
    assert sorted(pictures) == ["confusion.svg", "novelty.svg", "reliability.svg", "roc.svg"]
    assert pictures == draw(found, key)
    for picture in pictures.values():
        assert picture.startswith(b"<?xml")
        assert picture.endswith(b"</svg>\n")
        assert f"study {key}".encode() in picture
        assert len(picture) < 150_000
    assert draw({**found, "test": None}, key).keys() == {"confusion.svg"}
