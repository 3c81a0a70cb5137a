"""The contract of a trained model: what the other parts must know of it, none of it typed by hand."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from contract.artifact import Feature, ModelContract
from contract.kdd99 import FAMILIES, LABELS, NORMAL, field_of
from training.data import Records, Source
from training.encoding import Encoding
from training.fit import Recipe
from training.split import Parts

NAME = "kdd99-mlp"


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
    """The contract before the held-out figures are known; nothing in it depends on time, machine or path."""
    return ModelContract(
        name=name,
        features=features(parts.training, encoding),
        labels=LABELS,
        families=FAMILIES,
        novelty_threshold=novelty_threshold,
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
    )


def features(training: Records, encoding: Encoding) -> tuple[Feature, ...]:
    """The records' columns: range and words of the training records, the middle of the normal ones as background."""
    normal = training.take(training.labels == NORMAL)
    vocabularies = dict(zip(training.categorical_columns, encoding.vocabularies, strict=True))
    return tuple(
        _words(column, vocabularies[column], normal) if column in vocabularies else _numbers(column, training, normal)
        for column in training.columns
    )


def _words(column: str, vocabulary: tuple[str, ...], normal: Records) -> Feature:
    words, counts = np.unique(normal.categorical[:, normal.categorical_columns.index(column)], return_counts=True)
    background = str(words[counts.argmax()])
    return Feature(column, field_of(column), "string", vocabulary=vocabulary, background=background)


def _numbers(column: str, training: Records, normal: Records) -> Feature:
    place = training.numeric_columns.index(column)
    values = training.numeric[:, place]
    return Feature(
        column,
        field_of(column),
        "float",
        minimum=_shortest(values.min()),
        maximum=_shortest(values.max()),
        background=_shortest(np.median(normal.numeric[:, place])),
    )


def _shortest(value: np.floating[Any] | NDArray[np.floating[Any]]) -> float:
    """The float whose digits are the fewest that mean this float32: 0.01 and not 0.009999999776482582."""
    return float(str(np.float32(value)))
