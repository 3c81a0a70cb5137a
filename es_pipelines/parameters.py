"""What the pipelines' scripts must know, made from the field list and the model's contract.

    contract.fields.FIELDS ─────────────────┐
                                            ├─▶ parameters() ──▶ the `$name` places in pipelines/*.yml
    ModelContract.features ──▶ columns_of() ┘

A field has one home: to add one, change `contract/fields.py` or the model, then provision again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from contract.artifact import Feature, ModelContract
from contract.fields import DATASET, ECS_VERSION, FIELDS, SHIPPED_FIELDS, stream_name
from contract.truth import known_labels
from es_pipelines.columns import Columns, columns_of
from es_pipelines.failures import OF_PROCESSOR
from es_pipelines.plain import plain_row

LABEL_COLUMN = "label"
"""Name of the column after the features, in CSV and in flat JSON; a model's feature must not be called so."""

MAX_DEPTH = 16
"""Deepest field that is kept as a field. Engines stop at 20 levels; `oversight.shipped.` adds two."""

MAX_LINE_FIELDS = 1_000
"""Most fields that are taken out of a JSON line, the model's features apart; a line is anyone's text."""

METADATA = (
    "_index", "_id", "_version", "_version_type", "_routing", "_op_type", "_type", "_dynamic_templates",
    "_if_seq_no", "_if_primary_term", "_now", "_ingest", "_oversight",
)  # fmt: skip
"""Keys of an ingest context that are no fields; `_oversight` holds the pipelines' own notes."""

DERIVED = (
    "event.kind", "event.category", "event.type", "event.module", "event.dataset", "event.ingested",
    "event.duration", "event.original", "network.transport", "network.protocol", "network.bytes", "source.bytes",
    "destination.bytes", "data_stream",
)  # fmt: skip
"""Fields that the pipelines set themselves; what a shipper sends under these names goes to `oversight.shipped.*`."""

KEPT = ("oversight.truth.label", "oversight.original.base64")
"""All that is kept of incoming `oversight.*`."""

KEPT_WHEN_STORED = ("feedback", "shipped")
"""Kept of `oversight.*` besides, where a stored document runs through again."""

FLOAT_MAX = 3.4028234e38
"""Largest number that a `float` mapping and the model's 32-bit inputs hold."""


def path_set(paths: Iterable[str]) -> str:
    """A set of dotted paths as the scripts look them up: `|a|a.b|`."""
    return "|" + "".join(f"{path}|" for path in sorted(paths))


NUMBERS = (*map(str, range(256)), *(f"{hundredth / 100:.2f}" for hundredth in range(101)))
COMMON_NUMBERS = path_set(NUMBERS)
"""Numbers that most columns of most events hold; only the others are checked letter by letter."""

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
"""As syslog writes them."""

PIPELINES = ("router", "parse", "csv", "json", "features", "document", "failure")


def pipeline_id(name: str, namespace: str) -> str:
    """Id of a pipeline of ours in an installation."""
    return f"oversight-{name}-{namespace}"


def parameters(contract: ModelContract, namespace: str, *, data_streams: bool) -> dict[str, Any]:
    """Value of every `$name` that stands in the pipeline files, but `$painless.*` and `$processor_pipelines`.

    Args:
        contract: the model whose features the events hold.
        namespace: the installation.
        data_streams: whether the engine has them; without, a stored document is told by its content alone.
    """
    columns = columns_of(contract)
    names = [feature.name for feature in columns.features]
    fields = [feature.field for feature in columns.features]
    headers = headers_of(columns)
    constants = {
        "event.module": "oversight", "event.dataset": DATASET,
        "data_stream.type": "logs", "data_stream.dataset": DATASET, "data_stream.namespace": namespace,
    }  # fmt: skip
    mapped = {field.name for field in FIELDS if field.kind != "object"} | set(fields)
    return {
        "byte_order_mark": "\ufeff",
        "backslash": "\\",
        "months": path_set(MONTHS),
        "newline": "\n",
        "carriage_return": "\r",
        "headers": headers,
        "shortest_header": min(map(len, headers)),
        "csv": _csv(columns),
        "csv_targets": [f"_oversight.fields.{name}" for name in [*names, LABEL_COLUMN]],
        "stream": stream_name(namespace),
        "stored_by_name": data_streams,
        "namespace": namespace,
        "dataset": DATASET,
        "ecs_version": ECS_VERSION,
        "metadata": path_set(METADATA),
        "failure_codes": OF_PROCESSOR,
        "plain_row": {
            **plain_row(
                columns, namespace=namespace, metadata=METADATA, numbers=NUMBERS, labels=known_labels(contract)
            ),
            "ecs_version": ECS_VERSION,
        },
        "features": {
            "features": [_feature(feature, columns) for feature in columns.features],
            "needed": len(columns.needed),
            "common": COMMON_NUMBERS,
            "float_max": FLOAT_MAX,
        },
        "gather": {
            "metadata": path_set(METADATA),
            "leaves": path_set([*mapped, "message"]),  # a line has no parts, so what stands below is no field
            "objects": path_set(parents(mapped)),
            "features": path_set(fields),
            "needed": path_set(columns.needed),
            "names": path_set(f"{feature.name}={feature.field}" for feature in columns.features),
            "ours": path_set([*SHIPPED_FIELDS, *DERIVED]),
            "constants": path_set(f"{path}={value}" for path, value in constants.items()),
            "kept": path_set(KEPT),
            "kept_when_stored": path_set(KEPT_WHEN_STORED),
            "max_depth": MAX_DEPTH,
            "max_line_fields": MAX_LINE_FIELDS,
            "half": (len(columns.needed) + 1) // 2,
        },
    } | {f"pipeline.{name}": pipeline_id(name, namespace) for name in PIPELINES}


def headers_of(columns: Columns) -> list[str]:
    """Every header line that a file may have, in lower case without blanks and quotes."""
    names = [[feature.name for feature in columns.features], [*columns.short]]
    return [
        ",".join(header).lower().replace(" ", "").replace('"', "")
        for whole in names
        if whole
        for header in (whole, [*whole, LABEL_COLUMN])
    ]


def _csv(columns: Columns) -> dict[str, Any]:
    """What the column check must know; `places` are those of the whole line's columns in a short one, -1 for none."""
    whole, short = len(columns.features), len(columns.short)
    expected = f"{whole}, or {whole + 1} with the label"
    if short:
        expected += f" ({short} or {short + 1} with the model's features alone)"
    return {
        "newline": "\n",
        "carriage_return": "\r",
        "columns": whole,
        "short": short,
        "places": [_place(feature.name, columns.short) for feature in columns.features] if short else [],
        "expected": expected,
    }


def _place(name: str, names: tuple[str, ...]) -> int:
    return names.index(name) if name in names else -1


def _feature(feature: Feature, columns: Columns) -> dict[str, Any]:
    """A feature for the typing script; `parent` is empty unless the field is `object.name`."""
    parent, _, leaf = feature.field.rpartition(".")
    split = {"parent": parent, "leaf": leaf} if parent and "." not in parent else {"parent": "", "leaf": ""}
    return {
        "name": feature.name,
        "field": feature.field,
        "kind": feature.kind,
        "optional": feature.field not in columns.needed,
        "place": _place(feature.name, columns.short) + 1,
        **split,
    }


def parents(paths: Iterable[str]) -> set[str]:
    """Every object above the dotted paths: `{"a", "a.b"}` of `a.b.c`."""
    found: set[str] = set()
    for path in paths:
        parts = path.split(".")
        found |= {".".join(parts[:count]) for count in range(1, len(parts))}
    return found


def tags(processors: Iterable[Mapping[str, Any]]) -> list[str]:
    """Tags of the processors of one list, those of their `on_failure` included."""
    found: list[str] = []
    for processor in processors:
        for options in processor.values():
            found += [options["tag"], *tags(options.get("on_failure", []))]
    return found
