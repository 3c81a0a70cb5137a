"""`oversight check`: whether cluster, stream, pipelines, artifact and enrich service work together."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from functools import partial

import click
from elasticsearch import ApiError, Elasticsearch
from rich.text import Text

from common.elastic.indices import filtered_message
from common.settings.connections import ElasticsearchSettings
from common.settings.shared import OversightSettings
from contract import hints
from contract.artifact.file import ModelFile
from contract.artifact.proof import proof_in_words
from contract.artifact.site_profile import read_profile
from contract.documents.datasets import CONNECTION
from contract.documents.fields import FINAL_PIPELINE
from contract.errors import ArtifactError, InputError, OversightError, SettingsError
from enrich_service.model.artifact import open_model
from enrich_service.model.model_file import read as read_artifact
from enrich_service.model.model_file import refuse_unpinned
from es_pipelines.provision.apply import outdated
from es_pipelines.resources.kind import Action
from es_pipelines.security.own_privileges import own_privileges
from es_pipelines.settings import ProvisionSettings
from es_pipelines.ship.target import find, provisioned_model
from oversight.client.cluster import connect
from oversight.commands.status import MISREAD_HINT, duration, notes
from oversight.config.settings import load, load_installation, option_of
from oversight.profile_in_words import profile_in_words
from oversight.tables import console
from oversight.task_in_words import task_in_words
from oversight.terminal import one_line, print_json
from watcher.enrich.client import client_of
from watcher.operations.misread import named, read_misread
from watcher.operations.status import read_status
from watcher.operations.trust import forged

SHOWN_FILES = 5
RECIPE = "Copy documents into the stream"
"""Heading in docs/provisioning.md."""
SHOWN_PRIVILEGES = 8
"""A superuser has hundreds of privileges."""
PENDING_S = 300.0
"""From this age of the oldest pending document, the check fails unless a watcher makes progress."""


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check."""

    about: str
    good: bool
    says: str


@click.command()
@option_of(OversightSettings, "namespace")
@option_of(OversightSettings, "dataset")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON: about, good, says.")
def command(*, namespace: str | None, dataset: str | None, as_json: bool) -> None:
    """Check that cluster, stream, pipelines, model artifact and enrich service are there and work together. The exit
    code is 1 if not.

    \b
    Example:
      oversight check
      oversight check --json
    """
    shared = load(OversightSettings, namespace=namespace, dataset=dataset)
    if shared.dataset is None and _readable(shared) is None:  # the check of the artifact reports why
        dataset = CONNECTION
    findings = list(_findings(load_installation(namespace=namespace, dataset=dataset)))
    if as_json:
        print_json([asdict(finding) for finding in findings])
    else:
        out = console(soft_wrap=True)
        for finding in findings:
            mark = Text("ok  ", style="blue") if finding.good else Text("no  ", style="dark_orange")
            out.print(mark, Text(f"{finding.about:<15}{one_line(finding.says)}"), sep="")
    if not all(finding.good for finding in findings):
        sys.exit(1)


def _findings(settings: OversightSettings) -> Iterator[Finding]:
    """Ask every question. Without Elasticsearch, the questions about it are not asked."""
    try:
        es = connect()
    except OversightError as error:
        yield Finding("Elasticsearch", False, str(error))
        for about in OF_THE_CLUSTER:
            yield Finding(about, False, "not checked, because Elasticsearch cannot be reached")
    else:
        with es:
            version = es.info()["version"]["number"]
            yield Finding("Elasticsearch", True, f"{version} at {load(ElasticsearchSettings).url}")
            for about, question in OF_THE_CLUSTER.items():
                yield _ask(about, partial(question, es, settings))
    yield _ask("artifact", partial(_artifact, settings))
    yield _ask("enrich service", partial(_enrich_service, settings))


def _ask(about: str, question: Callable[[], str]) -> Finding:
    try:
        return Finding(about, True, question())
    except OversightError as error:
        return Finding(about, False, str(error))


def _privileges(es: Elasticsearch, settings: OversightSettings) -> str:
    own = own_privileges(es, settings.namespace, settings.chosen_dataset)
    if own is None:
        return "not checked, because security is off in Elasticsearch"
    if not own.more:
        return f"{own.who} has exactly the privileges that the {own.part} needs"
    more = ", ".join(own.more[:SHOWN_PRIVILEGES])
    left = f", and {len(own.more) - SHOWN_PRIVILEGES} more" if len(own.more) > SHOWN_PRIVILEGES else ""
    return (
        f"{own.who} has more privileges than the {own.part} needs: {more}{left}; use a key that "
        f"{hints.run('provision --keys FOLDER')} creates, so that a stolen key can do less"
    )


def _stream(es: Elasticsearch, settings: OversightSettings) -> str:
    name = settings.documents
    provisioned = ""
    if settings.index is None:
        find(es, name)
        provisioned = f", provisioned for {provisioned_model(es, name).name}"
    try:
        status = read_status(es, name)
    except ApiError as error:
        raise SettingsError(f"{name} cannot be searched (status {error.meta.status}); check OVERSIGHT_INDEX") from None
    if status.filtered:
        raise SettingsError(filtered_message(status.filtered))
    counts = f"{name}{provisioned}: {status.pending:,} pending, {status.enriched:,} enriched, {status.failed:,} failed"
    return "; ".join([counts, *notes(status)])


def _pending(es: Elasticsearch, settings: OversightSettings) -> str:
    status = read_status(es, settings.documents, namespace=settings.namespace)
    age_s = status.oldest_pending_age_s
    if not status.pending or age_s is None:
        return f"{status.pending:,} documents are pending"
    counts = f"{status.pending:,} documents are pending, the oldest for {duration(age_s)}"
    running = status.watchers or ()
    if age_s < PENDING_S or any(watcher.rate_per_s and not watcher.trouble for watcher in running):
        return counts
    troubles = [watcher.trouble for watcher in (*running, *filter(None, [status.ended])) if watcher.trouble]
    if troubles:
        raise SettingsError(f"{counts}; the watcher reports: {'; '.join(dict.fromkeys(troubles))}")
    if status.watchers is None:
        raise SettingsError(f"{counts}, and the watchers' heartbeats cannot be read; check the watcher's log")
    if running:
        raise SettingsError(f"{counts}, and the running watcher makes no progress; check its log")
    raise SettingsError(f"{counts}, and no watcher is running; start one with {hints.run('watch')}")


def _columns(es: Elasticsearch, settings: OversightSettings) -> str:
    files = read_misread(es, settings.documents)
    if files:
        more = " and others" if len(files) > SHOWN_FILES else ""
        raise InputError(
            f"the header of {', '.join(map(named, files[:SHOWN_FILES]))}{more} has other columns, or another order, "
            f"than the rows after it were read with; {MISREAD_HINT}"
        )
    return "no file header differs from the columns that rows were read with"


def _pipelines(es: Elasticsearch, settings: OversightSettings) -> str:
    if settings.index is not None:
        return f"not checked, because OVERSIGHT_INDEX={settings.index} is not the installation's stream"
    model = _readable(settings)
    if model is None:
        raise SettingsError("not checked, because the model artifact cannot be read")
    contract = replace(model.contract, dataset=settings.chosen_dataset)
    other = outdated(es, contract, namespace=settings.namespace, retention=load(ProvisionSettings).retention)
    if any(step.action == Action.KEEP and FINAL_PIPELINE in step.reason for step in other):
        raise SettingsError(
            f"someone changed the final pipeline of {settings.stream}, so every writer can store predictions and "
            f"verdicts there; if a `_reindex` is done, run the last step of {RECIPE!r} in docs/provisioning.md, "
            f"otherwise run {hints.run('provision --force')}"
        )
    edited = [step.name for step in other if step.action == Action.KEEP]
    if edited and len(edited) == len(other):
        raise SettingsError(
            f"someone edited {', '.join(edited)}; {hints.run('provision --plan')} shows the difference, "
            f"{hints.run('provision --force')} overwrites it"
        )
    if other:
        raise SettingsError(
            f"{', '.join(resource.name for resource in other)} does not match {contract.name} and this version of "
            f"Oversight; run {hints.run('provision')}"
        )
    return f"match {contract.name} and this version of Oversight"


def _artifact(settings: OversightSettings) -> str:
    model = read_artifact(settings.model)
    refuse_unpinned(model, settings.model_digests)
    artifact = open_model(model)
    contract = artifact.contract
    what = f"{contract.name} {artifact.version}, {len(contract.labels)} labels, {settings.model}"
    facts = [what, f"task: {task_in_words(contract)}", f"proof: {proof_in_words(contract)}"]
    if settings.profile is not None:
        profile = read_profile(settings.profile)
        profile.over(contract)
        facts.append(f"profile: {profile_in_words(profile)}")
    return "; ".join(facts)


def _readable(settings: OversightSettings) -> ModelFile | None:
    """Return the artifact; None if it cannot be read. Only the check of the artifact reports why."""
    try:
        return read_artifact(settings.model)
    except ArtifactError:
        return None


def _enrich_service(settings: OversightSettings) -> str:
    client = client_of(settings, timeout_s=5.0)
    try:
        served = client.model()
    finally:
        client.close()
    artifact = _readable(settings)
    if artifact is None:
        service = f"{served.id} {served.version} at {settings.enrich_url}"
        return f"{service}; not compared, because the model artifact cannot be read"
    if (served.id, served.version) != (artifact.contract.name, artifact.version):
        raise SettingsError(
            f"{settings.enrich_url} serves {served.id} {served.version}, but OVERSIGHT_MODEL is "
            f"{artifact.contract.name} {artifact.version}; restart `oversight serve` (its log says if it refused that "
            f"model), or set OVERSIGHT_MODEL to the model that it serves"
        )
    return f"{served.id} {served.version} at {settings.enrich_url}"


def _documents(es: Elasticsearch, settings: OversightSettings) -> str:
    name = settings.documents
    signs = forged(es, name)
    if signs:
        listed = "; ".join(f"{number:,} {sign.says} ({sign.request(name)})" for sign, number in signs)
        raise SettingsError(
            f"documents in {name} look forged, because Oversight never stores such documents: {listed}; find out who "
            f"wrote them, and delete them"
        )
    return (
        f"none looks forged. Before you copy documents into the stream with _reindex, read {RECIPE!r} in "
        f"docs/provisioning.md"
    )


OF_THE_CLUSTER: dict[str, Callable[[Elasticsearch, OversightSettings], str]] = {
    "privileges": _privileges,
    "stream": _stream,
    "pending": _pending,
    "columns": _columns,
    "pipelines": _pipelines,
    "documents": _documents,
}
"""The questions that need Elasticsearch, in the order of the output."""
