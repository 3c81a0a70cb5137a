"""Lines of conn.log a second, from the file to all 41 columns and to documents, beside a bare parser of the same file.

python -m benchmarks.sensor.logs_bench [--lines 100000] [--runs 5]

    read        lines of the file, as flows
    record      and KDD's own 22 columns of each
    columns     and the 19 of the windows, with late records sorted in: end to end
    documents   and each as a document, one line of JSON

    csv.reader, csv.DictReader     TSV as lists, or as objects by name; every value stays text
    typed                          TSV as objects by name, each value converted by its #types
    json.loads, orjson.loads       JSON as objects

Each figure is the best of some runs, in processor time. A share is the bare parser's time divided by ours.
"""

from __future__ import annotations

import argparse
import csv
import json
import random
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import orjson

from oversight.commands.sense_files import LogFiles
from sensor.flow import Flow
from sensor.flow_documents import line_of
from sensor.kdd_record import record_of
from sensor.stream import Sensed, Stream

TYPES = {
    "ts": "time",
    "uid": "string",
    "id.orig_h": "addr",
    "id.orig_p": "port",
    "id.resp_h": "addr",
    "id.resp_p": "port",
    "proto": "enum",
    "service": "string",
    "duration": "interval",
    "orig_bytes": "count",
    "resp_bytes": "count",
    "conn_state": "string",
    "local_orig": "bool",
    "local_resp": "bool",
    "missed_bytes": "count",
    "history": "string",
    "orig_pkts": "count",
    "orig_ip_bytes": "count",
    "resp_pkts": "count",
    "resp_ip_bytes": "count",
    "tunnel_parents": "set[string]",
    "ip_proto": "count",
}
CONVERT: dict[str, Callable[[str], object]] = {
    "time": float,
    "interval": float,
    "port": int,
    "count": int,
    "bool": "T".__eq__,
    "set[string]": lambda value: value.split(","),
}
HEADER = ("#separator \\x09", "#set_separator\t,", "#empty_field\t(empty)", "#unset_field\t-", "#path\tconn")
START_S = 1_700_000_000.0


def main() -> None:
    """Print one line for each step and each bare parser."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--lines", type=int, default=100_000)
    parser.add_argument("--runs", type=int, default=5)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        tsv, js = Path(folder, "conn.log"), Path(folder, "conn.json")
        _write(tsv, js, arguments.lines)
        for path, bare in ((tsv, BARE_TSV), (js, BARE_JSON)):
            _compare(path, bare, arguments.lines, arguments.runs)


def _compare(path: Path, bare: dict[str, Callable[[Path], Iterable[object]]], lines: int, runs: int) -> None:
    best = {name: min(_taken_s(step, path) for _ in range(runs)) for name, step in {**STEPS, **bare}.items()}
    sys.stdout.write(f"{path.name}\n")
    for name, taken_s in best.items():
        share = f"{taken_s / best['columns']:8.0%} of it end to end" if name in bare else ""
        sys.stdout.write(f"  {name:16} {lines / taken_s:10,.0f} lines/s {share}\n")


def _taken_s(step: Callable[[Path], Iterable[object]], path: Path) -> float:
    began_s = time.process_time()
    for _ in step(path):
        pass
    return time.process_time() - began_s


def _read(path: Path) -> Iterator[Flow]:
    for flows in LogFiles([path], "zeek").arriving(threading.Event()):
        yield from flows


def _records(path: Path) -> Iterator[object]:
    return map(record_of, _read(path))


def _columns(path: Path) -> Iterator[Sensed]:
    stream = Stream()
    for flows in LogFiles([path], "zeek").arriving(threading.Event()):
        yield from stream.feed(flows)
    yield from stream.close()


def _documents(path: Path) -> Iterator[object]:
    return (line_of(sensed, observer="zeek") for sensed in _columns(path))


def _csv_reader(path: Path) -> Iterator[object]:
    with path.open(newline="") as file:
        yield from csv.reader(file, delimiter="\t")


def _csv_dict_reader(path: Path) -> Iterator[object]:
    with path.open(newline="") as file:
        yield from csv.DictReader((line for line in file if not line.startswith("#")), list(TYPES), delimiter="\t")


def _typed(path: Path) -> Iterator[object]:
    columns = [(name, CONVERT.get(kind)) for name, kind in TYPES.items()]
    with path.open(newline="") as file:
        for cells in csv.reader((line for line in file if not line.startswith("#")), delimiter="\t"):
            yield {
                name: None if cell == "-" else cell if convert is None else convert(cell)
                for (name, convert), cell in zip(columns, cells, strict=True)
            }


def _json_loads(path: Path) -> Iterator[object]:
    with path.open("rb") as file:
        yield from map(json.loads, file)


def _orjson_loads(path: Path) -> Iterator[object]:
    with path.open("rb") as file:
        yield from map(orjson.loads, file)


STEPS: dict[str, Callable[[Path], Iterable[object]]] = {
    "read": _read,
    "record": _records,
    "columns": _columns,
    "documents": _documents,
}
BARE_TSV: dict[str, Callable[[Path], Iterable[object]]] = {
    "csv.reader": _csv_reader,
    "csv.DictReader": _csv_dict_reader,
    "typed": _typed,
}
BARE_JSON: dict[str, Callable[[Path], Iterable[object]]] = {"json.loads": _json_loads, "orjson.loads": _orjson_loads}


def _write(tsv: Path, js: Path, lines: int) -> None:
    """The same connections in both forms, in the order of their ends, as Zeek writes them."""
    chance = random.Random(1)  # noqa: S311  no secret
    with tsv.open("w") as rows, js.open("wb") as records:
        rows.write("\n".join((*HEADER, "#fields\t" + "\t".join(TYPES), "#types\t" + "\t".join(TYPES.values()), "")))
        for number in range(lines):
            record = _record(number, chance)
            rows.write("\t".join(_cell(record.get(name)) for name in TYPES) + "\n")
            records.write(orjson.dumps(record) + b"\n")


def _record(number: int, chance: random.Random) -> dict[str, object]:
    """Pages, look-ups and mail of 200 clients and 300 servers, 1,000 connections a second."""
    port, protocol, service = chance.choice(((80, "tcp", "http"), (443, "tcp", "ssl"), (53, "udp", "dns")))
    duration = round(chance.expovariate(2.0), 6)
    sent, received = chance.randrange(2_000), chance.randrange(50_000)
    packets = 1 + sent // 1000, 1 + received // 1000
    return {
        "ts": round(START_S + number / 1000 - duration, 6),
        "uid": f"C{chance.getrandbits(80):020x}",
        "id.orig_h": f"192.168.1.{chance.randrange(200)}",
        "id.orig_p": chance.randrange(1024, 65536),
        "id.resp_h": f"198.51.{chance.randrange(3)}.{chance.randrange(100)}",
        "id.resp_p": port,
        "proto": protocol,
        "service": service,
        "duration": duration,
        "orig_bytes": sent,
        "resp_bytes": received,
        "conn_state": "SF",
        "local_orig": True,
        "local_resp": False,
        "missed_bytes": 0,
        "history": "Dd" if protocol == "udp" else "ShADadFf",
        "orig_pkts": packets[0],
        "orig_ip_bytes": sent + 40 * packets[0],
        "resp_pkts": packets[1],
        "resp_ip_bytes": received + 40 * packets[1],
        "ip_proto": 17 if protocol == "udp" else 6,
    }


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return "T" if value else "F"
    return "-" if value is None else f"{value:.6f}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    main()
