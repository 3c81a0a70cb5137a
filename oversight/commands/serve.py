"""`oversight serve`: the enrich service, until it is stopped."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from oversight.config.logs import setup
from oversight.config.settings import OversightSettings, ServeSettings, load


@click.command()
@click.option(
    "--bind",
    metavar="HOST:PORT",
    help="Address to listen on (OVERSIGHT_SERVE_BIND); default: 127.0.0.1:8600. Port 0 uses a free port.",
)
@click.option("--workers", type=int, metavar="N", help="Worker processes (OVERSIGHT_SERVE_WORKERS).")
@click.option(
    "--model", type=click.Path(path_type=Path), help="Model artifact or model folder to serve (OVERSIGHT_MODEL)."
)
@click.option("--verbose", is_flag=True, help="Log debug messages too.")
def command(*, bind: str | None, workers: int | None, model: Path | None, verbose: bool) -> None:
    """Run the enrich service: answer prediction requests over HTTP until SIGTERM or Ctrl-C.

    \b
    Example:
      oversight serve
      OVERSIGHT_ENRICH_TOKEN=... oversight serve --bind 0.0.0.0:8600 --workers 2
      curl -s http://127.0.0.1:8600/v2/health/ready
    """
    from common.server.limits import Limits
    from common.server.tls import TlsFiles
    from enrich_service.config import PREFIX, PROBE_PATHS, AppConfig, ServeConfig
    from enrich_service.server import serve

    shared = load(OversightSettings, model=model)
    settings = load(ServeSettings, bind=bind, workers=workers)
    setup("oversight-enrich", verbose=verbose)
    serve(
        ServeConfig(
            model=shared.model,
            model_digests=shared.model_digests,
            bind=settings.bind,
            workers=settings.workers,
            threads=settings.threads,
            timeout_s=settings.timeout_s,
            app=AppConfig(
                token=token_of(shared),
                max_body_bytes=settings.max_body_bytes,
                max_documents=settings.max_documents,
                unknown_is_alert=settings.unknown_is_alert,
                tokens_file=settings.tokens_file,
                open_metrics=settings.open_metrics,
                cache_bytes=settings.cache_bytes,
                hosts=settings.host_names,
                trusted_proxies=settings.proxies,
                access_log=not sys.stdout.isatty() if settings.access_log is None else settings.access_log,
            ),
            limits=Limits(
                queue=settings.queue,
                queue_timeout_s=settings.queue_timeout_s,
                read_timeout_s=settings.read_timeout_s,
                max_body_bytes=settings.max_body_bytes,
                held_bytes=max(Limits().held_bytes, 2 * settings.max_body_bytes),
                probes=PROBE_PATHS,
            ),
            tls=None
            if settings.tls_cert is None or settings.tls_key is None
            else TlsFiles(PREFIX, settings.tls_cert, settings.tls_key, settings.tls_client_ca),
            allow_no_token=settings.allow_no_token,
        )
    )


def token_of(settings: OversightSettings) -> str | None:
    """The bearer token; None where it is not set, or set to nothing: an empty token would keep nobody out."""
    return (settings.enrich_token.get_secret_value().strip() if settings.enrich_token else "") or None
