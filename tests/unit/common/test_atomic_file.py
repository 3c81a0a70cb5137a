"""Files are replaced completely, or not at all."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from common import atomic_file


def test_a_file_and_its_folder_are_created_with_the_requested_mode(tmp_path: Path) -> None:
    path = tmp_path / "new" / "key.env"
    atomic_file.write(path, b"secret", mode=atomic_file.PRIVATE)
    assert path.read_bytes() == b"secret"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    atomic_file.write(path, b"for all")
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert [file.name for file in path.parent.iterdir()] == ["key.env"]


def test_a_failure_leaves_the_old_file_and_no_draft(tmp_path: Path) -> None:
    path = tmp_path / "registry.json"
    atomic_file.write(path, b"old")
    with pytest.raises(ZeroDivisionError):
        _fail_half_way(path)
    assert path.read_bytes() == b"old"
    assert [file.name for file in tmp_path.iterdir()] == ["registry.json"]


def _fail_half_way(path: Path) -> None:
    with atomic_file.draft(path) as draft:
        draft.write_bytes(b"half")
        raise ZeroDivisionError


def test_a_draft_is_private_and_has_the_ending_that_a_library_needs(tmp_path: Path) -> None:
    with atomic_file.draft(tmp_path / "model.keras", suffix=".keras") as draft:
        assert draft.suffix == ".keras"
        assert draft.parent == tmp_path
        assert stat.S_IMODE(draft.stat().st_mode) == 0o600


def test_a_folder_that_cannot_be_written_to_is_an_os_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(OSError, match=r"file"):
        atomic_file.write(tmp_path / "file" / "below", b"")
