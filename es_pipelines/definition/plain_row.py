"""The parameters of `painless/plain_row.painless`, which builds the document of a plain row in one step.

    a row of numbers and words, with the addresses of the      ┐
    simulator or without, in an envelope of known fields       ┴─▶ plain-row ──▶ the document
    anything else                                              ──▶ the pipeline `parse`, which gives the same document

An unknown field only makes an event slower. So the list has the fields that the shippers of docs/shippers.md really
send, and no others.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from contract.artifact.contract import Feature
from contract.documents.fields import FIELDS
from contract.documents.paths import merge, nest
from contract.kdd99 import columns as kdd99
from contract.kdd99.labels import LABEL
from es_pipelines.definition.columns import Columns, kind_of

HANDLED_BY_SCRIPT, VALUE, VALUES = 0, 1, 2
"""What a key of the envelope holds: something the script handles itself; a single value; a value or a list of texts."""

SHIPPED = (
    "user.id",
    "user.name",
    "observer.name",
    "host.name",
    "log.offset",
    "log.file.path",
    "source.ip",
    "source.port",
    "destination.ip",
    "destination.port",
    "ecs.version",
    "agent.ephemeral_id",
    "agent.id",
    "agent.name",
    "agent.type",
    "agent.version",
    "host.architecture",
    "host.containerized",
    "host.hostname",
    "host.id",
    "host.os.build",
    "host.os.codename",
    "host.os.family",
    "host.os.kernel",
    "host.os.name",
    "host.os.platform",
    "host.os.type",
    "host.os.version",
    "input.type",
    "log.file.device_id",
    "log.file.fingerprint",
    "log.file.inode",
    "log.level",
    "log.syslog.appname",
    "log.syslog.hostname",
    "log.syslog.priority",
    "log.syslog.procid",
)
"""Fields with a single value that a shipper sends with the line."""
SHIPPED_LISTS = ("tags", "host.ip", "host.mac")
HANDLED = ("message", "@timestamp", "event", "csv", "data_stream", "_oversight")

MONTHS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
"""Days of each month. February 29 is left to the engine's own calendar."""


def plain_row(
    columns: Columns,
    *,
    dataset: str,
    namespace: str,
    metadata: Iterable[str],
    numbers: Iterable[str],
    labels: Iterable[str],
) -> dict[str, Any]:
    """The script's parameters.

    If the features are not all numbers and words in one object, `names` is empty and the script does nothing.

    Args:
        columns: the columns of a line.
        dataset: what the documents have in `data_stream.dataset`.
        namespace: the installation.
        metadata: keys of an ingest context that are no fields.
        numbers: spellings in most columns of most events.
        labels: words that may be in the label's column; the script leaves a row with any other to `parse`.
    """
    roots = {feature.field.rpartition(".")[0] for feature in columns.features}
    root = roots.pop() if len(roots) == 1 else ""
    known = envelope(metadata, (feature.name for feature in columns.features))
    others = any(kind_of(feature) in ("boolean", "date") for feature in columns.features)
    if not root or "." in root or (root in known and root != kdd99.ROOT) or others:
        columns, root = Columns((), frozenset(), ()), ""
    names = [feature.field.rpartition(".")[2] for feature in columns.features]
    return {
        "root": root,
        "names": names,
        "headers": list(_headers(columns, names)),
        "kinds": [
            f"{'number' if feature.kind == 'float' else 'word'}{'?' if _may_miss(feature, columns) else ''}"
            for feature in columns.features
        ],
        "numbers": {text: float(text) for text in numbers},
        "labels": dict.fromkeys(labels, True),
        "known": {**known, root: {}} if root else known,
        "stream": {"type": "logs", "dataset": dataset, "namespace": namespace},
        "module": "oversight",
        "clock": dict.fromkeys(clock(), True),
    }


def _headers(columns: Columns, names: list[str]) -> Iterator[list[str]]:
    """The columns of the simulator's lines with addresses, without the label and with it; none for other data."""
    if tuple(names) == kdd99.COLUMNS:
        yield [*names, *kdd99.ADDRESSES]
        if LABEL in columns.labels:
            yield [*names, *kdd99.ADDRESSES, LABEL]


def _may_miss(feature: Feature, columns: Columns) -> bool:
    return feature.field not in columns.needed or feature.missing != "error"


def envelope(metadata: Iterable[str], names: Iterable[str]) -> dict[str, Any]:
    """Every relevant key at the top of an event, with what may be below it; an empty object allows nothing.

    Args:
        metadata: keys of an ingest context that are no fields.
        names: bare names of the features; at the top of an event they can be meant as features.
    """
    known: dict[str, Any] = {name: {} for name in names}
    known |= {field.name.partition(".")[0]: {} for field in FIELDS}
    sent = nest({**dict.fromkeys(SHIPPED, VALUE), **dict.fromkeys(SHIPPED_LISTS, VALUES)})
    return {**merge(known, sent), **dict.fromkeys((*metadata, *HANDLED), HANDLED_BY_SCRIPT)}


def clock() -> list[str]:
    """The parts of `2024-05-01T08:00:03.120Z` after the year, as the script cuts it: `-05-01T`, `T08:`, `:00:` ..."""
    days = [f"-{month:02}-{day:02}T" for month, count in enumerate(MONTHS, 1) for day in range(1, count + 1)]
    hours = [f"T{hour:02}:" for hour in range(24)]
    return [*days, *hours, *(f":{n:02}{end}" for end in ":." for n in range(60))]
