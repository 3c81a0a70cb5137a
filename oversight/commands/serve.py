"""`oversight serve`: runs the enrich service, until it is stopped."""

from __future__ import annotations

import click

from common.settings.shared import OversightSettings
from enrich_service.settings import ServeSettings
from oversight.config.logs import setup
from oversight.config.settings import load, option_of


@click.command()
@option_of(ServeSettings, "bind", metavar="HOST:PORT")
@option_of(ServeSettings, "workers", metavar="N")
@option_of(OversightSettings, "model")
@click.option("--verbose", is_flag=True, help="Log debug messages too.")
def command(*, bind: str | None, workers: int | None, model: str | None, verbose: bool) -> None:
    """Run the enrich service: answer prediction requests over HTTP until SIGTERM or Ctrl-C.

    \b
    Example:
      oversight serve
      OVERSIGHT_ENRICH_TOKEN=... oversight serve --bind 0.0.0.0:8600 --workers 2
      curl -s http://127.0.0.1:8600/v2/health/ready
    """
    from enrich_service.server import serve

    shared = load(OversightSettings, model=model)
    settings = load(ServeSettings, bind=bind, workers=workers)
    setup("oversight-enrich", verbose=verbose)
    serve(settings, shared)
