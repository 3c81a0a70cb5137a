"""One normal form for wanted bodies and those that an engine returns, so that both can be compared, hashed and shown.

    {"index": {"number_of_shards": 1}}      ┐
    {"index.number_of_shards": "1"}         ┴─▶ {"index.number_of_shards": 1}

Engines write settings as text, flat or nested, add defaults and keys of their own (`created_date`), and leave out what
is empty. A key that is not listed here belongs to the engine and is no edit.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from contract.documents.paths import leaves
from contract.model_summary import MODEL_META
from es_pipelines.cluster.ownership import undescribe

_PIPELINE_KEYS = ("processors", "on_failure", "version")
_INDEX_TEMPLATE_KEYS = ("index_patterns", "composed_of", "priority", "version", "allow_auto_create")
_LIFECYCLE_KEYS = ("enabled", "data_retention", "downsampling")
_NUMBER = re.compile(r"-?(0|[1-9]\d{0,14})(\.\d{1,6})?")


def pipeline(body: Mapping[str, Any]) -> dict[str, Any]:
    """An ingest pipeline without its label."""
    kept = {key: plain(body[key]) for key in _PIPELINE_KEYS if body.get(key)}
    return {"description": undescribe(body.get("description", "")), **kept}


def component_template(body: Mapping[str, Any]) -> dict[str, Any]:
    """A component template without its label."""
    return {**_without_empty({"version": plain(body.get("version"))}), "template": template(body.get("template") or {})}


def index_template(body: Mapping[str, Any]) -> dict[str, Any]:
    """An index template without its label but with its model; `data_stream` keeps only the options that are true."""
    kept = {key: plain(body.get(key)) for key in _INDEX_TEMPLATE_KEYS}
    kept["template"] = template(body.get("template") or {})
    found = _without_empty(kept)
    if "data_stream" in body:
        options = plain(body["data_stream"] or {})
        found["data_stream"] = {key: value for key, value in options.items() if value is True}
    model = (body.get("_meta") or {}).get(MODEL_META)
    return {**found, "_meta": {MODEL_META: plain(model)}} if model else found


def template(body: Mapping[str, Any]) -> dict[str, Any]:
    """What a template gives its indices."""
    lifecycle = {key: value for key, value in (body.get("lifecycle") or {}).items() if key in _LIFECYCLE_KEYS}
    return _without_empty(
        {
            "settings": settings(body.get("settings") or {}),
            "mappings": plain(body.get("mappings") or {}),
            "aliases": plain(body.get("aliases") or {}),
            "lifecycle": plain(lifecycle),
            "data_stream_options": plain(body.get("data_stream_options") or {}),
        }
    )


def settings(body: Mapping[str, Any]) -> dict[str, Any]:
    """Index settings, flat, each name with its `index.` prefix."""
    flat = {path: plain(value) for path, value in leaves(body) if value not in (None, {})}
    return {name if name.startswith("index.") else f"index.{name}": value for name, value in flat.items()}


def plain(value: Any) -> Any:
    """A copy in which text becomes the boolean or number that it spells, and keys whose value is None are left out."""
    if isinstance(value, Mapping):
        return {str(key): plain(child) for key, child in value.items() if child is not None}
    if isinstance(value, list | tuple):
        return [plain(child) for child in value]
    if isinstance(value, str):
        if value in ("true", "false"):
            return value == "true"
        return plain(float(value)) if _NUMBER.fullmatch(value) else value
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < 1e15 else value


def _without_empty(body: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in body.items() if value not in (None, {}, [], "")}
