"""The rows that check a conversion."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from contract.artifact.contract import Feature, Label, ModelContract
from contract.errors import InputError
from converter.rows import UNSEEN_WORD, as_float32, made_from, with_unseen_words

CONTRACT = ModelContract(
    name="doors",
    features=(
        Feature("weight_kg", "door.weight_kg", "float", minimum=5.0, maximum=400.0, background=40.0),
        Feature("wood", "door.wood", "string", vocabulary=("oak", "pine"), background="pine"),
        Feature("angle", "door.angle", "float"),
        Feature("side", "door.side", "string", vocabulary=("left",)),
    ),
    labels=(Label("shut", "fine", 0), Label("open", "draught", 20)),
    families=("fine", "draught"),
)


def test_generated_rows_stay_in_range_and_vocabulary_and_begin_with_the_background() -> None:
    """The same seed generates the same rows."""
    rows = made_from(CONTRACT, n_rows=500)
    assert rows.numeric[:, 0].min() >= 5.0
    assert rows.numeric[:, 0].max() <= 400.0
    assert len(np.unique(rows.numeric[:, 0])) > 300
    assert set(rows.categorical[:, 0]) == {"oak", "pine"}
    assert (rows.numeric[0, 0], rows.categorical[0, 0]) == (40.0, "pine")
    assert np.array_equal(rows.numeric, made_from(CONTRACT, n_rows=500).numeric)


def test_rows_with_unseen_words_follow_one_column_at_a_time_and_then_all() -> None:
    """The original rows stay unchanged."""
    rows = made_from(CONTRACT, n_rows=10)
    more = with_unseen_words(rows)
    assert len(more) == 40
    assert np.array_equal(more.categorical[:10], rows.categorical)
    unseen = more.categorical[10:] == UNSEEN_WORD
    assert unseen[:10].tolist() == [[True, False]] * 10
    assert unseen[10:20].tolist() == [[False, True]] * 10
    assert unseen[20:].all()
    assert np.array_equal(more.numeric[20:30], rows.numeric)


def test_numbers_that_do_not_fit_float32_are_refused_with_what_to_do() -> None:
    """Seconds since 1970 lose a minute; large integers with a large spread lose nothing important."""
    heavy = np.array([[1_790_000_000.5, 1.0], [1_790_003_600.25, 2.0]])
    said = r"'weight_kg': float32 changes its values, .*by up to \d+.*\"reads\": \"seconds\""
    with pytest.raises(InputError, match=said):
        as_float32(heavy, CONTRACT)
    fine = np.array([[0.0, 1.0], [1_790_003_601.0, 2.0], [np.nan, 5.0]])
    assert np.array_equal(as_float32(fine, CONTRACT), fine.astype(np.float32), equal_nan=True)


def test_generated_rows_also_lack_optional_features() -> None:
    flagged = dataclasses.replace(CONTRACT.features[0], missing="flag", missing_value=0.0)
    rows = made_from(dataclasses.replace(CONTRACT, features=(flagged, *CONTRACT.features[1:])), n_rows=50)
    assert np.isnan(rows.numeric[:, 0]).sum() == 5
    assert not np.isnan(rows.numeric[:, 1]).any()
