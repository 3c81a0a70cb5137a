"""A site's profile is read without trust, and changes only what is called usual."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from contract.artifact.site_profile import read_profile
from contract.errors import ArtifactError
from tests.artifacts import TURBINE
from tests.profiles import PROFILE, features, write_profile


def test_only_the_usual_values_are_the_sites(tmp_path: Path) -> None:
    """The harmless values of explanations, the vocabulary and everything about the graph stay those of training."""
    found = read_profile(write_profile(tmp_path / "site.json"))
    over = found.over(TURBINE)
    temperature, mode, _ = over.features
    assert (temperature.usual_low, temperature.usual_middle, temperature.usual_high) == (90, 110, 120)
    assert (temperature.profile_edges, temperature.profile_shares) == ((100, 115), (0.25, 0.5, 0.25))
    assert mode.usual_shares == (("starting", 0.7), ("testing", 0.3))
    assert over.usual_of == "harmless rows of this site"
    for before, after in zip(TURBINE.features, over.features, strict=True):
        assert (after.name, after.field, after.kind) == (before.name, before.field, before.kind)
        assert (after.background, after.vocabulary) == (before.background, before.vocabulary)
    assert replace(over, features=TURBINE.features, usual_of=TURBINE.usual_of) == TURBINE


def test_the_file_is_known_by_its_digest(tmp_path: Path) -> None:
    """So that a person sees which file a service uses."""
    path = write_profile(tmp_path / "site.json")
    assert read_profile(path).sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"format": 2}, "the profile has format 2, this Oversight reads 1"),
        ({"format": True}, "the profile has format True"),
        ({"rows": "many"}, "`rows` is 'many'; write how many rows were measured"),
        ({"since": "yesterday"}, "`since` is 'yesterday'; write a time in UTC"),
        ({"usual_of": "a\u001b[2J"}, "`usual_of`"),
        ({"threshold": 0.9}, "the key 'threshold' is unknown"),
        ({"features": []}, "the profile does not fit the model turbine: it has no usual values of temperature_c"),
        ({"features": {}}, "`features` is {}"),
        ({"features": features("mode", usual_shares={})}, "feature 'mode': `usual_shares` is missing"),
        ({"features": features("mode", usual_shares={"off": 1.2})}, "are not shares of one whole"),
        ({"features": features("mode", background="off")}, "feature 'mode': the key 'background' is unknown"),
        ({"features": features("temperature_c", usual_low=200)}, "`usual_high` are [200.0, 110.0, 120.0]"),
        ({"features": features("temperature_c", profile_edges=[3, 2])}, "`profile_edges` are not ascending"),
        ({"features": features("temperature_c", profile_shares=[1, 1, 1])}, "do not sum to 1"),
        ({"features": features("temperature_c", usual_low=float("inf"))}, "the profile is not JSON"),
        ({"features": PROFILE["features"][:2]}, "it has no usual values of vibration_mm_s"),
        ({"features": [*PROFILE["features"], PROFILE["features"][0]]}, "feature name 'temperature_c' occurs twice"),
        ({"features": features("mode", field="turbine.mode")}, "it has no usual values of mode"),
        (
            {"features": [*PROFILE["features"], {**PROFILE["features"][0], "name": "wind", "field": "turbine.wind"}]},
            "the model does not read wind",
        ),
    ],
)
def test_a_profile_that_cannot_be_used_says_why_and_what_to_do(
    tmp_path: Path, changed: dict[str, Any], problem: str
) -> None:
    """In one line, which ends with how to get a good one."""
    path = write_profile(tmp_path / "site.json", **changed)
    with pytest.raises(ArtifactError) as caught:
        read_profile(path).over(TURBINE)
    message = str(caught.value)
    assert problem in message
    assert "`oversight sense --report --profile FILE`" in message
    assert "\n" not in message
    assert "\u001b" not in message


@pytest.mark.parametrize("content", [b"\xff\xfe", b"[]", b"{", b"", b"[" * 100_000, b'{"format": 1, "format": 1}'])
def test_any_other_file_is_refused(tmp_path: Path, content: bytes) -> None:
    """Bytes, other JSON, half a file."""
    path = tmp_path / "site.json"
    path.write_bytes(content)
    with pytest.raises(ArtifactError, match="profile"):
        read_profile(path)


def test_a_path_without_a_file_is_named(tmp_path: Path) -> None:
    """A missing file and a folder."""
    with pytest.raises(ArtifactError, match=f"there is no profile at {tmp_path}/none.json"):
        read_profile(tmp_path / "none.json")
    with pytest.raises(ArtifactError, match="cannot be read"):
        read_profile(tmp_path)
