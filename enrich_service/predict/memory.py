"""What the threads of a worker keep for their next request, and what they give back to the system.

    a page of 1,000 documents takes some 8 MB for a moment ─▶ kept: else 500 pages of memory are asked for each time
    a body of 100 MB ───────────────────────────────────────▶ given back as soon as it is answered

By itself glibc has a heap for each thread, and learns from large blocks that are freed: it then keeps up to 64 MB of
them for each thread. Here all threads share one heap, of which so much is kept as large pages need. Python's collector
looks at every object of a page while it is read, several times, and finds nothing: it is told to look less often.

Each request leaves a small ring of objects (Werkzeug's matcher makes it), which holds its megabyte of Python's heap
until the collector looks: that may be thousands of requests later, so after a large one it looks at once.
"""

from __future__ import annotations

import ctypes
import gc
import sys

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8
"""Of glibc's malloc.h."""
HEAPS = 1
"""One for all threads: they hold Python's lock for nearly all that they allocate, so they seldom wait for each other.
"""
LARGE_BYTES = 16 * 1024 * 1024
"""A block from here on is the system's again as soon as it is freed; pages of 2,000 documents need none so large."""
KEPT_BYTES = 24 * 1024 * 1024
"""What is kept for the next requests. With 8 MB a page of 1,000 documents took a tenth more time."""
COLLECT_AFTER = 50_000
"""Objects that are made and not yet freed before Python looks for rings among them; a page of 1,000 documents makes
some 5,000, and with Python's own 700 each page took a tenth more time.
"""
COLLECT_BYTES = 4 * 1024 * 1024
"""A request from here on may leave garbage that matters."""


def give_back_large_blocks() -> bool:
    """Tell glibc so, for this process; False where the C library is another one, which is left as it is."""
    if sys.platform != "linux":
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    wanted = ((M_ARENA_MAX, HEAPS), (M_MMAP_THRESHOLD, LARGE_BYTES), (M_TRIM_THRESHOLD, KEPT_BYTES))
    return all(bool(mallopt(parameter, value)) for parameter, value in wanted)


def settle() -> None:
    """Take all objects that there are out of the collector's sight: they stay, and a look at the others takes no
    time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER, *gc.get_threshold()[1:])


def after_request(body_bytes: int) -> None:
    """Look for garbage, where a request was large enough to leave some that matters."""
    if body_bytes >= COLLECT_BYTES:
        gc.collect()
