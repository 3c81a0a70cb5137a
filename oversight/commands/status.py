"""`oversight status`: shows pending, enriched and failed documents, the rate, and the running watchers."""

from __future__ import annotations

from collections.abc import Sequence

import click

from common.elastic.indices import closed_message, filtered_message, synthetic_message
from common.settings.shared import OversightSettings
from contract import hints
from contract.model_summary import ModelSummary
from oversight.client import cluster
from oversight.config.settings import load_installation, option_of
from oversight.terminal import one_line, print_result
from watcher.monitor.heartbeat import Heartbeat
from watcher.operations.failures import Failure
from watcher.operations.misread import MisreadFile, named
from watcher.operations.status import Status, read_status

MISREAD_HINT = (
    "set csv.columns at the shipper, or ship with Oversight itself; delete what the stream has of these "
    "files, and ship them again "
    "(docs/shippers.md)"
)


@click.command()
@option_of(OversightSettings, "namespace")
@option_of(OversightSettings, "dataset")
@option_of(OversightSettings, "index")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def command(*, namespace: str | None, dataset: str | None, index: str | None, as_json: bool) -> None:
    """Show how many documents are pending, enriched and failed, why they failed, how fast predictions are written, and
    which watchers run.

    \b
    Example:
      oversight status
      oversight status --json
    """
    shared = load_installation(namespace=namespace, dataset=dataset, index=index)
    with cluster.connect() as es:
        status = read_status(es, shared.documents, namespace=shared.namespace)
    print_result(status, as_text(status), as_json=as_json)


def as_text(status: Status) -> str:
    """Return the status as text."""
    age = status.oldest_pending_age_s
    waiting = "" if age is None else f"  (the oldest has waited for {duration(age)})"
    lines = [
        one_line(status.index),
        f"  pending   {status.pending:>10,}{waiting}",
        f"  enriched  {status.enriched:>10,}",
        f"  failed    {status.failed:>10,}",
    ]
    if status.other:
        remedy = f"stored without Oversight's pipeline; {hints.run('rescore --missing')} makes them pending"
        lines.append(f"  no status {status.other:>10,}  ({remedy})")
    lines += ["", *_speed_lines(status), *watcher_lines(status.watchers), *_ended_lines(status)]
    lines += _dataset_lines(status.datasets)
    lines += [f"note      {note}" for note in notes(status)]
    if status.predictions:
        lines += [
            "",
            "predictions",
            *(f"  {count:>10,}  {one_line(label)}" for label, count in status.predictions.items()),
        ]
    if status.suppressed:
        lines += [f"  {status.suppressed:>10,}  of these do not alert, because a suppression rule matches"]
    if status.verdicts:
        lines += [
            "",
            "verdicts",
            *(f"  {count:>10,}  {one_line(verdict)}" for verdict, count in status.verdicts.items()),
        ]
    if status.failures:
        lines += ["", "failures", *failure_lines(status.failures)]
    if status.misread:
        lines += ["", "files whose rows may have been read with the wrong columns", *misread_lines(status.misread)]
    return "\n".join(lines)


def notes(status: Status) -> list[str]:
    """Return notes about indices: closed ones, ones that are never written to, and ones with synthetic `_source`."""
    found_notes = [closed_message(status.closed)] if status.closed else []
    found_notes += [filtered_message(status.filtered)] if status.filtered else []
    return [*found_notes, *([synthetic_message(status.synthetic)] if status.synthetic else [])]


def _ended_lines(status: Status) -> list[str]:
    """Return the trouble of the last watcher, if none is running."""
    if status.ended is None or status.ended.trouble is None or not status.pending:
        return []
    return [f"  the last watcher, seen {status.ended.last_seen}, reported: {status.ended.trouble}"]


def _dataset_lines(datasets: Sequence[ModelSummary]) -> list[str]:
    """Return each dataset of the namespace with its model, if there are several."""
    if len(datasets) < 2:
        return []
    lines = [f"  {each.dataset}: {each.name}, {each.task}, {len(each.features):,} features" for each in datasets]
    return ["datasets  --dataset shows another one", *map(one_line, lines)]


def _speed_lines(status: Status) -> list[str]:
    speed = status.speed
    lines = [f"rate      {speed.rate_1m:,.1f} predictions/s in the last minute, {speed.rate_5m:,.1f} in the last five"]
    lag = speed.lag
    if lag is not None:
        lines.append(
            f"lag       half of the predictions came within {duration(lag.p50_s)} of arrival, 95 % within "
            f"{duration(lag.p95_s)} "
            f"(the newest {lag.documents:,} of the last five minutes)"
        )
    return lines


def watcher_lines(watchers: Sequence[Heartbeat] | None) -> list[str]:
    """Describe the running watchers."""
    if watchers is None:
        return ["watchers  unknown: their heartbeats cannot be read"]
    if not watchers:
        return [f"watchers  no running watcher; {hints.run('watch')} starts one"]
    lines = [f"watchers  {len(watchers)} running"]
    for watcher in watchers:
        part = f", share {watcher.slice}" if watcher.slice else ""
        trouble = f": {watcher.trouble}" if watcher.trouble else ""
        lines.append(
            one_line(f"  {watcher.host} ({watcher.pid}){part}  {watcher.state}{trouble}  {watcher.rate_per_s:,.1f}/s")
        )
    return lines


def failure_lines(failures: Sequence[Failure]) -> list[str]:
    """Return one line per reason: how often, where, and the newest."""
    width = max((len(each.type) for each in failures), default=0)
    return [
        one_line(f"  {each.count:>10,}  {each.type:<{width}}  newest {each.last_seen or 'unknown'}{_places(each)}")
        for each in failures
    ]


def misread_lines(files: Sequence[MisreadFile]) -> list[str]:
    """Return each file with the last time its header was seen, and what to do."""
    lines = [one_line(f"  {named(each)}  header of {each.last_seen or 'unknown time'}") for each in files]
    return [*lines, f"  {MISREAD_HINT}"]


def _places(failure: Failure) -> str:
    processors = ", ".join(failure.processors)
    fields = ", ".join(failure.fields)
    named = [f"pipeline at {processors}"] if processors else []
    named += [fields] if fields else []
    return f"  ({'; '.join(named)})" if named else ""


def duration(seconds: float) -> str:
    """Format a duration in a suitable unit."""
    for size, unit in ((86_400, "days"), (3_600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} seconds" if seconds >= 10 else f"{seconds:.1f} seconds"
