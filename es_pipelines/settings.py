"""Settings of provisioning and of the shipper."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import BeforeValidator, Field

from common.settings.base import Settings
from es_pipelines.resources.retention import parse_retention


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
