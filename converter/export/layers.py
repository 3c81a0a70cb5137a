"""Refuse layers that have no form in ONNX, by name and with what to use in their place."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras
from keras import layers

from contract.errors import ConversionError

REPLACEMENTS = {
    "Hashing": "StringLookup or IntegerLookup with a vocabulary",
    "HashedCrossing": "a feature that joins both values, with a StringLookup",
    "TextVectorization": "features that count the words you need; free text is no feature",
}
"""Layers whose hash or whose splitting of text no operator of ONNX has."""
FOREIGN = {
    "StringToHashBucketFast": "hashing",
    "StringToHashBucketStrong": "hashing",
    "StringSplitV2": "splitting of text",
    "StringLower": "splitting of text",
    "StaticRegexReplace": "splitting of text",
    "SparseBincount": "sparse output",
}
"""TensorFlow's operations that belong to such layers."""


def refuse_layers(model: keras.Model) -> None:
    """Refuse a model with such layers.

    Raises:
        ConversionError: names every such layer, and what to do.
    """
    problems = [f"{type(layer).__name__} {layer.name!r}: {problem}" for layer, problem in _problems(model)]
    if problems:
        raise ConversionError(f"the model has layers that cannot become ONNX: {'; '.join(problems)}")


def _problems(model: keras.Model) -> Iterator[tuple[Any, str]]:
    for layer in model._flatten_layers(include_self=False):
        kind = type(layer).__name__
        if kind in REPLACEMENTS:
            yield layer, f"use {REPLACEMENTS[kind]}, and train again"
        elif isinstance(layer, layers.StringLookup | layers.IntegerLookup):
            yield from ((layer, problem) for problem in _of_look_up(layer))
        if getattr(layer, "sparse", False):
            yield layer, "its output is sparse; write sparse=False"
        if isinstance(layer, layers.Discretization) and layer.bin_boundaries is None:
            yield layer, "it was never adapted; call adapt() with the training rows, and train again"
        if getattr(layer, "stateful", False) and isinstance(layer, layers.RNN):
            yield layer, "it remembers earlier rows; write stateful=False"


def _of_look_up(layer: Any) -> Iterator[str]:
    if layer.invert:
        yield "it turns numbers into words; remove it from the end of the model, the contract has the labels"
    elif layer.vocabulary_size() <= layer._token_start_index():
        yield "it has no vocabulary; save the model as .keras, because HDF5 does not keep what adapt() found"
    elif layer.num_oov_indices == 0:
        yield "num_oov_indices=0 fails on a word that it does not know; write num_oov_indices=1, and train again"
    elif layer.num_oov_indices > 1 and (isinstance(layer, layers.StringLookup) or layer.oov_method == "farmhash"):
        yield "it hashes unknown words into several buckets; write num_oov_indices=1, and train again"
