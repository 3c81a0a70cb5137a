"""The constants with which the graph encodes raw values: scaling and vocabularies, measured on training rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from contract.kdd99.columns import LABELS, NORMAL
from training.data.records import Records

NAMES = [label.name for label in LABELS]
"""Names of the labels in alphabetical order; a label's number is its place here."""
NORMAL_NUMBER = NAMES.index(NORMAL)

LOGARITHMIC = (
    "duration",
    "src_bytes",
    "dst_bytes",
    "wrong_fragment",
    "urgent",
    "hot",
    "num_failed_logins",
    "num_compromised",
    "su_attempted",
    "num_root",
    "num_file_creations",
    "num_shells",
    "num_access_files",
    "num_outbound_cmds",
    "count",
    "srv_count",
    "dst_host_count",
    "dst_host_srv_count",
)
"""Counts and bytes, which span several orders of magnitude: the graph takes log(1 + x) of them."""

UNSEEN = 0
"""Code of a word outside the vocabulary; the words of the vocabulary start at 1."""


@dataclass(frozen=True)
class Encoding:
    """The constants that turn raw values into the layers' input."""

    numeric: tuple[str, ...]
    """The numeric columns, in the order of the `numeric` input."""
    categorical: tuple[str, ...]
    """The categorical columns, in the order of the `categorical` input."""
    mean: tuple[float, ...]
    """Mean of each numeric column after the logarithm."""
    variance: tuple[float, ...]
    """Variance of each numeric column after the logarithm; 1 if the column is constant."""
    vocabularies: tuple[tuple[str, ...], ...]
    """One vocabulary for each categorical column, in alphabetical order."""


def measure(records: Records) -> Encoding:
    """Measure the constants on these records. Each distinct record counts once."""
    scaled = logarithm(records.numeric.astype(np.float64), records.numeric_columns)
    variance = scaled.var(axis=0)
    return Encoding(
        numeric=records.numeric_columns,
        categorical=records.categorical_columns,
        mean=tuple(scaled.mean(axis=0).tolist()),
        variance=tuple(np.where(variance > 1e-12, variance, 1.0).tolist()),
        vocabularies=tuple(tuple(np.unique(column).tolist()) for column in records.categorical.T),
    )


def logarithm(numeric: NDArray[np.float64], columns: Sequence[str]) -> NDArray[np.float64]:
    """log(1 + x) of the `LOGARITHMIC` columns, the others unchanged; shape (n_rows, n_columns) in and out."""
    chosen = np.isin(columns, LOGARITHMIC)
    return np.where(chosen, np.log1p(np.where(chosen, np.maximum(numeric, 0), 0)), numeric)


def codes(categorical: NDArray[np.str_], vocabularies: tuple[tuple[str, ...], ...]) -> NDArray[np.int32]:
    """Codes of words: place in the vocabulary plus 1, `UNSEEN` for any other; shape (n_rows, n_columns) in and out."""
    columns = []
    for words, vocabulary in zip(categorical.T, vocabularies, strict=True):
        known = np.array(vocabulary)
        place = np.minimum(np.searchsorted(known, words), len(known) - 1)
        columns.append(np.where(known[place] == words, place + 1, UNSEEN))
    return np.stack(columns, axis=1).astype(np.int32)
