"""What `oversight provision --remove` deletes, and what stays because something still needs it.

    our resources ──▶ hold events? edited? used by others? ──▶ these stay, and everything that they refer to
                                 └──▶ the rest is deleted: stream, index templates, component templates, pipelines

The order is that of creation reversed, so after an interrupted removal nothing refers to a deleted resource.
"""

from __future__ import annotations

import warnings
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from elasticsearch import Elasticsearch, ElasticsearchWarning

from contract.distribution import own_version
from contract.documents.datasets import CONNECTION, resource_name
from contract.documents.fields import DEFAULT_PIPELINE, FINAL_PIPELINE, stream_name
from contract.documents.heartbeats import heartbeat_index
from es_pipelines.cluster import normal
from es_pipelines.cluster.ownership import from_meta
from es_pipelines.cluster.requests import NO_ROUTE, call
from es_pipelines.cluster.stored_documents import held, is_backing
from es_pipelines.provision.plan import Plan, every
from es_pipelines.resources.all_kinds import KINDS
from es_pipelines.resources.kind import WRITES, Action, Change, Installation, Standing, shared_names
from es_pipelines.resources.labelled import IndexTemplate, Pipeline, Template
from es_pipelines.resources.stored import Stored, bodies, read_stored
from es_pipelines.resources.stream import DataStream, Live, PlainIndex

Key = tuple[str, str]
"""Kind and name: an index may have the name of its template."""
Reasons = dict[Key, str]
"""Why each resource stays."""


def plan_removal(
    es: Elasticsearch, namespace: str, *, dataset: str = CONNECTION, with_data: bool = False, force: bool = False
) -> tuple[Plan, Installation]:
    """What a removal would do. Nothing is written; indices are refreshed, so that every document is counted.

    Args:
        es: a client of the cluster.
        namespace: the installation.
        dataset: the dataset to remove. What it shares with other datasets stays while there is another one.
        with_data: delete the events, heartbeats and alerts too.
        force: delete what a person edited too.
    """
    installation = Installation(namespace, own_version(), force, with_data=with_data, dataset=dataset)
    targets = (stream_name(namespace, dataset), *shared_names(namespace))
    stored = read_stored(es, namespace, targets, dataset=dataset, roles=True, keys=True)
    stands = _standing(stored)
    found = [(kind, standing, KINDS[kind].stranger(standing, installation)) for kind, standing in every(stands)]
    foreign = {standing.name for kind, standing, stranger in found if stranger and kind == IndexTemplate.name}
    found = [  # only the name of its template shows whose a stream is
        (
            kind,
            standing,
            stranger or ("its template is not Oversight's" if standing.body.get("template") in foreign else ""),
        )
        if kind == DataStream.name
        else (kind, standing, stranger)
        for kind, standing, stranger in found
    ]
    ours = [(kind, standing) for kind, standing, stranger in found if not stranger]
    reasons = _kept(es, ours, installation, _other_datasets(stored))
    steps = [
        _step(kind, standing, stranger, reasons.get((kind, standing.name), ""), installation)
        for kind, standing, stranger in found
    ]
    return Plan(stream_name(namespace, dataset), tuple(steps)), installation


def _step(kind: str, standing: Standing, stranger: str, reason: str, installation: Installation) -> Change:
    step, mark = Change(kind, standing.name, Action.REMOVE, standing=standing), standing.mark
    if stranger:
        return step.because(Action.IGNORE, "it is not Oversight's")
    if mark is not None and mark.is_newer_than(installation.version) and not installation.force:
        return step.because(
            Action.NEWER,
            f"Oversight {mark.version} wrote it and this is {installation.version}, which may not know "
            "everything that belongs to it; "
            f"remove it with the newer Oversight, or use --force",
        )
    return step.because(Action.STAY, reason) if reason else step


def _standing(stored: Stored) -> dict[str, dict[str, Standing]]:
    """Everything whose name has our form."""
    found = {}
    for name, kind in KINDS.items():
        if kind.part_of:
            continue
        listed = kind.find(stored, stored.targets if isinstance(kind, Live) else ())
        found[name] = {one.name: one for one in listed if not isinstance(kind, Live) or one.body["is"] == name}
    return found


def _other_datasets(stored: Stored) -> list[str]:
    """The other datasets of the namespace that are provisioned."""
    marks = {name: from_meta(body.get("_meta")) for name, body in stored.labelled[IndexTemplate.path].items()}
    return sorted(
        mark.dataset
        for name, mark in marks.items()
        if mark is not None
        and (mark.namespace, name) == (stored.namespace, resource_name("stream", stored.namespace, mark.dataset))
        and mark.dataset != stored.dataset
    )


def _kept(
    es: Elasticsearch, ours: list[tuple[str, Standing]], installation: Installation, others: list[str]
) -> Reasons:
    """Why each resource stays. `others` are the namespace's other datasets."""
    reasons: Reasons = {}
    for kind, standing in ours:
        if isinstance(KINDS[kind], Live) and not installation.with_data:
            holds = held(es, standing.name, standing.body.get("failures", ()))
            reasons |= {(kind, standing.name): holds} if holds else {}
        edited = KINDS[kind].edited(standing)
        if edited and not installation.force:
            reasons[kind, standing.name] = f"{edited}; --force removes it"
    if not any(name == stream_name(installation.namespace, installation.dataset) for _, name in reasons):
        # Heartbeats describe the watchers of the stream, which goes.
        reasons.pop((PlainIndex.name, heartbeat_index(installation.namespace)), None)
    if others:
        uses = f"shared with other datasets of this namespace: {', '.join(others)}"
        shared = shared_names(installation.namespace)
        reasons |= {(kind, standing.name): uses for kind, standing in ours if standing.name in shared}
    referable = {standing.name: kind for kind, standing in ours if isinstance(KINDS[kind], Pipeline | Template)}
    for name, user in users(es, set(referable), {standing.name for _, standing in ours}):
        reasons.setdefault((referable[name], name), f"{user} needs it")
    return _with_needed(ours, referable, reasons)


def _with_needed(ours: list[tuple[str, Standing]], referable: Mapping[str, str], reasons: Reasons) -> Reasons:
    """The reasons, with one more for each resource that another resource which stays refers to."""
    bodies = {(kind, standing.name): standing.body for kind, standing in ours}
    queue = list(reasons)
    while queue:
        kind, name = queue.pop()
        for needed in KINDS[kind].references(bodies[kind, name]) & set(referable):
            key = (referable[needed], needed)
            if key not in reasons:
                reasons[key] = f"{name} stays and needs it"
                queue.append(key)
    return reasons


def users(es: Elasticsearch, ours: set[str], known: set[str]) -> Iterator[tuple[str, str]]:
    """Each of our names that a resource of someone else refers to, and that resource. Names in `known` are ours.

    Nothing is written.
    """
    for kind in KINDS.values():
        if not isinstance(kind, Pipeline | Template):
            continue
        for name, body in bodies(es, kind.path).items():
            if name not in known:
                yield from ((used, f"{kind.name} {name}") for used in kind.references(kind.normal(body)) & ours)
    for name, body in _settings(es, "/_template", NO_ROUTE).items():
        yield from ((used, f"legacy template {name}") for used in _values(body) & ours)
    for name, body in _settings(es, f"/_all/_settings/{DEFAULT_PIPELINE},{FINAL_PIPELINE}", (404,)).items():
        if name not in known and not any(is_backing(name, one) for one in known):
            yield from ((used, f"index {name}") for used in _values(body) & ours)


def _settings(es: Elasticsearch, path: str, allow: Collection[int]) -> Mapping[str, Any]:
    """The pipelines that legacy templates or indices name in their settings."""
    params = {"filter_path": f"*.settings.{DEFAULT_PIPELINE},*.settings.{FINAL_PIPELINE}"}
    params |= {"expand_wildcards": "all"} if path.startswith("/_all") else {}
    with warnings.catch_warnings():  # it warns that the indices of security are among them
        warnings.simplefilter("ignore", ElasticsearchWarning)
        answer = call(es, "GET", path, params=params, allow=allow)
    return answer.body if answer.status == 200 else {}


def _values(body: Mapping[str, Any]) -> set[str]:
    return set(map(str, normal.settings(body.get("settings", {})).values()))


def keep_used(es: Elasticsearch, steps: list[Change]) -> list[Change]:
    """The same steps, without the removal of what is still needed, by us or by someone else."""
    names = {step.name for step in steps if step.action == Action.REMOVE}
    if not names:
        return steps
    needs = dict(users(es, names, {step.name for step in steps}))
    while True:  # what is kept may need another one
        for step in steps:
            if step.action != Action.REMOVE:
                needs |= dict.fromkeys(_needed_by(step) & names, f"{step.kind} {step.name}")
        settled = [_kept_for(step, needs) for step in steps]
        if settled == steps:
            return steps
        steps = settled


def _kept_for(step: Change, needs: Mapping[str, str]) -> Change:
    if step.action != Action.REMOVE or step.name not in needs:
        return step
    return step.because(Action.KEEP, f"this version no longer needs it, and {needs[step.name]} needs it")


def _needed_by(step: Change) -> set[str]:
    """What a resource refers to after the step."""
    kind, body = KINDS[step.kind], step.standing.body if step.standing is not None else {}
    if step.action in WRITES and step.wanted is not None:
        body = kind.normal(step.wanted.body)
    return kind.references(body)
