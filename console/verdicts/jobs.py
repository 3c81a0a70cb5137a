"""Verdicts that are being written, and those that can still be undone.

    start ──▶ a thread writes ──▶ ended ──▶ undo for ten seconds ──▶ kept a while, for a page that asks again
      ▲                                        │
      └── the same request id: the same job    └──▶ a job of its own

A job belongs to the session that started it. What stood before is in a temporary file until the undo has expired.
"""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from console.events.safe_text import visible
from console.web.access import AccessError
from console.web.sessions import Session
from contract.errors import OversightError
from watcher.verdicts.bulk import Hooks, Tally
from watcher.verdicts.feedback import Verdict
from watcher.verdicts.undo import Before

log = logging.getLogger(__name__)

UNDO_S = 10.0
"""How long the page offers to undo."""
GRACE_S = 5.0
"""For the request on its way, and a slow browser."""
KEPT_S = 600.0
"""How long an ended job can be asked for, and its request id is known."""
MOST_RUNNING = 4
MOST_KEPT = 1_000
Work = Callable[[threading.Event, Hooks], Tally]


@dataclass
class Job:
    """One write."""

    session: Session
    request: str
    what: dict[str, Any]
    """For the log: action, verdict, and which events."""
    verdict: Verdict | None
    total: int
    undoes: Job | None = None
    id: str = field(default_factory=lambda: secrets.token_hex(8))
    tally: Tally = field(default_factory=Tally)
    before: Before = field(default_factory=Before)
    stop: threading.Event = field(default_factory=threading.Event)
    ended: threading.Event = field(default_factory=threading.Event)
    problem: str | None = None
    ended_s: float | None = None
    undone: bool = False

    def undo_left_s(self, now_s: float) -> float:
        """Seconds for which the page may still offer to undo; 0: it cannot be undone."""
        if self.ended_s is None or self.undoes is not None or self.undone or not self.before.count:
            return 0.0
        return max(0.0, self.ended_s + UNDO_S - now_s)


class Jobs:
    """The jobs of this console. Threads share it.

    Args:
        now_s: the clock, in seconds from any moment; it never goes back.
    """

    def __init__(self, now_s: Callable[[], float] = time.monotonic) -> None:
        self._now_s = now_s
        self._jobs: dict[str, Job] = {}
        self._lock = threading.Lock()

    def start(self, job: Job, work: Work) -> Job:
        """Start a job, or return the one that the same request of this session has started.

        Raises:
            AccessError: too many jobs are running.
        """
        with self._lock:
            self._forget()
            known = self._of_request(job.session, job.request)
            if known is not None:
                job.before.close()
                return known
            if sum(not each.ended.is_set() for each in self._jobs.values()) >= MOST_RUNNING:
                job.before.close()
                raise AccessError(
                    503, "busy", "other verdicts are being written; try again in a moment", retry_after_s=2
                )
            self._jobs[job.id] = job
        threading.Thread(target=self._run, args=(job, work), name="verdict", daemon=True).start()
        return job

    def of_request(self, session: Session, name: str) -> Job | None:
        """Return the job that a request of this session has started; None: it has started none."""
        with self._lock:
            return self._of_request(session, name)

    def _of_request(self, session: Session, name: str) -> Job | None:
        wanted = (session.id, name)
        found = [job for job in self._jobs.values() if (job.session.id, job.request) == wanted]
        # an undo that failed can be asked for again
        return next((job for job in found if job.undoes is None or job.problem is None), None)

    def get(self, session: Session, job_id: str) -> Job:
        """Return a job of a session.

        Raises:
            AccessError: this session has no such job.
        """
        with self._lock:
            job = self._jobs.get(job_id)
        if job is None or job.session.id != session.id:
            raise AccessError(404, "not_found", "this write is not known any more; reload the page to see what stands")
        return job

    def take_for_undo(self, session: Session, job_id: str) -> Job:
        """Return a job of a session, marked as undone.

        Raises:
            AccessError: this session has no such job, or it cannot be undone (any more).
        """
        job = self.get(session, job_id)
        with self._lock:
            if job.ended_s is None:
                raise AccessError(409, "still_running", "the verdict is still being written; stop it first")
            late = self._now_s() > job.ended_s + UNDO_S + GRACE_S
            if late or job.undone or job.undoes is not None:
                raise AccessError(
                    410, "too_late", "this can no longer be undone; judge the events again to change the verdict"
                )
            job.undone = True
        return job

    def state(self, job: Job) -> dict[str, Any]:
        """Return a job as JSON values."""
        return _state(job, self._now_s())

    def _run(self, job: Job, work: Work) -> None:
        def show(tally: Tally) -> None:
            job.tally = tally

        try:
            job.tally = work(job.stop, Hooks(wrote=job.before.add, progress=show))
            job.problem = None if job.tally.fault is None else str(job.tally.fault)
        except OversightError as error:
            job.problem = str(error)
        except Exception:
            log.exception("writing verdicts failed in the console", extra={"event.action": job.what["event.action"]})
            job.problem = "the console failed; its log says why"
        finally:
            job.ended_s = self._now_s()
            if job.undoes is not None:
                _undone(job, job.undoes, job.ended_s)
            _log(job)
            job.ended.set()

    def _forget(self) -> None:
        """Drop what can no longer be undone or asked for."""
        now_s = self._now_s()
        for job in list(self._jobs.values()):
            if job.ended_s is None:
                continue
            age_s = now_s - job.ended_s
            if age_s > UNDO_S + GRACE_S and not job.undone:
                job.before.close()
                job.undone = True
            if age_s > KEPT_S or (len(self._jobs) > MOST_KEPT and age_s > UNDO_S + GRACE_S):
                del self._jobs[job.id]


def _undone(job: Job, done: Job, now_s: float) -> None:
    """Forget what stood before; after a fault, let the person undo the rest."""
    if job.problem is None:
        done.before.close()
    else:
        done.undone, done.ended_s = False, now_s


def _log(job: Job) -> None:
    """Write one line: who, what, which events, how many."""
    tally = job.tally
    numbers = {
        "written": tally.written,
        "unchanged": tally.unchanged,
        "conflicts": tally.conflicts,
        "other": tally.gone + tally.left + tally.spared.total() + tally.refused.total(),
    }
    log.info(
        "%s wrote %d verdicts",
        job.session.name,
        tally.written,
        extra={
            "event.outcome": "success" if job.problem is None else "failure",
            "user.name": job.session.name,
            **job.what,
            **{f"console.verdict.{name}": number for name, number in numbers.items()},
            **({} if job.problem is None else {"error.message": job.problem}),
        },
    )


def _state(job: Job, now_s: float) -> dict[str, Any]:
    tally = job.tally
    return {
        "job": job.id,
        "ended": job.ended.is_set(),
        "total": job.total,
        "done": tally.done,
        "written": tally.written,
        "unchanged": tally.unchanged,
        "conflicts": tally.conflicts,
        "shown": [
            {
                "index": each.index,
                "id": visible(each.id),
                "label": None if each.label is None else visible(each.label),
                **{name: visible(str(value)) for name, value in each.feedback.items() if name in ("verdict", "by")},
            }
            for each in list(tally.shown)
        ],
        "spared": dict(tally.spared),
        "refused": dict(tally.refused),
        "gone": tally.gone,
        "left": tally.left,
        "stopped": tally.stopped,
        "problem": job.problem,
        "undo_s": job.undo_left_s(now_s),
    }
