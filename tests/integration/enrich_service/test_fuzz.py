"""The real process gets arbitrary input: no 5xx, no traceback, no hang, the same workers and memory afterwards."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.enrich_service.fuzz import service as fuzz
from enrich_service.http.openapi_schemas import example_source, example_tensors
from tests.artifacts import TURBINE
from tests.integration.enrich_service.requests import ask
from tests.servers import AS_IN_THE_IMAGE, Service, running

ROUNDS = 12
KINDS = 21
ODD_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=True) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
WITHOUT_END = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def test_no_kind_of_request_harms_the_service(turbine_model: Path) -> None:
    """A short run of the command in docs/benchmarks.md: each kind of body and of client, twelve times."""
    with running(turbine_model, env=AS_IN_THE_IMAGE) as service:
        report = fuzz.run(
            service.url, service.workers, service.log, rounds=ROUNDS, warm_rounds=2, seed=2026, contract=TURBINE
        )
    assert report.faults == []
    assert len(report.kinds) == KINDS
    assert all(kind.requests >= 1 for kind in report.kinds.values())
    for name in (
        "broken JSON",
        "wrong types",
        "deep nesting",
        "chunked garbage",
        "no HTTP",
        "gzip bombs",
        "bodies of 100 MB",
    ):
        assert any(400 <= status < 500 for status in report.kinds[name].statuses), name
    for name in ("byte by byte", "half-closed connections", "a million fields", "pipelined requests"):
        assert report.kinds[name].statuses[200] > 0, name


def places(tree: Any) -> list[tuple[Any, Any]]:
    """Every value in a request, as its container and its key."""
    found = []
    for key in list(tree) if isinstance(tree, dict) else range(len(tree)):
        found.append((tree, key))
        if isinstance(tree[key], dict | list):
            found += places(tree[key])
    return found


def with_odd_value(data: st.DataObject, page: dict[str, Any]) -> dict[str, Any]:
    holder, key = data.draw(st.sampled_from(places(page)))
    holder[key] = data.draw(ODD_JSON)
    return page


@given(data=st.data())
@WITHOUT_END
def test_an_odd_value_in_a_page_is_its_documents_error_or_a_refusal(service: Service, data: st.DataObject) -> None:
    """200 with one result per document, or 4xx with the reason."""
    documents = [{"id": str(i), "source": example_source(TURBINE)} for i in range(2)]
    page = with_odd_value(data, {"documents": documents})
    status, answer = ask(f"{service.url}/v1/enrich", page)
    if status == 200:
        assert [result["id"] for result in answer["results"]] == [one["id"] for one in page["documents"]]
        assert all(("fields" in result) != ("error" in result) for result in answer["results"])
    else:
        assert status in (400, 422)  # NaN is not valid JSON
        assert set(answer["error"]) == {"type", "message"}


@given(data=st.data())
@WITHOUT_END
def test_an_odd_value_in_tensors_is_accepted_or_refused_as_a_whole(service: Service, data: st.DataObject) -> None:
    """200 with as many rows as were sent, or the protocol's error."""
    page = with_odd_value(data, example_tensors(TURBINE))
    status, answer = ask(f"{service.url}/v2/models/turbine/infer", page)
    if status == 200:
        assert all(output["shape"][0] == page["inputs"][0]["shape"][0] for output in answer["outputs"])
    else:
        assert status in (400, 413)
        assert isinstance(answer["error"], str)
