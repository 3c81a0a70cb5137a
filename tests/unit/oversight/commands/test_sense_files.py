"""Logs as files: packed, in any order, rotated, and followed while they are written."""

from __future__ import annotations

import gzip
import json
import threading
from pathlib import Path
from queue import Queue

import pytest

from contract.errors import UnreadableFileError
from oversight.commands.sense_files import LogFiles
from sensor.flow import Flow
from sensor.logs.reader import DUPLICATE, TOO_LONG
from tests.waiting import wait_until

FIELDS: tuple[str, ...] = ("ts", "uid", "id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p", "proto", "duration")
FIELDS += ("orig_bytes", "resp_bytes", "conn_state")
HEADER = "\n".join(("#separator \\x09", "#path\tconn", "#fields\t" + "\t".join(FIELDS), ""))


def line(second: int) -> str:
    return f"{1_700_000_000 + second}.5\tC{second}\t10.0.0.9\t4000\t10.0.0.1\t80\ttcp\t0.25\t100\t200\tSF\n"


def json_line(second: int) -> str:
    values = (1_700_000_000.5 + second, f"C{second}", "10.0.0.9", 4000, "10.0.0.1", 80, "tcp", 0.25, 100, 200, "SF")
    return json.dumps(dict(zip(FIELDS, values, strict=True))) + "\n"


def uids(files: LogFiles) -> list[str]:
    return [flow.uid for flows in files.arriving(threading.Event()) for flow in flows]


def test_files_are_read_in_the_order_of_their_first_record(tmp_path: Path) -> None:
    """Their names say nothing: Zeek packs what it rotates, and other programs number it."""
    late, early, middle = tmp_path / "a.log", tmp_path / "conn.09:00-10:00.log.gz", tmp_path / "conn.log.1"
    late.write_text(HEADER + line(20) + line(21))
    early.write_bytes(gzip.compress((HEADER + line(1) + line(2)).encode()))
    middle.write_text(json_line(10) + json_line(11))
    assert uids(LogFiles([late, early, middle], "zeek")) == ["C1", "C2", "C10", "C11", "C20", "C21"]


def test_a_line_that_is_too_long_is_skipped_and_the_rest_is_read(tmp_path: Path) -> None:
    """A file that a crash filled with zeros has such lines."""
    path = tmp_path / "conn.log"
    with path.open("w", encoding="utf-8") as file:
        file.write(HEADER + line(1))
        for _ in range(33):
            file.write("\0" * 2**20)
        file.write("\n" + line(2))
    files = LogFiles([path], "zeek")
    assert uids(files) == ["C1", "C2"]
    assert files.skipped == {TOO_LONG: 1}


def test_lines_without_a_flow_are_counted_by_their_reason(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The first of each kind is logged with its place."""
    path = tmp_path / "conn.log"
    broken = line(2).replace("4000", "http")
    path.write_text(
        "\ufeff" + HEADER + line(1) + broken + broken + line(1) + line(3)[:30] + "\n" + HEADER + line(4)[:40]
    )
    files = LogFiles([path], "zeek")
    assert uids(files) == ["C1"]
    assert files.skipped == {
        "id.orig_p is not a whole number from 0 to 65535": 2,
        DUPLICATE: 1,
        "half a line, or one of another header": 2,
    }
    assert f"{path}, line 5: id.orig_p is 'http', expected a whole number from 0 to 65535" in caplog.text
    assert caplog.text.count("line 6") == 0


def test_a_last_line_without_its_end_counts_if_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "conn.log"
    path.write_text(HEADER + line(1) + line(2).rstrip("\n"))
    assert uids(LogFiles([path], "zeek")) == ["C1", "C2"]


def test_suricatas_other_events_are_skipped(tmp_path: Path) -> None:
    path = tmp_path / "eve.json"
    path.write_text('{"event_type":"alert"}\n{"event_type":"dns"}\n{"event_type":"alert"}\n')
    files = LogFiles([path], "suricata")
    assert uids(files) == []
    assert files.skipped == {"the event_type is 'alert', not 'flow'": 2, "the event_type is 'dns', not 'flow'": 1}


def test_a_missing_file_says_so_before_anything_is_read(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFileError, match="there is no such file"):
        LogFiles([tmp_path / "conn.log"], "zeek")


class Following:
    """Files that are followed in a thread."""

    def __init__(self, *paths: Path) -> None:
        self.stop, self.seen = threading.Event(), Queue[Flow]()
        self.files = LogFiles(paths, "zeek", following=True)
        self._thread = threading.Thread(target=self._run)
        self._found: list[str] = []

    def _run(self) -> None:
        for flows in self.files.arriving(self.stop, poll_interval_s=0.02):
            for flow in flows:
                self.seen.put(flow)

    def __enter__(self) -> Following:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        self._thread.join()

    def uids(self) -> list[str]:
        while not self.seen.empty():
            self._found.append(self.seen.get().uid)
        return self._found

    def wait_for(self, *expected: str) -> None:
        wait_until(lambda: len(self.uids()) >= len(expected), f"flows {expected}")
        assert self.uids() == list(expected)


@pytest.fixture
def growing(tmp_path: Path) -> Path:
    path = tmp_path / "conn.log"
    path.write_text(HEADER + line(1))
    return path


def add(path: Path, text: str) -> None:
    with path.open("a") as file:
        file.write(text)


def test_a_followed_file_gives_what_is_added_and_waits_for_whole_lines(growing: Path) -> None:
    with Following(growing) as following:
        following.wait_for("C1")
        add(growing, line(2)[:30])
        add(growing, line(2)[30:] + line(3))
        following.wait_for("C1", "C2", "C3")
    assert following.files.skipped == {}


def test_a_rotation_loses_nothing(growing: Path, tmp_path: Path) -> None:
    """What was written to the old file after the last look comes before the new file's lines."""
    with Following(growing) as following:
        following.wait_for("C1")
        rotated = tmp_path / "conn.1.log"
        with growing.open("a") as writer:
            growing.rename(rotated)
            writer.write(line(2))
            writer.flush()
            following.wait_for("C1", "C2")
            growing.write_text(HEADER + line(3))
            following.wait_for("C1", "C2", "C3")
            writer.write(line(4))
            writer.flush()
            following.wait_for("C1", "C2", "C3", "C4")
    assert following.files.skipped == {}


def test_a_file_that_is_emptied_is_read_from_its_start(growing: Path) -> None:
    """As logrotate's copytruncate does."""
    with Following(growing) as following:
        following.wait_for("C1")
        growing.write_text("")
        growing.write_text("#empty\n" + HEADER + line(2) + line(3))
        following.wait_for("C1", "C2", "C3")


def test_packed_files_are_read_once_before_the_growing_one(growing: Path, tmp_path: Path) -> None:
    packed = tmp_path / "conn.0.log.gz"
    packed.write_bytes(gzip.compress((HEADER + line(0)).encode()))
    with Following(growing, packed) as following:
        following.wait_for("C0", "C1")
        add(growing, line(2))
        following.wait_for("C0", "C1", "C2")


def test_time_passes_while_nothing_is_written(growing: Path) -> None:
    """Records wait for late ones; without an empty list the last ones would wait for ever."""
    stop = threading.Event()
    arriving = LogFiles([growing], "zeek", following=True).arriving(stop, poll_interval_s=0.0)
    assert [len(next(arriving)) for _ in range(4)] == [1, 0, 0, 0]
    stop.set()
    assert list(arriving) == []
