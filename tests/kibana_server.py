"""Our own server with Kibana's documented HTTP routes for saved objects, spaces, connectors and rules.

It is not Kibana, and the tests run no Kibana. It responds as Elastic's API reference and Kibana's source say, with the
same errors, dates and migrations of objects. It cannot show whether a real Kibana draws the dashboards.
"""

from __future__ import annotations

import copy
import json
import re
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

Key = tuple[str, str]
Reply = tuple[int, Any]
KNOWN_TYPES = frozenset({"index-pattern", "search", "query", "dashboard", "visualization", "lens", "tag", "links"})
NEWEST = {
    "dashboard": (10, 2, 0),
    "search": (10, 5, 0),
    "query": (10, 1, 0),
    "index-pattern": (8, 0, 0),
    "visualization": (8, 5, 0),
}
"""Newest versions that an 8.19 server accepts."""
CHECKED_REFERENCES = ("index-pattern", "search")
"""Kibana checks no other references at an import."""
STOP = ("conflict", "ambiguous_conflict", "missing_references")
"""After these errors the import writes nothing; after others it writes the remaining objects."""


def failure(status: int, message: str) -> Reply:
    """Return an error in the form of Kibana's HTTP server."""
    names = {
        400: "Bad Request",
        401: "Unauthorized",
        403: "Forbidden",
        404: "Not Found",
        409: "Conflict",
        422: "Unprocessable Entity",
    }
    return status, {"statusCode": status, "error": names.get(status, "Error"), "message": message}


@dataclass
class Space:
    """The content of one space."""

    objects: dict[Key, dict[str, Any]] = field(default_factory=dict)
    rules: dict[str, dict[str, Any]] = field(default_factory=dict)
    connectors: dict[str, dict[str, Any]] = field(default_factory=dict)


@dataclass
class FakeKibana:
    """The state of the server, which a test may change while it runs."""

    version: str = "8.19.7"
    spaces: dict[str, Space] = field(default_factory=lambda: {"default": Space(), "soc": Space()})
    authorization: str | None = None
    """The required Authorization header."""
    forbidden: bool = False
    """Whether the user lacks every privilege."""
    not_ready: int = 0
    """Number of requests to answer with 503, as at startup."""
    level: str = "available"
    known_types: frozenset[str] = KNOWN_TYPES
    failing: dict[str, Reply] = field(default_factory=dict)
    """Part of a path, and the response to send instead."""
    requests: list[str] = field(default_factory=list)
    moment: datetime = datetime(2026, 1, 1, tzinfo=UTC)
    url: str = ""

    def now(self) -> str:
        """Return a new time, one millisecond later each time."""
        self.moment += timedelta(milliseconds=1)
        return self.moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def edit(self, key: Key, change: Callable[[dict[str, Any]], None], space: str = "default") -> None:
        """Change an object as a user would: new attributes and a new date."""
        stored = self.spaces[space].objects[key]
        change(stored["attributes"])
        stored["updated_at"] = self.now()

    def upgrade(self, space: str = "default") -> None:
        """Change objects as an upgrade of Kibana would: new form, same dates."""
        for stored in self.spaces[space].objects.values():
            stored["attributes"]["addedByANewerVersion"] = True

    def answer(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Reply:
        """Respond as Kibana would."""
        parts = urlsplit(path)
        self.requests.append(f"{method} {path}")
        if self.not_ready > 0:
            self.not_ready -= 1
            return 503, None
        match = re.fullmatch(r"(?:/s/([^/]+))?(/api/.*)", parts.path)
        if match is None:
            return failure(404, "Not Found")
        route = unquote(match[2])
        for part, reply in self.failing.items():
            if part in path:
                return reply
        if self.authorization is not None and headers.get("authorization") != self.authorization:
            return failure(401, "[security_exception]: unable to authenticate")
        if route == "/api/status":
            return self._status()
        if method != "GET" and "kbn-xsrf" not in headers:
            return failure(400, "Request must contain a kbn-xsrf header.")
        if self.forbidden:
            return failure(403, "Unable to bulk_create dashboard,index-pattern")
        space = self.spaces.setdefault(match[1] or "default", Space())  # Kibana writes into a space that does not exist
        return self._serve(method, route, parse_qs(parts.query), headers, body, space)

    def _status(self) -> Reply:
        status = 200 if self.level in ("available", "degraded") else 503
        return status, {
            "name": "kibana",
            "version": {"number": self.version},
            "status": {"overall": {"level": self.level}},
        }

    def _serve(
        self, method: str, route: str, query: dict[str, list[str]], headers: dict[str, str], body: bytes, space: Space
    ) -> Reply:
        if route.startswith("/api/spaces/space/"):
            name = route.rsplit("/", 1)[1]
            return (200, {"id": name, "name": name}) if name in self.spaces else failure(404, "Not Found")
        if route == "/api/saved_objects/_import":
            return self._import(space, query, headers, body)
        if route == "/api/saved_objects/_bulk_get":
            return 200, {"saved_objects": [self._get(space, each) for each in json.loads(body)]}
        if route == "/api/saved_objects/_bulk_delete":
            return 200, {"statuses": [self._delete(space, each) for each in json.loads(body)]}
        if route == "/api/actions/connectors":
            return 200, [self._connector(each, space) for each in space.connectors.values()]
        for root, shelf, kind in (
            ("/api/alerting/rule/", space.rules, "alert"),
            ("/api/actions/connector/", space.connectors, "action"),
        ):
            if route.startswith(root):
                return self._keyed(method, route.removeprefix(root), shelf, kind, body, space)
        return failure(404, "Not Found")

    def _connector(self, connector: dict[str, Any], space: Space) -> dict[str, Any]:
        """Return a connector with the number of rules that use it, as Kibana's list does."""
        users = sum(any(action["id"] == connector["id"] for action in rule["actions"]) for rule in space.rules.values())
        return {**copy.deepcopy(connector), "referenced_by_count": users}

    def _get(self, space: Space, wanted: dict[str, str]) -> dict[str, Any]:
        stored = space.objects.get((wanted["type"], wanted["id"]))
        if stored is None:
            error = {
                "statusCode": 404,
                "error": "Not Found",
                "message": f"Saved object [{wanted['type']}/{wanted['id']}] not found",
            }
            return {**wanted, "error": error}
        return copy.deepcopy(stored)

    def _delete(self, space: Space, wanted: dict[str, str]) -> dict[str, Any]:
        if space.objects.pop((wanted["type"], wanted["id"]), None) is None:
            return {
                **wanted,
                "success": False,
                "error": {"statusCode": 404, "error": "Not Found", "message": "not found"},
            }
        return {**wanted, "success": True}

    def _import(self, space: Space, query: dict[str, list[str]], headers: dict[str, str], body: bytes) -> Reply:
        name, content = file_of(headers.get("content-type", ""), body)
        if not name.endswith(".ndjson"):
            return failure(400, f"Invalid file extension {name}")
        objects = [json.loads(line) for line in content.decode().split("\n") if line.strip()]
        keys = [(each["type"], each["id"]) for each in objects]
        if len(keys) != len(set(keys)):
            return failure(400, "Non-unique import objects detected")
        for each in objects:
            newest = NEWEST.get(each["type"], (8, 0, 0))
            if tuple(map(int, each["typeMigrationVersion"].split("."))) > newest:
                return failure(422, f'Document "{each["id"]}" belongs to a more recent version of Kibana')
        errors = [error for each in objects if (error := self._import_error(space, each, query, set(keys)))]
        if any(each["error"]["type"] in STOP for each in errors):
            return 200, {"success": False, "successCount": 0, "warnings": [], "errors": errors}
        refused = {(each["type"], each["id"]) for each in errors}
        keys = [key for key in keys if key not in refused]
        for each in [each for each in objects if (each["type"], each["id"]) not in refused]:
            space.objects[each["type"], each["id"]] = self._migrated(each)
        done = [{"type": kind, "id": name, "meta": {"title": name}, "managed": False} for kind, name in keys]
        answer = {"success": not errors, "successCount": len(done), "warnings": [], "successResults": done}
        return 200, answer | ({"errors": errors} if errors else {})

    def _import_error(
        self, space: Space, each: dict[str, Any], query: dict[str, list[str]], known: set[Key]
    ) -> dict[str, Any] | None:
        def error(kind: str, **more: Any) -> dict[str, Any]:
            return {"type": each["type"], "id": each["id"], "meta": {"title": ""}, "error": {"type": kind, **more}}

        if each["type"] not in self.known_types:
            return error("unsupported_type")
        checked = [
            (reference["type"], reference["id"])
            for reference in each["references"]
            if reference["type"] in CHECKED_REFERENCES
        ]
        missing = [
            {"type": kind, "id": name} for kind, name in checked if (kind, name) not in known | set(space.objects)
        ]
        if missing:
            return error("missing_references", references=missing)
        if query.get("overwrite") != ["true"] and (each["type"], each["id"]) in space.objects:
            return error("conflict")
        return None

    def _migrated(self, saved: dict[str, Any]) -> dict[str, Any]:
        """Return the object in the form of this server's version, with its dates."""
        stored = copy.deepcopy(saved)
        attributes = stored["attributes"]
        if stored["type"] == "dashboard" and "controlGroupInput" in attributes:
            attributes["controlGroupInput"]["showApplySelections"] = False
        if stored["type"] == "search":
            attributes["tabs"] = [{"id": "t", "label": "Untitled", "attributes": {}}]
        now = self.now()
        return stored | {
            "managed": False,
            "created_at": now,
            "updated_at": now,
            "version": "WzEsMV0=",
            "namespaces": ["default"],
        }

    def _keyed(
        self, method: str, name: str, shelf: dict[str, dict[str, Any]], kind: str, body: bytes, space: Space
    ) -> Reply:
        """Handle rules and connectors, each under its own path."""
        stored = shelf.get(name)
        if method == "GET":
            return (
                failure(404, f"Saved object [{kind}/{name}] not found")
                if stored is None
                else (200, copy.deepcopy(stored))
            )
        if method == "DELETE":
            if shelf.pop(name, None) is None:
                return failure(404, f"Saved object [{kind}/{name}] not found")
            return 204, None
        given = json.loads(body)
        if method == "POST":
            if stored is not None:
                return failure(409, f"Saved object [{kind}/{name}] conflict")
            refused = rule_fault(given, space) if kind == "alert" else connector_fault(given)
            if refused:
                return failure(400, refused)
        elif stored is None:
            return failure(404, f"Saved object [{kind}/{name}] not found")
        elif taken := {"rule_type_id", "consumer", "enabled", "connector_type_id"} & set(given):
            return failure(400, f"[request body.{min(taken)}]: definition for this key is missing")
        dates = self._rule_dates(kind, given)
        created = {"created_at": dates["updated_at"]} if stored is None and kind == "alert" else {}
        shelf[name] = (stored or {}) | given | {"id": name} | dates | created
        shelf[name].pop("secrets", None)
        return 200, copy.deepcopy(shelf[name])

    def _rule_dates(self, kind: str, given: dict[str, Any]) -> dict[str, Any]:
        if kind != "alert":
            return {
                "is_preconfigured": False,
                "is_deprecated": False,
                "is_missing_secrets": False,
                "referenced_by_count": 1,
            }
        actions = [
            action | {"uuid": "d5b3c7d2-0000-4000-8000-000000000000", "connector_type_id": ".x"}
            for action in given["actions"]
        ]
        return {"updated_at": self.now(), "actions": actions, "revision": 1, "execution_status": {"status": "pending"}}


RULE_KEYS = {
    "name",
    "rule_type_id",
    "consumer",
    "enabled",
    "tags",
    "schedule",
    "params",
    "actions",
    "alert_delay",
    "flapping",
    "throttle",
    "notify_when",
}
PARAMS = {"size", "timeWindowSize", "timeWindowUnit", "threshold", "thresholdComparator", "timeField"}
COMPARATORS = (">", ">=", "<", "<=", "between", "notBetween")


def rule_fault(rule: dict[str, Any], space: Space) -> str | None:
    """Return why the alerting API would refuse a rule of type `.es-query`; None if it would not."""
    if more := set(rule) - RULE_KEYS:
        return f"[request body.{min(more)}]: definition for this key is missing"
    if lacking := {"name", "rule_type_id", "consumer", "schedule", "params", "actions"} - set(rule):
        return f"[request body.{min(lacking)}]: expected a value"
    params = rule["params"]
    if lacking := PARAMS - set(params):
        return f"params invalid: [{min(lacking)}]: expected a value"
    if params["thresholdComparator"] not in COMPARATORS or params.get("aggType", "count") not in (
        "count",
        "avg",
        "sum",
        "min",
        "max",
    ):
        return "params invalid: [thresholdComparator] or [aggType]"
    if (
        params["searchType"] != "esQuery"
        or "searchConfiguration" in params
        or "query" not in json.loads(params["esQuery"])
    ):
        return "params invalid: [esQuery]"
    if params.get("groupBy") == "top" and not (params.get("termField") and params.get("termSize")):
        return "params invalid: [groupBy]: termField and termSize are required"
    gone = [action["id"] for action in rule["actions"] if action["id"] not in space.connectors]
    return f"Invalid connectors: {gone[0]}" if gone else None


def connector_fault(connector: dict[str, Any]) -> str | None:
    """Return why the actions API would refuse a connector; None if it would not."""
    if connector.get("connector_type_id") not in (".index", ".server-log"):
        return f'action type "{connector.get("connector_type_id")}" is not registered'
    if connector["connector_type_id"] == ".index" and "index" not in connector["config"]:
        return "error validating action type config: [index]: expected value of type [string]"
    return None


def file_of(content_type: str, body: bytes) -> tuple[str, bytes]:
    """Return name and content of the one file in a multipart body."""
    boundary = content_type.partition("boundary=")[2].strip('"').encode()
    part = body.split(b"--" + boundary)[1]
    head, _, content = part.partition(b"\r\n\r\n")
    name = re.search(rb'filename="([^"]*)"', head)
    return (name[1].decode() if name else ""), content.removesuffix(b"\r\n")


@contextmanager
def fake_kibana(*, certificate: Path | None = None, **state: Any) -> Iterator[FakeKibana]:
    """Run the server on a free port. With a certificate (and its key beside it, `.key`) it speaks TLS."""
    with serving(FakeKibana(**state), ("127.0.0.1", 0), certificate) as kibana:
        yield kibana


@contextmanager
def serving(kibana: FakeKibana, address: tuple[str, int], certificate: Path | None) -> Iterator[FakeKibana]:
    """Run a server with this state on an address."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = 1 << 20  # one packet for head and body: two would wait for an ACK

        def _any(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, reply = kibana.answer(self.command, self.path, headers, body)
            content = b"Kibana server is not ready yet" if status == 503 and reply is None else b""
            content = json.dumps(reply).encode() if reply is not None else content
            self.send_response(status)
            self.send_header("kbn-name", "kibana")
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def handle(self) -> None:
            """Ignore clients that break off the handshake because they do not trust us."""
            with suppress(ConnectionError, ssl.SSLError):
                super().handle()

        def log_message(self, *_: Any) -> None:
            """Log nothing."""

    for method in ("GET", "POST", "PUT", "DELETE"):
        setattr(Handler, f"do_{method}", Handler._any)
    with ThreadingHTTPServer(address, Handler) as server:
        if certificate is not None:
            tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            tls.load_cert_chain(certificate, certificate.with_suffix(".key"))
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        scheme = "http" if certificate is None else "https"
        kibana.url = f"{scheme}://{address[0]}:{server.server_address[1]}"
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield kibana
        server.shutdown()
