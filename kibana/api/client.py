"""What is asked of Kibana about saved objects: whether it is ready, what stands in a space, an import, a removal.

    wait_until_ready ──▶ space_exists ──▶ read ──▶ (plan) ──▶ import_objects ──▶ read ──▶ (ledger)

Only documented routes: `_import`, `_bulk_get` and `_bulk_delete` below `/api/saved_objects`, `/api/status`,
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

from contract.errors import SettingsError, shorten
from kibana.api.http import Http, KibanaRefusedError, KibanaUnavailableError
from kibana.saved_objects.objects import MIGRATION_VERSIONS, SavedObject, ndjson
from kibana.saved_objects.stored import NO_TIME, Key, Stored

DEFAULT_SPACE = "default"
POLL_S = 0.5
READY_LEVELS = ("available", "degraded")
"""Degraded: something in Kibana is slow or off; it takes imports all the same."""
OLDEST = (8, 19)
ADVICE = {
    "conflict": "it already exists",
    "ambiguous_conflict": "several copies of it exist; remove all but one of them",
    "missing_references": "an object that it refers to is missing",
    "unsupported_type": "this Kibana does not know objects of this type",
}
STOP = frozenset({"conflict", "ambiguous_conflict", "missing_references"})
"""Errors at which Kibana writes nothing at all; at any other it writes what has no error."""


@dataclass(frozen=True, slots=True)
class Ready:
    """A Kibana that answers."""

    version: str | None
    """None: it does not tell us."""

    @property
    def is_older(self) -> bool:
        """Whether it is older than what the files are made for."""
        parts = (self.version or "").split(".")
        if len(parts) < 2 or not (parts[0].isdigit() and parts[1].isdigit()):
            return False
        return (int(parts[0]), int(parts[1])) < OLDEST


class Kibana:
    """One space of one Kibana, and the shelf of its saved objects."""

    kinds: frozenset[str] = frozenset(MIGRATION_VERSIONS)
    """Types of what this shelf holds."""

    def __init__(self, http: Http, space: str = DEFAULT_SPACE) -> None:
        self.http, self.space = http, space
        self.base = "" if space == DEFAULT_SPACE else f"/s/{quote(space, safe='')}"

    def wait_until_ready(self, limit_s: float, *, on_wait: Callable[[str], None]) -> Ready:
        """Ask again and again until it is ready.

        Args:
            limit_s: seconds after which it is enough; 0: one look.
            on_wait: is told once for each other reason why it has to be waited for.
        Raises:
            KibanaUnavailableError: it was not ready in that time.
            SettingsError: what answers there is no Kibana, or refuses us.
        """
        end, told = time.monotonic() + limit_s, ""
        while True:
            try:
                return self._ready()
            except KibanaUnavailableError as error:
                if time.monotonic() >= end:
                    raise KibanaUnavailableError(f"{error} (waited {limit_s:g} s)") from None
                if str(error) != told:
                    told = str(error)
                    on_wait(told)
            time.sleep(min(POLL_S, max(0.0, end - time.monotonic())))

    def _ready(self) -> Ready:
        answer = self.http.ask("GET", "/api/status", what="reading its status", expected=(400, 404, 405))
        status = answer.body.get("status") if isinstance(answer.body, Mapping) else None
        overall = status.get("overall") if isinstance(status, Mapping) else None
        if not isinstance(overall, Mapping):
            raise SettingsError(
                f"the server at {self.http.access.url} answers, but it is not Kibana; set KIBANA_URL to the address of "
                f"Kibana (its port is 5601 by default; add its base path if it has one)"
            )
        if overall.get("level") not in READY_LEVELS:
            raise KibanaUnavailableError(
                f"Kibana at {self.http.access.url} is {shorten(overall.get('level'))}, expected available; "
                "look at its log"
            )
        version = answer.body.get("version")
        number = version.get("number") if isinstance(version, Mapping) else None
        return Ready(number if isinstance(number, str) else None)

    def check_space(self) -> None:
        """Whether the space is there: Kibana would write into one that is not, where nobody sees it.

        Raises:
            SettingsError: names the space.
        """
        if self.space == DEFAULT_SPACE:
            return
        path = f"/api/spaces/space/{quote(self.space, safe='')}"
        if self.http.ask("GET", path, what=f"looking for the space {self.space!r}", expected=(404,)).status == 404:
            raise SettingsError(
                f"Kibana at {self.http.access.url} has no space {self.space!r}; create it under Stack "
                "Management, Spaces, or name "
                f"another one with --space (its identifier, as in the address after /s/)"
            )

    def read(self, keys: Sequence[Key]) -> dict[Key, Stored]:
        """What stands under these keys; those that are not there are left out."""
        if not keys:
            return {}
        wanted = [{"type": kind, "id": name} for kind, name in keys]
        answer = self.http.ask("POST", f"{self.base}/api/saved_objects/_bulk_get", what="reading objects", body=wanted)
        found = {}
        for each in self._listed(answer.body, "saved_objects"):
            error = each.get("error")
            if isinstance(error, Mapping) and error.get("statusCode") != 404:
                raise KibanaRefusedError(f"Kibana cannot read {each.get('type')} {each.get('id')}: {_reason(error)}")
            if error is None:
                found[str(each["type"]), str(each["id"])] = _stored(each)
        return found

    def write(self, objects: Sequence[SavedObject]) -> None:
        """Write objects over what stands under their ids.

        Where Kibana does not take one of them, it may have written the others.

        Raises:
            KibanaRefusedError: names the first that it does not take, and why.
        """
        path = f"{self.base}/api/saved_objects/_import?overwrite=true"
        answer = self.http.ask("POST", path, what="importing objects", file=ndjson(objects))
        body = answer.body if isinstance(answer.body, Mapping) else {}
        errors = body.get("errors") or []
        if errors or body.get("success") is not True:
            raise KibanaRefusedError(_import_message(errors, self.http.access.url))
        moved = [each for each in body.get("successResults") or [] if each.get("destinationId")]
        if moved:
            raise KibanaRefusedError(
                f"Kibana stored {moved[0]['type']} {moved[0]['id']} as {moved[0]['destinationId']}, because "
                "another space holds that "
                f"id; remove one of the two, then run the import again"
            )

    def delete(self, keys: Sequence[Key]) -> list[Key]:
        """Take objects away; those that are not there are no error.

        Returns:
            None of them: no object stays because of another.
        Raises:
            KibanaRefusedError: names one that Kibana does not remove, and why.
        """
        if not keys:
            return []
        path = f"{self.base}/api/saved_objects/_bulk_delete?force=true"
        doomed = [{"type": kind, "id": name} for kind, name in keys]
        answer = self.http.ask("POST", path, what="removing objects", body=doomed)
        for each in self._listed(answer.body, "statuses"):
            error = each.get("error")
            if each.get("success") is not True and isinstance(error, Mapping) and error.get("statusCode") != 404:
                raise KibanaRefusedError(f"Kibana did not remove {each.get('type')} {each.get('id')}: {_reason(error)}")
        return []

    def _listed(self, body: Any, key: str) -> list[Mapping[str, Any]]:
        found = body.get(key) if isinstance(body, Mapping) else None
        if not isinstance(found, list) or not all(isinstance(each, Mapping) for each in found):
            raise KibanaRefusedError(
                f"Kibana at {self.http.access.url} answered without {key!r}; this needs Kibana 8.19 or 9.x"
            )
        return found


def _stored(each: Mapping[str, Any]) -> Stored:
    references = sorted(
        ({key: str(one.get(key)) for key in ("id", "name", "type")} for one in each.get("references") or []),
        key=lambda one: one["name"],
    )
    attributes = each.get("attributes") or {}
    if each.get("type") == "index-pattern":
        attributes = _without_counts(attributes)
    times = (str(each.get(key) or NO_TIME) for key in ("updated_at", "created_at"))
    return Stored({"attributes": attributes, "references": references}, *times)


def _without_counts(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """A data view as a person made it: Discover saves into it how often each field was picked, and orders its texts
    anew.
    """
    found = dict(attributes)
    for name, text in attributes.items():
        with contextlib.suppress(TypeError, ValueError):
            value = json.loads(text)
            if name == "fieldAttrs" and isinstance(value, dict):
                said = {field: _but_count(about) for field, about in value.items()}
                value = {field: about for field, about in said.items() if about}
            if isinstance(value, dict | list):
                found[name] = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return found


def _but_count(about: Any) -> Any:
    return {key: value for key, value in about.items() if key != "count"} if isinstance(about, Mapping) else about


def _import_message(errors: Sequence[Mapping[str, Any]], url: str) -> str:
    if not errors:
        return f"Kibana at {url} did not import the objects and gave no reason; look at its log"
    first, given = errors[0], errors[0].get("error")
    error: Mapping[str, Any] = given if isinstance(given, Mapping) else {}
    kind = str(error.get("type"))
    lacking = ", ".join(f"{one.get('type')} {one.get('id')}" for one in error.get("references") or [])
    why = ADVICE.get(kind, f"{kind}: {_reason(error)}") + (f" ({lacking})" if lacking else "")
    more = f"; {len(errors) - 1} more objects have errors" if len(errors) > 1 else ""
    kinds = {each["error"].get("type") for each in errors if isinstance(each.get("error"), Mapping)}
    rest = "nothing was written" if kinds & STOP else "the others were written; importing again continues from there"
    return f"Kibana at {url} did not import {first.get('type')} {first.get('id')}: {why}{more}; {rest}"


def _reason(error: Mapping[str, Any]) -> str:
    return shorten(error.get("message") or error.get("statusCode") or "no reason given", 300)
