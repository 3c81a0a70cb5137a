"""`oversight console`: shows the dashboards on this machine, until it is stopped."""

from __future__ import annotations

import logging
import shlex

import click

from common.own_program import own_program
from common.settings.connections import ElasticsearchSettings
from common.settings.shared import OversightSettings
from console.web.settings import ConsoleSettings
from oversight.config.logs import setup
from oversight.config.settings import load, load_installation, option_of


@click.command()
@option_of(ConsoleSettings, "bind", metavar="HOST:PORT")
@option_of(OversightSettings, "namespace")
@option_of(OversightSettings, "dataset")
@option_of(OversightSettings, "index")
@option_of(OversightSettings, "model")
@click.option("--verbose", is_flag=True, help="Log debug messages too.")
def command(
    *,
    bind: str | None,
    namespace: str | None,
    dataset: str | None,
    index: str | None,
    model: str | None,
    verbose: bool,
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
    from console.web.backend import Backend
    from console.web.server import serve
    from enrich_service.model.model_file import read_contract
    from oversight.client import cluster

    shared = load_installation(namespace=namespace, dataset=dataset, index=index, model=model)
    settings = load(ConsoleSettings, bind=bind)
    elasticsearch = load(ElasticsearchSettings)
    setup("oversight-console", verbose=verbose)
    logging.getLogger("elastic_transport").setLevel(logging.ERROR)  # the page shows such errors
    cluster.client(elasticsearch).close()  # check before the start: a key over plain HTTP, or an unreadable certificate
    backend = Backend(
        connect=lambda: cluster.client(elasticsearch),
        explain=lambda error: str(cluster.explain(error, elasticsearch.url)),
        contract=lambda: read_contract(shared.model),
        program=program_for(elasticsearch),
        timeout_s=elasticsearch.timeout_s,
    )
    serve(settings, shared, backend)


def program_for(elasticsearch: ElasticsearchSettings) -> str:
    """Return how a terminal calls `oversight` for this Elasticsearch.

    With a key or password the address stays out of the command: a terminal that has the one has the other, and a
    secret from a `.env` must not go to an address from the environment.
    """
    usual = elasticsearch.has_secret or elasticsearch.url == ElasticsearchSettings.model_fields["url"].default
    address = "" if usual else f"ELASTICSEARCH_URL={shlex.quote(elasticsearch.url)} "
    return address + own_program()
