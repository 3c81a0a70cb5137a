"""Access to a Kibana space for the commands of `oversight kibana`, and their output."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Sequence

import click

from common.settings.addresses import refuse_plain_http
from common.settings.shared import OversightSettings
from contract.errors import SettingsError
from kibana.api.client import DEFAULT_SPACE, Kibana
from kibana.api.http import Http
from kibana.api.plan import ImportStep
from kibana.saved_objects.objects import Names
from kibana.settings import KibanaSettings
from oversight.config.settings import load, option_of
from oversight.terminal import one_line, print_json

WIDTH, KIND_WIDTH = 9, 12
KIND = {"index-pattern": "data view", "search": "saved search", "query": "saved query"}
"""The names on Kibana's pages for types whose API names are older."""
SAYS = {"kept": "someone edited it", "left": "not deleted, because someone edited or uses it"}


def names_of(shared: OversightSettings, space: str) -> Names:
    """Return the names of the objects in this space.

    Raises:
        SettingsError: `space` is no valid identifier of a space.
    """
    if not re.fullmatch(r"[a-z0-9_-]{1,64}", space):
        raise SettingsError(
            f"--space {space!r} is not a space identifier; use the part after /s/ in the address of the space, "
            f"lower-case "
            f"letters, digits, `_` and `-`"
        )
    return Names(shared.namespace, space, shared.chosen_dataset)


@contextlib.contextmanager
def space_of_kibana(space: str, wait_s: float) -> Iterator[Kibana]:
    """Yield the space, once Kibana is ready and has it.

    Raises:
        KibanaUnavailableError: Kibana was not ready in time.
        SettingsError: the address, the credentials or the space are wrong.
    """
    settings, shared = load(KibanaSettings), load(OversightSettings)
    refuse_plain_http(settings.url, secret=settings.has_secret, allowed=shared.allow_plain_http)
    with Http(settings) as http:
        kibana = Kibana(http, space)
        ready = kibana.wait_until_ready(wait_s, on_wait=lambda why: click.echo(f"waiting: {one_line(why)}", err=True))
        if ready.is_older:
            click.echo(
                f"note: this is Kibana {ready.version}; the dashboards are made for Kibana 8.19 and 9.x", err=True
            )
        kibana.check_space()
        yield kibana


def show(steps: Sequence[ImportStep], *, as_json: bool, done: str) -> None:
    """Print one line per object and one in total, or JSON."""
    if as_json:
        print_json([step.to_dict() for step in steps])
        return
    for step in steps:
        note, kind = SAYS.get(step.action), KIND.get(step.key[0], step.key[0])
        click.echo(f"{step.action:<{WIDTH}} {kind:<{KIND_WIDTH}} {one_line(step.title)}{f'  ({note})' if note else ''}")
    counts = ", ".join(
        f"{count} {action}"
        for action in dict.fromkeys(step.action for step in steps)
        if (count := sum(step.action == action for step in steps))
    )
    click.echo(f"{counts or 'nothing to do'}; {done}")


def address(kibana: Kibana, path: str) -> str:
    """Return the address of a page in this space."""
    base = "" if kibana.space == DEFAULT_SPACE else kibana.base
    return f"{kibana.http.url}{base}{path}"


namespace_option = option_of(OversightSettings, "namespace")
dataset_option = option_of(OversightSettings, "dataset")
space_option = click.option("--space", default=DEFAULT_SPACE, show_default=True, help="Identifier of the Kibana space.")
wait_option = click.option(
    "--wait",
    "wait_s",
    type=click.FloatRange(0, 86_400),
    default=120.0,
    show_default=True,
    help="Seconds to wait until Kibana is ready.",
)
force_option = click.option("--force", is_flag=True, help="Also overwrite or delete what someone edited in Kibana.")
json_option = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
