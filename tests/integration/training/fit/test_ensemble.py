"""The joined model compared with the networks that it consists of."""

from __future__ import annotations

from dataclasses import dataclass

import keras
import numpy as np
import pytest

from contract.kdd99.columns import FAMILIES, LABELS
from tests.unit.training.samples import lines, write
from training.data.encoding import codes, measure
from training.data.records import read, select
from training.fit.ensemble import DOUBT, KEPT, NoveltyScale, join, measure_scale, second_opinion
from training.fit.model import Networks, build

TEMPERATURE = 0.02
"""Untrained networks are unsure. Divided by this, their logits give unsure and sure results."""
SCALE = NoveltyScale(error=0.7, logit=0.05, ratio=1.3)
FAMILY = np.array([FAMILIES.index(label.family) for label in LABELS])
NORMAL = [label.name for label in LABELS].index("normal")


@dataclass(frozen=True)
class Case:
    networks: Networks
    encoded: np.ndarray
    probabilities: np.ndarray
    novelty: np.ndarray


@pytest.fixture(scope="module", params=["all columns", "few columns"])
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Case:
    """Untrained networks over all columns or over a choice of them, and the answers of the joined model."""
    records, _ = read(write(tmp_path_factory.mktemp("data") / "data.csv", lines(800)))
    if request.param == "few columns":
        records = select(records, ("duration", "service", "flag", "src_bytes", "serror_rate"))
    keras.utils.set_random_seed(3)
    encoding = measure(records)
    networks = build(encoding)
    inputs = [records.numeric, codes(records.categorical, encoding.vocabularies)]
    encoded = networks.encoder.predict(inputs, verbose=0)
    logits = networks.classifier.predict(encoded, verbose=0)
    kernel, bias = networks.classifier.layers[-1].get_weights()
    bias[NORMAL] = np.median(logits.max(axis=1) - logits[:, NORMAL])  # now half of the rows are closest to normal
    networks.classifier.layers[-1].set_weights([kernel, bias])
    probabilities, novelty = join(networks, temperature=TEMPERATURE, scale=SCALE).predict(inputs, verbose=0)
    return Case(networks, encoded, probabilities, novelty)


def softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares: np.ndarray = powers / powers.sum(axis=1, keepdims=True)
    return shares


def test_the_closest_label_and_the_probability_of_normal_are_the_classifiers(case: Case) -> None:
    """The second opinion divides the rest and never changes the closest label."""
    own = softmax(case.networks.classifier.predict(case.encoded, verbose=0) / TEMPERATURE)
    second, first = np.sort(own, axis=1)[:, -2:].T
    clear = first - second > 1e-5  # the row at the median has two that are equal
    assert clear.sum() >= len(own) - 3
    assert np.array_equal(case.probabilities[clear].argmax(axis=1), own[clear].argmax(axis=1))
    usual = case.novelty < DOUBT[0]
    assert 0 < usual.sum() < len(usual)
    assert np.allclose(case.probabilities[usual, NORMAL], own[usual, NORMAL], atol=1e-5)
    assert np.allclose(case.probabilities.sum(axis=1), 1, atol=1e-5)
    rest = own[:, NORMAL] < 0.499
    assert rest.any()
    assert np.allclose(case.probabilities[rest], own[rest], atol=1e-5)


def test_where_normal_has_most_of_it_the_rest_is_shared_out_by_the_second_opinion(case: Case) -> None:
    """Each family has the share of its own softmax; its labels get half of it by that softmax, and half evenly."""
    own = softmax(case.networks.classifier.predict(case.encoded, verbose=0) / TEMPERATURE)
    rows = own[:, NORMAL] > 0.601
    logits = case.networks.attacks.predict(case.encoded, verbose=0)
    logits[:, NORMAL] = -np.inf
    shares = softmax(logits)[rows]
    evenly = np.stack([shares[:, same].mean(axis=1) for same in FAMILY[None] == FAMILY[:, None]], axis=1)
    expected = (shares + evenly) / 2 * (1 - case.probabilities[rows, NORMAL, None])
    found = np.delete(case.probabilities[rows], NORMAL, axis=1)
    assert rows.any()
    assert np.allclose(found, np.delete(expected, NORMAL, axis=1), atol=1e-5)


def test_the_closest_label_is_the_classifiers_whatever_the_second_opinion_says() -> None:
    """One attack at a time gets the whole rest, by both opinions. P(normal) falls with the novelty to a floor."""
    n = len(FAMILY)
    attacks = np.delete(np.arange(n), NORMAL)
    grid = [(p, r, attack) for p in (0.501, 0.55, 0.6, 0.7, 1.0) for r in (0, 0.5, 0.65, 0.8, 1) for attack in attacks]
    p_normal, novelty, attack = (np.array(values) for values in zip(*grid, strict=True))
    shares = np.eye(n, dtype=np.float32)[attack]
    own = shares * (1 - p_normal[:, None]).astype(np.float32)
    own[:, NORMAL] = p_normal
    inputs = keras.Input((n,)), keras.Input((n,)), keras.Input(())
    model = keras.Model(inputs, second_opinion(*inputs))
    found = model.predict([own, shares, novelty.astype(np.float32)], batch_size=len(grid), verbose=0)
    assert np.allclose(found.sum(axis=1), 1, atol=1e-5)
    assert (found > -1e-6).all()
    assert (found.argmax(axis=1) == NORMAL).all()
    wholly = p_normal >= 0.6
    expected = np.where(novelty <= 0.5, p_normal, np.where(novelty == 0.65, (p_normal + KEPT) / 2, KEPT))
    assert np.allclose(found[wholly, NORMAL], expected[wholly], atol=1e-5)


def test_the_novelty_is_the_larger_of_error_and_odds_in_units_of_what_is_usual(case: Case) -> None:
    """Computed here from the networks one by one."""
    errors = np.square(case.encoded - case.networks.autoencoder.predict(case.encoded, verbose=0)).mean(axis=1)
    logits = case.networks.detector.predict(case.encoded, verbose=0)[:, 0]
    larger = np.maximum(errors / SCALE.error, np.exp(logits - SCALE.logit))
    assert np.allclose(case.novelty, larger / (larger + SCALE.ratio), atol=1e-5)


def test_a_share_of_the_normal_vectors_exceeds_the_scale() -> None:
    """Half of the rate by each measure, the whole rate by the larger of both."""
    rng = np.random.default_rng(0)
    errors, logits = rng.gamma(2, size=20_000), rng.normal(size=20_000)
    scale = measure_scale(errors, logits, 0.01)
    assert (errors > scale.error).mean() == pytest.approx(0.005, abs=1e-4)
    assert (logits > scale.logit).mean() == pytest.approx(0.005, abs=1e-4)
    larger = np.maximum(errors / scale.error, np.exp(logits - scale.logit))
    assert (larger > scale.ratio).mean() == pytest.approx(0.01, abs=1e-4)
