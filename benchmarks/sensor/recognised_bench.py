"""What each shipped model says of the simulator's records: the table of docs/simulated-traffic.md.

python -m benchmarks.sensor.recognised_bench [--events 2000] [--rounds 10]

    rounds of the simulator, one a seed ──▶ the service's own predictor ──▶ verdicts by scenario, in percent

A record is recognised if the verdict is its label. A long round has more connections of each attack, and longer
histories of hosts.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter, defaultdict
from datetime import UTC, datetime
from pathlib import Path

from common.settings.shared import DEFAULT_MODEL
from common.tables.open_table import open_table
from contract.kdd99.columns import NORMAL
from enrich_service.files.score import Scorer
from enrich_service.model.artifact import load
from sensor.simulation import DEFAULT_EVENTS, Record, simulate
from sensor.writer import Layout

MODELS = ("kdd99-mlp", "kdd99-flow")
LEAST = 0.02
"""Smallest share of a scenario's records for which another verdict is listed."""
MOST_OTHERS = 3

Verdicts = dict[tuple[str, str], Counter[str]]
"""How often each label was predicted, by scenario and label."""


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--events", type=int, default=DEFAULT_EVENTS, help="records in a round")
    parser.add_argument("--rounds", type=int, default=10, help="rounds, each with its own seed")
    arguments = parser.parse_args()
    start = datetime(2026, 1, 1, tzinfo=UTC)
    rounds = [list(simulate(seed=seed, start=start, events=arguments.events)) for seed in range(arguments.rounds)]
    found = {name: verdicts(DEFAULT_MODEL.parents[1] / name / DEFAULT_MODEL.name, rounds) for name in MODELS}
    sys.stdout.write(f"| scenario | records | {' | '.join(MODELS)} |\n|---|---|{'---|' * len(MODELS)}\n")
    for scenario, label in sorted(found[MODELS[0]]):
        counts = [found[name][scenario, label] for name in MODELS]
        cells = " | ".join(in_words(each, label) for each in counts)
        sys.stdout.write(f"| {scenario} | {counts[0].total():,} | {cells} |\n")


def verdicts(model: Path, rounds: list[list[Record]]) -> Verdicts:
    """What a model says of all records. People's work is one scenario; nmap is divided by protocol."""
    scorer = Scorer(load(model), reasons=False)
    found: Verdicts = defaultdict(Counter)
    for records in rounds:
        for record, label in zip(records, labels(scorer, records), strict=True):
            scenario = record.scenario if record.label != NORMAL else "people's work"
            found[f"nmap, {record.columns[1]}" if scenario == "nmap" else scenario, record.label][label] += 1
    return found


def labels(scorer: Scorer, records: list[Record]) -> list[str]:
    """The verdict of each record."""
    layout = Layout(addresses=False)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "records.csv"
        path.write_text("\n".join([layout.header, *map(layout.line, records)]) + "\n", encoding="ascii")
        return [str(label) for batch in open_table(path).batches() for label in scorer.score(batch).columns["label"]]


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
