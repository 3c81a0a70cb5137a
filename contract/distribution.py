"""The installed package: its name, its version, and how to install an extra.

The program is called `oversight`. The distribution is called `oversight-enrich`, because another project has the name
`oversight` on the package index. `oversight-enrich` is on no index, so a message must not say `pip install NAME`: it
would fail, or install what someone else uploads under that name.
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


def how_to_install(extra: str) -> str:
    """What to do if the packages of an extra are missing, for messages."""
    return f"run `pip install '.[{extra}]'` in the folder of Oversight's source"
