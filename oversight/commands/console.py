"""`oversight console`: shows the dashboards on this machine, until it is stopped."""

from __future__ import annotations

import logging
import shlex

import click
from pydantic import SecretStr

from common.elastic.key_text import read_key
from common.own_program import own_program
from common.settings.connections import ElasticsearchSettings
from common.settings.shared import OversightSettings
from console.web.settings import ConsoleSettings
from contract import hints
from contract.errors import SettingsError
from oversight.config.logs import setup
from oversight.config.settings import load, load_installation, option_of


@click.command()
@option_of(ConsoleSettings, "bind", metavar="HOST:PORT")
@option_of(OversightSettings, "namespace")
@option_of(OversightSettings, "dataset")
@option_of(OversightSettings, "index")
@option_of(OversightSettings, "model")
@click.option("--verdicts", is_flag=True, help="Let people who sign in with their own token write verdicts.")
@click.option(
    "--add-person", metavar="NAME", help="Add a person who may write verdicts, print their token once, and exit."
)
@click.option("--verbose", is_flag=True, help="Log debug messages too.")
def command(
    *,
    bind: str | None,
    namespace: str | None,
    dataset: str | None,
    index: str | None,
    model: str | None,
    verdicts: bool,
    add_person: str | None,
    verbose: bool,
) -> None:
    """Show the dashboards in a browser, live and read-only, until SIGTERM or Ctrl-C. You need no Kibana and no
    internet.

    The console only reads. With --verdicts, people judge events in it: each signs in with a token of their own.

    Without OVERSIGHT_CONSOLE_TOKEN the console listens on this machine only. While Elasticsearch is down, the page says
    so; it continues by itself when Elasticsearch is back.

    \b
    Example:
      oversight console
      oversight console --add-person ann
      oversight console --verdicts
      OVERSIGHT_CONSOLE_TOKEN=... oversight console --bind 0.0.0.0:8602
    """
    from console.web.backend import Backend
    from console.web.server import serve
    from enrich_service.model.model_file import read_contract
    from oversight.client import cluster

    shared = load_installation(namespace=namespace, dataset=dataset, index=index, model=model)
    settings = load(ConsoleSettings, bind=bind, verdicts=verdicts or None)
    if add_person is not None:
        _add_person(settings, shared, add_person)
        return
    elasticsearch = load(ElasticsearchSettings)
    analyst = _analyst(settings, elasticsearch)
    setup("oversight-console", verbose=verbose)
    logging.getLogger("elastic_transport").setLevel(logging.ERROR)  # the page shows such errors
    cluster.client(elasticsearch).close()  # check before the start: a key over plain HTTP, or an unreadable certificate
    backend = Backend(
        connect=lambda: cluster.client(elasticsearch),
        explain=lambda error: str(cluster.explain(error, elasticsearch.url)),
        contract=lambda: read_contract(shared.model),
        connect_analyst=None if analyst is None else lambda: cluster.client(analyst),
        program=program_for(elasticsearch),
        timeout_s=elasticsearch.timeout_s,
    )
    serve(settings, shared, backend)


def _add_person(settings: ConsoleSettings, shared: OversightSettings, name: str) -> None:
    """Add a person to the file, and print their token."""
    from console.verdicts.people import add_person, people_path

    path = people_path(settings, shared)
    token = add_person(path, name, setting=settings.variable("people_file"))
    click.echo(f"{name} may write verdicts ({path}). The token is shown only now; give it to {name}:", err=True)
    click.echo(token)


def _analyst(settings: ConsoleSettings, elasticsearch: ElasticsearchSettings) -> ElasticsearchSettings | None:
    """Return the settings of the client that writes verdicts; None: those of the client that reads.

    Raises:
        SettingsError: the file has no key.
    """
    file = settings.analyst_key_file
    if file is None or not settings.verdicts:
        return None
    try:
        key = read_key(file)
    except OSError as error:
        raise SettingsError(
            f"{settings.variable('analyst_key_file')}={file} cannot be read ({error.strerror})"
        ) from None
    if key is None:
        raise SettingsError(
            f"{settings.variable('analyst_key_file')}={file} contains no API key; name `analyst/key.env` of "
            f"{hints.run('provision --keys FOLDER')}"
        )
    only_key = {"api_key": SecretStr(key), "username": None, "password": None}
    return elasticsearch.model_copy(update=only_key)


def program_for(elasticsearch: ElasticsearchSettings) -> str:
    """Return how a terminal calls `oversight` for this Elasticsearch.

    With a key or password the address stays out of the command: a terminal that has the one has the other, and a
    secret from a `.env` must not go to an address from the environment.
    """
    usual = elasticsearch.has_secret or elasticsearch.url == ElasticsearchSettings.model_fields["url"].default
    address = "" if usual else f"ELASTICSEARCH_URL={shlex.quote(elasticsearch.url)} "
    return address + own_program()
