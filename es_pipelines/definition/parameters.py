"""The parameters of the pipelines' scripts, built from the field list and the model's contract.

    contract.fields.FIELDS ─────────────────┐
                                            ├─▶ parameters() ──▶ the `$name` places in pipelines/*.yml
    ModelContract.features ──▶ columns_of() ┘

Each field is defined once. To add one, change `contract/documents/fields.py` or the model, then provision again.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from typing import Any

from contract.artifact.contract import Feature, ModelContract
from contract.artifact.json_reader import FLOAT_MAX
from contract.documents.datasets import CONNECTION, event_dataset, resource_name
from contract.documents.fields import (
    ALERT_ROOT,
    APPROXIMATE,
    DERIVED_FROM_KDD,
    ECS_VERSION,
    FIELDS,
    SHIPPED_FIELDS,
    UNAVAILABLE,
    stream_name,
)
from contract.kdd99.columns import COLUMNS, field_of
from contract.kdd99.labels import DIFFICULTY, DIFFICULTY_NAMES, LABEL, known_labels
from contract.values import END_MS, FIRST_MS, LARGEST_WHOLE
from es_pipelines.definition.columns import Columns, columns_of, kind_of
from es_pipelines.definition.failures import OF_PROCESSOR
from es_pipelines.definition.plain_row import plain_row

MAX_DEPTH = 16
"""Deepest field that is kept as a field. Engines stop at 20 levels; `oversight.shipped.` adds two."""

MAX_LINE_FIELDS = 1_000
"""Largest number of fields from a JSON line, without the model's features; a line can contain anything."""

METADATA = (
    "_index",
    "_id",
    "_version",
    "_version_type",
    "_routing",
    "_op_type",
    "_type",
    "_dynamic_templates",
    "_if_seq_no",
    "_if_primary_term",
    "_now",
    "_ingest",
    "_oversight",
)
"""Keys of an ingest context that are no fields; `_oversight` holds the pipelines' own notes."""

DERIVED = (
    "event.kind",
    "event.category",
    "event.type",
    "event.module",
    "event.dataset",
    "event.ingested",
    "event.duration",
    "event.original",
    "network.transport",
    "network.protocol",
    "network.bytes",
    "source.bytes",
    "destination.bytes",
    "data_stream",
)
"""Fields that the pipelines set. What a shipper sends under these names goes to `oversight.shipped.*`."""

KEPT = ("oversight.truth.label", "oversight.original.base64", UNAVAILABLE, APPROXIMATE)
"""The incoming fields below `oversight.*` that are always kept: texts and lists of texts."""

KEPT_OF_COPIES = ("shipped",)
"""Also kept below `oversight.*` if a copy of one of our documents arrives as a new document."""
KEPT_WHEN_STORED = (
    *KEPT_OF_COPIES,
    "feedback",
    "prediction",
    "model",
    "shadow",
    "alert",
    "suppressed",
    "suppressed_by",
)
"""Also kept below `oversight.*` if a stored document runs through the pipelines again."""

PLAIN_ROOTS = ("oversight", "event", "error", "rule", "threat")
"""Roots of the fields that only Oversight writes. Plain processors clear them where no script runs."""


def path_set(paths: Iterable[str]) -> str:
    """A set of dotted paths in the form in which the scripts search it: `|a|a.b|`."""
    return "|" + "".join(f"{path}|" for path in sorted(paths))


NUMBERS = (*map(str, range(256)), *(f"{hundredth / 100:.2f}" for hundredth in range(101)))
COMMON_NUMBERS = path_set(NUMBERS)
"""The numbers in most columns of most events. Only other numbers are checked character by character."""

MAX_WORD = 1024
"""Longest word that is a feature's value, in characters. The enrich service has the same limit."""
MAX_NUMBER = 64
"""Longest text that is read as a number. The enrich service has the same limit."""

DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
"""Delimiters that are recognised without `csv.delimiter`, with their names for messages."""

MAX_COLUMNS = 2_000
"""Largest number of columns of a row that is split; a line can contain anything."""

LINE_TEXTS = ("message", "log", "body", "Body", "short_message")
"""Keys in which a wrapper holds its line; the first one counts. Also `body.text`.

docker and Fluent Bit: `log`. Filebeat, Logstash, Vector: `message`. OpenTelemetry: `body.text`, `Body`. GELF:
`short_message`.
"""
WRAPPER_TIMES = ("time", "timestamp", "Timestamp", "timeUnixNano", "observed_timestamp")
"""Keys in which a wrapper holds the time of its line; the first one counts."""

ZONES = {
    "GMT": "Z",
    "UT": "Z",
    "UTC": "Z",
    "Z": "Z",
    "EST": "-05:00",
    "EDT": "-04:00",
    "CST": "-06:00",
    "CDT": "-05:00",
    "MST": "-07:00",
    "MDT": "-06:00",
    "PST": "-08:00",
    "PDT": "-07:00",
}
"""Names of time zones in RFC 2822; other names are ambiguous."""
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
DIGITS = tuple("0123456789")

OTHER_KINDS = frozenset({"boolean", "date", "whole"})
"""Kinds of columns that not every model has; only then the scripts can read them."""
_OF_OTHER_KINDS = {
    "digits": DIGITS,
    "month_days": "312831303130313130313031",
    "first_ms": FIRST_MS,
    "end_ms": END_MS,
    "largest_whole": LARGEST_WHOLE,
}
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
"""In syslog's spelling."""

PIPELINES = ("document", "failure", "features", "json", "line", "csv", "parse", "router")
"""Each after those that it calls."""


def pipeline_id(name: str, namespace: str, dataset: str = CONNECTION) -> str:
    """Id of one of a dataset's pipelines."""
    return resource_name(name, namespace, dataset)


def parameters(contract: ModelContract, namespace: str, *, data_streams: bool) -> dict[str, Any]:
    """The value of every `$name` in the pipeline files, except `$painless.*` and `$processor_pipelines`.

    Args:
        contract: the model whose features the events hold, and its dataset.
        namespace: the installation.
        data_streams: whether the engine has data streams. There, a document that names a backing index was stored
            before. On other engines every write through a pipeline counts as a new document.
    """
    columns = columns_of(contract)
    stream, dataset = stream_name(namespace, contract.dataset), event_dataset(contract.dataset)
    kinds = {kind_of(column) for column in columns.features}
    fields = [feature.field for feature in columns.features]
    kdd = set(fields) >= {field_of(column) for column in COLUMNS}
    labels = path_set(known_labels(contract))
    backing = f"ds-{stream}-" if data_streams else ""
    constants = {
        "event.module": "oversight",
        "event.dataset": dataset,
        "data_stream.type": "logs",
        "data_stream.dataset": dataset,
        "data_stream.namespace": namespace,
    }
    mapped = {field.name for field in FIELDS if field.kind != "object"} | set(fields)
    return {
        "byte_order_mark": "\ufeff",
        "backslash": "\\",
        "months": path_set(MONTHS),
        "newline": "\n",
        "carriage_return": "\r",
        "csv": {**_csv(columns, difficulty=kdd), "known_labels": labels},
        "unwrap": {
            "metadata": path_set(METADATA),
            "roots": path_set({field.partition(".")[0] for field in fields}),
            "names": _names(columns),
            "half": _half(columns, of_line=False),
            "texts": LINE_TEXTS,
            "times": WRAPPER_TIMES,
        },
        "times": {
            "digits": DIGITS,
            "month_numbers": {name: f"{number:02}" for number, name in enumerate(MONTHS, 1)},
            "zones": ZONES,
            "seconds_below": 1e11,
            "largest": 9.2e18,
        },
        "stream": stream,
        "backing": backing,
        "namespace": namespace,
        "dataset": dataset,
        "ecs_version": ECS_VERSION,
        "metadata": path_set(METADATA),
        "plain_dotted": dotted_removal(),
        "failure_codes": OF_PROCESSOR,
        "plain_row": {
            **plain_row(
                columns,
                dataset=dataset,
                namespace=namespace,
                metadata=METADATA,
                numbers=NUMBERS,
                labels=known_labels(contract),
            ),
            "ecs_version": ECS_VERSION,
            "unusual": ['"', "\n", "\r", *(mark for mark in DELIMITERS if mark != ",")],
            "max_word": MAX_WORD,
            "backing": backing,
        },
        "features": {
            "features": [_feature(feature, columns) for feature in columns.features],
            "needed": len(columns.needed),
            "common": COMMON_NUMBERS,
            "float_max": FLOAT_MAX,
            "max_word": MAX_WORD,
            "max_number": MAX_NUMBER,
            **(_OF_OTHER_KINDS if kinds & OTHER_KINDS else {}),
        },
        "other_kinds": sorted(kinds & OTHER_KINDS) or None,
        "gaps": any(column.missing != "error" for column in columns.features) or None,
        "booleans": [column.field for column in columns.features if kind_of(column) == "boolean"] or None,
        "event_category": contract.event.category,
        "event_type": contract.event.type,
        "gather": {
            "metadata": path_set(METADATA),
            "leaves": path_set([*mapped, "message"]),  # a line has no parts: what is below it is no field
            "objects": path_set(parents(mapped)),
            "features": path_set(fields),
            "needed": path_set(columns.needed),
            "names": _names(columns),
            "labels": path_set(columns.labels),
            "known_labels": labels,
            "difficulties": path_set(DIFFICULTY_NAMES) if kdd else "",
            "difficulty": DIFFICULTY,
            "ours": path_set([*SHIPPED_FIELDS, *DERIVED]),
            "constants": path_set(f"{path}={value}" for path, value in constants.items()),
            "of_line": path_set(DERIVED_FROM_KDD),
            "kept": path_set(KEPT),
            "kept_when_stored": path_set(KEPT_WHEN_STORED),
            "kept_of_copies": path_set(KEPT_OF_COPIES),
            "shipped_fields": path_set(SHIPPED_FIELDS),
            "max_depth": MAX_DEPTH,
            "max_line_fields": MAX_LINE_FIELDS,
            "half": _half(columns, of_line=False),
        },
    } | {f"pipeline.{name}": pipeline_id(name, namespace, contract.dataset) for name in PIPELINES}


def _names(columns: Columns) -> str:
    names = {feature.name: feature.field for feature in columns.features}
    names |= {alias: names[name] for alias, name in columns.aliases}
    return path_set(f"{name}={field}" for name, field in names.items())


def dotted_removal() -> list[dict[str, Any]]:
    """Processors that remove our fields in dotted spelling, where no script can run: nest them, then remove them.

    Longest names first: a short name in the way (`oversight.feedback`) would keep a longer one from being nested.
    """
    paths = [ALERT_ROOT, *(field.name for field in FIELDS if field.name.partition(".")[0] in PLAIN_ROOTS)]
    below = sorted({*paths, *parents(paths)} - set(PLAIN_ROOTS), key=lambda path: (-path.count("."), path))
    processors: list[dict[str, Any]] = []
    for depth, group in groupby(below, key=lambda path: path.count(".")):
        for path in group:
            text = f"{path} in dotted spelling becomes nested"
            options = {"tag": f"plain-nest-{path}", "description": text, "field": path, "ignore_failure": True}
            processors.append({"dot_expander": options})
        text = "Fields that are ours, which were dotted"
        options = {"tag": f"plain-clear-{depth}", "description": text, "field": [*PLAIN_ROOTS]}
        processors.append({"remove": {**options, "ignore_missing": True, "ignore_failure": True}})
    return processors


def _half(columns: Columns, *, of_line: bool) -> int:
    """How many of the model's features must be present by their bare names. Otherwise a stray `service` would count.

    Args:
        columns: the columns of a line.
        of_line: of a header, which has the columns whose values may be missing too.
    """
    gaps = 0 if of_line else sum(feature.missing != "error" for feature in columns.features)
    return max(1, (len(columns.needed) - gaps + 1) // 2)


def _csv(columns: Columns, *, difficulty: bool) -> dict[str, Any]:
    """The parameters for reading a row.

    Args:
        columns: the columns of a line.
        difficulty: whether a row may have NSL-KDD's difficulty after the label.
    """
    whole, short = len(columns.features), len(columns.short)
    counts = [whole, whole + 1, *([whole + 2] if difficulty else [])]
    expected = f"{whole}, or {whole + 1} with the label"
    if difficulty:
        expected += f", or {whole + 2} with label and difficulty"
    if short:
        expected += f" ({short} or {short + 1} with the model's features alone)"
        counts += [short, short + 1]
    return {
        "newline": "\n",
        "carriage_return": "\r",
        "tab": "\t",
        "apostrophe": "'",
        "bom": "\ufeff",
        "delimiters": list(DELIMITERS),
        "delimiter_names": DELIMITERS,
        "by_name": column_names(columns, difficulty=difficulty),
        "whole": [feature.name for feature in columns.features],
        "short": list(columns.short),
        "counts": path_set(map(str, counts)),
        "expected": expected,
        "order": "KDD" if difficulty else "the model",
        "features": path_set(feature.name for feature in columns.features),
        "needed": path_set(feature.name for feature in columns.features if feature.field in columns.needed),
        "half": _half(columns, of_line=True),
        "whole_numbers": path_set(field.name for field in FIELDS if field.kind == "long"),
        "most": MAX_COLUMNS,
        "label": LABEL,
        "difficulty": DIFFICULTY if difficulty else "",
        "digits": DIGITS,
        "of_dates": [*MONTHS, *DAYS, *"TZEe.,:+-/ "],
    }


def column_names(columns: Columns, *, difficulty: bool) -> dict[str, str]:
    """What each column of a file is, by its name in lower case: a feature's name, `label` or the difficulty."""
    known = dict.fromkeys(columns.labels, LABEL)
    if difficulty:
        known |= dict.fromkeys((*DIFFICULTY_NAMES, DIFFICULTY), DIFFICULTY)
    for feature in columns.features:
        known |= {feature.field.lower(): feature.name, feature.name.lower(): feature.name}
    return {alias.lower(): name for alias, name in columns.aliases} | known


def _feature(feature: Feature, columns: Columns) -> dict[str, Any]:
    """A feature for the typing script; `parent` is empty unless the field is `object.name`."""
    parent, _, leaf = feature.field.rpartition(".")
    split = {"parent": parent, "leaf": leaf} if parent and "." not in parent else {"parent": "", "leaf": ""}
    return {
        "name": feature.name,
        "field": feature.field,
        "kind": kind_of(feature),
        "optional": feature.field not in columns.needed,
        "place": columns.short.index(feature.name) + 1 if feature.name in columns.short else 0,
        **split,
        **({} if feature.missing == "error" else {"may_miss": True}),
    }


def parents(paths: Iterable[str]) -> set[str]:
    """Every object above the dotted paths: `{"a", "a.b"}` for `a.b.c`."""
    objects: set[str] = set()
    for path in paths:
        parts = path.split(".")
        objects |= {".".join(parts[:count]) for count in range(1, len(parts))}
    return objects
