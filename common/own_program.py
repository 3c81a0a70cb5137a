"""What to type for `oversight` on this machine."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path


def own_program() -> str:
    """Return `oversight`, or the program's path if its environment is not active."""
    if shutil.which("oversight"):
        return "oversight"
    program = Path(sys.prefix) / "bin" / "oversight"
    return str(program.relative_to(Path.cwd())) if program.is_relative_to(Path.cwd()) else str(program)
