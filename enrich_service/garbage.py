"""How often Python looks for reference cycles in a worker, and when it surely does.

Documents hold no cycles, and each look at a page of them finds nothing, so the collector runs seldom. Each request
leaves a small cycle of objects (Werkzeug's matcher makes it) that holds the request's memory until the next look; after
a large request the worker looks at once.
"""

from __future__ import annotations

import gc

COLLECT_AFTER = 50_000
"""Objects created and not yet freed before Python looks for cycles; a page of 1,000 documents creates some 5,000."""
COLLECT_BYTES = 4 * 1024 * 1024
"""A request of this size or more may leave garbage that matters."""


def settle() -> None:
    """Hide all present objects from the collector: they stay for the life of the process."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER, *gc.get_threshold()[1:])


def after_request(body_bytes: int) -> None:
    """Look for garbage after a large request."""
    if body_bytes >= COLLECT_BYTES:
        gc.collect()
