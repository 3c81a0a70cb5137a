"""`oversight rescore`: lets the current model predict stored documents again."""

from __future__ import annotations

from contextlib import closing
from dataclasses import asdict

import click

from common.settings.shared import OversightSettings
from contract.documents.fields import MODEL_VERSION, STATUS
from contract.errors import InputError, ServerError
from oversight.client import cluster
from oversight.commands.status import duration
from oversight.commands.stopping import stop_on_signals
from oversight.commands.sweeping import SweepProgress, confirm, end, name_closed_indices, outcome_lines
from oversight.config.settings import load, load_installation, option_of
from oversight.terminal import print_json
from watcher.enrich.client import client_of
from watcher.operations import selection
from watcher.operations.rescore import BACKLOG, busiest_rate, expected_s, require_mapping, rescore
from watcher.operations.sweep import Limits, Swept

CURRENT = "current"


@click.command()
@click.option(
    "--query", metavar="QUERY", help="Only documents that match this Lucene query string, such as 'user.id:alice'."
)
@click.option(
    "--not-version",
    metavar="VERSION",
    default=CURRENT,
    show_default=True,
    help="Skip documents that this model version predicted; `current` is the version that the enrich service uses.",
)
@click.option(
    "--all", "everything", is_flag=True, help="Skip nothing, not even documents that the current version predicted."
)
@click.option(
    "--missing", is_flag=True, help="Only documents without a status: those stored before there was a watcher."
)
@click.option("--rate", type=click.FloatRange(min=0), default=0.0, help="Most documents per second; default: no limit.")
@click.option(
    "--backlog",
    type=click.IntRange(min=0),
    default=BACKLOG,
    show_default=True,
    help="Wait while more documents than this are pending, so that new events are not delayed; 0: never wait.",
)
@click.option("--dry-run", is_flag=True, help="Show the count and the expected time, and change nothing.")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@option_of(OversightSettings, "namespace")
@option_of(OversightSettings, "dataset")
@option_of(OversightSettings, "index")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def command(
    *,
    query: str | None,
    not_version: str,
    everything: bool,
    missing: bool,
    rate: float,
    backlog: int,
    dry_run: bool,
    yes: bool,
    namespace: str | None,
    dataset: str | None,
    index: str | None,
    as_json: bool,
) -> None:
    """Make stored documents pending again, so that the watcher predicts them with the current model.

    The old prediction stays until the new one replaces it. If the verdict stays the same, its time stays too; if it
    changes, the document is marked as rescored, and a document that no longer alerts goes back to `event.kind: event`.
    If you run the command again, it skips the documents that are done.

    \b
    Example:
      oversight rescore --dry-run
      oversight rescore --query 'oversight.prediction.family:probe' --rate 500
      oversight rescore --index 'flows-*' --missing --yes --json
    """
    shared = load_installation(namespace=namespace, dataset=dataset, index=index)
    documents = shared.documents
    version = None if missing or everything else current_version() if not_version == CURRENT else not_version
    chosen = selection.without_status(words=query) if missing else selection.enriched(not_version=version, words=query)
    with cluster.connect() as es:
        name_closed_indices(es, documents)
        total = selection.count(es, documents, chosen)
        if missing:
            require_mapping(es, documents, STATUS, without="the watcher cannot find pending documents there")
        elif version is not None and total:
            require_mapping(
                es,
                documents,
                MODEL_VERSION,
                without="documents that the current model predicted cannot be skipped (--all skips nothing)",
            )
        seconds = expected_s(total, busiest_rate(es, documents), rate)
        plan = plan_of(total, seconds, documents, version=version, missing=missing)
        if not as_json:
            click.echo(plan)
        swept = Swept()
        if total and not dry_run:
            confirm(f"make {total:,} documents pending?", yes=yes)
            with SweepProgress(total) as progress:
                swept = rescore(
                    es,
                    documents,
                    chosen,
                    limits=Limits(rate=rate),
                    backlog=backlog,
                    stop=stop_on_signals(),
                    progress=lambda so_far, pending: progress.documents(
                        so_far.documents,
                        f"waiting for the watcher: {pending:,} documents are pending" if pending else "",
                    ),
                )
    if as_json:
        data = {
            "index": documents,
            "documents": total,
            "expected_s": seconds,
            "not_version": version,
            "dry_run": dry_run,
        }
        print_json(data | asdict(swept))
    elif not dry_run and total:
        click.echo(
            "\n".join(
                [f"{swept.changed:,} documents are pending now; the watcher predicts them", *outcome_lines(swept)]
            )
        )
    end(swept, say=lambda text: click.echo(text, err=True))


def plan_of(total: int, seconds: float | None, documents: str, *, version: str | None, missing: bool) -> str:
    """Describe in one sentence what would be done."""
    which = "without a status" if missing else "with a prediction"
    left_out = f", without those of version {version}" if version else ""
    estimate = (
        ""
        if not total
        else (
            "; no estimate of the time, because nothing was predicted in the last day"
            if seconds is None
            else f"; the watcher needs about {duration(seconds)}, at the rate of the last day's busiest minute"
        )
    )
    return f"{total:,} documents {which} in {documents}{left_out}{estimate}"


def current_version() -> str:
    """Return the version of the model that the enrich service uses.

    Raises:
        InputError: the enrich service does not respond; the message names the alternatives.
    """
    client = client_of(load(OversightSettings), timeout_s=10.0)
    with closing(client):
        try:
            return client.model().version
        except ServerError as fault:
            raise InputError(
                f"cannot find out the current model version: {fault}; or name the version with --not-version, or use "
                f"--all"
            ) from None
