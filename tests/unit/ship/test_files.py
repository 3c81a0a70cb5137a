"""Files that cannot be shipped are named before the first one is, with what to do."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import pytest

from contract.errors import InputError
from es_pipelines.ship_files import check


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "good.csv").write_bytes(b"x\n")
    with pytest.raises(InputError, match=r"bad\.csv cannot be read: there is no such file"):
        check([tmp_path / "good.csv", tmp_path / "bad.csv"])


def test_a_folder_is_named_with_the_way_to_ship_what_is_in_it(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"is a folder; name the files in it"):
        check([tmp_path])


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_an_unreadable_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "secret.csv"
    path.write_bytes(b"x\n")
    path.chmod(0)
    with pytest.raises(InputError, match="permission denied"):
        check([path])


def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match="no regular file"):
        check([tmp_path / "pipe"])


@pytest.mark.parametrize(
    ("content", "advice"),
    [(gzip.compress(b"x\n", mtime=0), "gunzip"), ("x\n".encode("utf-16"), "iconv"), (b"PK\x03\x04", "unpack")],
)
def test_what_is_no_text_is_refused_with_the_tool_to_use(tmp_path: Path, content: bytes, advice: str) -> None:
    """Thousands of failed events would tell the same later."""
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    with pytest.raises(InputError, match=advice):
        check([path])


def test_a_file_that_is_named_twice_counts_once(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"x\n")
    (tmp_path / "link").symlink_to(path)
    assert check([path, tmp_path / "link", path]) == [path]
