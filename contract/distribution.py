"""The installed package: its name on package indexes, its version, and the command that installs an extra.

The program is called `oversight`. The distribution is called `oversight-enrich`, because another project has the name
`oversight` on the package index: `pip install oversight` would install that one.
"""

from __future__ import annotations

from functools import cache
from importlib.metadata import PackageNotFoundError, version

DISTRIBUTION = "oversight-enrich"


@cache
def own_version() -> str:
    """The version of this Oversight; `0` if it runs from a folder that is not installed."""
    try:
        return version(DISTRIBUTION)
    except PackageNotFoundError:
        return "0"


def install_command(extra: str) -> str:
    """The command that installs an extra, for messages."""
    return f"pip install '{DISTRIBUTION}[{extra}]'"
