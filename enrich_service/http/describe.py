"""A model in the words of the two protocols: ours at `/v1/model`, the Open Inference Protocol's at
`/v2/models/NAME`.
"""

from __future__ import annotations

from typing import Any

from contract.artifact.contract import CATEGORICAL_INPUT, NOVELTY_OUTPUT, NUMERIC_INPUT, PROBABILITIES_OUTPUT
from enrich_service.model.artifact import Artifact

PLATFORM = "onnx_onnxruntime"
EXTENSIONS: list[str] = []
"""Of the protocol: none. Tensors go in JSON, and models are changed by the operator and not over HTTP."""
ANY = -1
"""A dimension of any size, in the Open Inference Protocol."""


def model_page(artifact: Artifact) -> dict[str, Any]:
    """What `GET /v1/model` answers: who the model is, the source fields it reads, its figures, the whole contract."""
    contract = artifact.contract
    return {
        "model": {"id": contract.name, "version": artifact.version},
        "fields": list(contract.fields),
        "heldout": dict(contract.heldout),
        "contract": contract.to_dict(),
    }


def model_metadata(artifact: Artifact) -> dict[str, Any]:
    """What `GET /v2/models/NAME` answers."""
    contract = artifact.contract
    inputs = []
    if contract.numeric:
        inputs.append(_tensor(NUMERIC_INPUT, "FP32", ANY, len(contract.numeric)))
    if contract.categorical:
        inputs.append(_tensor(CATEGORICAL_INPUT, "BYTES", ANY, len(contract.categorical)))
    outputs = [_tensor(PROBABILITIES_OUTPUT, "FP32", ANY, len(contract.labels))]
    if contract.novelty_threshold is not None:
        outputs.append(_tensor(NOVELTY_OUTPUT, "FP32", ANY))
    return {
        "name": contract.name,
        "versions": [artifact.version],
        "platform": PLATFORM,
        "inputs": inputs,
        "outputs": outputs,
    }


def _tensor(name: str, datatype: str, *shape: int) -> dict[str, Any]:
    return {"name": name, "datatype": datatype, "shape": list(shape)}
