"""`oversight console`: the dashboards as a page of this machine, until it is stopped."""

from __future__ import annotations

import logging
from pathlib import Path

import click

from oversight.logs import setup
from oversight.settings import ElasticsearchSettings, OversightSettings, load
from oversight.settings_console import ConsoleSettings


@click.command()
@click.option(
    "--bind", metavar="HOST:PORT", help="Where to listen; 127.0.0.1:8602 if not given, port 0 takes a free one."
)
@click.option("--namespace", help="The installation that is shown (OVERSIGHT_NAMESPACE).")
@click.option("--index", help="Show this index, list or pattern in place of our stream (OVERSIGHT_INDEX).")
@click.option("--model", type=click.Path(path_type=Path), help="The artifact whose labels and features are shown.")
@click.option("--lazy", is_flag=True, help="Make the charts' script when the first page asks for it, not at the start.")
@click.option("--verbose", is_flag=True, help="Log more.")
def command(
    *, bind: str | None, namespace: str | None, index: str | None, model: Path | None, lazy: bool, verbose: bool
) -> None:
    """Show the dashboards as a page, live and read-only, until SIGTERM or Ctrl-C. It needs neither Kibana nor a network.

    It listens on this machine alone unless OVERSIGHT_CONSOLE_TOKEN is set. Elasticsearch may be down or come later: the
    page says so and goes on by itself.

    \b
    Example:
      oversight console
      OVERSIGHT_CONSOLE_TOKEN=... oversight console --bind 0.0.0.0:8602
    """
    from common.tls import TlsFiles
    from console.config import PREFIX, ConsoleConfig
    from console.server import serve
    from enrich_service.model_file import read_contract
    from oversight import cluster

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
