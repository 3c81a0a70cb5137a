"""The rule by which novelty and second opinion are chosen, on scores made by hand."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.training.choose import (
    COMMON,
    Novelty,
    Scores,
    best_novelty,
    best_opinion,
    family_right,
    novelties,
    opinions,
)
from contract.kdd99.columns import LABELS

N = 1_000


def training(normal_shift: float, **left: float) -> Scores:
    """Usual errors and logits from 0 to 1. Left-out normal vectors are shifted; attacks have the given error."""
    usual = np.linspace(0, 1, N)
    labels = np.array(["normal"] * N + [label for label in left for _ in range(COMMON)])
    error = np.concatenate([usual + normal_shift, np.repeat(list(left.values()), COMMON)])
    found = {
        "usual_error": usual,
        "usual_logit_3": np.zeros(N),
        "held_out_error": usual,
        "held_out_logit_3": np.zeros(N),
        "held_out_attack": np.zeros(N, bool),
        "left_error": error,
        "left_logit_3": np.zeros(len(labels)),
        "left_attack": np.zeros(len(labels), bool),
        "left_labels": labels,
        "left_twins": np.zeros(len(labels), bool),
    }
    for name, label in (("own", "neptune"), ("teacher", "satan")):
        shares = np.zeros((len(labels), 23))
        shares[:, sorted_labels().index(label)] = 1
        found[f"left_opinion_{name}"] = shares
    return found


def sorted_labels() -> list[str]:
    return [label.name for label in LABELS]


def test_what_is_found_is_a_mean_over_labels_and_the_price_is_that_of_the_worst_fifth() -> None:
    """Two trainings: in one the normal vectors have drifted."""
    found = novelties([training(0.0, smurf=2.0, pod=0.5), training(0.1, satan=3.0)], (3,))
    one = next(item for item in found if item.form == "autoencoder" and item.share == 0.02)
    assert one.found == pytest.approx(2 / 3)
    assert one.held_out == pytest.approx(0.02, abs=0.002)
    assert one.price == pytest.approx(0.12, abs=0.002)


def test_attacks_that_equal_a_normal_vector_do_not_count() -> None:
    """No model could find them."""
    scores = dict(training(0.0, smurf=2.0, pod=0.5))
    scores["left_twins"] = scores["left_labels"] == "pod"
    found = novelties([scores], (3,))
    assert {item.found for item in found if item.form == "autoencoder"} == {1.0}


def test_a_label_of_few_vectors_does_not_count() -> None:
    """One of its vectors would weigh as much as hundreds of others."""
    scores = dict(training(0.0, smurf=2.0, spy=0.5))
    last = len(scores["left_labels"]) - 1
    fewer = {key: np.delete(of, last, axis=0) if key.startswith("left") else of for key, of in scores.items()}
    assert {item.found for item in novelties([scores], (3,)) if item.form == "autoencoder"} == {0.5}
    assert {item.found for item in novelties([fewer], (3,)) if item.form == "autoencoder"} == {1.0}


def novelty(found: float, price: float, form: str = "larger") -> Novelty:
    return Novelty(form, 10, 0.01, found, price, 0.01)


def test_of_those_within_the_budget_the_one_that_finds_most_and_of_equals_the_cheapest() -> None:
    """None if nothing is within the budget."""
    assert best_novelty([novelty(0.9, 0.04), novelty(0.95, 0.051), novelty(0.8, 0.01)]) == novelty(0.9, 0.04)
    assert best_novelty([novelty(0.9, 0.04), novelty(0.9, 0.02)]) == novelty(0.9, 0.02)
    assert best_novelty([novelty(0.9, 0.06)]) is None


def test_an_opinion_is_judged_on_the_unknown_attacks_alone() -> None:
    """smurf is novel and of the first opinion's family; pod is not novel; satan is of the second's."""
    found = opinions([training(0.0, smurf=2.0, pod=0.5, satan=3.0)], "autoencoder", 3, 0.02)
    assert found[("own",)] == pytest.approx(0.5)
    assert found[("teacher",)] == pytest.approx(0.5)
    assert set(found) == {("own",), ("teacher",), ("own", "teacher")}


def test_of_opinions_that_are_equally_good_the_simplest() -> None:
    """A difference below 0.005 decides nothing."""
    assert best_opinion({("a",): 0.8, ("b",): 0.803, ("a", "b"): 0.804}) == ("b",)
    assert best_opinion({("a",): 0.8, ("a", "b"): 0.81}) == ("a", "b")


def test_an_answer_is_right_when_its_likeliest_attack_family_is() -> None:
    """Families are sums over labels, and normal is none of them."""
    names = sorted_labels()
    shares = np.zeros((2, len(names)))
    shares[0, [names.index(name) for name in ("normal", "neptune", "satan", "nmap")]] = 0.3, 0.3, 0.2, 0.2
    shares[1, [names.index(name) for name in ("normal", "guess_passwd")]] = 0.9, 0.1
    assert family_right(shares, np.array(["portsweep", "warezclient"])).tolist() == [True, True]
    assert family_right(shares, np.array(["smurf", "perl"])).tolist() == [False, False]
