"""The HTTP messages between the enrich service and its clients: one typed description of every request and response.

    POST /v1/enrich   EnrichRequest ──▶ EnrichResponse[PartialDocument], one Result a document; else ErrorResponse
    GET /v1/model     ModelPage

The service encodes these structs, its OpenAPI description is generated from them, and the watcher decodes them.

**For a client.** `msgspec.json.decode(body, type=EnrichResponse[dict[str, Any]])` checks the envelope in one call:
the model, one result for each document, text in every error. It raises `msgspec.ValidationError` with the path in its
message, or its base class `msgspec.DecodeError` if the body is not JSON. Use `EnrichResponse[msgspec.Raw]` to decode
the partial documents later. Use `EnrichResponse[PartialDocument]` to check the names and types of all their fields. A
result has either `fields` or `error`; the other one is `msgspec.UNSET`. No type can express that, so check it. Unknown
keys are ignored, so that a newer service can add some.
"""

from __future__ import annotations

from typing import Annotated, Any, Generic, Literal, TypeVar

from msgspec import UNSET, Meta, Raw, Struct, UnsetType

Share = Annotated[float, Meta(ge=0, le=1)]
Score = Annotated[float, Meta(ge=0, le=100)]
Severity = Annotated[int, Meta(ge=0, le=100)]
Text = Annotated[str, Meta(min_length=1)]
LikelyLabel = Annotated[str, Meta(pattern=r"^.+ (0\.\d{3}|1\.000)$", examples=["neptune 0.931"])]
"""A label and its probability, `contract.documents.top_labels`."""

T = TypeVar("T")


class Error(Struct, frozen=True):
    """Why a request is refused."""

    type: Text
    message: Text


class ErrorResponse(Struct, frozen=True):
    """The response to a request that fails as a whole."""

    error: Error


class ProtocolErrorResponse(Struct, frozen=True):
    """The same below /v2, in the form of the Open Inference Protocol."""

    error: str


class Model(Struct, frozen=True):
    """The model that predicts."""

    id: Text
    version: Text


class ServedModel(Struct, frozen=True):
    """What a client needs of `GET /v1/model`."""

    model: Model
    fields: Annotated[list[Text], Meta(min_length=1)]
    """The document fields that the model reads."""


class Profile(Struct, frozen=True):
    """The site's profile, with which reasons and drift compare in place of training."""

    sha256: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
    rows: Annotated[int, Meta(ge=1)]
    """The harmless rows that were measured."""
    since: Text
    until: Text


class ModelPage(ServedModel, frozen=True):
    """The response of `GET /v1/model`."""

    heldout: dict[str, Any]
    contract: dict[str, Any]
    proof: Literal["none", "labels", "outputs"]
    """What the converted model was compared with."""
    proof_in_words: Text
    """The same with its figures, in one line."""
    profile: Profile | UnsetType = UNSET
    """Absent if the service has no OVERSIGHT_PROFILE."""


class Document(Struct, frozen=True, gc=False):
    """One document of a request: its fields as `source`, or as `fields` with each value in a list.

    They are not decoded with the request: a document that a model cannot read fails alone.
    """

    id: str
    source: Raw | UnsetType = UNSET
    fields: Raw | UnsetType = UNSET


class EnrichRequest(Struct, frozen=True):
    """The body of `POST /v1/enrich`."""

    documents: list[Document]


class DocumentError(Struct, frozen=True, gc=False):
    """Why one document gets no prediction."""

    type: Text
    """`code` of a `contract.errors.DocumentError`."""
    message: Text
    field: str | UnsetType = UNSET


class Event(Struct, frozen=True, gc=False):
    """The ECS fields below `event`."""

    kind: Literal["event", "alert"]
    category: list[str]
    type: list[str]
    severity: Severity
    risk_score: Score


class Rule(Struct, frozen=True, gc=False):
    """The ECS fields below `rule`, of an alert."""

    name: str
    category: str
    ruleset: Literal["oversight"]


class Tactic(Struct, frozen=True, gc=False):
    """An ATT&CK tactic, and the form of every entry of ATT&CK."""

    id: str
    name: str
    reference: str


class Technique(Struct, frozen=True, gc=False):
    """An ATT&CK technique."""

    id: str
    name: str
    reference: str
    subtechnique: Tactic | UnsetType = UNSET


class Threat(Struct, frozen=True, gc=False):
    """The ECS fields below `threat`, of an alert whose label maps to ATT&CK."""

    framework: Literal["MITRE ATT&CK"]
    tactic: Tactic
    technique: Technique


class Prediction(Struct, frozen=True, gc=False, kw_only=True):
    """The model's prediction, `oversight.prediction`."""

    label: str
    closest: str
    family: str
    unknown: bool
    novelty: Share | UnsetType = UNSET
    probability: Share | UnsetType = UNSET
    """Of a classification, as `top`."""
    top: list[LikelyLabel] | UnsetType = UNSET
    labels: list[str] | UnsetType = UNSET
    """All labels that hold, where several may."""
    value: float | UnsetType = UNSET
    """Of a regression."""
    score: float | UnsetType = UNSET
    """Of an anomaly detector."""
    reasons: list[str] | UnsetType = UNSET
    warnings: list[str] | UnsetType = UNSET


class Shadow(Struct, frozen=True, gc=False, kw_only=True):
    """The shadow's prediction for the document, `oversight.shadow`; only `error` if it cannot read the document."""

    label: str | UnsetType = UNSET
    closest: str | UnsetType = UNSET
    family: str | UnsetType = UNSET
    probability: Share | UnsetType = UNSET
    novelty: Share | UnsetType = UNSET
    value: float | UnsetType = UNSET
    score: float | UnsetType = UNSET
    unknown: bool | UnsetType = UNSET
    error: Text | UnsetType = UNSET
    agrees: bool
    model: Model


class Oversight(Struct, frozen=True, gc=False):
    """The fields below `oversight`."""

    prediction: Prediction
    model: Model
    shadow: Shadow | UnsetType = UNSET


class PartialDocument(Struct, frozen=True, gc=False):
    """What is merged into the stored document."""

    event: Event
    oversight: Oversight
    rule: Rule | UnsetType = UNSET
    threat: Threat | UnsetType = UNSET


class Result(Struct, Generic[T], frozen=True, gc=False):
    """The response for one document: `fields` or `error`, never both."""

    id: str
    fields: T | UnsetType = UNSET
    error: DocumentError | UnsetType = UNSET


class EnrichResponse(Struct, Generic[T], frozen=True):
    """The response of `POST /v1/enrich`: one result for each document, in the same order."""

    model: Model
    results: list[Result[T]]
