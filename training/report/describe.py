"""Build the contract of a trained model: what the other parts need to know of it. Nothing in it is typed by hand."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np

from contract.artifact.contract import Feature, ModelContract
from contract.artifact.statistics import profile, quantiles, shortest
from contract.kdd99.columns import FAMILIES, LABELS, NORMAL, field_of
from training.data.encoding import Encoding
from training.data.feature_sets import SETS, of_model
from training.data.records import Records, Source
from training.data.split import Parts
from training.fit.train import Recipe

NAME = SETS["all"].model


def contract_of(
    parts: Parts,
    source: Source,
    encoding: Encoding,
    *,
    seed: int,
    recipe: Recipe,
    novelty_threshold: float,
    name: str = NAME,
) -> ModelContract:
    """The contract before the held-out figures are known. Nothing in it depends on time, machine or path."""
    return ModelContract(
        name=name,
        features=features(parts.training, encoding),
        labels=LABELS,
        families=FAMILIES,
        incidents_by={"dos": "target"},
        novelty_threshold=novelty_threshold,
        usual_of="normal connections",
        training={
            "data": source.name,
            "sha256": source.sha256,
            "rows": sum(part.n_rows for part in (parts.training, parts.validation, parts.held_out)),
            "distinct_vectors": sum(len(part) for part in (parts.training, parts.validation, parts.held_out)),
            "contradictory_vectors": parts.n_contradictory,
            "training_vectors": len(parts.training),
            "validation_vectors": len(parts.validation),
            "held_out_vectors": len(parts.held_out),
            "seed": seed,
            "recipe": asdict(recipe),
        },
        libraries={"numpy": np.__version__},
        dataset=of_model(name).dataset,
    )


def features(training: Records, encoding: Encoding) -> tuple[Feature, ...]:
    """The records' columns: range and words of the training records, and the median of the normal ones as background.

    What is usual is measured on the normal rows with their repetitions: a share of connections, not of distinct
    vectors.
    """
    normal = training.take(training.labels == NORMAL)
    vocabularies = dict(zip(training.categorical_columns, encoding.vocabularies, strict=True))
    return tuple(
        _words(column, vocabularies[column], normal) if column in vocabularies else _numbers(column, training, normal)
        for column in training.columns
    )


def _words(column: str, vocabulary: tuple[str, ...], normal: Records) -> Feature:
    place = normal.categorical_columns.index(column)
    words, which, counts = np.unique(normal.categorical[:, place], return_inverse=True, return_counts=True)
    rows = np.bincount(which, weights=normal.counts)
    shares = [(str(word), round(float(n) / normal.n_rows, 6)) for word, n in zip(words, rows, strict=True)]
    return Feature(
        column,
        field_of(column),
        "string",
        vocabulary=vocabulary,
        background=str(words[counts.argmax()]),
        usual_shares=tuple(sorted(shares, key=lambda share: (-share[1], share[0]))),
    )


def _numbers(column: str, training: Records, normal: Records) -> Feature:
    place = training.numeric_columns.index(column)
    values = training.numeric[:, place]
    edges, shares = profile(normal.numeric[:, place], normal.counts, seen=values)
    low, middle, high = map(shortest, quantiles(normal.numeric[:, place], normal.counts))
    return Feature(
        column,
        field_of(column),
        "float",
        minimum=shortest(values.min()),
        maximum=shortest(values.max()),
        background=shortest(np.median(normal.numeric[:, place])),
        usual_low=low,
        usual_middle=middle,
        usual_high=high,
        profile_edges=tuple(map(shortest, edges)),
        profile_shares=shares,
    )
