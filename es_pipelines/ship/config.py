"""The options of a shipper: what to ship, under which names, and how."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from es_pipelines.reading.header import KDD, KnownColumns
from es_pipelines.settings import ShipSettings


@dataclass(frozen=True, slots=True)
class ShipConfig:
    """The options of one run."""

    stream: str
    """Data stream or index."""
    state: Path
    """Folder of the registry."""
    user: str | None = None
    """`user.id`; None uses the stem of each file's name."""
    observer: str | None = None
    """`observer.name`; None uses the stem of each file's name."""
    host: str | None = None
    """`host.name`; None uses this machine's."""
    settings: ShipSettings = field(default_factory=ShipSettings)
    """Sizes and number of bulk requests. Fewer are sent at a time if their lines would exceed `shipper.DOUBT_LINES`."""
    rate: float | None = None
    """Maximum lines per second; None means no limit."""
    complete: bool = True
    """Whether a last line without a line end counts. False: it waits, because the file is still being written."""
    delimiter: str | None = None
    """Delimiter of the columns; None recognises it."""
    known: KnownColumns = KDD
    """The model's columns and labels."""
    follow_symlinks: bool = False
    """Read symbolic links, and files behind another user's symbolic link."""
    timeout_s: float | None = None
    """Give up after this long without a response; None: never."""
    backoff_s: float = 0.5
    max_backoff_s: float = 30.0
