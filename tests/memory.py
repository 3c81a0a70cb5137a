"""Runs commands within a memory limit, in a memory cgroup of the kernel, where this machine allows one."""

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
        """Highest memory use of all its processes together."""
        for name in ("memory.peak", "memory.max_usage_in_bytes"):
            if (self.folder / name).exists():
                return int((self.folder / name).read_text(encoding="ascii"))
        raise AssertionError("this kernel does not report the peak memory of a cgroup")

    def words(self, command: list[str]) -> list[str]:
        """Return the command, extended so that it joins this group before it begins."""
        return ["sh", "-c", f'echo $$ > "{self.folder}/cgroup.procs" && exec "$@"', "sh", *command]


@contextlib.contextmanager
def limited(limit_bytes: int) -> Iterator[Group]:
    """Yield a memory cgroup with a limit. The kernel kills its processes above it. Without cgroups, skip the test."""
    parent, name = (V1, "memory.limit_in_bytes") if (V1 / "memory.limit_in_bytes").exists() else (V2, "memory.max")
    folder = parent / f"oversight-test-{uuid.uuid4().hex[:12]}"
    try:
        folder.mkdir()
    except OSError as error:
        pytest.skip(f"cannot create a memory cgroup in {parent} ({error.strerror})")
    try:
        if not (folder / name).exists():
            pytest.skip(f"the memory controller is not enabled in {parent}")
        (folder / name).write_text(str(limit_bytes), encoding="ascii")
        yield Group(folder)
    finally:
        folder.rmdir()
