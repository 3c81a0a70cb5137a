"""`oversight ship`: sends files of raw events to the data stream, every line once."""

from __future__ import annotations

import dataclasses
import logging
import sys
from pathlib import Path
from typing import Any

import click

from common.settings.shared import DEFAULT_MODEL, OversightSettings
from contract import hints
from contract.errors import ArtifactError, OversightError
from contract.kdd99.labels import known_labels, label_names
from es_pipelines.definition.columns import columns_of
from es_pipelines.dry_run.inspect_file import DryRun
from es_pipelines.reading.arriving import STDIN
from es_pipelines.reading.header import DELIMITER_NAMES, KDD, KnownColumns
from es_pipelines.reading.open_file import check
from es_pipelines.settings import ShipSettings
from es_pipelines.ship.arriving.stdin import ship_stream
from es_pipelines.ship.follow import follow
from es_pipelines.ship.shipper import ShipConfig, ShipReport, ship
from oversight import tables
from oversight.client.cluster import connect
from oversight.commands import ship_dry_run
from oversight.commands.ship_progress import ShipProgress
from oversight.commands.ship_timeout import timeout_option
from oversight.commands.stopping import INTERRUPTED, stop_on_signals
from oversight.config import logs
from oversight.config.settings import load, load_installation, option_of
from oversight.terminal import one_line, print_json

log = logging.getLogger(__name__)

DELIMITERS = {name: delimiter for delimiter, name in DELIMITER_NAMES.items()}
PIPE_COLUMNS = 240
"""Width of the table without a terminal: enough for a long path on one line."""


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...", type=click.Path(path_type=Path))
@option_of(OversightSettings, "namespace")
@option_of(OversightSettings, "dataset")
@click.option("--user", help="Owner of the traffic (user.id); default: the file's name without its extension.")
@click.option(
    "--observer", help="Sensor that recorded it (observer.name); default: the file's name without its extension."
)
@click.option("--follow", "following", is_flag=True, help="Keep reading new lines of the files until Ctrl-C.")
@click.option(
    "--rate",
    type=click.FloatRange(min=0, min_open=True),
    metavar="LINES_PER_S",
    help="Most lines per second; default: no limit.",
)
@click.option(
    "--name", help="With standard input: a name for this input, so that a repeated run skips what was sent (see above)."
)
@click.option(
    "--delimiter",
    metavar="WORD",
    type=click.Choice(DELIMITERS, case_sensitive=False),
    help="Column delimiter: comma, semicolon, tab or pipe; default: detected.",
)
@click.option("--dry-run", is_flag=True, help="Store nothing; show how each file is read and which rows would fail.")
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    metavar="ROWS",
    help="With --dry-run: read only the first ROWS rows of each file; default: all.",
)
@click.option(
    "--follow-symlinks", is_flag=True, help="Read files through symbolic links; default: symbolic links are refused."
)
@option_of(ShipSettings, "batch_size")
@timeout_option
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def command(
    *,
    files: tuple[Path, ...],
    namespace: str | None,
    dataset: str | None,
    user: str | None,
    observer: str | None,
    following: bool,
    rate: float | None,
    name: str | None,
    delimiter: str | None,
    dry_run: bool,
    limit: int | None,
    follow_symlinks: bool,
    batch_size: int | None,
    timeout_s: float | None,
    as_json: bool,
) -> None:
    """Send files of raw events to Elasticsearch, each line once: shipping a file again sends only new lines.

    CSV, ARFF, JSON lines, JSON arrays and gzip are read. A CSV header may name the columns in any order, and there
    may be more columns than the model needs. If a file cannot be read, or none of its lines can be predicted, the
    command names it, ships the other files and ends with exit code 1.

    You can stop the command at any time; the next run continues from there. The folder OVERSIGHT_STATE keeps what
    was sent. If it is lost, the command searches the stream for what is already there.

    FILE `-` reads standard input to its end. Without --name, each run sends its lines as new events. With --name
    NAME, lines that an earlier run under that name sent are skipped, so you can repeat a broken pipe.

    \b
    Example:
      oversight ship sensor-logs/*.csv
      oversight ship --dry-run new-sensor.csv
      oversight ship --follow --user alice /var/log/sensor/connections.csv
      zcat alpha.csv.gz | oversight ship - --name alpha.csv
    """
    streaming = reads_stdin(files, following=following, name=name)
    check_dry_run_options(dry_run=dry_run, endless=streaming or following, limit=limit)
    logs.setup("oversight-ship", stream=sys.stderr)
    shared = load_installation(namespace=namespace, dataset=dataset)
    settings = load(ShipSettings, batch_size=batch_size)
    separator, model = None if delimiter is None else DELIMITERS[delimiter], known(shared.model)
    if dry_run:
        how = DryRun(model, separator, follow_symlinks, limit)
        sys.exit(ship_dry_run.run(files, how, shared.stream, as_json=as_json))
    config = ShipConfig(
        stream=shared.stream,
        state=shared.state,
        user=user,
        observer=observer,
        settings=settings,
        rate=rate,
        complete=not following,
        delimiter=separator,
        known=model,
        follow_symlinks=follow_symlinks,
        timeout_s=timeout_s,
    )
    if not streaming:
        refuse_if_none_readable(files, follow_symlinks=follow_symlinks, following=following)
    stop = stop_on_signals()
    with connect() as es, ShipProgress() as display:
        try:
            if streaming:
                stdin = sys.stdin.fileno()
                report = ship_stream(es, stdin, config, name=name, stop=stop, on_progress=display.shipped)
            elif following:
                report = follow(es, files, config, stop=stop, on_progress=display.shipped)
            else:
                report = ship(es, files, config, stop=stop, on_progress=display.shipped)
        except OversightError:
            if display.last is not None:  # the error comes after the report of what is already stored
                display.close()
                show(display.last.report, config.stream, as_json=as_json)
            raise
    show(report, config.stream, as_json=as_json)
    for problem in report.problems:
        click.echo(f"oversight: {one_line(problem)}", err=True)
    if stop.is_set() and not following:
        again = (
            "everything that was read is stored" if streaming else "run the same command again to continue from here"
        )
        click.echo(f"oversight: stopped; {again}", err=True)
        sys.exit(INTERRUPTED)
    sys.exit(int(bool(report.problems)))


def check_dry_run_options(*, dry_run: bool, endless: bool, limit: int | None) -> None:
    """Check that the options fit together.

    Raises:
        UsageError: they do not.
    """
    if dry_run and endless:
        raise click.UsageError("--dry-run cannot be combined with - or --follow; name files")
    if limit is not None and not dry_run:
        raise click.UsageError("--limit needs --dry-run; without --dry-run the whole file is shipped")


def known(model: Path) -> KnownColumns:
    """Return the columns and labels of the model, or KDD's if it is the shipped model or cannot be read here."""
    if model == DEFAULT_MODEL:
        return KDD
    from enrich_service.model.model_file import read_contract

    try:
        contract = read_contract(model)
    except ArtifactError as error:
        log.warning("%s; ship recognises a header only by the columns of KDD Cup 99", error)
        return KDD
    labels = frozenset(known_labels(contract))
    if {feature.field for feature in contract.features} <= set(KDD.fields):
        return KnownColumns(labels=labels, label_names=label_names(contract), event=contract.event)
    columns = columns_of(contract)
    return KnownColumns(
        tuple(column.name for column in columns.features),
        tuple(column.field for column in columns.features),
        labels,
        columns.aliases,
        columns.labels,
        contract.event,
    )


def refuse_if_none_readable(files: tuple[Path, ...], *, follow_symlinks: bool, following: bool) -> None:
    """Fail before any request to the cluster if none of the files can be read.

    Raises:
        UnreadableFileError: the last file that cannot be read; the others are printed before.
    """
    checked = check(files, follow_symlinks=follow_symlinks, growing=following)
    if checked.paths:
        return
    *others, last = checked.problems.values()
    for error in others:
        click.echo(f"oversight: {one_line(error)}", err=True)
    raise last


def reads_stdin(files: tuple[Path, ...], *, following: bool, name: str | None) -> bool:
    """Whether to ship standard input.

    Raises:
        UsageError: standard input is combined with options for files, or the other way round.
    """
    if STDIN not in map(str, files):
        if name is not None:
            raise click.UsageError("--name is only for standard input (-); leave it out for files")
        return False
    if len(files) > 1 or following:
        raise click.UsageError("- (standard input) cannot be combined with other files or --follow; give it alone")
    return True


def show(report: ShipReport, stream: str, *, as_json: bool) -> None:
    """Print the result on standard output."""
    if as_json:
        print_json(as_dict(report, stream))
        return
    columns = ("stored", "already there", "headers", "refused", "bytes")
    table = tables.table("File", *columns, "", right=columns)
    for file in report.files:
        numbers = (file.stored, file.already_there, file.headers, file.refused, file.bytes)
        table.add_row(one_line(file.path), *(str(number) for number in numbers), one_line(file.note))
    table.columns[0].overflow = "fold"  # part of a path is of no use
    console = tables.console(soft_wrap=True, width=None if sys.stdout.isatty() else PIPE_COLUMNS)
    console.print(table)
    events = "1 event" if report.stored == 1 else f"{report.stored} events"
    console.print(f"{events} stored in {stream} in {report.seconds:.1f} s, {report.already_there} already there")
    for line in odd_labels(report):
        console.print(line)
    if report.refused:
        console.print(f"Elasticsearch refused {report.refused} lines; they are stored with the status failed")
    if report.stored or report.refused:
        console.print(f"{hints.run('status')} shows how many have a prediction")


def odd_labels(report: ShipReport) -> list[str]:
    """Return the notes about unknown labels."""
    notes = []
    if report.unknown_labels:
        notes.append(
            f"{report.unknown_labels} rows have a label that the model does not know; they are predicted, and the "
            f"label is kept "
            f"in oversight.rejected"
        )
    if report.number_labels:
        notes.append(
            f"{report.number_labels} rows have a number or a date in the label column; check whether their columns "
            f"are shifted"
        )
    return notes


def as_dict(report: ShipReport, stream: str) -> dict[str, Any]:
    """Return the result as JSON values."""
    totals = (
        "stored",
        "already_there",
        "headers",
        "refused",
        "blank",
        "unknown_labels",
        "number_labels",
        "bytes",
        "seconds",
    )
    return {
        "stream": stream,
        **{name: getattr(report, name) for name in totals},
        "files": [dataclasses.asdict(file) for file in report.files],
    }
