"""Files that cannot be shipped are named before the first one is shipped, with what to do; the others are shipped."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import socket
from pathlib import Path

import pytest

from contract.errors import UnreadableFileError
from es_pipelines.reading import packed
from es_pipelines.reading.lines import Line, batches
from es_pipelines.reading.open_file import OpenFile, check
from es_pipelines.ship.events import Identity, event_of
from es_pipelines.ship.files import advanced
from es_pipelines.ship.registry import Entry, matches

LINES = b"".join(b"line %d\n" % number for number in range(400_000))


def problem(path: Path, *, follow_symlinks: bool = False, growing: bool = False) -> str:
    """The reason why one file is not shipped; a good file beside it is always shipped."""
    good = path.parent / "good.csv"
    good.write_bytes(b"x\n")
    checked = check([good, path], follow_symlinks=follow_symlinks, growing=growing)
    assert checked.paths[0] == good
    return str(checked.problems.get(path, ""))


def test_a_path_that_is_no_readable_file_is_named_with_what_to_do(tmp_path: Path) -> None:
    """A missing file, a folder, a pipe, a socket, a device, a file of the kernel without lines of text."""
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "socket"))
    assert "cannot be read: there is no such file" in problem(tmp_path / "missing.csv")
    assert "is a folder; name the files in it" in problem(tmp_path / "folder")
    for name in ("pipe", "socket"):
        assert "not a regular file" in problem(tmp_path / name)
    checked = check([Path("/dev/zero"), Path("/proc/self/mem"), tmp_path / "good.csv" / "below.csv"])
    assert checked.paths == []
    messages = [str(error) for error in checked.problems.values()]
    assert [text for text in messages if "\n" in text] == []
    assert "/dev/zero is a device, a pipe or a socket" in messages[0]
    assert "/proc/self/mem cannot be read: Input/output error" in messages[1]
    assert "is not a folder" in messages[2]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_an_unreadable_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "secret.csv"
    path.write_bytes(b"x\n")
    path.chmod(0)
    assert "permission denied" in problem(path)


def test_a_symbolic_link_is_read_only_with_the_option(tmp_path: Path) -> None:
    """A shipper with more rights than the writer of its files would publish the target of the link."""
    secret, link = tmp_path / "secret.csv", tmp_path / "alpha.csv"
    secret.write_bytes(b"x\n")
    link.symlink_to(secret)
    assert "is a symbolic link" in problem(link)
    assert "--follow-symlinks" in problem(link)
    assert problem(link, follow_symlinks=True) == ""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a link to another user")
def test_a_linked_folder_counts_only_if_root_or_the_shipper_created_the_link(tmp_path: Path) -> None:
    """Also if the link is in the middle of the path, relative, or behind another link."""
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "alpha.csv").write_bytes(b"x\n")
    (tmp_path / "mine").symlink_to("secret")
    (tmp_path / "theirs").symlink_to(tmp_path / "secret")
    (tmp_path / "onward").symlink_to("theirs")
    os.lchown(tmp_path / "theirs", 65534, 65534)
    assert check([tmp_path / "mine" / "alpha.csv"]).problems == {}
    for name in ("theirs", "onward"):
        path = tmp_path / name / "alpha.csv"
        assert "'theirs', which another user made" in str(check([path]).problems[path])
        assert check([path], follow_symlinks=True).problems == {}
    (tmp_path / "circle").symlink_to("circle")
    assert "circle" in str(check([tmp_path / "circle" / "alpha.csv"]).problems)


@pytest.mark.parametrize(
    ("content", "advice"),
    [
        (bz2.compress(b"x\n"), "bzip2; unpack it with: bunzip2"),
        (lzma.compress(b"x\n"), "xz; unpack it with: unxz"),
        (b"\x28\xb5\x2f\xfd", "zstd; unpack it with: unzstd"),
        (b"PK\x03\x04", "unzip"),
        ("x\n".encode("utf-16"), "iconv -f UTF-16 -t UTF-8"),
        (b"0,tcp\r0,udp\r", "tr '\\r' '\\n'"),
    ],
    ids=["bzip2", "xz", "zstd", "zip", "UTF-16", "lone returns"],
)
def test_a_file_without_lines_of_text_is_refused_with_the_command_to_run(
    tmp_path: Path, content: bytes, advice: str
) -> None:
    """Otherwise thousands of failed events would show the same later."""
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    assert advice in problem(path)


def test_gzip_is_read_by_the_offsets_of_the_text(tmp_path: Path) -> None:
    """Forwards, backwards and from the middle; two compressed files in a row are one text."""
    path = tmp_path / "alpha.csv.gz"
    half = len(LINES) // 2
    path.write_bytes(gzip.compress(LINES[:half]) + gzip.compress(LINES[half:]))
    with OpenFile(path) as file:
        assert file.name == "alpha.csv"
        assert b"".join(line.content + b"\n" for line in file.lines(0, complete=True)) == LINES
        for offset in (half + 5, 3, len(LINES) - 4):
            assert file.pread(10, offset) == LINES[offset : offset + 10]
    assert "ship it without --follow" in problem(path, growing=True)


def test_a_gzip_file_is_decompressed_once_while_it_is_shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After each batch the registry needs the last bytes, and the first ones only until it has enough of them."""
    path = tmp_path / "alpha.csv.gz"
    path.write_bytes(gzip.compress(LINES))
    monkeypatch.setattr(packed, "KEPT_BYTES", packed.PIECE_BYTES)
    begins = []
    begin = packed.Gzip._begin

    def counted(file: packed.Gzip) -> None:
        begins.append(file)
        begin(file)

    monkeypatch.setattr(packed.Gzip, "_begin", counted)
    entry, identity = Entry(1, 1, str(path), "alpha", path.name, 0), Identity("alpha", "alpha", path.name, str(path), 0)
    with OpenFile(path) as file:
        for batch in batches(file.lines(0, complete=True), lambda line: 1, max_count=20_000, max_bytes=len(LINES)):
            entry = advanced(file, entry, [event_of(identity, batch[-1])], len(batch))
        assert len(begins) == 1
        assert entry.offset == len(LINES)
        assert matches(file.pread, entry)


def test_a_truncated_gzip_file_gives_its_whole_lines_and_then_an_error(tmp_path: Path) -> None:
    path = tmp_path / "alpha.csv.gz"
    path.write_bytes(gzip.compress(LINES)[:-2000])
    got: list[Line] = []
    with OpenFile(path) as file, pytest.raises(UnreadableFileError, match=r"alpha\.csv\.gz cannot be read: .* cut off"):
        got.extend(file.lines(0, complete=True))
    assert got
    assert LINES.startswith(b"".join(line.content + b"\n" for line in got))


def test_a_file_that_is_named_twice_counts_once(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"x\n")
    (tmp_path / "link").symlink_to(path)
    assert check([path, tmp_path / "link", path], follow_symlinks=True).paths == [path]
