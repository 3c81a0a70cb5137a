"""A signal stops a command; each test uses a separate process, because signal handlers belong to the whole process."""

from __future__ import annotations

import signal
import subprocess
import sys

from tests.waiting import WAIT_S

BEGINNING = """
import signal
from oversight.commands.stopping import stop_on_signals
stop = stop_on_signals()
"""


def outcome(rest: str) -> tuple[int, str]:
    """Exit code and output of a program with this ending."""
    done = subprocess.run(
        [sys.executable, "-c", BEGINNING + rest], capture_output=True, text=True, timeout=WAIT_S, check=False
    )
    return done.returncode, done.stdout


def test_a_signal_that_comes_while_the_event_is_locked_stops_the_command() -> None:
    """As in the middle of `stop.wait()`: a handler that sets the event itself would wait for that lock for ever."""
    assert outcome("with stop._cond: signal.raise_signal(signal.SIGTERM)\nprint(stop.wait())") == (0, "True\n")


def test_the_second_signal_ends_it_at_once() -> None:
    """Also if the command does not check the event."""
    raised = "signal.raise_signal(signal.SIGINT)\n"
    assert outcome(f"{raised}print(stop.wait(), flush=True)\n{raised}print('still here')") == (-signal.SIGINT, "True\n")
