"""Jobs that write verdicts, by a clock that the test sets."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from console.verdicts.jobs import GRACE_S, UNDO_S, Job, Jobs, Work
from console.web.access import AccessError
from console.web.sessions import Session
from tests.waiting import WAIT_S
from watcher.read.hit import Hit
from watcher.verdicts.bulk import Hooks, Tally, Written

ANN = Session("ann", "1", 10**9)


class Clock:
    """Seconds that pass only when a test says so."""

    def __init__(self) -> None:
        self.now_s = 1_000.0

    def __call__(self) -> float:
        return self.now_s


def write(stop: threading.Event, hooks: Hooks) -> Tally:
    """A write of one event."""
    hooks.wrote([Written(Hit("index", "1", 1, 1, {}), {})])
    return Tally(written=1)


@dataclass
class Desk:
    """Jobs and their clock."""

    clock: Clock = field(default_factory=Clock)
    started: list[Job] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.jobs = Jobs(self.clock)

    def ended(self, work: Work = write, request: str = "one", undoes: Job | None = None) -> Job:
        """A job that has ended."""
        job = self.jobs.start(Job(ANN, request, {"event.action": "verdict"}, None, 1, undoes=undoes), work)
        self.started.append(job)
        assert job.ended.wait(WAIT_S)
        return job


@pytest.fixture
def desk() -> Iterator[Desk]:
    found = Desk()
    yield found
    for job in found.started:
        job.before.close()


@pytest.mark.parametrize("passed_s", [0.0, UNDO_S, UNDO_S + GRACE_S])
def test_a_write_can_be_undone_until_its_limit(desk: Desk, passed_s: float) -> None:
    """The page offers it for ten seconds; a request that is late on its way still counts."""
    job, jobs = desk.ended(), desk.jobs
    assert jobs.state(job)["undo_s"] == UNDO_S == 10
    desk.clock.now_s += passed_s
    assert jobs.state(job)["undo_s"] == max(0.0, UNDO_S - passed_s)
    assert jobs.take_for_undo(ANN, job.id) is job
    with pytest.raises(AccessError) as second:
        jobs.take_for_undo(ANN, job.id)
    assert (second.value.status, second.value.code) == (410, "too_late")


def test_after_its_limit_a_write_cannot_be_undone(desk: Desk) -> None:
    """Whoever sends the request; what stood before is forgotten with the next write."""
    job, jobs = desk.ended(), desk.jobs
    desk.clock.now_s += UNDO_S + GRACE_S + 0.001
    with pytest.raises(AccessError, match="can no longer be undone; judge the events again") as late:
        jobs.take_for_undo(ANN, job.id)
    assert (late.value.status, late.value.code) == (410, "too_late")
    desk.ended(request="two")
    with pytest.raises(ValueError, match="closed file"):
        list(job.before.pages())


def test_an_undo_that_failed_can_be_asked_for_again_within_the_limit(desk: Desk) -> None:
    """The limit counts from the failure."""
    job, jobs = desk.ended(), desk.jobs
    desk.clock.now_s += UNDO_S

    def fail(stop: threading.Event, hooks: Hooks) -> Tally:
        raise RuntimeError("the cluster went away")

    undo = desk.ended(fail, f"undo-{job.id}", jobs.take_for_undo(ANN, job.id))
    assert undo.problem == "the console failed; its log says why"
    desk.clock.now_s += UNDO_S
    assert jobs.take_for_undo(ANN, job.id) is job
