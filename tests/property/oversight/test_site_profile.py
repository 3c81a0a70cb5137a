"""A site's profile of any rows can be written and read, and those rows have not drifted from it."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from contract.artifact.contract import Feature, Label, ModelContract
from contract.artifact.site_profile import SiteProfile, read_profile
from enrich_service.predict.drift import MIN_DOCUMENTS, Bins
from oversight.first_hour.hour import Hour
from oversight.first_hour.sample import Sample
from oversight.first_hour.usual import usual_values

CONTRACT = ModelContract(
    name="rivers",
    features=(
        Feature("depth", "river.depth", "float"),
        Feature("colour", "river.colour", "string", vocabulary=("green",)),
        Feature("width", "river.width", "float"),
    ),
    labels=(Label("calm", "calm", 0), Label("flood", "danger", 80)),
    families=("calm", "danger"),
)
values = st.one_of(
    st.floats(-(2.0**127), 2.0**127, width=32), st.sampled_from([0.0, 1.0, 255.0]), st.floats(0, 1, width=32)
)
words = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=5)


@given(
    arrays.arrays(np.float32, (12, 2), elements=values),
    st.lists(words, min_size=12, max_size=12),
    st.lists(st.integers(0, 11), min_size=0, max_size=40),
)
def test_the_rows_of_a_profile_have_not_drifted_from_it(
    numbers: NDArray[np.float32], texts: list[str], repeated: list[int]
) -> None:
    """The PSI of the measured rows is near 0 whatever they are, and all usual values survive the file."""
    rows = np.resize([*range(12), *repeated], MIN_DOCUMENTS)
    sample = Sample(2, 1)
    sample.add(numbers[rows], np.array([[texts[row]] for row in rows], np.object_))
    features = usual_values(Hour(sample), CONTRACT)
    written = SiteProfile("rows here", "rivers 0", len(rows), "2026-11-30T10:00:00Z", "2026-11-30T11:00:00Z", features)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "site.json"
        path.write_text(written.to_json(), encoding="utf-8")
        over = read_profile(path).over(CONTRACT)
    bins = Bins(over)
    assert max(bins.psi(bins.count(sample.numeric, sample.words)).values()) < 0.001
    for feature, measured in zip(over.features, features, strict=True):
        assert feature.usual_middle == measured.usual_middle
        assert dict(feature.usual_shares) == dict(measured.usual_shares)
