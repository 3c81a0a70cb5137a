"""Flask applications to compare the service with: two answer with fixed bytes, one predicts.

They run like the service: in gunicorn, with the same worker class and the same number of threads.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import orjson
from flask import Flask, Response, request

from contract.artifact.contract import METADATA_KEY, ModelContract

JSON = "application/json"


def decoding(answer: str) -> Flask:
    """`POST /v1/enrich` decodes the page with orjson and always answers with the bytes of a file."""
    ready = Path(answer).read_bytes()
    app = Flask("decoding", static_folder=None)

    @app.post("/v1/enrich")
    def enrich() -> Response:
        page = orjson.loads(request.get_data(cache=False))
        if len(page["documents"]) == 0:
            raise ValueError("no documents")
        return Response(ready, content_type=JSON)

    return app


def constant(answer: str) -> Flask:
    """`POST /v1/enrich` reads the request without decoding it and answers with the bytes of a file."""
    ready = Path(answer).read_bytes()
    app = Flask("constant", static_folder=None)

    @app.post("/v1/enrich")
    def enrich() -> Response:
        request.get_data(cache=False)
        return Response(ready, content_type=JSON)

    return app


def predicting(model: str) -> Flask:
    """`POST /v1/enrich` as most people would write it: label and probability of each document, and nothing else.

    It checks nothing: a wrong or missing value fails the whole page. It has no warnings, reasons, metrics, cache,
    limits or token. All features must be in one object of the document.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # more threads would use other cores than that of the servers
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    contract = ModelContract.from_json(session.get_modelmeta().custom_metadata_map[METADATA_KEY])
    (root,) = {feature.field.partition(".")[0] for feature in contract.features}
    numbers, words = [each.name for each in contract.numeric], [each.name for each in contract.categorical]
    labels = [label.name for label in contract.labels]
    app = Flask("predicting", static_folder=None)

    @app.post("/v1/enrich")
    def enrich() -> dict[str, Any]:
        documents = request.get_json()["documents"]
        rows = [document["source"][root] for document in documents]
        feed: dict[str, Any] = {"numeric": np.array([[row[name] for name in numbers] for row in rows], np.float32)}
        if words:
            feed["categorical"] = np.array([[row[name] for name in words] for row in rows], object)
        probabilities = session.run(None, feed)[0]
        closest, probability = probabilities.argmax(axis=1).tolist(), probabilities.max(axis=1).tolist()
        return {
            "results": [
                {"id": document["id"], "label": labels[label], "probability": share}
                for document, label, share in zip(documents, closest, probability, strict=True)
            ]
        }

    return app
