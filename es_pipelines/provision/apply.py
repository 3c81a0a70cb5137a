"""Bring an installation to what this version and this model want, or take it away.

    ask, preflight ──▶ resources() ──▶ survey ──▶ make_plan ──▶ apply
                                                     └──▶ `--plan`, `--check`: the same plan, and no write

A second run writes nothing. A run that was interrupted after any write is finished by the next one: the plan is made
anew from what stands.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from elasticsearch import Elasticsearch

from contract.artifact.contract import ModelContract
from contract.distribution import own_version
from contract.documents.fields import stream_name
from contract.errors import InputError
from es_pipelines.cluster.capabilities import Capabilities, Omission, ask
from es_pipelines.provision.plan import Finding, Plan, apply, every, make_plan, survey
from es_pipelines.provision.preflight import preflight
from es_pipelines.provision.removal import keep_used, plan_removal
from es_pipelines.provision.upgrade import notes
from es_pipelines.resources.desired import resources
from es_pipelines.resources.kind import Action, Installation, Resource, Step

NO_ROLES = (
    "no roles and no API keys: user or key lacks the privilege manage_security, which `PUT _security/role/*` needs; "
    "let a user who has it run this once"
)


@dataclass(frozen=True, slots=True)
class Wish:
    """What the user wants."""

    contract: ModelContract
    """The model whose features the events hold."""
    namespace: str
    retention: str | None = None
    """How long events are kept, as Elasticsearch writes it (`30d`); None: for ever."""
    force: bool = False
    """Overwrite what a person edited."""


@dataclass(frozen=True, slots=True)
class Report:
    """What a run did and what it left out."""

    plan: Plan
    engine: Capabilities
    steps: list[Step] = field(default_factory=list)

    @property
    def stream(self) -> str:
        """Where events are sent to."""
        return self.plan.stream

    @property
    def omissions(self) -> tuple[Omission, ...]:
        """What this engine lacks, with what that costs the user."""
        return self.plan.omissions

    def count(self, *actions: Action) -> int:
        """Number of resources with one of these outcomes."""
        return sum(step.action in actions for step in self.steps)


def wanted_of(wish: Wish, engine: Capabilities) -> list[Resource]:
    """Everything that a wish means on an engine."""
    return resources(wish.contract, wish.namespace, engine, retention=wish.retention)


def plan(es: Elasticsearch, wish: Wish) -> tuple[Plan, Installation, Capabilities]:
    """What `provision` would do; nothing is written."""
    stream = stream_name(wish.namespace)
    everything = resources(wish.contract, wish.namespace, Capabilities(data_streams=True, index_mode=True))
    facts, findings = preflight(es, everything, stream)
    if any(finding.stops for finding in findings):
        engine = Capabilities(data_streams=False, index_mode=False)
        return Plan(stream, (), findings=tuple(findings), facts=facts), _installation(wish, engine), engine
    engine = ask(es)
    wanted, installation = wanted_of(wish, engine), _installation(wish, engine)
    stands = survey(es, wanted, wish.namespace)
    steps = keep_used(es, make_plan(wanted, stands, installation))
    findings += [Finding(False, note) for note in notes((one for _, one in every(stands)), wish.namespace)]
    omissions = tuple(engine.omissions(wish.retention))
    if engine.security and not engine.roles:
        findings = [*findings, Finding(False, NO_ROLES)]
    return Plan(stream, tuple(steps), omissions, tuple(findings), facts), installation, engine


def _installation(wish: Wish, engine: Capabilities) -> Installation:
    return Installation(wish.namespace, own_version(), wish.force, engine.pipeline_meta)


def provision(
    es: Elasticsearch,
    contract: ModelContract,
    *,
    namespace: str,
    retention: str | None = None,
    force: bool = False,
    on_step: Callable[[Step], None] | None = None,
) -> Report:
    """Bring everything of an installation to the state of this version; a second run makes no write.

    Args:
        es: a client of the cluster.
        contract: the model whose features the events hold.
        namespace: the installation.
        retention: how long events are kept (`30d`); None: for ever.
        force: overwrite what a person edited.
        on_step: told of each resource as soon as it is done.
    Raises:
        InputError: something is in the way; nothing was written.
    """
    wish = Wish(contract, namespace, retention, force)
    planned, installation, engine = plan(es, wish)
    return carry_out(es, planned, installation, engine, on_step=on_step)


def carry_out(
    es: Elasticsearch,
    planned: Plan,
    installation: Installation,
    engine: Capabilities,
    *,
    on_step: Callable[[Step], None] | None = None,
) -> Report:
    """Do what a plan says.

    Raises:
        InputError: something is in the way; nothing was written.
    """
    if planned.in_the_way:
        raise InputError(f"nothing was written: {'; '.join(planned.in_the_way)}")
    return Report(planned, engine, apply(es, planned, installation, on_step))


def outdated(es: Elasticsearch, contract: ModelContract, *, namespace: str, retention: str | None = None) -> list[Step]:
    """Where what stands is not as this version and this model want it; empty where all is. Asks for nothing else."""
    engine = ask(es)
    wish = Wish(contract, namespace, retention)
    wanted = wanted_of(wish, engine)
    steps = make_plan(wanted, survey(es, wanted, namespace), _installation(wish, engine))
    return Plan(stream_name(namespace), tuple(steps)).drift


def remove(es: Elasticsearch, namespace: str) -> None:
    """Take all of an installation away, its events and what people edited included. Nothing is asked."""
    planned, installation = plan_removal(es, namespace, with_data=True, force=True)
    apply(es, planned, installation)
