"""JSON Schemas of what the routes take and give; names, labels, fields and sizes come from the model's contract.

An answer's schema is closed where the answer is ours: a key that is not described here is a mistake, and a test against
the running service finds it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from contract.artifact.contract import (
    CATEGORICAL_INPUT,
    NUMERIC_INPUT,
    PROBABILITIES_OUTPUT,
    VERSION_DIGITS,
    ModelContract,
)
from contract.kdd99.columns import UNKNOWN_LABEL
from enrich_service.model.artifact import output_names
from enrich_service.predict.features import FLOAT32_MAX, MAX_WORD
from enrich_service.predict.partial_documents import FRAMEWORK, RULESET
from enrich_service.predict.predict import TOP

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
NUMBER: Schema = {"type": "number"}
BOOLEAN: Schema = {"type": "boolean"}
OBJECT: Schema = {"type": "object"}
SHARE: Schema = {"type": "number", "minimum": 0, "maximum": 1}
LIKELY: Schema = {"type": "string", "pattern": "^.+ (0\\.\\d{3}|1\\.000)$", "examples": ["neptune 0.931"]}
PARAMETERS: Schema = {"type": "object", "description": "Accepted and ignored."}
VERSION: Schema = {"type": "string", "pattern": f"^[0-9a-f]{{{VERSION_DIGITS}}}$"}
DOCUMENT_ERRORS = (
    "missing_feature",
    "not_a_number",
    "not_finite",
    "not_a_word",
    "invalid_feature",
    "ambiguous_field",
)


def schemas(contract: ModelContract, version: str, *, max_documents: int) -> dict[str, Schema]:
    """The schemas by name, for `components`."""
    return {
        "Error": closed({"error": closed({"type": TEXT, "message": TEXT})}),
        "ProtocolError": closed({"error": TEXT}),
        **_of_enrich(contract, version, max_documents),
        "ModelPage": closed(
            {
                "model": ref("Model"),
                "fields": listed({"enum": list(contract.fields)}),
                "heldout": OBJECT,
                "contract": opened(
                    {
                        "format": {"type": "integer"},
                        "name": TEXT,
                        "features": listed(
                            opened({"name": TEXT, "field": TEXT, "kind": {"enum": ["float", "string"]}})
                        ),
                        "labels": listed(opened({"name": TEXT, "family": TEXT, "severity": {"type": "integer"}})),
                        "families": listed(TEXT),
                    }
                ),
            }
        ),
        "Live": closed({"live": {"const": True}}),
        "Ready": closed({"ready": {"const": True}}),
        "Server": closed({"name": TEXT, "version": TEXT, "extensions": listed(TEXT)}),
        **_of_protocol(contract, max_documents),
    }


def ref(name: str) -> Schema:
    """A schema of `components` by its name."""
    return {"$ref": f"#/components/schemas/{name}"}


def closed(needed: Mapping[str, Any], optional: Mapping[str, Any] | None = None) -> Schema:
    """An object with these keys and no other."""
    return {**opened(needed, optional), "additionalProperties": False}


def opened(needed: Mapping[str, Any], optional: Mapping[str, Any] | None = None) -> Schema:
    """An object with these keys, and others that do not matter."""
    return {"type": "object", "properties": {**needed, **(optional or {})}, "required": list(needed)}


def listed(items: Schema, **limits: int) -> Schema:
    """A list."""
    return {"type": "array", "items": items, **limits}


def _of_enrich(contract: ModelContract, version: str, max_documents: int) -> dict[str, Schema]:
    """`POST /v1/enrich`: what a document is, and the partial document that comes back for it."""
    source = {
        **OBJECT,
        "description": f"The document's fields, nested or dotted; the model reads: {', '.join(contract.fields)}",
    }
    return {
        "EnrichRequest": {
            **opened({"documents": listed(opened({"id": TEXT, "source": source}), maxItems=max_documents)}),
            "examples": [{"documents": [{"id": "1", "source": example_source(contract)}]}],
        },
        "EnrichResponse": closed(
            {
                "model": ref("Model"),
                "results": listed({"oneOf": [ref("Enriched"), ref("Refused")]}),
            }
        ),
        "Model": closed({"id": {"const": contract.name}, "version": {**VERSION, "examples": [version]}}),
        "Refused": closed(
            {
                "id": TEXT,
                "error": closed({"type": {"enum": list(DOCUMENT_ERRORS)}, "message": TEXT, "field": TEXT}),
            }
        ),
        "Enriched": closed(
            {
                "id": TEXT,
                "fields": closed(
                    {
                        "event": closed(
                            {
                                "kind": {"enum": ["event", "alert"]},
                                "category": listed(TEXT),
                                "type": listed(TEXT),
                                "severity": {"type": "integer", "minimum": 0, "maximum": 100},
                                "risk_score": {"type": "number", "minimum": 0, "maximum": 100},
                            }
                        ),
                        "oversight": closed(
                            {"prediction": ref("Prediction"), "model": ref("Model")}, {"shadow": ref("Shadow")}
                        ),
                    },
                    {
                        "rule": closed({"name": TEXT, "category": TEXT, "ruleset": {"const": RULESET}}),
                        "threat": ref("Threat"),
                    },
                ),
            }
        ),
        "Prediction": _prediction(contract),
        "Shadow": closed(
            {"agrees": BOOLEAN, "model": closed({"id": TEXT, "version": VERSION})},
            {
                "label": TEXT,
                "closest": TEXT,
                "family": TEXT,
                "probability": SHARE,
                "novelty": SHARE,
                "unknown": BOOLEAN,
                "error": {"enum": list(DOCUMENT_ERRORS)},
            },
        ),
        "Threat": closed(
            {
                "framework": {"const": FRAMEWORK},
                "tactic": closed({"id": TEXT, "name": TEXT, "reference": TEXT}),
                "technique": closed(
                    {"id": TEXT, "name": TEXT, "reference": TEXT},
                    {"subtechnique": closed({"id": TEXT, "name": TEXT, "reference": TEXT})},
                ),
            }
        ),
    }


def _prediction(contract: ModelContract) -> Schema:
    labels = [label.name for label in contract.labels]
    most = min(TOP, len(labels))
    needed: Schema = {
        "label": {"enum": [*labels, UNKNOWN_LABEL] if contract.novelty_threshold is not None else labels},
        "closest": {"enum": labels},
        "family": {"enum": list(contract.families)},
        "probability": SHARE,
        "top": listed(LIKELY, minItems=most, maxItems=most),
        "unknown": BOOLEAN,
    }
    if contract.novelty_threshold is not None:
        needed["novelty"] = SHARE
    return closed(needed, {"reasons": listed(TEXT), "warnings": listed(TEXT)})


def _of_protocol(contract: ModelContract, max_documents: int) -> dict[str, Schema]:
    """The model routes of the Open Inference Protocol."""
    tensor = closed({"name": TEXT, "datatype": TEXT, "shape": listed({"type": "integer", "minimum": -1})})
    outputs = {"enum": output_names(contract)}
    inputs = _inputs(contract, max_documents)
    return {
        "ModelMetadata": closed(
            {
                "name": {"const": contract.name},
                "versions": listed(VERSION),
                "platform": TEXT,
                "inputs": listed(tensor),
                "outputs": listed(tensor),
            }
        ),
        "ModelReady": closed({"name": {"const": contract.name}, "ready": {"const": True}}),
        "InferRequest": {
            **opened(
                {"inputs": listed({"oneOf": inputs}, minItems=len(inputs), maxItems=len(inputs))},
                {
                    "id": TEXT,
                    "parameters": PARAMETERS,
                    "outputs": listed(
                        opened({"name": outputs}, {"parameters": PARAMETERS}), maxItems=len(outputs["enum"])
                    ),
                },
            ),
            "examples": [example_tensors(contract)],
        },
        "InferResponse": closed(
            {
                "model_name": {"const": contract.name},
                "model_version": VERSION,
                "outputs": listed(
                    closed(
                        {
                            "name": outputs,
                            "datatype": {"const": "FP32"},
                            "shape": listed({"type": "integer", "minimum": 0}),
                            "data": listed(NUMBER),
                        }
                    ),
                    minItems=1,
                ),
            },
            {"id": TEXT},
        ),
    }


def _inputs(contract: ModelContract, max_documents: int) -> list[Schema]:
    """A schema for each input that the model takes."""
    number = {"type": "number", "minimum": -FLOAT32_MAX, "maximum": FLOAT32_MAX}
    word = {"type": "string", "minLength": 1, "maxLength": MAX_WORD}
    return [
        _input(name, datatype, value, columns, max_documents)
        for name, datatype, value, columns in (
            (NUMERIC_INPUT, "FP32", number, len(contract.numeric)),
            (CATEGORICAL_INPUT, "BYTES", word, len(contract.categorical)),
        )
        if columns
    ]


def _input(name: str, datatype: str, value: Schema, columns: int, max_documents: int) -> Schema:
    rows = {"type": "integer", "minimum": 0, "maximum": max_documents}
    shape = {"type": "array", "prefixItems": [rows, {"const": columns}], "minItems": 2, "maxItems": 2}
    row = listed(value, minItems=columns, maxItems=columns)
    return opened(
        {
            "name": {"const": name},
            "datatype": {"const": datatype},
            "shape": shape,
            "data": {"description": "Row by row, flat or nested.", "anyOf": [listed(value), listed(row)]},
        },
        {"parameters": PARAMETERS},
    )


def example_source(contract: ModelContract) -> Schema:
    """A document of harmless values, nested."""
    source: Schema = {}
    for feature in contract.features:
        *parents, leaf = feature.field.split(".")
        holder = source
        for parent in parents:
            holder = holder.setdefault(parent, {})
        holder[leaf] = _harmless(feature.background, feature.vocabulary)
    return source


def example_tensors(contract: ModelContract) -> Schema:
    """The same row as tensors."""
    inputs = []
    for name, datatype, features in (
        (NUMERIC_INPUT, "FP32", contract.numeric),
        (CATEGORICAL_INPUT, "BYTES", contract.categorical),
    ):
        if features:
            data = [_harmless(feature.background, feature.vocabulary) for feature in features]
            inputs.append({"name": name, "datatype": datatype, "shape": [1, len(features)], "data": data})
    return {"inputs": inputs, "outputs": [{"name": PROBABILITIES_OUTPUT}]}


def _harmless(background: float | str | None, vocabulary: Sequence[str]) -> float | str:
    if background is not None:
        return background
    return vocabulary[0] if vocabulary else 0.0
