"""Settings of provisioning and of the shipper."""

from __future__ import annotations

import re
from typing import Annotated, ClassVar

from pydantic import BeforeValidator, Field

from common.settings.base import Settings

_LONGEST_DAYS = 36_500
_HOURS = {"d": 24, "h": 1}


def parse_retention(value: object) -> str | None:
    """A retention such as `30d`; None where events are kept for ever.

    Raises:
        ValueError: it is none; says what is expected.
    """
    if value is None or not (text := str(value).strip()):
        return None
    match = re.fullmatch(r"([1-9][0-9]{0,6})([dh])", text)
    if match is None or int(match[1]) * _HOURS[match[2]] > _LONGEST_DAYS * 24:
        raise ValueError(
            f"expected a number of days or hours such as 30d or 12h, at most {_LONGEST_DAYS}d, or nothing to "
            "keep events forever"
        )
    return text


class ProvisionSettings(Settings):
    """Provisioning."""

    prefix: ClassVar = "OVERSIGHT_"

    retention: Annotated[str | None, BeforeValidator(parse_retention)] = Field(
        None,
        description="How long events are kept, such as `30d` or `12h`, if the cluster can delete them by itself; "
        "unset: for ever.",
    )


class ShipSettings(Settings):
    """The shipper."""

    prefix: ClassVar = "OVERSIGHT_SHIP_"

    batch_size: int = Field(1_000, ge=1, le=10_000, description="Lines in one bulk request.")
    batch_bytes: int = Field(
        4 * 1024 * 1024,
        ge=64 * 1024,
        description="Most bytes in one bulk request; a larger line is sent in a request of its own.",
    )
    in_flight: int = Field(
        4,
        ge=1,
        le=16,
        description="Bulk requests at the same time, with at most 10,000 lines in total; 1 puts less load on a small "
        "cluster.",
    )
