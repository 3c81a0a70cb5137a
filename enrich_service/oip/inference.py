"""Inference by the Open Inference Protocol, version 2, with JSON tensors: raw inputs of the graph in, outputs out.

    {"inputs": [numeric, categorical], "outputs"?, "id"?} ──▶ Request ──▶ one run of the graph ──▶ {"outputs": [...]}
                       400, 413                                  503, or 400 if the values are wrong

One artifact computes the whole response, which has its name and version. A bad row fails the whole request, because a
tensor has no place for the error of a row; `/v1/enrich` has one. Nothing here imports Flask.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from contract.artifact.contract import (
    CATEGORICAL_INPUT,
    NUMERIC_INPUT,
    ModelContract,
)
from contract.errors import shorten
from contract.values import may_be_nan, printable
from enrich_service.model.artifact import RUNTIME_ERRORS, Artifact, inputs_of, outputs_of
from enrich_service.oip.tensors import Tensor, invalid, numbers, parameters, tensor, words

BINARY_HEADER = "Inference-Header-Content-Length"
"""Header of the binary-data extension: the body is JSON, followed by raw tensors."""


@dataclass(frozen=True, slots=True)
class Request:
    """An inference request."""

    id: str | None
    numeric: NDArray[np.float32]
    """Shape (n, n_numeric)."""
    categorical: NDArray[np.object_]
    """Shape (n, n_categorical), text."""
    outputs: Sequence[str]
    """In the order of the response."""


def refuse_binary(header: str | None) -> None:
    """Refuse the binary-data extension, which appends raw bytes to the JSON.

    Raises:
        RequestError: 400, the request uses it.
    """
    if header is not None:
        raise invalid(
            f"the header {BINARY_HEADER} announces binary tensors, but this service accepts tensors only "
            "inside the JSON; "
            f"in tritonclient: set_data_from_numpy(..., binary_data=False)"
        )


def parse(data: Any, contract: ModelContract, *, max_rows: int) -> Request:
    """Read the JSON of an inference request; unknown keys are ignored.

    Raises:
        RequestError: 400 names the wrong place; 413 more rows than `max_rows`.
    """
    if not isinstance(data, dict):
        raise invalid(f"the body is {shorten(printable(data))}, expected an object with inputs")
    if not isinstance(data.get("id", ""), str):
        raise invalid(f"id is {shorten(printable(data['id']))}, expected text")
    parameters("", data)
    outputs = _outputs(data.get("outputs", []), contract)
    sent = _inputs(data, contract)
    n_numeric, n_categorical = len(contract.numeric), len(contract.categorical)
    numeric = categorical = None
    if n_numeric:
        gaps = {column for column, feature in enumerate(contract.numeric) if may_be_nan(feature)}
        numeric = numbers(sent[NUMERIC_INPUT], columns=n_numeric, max_rows=max_rows, may_miss=gaps)
    if n_categorical:
        categorical = words(sent[CATEGORICAL_INPUT], columns=n_categorical, max_rows=max_rows)
    if numeric is None:
        numeric = np.empty((0 if categorical is None else len(categorical), 0), np.float32)
    if categorical is None:
        categorical = np.empty((len(numeric), 0), np.object_)
    if len(numeric) != len(categorical):
        raise invalid(
            f"{NUMERIC_INPUT!r} has {len(numeric)} rows and {CATEGORICAL_INPUT!r} has {len(categorical)}; "
            f"expected the same number in both"
        )
    return Request(data.get("id"), numeric, categorical, outputs)


def _inputs(data: dict[str, Any], contract: ModelContract) -> dict[str, Tensor]:
    """The input tensors by name: each input of the model once, and no other."""
    items = data.get("inputs")
    if not isinstance(items, list):
        raise invalid(f"inputs is {shorten(printable(items)) if 'inputs' in data else 'missing'}, expected a list")
    known = list(inputs_of(contract))
    sent: dict[str, Tensor] = {}
    for position, item in enumerate(items):
        one = tensor(position, item)
        if one.name not in known:
            raise invalid(f"{one.path}.name is {shorten(one.name)}; the model takes {_list(known)}")
        if one.name in sent:
            raise invalid(f"{one.path}.name is {one.name!r} twice; send each input once")
        sent[one.name] = one
    missing = [name for name in known if name not in sent]
    if missing:
        raise invalid(f"inputs has no {_list(missing)}; the model takes {_list(known)}")
    return sent


def _outputs(items: Any, contract: ModelContract) -> list[str]:
    """Names of the outputs that a request selects; all if it selects none."""
    if not isinstance(items, list):
        raise invalid(f"outputs is {shorten(printable(items))}, expected a list")
    known = list(outputs_of(contract))
    wanted: list[str] = []
    for position, item in enumerate(items):
        path = f"outputs[{position}]"
        if not isinstance(item, dict) or not isinstance(item.get("name"), str):
            raise invalid(f"{path} is {shorten(printable(item))}, expected an object with a name")
        if item["name"] not in known:
            raise invalid(f"{path}.name is {shorten(item['name'])}; the model answers {_list(known)}")
        if item["name"] in wanted:
            raise invalid(f"{path}.name is {item['name']!r} twice; ask for each output once")
        if parameters(path, item).get("binary_data") is True:
            raise invalid(
                f"{path}.parameters asks for binary data, and this service answers in JSON only; "
                f"in tritonclient: InferRequestedOutput(..., binary_data=False)"
            )
        wanted.append(item["name"])
    return wanted or known


def infer(artifact: Artifact, asked: Request) -> dict[str, Any]:
    """Run the graph once, and return the protocol's response; its tensors are still arrays, for `dump`.

    Raises:
        RequestError: 400, an output of some row is not finite.
        ArtifactError: the model does not even predict a harmless row.
    """
    arrays = _run(artifact, asked)
    for name, array in arrays.items():
        finite = np.isfinite(array).all(axis=tuple(range(1, array.ndim)))
        if not finite.all():
            raise invalid(
                f"the model gives no finite {name!r} for row {int(np.argmin(finite))}; "
                f"its values are too far from what the model was trained on"
            )
    answer: dict[str, Any] = {"model_name": artifact.contract.name, "model_version": artifact.version}
    if asked.id is not None:
        answer["id"] = asked.id
    answer["outputs"] = [
        {"name": name, "datatype": "FP32", "shape": list(arrays[name].shape), "data": arrays[name].ravel()}
        for name in asked.outputs
    ]
    return answer


def _run(artifact: Artifact, asked: Request) -> dict[str, NDArray[np.float32]]:
    """The requested outputs, by name."""
    if not len(asked.numeric):  # a graph may fail on no rows
        shapes = outputs_of(artifact.contract)
        return {name: np.empty([size or 0 for size in shapes[name]], np.float32) for name in asked.outputs}
    try:
        if len(asked.outputs) == 1:
            (name,) = asked.outputs
            return {name: artifact.run_one(name, asked.numeric, asked.categorical)}
        outputs = artifact.run(asked.numeric, asked.categorical)
        return {name: outputs[name] for name in asked.outputs}
    except RUNTIME_ERRORS:
        artifact.probe()
        raise invalid(
            "the model fails on some of these values; send fewer rows at once to find which, "
            "or use /v1/enrich, which reports an error for each document"
        ) from None


def dump(answer: dict[str, Any]) -> bytes:
    """JSON of a response; a float32 has the fewest digits that read back as the same float32."""
    try:
        return orjson.dumps(answer, option=orjson.OPT_SERIALIZE_NUMPY)
    except orjson.JSONEncodeError:  # an id with half a surrogate pair stays escaped
        return json.dumps(answer, default=np.ndarray.tolist).encode("ascii")


def _list(names: Sequence[str]) -> str:
    return " and ".join(repr(name) for name in names)
