"""Compare the service with plain Flask applications for models with 10, 100 and 1,000 numbers.

    the same pages ─┬─▶ oversight serve: checks every value; verdict, risk, warnings; counts drift
                    ├─▶ Flask, reads: decodes the page with orjson; answers with the fixed bytes of a real answer
                    └─▶ Flask, predicts: request.get_json(), NumPy, the same graph; label and probability

    python -m benchmarks.enrich_service.width_bench [--data FILE] [--seconds S] [--rounds N] [--only 41,1000] \
        [--in-order] [--other FOLDER]

Each server is a gunicorn with one worker on the same core. They take turns, and the load comes from another core. A
ratio is service / application: the median over the rounds, with its 95 % interval. The goal for each width is a ratio
of at least 0.8 times the ratio of the shipped model, which has 41 features.

The fields are in a random order, the same in all documents, because an ingest pipeline stores them in the order of a
hash table; `--in-order` sends them in the contract's order. With `--other` the service of another checkout takes turns
too, and the last column compares this one with it.

All rows are normal, so that the figures leave out the cost of reasons. *with reasons* is the share of documents that
have reasons anyway, because the shipped model flags a few normal rows. The generated models have random weights, a
profile as `oversight contract init` writes it, and three words. Their rows are distinct; those of the shipped model
repeat. FILE is a labelled KDD Cup 99 file; without it the rows come from the simulator. Before it measures, the
benchmark compares the application's predictions with those of the service.
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import orjson

from benchmarks.compare_bench import interval_places
from benchmarks.enrich_service.load.clients import Rate, ask, in_turn, request
from benchmarks.enrich_service.load.made_model import made_model, made_sources
from benchmarks.enrich_service.load.processes import Server, answering, flask, keep_off_the_servers, serving
from benchmarks.enrich_service.load.traffic import PAGE, body, rows_of, traffic
from common.settings.shared import DEFAULT_MODEL
from enrich_service.model.model_file import read

WORDS = 3
PAGES = {10: 40, 41: 40, 100: 40, 1_000: 6}
"""Pages by number of features; 41 is the shipped model. They have more rows than the service caches."""
SHIPPED = 41
CONNECTIONS = 2
GOAL = 0.8
"""Lowest allowed share of the shipped model's ratio."""
TOLERANCE = 1e-5


@dataclass(frozen=True)
class Beside:
    """Ratios service / application in ascending order, by wall-clock time and by processor time."""

    by_clock: list[float]
    by_cpu: list[float]

    @property
    def ratio(self) -> float:
        """The median by wall-clock time."""
        return statistics.median(self.by_clock)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, help="labelled KDD Cup 99 file")
    parser.add_argument("--seconds", type=float, default=2.0, help="load on each server in each round")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--in-order", action="store_true", help="send the fields in the contract's order")
    parser.add_argument("--other", type=Path, help="folder of another checkout, to compare its service with this one")
    parser.add_argument("--only", default="", help="some of the widths, separated by commas")
    given = parser.parse_args()
    widths = [SHIPPED, *(width for width in PAGES if width != SHIPPED)]
    if given.only:
        widths = [int(width) for width in given.only.split(",")]
    low, high = interval_places(given.rounds)
    keep_off_the_servers()
    sys.stdout.write(
        f"{given.rounds} rounds of {given.seconds:g} s, pages of {PAGE:,}; interval from the {low + 1}. to the "
        f"{high + 1}. ratio\n\n"
        "| features | bytes of a page | with reasons | documents/s: service, reads, predicts | processor time of a "
        "document, µs | service / reads | service / predicts | by processor time | here / there "
        "by the clock; by processor time |\n"
        "|---|---|---|---|---|---|---|---|---|\n"
    )
    found = {width: _measured(width, given) for width in widths}
    if SHIPPED in found:
        _print_goal(found)


def _measured(width: int, given: argparse.Namespace) -> tuple[Beside, Beside]:
    """Print the line of one width; returns the ratios to both applications."""
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        if width == SHIPPED:
            model = DEFAULT_MODEL.resolve()
            bodies = traffic(rows_of(given.data)[0], "normal", read(model).contract, pages=PAGES[width]).bodies
        else:
            model = made_model(Path(folder) / "made.onnx", numbers=width, words=WORDS)
            sources = made_sources(read(model).contract, PAGES[width] * PAGE)
            bodies = [body(sources[begin : begin + PAGE]) for begin in range(0, len(sources), PAGE)]
        if not given.in_order:
            bodies = list(map(_as_stored, bodies))
        requests = [request("/v1/enrich", each) for each in bodies]
        ours = stack.enter_context(serving(model))
        answer = ask(ours, requests[0])
        reads = stack.enter_context(answering("decoding", answer))
        predicts = stack.enter_context(flask("predicting", model))
        with_reasons = _compared_answers(answer, ask(predicts, requests[0]))
        servers: list[Server] = [ours, reads, predicts]
        if given.other:
            servers.append(stack.enter_context(serving(model, name="the other", folder=given.other.resolve())))
        rates = in_turn(
            [(server, requests) for server in servers],
            seconds=given.seconds,
            rounds=given.rounds,
            connections=CONNECTIONS,
        )
    beside = _beside(rates[0], rates[1]), _beside(rates[0], rates[2])
    there = [_beside(rates[0], each) for each in rates[3:]]
    cells = [
        f"{width:,}",
        f"{len(bodies[0]):,}",
        f"{with_reasons:.1%}",
        ", ".join(f"{statistics.median(rate.per_s for rate in each) * PAGE:,.0f}" for each in rates),
        ", ".join(f"{1e6 / PAGE / statistics.median(rate.per_cpu_s for rate in each):,.1f}" for each in rates),
        *(_cell(each.by_clock) for each in beside),
        "; ".join(_cell(each.by_cpu) for each in beside),
        "".join(f"{_cell(each.by_clock)}; {_cell(each.by_cpu)}" for each in there),
    ]
    sys.stdout.write(f"| {' | '.join(cells)} |\n")
    sys.stdout.flush()
    return beside


def _as_stored(page: bytes) -> bytes:
    """The page with the fields of each document in another order, the same for all."""
    documents = orjson.loads(page)["documents"]
    ((root, fields),) = documents[0]["source"].items()
    names = np.random.default_rng(0).permutation(list(fields)).tolist()
    return body([{root: {name: each["source"][root][name] for name in names}} for each in documents])


def _beside(ours: Sequence[Rate], other: Sequence[Rate]) -> Beside:
    pairs = list(zip(ours, other, strict=True))
    return Beside(sorted(a.per_s / b.per_s for a, b in pairs), sorted(a.per_cpu_s / b.per_cpu_s for a, b in pairs))


def _cell(ratios: Sequence[float]) -> str:
    low, high = interval_places(len(ratios))
    return f"{statistics.median(ratios):.2f}, {ratios[low]:.2f} to {ratios[high]:.2f}"


def _print_goal(found: dict[int, tuple[Beside, Beside]]) -> None:
    """Print whether each width reaches the goal."""
    sys.stdout.write("\n| features | goal | reads | | predicts | |\n|---|---|---|---|---|---|\n")
    shipped = found[SHIPPED]
    for width, beside in found.items():
        if width != SHIPPED:
            cells = []
            for ours, goal in zip(beside, shipped, strict=True):
                part = ours.ratio / goal.ratio
                cells.append(f"{part:.2f} of {SHIPPED} features' | {'reached' if part >= GOAL else 'missed'}")
            sys.stdout.write(f"| {width:,} | {GOAL} | {' | '.join(cells)} |\n")


def _compared_answers(ours: bytes, other: bytes) -> float:
    """Check that the application predicts the same as the service; returns the share of our results with reasons.

    Raises:
        RuntimeError: the predictions differ.
    """
    predictions = [result["fields"]["oversight"]["prediction"] for result in orjson.loads(ours)["results"]]
    for mine, theirs in zip(predictions, orjson.loads(other)["results"], strict=True):
        if mine["closest"] != theirs["label"] or abs(mine["probability"] - theirs["probability"]) > TOLERANCE:
            raise RuntimeError(f"the service predicts {mine}, the application {theirs}")
    return sum("reasons" in each for each in predictions) / len(predictions)


if __name__ == "__main__":
    main()
