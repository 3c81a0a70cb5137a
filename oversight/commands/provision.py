"""`oversight provision`: applies a plan for the pipelines, templates and stream of one dataset."""

from __future__ import annotations

import dataclasses
import re
import shlex
import sys
from pathlib import Path

import click
from elasticsearch import Elasticsearch

from common.settings.shared import OversightSettings
from contract import hints
from contract.errors import InputError
from es_pipelines.provision.apply import plan
from es_pipelines.provision.plan import Plan, apply
from es_pipelines.provision.removal import plan_removal
from es_pipelines.resources.kind import Action, Change, Installation
from es_pipelines.settings import ProvisionSettings
from oversight.client.cluster import client, connect
from oversight.commands import provision_show as show
from oversight.commands.provision_keys import KeyWish, after_keys, as_data
from oversight.config.settings import load, load_installation, option_of
from oversight.tables import console
from oversight.terminal import print_json

KEY_EXPIRY = re.compile(r"[1-9][0-9]{0,4}[dhm]")
"""Elasticsearch's format without seconds: a key valid for seconds would expire before its file is written."""


@click.command()
@click.option("--plan", "plan_only", is_flag=True, help="Show what would change, with a diff, and write nothing.")
@click.option(
    "--check",
    is_flag=True,
    help="Write nothing; name each resource that is missing or differs, and exit 1 if there is one.",
)
@click.option(
    "--remove",
    is_flag=True,
    help="Delete everything that provision created, except what your stored events still need; that is listed.",
)
@click.option("--with-data", is_flag=True, help="With --remove: delete the events, heartbeats and alerts too.")
@click.option("--force", is_flag=True, help="Overwrite, or with --remove delete, what someone edited by hand.")
@click.option(
    "--keys",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="Create an API key for each part in FOLDER/PART/key.env (mode 0600), or in FOLDER/DATASET/PART/key.env if the "
    "dataset is not `connection`; an existing file is kept.",
)
@click.option(
    "--rotate-keys", is_flag=True, help="With --keys: create new keys for all parts and invalidate the old ones."
)
@click.option("--key-expiry", metavar="TIME", help="With --keys: how long a new key is valid, such as 90d.")
@option_of(OversightSettings, "namespace")
@option_of(OversightSettings, "dataset")
@option_of(OversightSettings, "model")
@click.option("--json", "as_json", is_flag=True, help="Print the plan or report as JSON.")
def command(
    *,
    plan_only: bool,
    check: bool,
    remove: bool,
    with_data: bool,
    force: bool,
    keys: Path | None,
    rotate_keys: bool,
    key_expiry: str | None,
    namespace: str | None,
    dataset: str | None,
    model: str | None,
    as_json: bool,
) -> None:
    """Create or update pipelines, templates and the stream in Elasticsearch. You can run it again at any time.

    It only touches one dataset: that of the model, or of --dataset.

    \b
    Example:
      oversight provision --plan
      oversight provision
      oversight provision --check
      oversight provision --remove --plan
      oversight provision --keys keys --key-expiry 90d
    """
    if check and (plan_only or remove):
        raise click.UsageError("--check cannot be combined with --plan or --remove; use one of them")
    if with_data and not remove:
        raise click.UsageError("--with-data needs --remove")
    if keys is not None and (plan_only or check or remove):
        raise click.UsageError(
            "--keys cannot be combined with --plan, --check or --remove; --remove invalidates all keys by itself"
        )
    if keys is None and (rotate_keys or key_expiry is not None):
        raise click.UsageError("--rotate-keys and --key-expiry need --keys FOLDER")
    if key_expiry is not None and not KEY_EXPIRY.fullmatch(
        key_expiry
    ):  # otherwise everything else is written before Elasticsearch refuses the value
        raise click.UsageError(
            f"--key-expiry={key_expiry} is not a duration; expected days, hours or minutes such as 90d, 12h or 30m"
        )
    from enrich_service.model.model_file import read_contract

    settings = load_installation(namespace=namespace, dataset=dataset, model=model)
    with connect() if remove else client() as es:  # a plan begins with a request of its own
        if remove:
            planned, installation = plan_removal(
                es, settings.namespace, dataset=settings.chosen_dataset, with_data=with_data, force=force
            )
            key_wish = None
        else:
            retention = load(ProvisionSettings).retention
            planned, installation, engine = plan(
                es,
                dataclasses.replace(read_contract(settings.model), dataset=settings.chosen_dataset),
                namespace=settings.namespace,
                retention=retention,
                force=force,
            )
            owner = (settings.namespace, settings.chosen_dataset)
            key_wish = None if keys is None else KeyWish(keys, *owner, engine, rotate_keys, key_expiry)
        if plan_only or check:
            show_plan(planned, as_json=as_json, check=check, next_command=_without_plan(click.get_current_context()))
        else:
            carry_out(es, planned, installation, key_wish, as_json=as_json, next_step=_after(planned, remove=remove))


def show_plan(planned: Plan, *, as_json: bool, check: bool, next_command: str) -> None:
    """Print a plan. Exit with 1 if it cannot be applied, or if `check` finds a difference."""
    if as_json:
        print_json(show.as_data(planned, planned.steps, done=False))
    else:
        out = console(soft_wrap=True)
        if planned.facts:
            out.print(show.cluster_line(planned))
        lines = show.drift_lines(planned) if check else show.plan_lines(planned)
        for line in [*lines, *show.notes(planned, omissions=not check), *show.obstacles(planned)]:
            out.print(line)
        apply_hint = f"; run `{next_command}` to apply it" if planned.writes and not planned.in_the_way else ""
        compared = planned.steps or not planned.in_the_way
        counts = show.summary(planned.steps, done=False) if compared else "the resources were not compared"
        click.echo(f"{counts}; nothing was written{apply_hint}")
    if planned.in_the_way or (check and planned.drift):
        sys.exit(1)


def carry_out(
    es: Elasticsearch, planned: Plan, installation: Installation, keys: KeyWish | None, *, as_json: bool, next_step: str
) -> None:
    """Apply a plan with one line of output per resource, then create the keys.

    Raises:
        InputError: something prevents the plan; nothing was written.
    """
    if planned.in_the_way:
        _refuse(planned, as_json=as_json)
    if planned.facts and not as_json:
        console(soft_wrap=True).print(show.cluster_line(planned))
    steps = tuple(apply(es, planned, installation, None if as_json else _print_step))
    if not as_json:
        for line in show.notes(planned):
            console(soft_wrap=True).print(line)
    files = [] if keys is None else keys.fulfil(es, quiet=as_json)
    if as_json:
        print_json(show.as_data(planned, steps, done=True) | ({} if keys is None else {"keys": as_data(files)}))
    else:
        click.echo(f"{show.summary(steps, done=True)}{next_step}{after_keys(files)}")
    if keys is not None:
        keys.refuse_if_impossible()


def _refuse(planned: Plan, *, as_json: bool) -> None:
    """Name everything that prevents the plan."""
    if as_json:
        print_json(show.as_data(planned, planned.steps, done=False))
    first, *more = planned.in_the_way
    if not more:
        raise InputError(f"nothing was written: {first}")
    for line in show.obstacles(planned):
        console(stderr=True, soft_wrap=True).print(line)
    raise InputError(
        f"nothing was written: {len(planned.in_the_way)} problems prevent it, each named above; fix them and run the "
        f"command again"
    )


def _print_step(step: Change) -> None:
    """Print a line for a changed resource. Unchanged resources are only counted."""
    if step.action != Action.UNCHANGED:
        console(soft_wrap=True).print(show.step_line(step, done=True))


def _without_plan(context: click.Context) -> str:
    """Return the user's command without `--plan`, `--check` and `--json`."""
    words = ["oversight", "provision"]
    for option in context.command.params:
        given = context.params.get(str(option.name))
        if option.name in ("plan_only", "check", "as_json") or given in (None, False):
            continue
        words += [option.opts[0], *([] if given is True else [shlex.quote(str(given))])]
    return " ".join(words)


def _after(planned: Plan, *, remove: bool) -> str:
    if remove:
        return ""
    return (
        f"; next, run each of these in its own terminal or service unit: `oversight serve` runs the enrich service, "
        f"{hints.run('watch')} enriches events, {hints.run('ship FILE...')} sends events to {planned.stream}"
    )
