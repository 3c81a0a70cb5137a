"""Values in foreign documents cannot fill the memory or the report."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from contract.documents.feedback import FALSE_POSITIVE, TRUE_POSITIVE
from oversight.commands.evaluate_tally import MOST_REASONS, OUTCOMES, Tally
from tests.artifacts import TURBINE
from tests.tasks import REGRESSION
from watcher.operations.truths import Judged


def judged(truth: Any = None, *, label: str | None = "healthy", **more: Any) -> Judged:
    plain = {"model": "turbine", "version": "a", "number": None, "verdict": None, "given": None, "forged": None}
    return Judged(**{**plain, "label": label, "closest": label, "truth": truth, **more})


def test_reasons_and_versions_are_bounded() -> None:
    tally = Tally(TURBINE)
    for number in range(3 * MOST_REASONS):
        tally.add(judged(f"word {number}"))
        tally.add(judged("healthy", version=str(number)))
    facts = tally.facts()
    assert len(facts["left_out"]) == MOST_REASONS + 1
    assert sum(facts["left_out"].values()) == 3 * MOST_REASONS
    assert len(facts["versions"]) == MOST_REASONS, "a version whose words are no labels has no figures"
    assert sum(each["by_truth"]["documents"] for each in facts["versions"]) == 3 * MOST_REASONS


def test_a_truth_in_the_spelling_of_the_files_counts_too() -> None:
    contract = replace(TURBINE, training={"label_words": {"bearing_wear": "bearing/wear"}})
    tally = Tally(contract)
    tally.add(judged("bearing/wear", label="bearing_wear"))
    by_truth = tally.facts()["by_truth"]
    assert by_truth["confusion"] == {"bearing_wear": {"bearing_wear": 1}}


def test_every_document_has_one_outcome() -> None:
    tally = Tally(TURBINE)
    for label in ("healthy", "overheating", "unknown"):
        for verdict in (TRUE_POSITIVE, FALSE_POSITIVE):
            for given in (None, "healthy", "bearing_wear", "no label"):
                tally.add(judged(label=label, closest="healthy", verdict=verdict, given=given))
    by_verdict = tally.facts()["by_verdict"]
    assert by_verdict["documents"] == sum(by_verdict[name] for name in OUTCOMES) == 24
    assert [by_verdict[name] for name in OUTCOMES] == [4, 4, 3, 5, 4, 4]


def test_a_prediction_of_another_model_is_not_compared() -> None:
    tally = Tally(TURBINE)
    tally.add(judged("healthy", label="normal"))
    tally.add(judged("healthy", label=None))
    tally.add(judged(["healthy", "overheating"]))
    assert tally.compared == 0
    assert sum(tally.left_out.values()) == tally.truths == 3


def test_a_regression_accepts_numbers_as_text_and_its_own_labels() -> None:
    tally = Tally(REGRESSION)
    quiet, alert = (label.name for label in REGRESSION.labels)
    tally.add(judged("7.5", label=quiet, number=8.0))
    tally.add(judged(alert, label=quiet, number=8.0))
    tally.add(judged(7.5, label=quiet))
    by_truth = tally.facts()["by_truth"]
    assert (by_truth["documents"], by_truth["missed"], by_truth["mean_absolute_error"]) == (2, 1, 0.5)
    assert sum(tally.left_out.values()) == 1
