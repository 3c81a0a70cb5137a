"""`oversight kibana`: exports dashboards to a file, imports them into a Kibana space, or removes them.

contract of the model ──▶ saved objects ──┬─▶ export: a file for Kibana's own import
                                          └─▶ import: into a space; edited objects are kept ──▶ remove
"""

from __future__ import annotations

import sys
from pathlib import Path

import click

from common.settings.shared import OversightSettings
from contract import hints
from contract.documents.alerts import alerts_index
from contract.errors import InputError
from enrich_service.model.model_file import read_contract
from kibana.api.alerting import Alerting
from kibana.api.importing import import_all, remove_all
from kibana.saved_objects.alert_items import alert_items
from kibana.saved_objects.compile import saved_objects
from kibana.saved_objects.objects import ndjson
from oversight.commands.kibana_access import (
    address,
    dataset_option,
    force_option,
    json_option,
    names_of,
    namespace_option,
    show,
    space_of_kibana,
    space_option,
    wait_option,
)
from oversight.config.settings import load_installation, option_of
from oversight.terminal import print_json

model_option = option_of(OversightSettings, "model")


@click.group()
def command() -> None:
    """Import, export or remove dashboards and alert rules in Kibana 8.19 or 9.x.

    \b
    Example:
      oversight kibana import
      oversight kibana rules
      oversight kibana export --output oversight.ndjson
    """


@command.command("export")
@click.option("--output", required=True, metavar="FILE", help="File to write, ending in .ndjson; `-` is stdout.")
@namespace_option
@dataset_option
@space_option
@model_option
def export_command(*, output: str, namespace: str | None, dataset: str | None, space: str, model: str | None) -> None:
    """Write data views, saved searches, saved queries and dashboards to a file that Kibana imports.

    The same model, namespace and OVERSIGHT_CONSOLE_URL give the same bytes. The command contacts no server.

    \b
    Example:
      oversight kibana export --output oversight.ndjson
      oversight kibana export --namespace lab --output - | jq .attributes.title
    """
    shared = load_installation(namespace=namespace, dataset=dataset, model=model)
    objects = saved_objects(read_contract(shared.model), names_of(shared, space), console_url=shared.console_url)
    content = ndjson(objects)
    if output == "-":
        sys.stdout.buffer.write(content)
        return
    path = Path(output)
    if path.suffix != ".ndjson":
        raise InputError(
            f"--output {output} does not end in .ndjson; rename it, because Kibana imports only such files"
        )
    try:
        path.write_bytes(content)
    except OSError as error:
        raise InputError(f"{output} cannot be written ({error.strerror}); name another file with --output") from None
    click.echo(
        f"{len(objects)} objects written to {output}; import it in Kibana under Stack Management, Saved Objects, or "
        f"run "
        f"{hints.run('kibana import')} instead, which keeps what people edited"
    )


@command.command("import")
@namespace_option
@dataset_option
@space_option
@model_option
@wait_option
@force_option
@json_option
def import_command(
    *,
    namespace: str | None,
    dataset: str | None,
    space: str,
    model: str | None,
    wait_s: float,
    force: bool,
    as_json: bool,
) -> None:
    """Import the dashboards into a Kibana space. You can run it again at any time.

    If someone edited a dashboard in Kibana, it is kept, and the shipped one is stored beside it as `... (as shipped)`;
    --force overwrites it.

    \b
    Example:
      KIBANA_URL=https://kibana.example:5601 KIBANA_API_KEY=... oversight kibana import
      oversight kibana import --space soc --json
    """
    shared = load_installation(namespace=namespace, dataset=dataset, model=model)
    names = names_of(shared, space)
    wanted = saved_objects(read_contract(shared.model), names, console_url=shared.console_url)
    with space_of_kibana(space, wait_s) as kibana:
        steps = import_all(kibana, names, kibana, wanted, force=force)
        page = address(kibana, f"/app/dashboards#/view/{names.id('dashboard', 'oversight')}")
    show(steps, as_json=as_json, done=f"open {page}")


@command.command("rules")
@namespace_option
@dataset_option
@space_option
@model_option
@wait_option
@force_option
@json_option
@click.option("--rescored", is_flag=True, help="Also alert on events that `oversight rescore` predicted again.")
@click.option("--print", "only_print", is_flag=True, help="Print connectors and rules as JSON and contact no server.")
def rules_command(
    *,
    namespace: str | None,
    dataset: str | None,
    space: str,
    model: str | None,
    wait_s: float,
    force: bool,
    as_json: bool,
    rescored: bool,
    only_print: bool,
) -> None:
    """Import the alert rules and their connectors into a Kibana space. You can run it again at any time.

    The rules need only the basic licence. If someone edited a rule, it is kept, and the shipped one is stored beside
    it, disabled.

    \b
    Example:
      oversight kibana rules
      oversight kibana rules --print | jq '.[] | {name, params}'
    """
    shared = load_installation(namespace=namespace, dataset=dataset, model=model)
    names = names_of(shared, space)
    wanted = alert_items(read_contract(shared.model), names, rescored=rescored)
    if only_print:
        print_json([item.to_dict() for item in wanted])
        return
    with space_of_kibana(space, wait_s) as kibana:
        steps = import_all(kibana, names, Alerting(kibana), wanted, force=force)
        page = address(kibana, "/app/management/insightsAndAlerting/triggersActions/rules")
    show(steps, as_json=as_json, done=f"open {page}; alerts are written to {alerts_index(shared.namespace)}")


@command.command("remove")
@namespace_option
@dataset_option
@space_option
@wait_option
@force_option
@json_option
def remove_command(
    *, namespace: str | None, dataset: str | None, space: str, wait_s: float, force: bool, as_json: bool
) -> None:
    """Delete what `oversight kibana import` and `rules` created; without --force, what someone edited stays.

    \b
    Example:
      oversight kibana remove
      oversight kibana remove --space soc --force
    """
    shared = load_installation(namespace=namespace, dataset=dataset)
    names = names_of(shared, space)
    with space_of_kibana(space, wait_s) as kibana:
        steps = remove_all(kibana, names, Alerting(kibana), force=force)
        steps += remove_all(kibana, names, kibana, force=force)
    show(steps, as_json=as_json, done=f"Oversight's objects are removed from space {space}")
