"""What each shipped model says of the simulator's records: the tables of docs/simulated-traffic.md.

python -m benchmarks.sensor.recognised_bench [--events 2000] [--rounds 10]

    rounds of the simulator, one a seed ──▶ rows ─────────────────────────▶ the service's own predictor ──▶ verdicts
                                      └───▶ capture ──▶ tracker ──▶ rows ──▶                                by scenario

A record is recognised if the verdict is its label. A long round has more connections of each attack, and longer
histories of hosts. A record of a capture is a flow: the messages of an ICMP exchange are one, and the datagrams between
two ports.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path

from common.settings.shared import DEFAULT_MODEL
from common.tables.open_table import open_table
from contract.kdd99.columns import LABELS, NORMAL
from enrich_service.files.score import Scorer
from enrich_service.model.artifact import load
from sensor.capture.counts import Counts
from sensor.capture.files import read
from sensor.capture.tracker import track
from sensor.capture.write import CaptureWriter
from sensor.packets_of import write_capture
from sensor.simulation import DEFAULT_EVENTS, Record, simulate
from sensor.stream import Sensed, Stream
from sensor.windows.features import Columns, csv_line
from sensor.writer import Layout

MODELS = ("kdd99-mlp", "kdd99-flow")
FLOW_MODEL = MODELS[1]
FAMILIES = {label.name: label.family for label in LABELS}
LEAST = 0.02
"""Smallest share of a scenario's records for which another verdict is listed."""
MOST_OTHERS = 3

START = datetime(2026, 1, 1, tzinfo=UTC)
Ends = dict[tuple[str, str, int, str], list[tuple[float, str, str]]]
"""Start, scenario and label of connections, by protocol, source, its port (of ICMP the type) and destination."""
Verdicts = dict[tuple[str, str], Counter[str]]
"""How often each label was predicted, by scenario and label."""


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--events", type=int, default=DEFAULT_EVENTS, help="records in a round")
    parser.add_argument("--rounds", type=int, default=10, help="rounds, each with its own seed")
    arguments = parser.parse_args()
    rounds = [list(simulate(seed=seed, start=START, events=arguments.events)) for seed in range(arguments.rounds)]
    found = {name: verdicts(model_of(name), rounds) for name in MODELS}
    found[f"{FLOW_MODEL}, capture"] = of_captures(model_of(FLOW_MODEL), rounds)
    sys.stdout.write(f"{table(found, in_shares)}\n{table(found, in_words)}")


def table(found: dict[str, Verdicts], cell: Callable[[Counter[str], str], str]) -> str:
    """A row for each scenario, a column for each way."""
    lines = [f"| scenario | records | flows | {' | '.join(found)} |", f"|---|---|---|{'---|' * len(found)}"]
    first, *_, last = found.values()
    for scenario, label in sorted(first):
        cells = [cell(each[scenario, label], label) for each in found.values()]
        sizes = (f"{each[scenario, label].total():,}" for each in (first, last))
        lines.append(f"| {' | '.join([scenario, *sizes, *cells])} |")
    return "\n".join(lines) + "\n"


def model_of(name: str) -> Path:
    """The artifact of a shipped model."""
    return DEFAULT_MODEL.parents[1] / name / DEFAULT_MODEL.name


def verdicts(model: Path, rounds: list[list[Record]]) -> Verdicts:
    """What a model says of all records. People's work is one scenario; nmap is divided by protocol."""
    scorer = Scorer(load(model), reasons=False)
    found: Verdicts = defaultdict(Counter)
    for records in rounds:
        for record, label in zip(records, labels(scorer, [record.columns for record in records]), strict=True):
            found[scenario_of(record), record.label][label] += 1
    return found


def scenario_of(record: Record) -> str:
    """The row of the tables to which a record belongs."""
    if record.label == NORMAL:
        return "people's work"
    return f"nmap, {record.columns[1]}" if record.scenario == "nmap" else record.scenario


def of_captures(model: Path, rounds: list[list[Record]]) -> Verdicts:
    """What a model says of the flows in a capture of each round. Its windows begin empty."""
    scorer = Scorer(load(model), reasons=False)
    found: Verdicts = defaultdict(Counter)
    for records in rounds:
        sensed = from_capture(records)
        played = scenarios_by_ends(records)
        for each, label in zip(sensed, labels(scorer, [one.columns for one in sensed]), strict=True):
            flow = each.flow
            began = played[flow.protocol, flow.source, flow.source_port, flow.destination]
            _, scenario, true_label = min(began, key=lambda times: abs(times[0] - flow.started_s))
            found[scenario, true_label][label] += 1
    return found


def from_capture(records: list[Record]) -> list[Sensed]:
    """The records of a round, written as packets and sensed."""
    connections = [record.connection for record in records]
    ended_s = max(connection.ended_s for connection in connections)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "round.pcap"
        with CaptureWriter(path) as capture:
            write_capture(capture, connections, last_s=ended_s)
        counts, stream = Counts(), Stream()
        flows = chain.from_iterable(track(read([path], counts), counts))
        return [*stream.feed(list(flows)), *stream.close()]


def scenarios_by_ends(records: list[Record]) -> Ends:
    """When connections began, with scenario and label, by what a connection and its flow have in common."""
    found: Ends = defaultdict(list)
    for record in records:
        one = record.connection
        ends = (one.protocol_type, one.source, one.source_port, one.destination)
        found[ends].append((one.started_s, scenario_of(record), record.label))
    return found


def labels(scorer: Scorer, rows: Sequence[Columns]) -> list[str]:
    """The verdict of each row."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "records.csv"
        path.write_text("\n".join([Layout(addresses=False).header, *map(csv_line, rows)]) + "\n", encoding="ascii")
        return [str(label) for batch in open_table(path).batches() for label in scorer.score(batch).columns["label"]]


def in_shares(counts: Counter[str], label: str) -> str:
    """In percent: the label itself, a label of the same family, any verdict that is not `normal`."""
    total = counts.total()
    family = sum(count for other, count in counts.items() if FAMILIES.get(other) == FAMILIES[label])
    return " / ".join(f"{count / total:.0%}"[:-1] for count in (counts[label], family, total - counts[NORMAL]))


def in_words(counts: Counter[str], label: str) -> str:
    """The share that is recognised, and the most frequent other verdicts."""
    total = counts.total()
    others = [
        f"{other} {count / total:.0%}"
        for other, count in counts.most_common()
        if other != label and count / total >= LEAST
    ]
    return ", ".join([f"{counts[label] / total:.0%}", *others[:MOST_OTHERS]])


if __name__ == "__main__":
    main()
