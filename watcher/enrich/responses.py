"""Checks the responses of the enrich service, before any of it changes a document. No I/O.

body ──▶ as in contract.wire? ──▶ a result per document? ──▶ fields or error? ──▶ allowed fields? ──▶ Enriched
                              any "no": ProtocolError, nothing is written
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec
from msgspec import UNSET

from contract import wire
from contract.documents.datasets import CONNECTION
from contract.errors import shorten
from watcher.enrich.merge_rules import invalid_response, mergeable

Fields = dict[str, Any]
"""A checked partial document in nested spelling, with a label. All of it may be merged into the stored document."""
Result = Fields | wire.DocumentError
"""The response for one document."""

T = TypeVar("T")


class _Contract(msgspec.Struct, frozen=True):
    """What the watcher reads of a contract."""

    dataset: str = CONNECTION


class _ModelPage(wire.ServedModel, frozen=True):
    contract: _Contract = _Contract()


_MODEL = msgspec.json.Decoder(_ModelPage)
_ENRICHED = msgspec.json.Decoder(wire.EnrichResponse[Fields])


@dataclass(frozen=True, slots=True)
class Model:
    """A model, and the document fields that it needs."""

    id: str
    version: str
    fields: tuple[str, ...] = ()
    dataset: str = CONNECTION
    """The dataset of its contract; `connection` if that names none."""


@dataclass(frozen=True, slots=True)
class Enriched:
    """The checked response to one request: `results` are in the order of the documents."""

    model: wire.Model
    results: tuple[Result, ...]


def parse_model(body: bytes | bytearray) -> Model:
    """Parse the response to `GET /v1/model`.

    Raises:
        ProtocolError: it is not valid.
    """
    page = _decoded(body, _MODEL)
    return Model(page.model.id, page.model.version, tuple(page.fields), page.contract.dataset)


def parse_enriched(body: bytes | bytearray, ids: Sequence[str]) -> Enriched:
    """Parse the response to `POST /v1/enrich` for documents with these ids.

    Raises:
        ProtocolError: a part of it breaks the contract; then no part of it is used.
    """
    response = _decoded(body, _ENRICHED)
    if len(response.results) != len(ids):
        raise invalid_response(f"{len(response.results)} results for {len(ids)} documents")
    return Enriched(response.model, tuple(map(_checked, response.results, ids)))


def _decoded(body: bytes | bytearray, decoder: msgspec.json.Decoder[T]) -> T:
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise invalid_response(f"JSON of another shape ({error})") from None
    except msgspec.DecodeError as error:
        raise invalid_response(f"no JSON ({error})") from None
    except RecursionError:
        raise invalid_response("JSON that is nested too deeply") from None


def _checked(result: wire.Result[Fields], doc_id: str) -> Result:
    if result.id != doc_id:
        raise invalid_response(f"a result that does not belong to document {shorten(doc_id)}, which comes next")
    if isinstance(result.fields, dict) and result.error is UNSET:
        return _with_label(mergeable(result.fields), doc_id)
    if isinstance(result.error, wire.DocumentError) and result.fields is UNSET:
        return result.error
    raise invalid_response(f"both or neither of `fields` and `error` for document {shorten(doc_id)}")


def _with_label(fields: Fields, doc_id: str) -> Fields:
    label = fields.get("oversight", {}).get("prediction", {}).get("label")
    if not isinstance(label, str):
        raise invalid_response(f"no oversight.prediction.label for document {shorten(doc_id)}")
    return fields
