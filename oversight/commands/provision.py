"""`oversight provision`: pipelines, templates and the stream of one installation."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import click
import orjson

from es_pipelines.kinds import Action, Step
from es_pipelines.provision import Report, provision
from oversight.cluster import connect
from oversight.settings import OversightSettings, load


@click.command()
@click.option("--namespace", help="Name of the installation (OVERSIGHT_NAMESPACE).")
@click.option(
    "--model", type=click.Path(path_type=Path), help="The artifact whose features are mapped (OVERSIGHT_MODEL)."
)
@click.option("--json", "as_json", is_flag=True, help="The report as JSON on stdout.")
def command(*, namespace: str | None, model: Path | None, as_json: bool) -> None:
    """Put pipelines, templates and the stream into Elasticsearch; running it again changes nothing.

    \b
    Example:
      oversight provision
      oversight provision --namespace lab --json
    """
    from enrich_service.artifact import read_contract

    settings = load(OversightSettings, namespace=namespace, model=model)
    contract = read_contract(settings.model)
    with connect() as es:
        report = provision(
            es,
            contract,
            namespace=settings.namespace,
            retention=settings.retention,
            on_step=None if as_json else show,
        )
    if as_json:
        click.echo(orjson.dumps(as_data(report), option=orjson.OPT_INDENT_2))
        return
    for omission in report.omissions:
        click.echo(f"left out   {omission.what}, which this engine does not have; what it costs: {omission.cost}")
    click.echo(
        f"{report.count(Action.CREATE)} created, {report.count(Action.UPDATE, Action.ROLL_OVER)} updated, "
        f"{report.count(Action.UNCHANGED)} unchanged; "
        f"next: `oversight ship FILE...` sends events to {report.stream}, `oversight watch` enriches them"
    )


def show(step: Step) -> None:
    """One line for one resource."""
    click.echo(f"{step.action.done:<11} {step.kind} {step.name}")


def as_data(report: Report) -> dict[str, object]:
    """The report as plain JSON values."""
    return {
        "stream": report.stream,
        "steps": [{"kind": step.kind, "name": step.name, "action": step.action.done} for step in report.steps],
        "omissions": [dataclasses.asdict(omission) for omission in report.omissions],
    }
