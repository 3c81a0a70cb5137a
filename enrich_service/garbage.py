"""Control when Python's garbage collector runs in a worker.

Documents have no cycles, so the collector runs seldom. But each request leaves a small cycle of objects (of Werkzeug's
matcher) that holds the request's memory until the next collection; after a large request the worker collects at once.
"""

from __future__ import annotations

import gc

COLLECT_AFTER = 50_000
"""New objects between two collections; a page of 1,000 documents creates some 5,000."""
COLLECT_BYTES = 4 * 1024 * 1024
"""Smallest request whose garbage is collected at once."""


def settle() -> None:
    """Exclude all present objects from collections: they exist as long as the process."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER, *gc.get_threshold()[1:])


def after_request(body_bytes: int) -> None:
    """Collect garbage after a large request."""
    if body_bytes >= COLLECT_BYTES:
        gc.collect()
