"""The only routes that write: verdicts, and their undo. They exist with `--verdicts` alone.

GET  /api/session               who is signed in, the CSRF token, the model's labels
POST /api/logout                ends the session
POST /api/verdicts/point        an incident, or what a page's filters hold: fixed now, and counted
POST /api/verdicts              a verdict on some events, or on a point
GET  /api/verdicts/JOB          how far it is
POST /api/verdicts/JOB/stop     stops it after the current page
POST /api/verdicts/JOB/undo     restores what stood before
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import orjson
from elasticsearch import Elasticsearch
from flask import Flask, Response, request

from console.panels.indices import Indices
from console.panels.models import DashboardCache
from console.panels.searches import Engine
from console.verdicts.bodies import Choose, Event, Give, Nothing, read
from console.verdicts.guard import JSON, signed_in
from console.verdicts.jobs import Job, Jobs
from console.verdicts.points import Points
from console.web.access import AccessError
from console.web.sessions import COOKIE, Session, Sessions
from watcher.incidents.rules import Rules
from watcher.verdicts.bulk import Aim, Hooks, Tally
from watcher.verdicts.documents import Place, find_places
from watcher.verdicts.feedback import Verdict, check
from watcher.verdicts.judge import judge_chosen, judge_point
from watcher.verdicts.undo import undo

QUICK_S = 2.0


class Verdicts:
    """The routes and what they share.

    Args:
        engine, models, indices, rules: as for `Points`.
        sessions: the cookies of signed-in people.
        connect: creates the client that may write.
    """

    def __init__(
        self,
        engine: Engine,
        models: DashboardCache,
        indices: Indices,
        rules: Callable[[], Rules],
        *,
        sessions: Sessions,
        connect: Callable[[], Elasticsearch],
    ) -> None:
        self._models, self._indices, self._sessions = models, indices, sessions
        self._connect, self._client, self._lock = connect, None, threading.Lock()
        self._starting = threading.Lock()
        self._points = Points(engine, models, indices, rules, self._writer)
        self._jobs = Jobs()

    _client: Elasticsearch | None

    def register(self, app: Flask) -> None:
        """Add the routes to an application."""
        for method, path, view in (
            ("GET", "/api/session", self.session),
            ("POST", "/api/logout", self.logout),
            ("POST", "/api/verdicts/point", self.point),
            ("POST", "/api/verdicts", self.give),
            ("GET", "/api/verdicts/<job_id>", self.job),
            ("POST", "/api/verdicts/<job_id>/stop", self.stop),
            ("POST", "/api/verdicts/<job_id>/undo", self.undo),
        ):
            app.add_url_rule(path, endpoint=f"{method} {path}", view_func=view, methods=[method])

    def session(self) -> Response:
        """Return who is signed in, and what the page needs for verdicts."""
        session = self._current()
        labels = [{"name": one.name, "harmless": one.severity == 0} for one in self._models.now.contract.labels]
        person = None if session is None or not session.name else session
        return _answer(
            {
                "verdicts": True,
                "person": None if person is None else person.name,
                "csrf": None if person is None else self._sessions.csrf(person),
                "labels": labels,
            }
        )

    def logout(self) -> Response:
        """End this session."""
        read(Nothing)
        self._sessions.end(signed_in(), now_s=time.time())
        response = _answer({"signed_in": False})
        response.delete_cookie(COOKIE, httponly=True, samesite="Strict")
        return response

    def point(self) -> Response:
        """Fix what an incident or the filters of a page hold."""
        return _answer(self._points.open(signed_in(), read(Choose)))

    def give(self) -> Response:
        """Write a verdict."""
        body, session = read(Give), signed_in()
        if bool(body.events) == (body.point is not None):
            raise AccessError(400, "bad_request", "judge either events or a point; reload the page")
        verdict = None
        if body.verdict is not None:
            verdict = Verdict(body.verdict, session.name, label=body.label, comment=body.comment)
            check(verdict, self._models.now.contract.labels)
        elif body.label is not None or body.comment is not None:
            raise AccessError(400, "bad_request", "removing a verdict takes no label and no comment")
        with self._starting:  # a second click at the same moment finds the job of the first
            job = self._jobs.of_request(session, body.request)
            if job is None:
                start = self._events if body.point is None else self._point
                job = start(body, session, verdict)
        return self._quick(job)

    def _events(self, body: Give, session: Session, verdict: Verdict | None) -> Job:
        es, index = self._writer(), self._indices.events

        def work(stop: threading.Event, hooks: Hooks) -> Tally:
            aims, gone = _aims(es, index, body.events)
            tally = judge_chosen(es, index, aims, verdict, labels=None, stop=stop, hooks=hooks)
            tally.gone += gone
            return tally

        what = {"console.verdict.events": [f"{each.index}/{each.id}" for each in body.events[:20]]}
        return self._jobs.start(self._job(body.request, session, what, verdict, len(body.events)), work)

    def _point(self, body: Give, session: Session, verdict: Verdict | None) -> Job:
        name = body.point or ""
        opened = self._points.take(session, name)

        def work(stop: threading.Event, hooks: Hooks) -> Tally:
            with opened.point as point:
                return judge_point(point, verdict, labels=None, stop=stop, hooks=hooks)

        try:
            return self._jobs.start(self._job(body.request, session, opened.what, verdict, opened.point.count), work)
        except AccessError:
            self._points.put_back(name, opened)
            raise

    def job(self, job_id: str) -> Response:
        """Return how far a write is."""
        session = self._current()
        if session is None:
            raise AccessError(401, "not_signed_in", "sign in again")
        return _answer(self._jobs.state(self._jobs.get(session, job_id)))

    def stop(self, job_id: str) -> Response:
        """Stop a write after its current page."""
        read(Nothing)
        job = self._jobs.get(signed_in(), job_id)
        job.stop.set()
        job.ended.wait(1)
        return _answer(self._jobs.state(job))

    def undo(self, job_id: str) -> Response:
        """Restore what stood before a write."""
        read(Nothing)
        session = signed_in()
        with self._starting:
            job = self._jobs.of_request(session, f"undo-{job_id}") or self._undo(session, job_id)
        return self._quick(job)

    def _undo(self, session: Session, job_id: str) -> Job:
        done = self._jobs.take_for_undo(session, job_id)
        es, index = self._writer(), self._indices.events

        def work(stop: threading.Event, hooks: Hooks) -> Tally:
            return undo(es, index, done.before, done.verdict, stop=stop, hooks=Hooks(progress=hooks.progress))

        what = {**done.what, "event.action": "undo-verdict"}
        job = Job(session, f"undo-{job_id}", what, done.verdict, done.tally.written, undoes=done)
        try:
            return self._jobs.start(job, work)
        except AccessError:
            done.undone = False
            raise

    def _quick(self, job: Job) -> Response:
        """Return the state of a job, after a moment in which most jobs end, so that the page need not ask again."""
        job.ended.wait(QUICK_S)
        return _answer(self._jobs.state(job))

    def _job(self, name: str, session: Session, what: dict[str, Any], verdict: Verdict | None, total: int) -> Job:
        """Return a job with what its line of the log says."""
        said = {"verdict": "removed"} if verdict is None else {"verdict": verdict.verdict, "label": verdict.label}
        facts = {
            "event.action": "verdict",
            "source.ip": request.remote_addr,
            **{f"console.verdict.{key}": value for key, value in said.items() if value is not None},
            **what,
        }
        return Job(session, name, facts, verdict, total)

    def _current(self) -> Session | None:
        return self._sessions.read(request.cookies.get(COOKIE, ""), now_s=time.time())

    def _writer(self) -> Elasticsearch:
        """Return the client that may write. It is created late, because each process needs its own."""
        with self._lock:
            if self._client is None:
                self._client = self._connect()
            return self._client


def _aims(es: Elasticsearch, index: str, events: Sequence[Event]) -> tuple[list[Aim], int]:
    """Return the events that exist, each once, and how many do not."""
    seen = {Place(each.index, each.id): each.seen for each in events}
    hits = find_places(es, index, list(seen))
    aims = [Aim(hit, shown) for hit, shown in zip(hits, seen.values(), strict=True) if hit is not None]
    return aims, len(seen) - len(aims)


def _answer(data: Any) -> Response:
    return Response(orjson.dumps(data), content_type=JSON)
