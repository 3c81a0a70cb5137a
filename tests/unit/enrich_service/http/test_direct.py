"""The direct way answers as Flask does, and leaves to Flask what is not plain."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from threading import Semaphore
from typing import Any

import pytest

from common.access.tokens import Tokens
from contract.errors import ArtifactError
from enrich_service.http.app import create_app, models_of
from enrich_service.http.direct import Direct
from enrich_service.model.artifact import Artifact
from enrich_service.predict.compute_slots import LARGE_BYTES, cores
from enrich_service.settings import ServeSettings
from tests.artifacts import HEALTHY, HOT
from tests.waiting import WAIT_S

BODY = json.dumps(
    {"documents": [{"id": "a", "source": HEALTHY}, {"id": "b", "source": HOT}, {"id": "c", "source": {}}]}
).encode()
HEADERS = {"Authorization": "Bearer hush", "X-Request-Id": "one"}


class Passed:
    """Counts the requests that reach Flask."""

    def __init__(self, direct: Any) -> None:
        self._flask, self.n = direct._other, 0
        direct._other = self

    def __call__(self, environ: Any, start_response: Any) -> Iterable[bytes]:
        self.n += 1
        answer: Iterable[bytes] = self._flask(environ, start_response)
        return answer


def application(turbine: Artifact, **config: Any) -> tuple[Any, Passed]:
    """An application, and what of it reaches Flask."""
    app: Any = create_app(turbine, ServeSettings(**config), tokens=Tokens("hush"))
    (direct,) = (
        cell.cell_contents for cell in app.wsgi_app._app.__closure__ or () if isinstance(cell.cell_contents, Direct)
    )
    return app, Passed(direct)


def post(app: Any, body: bytes = BODY, **changes: Any) -> Any:
    """A page as a plain client sends it, but for the changes."""
    kept = {"data": body, "content_type": "application/json", "headers": HEADERS}
    return app.test_client().post("/v1/enrich", **kept | changes)


def test_a_plain_page_never_reaches_flask_and_has_the_same_answer(turbine: Artifact) -> None:
    """Same bytes, same headers; gzip goes the other way, so it is what to compare with."""
    app, passed = application(turbine)
    direct = post(app)
    assert passed.n == 0
    packed = post(app, gzip.compress(BODY), headers={**HEADERS, "Content-Encoding": "gzip"})
    assert passed.n == 1
    assert direct.status_code == packed.status_code == 200
    assert direct.data == packed.data
    assert dict(direct.headers) == dict(packed.headers)


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"data": b"{"}, 400),
        ({"data": b"[]"}, 422),
        ({"data": BODY[:-1] + b' , "x": "\\ud800"}'}, 200),
        ({"data": json.dumps({"documents": [{"id": "a", "source": {}}] * 4}).encode()}, 413),
        ({"data": bytes(2000)}, 413),
        ({"content_type": "text/plain"}, 415),
        ({"content_type": "application/json; charset=utf-8"}, 200),
        ({"headers": {}}, 401),
        ({"headers": {"Authorization": "Bearer wrong"}}, 401),
        ({"environ_overrides": {"CONTENT_LENGTH": str(len(BODY) + 1)}}, 400),
        ({"environ_overrides": {"CONTENT_LENGTH": "9" * 30}}, 413),
    ],
)
def test_what_is_not_plain_or_has_a_fault_is_answered_by_flask(
    turbine: Artifact, changes: dict[str, Any], status: int
) -> None:
    """With the message that it has for it, from the body as it came."""
    app, passed = application(turbine, max_documents=3, max_body_bytes=1024)
    assert post(app, **changes).status_code == status
    assert passed.n == 1


@pytest.mark.parametrize("failure", [ArtifactError("it does not answer"), ZeroDivisionError()])
def test_a_model_or_a_service_that_fails_is_reported_by_flask(turbine: Artifact, failure: Exception) -> None:
    """503 for the model, 500 for a mistake of ours; a client gets JSON either way."""
    app, passed = application(turbine)

    class Failing:
        model = models_of(app).current.model

        def answer(self, documents: Any) -> Any:
            raise failure

    models_of(app).current = Failing()  # type: ignore[assignment]
    answer = post(app)
    assert passed.n == 1
    assert answer.status_code == (503 if isinstance(failure, ArtifactError) else 500)
    assert answer.json["error"]["type"] == ("model_failed" if isinstance(failure, ArtifactError) else "internal_error")


def test_large_pages_take_turns_and_small_ones_too_and_neither_waits_for_the_other(turbine: Artifact) -> None:
    """On one core a second large page waits until the first has its results; a small one is answered meanwhile, and so
    the other way.
    """
    app, _ = application(turbine)
    direct = next(
        cell.cell_contents for cell in app.wsgi_app._app.__closure__ if isinstance(cell.cell_contents, Direct)
    )
    turns_of = direct._turns
    turns_of.large, turns_of.small = Semaphore(1), Semaphore(1)
    large = json.dumps({"documents": [{"id": "a" * LARGE_BYTES, "source": HEALTHY}]}).encode()
    for turns, waits, goes_on in ((turns_of.large, large, BODY), (turns_of.small, BODY, large)):
        with ThreadPoolExecutor(1) as pool, turns:
            waiting = pool.submit(post, app, waits)
            assert post(app, goes_on).status_code == 200
            with pytest.raises(TimeoutError):
                waiting.result(0.2)
            turns.release()
            assert waiting.result(WAIT_S).status_code == 200
            turns.acquire()
    assert cores() >= 1


def test_both_ways_are_counted_alike(turbine: Artifact) -> None:
    """Each request once, with its documents, and none is in hand afterwards."""
    app, _ = application(turbine, open_metrics=True)
    post(app)
    post(app, gzip.compress(BODY), headers={**HEADERS, "Content-Encoding": "gzip"})
    post(app, b"{")
    lines = app.test_client().get("/metrics").text.splitlines()
    assert 'oversight_enrich_requests_total{route="/v1/enrich",status="200"} 2.0' in lines
    assert 'oversight_enrich_requests_total{route="/v1/enrich",status="400"} 1.0' in lines
    assert "oversight_enrich_documents_total 6.0" in lines
    assert "oversight_enrich_requests_in_flight 1.0" in lines  # this very one
