"""`oversight sense --report`: how far a site's own traffic is from what the model learned, and what to do about it."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from common import atomic_file
from common.settings.shared import OversightSettings
from contract.artifact.contract import VERSION_DIGITS
from contract.errors import InputError
from contract.shipped_models import shipped_path
from enrich_service.model.artifact import Artifact
from enrich_service.model.artifact import load as open_artifact
from enrich_service.model.pointer import artifact_path
from enrich_service.predict.drift import MIN_DOCUMENTS, MOVED, NOT_AS_LEARNED
from oversight.commands.sense_needs import FLOW_MODEL
from oversight.config.settings import load, origin
from oversight.first_hour.advice import advice, loudest, trained_on
from oversight.first_hour.hour import Hour, first_hour
from oversight.first_hour.usual import Moved, drift, in_seconds, site_profile
from oversight.terminal import one_line, print_json

if TYPE_CHECKING:
    from sensor.stream import Sensed

WIDTH = 116
MOST_FEATURES = 5
MOST_LABELS = 6
MOST_SERVICES = 3
MOST_LETTERS = 30
"""Of the name of a source: the line with it has 90 more."""
FEWEST_OF_SERVICE = 20
"""With fewer connections, a share of a service means little."""


def model_to_report_on() -> Artifact:
    """The installation's model; the shipped one for flows if OVERSIGHT_MODEL is not set.

    Raises:
        ArtifactError: it cannot be opened.
    """
    if origin(OversightSettings, "model") == "default":
        return open_artifact(shipped_path(FLOW_MODEL))
    return open_artifact(artifact_path(load(OversightSettings).model))


def report(sensed: Iterable[Sensed], artifact: Artifact, *, source: str, profile: Path | None, as_json: bool) -> None:
    """Print the report on the first hour, and write the site's profile.

    Args:
        sensed: the traffic.
        artifact: the model.
        source: name of the source.
        profile: file for the site's profile; None: write none.
        as_json: print JSON.
    Raises:
        InputError: there is no traffic; or, after the report, too little for a profile, or it cannot be written.
        ArtifactError: the model predicts nothing at all.
    """
    hour = first_hour(sensed, artifact)
    moved = drift(hour, artifact.contract)
    failed: InputError | None = None
    if profile is not None:
        try:
            _write(profile, hour, artifact)
        except InputError as error:  # the hour is over, so its report is printed all the same
            profile, failed = None, error
    if as_json:
        print_json(_facts(hour, moved, artifact, source, profile))
    else:
        for line in _text(hour, moved, artifact, source, profile):
            click.echo(one_line(line))
    if failed is not None:
        raise failed


def _write(path: Path, hour: Hour, artifact: Artifact) -> None:
    text = site_profile(hour, artifact).to_json()
    try:
        atomic_file.write(path, text.encode())
    except OSError as error:
        raise InputError(f"cannot write the profile {path} ({error.strerror or error}); choose another path") from None


def _facts(hour: Hour, moved: list[Moved], artifact: Artifact, source: str, profile: Path | None) -> dict[str, Any]:
    has_novelty = artifact.contract.novelty_threshold is not None
    return {
        "source": source,
        "model": {"id": artifact.contract.name, "version": artifact.version},
        "trained_on": trained_on(artifact.contract),
        "since": in_seconds(hour.since_s),
        "until": in_seconds(hour.until_s),
        "is_whole_hour": hour.is_whole,
        "connections": hour.connections,
        "predicted": hour.predicted,
        "first_error": hour.first_error or None,
        "approximate": hour.approximate,
        "novel": hour.novel if has_novelty else None,
        "novel_share": round(hour.novel / hour.predicted, 6) if has_novelty else None,
        "unknown": hour.unknown if has_novelty else None,
        "services": {
            name: {"connections": n, "novel": hour.novel_services[name]} for name, n in hour.services.most_common()
        },
        "alerts": dict(hour.alerts.most_common()),
        "loudest": [{**asdict(each), "rule": each.rule} for each in loudest(hour)],
        "drift_connections": hour.sample.seen,
        "drift": [asdict(each) for each in moved],
        "profile": None if profile is None else str(profile),
        "advice": [line.strip() for line in advice(hour, moved, artifact.contract, profile)],
    }


def _text(hour: Hour, moved: list[Moved], artifact: Artifact, source: str, profile: Path | None) -> Iterator[str]:
    contract = artifact.contract
    length = "the first hour" if hour.is_whole else "everything, less than an hour"
    times = f"{in_seconds(hour.since_s)} to {in_seconds(hour.until_s)}"
    yield f"{hour.connections:,} connections of {_short(source)} ({length}: {times})"
    yield f"model {contract.name} {artifact.version[:VERSION_DIGITS]}, trained on {trained_on(contract)}"
    if hour.predicted < hour.connections:
        why = hour.first_error.partition(";")[0]
        yield f"{hour.connections - hour.predicted:,} without a prediction, the first because {why}"
    if hour.approximate:
        yield f"{hour.approximate:,} with features that the source knows only approximately"
    yield ""
    yield from _novelty(hour, has_novelty=contract.novelty_threshold is not None)
    yield from _alerts(hour)
    yield ""
    yield from _drift(hour, moved)
    yield ""
    yield "What to do"
    for line in advice(hour, moved, contract, profile):
        indent = len(line) - len(line.lstrip())
        if indent:
            yield line
        else:
            yield from textwrap.wrap(line, WIDTH, initial_indent="- ", subsequent_indent="  ", break_on_hyphens=False)


def _novelty(hour: Hour, *, has_novelty: bool) -> Iterator[str]:
    if not has_novelty:
        yield "This model does not measure how unlike its training a connection is"
        return
    yield f"Unlike anything in training: {_share(hour.novel, hour.predicted)}"
    shares = {
        name: hour.novel_services[name] / n
        for name, n in hour.services.items()
        if n >= FEWEST_OF_SERVICE and hour.novel_services[name]
    }
    worst = sorted(shares, key=lambda name: (-shares[name], name))[:MOST_SERVICES]
    if worst:
        said = [f"{name} {100 * shares[name]:.0f} % of {hour.services[name]:,}" for name in worst]
        yield f"  most in these services: {', '.join(said)}"


def _alerts(hour: Hour) -> Iterator[str]:
    yield f"Alerts: {_share(hour.alerts.total(), hour.predicted)}, and {hour.unknown:,} unknown"
    common = hour.alerts.most_common(MOST_LABELS)
    if common:
        rest = hour.alerts.total() - sum(n for _, n in common)
        said = [*(f"{label} {n:,}" for label, n in common), *([f"others {rest:,}"] if rest else [])]
        yield f"  {', '.join(said)}"


def _drift(hour: Hour, moved: list[Moved]) -> Iterator[str]:
    if hour.sample.seen < MIN_DOCUMENTS:
        yield (
            f"Drift: not measured, because only {hour.sample.seen:,} connections are harmless to the model; it needs "
            f"{MIN_DOCUMENTS}"
        )
        return
    if not moved:
        yield "Drift: not measured, because the model has no profile of its training"
        return
    far = sum(each.psi > NOT_AS_LEARNED for each in moved)
    yield (
        f"Drift: {far} of {len(moved)} features are not what the model learned (PSI above {NOT_AS_LEARNED:g}; below "
        f"{MOVED:g} nothing moved)"
    )
    shown = [each for each in moved if each.psi >= MOVED][:MOST_FEATURES]
    if not shown:
        return
    titles = ("feature", "PSI", "training: median (most)", "here: median (most)")
    rows = [titles, *((each.feature, f"{each.psi:.2f}", each.training, each.here) for each in shown)]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    for name, psi, training, here in rows:
        yield f"  {name:<{widths[0]}}  {psi:>{widths[1]}}  {training:<{widths[2]}}  {here}"


def _short(source: str) -> str:
    """The name of a source; of many files the first ones."""
    return source if len(source) <= MOST_LETTERS else f"{source[: MOST_LETTERS - 1]}…"


def _share(part: int, whole: int) -> str:
    return f"{part:,} ({100 * part / whole:.1f} %)"
