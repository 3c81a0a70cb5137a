"""The JSON Schema of a contract, from the data classes that hold it: editors check and complete a contract with it.

`oversight contract check` checks more: rules between the parts, such as a label's family that `families` lacks.
"""

from __future__ import annotations

import ast
import inspect
import itertools
import json
from typing import Any

import msgspec

from contract.artifact import contract as classes
from contract.artifact.contract import FORMATS, ModelContract

OF_LABELS = ("labels", "families")
"""Keys that a classification must have; the other tasks have labels of their own."""
BY_HAND: dict[str, dict[str, Any]] = {
    "ModelContract.name": {"minLength": 1, "maxLength": 256},
    "ModelContract.features": {"minItems": 1},
    "ModelContract.labels": {"minItems": 2},
    "ModelContract.dataset": {"pattern": "^[a-z0-9_.]{1,80}$"},
    "Label.severity": {"minimum": 0, "maximum": 100},
    "Feature.usual_shares": {
        "type": "object",
        "additionalProperties": {"type": "number"},
        "default": {},
        "items": None,
    },
}
"""What the classes do not say; None removes a key."""


def contract_schema() -> str:
    """Return docs/contract.schema.json."""
    definitions: dict[str, Any] = msgspec.json.schema(ModelContract)["$defs"]
    for name, found in definitions.items():
        texts = _docstrings(getattr(classes, name))
        found["additionalProperties"] = False
        for key, part in found["properties"].items():
            for word, value in BY_HAND.get(f"{name}.{key}", {}).items():
                part[word] = value
            found["properties"][key] = {
                word: value for word, value in part.items() if value is not None or word == "default"
            }
            if key in texts:
                found["properties"][key]["description"] = texts[key]
    for part in definitions["EventWords"]["properties"].values():
        part["default"] = []  # of a contract that names any words, and not all
    whole = definitions["ModelContract"]
    whole["properties"] = {
        "format": {"enum": list(FORMATS), "description": "2 for every new contract."},
        **whole["properties"],
    }
    whole["required"] = ["format", *(key for key in whole["required"] if key not in OF_LABELS)]
    whole["if"] = {"properties": {"task": {"const": "classification"}}}
    whole["then"] = {"required": list(OF_LABELS)}
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$comment": "Generated from contract/artifact/contract.py by `make format`.",
        "title": "The contract of a model for Oversight",
        "$ref": "#/$defs/ModelContract",
        "$defs": definitions,
    }
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def _docstrings(one: type) -> dict[str, str]:
    """The text behind each field of a data class, in one line; one behind several fields is of the last."""
    body = next(part for part in ast.walk(ast.parse(inspect.getsource(one))) if isinstance(part, ast.ClassDef)).body
    found = {}
    for field, text in itertools.pairwise(body):
        if not isinstance(field, ast.AnnAssign) or not isinstance(field.target, ast.Name):
            continue
        if isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant):
            found[field.target.id] = " ".join(str(text.value.value).split())
    return found
