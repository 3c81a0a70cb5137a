"""A model is trained on a few hundred generated rows: its quality, and that the same seed gives the same model."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest

from contract.kdd99.columns import CATEGORICAL, COLUMNS, LABELS
from tests.integration.training.stepwise import uncompiled
from tests.unit.training.samples import lines, write
from training.data.encoding import codes
from training.data.records import Source, read
from training.data.split import Parts, split
from training.fit.train import Recipe, Trained, best_temperature, train
from training.report.describe import contract_of

RECIPE = Recipe(epochs=12, patience=12, batch_size=64)


def small_parts(folder: Path) -> Parts:
    return split(read(write(folder / "data.csv", lines(1_500)))[0], 0)


def answers(trained: Trained, parts: Parts) -> tuple[np.ndarray, np.ndarray]:
    held_out = parts.held_out
    inputs = [held_out.numeric, codes(held_out.categorical, trained.encoding.vocabularies)]
    probabilities, novelty = trained.model.predict(inputs, verbose=0)
    return probabilities, novelty


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Parts:
    return small_parts(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def trained(parts: Parts) -> Trained:
    return train(parts, 5, RECIPE, lambda *_: None)


def test_a_small_model_learns_classes_that_can_be_told_apart(trained: Trained, parts: Parts) -> None:
    """On rows that it never saw."""
    probabilities, novelty = answers(trained, parts)
    names = np.array([label.name for label in LABELS])
    assert (names[probabilities.argmax(axis=1)] == parts.held_out.labels).mean() > 0.97
    assert np.allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    assert novelty.min() >= 0
    assert novelty.max() < 1


def test_few_normal_rows_are_novel_and_an_attack_that_training_never_saw_is(parts: Parts) -> None:
    """The novelty measures distance from all of training, and the threshold is set by the normal rows."""
    training, validation = (part.take(part.labels != "smurf") for part in (parts.training, parts.validation))
    trained = train(Parts(training, validation, parts.held_out, 0), 5, RECIPE, lambda *_: None)
    _, novelty = answers(trained, parts)
    above = novelty > trained.novelty_threshold
    assert above[parts.held_out.labels == "normal"].mean() < 0.1  # 1 % of some 70 validation rows is hardly a row
    assert above[parts.held_out.labels == "smurf"].mean() > 0.95


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(trained: Trained, parts: Parts) -> None:
    """On one machine with one set of versions; nothing more is promised."""
    again = train(parts, 5, RECIPE, lambda *_: None).model.get_weights()
    assert all(np.array_equal(a, b) for a, b in zip(trained.model.get_weights(), again, strict=True))
    with uncompiled():
        one, other = (train(parts, seed, Recipe(epochs=1), lambda *_: None).model.get_weights() for seed in (5, 6))
    assert not all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def test_any_finite_input_gives_a_finite_answer(trained: Trained) -> None:
    """Also values far beyond training and negative ones: a bad sensor must not cause NaN.

    Codes are what the graph's look-up gives: 0 for any word that training never saw, or one of the vocabulary's.
    """
    extreme = np.array([[3.4e38] * 38, [-3.4e38] * 38, [0.0] * 38, [1e-45] * 38], np.float32)
    last = [len(vocabulary) for vocabulary in trained.encoding.vocabularies]
    for words in ([0, 0, 0], [1, 1, 1], last):
        outputs = trained.model.predict([extreme, np.tile(np.array(words, np.int32), (4, 1))], verbose=0)
        assert all(np.isfinite(values).all() for values in outputs)


def test_an_unseen_word_alone_does_not_turn_a_usual_row_into_a_sure_attack(trained: Trained, parts: Parts) -> None:
    """Category dropout has trained the unseen bucket: most normal rows stay normal with an unseen service."""
    normal = parts.held_out.take(parts.held_out.labels == "normal")
    inputs = codes(normal.categorical, trained.encoding.vocabularies)
    inputs[:, CATEGORICAL.index("service")] = 0
    probabilities, _ = trained.model.predict([normal.numeric, inputs], verbose=0)
    names = [label.name for label in LABELS]
    assert (probabilities.argmax(axis=1) == names.index("normal")).mean() > 0.9


def test_each_epoch_is_told_and_the_patience_ends_training(parts: Parts) -> None:
    """So a user sees that it is running."""
    told: list[tuple[str, int, int, str]] = []
    with uncompiled():
        train(parts, 0, Recipe(epochs=3, patience=1, learning_rate=0.0), lambda *what: told.append(what))
    stopped = [(name, done, 3) for name in ("classifier", "autoencoder", "detector") for done in (1, 2)]
    whole = [(name, done, 3) for name in ("teacher_0_25", "teacher_0_5", "attacks") for done in (1, 2, 3)]
    assert [(name, done, most) for name, done, most, _ in told] == [*stopped, *whole]
    assert all("validation loss" in note for *_, note in told[: len(stopped)])
    assert all("training loss" in note for *_, note in told[len(stopped) :])


def test_a_guess_on_another_service_is_given_to_the_right_family(trained: Trained, parts: Parts) -> None:
    """If normal is likeliest, the rest goes to the attack that the other values support."""
    names = np.array([label.name for label in LABELS])
    guesses = parts.held_out.take(parts.held_out.labels == "guess_passwd")
    numeric = guesses.numeric.copy()
    numeric[:, guesses.numeric_columns.index("dst_bytes")] = 1_000
    inputs = codes(guesses.categorical, trained.encoding.vocabularies)
    inputs[:, CATEGORICAL.index("service")] = 0
    probabilities, _ = trained.model.predict([numeric, inputs], verbose=0)
    probabilities[:, names == "normal"] = 0
    assert (names[probabilities.argmax(axis=1)] == "guess_passwd").mean() > 0.8


def test_without_any_attack_the_model_is_trained_all_the_same(parts: Parts) -> None:
    """There is nothing to learn a second opinion from, and no reason to fail."""
    training, validation = (part.take(part.labels == "normal") for part in (parts.training, parts.validation))
    with uncompiled():
        trained = train(Parts(training, validation, parts.held_out, 0), 0, Recipe(epochs=1), lambda *_: None)
    probabilities, _ = answers(trained, parts)
    assert np.isfinite(probabilities).all()


def test_the_saved_model_needs_no_class_of_ours(trained: Trained, tmp_path: Path) -> None:
    """Safe mode loads it, with nothing registered."""
    trained.model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", compile=False, safe_mode=True)
    assert [tensor.name for tensor in loaded.inputs] == ["numeric", "categorical"]


def test_the_temperature_undoes_an_overconfident_scale() -> None:
    """Logits that were multiplied by 3 after sampling want a temperature of about 3."""
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 1.5, (20_000, 4)).astype(np.float32)
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    truth = (rng.random((20_000, 1)) > shares.cumsum(axis=1)).sum(axis=1).clip(max=3)
    assert best_temperature(3 * logits, truth) == pytest.approx(3.0, rel=0.05)


def test_the_contract_says_what_training_saw_and_nothing_of_this_machine(trained: Trained, parts: Parts) -> None:
    """Ranges and words are those of the training part; the text can be compared between machines."""
    source = Source(name="data.csv", sha256="ab" * 32)
    contract = contract_of(parts, source, trained.encoding, seed=5, recipe=RECIPE, novelty_threshold=0.5)
    contract.check()
    assert [feature.name for feature in contract.features] == list(COLUMNS)
    by_name = {feature.name: feature for feature in contract.features}
    normal = parts.training.take(parts.training.labels == "normal")
    assert by_name["src_bytes"].background == pytest.approx(float(np.median(normal.numeric[:, 1])))
    assert by_name["service"].vocabulary == ("ecr_i", "http", "private", "telnet")
    assert by_name["service"].background == "http"
    assert by_name["serror_rate"].maximum == 1.0
    assert contract.training["training_vectors"] == len(parts.training)
    assert str(Path.home()) not in contract.to_json()
