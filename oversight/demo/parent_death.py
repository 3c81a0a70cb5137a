"""Run a program that ends when its parent ends, even if the parent is killed.

    python -m oversight.demo.parent_death PARENT_PID PROGRAM [ARGUMENT ...]

Linux sends the signal (PR_SET_PDEATHSIG, kept over exec). Other systems do not, so there the next start of the demo
ends what the last one left running (`oversight.demo.children`).
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1
"""From Linux's <sys/prctl.h>."""


def main() -> None:
    """Bind this process to its parent and become the program."""
    parent, program = int(sys.argv[1]), sys.argv[2:]
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
        if os.getppid() != parent:  # the parent ended before prctl took effect
            sys.exit(1)
    os.execvp(program[0], program)  # noqa: S606  replaces this process; there is no shell


if __name__ == "__main__":
    main()
