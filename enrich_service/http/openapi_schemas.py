"""JSON Schemas of requests and responses, generated from the structs that the routes decode and encode.

    structs of contract.wire and describe ──▶ msgspec ──▶ schemas ──▶ with names and sizes of the served model

The schema of a response is closed: every key must be described here, and a test against the running service checks it.
The schemas of the Open Inference Protocol's tensors are written by hand: their sizes depend on each other, which no
type can express.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import msgspec

from contract import errors
from contract.artifact.contract import (
    CATEGORICAL_INPUT,
    NUMERIC_INPUT,
    VERSION_DIGITS,
    Feature,
    ModelContract,
)
from contract.artifact.json_reader import FLOAT_MAX
from contract.artifact.task_rules import DATE_PARTS
from contract.documents.paths import nest
from contract.kdd99.columns import UNKNOWN_LABEL
from contract.values import MAX_WORD, may_be_nan
from contract.wire import (
    EnrichRequest,
    EnrichResponse,
    ErrorResponse,
    ModelPage,
    PartialDocument,
    ProtocolErrorResponse,
)
from enrich_service.http.describe import DATATYPES, Live, ModelMetadata, ModelReady, Ready, ServerMetadata
from enrich_service.model.artifact import harmless_value, inputs_of, outputs_of
from enrich_service.predict.predict import TOP

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
OBJECT: Schema = {"type": "object"}
EXAMPLE_DATE = "2026-03-04T05:06:07Z"
PARAMETERS: Schema = {"type": "object", "description": "Accepted and ignored."}
VERSION: Schema = {"type": "string", "pattern": f"^[0-9a-f]{{{VERSION_DIGITS}}}$"}
RESPONSES = (
    EnrichResponse[PartialDocument],
    ErrorResponse,
    ProtocolErrorResponse,
    ModelPage,
    Live,
    Ready,
    ServerMetadata,
    ModelMetadata,
    ModelReady,
)


def schemas(contract: ModelContract, version: str, *, max_documents: int) -> dict[str, Schema]:
    """The schemas by name, for `components`."""
    found = {**_generated(EnrichRequest), **{name: _closed(one) for name, one in _generated(*RESPONSES).items()}}
    for name, properties in _of_model(contract, version, max_documents).items():
        for key, schema in properties.items():
            found[name]["properties"][key] |= schema
    _only_of_task(found["Prediction"], contract)
    found["DocumentError"]["required"].append("field")
    found["Document"]["oneOf"] = [{"required": ["source"]}, {"required": ["fields"]}]
    found["Result"]["oneOf"] = [{"required": ["fields"]}, {"required": ["error"]}]
    found["EnrichRequest"]["examples"] = [{"documents": [{"id": "1", "source": example_source(contract)}]}]
    return found | _of_protocol(contract, max_documents)


def _only_of_task(prediction: Schema, contract: ModelContract) -> None:
    """Make the properties of the model's task required, and drop those of the others."""
    task = {"classification": ["probability", "top"], "regression": ["value"], "anomaly": ["score"]}[contract.task]
    task += ["novelty"] if contract.novelty_threshold is not None else []
    task += ["labels"] if contract.several_labels else []
    for name in ("probability", "top", "novelty", "labels", "value", "score"):
        if name in task:
            prediction["required"].append(name)
        else:
            del prediction["properties"][name]


def _generated(*types: Any) -> dict[str, Schema]:
    _, components = msgspec.json.schema_components(types, ref_template="#/components/schemas/{name}")
    found: dict[str, Schema] = json.loads(json.dumps(components).replace("_PartialDocument_", ""))
    return found


def _closed(schema: Schema) -> Schema:
    return {**schema, "additionalProperties": False}


def ref(name: str) -> Schema:
    """A schema of `components` by its name."""
    return {"$ref": f"#/components/schemas/{name}"}


def closed(needed: Mapping[str, Any], optional: Mapping[str, Any] | None = None) -> Schema:
    """An object with these keys and no other."""
    return _closed(opened(needed, optional))


def opened(needed: Mapping[str, Any], optional: Mapping[str, Any] | None = None) -> Schema:
    """An object with these keys; other keys are allowed."""
    return {"type": "object", "properties": {**needed, **(optional or {})}, "required": list(needed)}


def listed(items: Schema, **limits: int) -> Schema:
    """A list of such items."""
    return {"type": "array", "items": items, **limits}


def _of_model(contract: ModelContract, version: str, max_documents: int) -> dict[str, dict[str, Schema]]:
    """Names and sizes of the served model, by schema and property."""
    labels = [label.name for label in contract.labels]
    verdicts = labels if contract.novelty_threshold is None else [*labels, UNKNOWN_LABEL]
    most = min(TOP, len(labels))
    source = {
        **OBJECT,
        "description": f"The document's fields, nested or dotted; the model reads: {', '.join(contract.fields)}",
    }
    codes = {"enum": sorted(error.code for error in _subclasses(errors.DocumentError))}
    return {
        "EnrichRequest": {"documents": {"maxItems": max_documents}},
        "Document": {"source": source, "fields": {**OBJECT, "description": "The same, each value in a list."}},
        "Model": {"id": {"const": contract.name}, "version": {**VERSION, "examples": [version]}},
        "DocumentError": {"type": codes},
        "Prediction": {
            "label": {"enum": verdicts},
            "closest": {"enum": labels},
            "family": {"enum": list(contract.families)},
            "top": {"minItems": most, "maxItems": most},
        },
        "Shadow": {"error": codes},
        "ModelPage": {
            "fields": {"items": {"enum": list(contract.fields)}},
            "contract": opened(
                {
                    "format": {"type": "integer"},
                    "name": TEXT,
                    "features": listed(opened({"name": TEXT, "field": TEXT, "kind": {"enum": ["float", "string"]}})),
                    "labels": listed(opened({"name": TEXT, "family": TEXT, "severity": {"type": "integer"}})),
                    "families": listed(TEXT),
                }
            ),
        },
        "ModelMetadata": {"name": {"const": contract.name}, "versions": {"items": VERSION}},
        "ModelReady": {"name": {"const": contract.name}},
    }


def _subclasses(kind: type[errors.DocumentError]) -> list[type[errors.DocumentError]]:
    return [one for below in kind.__subclasses__() for one in (below, *_subclasses(below))]


def _of_protocol(contract: ModelContract, max_documents: int) -> dict[str, Schema]:
    """The tensors of the Open Inference Protocol."""
    outputs = {"enum": list(outputs_of(contract))}
    inputs = _inputs(contract, max_documents)
    return {
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
                            "data": listed({"type": "number"}),
                        }
                    ),
                    minItems=1,
                ),
            },
            {"id": TEXT},
        ),
    }


def _inputs(contract: ModelContract, max_documents: int) -> list[Schema]:
    """A schema for each input of the model."""
    number: Schema = {"type": "number", "minimum": -FLOAT_MAX, "maximum": FLOAT_MAX}
    if any(map(may_be_nan, contract.numeric)):
        number |= {"type": ["number", "null"], "description": "Null: the value is missing, if its feature may be."}
    word = {"type": "string", "minLength": 1, "maxLength": MAX_WORD}
    values = {NUMERIC_INPUT: number, CATEGORICAL_INPUT: word}
    return [_input(name, values[name], len(features), max_documents) for name, features in inputs_of(contract).items()]


def _input(name: str, value: Schema, columns: int, max_documents: int) -> Schema:
    rows = {"type": "integer", "minimum": 0, "maximum": max_documents}
    shape = {"type": "array", "prefixItems": [rows, {"const": columns}], "minItems": 2, "maxItems": 2}
    row = listed(value, minItems=columns, maxItems=columns)
    return opened(
        {
            "name": {"const": name},
            "datatype": {"const": DATATYPES[name]},
            "shape": shape,
            "data": {"description": "Row by row, flat or nested.", "anyOf": [listed(value), listed(row)]},
        },
        {"parameters": PARAMETERS},
    )


def example_source(contract: ModelContract) -> Schema:
    """A nested document of harmless values."""
    return nest({feature.field: _example_value(feature) for feature in contract.features})


def _example_value(feature: Feature) -> bool | float | str:
    """A harmless value as a document has it; any date, because several features may take it apart."""
    value = harmless_value(feature)
    if feature.reads in DATE_PARTS:
        return EXAMPLE_DATE
    return bool(value) if feature.reads == "boolean" else value


def example_tensors(contract: ModelContract) -> Schema:
    """The same values as tensors."""
    inputs = []
    for name, features in inputs_of(contract).items():
        data = [harmless_value(feature) for feature in features]
        inputs.append({"name": name, "datatype": DATATYPES[name], "shape": [1, len(features)], "data": data})
    return {"inputs": inputs, "outputs": [{"name": contract.outputs[0]}]}
