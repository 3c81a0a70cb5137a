"""Commands within a limit of memory: a memory cgroup of the kernel where this machine lets us make one."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

V1, V2 = Path("/sys/fs/cgroup/memory"), Path("/sys/fs/cgroup")


@dataclass(frozen=True)
class Group:
    """A memory cgroup."""

    folder: Path

    @property
    def peak_bytes(self) -> int:
        """Most memory that its processes had together."""
        for name in ("memory.peak", "memory.max_usage_in_bytes"):
            if (self.folder / name).exists():
                return int((self.folder / name).read_text(encoding="ascii"))
        raise AssertionError("this kernel does not say how much memory a cgroup had")

    def words(self, command: list[str]) -> list[str]:
        """The command, which joins this group before it begins."""
        return ["sh", "-c", f'echo $$ > "{self.folder}/cgroup.procs" && exec "$@"', "sh", *command]


@contextlib.contextmanager
def limited(limit_bytes: int) -> Iterator[Group]:
    """A memory cgroup whose processes the kernel kills above a limit; skips the test where none can be made."""
    parent, name = (V1, "memory.limit_in_bytes") if (V1 / "memory.limit_in_bytes").exists() else (V2, "memory.max")
    folder = parent / f"oversight-test-{uuid.uuid4().hex[:12]}"
    try:
        folder.mkdir()
    except OSError as error:
        pytest.skip(f"no memory cgroup can be made in {parent} ({error.strerror})")
    try:
        if not (folder / name).exists():
            pytest.skip(f"the memory controller is not enabled in {parent}")
        (folder / name).write_text(str(limit_bytes), encoding="ascii")
        yield Group(folder)
    finally:
        folder.rmdir()
