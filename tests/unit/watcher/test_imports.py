"""The modules that a watcher loads: it runs for months beside other programs, so its memory counts."""

from __future__ import annotations

import subprocess
import sys


def test_a_watcher_loads_no_numpy() -> None:
    """NumPy takes 11 MB, and only the enrich service computes. If pyarrow is installed, the Elasticsearch client loads
    it.
    """
    code = (
        "import sys; sys.modules['pyarrow'] = None\n"
        "import oversight.commands.watch, watcher.loop; print('numpy' in sys.modules)"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "False\n"
