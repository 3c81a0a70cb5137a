"""The provisioned datasets of a namespace, read from their index templates."""

from __future__ import annotations

from typing import Any

from elasticsearch import ApiError, Elasticsearch

from contract.documents.datasets import resource_name
from contract.model_summary import MODEL_META, ModelSummary


def read_datasets(es: Elasticsearch, namespace: str) -> list[ModelSummary]:
    """Return the model of each dataset, by the dataset's name.

    Empty if there are none, or if our key may not read templates: a part's key reads its own dataset only.
    """
    try:
        answer = es.indices.get_index_template(name=resource_name("stream", "*"))
    except ApiError:
        return []
    found = [_model(one["index_template"], str(one["name"]), namespace) for one in answer["index_templates"]]
    return sorted((one for one in found if one is not None), key=lambda one: one.dataset)


def _model(template: dict[str, Any], name: str, namespace: str) -> ModelSummary | None:
    """Return the model of one of our templates; None for any other template."""
    meta = template.get("_meta") or {}
    model = ModelSummary.from_dict(meta.get(MODEL_META))
    ours = model is not None and name == resource_name("stream", namespace, model.dataset)
    return model if ours else None
