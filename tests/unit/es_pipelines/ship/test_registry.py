"""The registry's file: atomic, locked, tolerant of damage; and which entry belongs to which file."""

from __future__ import annotations

import logging
import os
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest

from contract.errors import InputError
from es_pipelines.ship.registry import GONE, Entry, Registry, head_digest, load, matches, opened, tail_digest
from es_pipelines.ship.target import Target


def entry(**changes: Any) -> Entry:
    known = Entry(device=1, inode=10, path="/a.csv", observer="a", name="a.csv", generation=0)
    return msgspec.structs.replace(known, **changes)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x00\xff",
        b"[]",
        b"{}",
        b'{"format": "99"}',
        b'{"format": 1, "files": [{"inode": 1}]}',
        b'{"format": 1, "fil',
    ],
)
def test_a_damaged_registry_is_renamed_and_reported_in_one_line(
    tmp_path: Path, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "shipped.json"
    path.write_bytes(content)
    with caplog.at_level(logging.WARNING):
        assert load(path).entries == []
    assert (tmp_path / "shipped.damaged").read_bytes() == content
    assert len(caplog.messages) == 1
    assert "\n" not in caplog.messages[0]


def test_a_registry_of_a_newer_oversight_is_named_and_left_as_it_is(tmp_path: Path) -> None:
    """If it were renamed, the newer version would send everything again to find the stored lines."""
    content = b'{"format": 99, "files": "in another form"}'
    with opened(tmp_path, cluster="c", stream="s") as registry:
        path = registry.path
    path.write_bytes(content)
    message = r"^a newer Oversight wrote the registry .*format 99, this one reads 2.*OVERSIGHT_STATE"
    with pytest.raises(InputError, match=message) as refused, opened(tmp_path, cluster="c", stream="s"):
        pass
    assert "\n" not in str(refused.value)
    assert path.read_bytes() == content
    assert not list(tmp_path.glob("*.damaged"))


def test_a_second_process_is_refused_with_the_owner_of_the_lock(tmp_path: Path) -> None:
    with opened(tmp_path, cluster="c", stream="s"):
        with (
            pytest.raises(InputError, match=f"process {os.getpid()} is shipping to s"),
            opened(tmp_path, cluster="c", stream="s"),
        ):
            pass
        with opened(tmp_path, cluster="another", stream="s"):
            pass
    with opened(tmp_path, cluster="c", stream="s"):
        pass


def test_a_state_folder_that_cannot_be_created_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="OVERSIGHT_STATE"), opened(tmp_path / "file", cluster="c", stream="s"):
        pass


def test_a_file_is_known_by_its_inode_at_any_path() -> None:
    registry = Registry(Path("x"), [entry()])
    assert registry.of_inode(1, 10, "/renamed.csv", None) == entry()
    assert registry.of_inode(1, 11, "/a.csv", None) is None


def test_a_disk_that_is_mounted_again_may_have_another_device_number() -> None:
    registry = Registry(Path("x"), [entry()])
    assert registry.of_inode(2, 10, "/a.csv", None) == entry()
    assert registry.of_inode(2, 10, "/b.csv", None) is None


def test_a_file_shipped_under_another_observer_is_another_source() -> None:
    registry = Registry(Path("x"), [entry(observer="fw", observer_given=True)])
    assert registry.of_inode(1, 10, "/a.csv", None) is None
    assert registry.of_inode(1, 10, "/a.csv", "fw") is not None


def test_a_retired_entry_keeps_its_generation_and_matches_no_file() -> None:
    registry = Registry(Path("x"), [entry()])
    registry.retire(entry())
    assert registry.of_inode(1, 10, "/a.csv", None) is None
    assert registry.entries == [entry(device=GONE, inode=GONE)]
    assert registry.generations("a", "a.csv") == {0}


def test_a_fingerprint_detects_a_truncation_and_a_change_at_either_end(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    content = bytes(range(256)) * 20
    path.write_bytes(content)
    with path.open("rb") as file:
        pread = partial(os.pread, file.fileno())
        known = entry(offset=4000, head=head_digest(pread, 4000), tail=tail_digest(pread, 4000))
        assert matches(pread, known)
        path.write_bytes(content + b"more")
        assert matches(pread, known)
        for changed in (b"X" + content[1:], content[:3999] + b"X" + content[4000:], content[:3999]):
            path.write_bytes(changed)
            assert not matches(pread, known)


@pytest.mark.parametrize(
    ("uuid", "number", "known", "recreated"),
    [
        ("", 0, set(), False),  # nothing has been shipped
        ("old", 1, {"old"}, False),
        ("old", 1, {"old", "new"}, False),  # rolled over
        ("old", 1, {"later"}, False),  # rolled over, and the old index expired: the number is 5 by now
        ("old", 7, {"new"}, True),  # numbers start from 1 again
        ("old", 0, set(), True),  # deleted
    ],
)
def test_a_deleted_and_recreated_stream_is_detected(uuid: str, number: int, known: set[str], recreated: bool) -> None:
    """An expired index is no reason to ship everything again."""
    registry = Registry(Path("x"), index_uuid=uuid, index_number=number)
    current = 5 if "later" in known else 1 if known else 0
    target = Target("s", "c", next(iter(known), ""), current, frozenset(known))
    assert target.was_recreated(registry) is recreated
