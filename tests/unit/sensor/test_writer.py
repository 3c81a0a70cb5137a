"""One growing file for each user."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import pytest

from contract.errors import InputError
from contract.kdd99.columns import ADDRESSES, COLUMNS
from sensor.simulation import Record, simulate
from sensor.writer import Layout, write

START = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)


def some(number: int) -> list[Record]:
    return list(islice(simulate(seed=5, start=START, events=200, warm_up=0), number))


def test_each_user_gets_a_file_with_a_header_and_his_lines_in_order(tmp_path: Path) -> None:
    """All files together contain the simulated records."""
    records = some(200)
    written = write(records, tmp_path / "new" / "folder")
    assert set(written.files) == {record.user for record in records}
    for user, path in written.files.items():
        lines = path.read_text().splitlines()
        assert lines[0].split(",") == [*COLUMNS, *ADDRESSES]
        assert lines[1:] == [record.csv_line(addresses=True) for record in records if record.user == user]
        assert path.read_bytes().endswith(b"\n")
    assert (written.records, sum(written.scenarios.values()), sum(written.users.values())) == (200, 200, 200)


@pytest.mark.parametrize(
    ("layout", "columns"),
    [
        (Layout(label=True), [*COLUMNS, *ADDRESSES, "label"]),
        (Layout(addresses=False), [*COLUMNS]),
        (Layout(addresses=False, label=True), [*COLUMNS, "label"]),
    ],
)
def test_each_layout_has_a_header_of_its_own(tmp_path: Path, layout: Layout, columns: list[str]) -> None:
    """KDD's columns keep their places, and the label is last; every line has as many values as the header."""
    records = some(50)
    written = write(records, tmp_path, layout=layout)
    for user, path in written.files.items():
        header, *lines = (line.split(",") for line in path.read_text().splitlines())
        assert header == columns
        of_user = [record for record in records if record.user == user]
        assert [line[: len(COLUMNS)] for line in lines] == [record.csv_line().split(",") for record in of_user]
        assert {len(line) for line in lines} == {len(columns)}
        if layout.label:
            assert [line[-1] for line in lines] == [f"{record.label}." for record in of_user]


def test_a_second_run_goes_on_in_the_same_files(tmp_path: Path) -> None:
    """Like a log: one header, then the lines of both runs."""
    records = some(60)
    write(records, tmp_path)
    write(records, tmp_path)
    lines = [line for path in tmp_path.glob("*.csv") for line in path.read_text().splitlines()]
    assert len(lines) == 2 * 60 + len(list(tmp_path.glob("*.csv")))


def test_a_line_left_without_its_end_is_ended_first(tmp_path: Path) -> None:
    """The new line must not become part of the old one."""
    record = some(1)[0]
    path = tmp_path / f"{record.user}.csv"
    path.write_text(f"{Layout().header}\n0,tcp,http")
    write([record], tmp_path)
    assert path.read_text().splitlines()[1:] == ["0,tcp,http", record.csv_line(addresses=True)]


@pytest.mark.parametrize(
    ("before", "message"),
    [
        (Layout(label=True), "46 columns, expected 45.*or continue this file with --label$"),
        (Layout(addresses=False), "41 columns, expected 45.*or continue this file with --no-addresses$"),
        (Layout(addresses=False, label=True), "42 columns.*continue this file with --no-addresses and with --label$"),
    ],
)
def test_a_file_with_another_header_is_left_alone(tmp_path: Path, before: Layout, message: str) -> None:
    """Lines below a header of other columns would fail later. A file of an earlier version has no addresses."""
    records = some(50)
    write(records, tmp_path, layout=before)
    kept = {path: path.read_bytes() for path in tmp_path.glob("*.csv")}
    with pytest.raises(InputError, match=message):
        write(records, tmp_path)
    assert {path: path.read_bytes() for path in tmp_path.glob("*.csv")} == kept


def test_a_file_of_something_else_is_left_alone(tmp_path: Path) -> None:
    """No option of the simulator writes such lines."""
    record = some(1)[0]
    (tmp_path / f"{record.user}.csv").write_text("id,name\n1,a\n")
    with pytest.raises(InputError, match=r"2 columns, expected 45\); choose another folder$"):
        write([record], tmp_path)


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    """One line that names the file and what to do."""
    (tmp_path / "taken").write_text("a file, no folder")
    with pytest.raises(InputError, match=r"cannot write .*taken.*; choose a folder"):
        write(some(1), tmp_path / "taken")


LIMITED = """
import resource, sys
from datetime import UTC, datetime
from pathlib import Path
from contract.errors import InputError
from sensor.simulation import simulate
from sensor.writer import write

resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000))
records = simulate(seed=5, start=datetime(2026, 3, 1, tzinfo=UTC), events=200, warm_up=0)
try:
    write(records, Path(sys.argv[1]))
except InputError as error:
    sys.exit(str(error))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="limits of a process are POSIX")
def test_a_file_that_can_grow_no_further_ends_in_a_whole_line(tmp_path: Path) -> None:
    """The system writes half a line and then fails: that half is removed, and the error says what to do."""
    ended = subprocess.run([sys.executable, "-c", LIMITED, tmp_path], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr.count("\n")) == (1, 1)
    assert re.search(r"cannot write .*\.csv \(File too large\); free disk space", ended.stderr)
    for path in tmp_path.glob("*.csv"):
        assert path.read_bytes().endswith(b"\n")
        assert {line.count(",") for line in path.read_text().splitlines()} == {44}
    assert max(path.stat().st_size for path in tmp_path.glob("*.csv")) > 2800


def test_the_pace_is_kept(tmp_path: Path) -> None:
    """20 records at 100 a second take a fifth of a second, not less."""
    began = time.monotonic()
    write(some(20), tmp_path, rate=100)
    assert 0.19 <= time.monotonic() - began < 10


def test_stop_cuts_a_wait_short_and_leaves_whole_lines(tmp_path: Path) -> None:
    """Endless writing at one record in 100 seconds stops at once when asked to."""
    stop = threading.Event()
    endless = simulate(seed=5, start=START, events=200, warm_up=0, loop=True)
    timer = threading.Timer(0.05, stop.set)
    began = time.monotonic()
    written = write(endless, tmp_path, rate=0.01, stop=stop, progress=lambda _: timer.start())
    assert (written.records, time.monotonic() - began < 50) == (1, True)
    assert all(path.read_bytes().endswith(b"\n") for path in written.files.values())
