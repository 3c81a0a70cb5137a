"""The parent's part in a switch of the model: look, read, try out, tell the workers, check that all of them serve it.

    active.json changed, or SIGHUP ─▶ read ─▶ pinned? same fields? ─▶ tried in its own process ─▶ chosen ─▶ all workers
                                        └───────────┴──── no ────────────────┴─▶ one ERROR line, the old model stays

This is a step of gunicorn's own loop and not a thread, because a fork while another thread holds a lock can deadlock. A
worker that starts later opens what is `chosen` then, so it never brings back an older version.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from common.changed_files import file_state
from contract import hints
from contract.artifact.file import ModelFile
from contract.artifact.site_profile import SiteProfile
from contract.errors import ArtifactError
from enrich_service.model.model_file import (
    difference,
    read,
    read_version,
    refuse_unpinned,
    unreadable_beside,
)
from enrich_service.model.pointer import POINTER, Pointer, active_pointer, is_model_folder
from enrich_service.versions.channel import Channel, Chosen
from enrich_service.versions.tryout import TryOut, reason

log = logging.getLogger(__name__)

LATE_S = 30.0
"""After this time a warning says that a worker still serves the version before."""

Signature = tuple[int, int, int] | None
"""Inode, time of the last change and size of the pointer; None if there is no pointer."""


@dataclass(slots=True)
class Line:
    """State of one worker in the parent."""

    channel: Channel
    told: int
    """The last round that was sent to it, or with which it started."""
    serves: int
    """The round that it serves, as it reported."""


class Switch:
    """Chooses the models that all workers serve."""

    def __init__(
        self,
        path: Path,
        *,
        digests: Collection[str] = (),
        profile: SiteProfile | None = None,
        limit_s: float = 60.0,
    ) -> None:
        """Read and try the model of a path.

        Raises:
            ArtifactError: the model cannot be served, or the site's profile does not fit it. A shadow that cannot be
                served is logged and left out.
        """
        self._path, self._digests, self._limit_s = path, digests, limit_s
        self.profile = profile
        self._seen = _signature(path)
        self.chosen = self._read(self._pointer())
        self.round = 0
        self._before = self.chosen
        self._began_s: float | None = None
        """Start of a switch that some workers have not done yet."""
        self._late = self._asked = False
        self._trial: TryOut | None = None
        with contextlib.closing(TryOut(self.chosen.models, limit_s=limit_s)) as trial:
            self.chosen = self._tried(self.chosen, trial.wait())

    def look(self) -> None:
        """Look for another model in the next step, even if the pointer has not changed (SIGHUP)."""
        self._asked = True

    def line(self, channel: Channel) -> Line:
        """The state of a worker that starts now."""
        return Line(channel, told=self.round, serves=self.round)

    def step(self, lines: Iterable[Line]) -> None:
        """Do everything that needs no waiting; called about twice a second with the present workers."""
        try:
            if self._trial is not None:
                self._continue(self._trial)
            elif self._asked or _signature(self._path) != self._seen:
                self._begin()
        except Exception as error:  # noqa: BLE001  whatever is in the folder, this process and its workers continue
            self.close()
            hint = "" if isinstance(error, ArtifactError) else "; send the service a SIGHUP to try again"
            self._refused(f"{reason(error)}{hint}")
        self._update(list(lines))

    def close(self) -> None:
        """End a trial that still runs."""
        if self._trial is not None:
            self._trial.close()
            self._trial = None

    def _begin(self) -> None:
        asked, self._asked = self._asked, False
        self._seen = _signature(self._path)
        pointer = self._pointer()
        chosen = self._read(pointer)
        self._refuse_foreign(chosen.active, allowed=pointer is not None and pointer.foreign)
        if chosen.versions != self.chosen.versions:
            self._trial = TryOut(chosen.models, limit_s=self._limit_s)
        elif asked:
            log.info("looked for a new model: version %s is already served", chosen.active.version)

    def _continue(self, trial: TryOut) -> None:
        problems = trial.poll()
        if problems is None:
            return
        chosen = self._tried(Chosen(*trial.models), problems)
        self.close()
        if chosen.versions != self.chosen.versions:
            self._before, self.chosen, self._began_s, self._late = self.chosen, chosen, trial.began_s, False
            self.round += 1

    def _update(self, lines: list[Line]) -> None:
        """Send the models to workers that do not have them yet, and log when all workers serve them."""
        for line in lines:
            line.serves = max(line.serves, *line.channel.reports(), line.serves)
            if line.told < self.round:
                try:
                    line.channel.tell(self.chosen, self.round)
                    line.told = self.round
                except OSError as error:
                    log.warning("could not tell a worker about the new model (%s); trying again", error.strerror)
        if self._began_s is None or not lines:
            return
        behind = sum(line.serves != self.round for line in lines)
        if not behind:
            self._switched(time.monotonic() - self._began_s)
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
        """The pointer of the model folder; None if the path is an artifact."""
        return active_pointer(self._path) if is_model_folder(self._path) else None

    def _read(self, pointer: Pointer | None) -> Chosen:
        """The artifact, or the versions that the pointer names."""
        active = read(self._path) if pointer is None else read_version(self._path, str(pointer.active))
        refuse_unpinned(active, self._digests)
        if self.profile is not None:
            self.profile.over(active.contract)
        if pointer is None or pointer.shadow in (None, active.version):
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

    def _switched(self, took_s: float) -> None:
        active, shadow = self.chosen.versions
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
        self._before, self._began_s = self.chosen, None


def facts(chosen: Chosen) -> dict[str, str]:
    """Fields of a log line about the models."""
    active, shadow = chosen.active, chosen.shadow
    said = {"oversight.model.id": active.contract.name, "oversight.model.version": active.version}
    if shadow is not None:
        said |= {"oversight.shadow.model.id": shadow.contract.name, "oversight.shadow.model.version": shadow.version}
    return said


def _no_shadow(why: str) -> None:
    log.error("no shadow runs beside the active model: %s", why, extra={"event.action": "shadow-refused"})


def _signature(path: Path) -> Signature:
    """Shows that the pointer has changed; None for a plain artifact, which is read again only after SIGHUP."""
    return file_state(path / POINTER)
