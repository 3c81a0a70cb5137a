"""The rule from outputs to verdicts, for a model with one harmless label and three attacks in two families."""

from __future__ import annotations

import dataclasses

import numpy as np

from contract.artifact.contract import Feature, Label, ModelContract
from contract.artifact.verdict import VerdictRule

CONTRACT = ModelContract(
    name="by-hand",
    features=(Feature("duration", "kdd99.duration", "float"),),
    labels=(Label("a", "heat", 73), Label("b", "wear", 47), Label("c", "wear", 47), Label("fine", "harmless", 0)),
    families=("harmless", "wear", "heat"),
    novelty_threshold=0.1,
)
ANSWERS = np.array([[0.3, 0.2, 0.2, 0.3], [0.4, 0.3, 0.3, 0.0], [0.2, 0.0, 0.1, 0.7], [0.1, 0.0, 0.0, 0.9]], np.float32)


def families(contract: ModelContract, novelty: list[float] | None) -> list[str]:
    """Family of the verdict of each row of `ANSWERS`."""
    found = VerdictRule(contract)(ANSWERS, None if novelty is None else np.array(novelty, np.float32))
    return [contract.families[index] for index in found.family]


def test_an_attack_keeps_the_family_of_its_label_however_novel_it_is() -> None:
    """If labels are equal, the first counts; only an unknown uses the sums of the families."""
    assert families(CONTRACT, [1.0, 1.0, 0.0, 0.0]) == ["heat", "heat", "harmless", "harmless"]


def test_an_unknown_has_the_family_of_attacks_with_the_largest_sum() -> None:
    """The harmless family is never the answer, even if its label is the likeliest."""
    verdicts = VerdictRule(CONTRACT)(ANSWERS[2:], np.array([0.2, 0.0], np.float32))
    assert verdicts.unknown.tolist() == [True, False]
    assert verdicts.flagged.tolist() == [True, False]
    assert [CONTRACT.families[index] for index in verdicts.family] == ["heat", "harmless"]
    answers = np.array([[0.2, 0.15, 0.15, 0.5]], np.float32)
    assert VerdictRule(CONTRACT)(answers, np.ones(1, np.float32)).family.tolist() == [1]


def test_an_unknown_whose_attacks_all_have_probability_zero_still_has_a_family_of_attacks() -> None:
    """A softmax in float32 can be exactly 0: then the first family with an attack counts, never the harmless one."""
    verdicts = VerdictRule(CONTRACT)(np.array([[0, 0, 0, 1]], np.float32), np.ones(1, np.float32))
    assert verdicts.family.tolist() == [1]


def test_the_threshold_itself_is_not_novel_in_float32_either() -> None:
    """0.1 as float32 is above 0.1 as float64, and still is the same number."""
    assert not VerdictRule(CONTRACT)(ANSWERS, np.full(4, 0.1, np.float32)).novel.any()


def test_without_novelty_or_threshold_nothing_is_novel() -> None:
    """Only the closest label decides."""
    assert families(CONTRACT, None) == ["heat", "heat", "harmless", "harmless"]
    assert families(dataclasses.replace(CONTRACT, novelty_threshold=None), [1.0] * 4) == families(CONTRACT, None)


def test_a_model_without_attacks_gives_an_unknown_the_family_of_its_label() -> None:
    """It has no other family."""
    harmless = dataclasses.replace(CONTRACT, labels=(Label("idle", "harmless", 0), Label("fine", "harmless", 0)))
    verdicts = VerdictRule(harmless)(np.array([[0.2, 0.8]], np.float32), np.ones(1, np.float32))
    assert verdicts.unknown.tolist() == [True]
    assert verdicts.family.tolist() == [0]


def test_the_attack_probability_is_the_sum_over_attacks() -> None:
    """Over all families."""
    assert np.allclose(VerdictRule(CONTRACT)(ANSWERS, None).attack_probability, [0.7, 1.0, 0.3, 0.1])
