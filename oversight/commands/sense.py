"""`oversight sense`: takes the traffic that a site records already, and ships a document for each connection."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path
from typing import IO

import click

from common.settings.shared import OversightSettings
from contract import hints
from contract.errors import InputError
from contract.model_summary import ModelSummary
from es_pipelines.settings import ShipSettings
from es_pipelines.ship.arriving.records import ship_records
from es_pipelines.ship.config import ShipConfig
from es_pipelines.ship.target import provisioned_model
from oversight.client.cluster import connect
from oversight.commands.sense_explain import explain
from oversight.commands.sense_needs import require_features
from oversight.commands.sense_sources import Source, chosen
from oversight.commands.ship_progress import ShipProgress
from oversight.commands.ship_timeout import timeout_option
from oversight.commands.stopping import INTERRUPTED, stop_on_signals
from oversight.config import logs
from oversight.config.settings import load, load_installation, option_of
from oversight.terminal import one_line, print_json
from sensor.capture.timers import SECOND_NS, TCP_IDLE_NS
from sensor.flow_documents import line_of
from sensor.stream import Sensed, Stream
from sensor.windows.in_order import LATE_S

STDOUT = Path("-")
IDLE_S = TCP_IDLE_NS // SECOND_NS
"""Zeek and our own tracker end an idle TCP connection after this time."""
IDLE_LATE_S = IDLE_S + 5
TOGETHER = 1_000
"""Records of a recording that are sent together."""


@dataclass(frozen=True, slots=True)
class Tally:
    """What became of the records."""

    stored: int
    already_there: int = 0
    refused: int = 0

    @property
    def records(self) -> int:
        """All records."""
        return self.stored + self.already_there + self.refused


@click.command()
@click.argument("files", nargs=-1, metavar="[FILE]...", type=click.Path(path_type=Path))
@click.option("--zeek", "kind", flag_value="zeek", help="FILE... are Zeek's conn.log, as TSV or JSON, also packed.")
@click.option("--suricata", "kind", flag_value="suricata", help="FILE... are Suricata's eve.json; flow events count.")
@click.option("--pcap", "kind", flag_value="pcap", help="FILE... are captures, pcap or pcapng.")
@click.option("--interface", metavar="NAME", help="Record from a network interface, until Ctrl-C; needs rights.")
@click.option("--index", metavar="PATTERN", help="Read flow documents that are in Elasticsearch already.")
@click.option("--follow", "following", is_flag=True, help="Keep reading what is added to the files, until Ctrl-C.")
@click.option(
    "--follow-symlinks", is_flag=True, help="Read logs through symbolic links; default: symbolic links are refused."
)
@click.option(
    "--late",
    "late_s",
    type=click.FloatRange(min=0),
    metavar="SECONDS",
    default=LATE_S,
    show_default=True,
    help="Wait this long for records that ended earlier; a live source is delayed by as much. "
    f"A TCP connection that nobody closes is known {IDLE_S} s after its last packet: {IDLE_LATE_S} waits for it too.",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path, allow_dash=True),
    metavar="FILE",
    help="Append the documents to FILE as lines of JSON instead, for `oversight ship`; - is standard output.",
)
@click.option("--explain", "explained", metavar="UID", help="Show each feature of one record, and store nothing.")
@click.option(
    "--report",
    "reporting",
    is_flag=True,
    help="Show how far the first hour of the traffic is from what the model learned, and store nothing.",
)
@click.option(
    "--profile",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="With --report: write what is usual at this site to FILE, for OVERSIGHT_PROFILE.",
)
@click.option(
    "--observer",
    help="Sensor (observer.name), where the records name none; default: zeek, suricata or the host's name.",
)
@option_of(OversightSettings, "namespace")
@option_of(OversightSettings, "dataset")
@timeout_option
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def command(
    *,
    files: tuple[Path, ...],
    kind: str | None,
    interface: str | None,
    index: str | None,
    following: bool,
    follow_symlinks: bool,
    late_s: float,
    output: Path | None,
    explained: str | None,
    reporting: bool,
    profile: Path | None,
    observer: str | None,
    namespace: str | None,
    dataset: str | None,
    timeout_s: float | None,
    as_json: bool,
) -> None:
    """Compute KDD's features of recorded connections, and send each connection to Elasticsearch once.

    The records come from one source: --zeek, --suricata or --pcap with files, --interface, or --index. Each becomes a
    document with its addresses, ports and bytes, and the features that the source can know; the others are named in
    oversight.sensor.unavailable. You can run the command again over the same records: what is stored stays as it is.
    With --zeek and --suricata, FILE `-` reads standard input to its end.

    \b
    Example:
      oversight sense --zeek /opt/zeek/logs/current/conn.log --follow
      zcat conn.log.gz | oversight sense --zeek -
      oversight sense --pcap monday.pcapng
      oversight sense --suricata /var/log/suricata/eve.json --output records.jsonl
      oversight sense --zeek conn.log --explain CHhAvVGS1DHFjwGM9
      oversight sense --zeek conn.log --report --profile site.json
    """
    if profile is not None and not reporting:
        raise click.UsageError("--profile FILE is written by --report; add --report")
    logs.setup("oversight-sense", stream=sys.stderr)
    source = chosen(
        files,
        kind=kind,
        interface_name=interface,
        index=index,
        following=following,
        follow_symlinks=follow_symlinks,
    )
    stop = stop_on_signals()
    if explained is not None:
        explain(source, explained, late_s, stop, as_json=as_json)
        return
    stream, observer = Stream(late_s, is_live=source.is_live), observer or source.observer
    arriving = _arriving(source, stream, stop)
    if reporting:
        _report(source, arriving, profile, as_json=as_json)
        return
    lines = _lines(arriving, observer, is_live=source.is_live)
    if output is not None:
        _say_delay(source, late_s)
        tally = _write(lines, output)
    else:
        shared = load_installation(namespace=namespace, dataset=dataset)
        settings = load(ShipSettings)
        config = ShipConfig(shared.stream, shared.state, observer=observer, settings=settings, timeout_s=timeout_s)
        with connect() as es, ShipProgress() as display:
            require_features(provisioned_model(es, shared.stream), source.lacks, source=source.name)
            _say_delay(source, late_s)
            shipped = ship_records(
                es, lines, config, source=source.name, path=source.path, stop=stop, on_progress=display.shipped
            )
        tally = Tally(shipped.stored, shipped.already_there, shipped.refused)
    _show(tally, stream, source, output, as_json=as_json)
    if stop.is_set() and not source.is_live:
        click.echo("oversight: stopped; run the same command again, it sends what is missing", err=True)
        sys.exit(INTERRUPTED)
    sys.exit(int(not tally.records and bool(source.notes())))


def _say_delay(source: Source, late_s: float) -> None:
    if source.is_live:
        click.echo(f"oversight: each record is sent {late_s:g} s after its connection ended (--late)", err=True)
    if source.is_live and late_s < IDLE_S:
        click.echo(
            f"oversight: a TCP connection that nobody closes is known only {IDLE_S} s after its last packet, so its "
            f"features are approximate; --late {IDLE_LATE_S} waits for it",
            err=True,
        )


def _report(source: Source, arriving: Iterator[Sequence[Sensed]], profile: Path | None, *, as_json: bool) -> None:
    from oversight.commands.sense_report import model_to_report_on, report  # here: ONNX Runtime takes a while to load

    model = model_to_report_on()
    require_features(ModelSummary.of(model.contract), source.lacks, source=source.name)
    if source.is_live:
        click.echo("oversight: recording one hour of traffic; Ctrl-C reports on what there is until then", err=True)
    sensed = chain.from_iterable(arriving)
    report(sensed, model, source=source.name, profile=profile, as_json=as_json)
    for note in source.notes():
        click.echo(one_line(note), err=True)


def _lines(arriving: Iterator[Sequence[Sensed]], observer: str, *, is_live: bool) -> Iterator[Sequence[bytes]]:
    """The documents as JSON. Live in lists of those that are known together, otherwise in longer ones: each list takes
    a request or more, and nobody waits for the first record of a recording.
    """
    lines: list[bytes] = []
    for sensed in arriving:
        lines += [line_of(each, observer=observer) for each in sensed]
        if is_live or len(lines) >= TOGETHER:
            yield lines
            lines = []
    if lines:
        yield lines


def _arriving(source: Source, stream: Stream, stop: threading.Event) -> Iterator[Sequence[Sensed]]:
    """The flows with their columns, in lists of those that are known together."""
    for flows in source.arriving(stop):
        if ready := list(stream.feed(flows)):
            yield ready
    if stop.is_set() and not source.is_live:
        return  # what still waits for late records comes in the next run
    if ready := list(stream.close()):
        yield ready


def _write(lines: Iterator[Sequence[bytes]], output: Path) -> Tally:
    written = 0
    with _opened(output) as file:
        for found in lines:
            file.write(b"\n".join(found) + b"\n")
            file.flush()
            written += len(found)
    return Tally(written)


def _opened(output: Path) -> AbstractContextManager[IO[bytes]]:
    if output == STDOUT:
        return nullcontext(sys.stdout.buffer)
    try:
        return output.open("ab")
    except OSError as error:
        raise InputError(f"cannot write {output} ({error.strerror or error}); choose another path") from None


def _out_of_order(stream: Stream) -> list[str]:
    found = [
        (stream.late, "records came too late to be sorted in; their features are approximate. Try a larger --late"),
        (stream.off, "records have a clock that is off by more than an hour; their features are approximate"),
        (stream.early, "records did not wait for late ones, because too many came; try a smaller --late"),
        (stream.set_back, "times the clock jumped back by more than an hour; were files given in the wrong order?"),
    ]
    return [f"{number:,} {meaning}" for number, meaning in found if number]


def _show(tally: Tally, stream: Stream, source: Source, output: Path | None, *, as_json: bool) -> None:
    if as_json:
        counts = {"written": tally.stored} if output else asdict(tally)
        facts = {"source": source.name, "records": tally.records, **counts}
        order = {name: getattr(stream, name) for name in ("late", "off", "early", "set_back")}
        print_json({**facts, **order, "notes": source.notes()})
        return
    done = f"written to {output}" if output else f"{tally.stored} stored, {tally.already_there} already there"
    lines = [f"{tally.records:,} records of {source.name}: {done}"]
    if tally.refused:
        lines.append(f"Elasticsearch refused {tally.refused}; they are stored with the status failed")
    lines += _out_of_order(stream)
    lines += source.notes()
    if tally.stored and not output:
        lines.append(f"{hints.run('status')} shows how many have a prediction")
    for line in lines:
        click.echo(one_line(line), err=output == STDOUT)
