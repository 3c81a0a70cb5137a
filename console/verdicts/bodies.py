"""The JSON bodies of the routes that write. Each field has one type; an unknown field is an error."""

from __future__ import annotations

from typing import Annotated, Literal, TypeVar

import msgspec
from flask import request

from console.web.access import AccessError

BODY_BYTES = 1024 * 1024
MOST_EVENTS = 1_000
"""Events of one selection. More are chosen by the filters."""
LONGEST_QUERY = 16_384

RequestId = Annotated[str, msgspec.Meta(pattern=r"\A[A-Za-z0-9-]{16,64}\Z")]
Text = Annotated[str, msgspec.Meta(min_length=1, max_length=1_024)]
Seen = Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{32}\Z")]


class Event(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An event as the page showed it."""

    index: Text
    id: Text
    seen: Seen
    """Fingerprint of the feedback and the label that were shown."""


class Choose(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything that an incident or the filters of a page hold."""

    incident: Text | None = None
    page: Text | None = None
    query: Annotated[str, msgspec.Meta(max_length=LONGEST_QUERY)] = ""
    """The page's address after the question mark."""


class Give(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A verdict on some events, or on the events of a point in time."""

    request: RequestId
    """Chosen by the page for each click. The same id again is the same request."""
    verdict: Literal["true_positive", "false_positive"] | None
    """None removes the verdict."""
    label: Text | None = None
    comment: Text | None = None
    events: Annotated[list[Event], msgspec.Meta(max_length=MOST_EVENTS)] = []
    point: Text | None = None


class Nothing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body `{}` of a route that needs nothing but its address."""


_Body = TypeVar("_Body", bound=msgspec.Struct)


def read(kind: type[_Body]) -> _Body:
    """Return the body of this request.

    Raises:
        AccessError: it is too long, or not as `kind` says.
    """
    length = request.content_length
    if length is None or length > BODY_BYTES:
        raise AccessError(413, "too_large", f"the body is larger than {BODY_BYTES:,} bytes, or does not say its length")
    try:
        return msgspec.json.decode(request.get_data(cache=False), type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise AccessError(400, "bad_request", f"the body is not valid: {error}; reload the page") from None
