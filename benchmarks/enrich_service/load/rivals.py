"""What the service is measured against: Flask applications that do nothing with a request but read it.

They run as the service does: gunicorn, the same kind of worker, the same number of threads.
"""

from __future__ import annotations

from pathlib import Path

import orjson
from flask import Flask, Response, request

JSON = "application/json"


def decoding(answer: str) -> Flask:
    """`POST /v1/enrich` decodes the page with orjson and answers with the bytes of a file, whatever was asked."""
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
    """`POST /v1/enrich` reads the request and answers with the bytes of a file; it decodes nothing."""
    ready = Path(answer).read_bytes()
    app = Flask("constant", static_folder=None)

    @app.post("/v1/enrich")
    def enrich() -> Response:
        request.get_data(cache=False)
        return Response(ready, content_type=JSON)

    return app
