"""A command that a signal stops, in a process of its own: signals and their handlers belong to the whole process."""

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
    """Exit code and output of a program that begins so."""
    done = subprocess.run(
        [sys.executable, "-c", BEGINNING + rest], capture_output=True, text=True, timeout=WAIT_S, check=False
    )
    return done.returncode, done.stdout


def test_a_signal_that_comes_while_the_event_is_locked_stops_the_command() -> None:
    """As in the middle of `stop.wait()`. A handler that sets the event itself would wait for that lock forever."""
    assert outcome("with stop._cond: signal.raise_signal(signal.SIGTERM)\nprint(stop.wait())") == (0, "True\n")


def test_the_second_signal_ends_it_at_once() -> None:
    """Also where the command does not look at the event."""
    raised = "signal.raise_signal(signal.SIGINT)\n"
    assert outcome(f"{raised}print(stop.wait(), flush=True)\n{raised}print('still here')") == (-signal.SIGINT, "True\n")
