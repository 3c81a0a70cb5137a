"""Layers in the form that ONNX Runtime runs fastest: the same sums with fewer operations.

    numeric ─┬─▶ counts alone ─▶ log(1+x) ─▶ @ scale ──┐
             └─▶ all others ─▶ @ scale + offset ───────┤
    codes ───┬─▶ one-hot of the short columns, a table ┴▶ + ─▶ clip ─▶ rows ─▶ @ kernel ─┐
             └─▶ longest column: the kernel's row of that word, a table ─────────────────┴▶ + ─▶ first layer

The product of a one-hot vector and a kernel is a row of the kernel. So a table look-up replaces more than half of the
first layers' work.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from keras import layers, ops
from numpy.typing import NDArray

from training.data.encoding import LOGARITHMIC, Encoding
from training.fit.model import CLIP

Matrix = NDArray[np.float32]
Layer = tuple[Matrix, Matrix]
"""Kernel (n_in, n_out) and bias (n_out,)."""


class Encoded:
    """The encoded input of the first layers. The longest vocabulary is not written out: tables look its words up."""

    def __init__(self, numeric: Any, categorical: Any, encoding: Encoding) -> None:
        lengths = [len(vocabulary) + 1 for vocabulary in encoding.vocabularies]
        columns = np.split(np.arange(sum(lengths)) + len(encoding.numeric), np.cumsum(lengths)[:-1])
        longest = int(np.argmax(lengths))
        short = [column for column in range(len(lengths)) if column != longest]
        self.near = np.concatenate([np.arange(len(encoding.numeric)), *(columns[column] for column in short)])
        """Places in the whole encoded vector that `rows` holds."""
        self.far = columns[longest]
        """The other places: the one-hot vector of the longest vocabulary."""
        self.rows = _rows(numeric, [categorical[:, c] for c in short], [lengths[c] for c in short], encoding)
        self._place = categorical[:, longest]

    def times(self, layer: Layer) -> Any:
        """The whole encoded vector times a kernel, plus the bias; shape (n, n_out)."""
        kernel, bias = layer
        return product(self.rows, kernel[self.near]) + self.look_up(kernel[self.far] + bias)

    def look_up(self, table: Matrix) -> Any:
        """For each row, the table's row of its word in the longest vocabulary.

        Args:
            table: shape (n_far, n_out).
        """
        return _table(self._place, table)


def _rows(numeric: Any, codes: list[Any], lengths: list[int], encoding: Encoding) -> Any:
    """Scaled numbers, then the one-hot vectors of these columns; shape (n, n_numeric + the sum of the lengths).

    Computes the same as `training.fit.model.scaled`, but takes the logarithm only of the columns that need it. Products
    with a diagonal matrix put each column in its place. A table of all combinations of the words gives their one-hot
    vectors.
    """
    n_numeric = len(encoding.numeric)
    logarithmic = np.isin(encoding.numeric, LOGARITHMIC)
    scale = (1 / np.sqrt(np.array(encoding.variance))).astype(np.float32)
    offset = (-np.array(encoding.mean) * scale).astype(np.float32)
    wide = np.eye(n_numeric, n_numeric + sum(lengths), dtype=np.float32)
    rows = product(numeric, wide * np.where(logarithmic, 0, scale).astype(np.float32)[:, None])
    rows = rows + _table(*_joint(codes, lengths, offset))
    if logarithmic.any():
        picked = np.eye(n_numeric, dtype=np.float32)[:, logarithmic]
        counts = ops.log(ops.maximum(dense(numeric, (picked, np.ones(picked.shape[1], np.float32))), 1.0))
        rows = product(counts, (wide * scale[:, None])[logarithmic]) + rows
    return ops.clip(rows, -CLIP, CLIP)


def _joint(codes: list[Any], lengths: list[int], front: Matrix) -> tuple[Any, Matrix]:
    """One place for the codes of several columns, and its table: `front`, then their one-hot vectors."""
    place, table = codes[0], np.eye(lengths[0], dtype=np.float32)
    for code, length in zip(codes[1:], lengths[1:], strict=True):
        place = place * length + code
        left, right = np.repeat(table, length, axis=0), np.tile(np.eye(length, dtype=np.float32), (len(table), 1))
        table = np.hstack([left, right])
    return place, np.hstack([np.tile(front, (len(table), 1)), table])


def _table(place: Any, table: Matrix) -> Any:
    return _apply(layers.Embedding(*table.shape), place, table)


def dense(tensor: Any, layer: Layer, activation: str | None = None) -> Any:
    """A dense layer with these weights."""
    kernel, bias = layer
    return _apply(layers.Dense(kernel.shape[1], activation=activation), tensor, kernel, bias)


def product(tensor: Any, kernel: Matrix) -> Any:
    """A matrix product without a bias."""
    return _apply(layers.Dense(kernel.shape[1], use_bias=False), tensor, kernel)


def _apply(layer: layers.Layer, tensor: Any, *weights: Matrix) -> Any:
    """The layer's output for a tensor, with these weights. A layer takes weights only once it has seen its input."""
    output = layer(tensor)
    layer.set_weights(weights)
    return output
