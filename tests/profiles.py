"""A site's profile for the turbine of `tests.artifacts`: hotter, and mostly starting."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

PROFILE: dict[str, Any] = {
    "format": 1,
    "usual_of": "harmless rows of this site",
    "model": "turbine 0123456789ab",
    "rows": 900,
    "since": "2026-11-30T10:00:00Z",
    "until": "2026-11-30T11:00:00Z",
    "features": [
        {
            "name": "temperature_c",
            "field": "turbine.temperature_c",
            "kind": "float",
            "minimum": 80.0,
            "maximum": 130.0,
            "usual_low": 90.0,
            "usual_middle": 110.0,
            "usual_high": 120.0,
            "profile_edges": [100.0, 115.0],
            "profile_shares": [0.25, 0.5, 0.25],
        },
        {
            "name": "mode",
            "field": "turbine.state.mode",
            "kind": "string",
            "usual_shares": {"starting": 0.7, "testing": 0.3},
        },
        {
            "name": "vibration_mm_s",
            "field": "turbine.vibration_mm_s",
            "kind": "float",
            "minimum": 0.0,
            "maximum": 4.0,
            "usual_low": 1.0,
            "usual_middle": 2.0,
            "usual_high": 3.0,
            "profile_edges": [2.0],
            "profile_shares": [0.5, 0.5],
        },
    ],
}
"""`testing` is no word of the model."""


def write_profile(path: Path, **changed: Any) -> Path:
    """Write the profile; `changed` replaces some of its values."""
    path.write_text(json.dumps({**PROFILE, **changed}), encoding="utf-8")
    return path


def features(name: str, **changed: Any) -> list[dict[str, Any]]:
    """The features of the profile, with some values of one of them replaced."""
    return [{**each, **changed} if each["name"] == name else each for each in PROFILE["features"]]
