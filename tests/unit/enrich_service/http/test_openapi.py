"""The OpenAPI description against the routes and the contract; another test checks the running service against it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import jsonschema_rs
import pytest
from flask import Flask
from flask.testing import FlaskClient

from common.access.tokens import Tokens
from common.settings.shared import DEFAULT_MODEL
from enrich_service.http import openapi
from enrich_service.http.app import create_app
from enrich_service.http.openapi import OPERATIONS
from enrich_service.model.artifact import Artifact, harmless_value
from enrich_service.model.model_file import read_contract
from enrich_service.settings import ServeSettings
from tests.artifacts import HEALTHY, TURBINE, without_novelty

NEVER_DESCRIBED = {"HEAD", "OPTIONS"}
"""Every HTTP route has these methods."""


@pytest.fixture
def app(turbine: Artifact) -> Flask:
    return create_app(turbine, ServeSettings())


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


def described(contract: Any = TURBINE, *, asks_for_token: bool = False) -> dict[str, Any]:
    return openapi.document(contract, "0123456789ab", asks_for_token=asks_for_token, max_documents=100)


def test_every_route_is_described_and_nothing_else(app: Flask) -> None:
    """A new route without a description fails here: the table is in enrich_service/http/openapi.py."""
    routes = {
        (re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule), method.lower())
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - NEVER_DESCRIBED
    }
    assert routes == {(operation.path, operation.method) for operation in OPERATIONS}


def test_the_service_returns_its_description(client: FlaskClient, turbine: Artifact) -> None:
    """The same model has the same description, byte for byte."""
    answer = client.get("/openapi.json")
    assert (answer.status_code, answer.mimetype) == (200, "application/json")
    assert answer.get_data() == client.get("/openapi.json").get_data()
    page = answer.get_json()
    assert page["openapi"] == "3.1.0"
    assert page["paths"]["/v2/models/{name}"]["parameters"][0]["schema"]["enum"] == ["turbine"]
    assert page["paths"]["/v2/models/{name}/versions/{version}"]["parameters"][1]["schema"]["enum"] == [turbine.version]


def test_the_description_requires_a_token_if_one_is_set(turbine: Artifact) -> None:
    """The description says so for each route, and requires the token itself."""
    open_page, guarded_page = described(), described(asks_for_token=True)
    assert "securitySchemes" not in open_page["components"]
    for path, operations in guarded_page["paths"].items():
        for method in set(operations) - {"parameters"}:
            health = path.startswith("/v2/health/")
            assert operations[method]["security"] == ([] if health else [{"bearer": []}])
            assert ("401" in operations[method]["responses"]) is not health
            assert "401" not in open_page["paths"][path][method]["responses"]
    guarded = create_app(turbine, ServeSettings(), tokens=Tokens("hush")).test_client()
    assert guarded.get("/openapi.json").status_code == 401


@pytest.mark.parametrize("open_metrics", [True, False])
def test_open_metrics_are_described_as_open(turbine: Artifact, open_metrics: bool) -> None:
    """The operator can let Prometheus read the metrics without a token."""
    app = create_app(turbine, ServeSettings(open_metrics=open_metrics), tokens=Tokens("hush"))
    page = app.test_client().get("/openapi.json", headers={"Authorization": "Bearer hush"}).get_json()
    assert page["paths"]["/metrics"]["get"]["security"] == ([] if open_metrics else [{"bearer": []}])
    assert page["paths"]["/v1/model"]["get"]["security"] == [{"bearer": []}]


@pytest.mark.parametrize("contract", [TURBINE, without_novelty(), read_contract(DEFAULT_MODEL)])
def test_every_schema_is_valid_and_every_reference_resolves(contract: Any) -> None:
    """For any contract, not only for the shipped one."""
    page = described(contract)
    named = page["components"]["schemas"]
    for schema in named.values():
        jsonschema_rs.meta.validate({"$schema": "https://json-schema.org/draft/2020-12/schema", **schema})
    references = set(re.findall(r"#/components/schemas/(\w+)", str(page)))
    assert references == set(named)
    identifiers = [ops[m]["operationId"] for ops in page["paths"].values() for m in ops if m != "parameters"]
    assert len(identifiers) == len(set(identifiers)) == len(OPERATIONS)


def test_the_examples_work(client: FlaskClient) -> None:
    """A reader can copy them from the description."""
    example = client.get("/openapi.json").get_json()["components"]["schemas"]
    (page,) = example["EnrichRequest"]["examples"]
    assert page["documents"][0]["source"] == {
        "turbine": {"temperature_c": 60.0, "vibration_mm_s": 1.5, "state": {"mode": "steady"}}
    }
    assert "fields" in client.post("/v1/enrich", json=page).get_json()["results"][0]
    (tensors,) = example["InferRequest"]["examples"]
    assert client.post("/v2/models/turbine/infer", json=tensors).status_code == 200


@pytest.mark.parametrize(
    "damage",
    [
        lambda a: a["results"][0]["fields"]["oversight"]["prediction"].update(label="nonsense"),
        lambda a: a["results"][0]["fields"]["oversight"]["prediction"].update(probability=1.5),
        lambda a: a["results"][0]["fields"].update(new={}),
        lambda a: a["results"][0]["fields"]["event"].pop("kind"),
        lambda a: a["results"][1]["error"].update(type="other"),
        lambda a: a.pop("model"),
    ],
)
def test_the_schemas_are_strict_enough_to_refuse(client: FlaskClient, damage: Callable[[Any], Any]) -> None:
    """A schema that accepts anything would make the check of the running service useless."""
    named = client.get("/openapi.json").get_json()["components"]["schemas"]
    check = jsonschema_rs.validator_for(
        {"$ref": "#/components/schemas/EnrichResponse", "components": {"schemas": named}}
    )
    answer = client.post("/v1/enrich", json={"documents": [{"id": "1", "source": s} for s in (HEALTHY, {})]}).get_json()
    assert check.is_valid(answer)
    damage(answer)
    assert not check.is_valid(answer)


def test_a_harmless_row_needs_no_background() -> None:
    """A contract may have none; the example still has a value of the right type."""
    bare = [replace(feature, background=None) for feature in TURBINE.features]
    assert [harmless_value(feature) for feature in bare] == [
        "steady" if feature.kind == "string" else 0.0 for feature in bare
    ]


@pytest.mark.parametrize("path", ["/v1/model", "/v1/enrich", "/v2", "/openapi.json"])
def test_options_is_405_in_json(client: FlaskClient, path: str) -> None:
    """Like any other method that a route does not have."""
    answer = client.options(path)
    assert (answer.status_code, answer.mimetype) == (405, "application/json")
    assert answer.headers["Allow"]
