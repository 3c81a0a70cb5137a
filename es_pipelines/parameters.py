"""What the pipelines' scripts must know, made from the field list and the model's contract.

    contract.fields.FIELDS ──┐
                             ├─▶ parameters() ──▶ the `$name` places in pipelines/*.yml
    ModelContract.features ──┘

A field has one home: to add one, change `contract/fields.py` or the model, then provision again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from contract.artifact import ModelContract
from contract.fields import DATASET, FIELDS, SHIPPED_FIELDS, stream_name
from es_pipelines.failures import OF_PROCESSOR

ECS_VERSION = "8.17.0"

LABEL_COLUMN = "label"
"""Name of the column after the features, in CSV and in flat JSON; a model's feature must not be called so."""

MAX_DEPTH = 16
"""Deepest field that is kept as a field. Engines stop at 20 levels; `oversight.shipped.` adds two."""

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

KEPT_WHEN_STORED = ("oversight.feedback.", "oversight.shipped.")
"""Kept besides where a stored document runs through again."""

FLOAT_MAX = 3.4028234e38
"""Largest number that a `float` mapping and the model's 32-bit inputs hold."""

PIPELINES = ("router", "csv", "json", "features", "document", "failure")


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
    columns = [feature.name for feature in contract.features]
    mapped = {field.name: field.kind for field in FIELDS if field.kind != "object"}
    leaves = mapped | {feature.field: feature.kind for feature in contract.features}
    feature_fields = list(contract.fields)
    return {
        "byte_order_mark": "\ufeff",
        "newline": "\n",
        "first_column": f"{columns[0]},",
        "columns": columns,
        "csv_targets": [f"_oversight.fields.{name}" for name in [*columns, LABEL_COLUMN]],
        "stream": stream_name(namespace),
        "stored_by_name": data_streams,
        "namespace": namespace,
        "dataset": DATASET,
        "ecs_version": ECS_VERSION,
        "metadata": list(METADATA),
        "failure_codes": OF_PROCESSOR,
        "features": {
            "features": [{"name": f.name, "field": f.field, "kind": f.kind} for f in contract.features],
            "float_max": FLOAT_MAX,
        },
        "gather": {
            "metadata": list(METADATA),
            "leaves": leaves,
            "objects": dict.fromkeys(sorted(parents(leaves)), True),
            "features": {feature.name: feature.field for feature in contract.features},
            "feature_fields": feature_fields,
            "ours": [*SHIPPED_FIELDS, *DERIVED],
            "kept": list(KEPT),
            "kept_when_stored": list(KEPT_WHEN_STORED),
            "depth": MAX_DEPTH,
            "spellings": ["n", "d"],
        },
    } | {f"pipeline.{name}": pipeline_id(name, namespace) for name in PIPELINES}


def parents(paths: Iterable[str]) -> set[str]:
    """Every object above the dotted paths: `{"a", "a.b"}` of `a.b.c`."""
    found: set[str] = set()
    for path in paths:
        parts = path.split(".")
        found |= {".".join(parts[:count]) for count in range(1, len(parts))}
    return found


def tags(processors: Iterable[Mapping[str, Any]]) -> list[str]:
    """Tags of the processors of one list."""
    return [options["tag"] for processor in processors for options in processor.values()]
