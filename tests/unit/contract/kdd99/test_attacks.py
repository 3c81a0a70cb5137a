"""The table of attacks: a row for every label, with ids, names, tactics and pages that belong together."""

from __future__ import annotations

import re

import pytest

from contract.kdd99.attacks import ATTACKS, KENDALL, LINCOLN, SEVERITY, TACTICS, TECHNIQUES, Attack, technique
from contract.kdd99.columns import FAMILIES, LABELS, NORMAL

ATTACK_19 = {
    "Reconnaissance": {"T1595.001", "T1595.002"},
    "Initial Access": {"T1190"},
    "Privilege Escalation": {"T1068"},
    "Stealth": {"T1014"},
    "Credential Access": {"T1110.001"},
    "Discovery": {"T1046"},
    "Impact": {"T1498.002", "T1499.001", "T1499.003", "T1499.004"},
}
"""Copied from ATT&CK's own matrix independently, by tactic."""
TACTIC_IDS = {
    "Reconnaissance": "TA0043",
    "Initial Access": "TA0001",
    "Privilege Escalation": "TA0004",
    "Stealth": "TA0005",
    "Credential Access": "TA0006",
    "Discovery": "TA0007",
    "Impact": "TA0040",
}
ELASTIC_STEPS = {21, 47, 73, 99}


def test_every_label_but_the_harmless_one_has_one_row() -> None:
    """A label without a row would have no severity; a row without a label would never be used."""
    assert sorted(attack.label for attack in ATTACKS) == [label.name for label in LABELS if label.name != NORMAL]


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.label)
def test_a_row_has_a_description_a_source_and_the_reason_for_its_mapping(attack: Attack) -> None:
    """A row without a technique also has a reason."""
    assert attack.does.endswith(".")
    assert attack.why.endswith(".")
    assert attack.source in (LINCOLN, KENDALL)
    assert attack.family in FAMILIES[1:]
    assert "|" not in attack.does + attack.why, "the text is in a table of the docs"


def test_severities_are_elastic_securitys_steps() -> None:
    """Dashboards and rules of Elastic Security sort by them."""
    assert {SEVERITY[family] for family in FAMILIES[1:]} <= ELASTIC_STEPS
    assert SEVERITY[NORMAL] == 0
    assert [label.severity for label in LABELS] == [SEVERITY[label.family] for label in LABELS]


@pytest.mark.parametrize("technique_id", sorted(TECHNIQUES))
def test_a_technique_has_its_own_page_and_its_tactic_of_attack(technique_id: str) -> None:
    """The page of another technique would mislead an analyst."""
    mapped = technique(technique_id)
    assert re.fullmatch(r"T\d{4}", mapped.id)
    assert mapped.reference == f"https://attack.mitre.org/techniques/{mapped.id}/"
    if "." in technique_id:
        assert re.fullmatch(r"T\d{4}\.\d{3}", technique_id)
        assert mapped.sub_id == technique_id
        assert mapped.sub_name
        assert mapped.sub_reference == f"https://attack.mitre.org/techniques/{technique_id.replace('.', '/')}/"
    else:
        assert (mapped.sub_id, mapped.sub_name, mapped.sub_reference) == (None, None, None)
    assert technique_id in ATTACK_19[mapped.tactic.name]
    assert mapped.tactic.id == TACTIC_IDS[mapped.tactic.name]
    assert mapped.tactic.reference == f"https://attack.mitre.org/tactics/{mapped.tactic.id}/"


def test_nothing_is_listed_that_no_attack_uses() -> None:
    """Nobody reviews an unused entry."""
    assert {attack.technique_id for attack in ATTACKS} - {None} == set(TECHNIQUES)
    assert {tactic for tactic, _, _ in TECHNIQUES.values()} == set(TACTICS)


def test_scenarios_of_many_steps_and_misuse_have_no_technique() -> None:
    """One connection of such a scenario does not prove a technique."""
    assert {attack.label for attack in ATTACKS if attack.technique_id is None} == {
        "multihop",
        "spy",
        "warezclient",
        "warezmaster",
    }
