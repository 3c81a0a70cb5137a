"""The routes of the console that read. Those that write are in `console/verdicts/routes.py`.

    GET /, /oversight, /triage, /operations, /events      a page without figures: frame, titles, empty panels
    GET /api/pages/NAME?from=&to=&user=...    all figures of a page; `/api/pages/incidents` also the incidents
    GET /api/incident?id=                     one incident (console/incidents/routes.py)
    GET /api/event?index=&id=                 the details of one event; an empty index: by id alone
    GET /api/login                            token in the header; the response sets a cookie
    GET /static/DIGEST/...                    the page's own files, and the chart script
    GET /health/live                          the process responds

Errors are `{"error": {"type", "message"}}`. No request returns a stack trace.
"""

from __future__ import annotations

import logging
import time
from typing import Any

import orjson
from flask import Flask, Response, redirect, render_template, request
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as AnyResponse

from common.access.forwarded import Forwarded
from common.access.request_checks import RequestChecks, bearer
from common.access.tokens import Tokens
from common.settings.base import revealed
from common.settings.shared import OversightSettings
from console.events import listing as events
from console.events.story import story
from console.events.verdict_command import verdict_command
from console.finding.errors import QueryLineError
from console.finding.pivots import pivots
from console.finding.routes import PAGE as EVENTS
from console.finding.routes import Routes
from console.finding.rows import without_list
from console.finding.whole import add_ways
from console.incidents import routes as incidents
from console.incidents.board import INCIDENTS
from console.incidents.data import Desk
from console.panels.board import page, scope_at
from console.panels.indices import Indices
from console.panels.models import FIRST, DashboardCache
from console.panels.scope import asked
from console.panels.searches import Engine
from console.verdicts.guard import check_write
from console.verdicts.people import people_of
from console.verdicts.routes import Verdicts
from console.web import access, files
from console.web.access import AccessError, Writers
from console.web.backend import Backend
from console.web.bundle import Bundle
from console.web.introduction import pieces
from console.web.sessions import COOKIE, LASTS_S, Sessions
from console.web.settings import ConsoleSettings
from contract.artifact.proof import proof_in_words
from contract.errors import EngineUnavailableError, InputError, SettingsError
from kibana.panels.declarations import Dashboard
from watcher.incidents.rules import Rules, rules_of
from watcher.verdicts.feedback import seen_in

log = logging.getLogger(__name__)

JSON = "application/json"
CHARTS = "vega.js"
LONGEST_ID = 1_024
OPERATIONS = "operations"
"""The page that lists the datasets of the namespace."""


class Console:
    """The application and what its routes share.

    Args:
        settings: settings of the console.
        shared: the installation to show, and the folder of the chart script.
        backend: connects to Elasticsearch and reads the model.
        local: only this machine can reach the console.
        secret: random bytes for the sessions of people, the same in each worker.
    Raises:
        ArtifactError: the model's contract cannot be read.
        SettingsError: the package of the charts is not installed, or the file of people is not valid.
    """

    def __init__(
        self,
        settings: ConsoleSettings,
        shared: OversightSettings,
        backend: Backend,
        *,
        local: bool,
        secret: bytes = b"",
    ) -> None:
        self._settings = settings
        self._engine = Engine(backend.connect, backend.explain, timeout_s=backend.timeout_s)
        self._models = DashboardCache(backend.contract)
        self._indices = Indices(shared.namespace, shared.index, shared.chosen_dataset)
        self._program, self._gap_min = backend.program, shared.incident_gap_min
        token = revealed(settings.token)
        self._tokens, self._people = Tokens(token), people_of(settings, shared)
        self._sessions = Sessions(token, self._people.digest_of, secret=secret) if self._people else Sessions(token)
        self._verdicts: Verdicts | None = None
        if self._people is not None:
            self._verdicts = Verdicts(
                self._engine,
                self._models,
                self._indices,
                self._rules,
                sessions=self._sessions,
                connect=backend.connect_analyst or backend.connect,
            )
        self._bundle = Bundle(shared.state / "console")
        self._files = files.Files(self._bundle.version)
        self._local = local

    def app(self) -> Flask:
        """Return the WSGI application."""
        app = Flask("console", root_path=str(files.FOLDER.parent), static_folder=None)
        app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False
        app.url_map.merge_slashes = False
        app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
        checks = RequestChecks(self._tokens, self._settings, local=self._local)
        writers = None if self._people is None else Writers(self._people.person_of, check_write)
        access.install(app, checks, self._sessions, writers)
        if self._verdicts is not None:
            self._verdicts.register(app)
        for path, view in (
            ("/", self.first),
            ("/<name>", self.frame),
            ("/api/pages/<name>", self.figures),
            ("/api/event", self.event),
            ("/api/login", self.login),
            ("/static/<digest>/<path:name>", self.file),
            ("/health/live", lambda: answer({"live": True})),
        ):
            app.add_url_rule(path, endpoint=path, view_func=view, methods=["GET"])
        incidents.install(app, self._desk, answer)
        Routes(self._engine, self._models, self._indices, answer).register(app)
        app.register_error_handler(AccessError, _refused)
        app.register_error_handler(EngineUnavailableError, lambda error: fail(503, error.code, str(error)))
        app.register_error_handler(QueryLineError, _wrong_line)
        app.register_error_handler(InputError, lambda error: fail(400, error.code, str(error)))
        app.register_error_handler(SettingsError, lambda error: fail(503, error.code, str(error)))
        app.register_error_handler(HTTPException, _http_error)
        app.register_error_handler(Exception, _our_fault)
        app.wsgi_app = Forwarded(  # type: ignore[method-assign]
            app.wsgi_app, self._settings.proxies, setting=self._settings.variable("trusted_proxies")
        )
        return app

    def first(self) -> str | AnyResponse:
        """Return the page of the incidents."""
        return self.frame(FIRST)

    def frame(self, name: str) -> str | AnyResponse:
        """Return a page without figures."""
        shown = self._models.now
        board = shown.page(name)
        if board is None:
            raise AccessError(
                404,
                "not_found",
                f"there is no page {name[:60]!r}; the pages are {', '.join(p.id for p in shown.pages)}",
            )
        if name == FIRST and request.path != "/":
            query = request.query_string.decode("latin-1")
            return redirect(f"/?{query}" if query else "/", 302)
        return render_template(
            "page.html",
            board=board,
            pages=shown.pages,
            first=FIRST,
            intro=list(pieces(board.intro)),
            static=f"/static/{self._files.digest}",
            modules=self._files.names(".js"),
            charts=CHARTS,
            facts=self._facts(board),
            model=shown.contract,
            proof=proof_in_words(shown.contract),
        )

    def _facts(self, board: Dashboard) -> dict[str, Any]:
        """Return what the page's script needs, as attributes of the page."""
        return {
            "page": board.id,
            "from": board.time_from,
            "to": board.time_to,
            "refresh": self._settings.refresh_s,
            "stream": self._indices.events,
            **({} if self._verdicts is None else {"verdicts": "on"}),
        }

    def figures(self, name: str) -> Response:
        """Return all figures of a page."""
        shown = self._models.now
        board = shown.page(name)
        if board is None:
            raise AccessError(404, "not_found", f"there is no page {name[:60]!r}")
        wanted = asked(request.args, board, shown.fields)
        now_ms = time.time_ns() // 1_000_000
        listed = without_list(board)
        found = page(self._engine, listed, wanted, indices=self._indices, colours=shown.boards.colours, now_ms=now_ms)
        all_events = shown.page(EVENTS)
        if all_events is not None:
            add_ways(found, board, wanted, all_events)
        if board.id == OPERATIONS:
            found["datasets"] = self._datasets()
        if board.id == INCIDENTS:
            scope = scope_at(self._engine, wanted, self._indices, now_ms=now_ms)
            found["incidents"] = self._desk().page(scope, incidents.after_of(request.args.get("after", "")))
        return answer(found)

    def _desk(self) -> Desk:
        """Return the incidents of the current model."""
        shown = self._models.now
        return Desk(self._engine, self._indices, self._rules(), shown.boards.colours, shown.fields)

    def _rules(self) -> Rules:
        """Return how the alerts of the current model form incidents."""
        return rules_of(self._models.now.contract, dataset=self._indices.dataset, gap_min=self._gap_min)

    def _datasets(self) -> list[dict[str, Any]]:
        """Return each dataset of the namespace in a few words."""
        datasets = self._engine.datasets(self._indices.namespace)
        return [
            {"dataset": one.dataset, "model": one.name, "task": one.task, "features": len(one.features)}
            for one in datasets
        ]

    def event(self) -> Response:
        """Return the details of one event."""
        index, doc_id = request.args.get("index", ""), request.args.get("id", "")
        if "index" not in request.args or not doc_id or len(index) > LONGEST_ID or len(doc_id) > LONGEST_ID:
            raise AccessError(
                400,
                "bad_request",
                "the parameters `index` (may be empty) and `id` are required; open an event from a list",
            )
        hit = events.find(self._engine, self._indices, index, doc_id)
        if hit is None:
            raise AccessError(404, "not_found", "this event no longer exists; reload the list")
        shown = self._models.now
        details = story(hit, shown.contract, shown.boards.colours)
        more = {
            "command": verdict_command(self._program, self._indices, doc_id),
            "pivots": pivots(hit.get("_source") or {}, shown.contract),
            "seen": seen_in(hit["_source"]),
            "incident": self._desk().of_event(hit),
        }
        return answer(details | more)

    def login(self) -> Response:
        """Set the cookie of a session. The checks before this route have verified the token."""
        person = None if self._people is None else self._people.person_of(bearer(request.environ))
        response = answer({"signed_in": True, "person": person})
        if self._tokens.required or person is not None:
            response.set_cookie(
                COOKIE,
                self._sessions.cookie(person or "", now_s=time.time()),
                max_age=LASTS_S,
                httponly=True,
                samesite="Strict",
                secure=self._settings.tls_cert is not None or request.is_secure,
            )
        return response

    def file(self, digest: str, name: str) -> Response:
        """Return one of the page's own files."""
        if digest != self._files.digest:
            raise AccessError(404, "not_found", "this file belongs to another version of the console; reload the page")
        if name == CHARTS:
            return files.send(self._bundle.script(), files.KINDS[".js"])
        response = self._files.get(name)
        if response is None:
            raise AccessError(404, "not_found", "there is no such file")
        return response


def answer(data: Any, status: int = 200) -> Response:
    """Return a JSON response. Numbers that JSON does not have become null."""
    return Response(orjson.dumps(data), status, content_type=JSON)


def fail(status: int, code: str, message: str) -> Response:
    """Return an error as JSON."""
    response = answer({"error": {"type": code, "message": message}}, status)
    if status == 401:
        response.headers["WWW-Authenticate"] = 'Bearer realm="oversight-console"'
    if status == 405:
        response.headers["Allow"] = ", ".join(access.METHODS)
    return response


def _wrong_line(problem: QueryLineError) -> Response:
    """Return where the line is wrong too, so that the page can point at the character."""
    error = {"type": problem.code, "message": str(problem), "position": problem.position}
    return answer({"error": error}, 400)


def _refused(problem: AccessError) -> Response:
    response = fail(problem.status, problem.code, str(problem))
    if problem.retry_after_s is not None:
        response.headers["Retry-After"] = str(problem.retry_after_s)
    return response


def _http_error(problem: HTTPException) -> Response:
    status = problem.code or 500
    words = {404: "there is no page at this address; open /", 405: "this address does not take that method"}
    return fail(status, f"http_{status}", words.get(status, problem.name))


def _our_fault(problem: Exception) -> Response:
    log.error("a request failed in the console", exc_info=problem)
    return fail(500, "internal_error", "the console failed on this request; its log shows the cause")
