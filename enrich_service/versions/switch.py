"""The parent's part in a switch of the model: look, read, try out, tell the workers, see that all of them serve it.

    active.json changed, or SIGHUP ─▶ read ─▶ pinned? ours? ─▶ tried in a process of its own ─▶ chosen ─▶ every worker
                                        └────────┴──── no ─────────────┴─▶ one ERROR line, the old one stays

It is a step of gunicorn's own loop and has no thread: a fork while another thread holds a lock never ends well. A
worker that is forked later opens what is `chosen` then, so it never brings an older version back.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from common.changed_files import file_state
from contract import hints
from contract.errors import ArtifactError
from enrich_service.model.model_file import (
    ModelFile,
    difference,
    read,
    read_version,
    refuse_unpinned,
    unreadable_beside,
)
from enrich_service.model.pointer import POINTER, Pointer, is_model_folder, no_active_version, read_pointer
from enrich_service.versions.channel import Channel, Chosen
from enrich_service.versions.tryout import TryOut

log = logging.getLogger(__name__)

LATE_S = 30.0
"""After so long somebody should look why a worker still serves the version before."""

Signature = tuple[int, int, int] | None
"""Inode, time of the last change and size of the pointer; None where there is none."""


@dataclass(slots=True)
class Line:
    """What the parent knows of one worker."""

    channel: Channel
    told: int
    """The round that it was told of last, or was forked with."""
    serves: int
    """The round that it serves, by its own word."""


@dataclass(frozen=True, slots=True)
class _Trial:
    """Models that are being opened for a try."""

    chosen: Chosen
    process: TryOut
    began_s: float


class Switch:
    """What all workers are to serve, and how that changes."""

    def __init__(self, path: Path, *, digests: Collection[str] = (), limit_s: float = 60.0) -> None:
        """Read and try the model that the path stands for.

        Raises:
            ArtifactError: it cannot be served. A shadow that cannot be is said in the log, and left out.
        """
        self._path, self._digests, self._limit_s = path, digests, limit_s
        self._seen = _signature(path)
        self.chosen = self._read(self._pointer())
        self.round = 0
        self._began_s = 0.0
        self._before, self._settled, self._late = self.chosen, True, False
        self._trial: _Trial | None = None
        self._asked = False
        self._lines: list[Line] = []
        with TryOut(self.chosen.models, limit_s=limit_s) as process:
            self.chosen = self._tried(self.chosen, process.wait())

    def look(self) -> None:
        """Look at the next step whether there is another model, also where the pointer is as it was: SIGHUP."""
        self._asked = True

    def line(self, channel: Channel) -> Line:
        """The record of a worker that is forked now."""
        return Line(channel, told=self.round, serves=self.round)

    def step(self, lines: Iterable[Line]) -> None:
        """Do what can be done without waiting; called about twice a second with the workers that there are."""
        if self._trial is not None:
            self._go_on(self._trial)
        elif self._asked or _signature(self._path) != self._seen:
            self._begin()
        self._keep_up(list(lines))

    def close(self) -> None:
        """End what still runs."""
        if self._trial is not None:
            self._trial.process.close()
            self._trial = None

    def _begin(self) -> None:
        asked, self._asked = self._asked, False
        began_s, self._seen = time.monotonic(), _signature(self._path)
        try:
            pointer = self._pointer()
            chosen = self._read(pointer)
            self._refuse_foreign(chosen.active, allowed=pointer is not None and pointer.foreign)
            if chosen.versions != self.chosen.versions:
                self._trial = _Trial(chosen, TryOut(chosen.models, limit_s=self._limit_s), began_s)
            elif asked:
                log.info("looked for a new model: version %s is already served", chosen.active.version)
        except Exception as error:  # noqa: BLE001  whatever is in the folder, this process and its workers go on
            self._refused(_reason(error))

    def _go_on(self, trial: _Trial) -> None:
        try:
            problems = trial.process.poll()
            if problems is None:
                return
            chosen = self._tried(trial.chosen, problems)
        except Exception as error:  # noqa: BLE001  as above
            self.close()
            self._refused(_reason(error))
            return
        self.close()
        if chosen.versions != self.chosen.versions:
            self._before, self.chosen, self._settled, self._late = self.chosen, chosen, False, False
            self.round += 1
            self._began_s = trial.began_s

    def _keep_up(self, lines: list[Line]) -> None:
        """Tell the workers that are behind, and say when none is any more."""
        for gone in [line for line in self._lines if line not in lines]:
            gone.channel.close()
        self._lines = lines
        for line in lines:
            for report in line.channel.reports():
                if report.problem is None:
                    line.serves = max(line.serves, report.round)
            if line.told < self.round:
                try:
                    line.channel.tell(self.chosen, self.round)
                    line.told = self.round
                except OSError as error:
                    log.warning("could not tell a worker about the new model (%s); trying again", error.strerror)
        if self._settled or not lines:
            return
        behind = sum(line.serves != self.round for line in lines)
        if not behind:
            self._settled = True
            self._switched()
        elif not self._late and time.monotonic() - self._began_s > LATE_S:
            self._late = True
            log.warning(
                "%d of %d workers do not serve version %s after %.0f s; their log lines say why",
                behind,
                len(lines),
                self.chosen.active.version,
                LATE_S,
            )

    def _pointer(self) -> Pointer | None:
        """What the model folder says; None where the path is an artifact."""
        if not is_model_folder(self._path):
            return None
        pointer = read_pointer(self._path)
        if pointer.active is None:
            raise no_active_version(self._path)
        return pointer

    def _read(self, pointer: Pointer | None) -> Chosen:
        """The artifact, or what the pointer names."""
        if pointer is None or pointer.active is None:
            active = read(self._path)
            refuse_unpinned(active, self._digests)
            return Chosen(active)
        active = read_version(self._path, pointer.active)
        refuse_unpinned(active, self._digests)
        if pointer.shadow in (None, active.version):
            return Chosen(active)
        try:
            shadow = read_version(self._path, str(pointer.shadow))
            refuse_unpinned(shadow, self._digests)
            problem = unreadable_beside(shadow.contract, active.contract)
            if problem is not None:
                raise ArtifactError(f"{shadow.path} {problem}; choose another with `oversight model shadow VERSION`")
        except ArtifactError as error:
            _no_shadow(str(error))
            return Chosen(active)
        return Chosen(active, shadow)

    def _refuse_foreign(self, model: ModelFile, *, allowed: bool) -> None:
        why = difference(model.contract, self.chosen.active.contract)
        if why is not None and not allowed:
            raise ArtifactError(
                f"{model.path} {why}; run {hints.run('provision')} with it, then `oversight model activate "
                f"{model.version} --foreign`, "
                f"or restart the service if it has no model folder"
            )

    def _tried(self, chosen: Chosen, problems: list[str | None]) -> Chosen:
        if problems[0] is not None:
            raise ArtifactError(problems[0])
        if chosen.shadow is not None and problems[1] is not None:
            _no_shadow(problems[1])
            return Chosen(chosen.active)
        return chosen

    def _refused(self, why: str) -> None:
        active = self.chosen.active
        log.error(
            "the model was not switched, version %s stays active: %s",
            active.version,
            why,
            extra={"event.action": "model-refused", "event.outcome": "failure", **facts(self.chosen)},
        )

    def _switched(self) -> None:
        (active, shadow), took_s = self.chosen.versions, time.monotonic() - self._began_s
        was = "" if active == self._before.active.version else f" in place of {self._before.active.version}"
        log.info(
            "serving version %s of %s%s%s; all workers switched after %.1f s",
            active,
            self.chosen.active.contract.name,
            was,
            "" if shadow is None else f", with the shadow {shadow}",
            took_s,
            extra={"event.action": "model-switched", "event.duration": int(took_s * 1e9), **facts(self.chosen)},
        )
        self._before = self.chosen


def facts(chosen: Chosen) -> dict[str, str]:
    """What a log line says of the models."""
    active, shadow = chosen.active, chosen.shadow
    said = {"oversight.model.id": active.contract.name, "oversight.model.version": active.version}
    if shadow is not None:
        said |= {"oversight.shadow.model.id": shadow.contract.name, "oversight.shadow.model.version": shadow.version}
    return said


def _reason(error: Exception) -> str:
    """Why a model is refused; a fault that no artifact should cause is named by its type as well."""
    if isinstance(error, ArtifactError):
        return str(error)
    return f"{type(error).__name__}: {str(error)[:200]}; send the service a SIGHUP to try again"


def _no_shadow(why: str) -> None:
    log.error("no shadow runs beside the active model: %s", why, extra={"event.action": "shadow-refused"})


def _signature(path: Path) -> Signature:
    """What tells one pointer from the next; of a plain artifact nothing: it is looked at when that is asked for."""
    return file_state(path / POINTER)
