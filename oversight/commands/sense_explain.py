"""`oversight sense --explain UID`: each feature of one record, with the connections that made it."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import chain
from typing import Any

import click

from contract.errors import InputError
from contract.kdd99.columns import COLUMNS
from oversight import tables
from oversight.commands.sense_sources import Source
from oversight.terminal import one_line, print_json
from sensor.connection import Connection
from sensor.flow import Flow
from sensor.stream import Sensed, Stream
from sensor.windows.explain import GROUPS

SHOWN = 20
"""Connections of a group that the text shows; --json has all."""


def explain(source: Source, uid: str, late_s: float, stop: threading.Event, *, as_json: bool) -> None:
    """Print a record's features.

    Raises:
        InputError: no record has this id.
    """
    stream = Stream(late_s, explained=uid)
    for sensed in chain(chain.from_iterable(map(stream.feed, source.arriving(stop))), stream.close()):
        if sensed.flow.uid == uid:
            _show(sensed, stream.explanation, as_json=as_json)
            return
    raise InputError(
        f"no record of {source.name} has the id {uid}; a document has its id in event.id, and a line of conn.log in uid"
    )


def _show(sensed: Sensed, windows: Mapping[str, Sequence[Connection]], *, as_json: bool) -> None:
    values = dict(zip(COLUMNS, sensed.columns, strict=True))
    grouped = {column for group in GROUPS.values() for column in group.columns}
    own = [name for name in COLUMNS if name not in grouped]
    if as_json:
        print_json(
            {
                "uid": sensed.flow.uid,
                "own": {name: _value(sensed, name, values) for name in own},
                "windows": [
                    {
                        "meaning": group.meaning,
                        "columns": {name: _value(sensed, name, values) for name in group.columns},
                        "connections": [_as_dict(connection) for connection in windows[name]],
                    }
                    for name, group in GROUPS.items()
                ],
            }
        )
        return
    console = tables.console(soft_wrap=True)
    console.print(one_line(_headline(sensed.flow)))
    table = tables.table("Feature", "Value", "")
    for name in own:
        if name not in sensed.unavailable:
            table.add_row(name, str(values[name]), "approximate" if name in sensed.approximate else "")
    console.print(table)
    if sensed.unavailable:
        console.print(f"the source cannot know {', '.join(sensed.unavailable)}")
    for key, group in GROUPS.items():
        counted = windows[key]
        console.print(f"\n{group.meaning}: {len(counted):,} with this one")
        console.print("  " + ", ".join(f"{name} {_value(sensed, name, values)}" for name in group.columns))
        for connection in list(counted)[-SHOWN:]:
            click.echo(f"    {one_line(_line(connection))}")
        if len(counted) > SHOWN:
            console.print(f"    and {len(counted) - SHOWN:,} before them (--json shows all)")


def _value(sensed: Sensed, name: str, values: Mapping[str, Any]) -> Any:
    return None if name in sensed.unavailable else values[name]


def _headline(flow: Flow) -> str:
    ends = f"{flow.source}:{flow.source_port} to {flow.destination}:{flow.destination_port}"
    return f"{flow.uid}: {flow.protocol} {ends}, {flow.state or 'state unknown'}, ended {_clock(flow.ended_s)}"


def _line(connection: Connection) -> str:
    return (
        f"{_clock(connection.ended_s)} {connection.source}:{connection.source_port} to {connection.destination}:"
        f"{connection.destination_port} {connection.service} {connection.flag}"
    )


def _as_dict(connection: Connection) -> dict[str, Any]:
    return {
        "ended": _clock(connection.ended_s),
        "source": connection.source,
        "source_port": connection.source_port,
        "destination": connection.destination,
        "destination_port": connection.destination_port,
        "service": connection.service,
        "flag": connection.flag,
    }


def _clock(time_s: float) -> str:
    return datetime.fromtimestamp(time_s, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
