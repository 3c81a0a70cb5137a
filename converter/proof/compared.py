"""Find out whether a reconstruction is compared with the right thing: most autoencoders rebuild scaled numbers.

rows ─▶ model ─▶ reconstruction ─┬─ against the raw features ────────┐
                                 └─ against each scaling layer ──────┴─▶ a layer that it fits far better
"""

from __future__ import annotations

import keras
import numpy as np
from numpy.typing import NDArray

from contract.artifact.contract import ModelContract
from contract.errors import ConversionError
from converter.export.outputs import heads_of
from converter.export.wired import Wired
from converter.inputs.feed import feed
from converter.rows import Rows

SCALING = (keras.layers.Normalization, keras.layers.Rescaling, keras.layers.BatchNormalization)
"""Layers whose output people's autoencoders rebuild."""
FAR_BETTER = 4.0
"""A layer is named if its misfit is smaller than that of the raw features by this factor."""
MOST_ROWS = 1_000

Numbers = NDArray[np.float64]


def require_raw(model: keras.Model, wired: Wired, contract: ModelContract, rows: Rows) -> None:
    """Stop if the contract compares a reconstruction with the raw features, and it is one of scaled features.

    Args:
        model: the Keras model.
        wired: the same model with its inputs matched.
        contract: says what the reconstruction is compared with.
        rows: the user's own rows.
    Raises:
        ConversionError: the reconstruction fits the output of a scaling layer far better; names it.
    """
    score = contract.score
    if score is None or score.measure == "score" or score.compared_with != "raw" or wired.preprocess is not None:
        return
    heads, scaling = heads_of(model), [layer for layer in model.layers if isinstance(layer, SCALING)]
    if len(heads) != 1 or len(model.inputs) != 1 or not scaling:
        return
    raw = feed(rows.part(0, MOST_ROWS), wired.wiring, contract)[0]
    both = keras.Model(model.inputs[0], [model.outputs[0], *(layer.output for layer in scaling)])
    rebuilt, *scaled = (np.asarray(each, np.float64) for each in both(raw, training=False))
    of_raw = misfit(rebuilt, np.asarray(raw, np.float64))
    of_layer = {layer.name: misfit(rebuilt, each) for layer, each in zip(scaling, scaled, strict=True)}
    best = min(of_layer, key=lambda name: of_layer[name])
    if of_layer[best] * FAR_BETTER < of_raw:
        raise ConversionError(
            f"the model rebuilds the output of its layer {best!r} (misfit {of_layer[best]:.2g}) and not the raw "
            f'features (misfit {of_raw:.2g}); write "compared_with": "{best}" into the contract\'s `score`, or run '
            f"`oversight contract init` with --compared-with {best}"
        )


def misfit(rebuilt: Numbers, target: Numbers) -> float:
    """The share of a column's variance that a reconstruction misses, on average over the columns.

    Args:
        rebuilt, target: shape (n, width).
    Returns:
        0 for equal ones, 1 for the column's mean, infinite for other shapes.
    """
    if rebuilt.shape != target.shape:
        return np.inf
    spread = ((target - target.mean(axis=0)) ** 2).sum(axis=0)
    off = ((target - rebuilt) ** 2).sum(axis=0)
    return float((off[spread > 0] / spread[spread > 0]).mean()) if (spread > 0).any() else np.inf
