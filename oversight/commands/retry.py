"""`oversight retry`: processes failed documents again."""

from __future__ import annotations

from typing import Any

import click

from common.settings.shared import OversightSettings
from oversight.client import cluster
from oversight.commands.status import failure_lines
from oversight.commands.stopping import stop_on_signals
from oversight.commands.sweeping import SweepProgress, confirm, end, name_closed_indices, outcome_lines
from oversight.config.settings import load_installation, option_of
from oversight.terminal import one_line, print_json
from watcher.operations import selection
from watcher.operations.failures import read_failures
from watcher.operations.retry import Retried, retry
from watcher.operations.sweep import Limits


@click.command()
@click.option(
    "--reason",
    metavar="TYPE",
    help="Only documents that failed for this reason (error.type, as `oversight status` shows it).",
)
@click.option(
    "--query", metavar="QUERY", help="Only documents that match this Lucene query string, such as 'user.id:alice'."
)
@click.option("--rate", type=click.FloatRange(min=0), default=0.0, help="Most documents per second; default: no limit.")
@click.option("--dry-run", is_flag=True, help="Show the counts by reason and change nothing.")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@option_of(OversightSettings, "namespace")
@option_of(OversightSettings, "dataset")
@option_of(OversightSettings, "index")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def command(
    *,
    reason: str | None,
    query: str | None,
    rate: float,
    dry_run: bool,
    yes: bool,
    namespace: str | None,
    dataset: str | None,
    index: str | None,
    as_json: bool,
) -> None:
    """Process failed documents again, after you fixed the cause.

    Documents that the enrich service refused become pending, and the watcher predicts them. Documents that the ingest
    pipeline could not parse are parsed again from their raw line; they become pending, or fail with the current reason.
    Analysts' verdicts and all other fields stay. You can stop the command at any time and run it again.

    \b
    Example:
      oversight retry --dry-run
      oversight retry --reason missing_feature
      oversight retry --query 'user.id:alice AND error.type:column_count' --yes --json
    """
    shared = load_installation(namespace=namespace, dataset=dataset, index=index)
    documents = shared.documents
    chosen = selection.failed(reason=reason, words=query)
    with cluster.connect() as es:
        name_closed_indices(es, documents)
        total = selection.count(es, documents, chosen)
        failures = read_failures(es, documents, chosen)
        if not as_json:
            click.echo(f"{total:,} failed documents in {documents}{' match' if reason or query else ''}")
            click.echo("\n".join(failure_lines(failures)) + "\n" * bool(failures), nl=False)
        retried = Retried()
        if total and not dry_run:
            confirm(f"process {total:,} failed documents again?", yes=yes)
            with SweepProgress(total) as progress:
                retried = retry(
                    es,
                    documents,
                    chosen,
                    limits=Limits(rate=rate),
                    stop=stop_on_signals(),
                    progress=lambda so_far: progress.documents(so_far.swept.documents),
                )
    if as_json:
        data: dict[str, Any] = {"index": documents, "failed": total, "reasons": failures, "dry_run": dry_run}
        print_json(data | retried.to_dict())
    elif not dry_run and total:
        click.echo("\n".join(result_lines(retried)))
    end(retried.swept, say=lambda text: click.echo(text, err=True))


def result_lines(retried: Retried) -> list[str]:
    """Describe the result, as lines."""
    lines = [f"{retried.pending:,} documents are pending now"]
    lines += [one_line(f"{count:,} failed again: {kind}") for kind, count in retried.failed_again.most_common()]
    return lines + outcome_lines(retried.swept)
