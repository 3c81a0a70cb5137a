"""`oversight verdict`: records an analyst's verdict on one prediction, on several, or on those that a query matches."""

from __future__ import annotations

import getpass
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import click
from elasticsearch import Elasticsearch

from common.settings.shared import OversightSettings
from contract.artifact.contract import Label
from contract.documents.feedback import VERDICTS
from contract.errors import InputError
from oversight.client import cluster
from oversight.commands.stopping import INTERRUPTED, stop_on_signals
from oversight.commands.sweeping import SweepProgress, confirm, name_closed_indices
from oversight.commands.verdict_result import as_data, as_text, end, result_lines
from oversight.config.settings import load_installation, option_of
from oversight.terminal import print_json, print_result
from watcher.incidents.events import events_of
from watcher.incidents.rules import rules_of
from watcher.operations.selection import Query, enriched
from watcher.verdicts.bulk import Aim, Hooks, Tally
from watcher.verdicts.chosen import Point, id_of
from watcher.verdicts.feedback import Verdict, check
from watcher.verdicts.judge import judge, judge_chosen, judge_point


@click.command()
@click.argument("words", metavar="[ID]... [VERDICT]", nargs=-1)
@click.option("--query", metavar="QUERY", help="All events with a prediction that match this Lucene query string.")
@click.option("--incident", metavar="ID", help="All alerts of an incident, as `oversight incidents` lists it.")
@click.option("--label", help="The true label, one of the model's labels.")
@click.option("--comment", help="A comment, such as why.")
@click.option("--by", help="Who gives the verdict; default: your user name.")
@click.option("--clear", is_flag=True, help="Remove the verdict.")
@click.option("--dry-run", is_flag=True, help="With --query or --incident: show the count and change nothing.")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@option_of(OversightSettings, "namespace")
@option_of(OversightSettings, "dataset")
@option_of(OversightSettings, "index")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def command(
    *,
    words: tuple[str, ...],
    query: str | None,
    incident: str | None,
    label: str | None,
    comment: str | None,
    by: str | None,
    clear: bool,
    dry_run: bool,
    yes: bool,
    namespace: str | None,
    dataset: str | None,
    index: str | None,
    as_json: bool,
) -> None:
    """Record whether predictions were right: VERDICT is true_positive or false_positive. The verdict stays when the
    document is predicted or parsed again.

    ID is the document's _id, as Kibana shows it, or its first digits, as the console shows them. A new verdict replaces
    the old one. `oversight labels export` turns verdicts into training rows.

    With --query or --incident the command shows how many events match and asks first. It judges the events of that
    moment; an event that someone else judges meanwhile keeps their verdict. You can stop it at any time and run it
    again.

    \b
    Example:
      oversight verdict 3f8a91c0 true_positive
      oversight verdict 3f8a91c0 77d2e419 false_positive --label normal --comment "the backup at night"
      oversight verdict --query 'source.ip:10.0.0.7 AND oversight.prediction.family:probe' false_positive
      oversight verdict 3f8a91c0 --clear
    """
    from enrich_service.model.model_file import read_contract

    ids, word = _split(words)
    _check_use(ids, word, many=[query, incident], clear=clear, more=bool(label or comment or by), dry_run=dry_run)
    shared = load_installation(namespace=namespace, dataset=dataset, index=index)
    contract = read_contract(shared.model) if label is not None or incident is not None else None
    labels = contract.labels if contract is not None and label is not None else None
    given = None if word is None else Verdict(word, by or user_name(), label=label, comment=comment)
    if given is not None:
        check(given, labels)
    with cluster.connect() as es:
        name_closed_indices(es, shared.documents)
        task = _Task(es, shared.documents, given, labels, as_json=as_json)
        if incident is not None and contract is not None:
            rules = rules_of(contract, dataset=shared.chosen_dataset, gap_min=shared.incident_gap_min)
            task.all_of(events_of(es, shared.documents, rules, incident), dry_run=dry_run, yes=yes)
        elif query is not None:
            task.all_of(enriched(words=query), dry_run=dry_run, yes=yes)
        elif len(ids) == 1:
            task.one(ids[0])
        else:
            task.several(ids)


def _split(words: Sequence[str]) -> tuple[list[str], str | None]:
    """Return the ids and the verdict. The verdict is the last word."""
    if words and words[-1] in VERDICTS:
        return list(dict.fromkeys(words[:-1])), words[-1]
    return list(dict.fromkeys(words)), None


def _check_use(
    ids: Sequence[str], word: str | None, *, many: Sequence[str | None], clear: bool, more: bool, dry_run: bool
) -> None:
    """Check that the options fit together. `many` are --query and --incident.

    Raises:
        UsageError: they do not.
    """
    if clear == (word is not None) or (clear and more):
        raise click.UsageError(f"end with a verdict ({' or '.join(VERDICTS)}), or give --clear without other options")
    chosen = [one for one in many if one is not None]
    if len(chosen) + bool(ids) != 1:
        raise click.UsageError("name the events in one way: their IDs, --query or --incident")
    if dry_run and ids:
        raise click.UsageError("--dry-run shows how many events --query or --incident means; leave out the IDs")


@dataclass
class _Task:
    """One run of the command."""

    es: Elasticsearch
    index: str
    verdict: Verdict | None
    labels: Sequence[Label] | None
    as_json: bool

    def one(self, digits: str) -> None:
        """Judge one event."""
        hit = id_of(self.es, self.index, digits)
        judged = judge(self.es, self.index, hit.id, self.verdict, labels=self.labels)
        print_result(judged, as_text(judged), as_json=self.as_json)

    def several(self, ids: Sequence[str]) -> None:
        """Judge the events with these ids; none of them if one id is wrong."""
        aims = [Aim(id_of(self.es, self.index, each), None) for each in ids]
        stop = stop_on_signals()
        with SweepProgress(len(aims)) as progress:
            tally = judge_chosen(
                self.es, self.index, aims, self.verdict, labels=self.labels, stop=stop, hooks=_showing(progress)
            )
        self._show(tally, len(aims))

    def all_of(self, query: Query, *, dry_run: bool, yes: bool) -> None:
        """Judge every event that matches a query at this moment."""
        stop = threading.Event()
        with Point(self.es, self.index, query, stop=stop) as point:
            if not self.as_json:
                click.echo(f"{point.count:,} events with a prediction in {self.index} match")
            if dry_run or not point.count:
                if self.as_json:
                    print_json({"index": self.index, "events": point.count, "dry_run": dry_run, **as_data(Tally())})
                return
            confirm(f"{self._doing} {point.count:,} events?", yes=yes)
            stop_on_signals(stop)
            with SweepProgress(point.count) as progress:
                tally = judge_point(point, self.verdict, labels=self.labels, stop=stop, hooks=_showing(progress))
        self._show(tally, point.count)

    @property
    def _doing(self) -> str:
        return "remove the verdicts of" if self.verdict is None else f"record {self.verdict.verdict} for"

    def _show(self, tally: Tally, events: int) -> None:
        if self.as_json:
            print_json({"index": self.index, "events": events, "dry_run": False, **as_data(tally)})
        else:
            click.echo("\n".join(result_lines(tally, self.verdict)))
        if tally.stopped:
            click.echo("oversight: stopped; run the same command again to judge the rest", err=True)
            sys.exit(INTERRUPTED)
        end(tally)


def _showing(progress: SweepProgress) -> Hooks:
    show: Callable[[Tally], Any] = lambda tally: progress.documents(tally.done)  # noqa: E731
    return Hooks(progress=show)


def user_name() -> str:
    """Return the name of the user.

    Raises:
        InputError: the system has no name for the user, as in some containers.
    """
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        raise InputError("this system has no name for your user; name who gives the verdict with --by") from None
