"""`oversight console`: the dashboards as a page of this machine, until it is stopped."""

from __future__ import annotations

import logging
from pathlib import Path

import click

from oversight.config.logs import setup
from oversight.config.settings import ElasticsearchSettings, OversightSettings, load
from oversight.config.settings_console import ConsoleSettings


@click.command()
@click.option(
    "--bind",
    metavar="HOST:PORT",
    help="Address to listen on (OVERSIGHT_CONSOLE_BIND); default: 127.0.0.1:8602. Port 0 uses a free port.",
)
@click.option("--namespace", help="Name of the installation to show (OVERSIGHT_NAMESPACE).")
@click.option(
    "--index", help="Show this index, list or pattern instead of the installation's stream (OVERSIGHT_INDEX)."
)
@click.option(
    "--model",
    type=click.Path(path_type=Path),
    help="Model artifact whose labels and features are shown (OVERSIGHT_MODEL).",
)
@click.option("--lazy", is_flag=True, help="Build the chart script when the first page needs it, not at the start.")
@click.option("--verbose", is_flag=True, help="Log debug messages too.")
def command(
    *, bind: str | None, namespace: str | None, index: str | None, model: Path | None, lazy: bool, verbose: bool
) -> None:
    """Show the dashboards in a browser, live and read-only, until SIGTERM or Ctrl-C. You need no Kibana and no
    internet.

    Without OVERSIGHT_CONSOLE_TOKEN the console listens on this machine only. While Elasticsearch is down, the page says
    so; it continues by itself when Elasticsearch is back.

    \b
    Example:
      oversight console
      OVERSIGHT_CONSOLE_TOKEN=... oversight console --bind 0.0.0.0:8602
    """
    from common.server.tls import TlsFiles
    from console.web.config import PREFIX, ConsoleConfig
    from console.web.server import serve
    from enrich_service.model.model_file import read_contract
    from oversight.client import cluster

    shared = load(OversightSettings, namespace=namespace, index=index, model=model)
    settings = load(ConsoleSettings, bind=bind)
    elasticsearch = load(ElasticsearchSettings)
    setup("oversight-console", verbose=verbose)
    logging.getLogger("elastic_transport").setLevel(logging.ERROR)  # the page says what it would say at every try
    cluster.client(elasticsearch).close()  # a key over plain HTTP, or an unreadable certificate: said before the start
    token = settings.token.get_secret_value().strip() if settings.token else None
    serve(
        ConsoleConfig(
            connect=lambda: cluster.client(elasticsearch),
            explain=lambda error: str(cluster.explain(error, elasticsearch.url)),
            contract=lambda: read_contract(shared.model),
            cache=shared.state / "console",
            namespace=shared.namespace,
            index=shared.index,
            bind=settings.bind,
            token=token or None,
            allow_no_token=settings.allow_no_token,
            hosts=settings.host_names,
            trusted_proxies=settings.proxies,
            refresh_s=settings.refresh_s,
            threads=settings.threads,
            timeout_s=elasticsearch.timeout_s,
            tls=None
            if settings.tls_cert is None or settings.tls_key is None
            else TlsFiles(PREFIX, settings.tls_cert, settings.tls_key),
            make_charts_now=not lazy,
        )
    )
