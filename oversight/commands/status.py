"""`oversight status`: how many documents are pending, enriched and failed."""

from __future__ import annotations

import click
import orjson

from contract.fields import stream_name
from oversight import cluster
from oversight.settings import OversightSettings, load
from watcher.status import Status, read_status


@click.command()
@click.option("--namespace", help="The installation (OVERSIGHT_NAMESPACE).")
@click.option("--index", help="Count in this index, list or pattern in place of our stream (OVERSIGHT_INDEX).")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def command(*, namespace: str | None, index: str | None, as_json: bool) -> None:
    """How many documents are pending, enriched and failed, and why.

    \b
    Example:
      oversight status
      oversight status --json
    """
    shared = load(OversightSettings, namespace=namespace, index=index)
    with cluster.connect() as es:
        status = read_status(es, shared.index or stream_name(shared.namespace))
    click.echo(orjson.dumps(status.to_dict(), option=orjson.OPT_INDENT_2) if as_json else as_text(status))


def as_text(status: Status) -> str:
    """The counts as a person reads them."""
    age = status.oldest_pending_age_s
    waiting = "" if age is None else f"  (the oldest has waited for {_duration(age)})"
    lines = [
        status.index,
        f"  pending   {status.pending:>10,}{waiting}",
        f"  enriched  {status.enriched:>10,}",
        f"  failed    {status.failed:>10,}",
    ]
    if status.other:
        lines.append(f"  no status {status.other:>10,}  (never seen by the pipeline or a watcher)")
    if status.predictions:
        lines += ["", "predictions", *(f"  {count:>10,}  {label}" for label, count in status.predictions.items())]
    if status.failures:
        lines += ["", "failures"]
        lines += [
            f"  {each.count:>10,}  {each.type}  (newest {each.last_seen or 'unknown'})" for each in status.failures
        ]
    return "\n".join(lines)


def _duration(seconds: float) -> str:
    for size, unit in ((86_400, "days"), (3_600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} seconds"
