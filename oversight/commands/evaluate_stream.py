"""Measures the predictions that stored documents have, by their truth labels and the analysts' verdicts.

stream ─▶ documents with a truth or a verdict ─▶ Tally ─▶ figures, overall and for each model version ─▶ tables, JSON
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import click
from elasticsearch import Elasticsearch
from rich.console import Console

from common.settings.shared import OversightSettings
from contract import hints
from contract.artifact.contract import ModelContract
from contract.documents.fields import TRUTH
from contract.errors import InputError, shorten
from enrich_service.model.model_file import read_contract
from oversight.client import cluster
from oversight.commands.evaluate_show import console, number, show_measures
from oversight.commands.evaluate_tally import OUTCOMES, Tally
from oversight.commands.sweeping import SweepProgress, name_closed_indices
from oversight.tables import table
from oversight.terminal import one_line, print_json
from watcher.operations import selection
from watcher.operations.truths import Alerts, count_alerts, judged_query, read_judged

OF_VERSIONS = ("accuracy", "macro_f1", "mean_absolute_error", "r2", "roc_auc")
"""The figures in the table of the model versions."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which documents to judge."""

    index: str
    field: str | None
    """The field of the truth; None: `oversight.truth.label`."""
    query: str | None
    """A Lucene query string."""


def measure(settings: OversightSettings, *, field: str | None, query: str | None, as_json: bool) -> None:
    """Judge the documents of a stream and print the figures.

    Raises:
        InputError: no document can be judged; says what to do.
        EngineUnavailableError: Elasticsearch does not answer, or the index is missing.
    """
    contract = read_contract(settings.model)
    chosen = Chosen(settings.documents, field, query)
    with cluster.connect() as es:
        name_closed_indices(es, chosen.index)
        tally = counted(es, chosen, contract)
        harmful = [label.name for label in contract.labels if label.severity > 0]
        alerts = count_alerts(es, chosen.index, harmful, words=query)
    facts = facts_of(tally, chosen, alerts)
    if as_json:
        print_json(facts)
    else:
        show(facts, console())


def counted(es: Elasticsearch, chosen: Chosen, contract: ModelContract) -> Tally:
    """Read the documents and count them.

    Raises:
        InputError: no document can be judged; says what to do.
    """
    tally = Tally(contract)
    query = judged_query(field=chosen.field, words=chosen.query)
    total, done = selection.count(es, chosen.index, query), 0
    with SweepProgress(total) as progress:
        for page in read_judged(es, chosen.index, query, field=chosen.field):
            for judged in page:
                tally.add(judged)
            done += len(page)
            progress.documents(done)
    _require_some(tally, chosen)
    return tally


def facts_of(tally: Tally, chosen: Chosen, alerts: Alerts) -> dict[str, Any]:
    """The figures as JSON has them."""
    return {
        "index": chosen.index,
        "query": chosen.query,
        "truth_field": chosen.field or TRUTH,
        "task": tally.contract.task,
        **tally.facts(),
        "predicted": alerts.documents,
        "alerts": alerts.alerts,
        "days": None if alerts.days is None else round(alerts.days, 2),
        "alerts_a_day": alerts.a_day,
    }


def show(facts: dict[str, Any], on: Console) -> None:
    """Print the figures as tables."""
    versions = facts["versions"]
    names = ", ".join(f"{each['model']} {each['version']}" for each in versions)
    click.echo(
        one_line(
            f"judged: the predictions stored in {facts['index']}, made by {names}; {facts['truths']:,} documents have "
            f"a truth, {facts['verdicts']:,} a verdict"
        )
    )
    for side, title in (
        ("by_truth", f"By the truth in the documents ({facts['truth_field']})"),
        ("by_verdict", "By the analysts' verdicts (oversight.feedback)"),
    ):
        if facts[side] is not None:
            click.echo(f"\n{one_line(title)}")
            _show_side(facts[side], on)
    if len(versions) > 1:
        on.print()
        _show_versions(versions, on)
    click.echo(f"\n{_alerts_line(facts)}")
    for why, documents in facts["left_out"].items():
        click.echo(one_line(f"{documents:,} not compared: {why}"))


def _show_side(figures: dict[str, Any], on: Console) -> None:
    counts = {title: figures[name] for name, title in OUTCOMES.items() if figures[name]}
    measures = {name: value for name, value in figures.items() if name not in OUTCOMES and name != "documents"}
    show_measures(measures, {"documents": figures["documents"], **counts}, on)


def _show_versions(versions: list[dict[str, Any]], on: Console) -> None:
    """Print one row for each version and kind of truth."""
    sides = [(each, kind, each[f"by_{kind}"]) for each in versions for kind in ("truth", "verdict")]
    measured = [name for name in OF_VERSIONS if any(name in (figures or {}) for _, _, figures in sides)]
    rows = table("Model", "Version", "By", "Documents", "Wrong alerts", "Missed", *measured)
    for each, kind, figures in sides:
        if figures is not None:
            values = (figures["documents"], figures["wrong_alerts"], figures["missed"])
            more = (figures.get(name) for name in measured)
            rows.add_row(each["model"], each["version"], kind, *map(number, (*values, *more)))
    on.print(rows)


def _alerts_line(facts: dict[str, Any]) -> str:
    a_day = facts["alerts_a_day"]
    rate = "" if a_day is None else f", {a_day:,.1f} a day over {facts['days']:,.1f} days"
    return f"{facts['alerts']:,} of the {facts['predicted']:,} documents with a prediction alert{rate}"


def _require_some(tally: Tally, chosen: Chosen) -> None:
    """Stop where nothing could be compared.

    Raises:
        InputError: says why, and what to do.
    """
    if tally.compared:
        return
    where = chosen.index if chosen.query is None else f"{chosen.index} that matches {shorten(chosen.query)}"
    if not tally.truths and not tally.verdicts:
        field = "" if chosen.field is None else f" in {shorten(chosen.field)}"
        raise InputError(
            f"no document of {where} has a truth{field} or a verdict; ship a file with a column of labels, give "
            f"verdicts in the console or with {hints.run('verdict')}, name the field of the truth with --label, or "
            "measure a file with --data"
        )
    reasons = "; ".join(f"{documents:,}: {why}" for why, documents in tally.left_out.most_common(3))
    raise InputError(
        f"{tally.truths:,} documents of {where} have a truth and {tally.verdicts:,} a verdict, but none can be "
        f"compared ({reasons}); name the model that predicted them with --model, or wait until they are enriched"
    )
