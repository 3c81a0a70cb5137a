"""Bring one dataset of an installation to the state that this version and this model need.

    read_access ──▶ refusals
    read_condition, read_stored ──▶ preflight, make_plan ──▶ Plan ──▶ apply
                                                             └──▶ `--plan`, `--check`: no write

A second run writes nothing. A run that was interrupted after any write is finished by the next one: each run makes its
plan from what is there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from elasticsearch import Elasticsearch

from contract.artifact.contract import ModelContract
from contract.distribution import own_version
from contract.documents.fields import stream_name
from es_pipelines.cluster.capabilities import Capabilities
from es_pipelines.cluster.condition import Access, read_access, read_condition
from es_pipelines.provision.plan import Finding, Plan, apply, every, make_plan, survey
from es_pipelines.provision.preflight import asked, preflight, refusals
from es_pipelines.provision.removal import keep_used
from es_pipelines.provision.upgrade import notes
from es_pipelines.resources.desired import resources
from es_pipelines.resources.kind import Change, Installation
from es_pipelines.resources.stored import Stored, read_capabilities, read_stored

NO_ROLES = (
    "no roles and no API keys: user or key lacks the privilege manage_security, which `PUT _security/role/*` needs; "
    "let a user who has it run this once"
)
NOT_ASKED = Capabilities(data_streams=False, index_mode=False)


def plan(
    es: Elasticsearch, contract: ModelContract, *, namespace: str, retention: str | None = None, force: bool = False
) -> tuple[Plan, Installation, Capabilities]:
    """What `provision` would do, with the same arguments; nothing is written."""
    stream, dataset = stream_name(namespace, contract.dataset), contract.dataset
    access = read_access(es, asked(stream))
    empty = Plan(stream, (), facts={"version": access.version, "licence": access.licence})
    refused = tuple(refusals(access, stream))
    if refused:  # other requests could fail
        return replace(empty, findings=refused), Installation(namespace, own_version(), dataset=dataset), NOT_ASKED

    condition = read_condition(es)
    stored, engine = _read(es, namespace, dataset, access)
    installation = Installation(namespace, own_version(), force, engine.pipeline_meta, dataset=dataset)
    wanted = resources(contract, namespace, engine, retention=retention)
    findings = preflight(condition, stored, wanted, stream)
    if any(finding.stops for finding in findings):
        return replace(empty, findings=tuple(findings)), installation, engine

    stands = survey(stored, wanted)
    steps = keep_used(es, make_plan(wanted, stands, installation))
    findings += [Finding(False, note) for note in notes((one for _, one in every(stands)), namespace)]
    findings += [Finding(False, NO_ROLES)] if engine.security and not engine.roles else []
    omissions = tuple(engine.omissions(retention))
    return replace(empty, steps=tuple(steps), omissions=omissions, findings=tuple(findings)), installation, engine


def _read(es: Elasticsearch, namespace: str, dataset: str, access: Access) -> tuple[Stored, Capabilities]:
    """What the dataset has in the cluster, and which features the engine has."""
    stream = stream_name(namespace, dataset)
    stored = read_stored(es, namespace, [stream], dataset=dataset, roles=access.may_manage_security)
    return stored, read_capabilities(es, access, stored, stream)


def provision(
    es: Elasticsearch,
    contract: ModelContract,
    *,
    namespace: str,
    retention: str | None = None,
    force: bool = False,
    on_step: Callable[[Change], None] | None = None,
) -> list[Change]:
    """Bring one dataset of an installation to the state of this version; a second run writes nothing.

    Args:
        es: a client of the cluster.
        contract: the model whose features the events hold. Only its dataset is touched.
        namespace: the installation.
        retention: how long events are kept (`30d`); None: for ever.
        force: overwrite what someone edited.
        on_step: gets each step as soon as it is done.
    Returns:
        the steps as they were done.
    Raises:
        InputError: something is in the way; nothing was written.
    """
    planned, installation, _ = plan(es, contract, namespace=namespace, retention=retention, force=force)
    return apply(es, planned, installation, on_step)


def outdated(
    es: Elasticsearch, contract: ModelContract, *, namespace: str, retention: str | None = None
) -> list[Change]:
    """Steps for what is not as this version and this model want it; empty if everything is."""
    stored, engine = _read(es, namespace, contract.dataset, read_access(es, {}))
    wanted = resources(contract, namespace, engine, retention=retention)
    installation = Installation(namespace, own_version(), pipeline_meta=engine.pipeline_meta, dataset=contract.dataset)
    steps = make_plan(wanted, survey(stored, wanted), installation)
    return Plan(stream_name(namespace, contract.dataset), tuple(steps)).drift
