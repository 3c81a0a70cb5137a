"""Kibana's API for saved objects: wait until it is ready, check the space, read, import and delete.

    wait_until_ready ──▶ check_space ──▶ read ──▶ (plan) ──▶ write, delete ──▶ read ──▶ (import record)

Uses documented routes only: `_import`, `_bulk_get` and `_bulk_delete` below `/api/saved_objects`, `/api/status` and
`/api/spaces/space`.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from packaging.version import Version

from common.versions import NONE, version_of
from contract.errors import SettingsError, shorten
from kibana.api.http import Http, KibanaRefusedError, KibanaUnavailableError
from kibana.saved_objects.objects import MIGRATION_VERSIONS, SavedObject, ndjson
from kibana.saved_objects.stored import NO_TIME, Key, Stored

DEFAULT_SPACE = "default"
POLL_S = 0.5
READY_LEVELS = ("available", "degraded")
"""`degraded` counts as ready: a part of Kibana is slow or off, but it still accepts imports."""
OLDEST = Version("8.19")
ADVICE = {
    "conflict": "it already exists",
    "ambiguous_conflict": "several copies of it exist; remove all but one of them",
    "missing_references": "an object that it refers to is missing",
    "unsupported_type": "this Kibana does not know objects of this type",
}
BLOCKING_ERRORS = frozenset({"conflict", "ambiguous_conflict", "missing_references"})
"""Errors at which Kibana writes nothing. With any other error it still writes the objects that have none."""


@dataclass(frozen=True, slots=True)
class Ready:
    """The status of a Kibana that is ready."""

    version: str | None
    """None if Kibana does not report its version."""

    @property
    def is_older(self) -> bool:
        """Whether this Kibana is older than the oldest version that can import our objects."""
        return NONE < version_of(self.version or "") < OLDEST


class Kibana:
    """One space of one Kibana: a store of saved objects."""

    kinds: frozenset[str] = frozenset(MIGRATION_VERSIONS)
    """Types of the objects in this store."""

    def __init__(self, http: Http, space: str = DEFAULT_SPACE) -> None:
        self.http, self.space = http, space
        self.base = "" if space == DEFAULT_SPACE else f"/s/{quote(space, safe='')}"

    def wait_until_ready(self, limit_s: float, *, on_wait: Callable[[str], None]) -> Ready:
        """Poll Kibana's status until it is ready.

        Args:
            limit_s: give up after this many seconds; 0 asks once.
            on_wait: called with the reason for waiting, once each time the reason changes.
        Raises:
            KibanaUnavailableError: Kibana was not ready within `limit_s`.
            SettingsError: the server is not Kibana, or it rejects the credentials.
        """
        end, last_reason = time.monotonic() + limit_s, ""
        while True:
            try:
                return self._ready()
            except KibanaUnavailableError as error:
                if time.monotonic() >= end:
                    raise KibanaUnavailableError(f"{error} (waited {limit_s:g} s)") from None
                if str(error) != last_reason:
                    last_reason = str(error)
                    on_wait(last_reason)
            time.sleep(min(POLL_S, max(0.0, end - time.monotonic())))

    def _ready(self) -> Ready:
        response = self.http.ask("GET", "/api/status", what="reading its status", expected=(400, 404, 405))
        status = response.body.get("status") if isinstance(response.body, Mapping) else None
        overall = status.get("overall") if isinstance(status, Mapping) else None
        if not isinstance(overall, Mapping):
            raise SettingsError(
                f"the server at {self.http.url} answers, but it is not Kibana; set KIBANA_URL to the address of "
                f"Kibana (its port is 5601 by default; add its base path if it has one)"
            )
        if overall.get("level") not in READY_LEVELS:
            raise KibanaUnavailableError(
                f"Kibana at {self.http.url} is {shorten(overall.get('level'))}, expected available; look at its log"
            )
        version = response.body.get("version")
        number = version.get("number") if isinstance(version, Mapping) else None
        return Ready(number if isinstance(number, str) else None)

    def check_space(self) -> None:
        """Raise an error if the space does not exist. Kibana would import into it, and nobody would see the objects.

        Raises:
            SettingsError: names the space.
        """
        if self.space == DEFAULT_SPACE:
            return
        path = f"/api/spaces/space/{quote(self.space, safe='')}"
        if self.http.ask("GET", path, what=f"looking for the space {self.space!r}", expected=(404,)).status == 404:
            raise SettingsError(
                f"Kibana at {self.http.url} has no space {self.space!r}; create it under Stack Management, Spaces, or "
                "name another one with --space (its identifier, as in the address after /s/)"
            )

    def read(self, keys: Sequence[Key]) -> dict[Key, Stored]:
        """Read the objects with these keys. Leaves out those that do not exist."""
        if not keys:
            return {}
        wanted = [{"type": kind, "id": name} for kind, name in keys]
        response = self.http.ask(
            "POST", f"{self.base}/api/saved_objects/_bulk_get", what="reading objects", body=wanted
        )
        stored = {}
        for each in self._list_of(response.body, "saved_objects"):
            error = each.get("error")
            if isinstance(error, Mapping) and error.get("statusCode") != 404:
                raise KibanaRefusedError(f"Kibana cannot read {each.get('type')} {each.get('id')}: {_reason(error)}")
            if error is None:
                stored[str(each["type"]), str(each["id"])] = _stored(each)
        return stored

    def write(self, objects: Sequence[SavedObject]) -> None:
        """Import objects and overwrite those with the same ids.

        If Kibana rejects one object, it may have written the others.

        Raises:
            KibanaRefusedError: names the first rejected object and the reason.
        """
        path = f"{self.base}/api/saved_objects/_import?overwrite=true"
        response = self.http.ask("POST", path, what="importing objects", file=ndjson(objects))
        body = response.body if isinstance(response.body, Mapping) else {}
        errors = body.get("errors") or []
        if errors or body.get("success") is not True:
            raise KibanaRefusedError(_import_message(errors, self.http.url))
        moved = [each for each in body.get("successResults") or [] if each.get("destinationId")]
        if moved:
            raise KibanaRefusedError(
                f"Kibana stored {moved[0]['type']} {moved[0]['id']} as {moved[0]['destinationId']}, because another "
                "space holds that id; remove one of the two, then run the import again"
            )

    def delete(self, keys: Sequence[Key]) -> list[Key]:
        """Delete objects. An object that does not exist is no error.

        Returns:
            Always empty: Kibana deletes an object even if others refer to it.
        Raises:
            KibanaRefusedError: names an object that Kibana does not delete, and the reason.
        """
        if not keys:
            return []
        path = f"{self.base}/api/saved_objects/_bulk_delete?force=true"
        targets = [{"type": kind, "id": name} for kind, name in keys]
        response = self.http.ask("POST", path, what="removing objects", body=targets)
        for each in self._list_of(response.body, "statuses"):
            error = each.get("error")
            if each.get("success") is not True and isinstance(error, Mapping) and error.get("statusCode") != 404:
                raise KibanaRefusedError(f"Kibana did not remove {each.get('type')} {each.get('id')}: {_reason(error)}")
        return []

    def _list_of(self, body: Any, key: str) -> list[Mapping[str, Any]]:
        entries = body.get(key) if isinstance(body, Mapping) else None
        if not isinstance(entries, list) or not all(isinstance(each, Mapping) for each in entries):
            raise KibanaRefusedError(
                f"Kibana at {self.http.url} answered without {key!r}; this needs Kibana 8.19 or 9.x"
            )
        return entries


def _stored(each: Mapping[str, Any]) -> Stored:
    references = sorted(
        (
            {key: str(reference.get(key)) for key in ("id", "name", "type")}
            for reference in each.get("references") or []
        ),
        key=lambda reference: reference["name"],
    )
    attributes = each.get("attributes") or {}
    if each.get("type") == "index-pattern":
        attributes = _without_counts(attributes)
    times = (str(each.get(key) or NO_TIME) for key in ("updated_at", "created_at"))
    return Stored({"attributes": attributes, "references": references}, *times)


def _without_counts(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Normalise a data view's attributes, so that only a person's edits make a difference.

    Discover counts in `fieldAttrs` how often each field was picked, and writes the JSON texts with their keys in
    another order. Drop the counts and sort the keys.
    """
    normalised = dict(attributes)
    for name, text in attributes.items():
        with contextlib.suppress(TypeError, ValueError):
            value = json.loads(text)
            if name == "fieldAttrs" and isinstance(value, dict):
                kept = {field: _without_count(about) for field, about in value.items()}
                value = {field: about for field, about in kept.items() if about}
            if isinstance(value, dict | list):
                normalised[name] = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return normalised


def _without_count(about: Any) -> Any:
    return {key: value for key, value in about.items() if key != "count"} if isinstance(about, Mapping) else about


def _import_message(errors: Sequence[Mapping[str, Any]], url: str) -> str:
    if not errors:
        return f"Kibana at {url} did not import the objects and gave no reason; look at its log"
    first, given = errors[0], errors[0].get("error")
    error: Mapping[str, Any] = given if isinstance(given, Mapping) else {}
    kind = str(error.get("type"))
    missing = ", ".join(f"{reference.get('type')} {reference.get('id')}" for reference in error.get("references") or [])
    why = ADVICE.get(kind, f"{kind}: {_reason(error)}") + (f" ({missing})" if missing else "")
    more = f"; {len(errors) - 1} more objects have errors" if len(errors) > 1 else ""
    kinds = {each["error"].get("type") for each in errors if isinstance(each.get("error"), Mapping)}
    rest = (
        "nothing was written"
        if kinds & BLOCKING_ERRORS
        else "the others were written; importing again continues from there"
    )
    return f"Kibana at {url} did not import {first.get('type')} {first.get('id')}: {why}{more}; {rest}"


def _reason(error: Mapping[str, Any]) -> str:
    return shorten(error.get("message") or error.get("statusCode") or "no reason given", 300)
