"""Descriptions of the model: our own at `/v1/model`, the Open Inference Protocol's at `/v2/models/NAME`."""

from __future__ import annotations

from typing import Annotated

from msgspec import UNSET, Meta, Struct

from contract.artifact.contract import CATEGORICAL_INPUT, NUMERIC_INPUT
from contract.artifact.proof import proof_in_words
from contract.distribution import own_version
from contract.wire import Model, ModelPage, Profile
from enrich_service.model.artifact import Artifact, inputs_of, outputs_of

SERVER = "oversight-enrich"
PLATFORM = "onnx_onnxruntime"
DATATYPES = {NUMERIC_INPUT: "FP32", CATEGORICAL_INPUT: "BYTES"}
"""Datatype of each input, in the Open Inference Protocol."""
ANY = -1
"""A dimension of any size, in the Open Inference Protocol."""

Dimension = Annotated[int, Meta(ge=ANY)]


class Live(Struct, frozen=True):
    """The response of `GET /v2/health/live`."""

    live: bool


class Ready(Struct, frozen=True):
    """The response of `GET /v2/health/ready`."""

    ready: bool


class ServerMetadata(Struct, frozen=True):
    """The response of `GET /v2`."""

    name: str
    version: str
    extensions: list[str]
    """Empty: tensors are in the JSON, and only the operator changes the model."""


class ModelReady(Struct, frozen=True):
    """The response of `GET /v2/models/NAME/ready`."""

    name: str
    ready: bool


class TensorMetadata(Struct, frozen=True):
    """An input or output of a model."""

    name: str
    datatype: str
    shape: list[Dimension]


class ModelMetadata(Struct, frozen=True):
    """The response of `GET /v2/models/NAME`."""

    name: str
    versions: list[str]
    platform: str
    inputs: list[TensorMetadata]
    outputs: list[TensorMetadata]


def server_metadata() -> ServerMetadata:
    """The server in the terms of the Open Inference Protocol."""
    return ServerMetadata(SERVER, own_version(), [])


def model_page(artifact: Artifact) -> ModelPage:
    """The model's name and version, the document fields that it reads, its figures, the whole contract, its proof, and
    the site's profile if there is one.
    """
    contract, profile = artifact.contract, artifact.profile
    return ModelPage(
        Model(contract.name, artifact.version),
        list(contract.fields),
        dict(contract.heldout),
        contract.to_dict(),
        contract.proof,
        proof_in_words(contract),
        UNSET if profile is None else Profile(profile.sha256, profile.rows, profile.since, profile.until),
    )


def model_metadata(artifact: Artifact) -> ModelMetadata:
    """The model in the terms of the Open Inference Protocol."""
    contract = artifact.contract
    inputs = [
        TensorMetadata(name, DATATYPES[name], [ANY, len(features)]) for name, features in inputs_of(contract).items()
    ]
    outputs = [
        TensorMetadata(name, "FP32", [ANY if size is None else size for size in shape])
        for name, shape in outputs_of(contract).items()
    ]
    return ModelMetadata(contract.name, [artifact.version], PLATFORM, inputs, outputs)
