"""Which opinion on the family of an unknown is right most often? Answered by training data alone.

    training rows ─▶ leave some attacks out ─▶ train ─▶ of the left-out rows those that become unknown ─▶ family right?
                      5 groups of labels,                                    by each opinion, mean over labels
                      4 groups of services of a label

A label left out is an attack that nobody knows; a service of a label left out is a known attack in a place where it never was.

    python -m training.select kddcup.data_10_percent.gz
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from contract.kdd99 import FAMILIES, LABELS, NORMAL
from training.data import Records, read
from training.encoding import codes
from training.fit import Recipe, Trained, train
from training.opinion import among_attacks
from training.split import Parts, split

NAMES = [label.name for label in LABELS]
FAMILY = np.array([FAMILIES.index(label.family) for label in LABELS])
LABEL_GROUPS, SERVICE_GROUPS = 5, 4
Mask = NDArray[np.bool_]
Opinions = dict[str, NDArray[np.floating]]
"""Name to shares of the labels, shape (n_rows, n_labels)."""


def labels_left_out(records: Records) -> list[Mask]:
    """Every attack label in one of the groups; a family's labels are dealt over them."""
    attacks = sorted((label.family, label.name) for label in LABELS if label.name != NORMAL)
    order = [name for _, name in attacks]
    return [np.isin(records.labels, order[group::LABEL_GROUPS]) for group in range(LABEL_GROUPS)]


def services_left_out(records: Records) -> list[Mask]:
    """Services of an attack label, the commonest first, dealt over the groups; never all services of a label in one."""
    service = records.categorical[:, records.categorical_columns.index("service")]
    masks = [np.zeros(len(records), np.bool_) for _ in range(SERVICE_GROUPS)]
    for label in (name for name in NAMES if name != NORMAL):
        mine = records.labels == label
        names, counts = np.unique(service[mine], return_counts=True)
        order = names[np.argsort(-counts, kind="stable")]
        for group, mask in enumerate(masks if len(order) > 1 else []):
            mask |= mine & np.isin(service, order[group::SERVICE_GROUPS])
    return masks


def unknown_rows(trained: Trained, records: Records) -> tuple[Mask, Opinions]:
    """Which records become unknown, and what each opinion says of all of them."""
    inputs = [records.numeric, codes(records.categorical, trained.encoding.vocabularies)]
    probabilities, novelty = trained.model.predict(inputs, batch_size=4096, verbose=0)
    unknown = (probabilities.argmax(axis=1) == NAMES.index(NORMAL)) & (novelty > trained.novelty_threshold)
    encoded = trained.networks.encoder([tf.constant(values) for values in inputs])
    apart = [among_attacks(network, encoded) for network in (trained.networks.classifier, *trained.teachers)]
    teachers = [f"teacher {weight:g}" for weight in Recipe.attack_weights]
    opinions: Opinions = dict(zip(("classifier", *teachers), apart, strict=True))
    opinions["mean"] = np.mean(apart, axis=0)
    opinions["student"] = among_attacks(trained.networks.attacks, encoded)
    return unknown, opinions


def family_right(shares: NDArray[np.floating], labels: NDArray[np.str_]) -> Mask:
    """Whether the likeliest attack family is the label's, shape (n_rows,)."""
    of_family = shares @ np.eye(len(FAMILIES))[FAMILY]
    of_family[:, FAMILIES.index("normal")] = -1
    right: Mask = of_family.argmax(axis=1) == FAMILY[np.searchsorted(NAMES, labels)]
    return right


def study(parts: Parts, masks: list[Mask], seed: int, recipe: Recipe) -> dict[str, float]:
    """Share of unknown rows with the right family, mean over labels, for each opinion."""
    found: dict[str, dict[str, list[Mask]]] = {}
    for mask in masks:
        left = parts.training.take(mask)
        rest = parts.training.take(~mask)
        gone = np.setdiff1d(left.labels, rest.labels)
        validation = parts.validation.take(~np.isin(parts.validation.labels, gone))
        trained = train(Parts(rest, validation, parts.held_out, 0), seed, recipe, lambda *_: None)
        unknown, opinions = unknown_rows(trained, left)
        for name, shares in opinions.items():
            right = family_right(shares, left.labels)
            for label in np.unique(left.labels[unknown]).tolist():
                found.setdefault(name, {}).setdefault(label, []).append(right[unknown & (left.labels == label)])
    return {name: float(np.mean([np.concatenate(rows).mean() for rows in of.values()])) for name, of in found.items()}


def table(path: Path, seeds: range) -> Iterator[str]:
    """Lines of a table, one an opinion and seed."""
    records, _ = read(path)
    yield "| seed | opinion | labels left out | services left out |"
    yield "|---|---|---|---|"
    for seed in seeds:
        parts = split(records, seed)
        results = [study(parts, make(parts.training), seed, Recipe()) for make in (labels_left_out, services_left_out)]
        for name in results[0]:
            yield f"| {seed} | {name} | {results[0][name]:.3f} | {results[1][name]:.3f} |"


if __name__ == "__main__":
    for line in table(Path(sys.argv[1]), range(int(sys.argv[2]) if len(sys.argv) > 2 else 1)):
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
