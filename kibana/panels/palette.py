"""One palette for every chart, so that attacks and normal traffic have the same colours in Kibana and the console.

The colours are those of Okabe and Ito, which people with any kind of colour blindness can tell apart. Harmless is
sky blue, `unknown` is purple, and each attack family has one of the other colours. The labels of a family are shades
of its colour.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from contract.artifact.contract import Label, ModelContract
from contract.documents.feedback import FALSE_POSITIVE, TRUE_POSITIVE
from contract.documents.fields import ENRICHED, FAILED, PENDING
from contract.kdd99.columns import UNKNOWN_LABEL
from kibana.panels.declarations import Scheme

SKY, PURPLE, ORANGE, VERMILLION, GREEN, BLUE, YELLOW = (
    "#56B4E9",
    "#CC79A7",
    "#E69F00",
    "#D55E00",
    "#009E73",
    "#0072B2",
    "#F0E442",
)
HARMLESS, UNKNOWN = SKY, PURPLE
ATTACKS = (ORANGE, VERMILLION, GREEN, BLUE, YELLOW)
"""Colours of the attack families, in the contract's order. A sixth family gets the first colour again."""

DARKEST = 0.5
"""Share of black in the darkest shade of a family."""

STATUS = {PENDING: ORANGE, ENRICHED: GREEN, FAILED: VERMILLION}
VERDICT = {TRUE_POSITIVE: VERMILLION, FALSE_POSITIVE: SKY}
SEVERITY = {"low": YELLOW, "medium": ORANGE, "high": VERMILLION, "critical": "#8C2D04"}
"""From light to dark, so that the order is visible without colour."""


def colours(contract: ModelContract) -> dict[Scheme, Mapping[str, str]]:
    """Colour of each value of a model, by scheme."""
    families = family_colours(contract)
    return {
        "label": {**_label_colours(contract, families), UNKNOWN_LABEL: UNKNOWN},
        "family": families,
        "severity": SEVERITY,
        "status": STATUS,
        "verdict": VERDICT,
    }


def family_colours(contract: ModelContract) -> dict[str, str]:
    """Colour of each family. A family without a harmful label gets the harmless colour."""
    harmful = {label.family for label in contract.labels if label.severity > 0}
    attacks = [family for family in contract.families if family in harmful]
    return {
        family: ATTACKS[attacks.index(family) % len(ATTACKS)] if family in harmful else HARMLESS
        for family in contract.families
    }


def _label_colours(contract: ModelContract, families: Mapping[str, str]) -> dict[str, str]:
    shown: dict[str, str] = {}
    for family in contract.families:
        harmful = [label for label in contract.labels if label.family == family and label.severity > 0]
        shown |= dict(zip(_names(harmful), shades(families[family], len(harmful)), strict=True))
    harmless = [label for label in contract.labels if label.severity == 0]
    shown |= dict(zip(_names(harmless), shades(HARMLESS, len(harmless)), strict=True))
    return {label.name: shown[label.name] for label in contract.labels}


def _names(labels: Sequence[Label]) -> list[str]:
    return [label.name for label in labels]


def shades(colour: str, count: int) -> list[str]:
    """That many shades of a colour: the colour itself, then darker ones.

    Never lighter: a light blue or green would look like harmless or unknown.
    """
    return [_darker(colour, DARKEST * number / max(1, count - 1)) for number in range(count)]


def _darker(colour: str, part: float) -> str:
    """The colour mixed with a share of black, 0 to 1."""
    levels = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return "#" + "".join(f"{round(level * (1 - part)):02X}" for level in levels)
