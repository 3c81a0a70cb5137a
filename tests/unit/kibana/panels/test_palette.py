"""People with any kind of colour blindness can tell the colours apart, and a colour means the same everywhere."""

from __future__ import annotations

import itertools
import math

import pytest

from kibana.panels.palette import ATTACKS, HARMLESS, SEVERITY, STATUS, UNKNOWN, colours, shades
from tests.artifacts import TURBINE
from tests.kibana_contracts import shipped_contract

SEEN_BY = {
    "everyone else": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "protanopia": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    "deuteranopia": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881)),
    "tritanopia": ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.303900)),
}
"""Machado, Oliveira and Fernandes 2009, severity 1, on linear RGB."""
APART = 10.0
"""Distance in CIE Lab above which two areas side by side are plainly two colours (2.3 is the least that is seen at
all).
"""


def lab(colour: str, seen_by: str) -> tuple[float, float, float]:
    levels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [level / 12.92 if level <= 0.04045 else ((level + 0.055) / 1.055) ** 2.4 for level in levels]
    red, green, blue = (
        min(1.0, max(0.0, sum(weight * level for weight, level in zip(row, linear, strict=True))))
        for row in SEEN_BY[seen_by]
    )
    xyz = (
        (0.4124 * red + 0.3576 * green + 0.1805 * blue) / 0.9505,
        0.2126 * red + 0.7152 * green + 0.0722 * blue,
        (0.0193 * red + 0.1192 * green + 0.9505 * blue) / 1.089,
    )
    x, y, z = (part ** (1 / 3) if part > 0.008856 else 7.787 * part + 16 / 116 for part in xyz)
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


def distance(one: str, other: str, seen_by: str) -> float:
    return math.dist(lab(one, seen_by), lab(other, seen_by))


@pytest.mark.parametrize("seen_by", SEEN_BY)
@pytest.mark.parametrize("group", [(HARMLESS, UNKNOWN, *ATTACKS[:4]), tuple(STATUS.values()), tuple(SEVERITY.values())])
def test_the_colours_of_one_chart_are_told_apart(group: tuple[str, ...], seen_by: str) -> None:
    for one, other in itertools.combinations(group, 2):
        assert distance(one, other, seen_by) > APART, (one, other)


@pytest.mark.parametrize("seen_by", SEEN_BY)
def test_no_attack_looks_like_harmless_or_unknown(seen_by: str) -> None:
    shown = colours(shipped_contract())["label"]
    for name, colour in shown.items():
        for calm in (HARMLESS, UNKNOWN):
            assert calm == colour or distance(colour, calm, seen_by) > APART, name


def test_labels_of_one_family_are_shades_of_its_colour() -> None:
    assert shades("#804020", 3) == ["#804020", "#603018", "#402010"]
    assert shades("#804020", 1) == ["#804020"]
    assert shades("#804020", 0) == []
    shown = colours(shipped_contract())
    assert len(set(shown["label"].values())) == 24
    assert shown["label"]["normal"] == shown["family"]["normal"] == HARMLESS
    assert shown["label"]["unknown"] == UNKNOWN


def test_the_harmless_label_of_any_model_has_the_calm_colour() -> None:
    shown = colours(TURBINE)
    assert shown["label"]["healthy"] == shown["family"]["fine"] == HARMLESS
    assert shown["label"]["overheating"] == shown["family"]["heat"] == ATTACKS[0]
