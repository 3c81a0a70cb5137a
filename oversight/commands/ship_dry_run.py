"""`oversight ship --dry-run`: shows how files would be read, before anything is stored."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from elasticsearch import Elasticsearch

from contract.errors import OversightError
from es_pipelines.dry_run.findings import FailureReason, FileFindings, HeaderFinding
from es_pipelines.dry_run.inspect_file import DryRun, inspect
from es_pipelines.dry_run.simulate import Pipelines
from oversight.client.cluster import connect
from oversight.commands.ship_progress import ShipProgress
from oversight.terminal import one_line, print_json

SHOWN_NAMES = 12
"""Most columns to name in a list."""


def run(files: Sequence[Path], how: DryRun, stream: str, *, as_json: bool) -> int:
    """Inspect files and print the findings. Return the exit code."""
    es, pipelines, why_not = _pipelines(stream)
    findings = []
    try:
        with ShipProgress() as display:
            for path in files:
                each = dataclasses.replace(how, pipelines=pipelines)
                findings.append(inspect(path, each, display.rows_read))
    finally:
        if es is not None:
            es.close()
    if as_json:
        data = {"stream": stream, "asked": pipelines is not None, "why_not_asked": why_not}
        print_json({**data, "files": [as_dict(finding) for finding in findings]})
    else:
        for finding in findings:
            click.echo("\n".join(one_line(line) for line in lines_of(finding)) + "\n")
        click.echo(_who_answered(stream, why_not))
    for finding in findings:
        if finding.problem:
            click.echo(f"oversight: {one_line(finding.problem)}", err=True)
    return int(any(finding.problem or finding.usable <= 0 for finding in findings))


def _pipelines(stream: str) -> tuple[Elasticsearch | None, Pipelines | None, str]:
    """Return a client and the pipelines of the cluster, or the reason why they cannot be used."""
    try:
        es = connect()
    except OversightError as error:
        return None, None, str(error)
    try:
        return es, Pipelines(es, stream), ""
    except OversightError as error:
        es.close()
        return None, None, str(error)


def _who_answered(stream: str, why_not: str) -> str:
    if not why_not:
        return f"the pipelines of {stream} checked every row that was read; nothing was stored"
    return (
        f"the cluster's pipelines could not check the rows: {one_line(why_not)}\n"
        f"Only the file was examined: columns were counted and labels compared, but no value was checked."
    )


def as_dict(finding: FileFindings) -> dict[str, Any]:
    """Return a finding as JSON values."""
    return {**dataclasses.asdict(finding), "usable": finding.usable}


def lines_of(finding: FileFindings) -> list[str]:
    """Return a finding as lines."""
    lines = [finding.path]
    if finding.problem and not finding.rows:
        return [*lines, "  not read; see the error"]
    packed = ", unpacked from gzip" if finding.gzip else ""
    lines.append(f"  format     {finding.format or 'no events'}{_delimiter(finding)}{packed}")
    lines += _header(finding) if finding.format in ("CSV", "ARFF") else []
    lines += [f"  label      {text}" for text in _labels(finding)]
    lines += _first_row(finding)
    more = "; the rows after --limit were not read" if finding.limited else ""
    lines.append(
        f"  rows       {finding.rows:,}: {max(finding.usable, 0):,} would be predicted, {finding.failing:,} "
        f"would fail{more}"
    )
    lines += [_reason(reason) for reason in sorted(finding.reasons, key=lambda reason: -reason.rows)]
    others = [(finding.headers + finding.dropped, "header"), (finding.blank, "blank")]
    lines += [f"  no events  {count:,} {what} line{'s' if count > 1 else ''}" for count, what in others if count]
    return lines


def _delimiter(finding: FileFindings) -> str:
    if finding.format == "text":
        return ", no delimiter detected; name it with --delimiter"
    if not finding.delimiter:
        return ""
    return f", {finding.delimiter} between columns ({'given' if finding.delimiter_given else 'detected'})"


def _header(finding: FileFindings) -> list[str]:
    header = finding.header
    if header is None:
        return ["  header     none: columns are read by their position, in the model's order"]
    order = "in the model's order"
    if header.sent_as_columns:
        further = header.beside or header.without_name
        order = f"{'with further ones' if further else 'in another order'}, sent as csv.columns"
    lines = [f"  header     line {header.line}: {len(header.columns)} columns, {order}"]
    return lines + [f"             {text}" for text in _mapping(header)]


def _mapping(header: HeaderFinding) -> list[str]:
    parts = [
        (f"{len(header.features)} features", header.features if header.sent_as_columns else []),
        ("label", [header.label] if header.label else []),
        ("difficulty", [header.difficulty] if header.difficulty else []),
        ("kept beside", header.beside),
        ("missing", header.missing),
    ]
    lines = [f"{name}: {_names(columns)}" for name, columns in parts if columns]
    return lines + ([f"dropped: {header.without_name} without a name"] if header.without_name else [])


def _names(names: Sequence[str]) -> str:
    rest = len(names) - SHOWN_NAMES
    return ", ".join(names[:SHOWN_NAMES]) + (f" and {rest} more" if rest > 0 else "")


def _labels(finding: FileFindings) -> list[str]:
    odd = [
        f"{label.rows:,} rows: {label.kind}, first {label.example!r} in line {label.first.line}"
        for label in finding.odd_labels
    ]
    if not finding.label_column:
        return ["none", *odd] if finding.format in ("CSV", "ARFF") else odd
    return [finding.label_column, *odd]


def _first_row(finding: FileFindings) -> list[str]:
    if not finding.first_row:
        return []
    pairs = [f"{name}={value}" for name, value in finding.first_row.items()]
    rows = [pairs[at : at + 6] for at in range(0, len(pairs), 6)]
    return [f"  {'first row' if not at else '':10} {'  '.join(row)}" for at, row in enumerate(rows)]


def _reason(reason: FailureReason) -> str:
    return f"{'':13}{reason.rows:,} {reason.type}; line {reason.first.line}: {reason.message}"
