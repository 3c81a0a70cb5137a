"""The option `--timeout` of the commands that ship."""

from __future__ import annotations

import click

timeout_option = click.option(
    "--timeout",
    "timeout_s",
    type=click.FloatRange(min=0),
    metavar="SECONDS",
    help="Give up when Elasticsearch does not respond for this long; default: keep waiting.",
)
