"""Giving memory back to the system: a worker that has answered the largest request is as small after it as before.

By itself glibc learns from large blocks that are freed: it then keeps up to 64 MB of them for each thread, in case such
a request comes again. Where nothing else frees them, a worker of four threads stays larger by a quarter of a gigabyte.

And each request leaves a small ring of objects (Werkzeug's matcher makes it), which holds its megabyte of Python's heap
until the collector looks: that may be hundreds of requests later, so after a large one it looks at once.
"""

from __future__ import annotations

import ctypes
import gc
import sys

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
"""Of glibc's malloc.h."""
LARGE_BYTES = 4 * 1024 * 1024
"""A block from here on is the system's again as soon as it is freed; a page of 1,000 documents needs none so large."""
KEPT_BYTES = 8 * 1024 * 1024
"""What a thread may keep for its next request."""


def give_back_large_blocks() -> bool:
    """Tell glibc so, for this process; False where the C library is another one, which is left as it is."""
    if sys.platform != "linux":
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    return bool(mallopt(M_MMAP_THRESHOLD, LARGE_BYTES)) and bool(mallopt(M_TRIM_THRESHOLD, KEPT_BYTES))


def settle() -> None:
    """Take all objects that there are out of the collector's sight: they stay, and a look at the others takes no time."""
    gc.collect()
    gc.freeze()


def after_request(body_bytes: int) -> None:
    """Look for garbage, where a request was large enough to leave some that matters."""
    if body_bytes >= LARGE_BYTES:
        gc.collect()
