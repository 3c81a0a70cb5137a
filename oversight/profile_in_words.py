"""A site's profile for a terminal and for programs."""

from __future__ import annotations

from typing import Any

from contract.artifact.contract import VERSION_DIGITS
from contract.artifact.site_profile import SiteProfile


def profile_in_words(profile: SiteProfile) -> str:
    """Return what the profile is and what it does, in one line."""
    return (
        f"SHA-256 {profile.sha256[:VERSION_DIGITS]}: reasons and drift compare with {profile.rows:,} "
        f"{profile.usual_of} from {profile.since} to {profile.until}, not with training"
    )


def facts_of(profile: SiteProfile) -> dict[str, Any]:
    """Return the profile's facts, without its features."""
    names = ("sha256", "usual_of", "model", "rows", "since", "until")
    return {name: getattr(profile, name) for name in names}
