"""The settings of the watcher."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from pydantic import Field, field_validator, model_validator

from common.settings.base import DAY_S, Settings
from common.settings.shared import OversightSettings
from watcher.read.slices import Slice, parse_slice


class WatchSettings(Settings):
    """The watcher."""

    prefix: ClassVar = "OVERSIGHT_WATCH_"

    page_size: int = Field(1_000, ge=1, le=10_000, description="Documents read, enriched and written together.")
    page_bytes: int = Field(
        4 * 1024 * 1024,
        ge=64 * 1024,
        le=256 * 1024 * 1024,
        description="Most bytes of one page; larger pages are read in parts. A document whose model fields alone are "
        "larger fails (`document_too_large`).",
    )
    poll_interval_s: float = Field(
        1.0, gt=0, le=DAY_S, description="Seconds between two searches while nothing is pending."
    )
    request_timeout_s: float = Field(
        30.0, gt=0, le=DAY_S, description="Seconds within which the enrich service must respond to one page."
    )
    backoff_s: float = Field(
        0.5,
        gt=0,
        le=DAY_S,
        description="Seconds to wait after the first failed request; the wait doubles each time, with jitter.",
    )
    max_backoff_s: float = Field(30.0, gt=0, le=DAY_S, description="Longest wait between two attempts, in seconds.")
    pit_keep_alive_s: float = Field(
        120.0,
        gt=0,
        le=DAY_S,
        description="Seconds that Elasticsearch keeps the point in time open between two pages.",
    )
    slices: int = Field(
        1,
        ge=1,
        le=16,
        description="Pages that one watcher processes at the same time, each in its own thread.",
    )
    slice: str | None = Field(
        None,
        description="`I/N`: this watcher takes share I of N, where N watchers share the work; unset: it takes every "
        "pending document.",
    )
    heartbeat_s: float = Field(
        10.0,
        ge=0,
        le=DAY_S,
        description="Seconds between two heartbeats (for `oversight status` and dashboards) and between two counts of "
        "pending documents; 0: neither.",
    )
    metrics_bind: str = Field(
        "127.0.0.1:8601",
        description="HOST:PORT for the watcher's Prometheus metrics and health; empty: none. `oversight watch --once` "
        "does not listen.",
    )

    @property
    def share(self) -> Slice | None:
        """The share of the pending documents that this watcher takes; None: all of them."""
        return None if self.slice is None else parse_slice(self.slice)

    @field_validator("slice")
    @classmethod
    def _is_a_slice(cls, value: str | None) -> str | None:
        if value is not None:
            parse_slice(value)
        return value

    @field_validator("metrics_bind")
    @classmethod
    def _is_a_port(cls, value: str) -> str:
        host, _, port = value.rpartition(":")
        if value and not (host and port.isascii() and port.isdigit() and int(port) <= 65_535):
            raise ValueError("expected HOST:PORT such as 127.0.0.1:8601, or an empty value for no metrics")
        return value

    @model_validator(mode="after")
    def _waits_grow(self) -> Self:
        if self.max_backoff_s < self.backoff_s:
            raise ValueError(
                f"OVERSIGHT_WATCH_MAX_BACKOFF_S={self.max_backoff_s} is below "
                f"OVERSIGHT_WATCH_BACKOFF_S={self.backoff_s}; raise it"
            )
        return self

    @model_validator(mode="after")
    def _point_in_time_outlives_a_page(self) -> Self:
        if self.pit_keep_alive_s < 2 * self.request_timeout_s:
            raise ValueError(
                f"OVERSIGHT_WATCH_PIT_KEEP_ALIVE_S={self.pit_keep_alive_s} must be at least twice "
                f"OVERSIGHT_WATCH_REQUEST_TIMEOUT_S={self.request_timeout_s}, otherwise the search can expire; raise "
                f"the first or lower the second"
            )
        return self


@dataclass(frozen=True, slots=True)
class WatchRun:
    """One run of a watcher: its settings, and values that are no settings."""

    shared: OversightSettings
    settings: WatchSettings
    once: bool = False
    """End when nothing is pending; otherwise wait for more."""
    once_tries: int = 5
    """With `once`: server errors in a row after which the watcher gives up."""
    help_after_s: float = 30.0
    """An idle watcher with a share takes documents of other shares that are pending for longer than this."""
    datasets: frozenset[str] = frozenset()
    """The datasets that the service's model may have; empty: any."""
    blocked_s: float = 60.0
    """First pause of an index that accepts no writes."""

    @property
    def metrics_bind(self) -> str | None:
        """HOST:PORT of metrics and health; None: the watcher does not listen."""
        return None if self.once else self.settings.metrics_bind or None
