"""OVERSIGHT_MODEL_SHA256: digests as `sha256sum` prints them, or a settings error."""

from __future__ import annotations

import pytest

from common.settings.shared import OversightSettings
from contract.errors import SettingsError
from oversight.config.settings import load

ONE, OTHER = "a" * 64, "0123456789abcdef" * 4


@pytest.mark.parametrize(
    ("text", "digests"),
    [
        (ONE, {ONE}),
        (f"{ONE.upper()} , {OTHER}", {ONE, OTHER}),
        (f"{ONE},", {ONE}),
        ("", set()),
        (" , ", set()),
    ],
)
def test_one_or_several_digests_are_pinned(text: str, digests: set[str]) -> None:
    """An empty value pins nothing; upper case is allowed."""
    assert load(OversightSettings, model_sha256=text).model_digests == digests


@pytest.mark.parametrize("text", ["cb14c13bda47", f"{ONE}0", f"{ONE},{ONE[:-1]}g", f"sha256:{ONE}"])
def test_an_invalid_digest_is_refused(text: str) -> None:
    """The twelve digits of a version are too short for a pin."""
    with pytest.raises(SettingsError, match=r"OVERSIGHT_MODEL_SHA256.*64 hex digits"):
        load(OversightSettings, model_sha256=text)
