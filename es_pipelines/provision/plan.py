"""What a run would do, as data: the same plan is printed, checked and applied. Only `apply` sends requests.

    wanted  ┐
    stands  ┴─▶ make_plan() ──▶ Plan(steps, findings, omissions) ──▶ printed | exit code | apply()

If one step is in the way (a resource of someone else or of a newer Oversight) or one finding stops the run, nothing is
written at all. So no plan leaves a cluster half provisioned.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from elasticsearch import Elasticsearch

from contract.errors import InputError
from es_pipelines.cluster.capabilities import Omission
from es_pipelines.resources.all_kinds import KINDS
from es_pipelines.resources.kind import IN_THE_WAY, WRITES, Action, Change, Installation, Resource, Standing
from es_pipelines.resources.stored import Stored

Survey = Mapping[str, Mapping[str, Standing]]
"""What is there, by kind and name."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A fact about the cluster that the user should know."""

    stops: bool
    """Nothing can be provisioned before this is fixed."""
    says: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run would do."""

    stream: str
    steps: tuple[Change, ...]
    omissions: tuple[Omission, ...] = ()
    findings: tuple[Finding, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    """Version and licence of the cluster."""

    @property
    def writes(self) -> list[Change]:
        """The steps that change something, in their order."""
        return [step for step in self.steps if step.action in WRITES]

    @property
    def in_the_way(self) -> list[str]:
        """Why nothing can be written; empty if the plan can be applied."""
        steps = [f"{step.kind} {step.name}: {step.reason}" for step in self.steps if step.action in IN_THE_WAY]
        return [finding.says for finding in self.findings if finding.stops] + steps

    @property
    def drift(self) -> list[Change]:
        """The steps whose resource is not as it should be."""
        return [step for step in self.steps if step.action not in (Action.UNCHANGED, Action.IGNORE)]


def survey(stored: Stored, wanted: Collection[Resource]) -> dict[str, dict[str, Standing]]:
    """What is there of the kinds that are wanted."""
    names: dict[str, list[str]] = {}
    for resource in wanted:
        names.setdefault(resource.kind, []).append(resource.name)
    return {kind: {one.name: one for one in KINDS[kind].find(stored, listed)} for kind, listed in names.items()}


def make_plan(wanted: Sequence[Resource], stands: Survey, installation: Installation) -> list[Change]:
    """One step for each wanted resource in the order of creation, then the removal of what is no longer wanted."""
    order = list(KINDS)
    sequence = sorted(wanted, key=lambda resource: order.index(resource.kind))
    steps = [
        KINDS[resource.kind].judge(resource, stands[resource.kind].get(resource.name), installation)
        for resource in sequence
    ]
    return [*_settled(steps), *_obsolete(wanted, stands, installation)]


def _settled(steps: list[Change]) -> list[Change]:
    """The same steps, changed where one step affects another."""
    created = {step.kind for step in steps if step.action == Action.CREATE}
    settled = []
    for step in steps:
        kept = _kept_templates(step, steps) if step.action == Action.ROLL_OVER else []
        if step.action == Action.CREATE and KINDS[step.kind].part_of in created:
            settled.append(step.because(Action.UNCHANGED, "the stream's template creates it"))
        elif kept:  # a new index would get the same old mapping, at every run
            reason = f"its new mapping waits for {', '.join(kept)}, which a person edited; --force overwrites that"
            settled.append(step.because(Action.KEEP, reason))
        else:
            settled.append(step)
    return settled


def _kept_templates(stream: Change, steps: list[Change]) -> list[str]:
    """Names of the templates of the stream that keep a person's edit; a new index would be created from them."""
    name = stream.standing.body.get("template") if stream.standing is not None else None
    used = {name}
    for step in steps:
        if step.name == name and step.wanted is not None:
            used |= KINDS[step.kind].references(KINDS[step.kind].normal(step.wanted.body))
    return [step.name for step in steps if step.action == Action.KEEP and step.name in used]


def _obsolete(wanted: Collection[Resource], stands: Survey, installation: Installation) -> list[Change]:
    """Steps for what an earlier version left; what refers to others comes first."""
    named = {(resource.kind, resource.name) for resource in wanted}
    found = []
    for kind, standing in every(stands):
        mark = standing.mark
        if (kind, standing.name) in named or mark is None or mark.namespace != installation.namespace:
            continue
        if KINDS[kind].stranger(standing, installation):  # a copy
            continue
        step = Change(kind, standing.name, Action.REMOVE, "this version no longer needs it", standing=standing)
        edited = KINDS[kind].edited(standing)
        if mark.is_newer_than(installation.version):
            step = step.because(
                Action.IGNORE, f"Oversight {mark.version} put it there, and this version does not know it"
            )
        elif edited and not installation.force:
            step = step.because(Action.KEEP, f"this version no longer needs it, and {edited}; --force removes it")
        found.append(step)
    return found


def every(stands: Survey) -> list[tuple[str, Standing]]:
    """Everything that is there with its kind, in the order of removal."""
    order = [kind for kind in reversed(KINDS) if kind in stands]
    return [(kind, standing) for kind in order for standing in users_first(kind, list(stands[kind].values()))]


def users_first(kind: str, found: list[Standing]) -> list[Standing]:
    """Resources of one kind by name, but each before those that it refers to."""
    rest, ordered = sorted(found, key=lambda standing: standing.name), list[Standing]()
    while rest:
        needed = {name for one in rest for name in KINDS[kind].references(one.body) if name != one.name}
        free = [standing for standing in rest if standing.name not in needed] or rest
        ordered += free
        rest = [standing for standing in rest if standing not in free]
    return ordered


def apply(
    es: Elasticsearch, plan: Plan, installation: Installation, on_step: Callable[[Change], None] | None = None
) -> list[Change]:
    """Apply the plan step by step, and return the steps as they were done. `on_step` gets each of them.

    Raises:
        InputError: something is in the way; nothing was written.
    """
    if plan.in_the_way:
        raise InputError(f"nothing was written: {'; '.join(plan.in_the_way)}")
    done = []
    for step in plan.steps:
        if step.action == Action.REMOVE:
            KINDS[step.kind].delete(es, step, installation)
        elif step.action in WRITES and step.wanted is not None:
            step = KINDS[step.kind].write(es, step, step.wanted, installation)
        done.append(step)
        if on_step is not None:
            on_step(step)
    return done
