"""The details of one event: raw line, features, prediction and reasons, feedback, errors.

document ──┬─▶ prediction, reasons, warnings, the most likely labels, ATT&CK
contract ──┴─▶ each feature, with its usual values and its range in training
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from console.events.safe_text import json_text, moment, plain, visible
from console.panels.chart import Colours
from contract.artifact.contract import Feature, ModelContract
from contract.documents.fields import ALERT_ROOT, FIELDS
from contract.documents.paths import leaves, lookup_clear, lookup_text
from contract.documents.top_labels import from_stored
from contract.errors import DocumentError
from contract.kdd99.columns import UNKNOWN_LABEL
from contract.values import feature_value, is_missing
from kibana.panels.model_view import LABELS, View
from kibana.panels.words import who_of

ATTACK_PAGES = "https://attack.mitre.org/"
"""Only links that begin with this are shown as links; other text stays text."""
LONGEST_RAW, LONGEST_DOCUMENT = 100_000, 400_000
STEPS = ((99, "critical"), (73, "high"), (47, "medium"), (1, "low"), (0, "none"))
MOST_FEATURES = 500
LONGEST_ADDRESS = 50
_SHOWN_APART = ("oversight.", "event.original", "rule.", "threat.", "error.")


def story(hit: Mapping[str, Any], contract: ModelContract, colours: Colours) -> dict[str, Any]:
    """Return the details of a hit as plain JSON values.

    Args:
        hit: with `_index`, `_id` and `_source`.
        contract: contract of the current model, which may differ from the one that predicted.
        colours: colours of labels and families.
    """
    source = hit.get("_source") or {}
    raw = lookup_text(source, "event.original")
    return {
        "index": hit["_index"],
        "id": hit["_id"],
        "happened": moment(lookup_clear(source, "@timestamp")),
        "status": lookup_text(source, "oversight.status"),
        "who": _who(source, contract),
        "machines": _machines(source),
        "raw": None if raw is None else visible_lines(raw[:LONGEST_RAW]),
        "raw_cut": raw is not None and len(raw) > LONGEST_RAW,
        "verdict": verdict(source, contract, colours),
        "reasons": _texts(source, "oversight.prediction.reasons"),
        "warnings": [_warning(text) for text in _texts(source, "oversight.prediction.warnings")],
        "top": list(_top(source, colours)),
        "attack": attack(source),
        "features": features(source, contract),
        "feedback": _object(source, "oversight.feedback", ("verdict", "label", "comment", "by", "at")),
        "failure": _failure(source),
        "model": _model(source, contract),
        "times": _times(source),
        "facts": list(_facts(source, contract)),
        "document": _document(hit),
    }


def verdict(source: Mapping[str, Any], contract: ModelContract, colours: Colours) -> dict[str, Any] | None:
    """Return the prediction, in numbers and words; None if there is none yet."""
    label = lookup_text(source, "oversight.prediction.label")
    if label is None:
        return None
    family = lookup_text(source, "oversight.prediction.family")
    severity = _number(_ecs(source, "event.severity"))
    return {
        "label": visible(label),
        "closest": visible(lookup_text(source, "oversight.prediction.closest") or ""),
        "family": visible(family or ""),
        "unknown": label == UNKNOWN_LABEL,
        "colour": colours.get("label", {}).get(label) or colours.get("family", {}).get(family or ""),
        "severity": severity,
        "severity_word": None
        if severity is None
        else next(word for least, word in STEPS if severity >= least or not least),
        "risk": _number(_ecs(source, "event.risk_score")),
        "labels": _texts(source, LABELS),
        "probability": _number(lookup_clear(source, "oversight.prediction.probability")),
        "measured": measured(source, contract),
        "novelty": novelty(_number(lookup_clear(source, "oversight.prediction.novelty")), contract.novelty_threshold),
        "alert": _ecs(source, "event.kind") == "alert",
        "suppressed_by": lookup_text(source, "oversight.suppressed_by"),
        "rescored": lookup_clear(source, "oversight.prediction.rescored") is True,
    }


def measured(source: Mapping[str, Any], contract: ModelContract) -> list[str] | None:
    """Return name, number and bounds of a value or score, in words; None if the model gives neither."""
    measure = View(contract).measure
    found = None if measure is None else _number(lookup_clear(source, measure.field))
    if measure is None or found is None:
        return None
    bounds = [f"{line.title} {line.value:g}" for line in measure.lines]
    return [visible(measure.title), ", ".join([f"{found:,.6g}", *bounds])]


def novelty(measured: float | None, threshold: float | None) -> str | None:
    """Return the novelty, the threshold and what they mean; None if the event has none."""
    if measured is None:
        return None
    if threshold is None:
        return f"{measured * 100:.1f} %"
    means = "above it: unlike the training rows" if measured > threshold else "not above it: like the training rows"
    return f"{measured * 100:.1f} % (threshold {threshold * 100:.1f} %, {means})"


def attack(source: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return tactic, technique and sub-technique of MITRE ATT&CK, each with its page."""
    items = []
    for kind, name in (("Tactic", "tactic"), ("Technique", "technique"), ("Sub-technique", "technique.subtechnique")):
        ids = _list(_ecs(source, f"threat.{name}.id"))
        names, pages = _list(_ecs(source, f"threat.{name}.name")), _list(_ecs(source, f"threat.{name}.reference"))
        for position, technique_id in enumerate(ids):
            page = pages[position] if position < len(pages) else None
            link = page if isinstance(page, str) and page.startswith(ATTACK_PAGES) else None
            title = names[position] if position < len(names) else ""
            items.append(
                {
                    "kind": kind,
                    "id": visible(plain_text(technique_id)),
                    "name": visible(plain_text(title)),
                    "page": link,
                }
            )
    return items


def features(source: Mapping[str, Any], contract: ModelContract) -> dict[str, Any]:
    """Return each input of the model with its value and its usual values; no rows if no input has a value."""
    rows = [_feature(feature, lookup_clear(source, feature.field)) for feature in contract.features]
    known = any(row["value"] is not None for row in rows)
    return {"rows": rows[:MOST_FEATURES] if known else [], "usual_of": contract.usual_of, "model": contract.name}


def _feature(feature: Feature, value: Any) -> dict[str, Any]:
    read = _read(feature, value)
    return {
        "name": feature.name,
        "field": feature.field,
        "value": None if value is None else visible(_as_read(feature, value, read))[:400],
        "usual": usual(feature),
        "seen": seen(feature),
        "outside": "missing" if is_missing(value) else _warning_of(feature, read),
    }


def _read(feature: Feature, value: Any) -> float | str | None:
    """Return what the model reads from a value; None if it cannot read it."""
    try:
        return None if value is None else feature_value(feature, value, model_id="")
    except DocumentError:
        return None


def _as_read(feature: Feature, value: Any, read: float | str | None) -> str:
    """Return the value of the document, and the number that is read from a date or a boolean."""
    if feature.reads == "number" or read is None:
        return plain_text(value)
    shown = read if isinstance(read, str) else f"{read:.15g}"
    return f"{plain_text(value)} ({feature.reads} {shown})"


def usual(feature: Feature) -> str:
    """Describe the values of this feature in harmless rows."""
    if feature.kind == "string":
        return ", ".join(f"{word} {share * 100:.0f} %" for word, share in feature.usual_shares[:3] if share >= 0.005)
    low, middle, high = feature.usual_low, feature.usual_middle, feature.usual_high
    if low is None or high is None:
        return ""
    if low == high:
        return _short(low)
    middle_word = "" if middle is None else f", half up to {_short(middle)}"
    return f"{_short(low)} to {_short(high)}{middle_word}"


def seen(feature: Feature) -> str:
    """Describe the values of this feature in all training data."""
    if feature.kind == "string":
        return f"{len(feature.vocabulary)} words"
    if feature.minimum is None or feature.maximum is None:
        return ""
    return f"{_short(feature.minimum)} to {_short(feature.maximum)}"


def _warning_of(feature: Feature, read: float | str | None) -> str | None:
    """Classify what the model reads: `unseen` in training, or `unusual` for harmless rows."""
    if read is None:
        return "unseen"
    if isinstance(read, str):
        if read not in feature.vocabulary:
            return "unseen"
        return "unusual" if feature.usual_shares and read not in dict(feature.usual_shares) else None
    if not _is_between(read, feature.minimum, feature.maximum):
        return "unseen"
    return None if _is_between(read, feature.usual_low, feature.usual_high) else "unusual"


def _is_between(amount: float, low: float | None, high: float | None) -> bool:
    return (low is None or amount >= low) and (high is None or amount <= high)


def _top(source: Mapping[str, Any], colours: Colours) -> Iterator[dict[str, Any]]:
    """Sort the most likely labels first, because synthetic `_source` sorts the strings of an array."""
    stored = _list(lookup_clear(source, "oversight.prediction.top"))[:10]
    for label, probability in sorted(
        filter(None, map(from_stored, stored)), key=lambda top_label: -(top_label.probability or 0.0)
    ):
        colour = colours.get("label", {}).get(label)
        yield {"label": visible(label), "probability": probability, "colour": colour}


def _warning(text: str) -> dict[str, str]:
    """Describe a warning such as `out_of_range:kdd99.src_bytes` in words."""
    code, _, field = text.partition(":")
    words = {
        "unseen_category": "has a word that training never saw",
        "out_of_range": "is outside the range of training",
    }
    return {"field": visible(field or text), "says": words.get(code, visible(code))}


def _failure(source: Mapping[str, Any]) -> dict[str, str] | None:
    failure = _object(source, "error", ("type", "message")) or {}
    failure |= _object(source, "oversight.failure", ("field", "pipeline", "processor")) or {}
    return failure or None


def _model(source: Mapping[str, Any], contract: ModelContract) -> dict[str, Any] | None:
    model = _object(source, "oversight.model", ("id", "version"))
    return None if model is None else {**model, "current": model.get("id") == contract.name}


def _times(source: Mapping[str, Any]) -> list[list[Any]]:
    names = {
        "@timestamp": "Happened",
        "event.ingested": "Arrived",
        "oversight.prediction.at": "Predicted",
        "oversight.feedback.at": "Judged",
    }
    times = [[title, moment(lookup_clear(source, name))] for name, title in names.items()]
    return [pair for pair in times if pair[1] is not None]


def _facts(source: Mapping[str, Any], contract: ModelContract) -> Iterator[list[str]]:
    """Yield every other field with a value: first the mapped fields, then the rest by name."""
    apart = set(contract.fields) | {"@timestamp", "event.ingested"}
    order = {field.name: number for number, field in enumerate(FIELDS)}
    values = {name: value for name, value in leaves(source) if value is not None and value != {}}
    names = [name for name in values if name not in apart and not name.startswith(_SHOWN_APART)]
    for name in sorted(names, key=lambda name: (order.get(name, len(order)), name))[:MOST_FEATURES]:
        yield [visible(name), visible(plain_text(values[name]))[:400]]


def _document(hit: Mapping[str, Any]) -> str:
    """Return the stored document as readable JSON."""
    shown = {"_index": hit["_index"], "_id": hit["_id"], "_source": hit.get("_source")}
    text = json_text(shown, indent=2)
    return visible_lines(text if len(text) <= LONGEST_DOCUMENT else f"{text[:LONGEST_DOCUMENT]}\n… cut here")


def _who(source: Mapping[str, Any], contract: ModelContract) -> list[str]:
    """Return the title of whom the event is about, and the name."""
    who = who_of(contract)
    return [who.title, visible((lookup_text(source, who.field) or "")[:400])]


def _machines(source: Mapping[str, Any]) -> list[list[str]]:
    """Return the addresses of both sides, each with its port if that is known."""
    sides = []
    for title, side in (("Source", "source"), ("Destination", "destination")):
        address, port = (
            (lookup_text(source, f"{side}.ip") or "")[:LONGEST_ADDRESS],
            lookup_clear(source, f"{side}.port"),
        )
        if address:
            shown = f"[{address}]" if ":" in address and port is not None else address
            sides.append([title, visible(shown if port is None else f"{shown}:{plain_text(port)[:LONGEST_ADDRESS]}")])
    return sides


def visible_lines(text: str) -> str:
    """Same as `visible`, but line ends stay line ends."""
    return "\n".join(visible(line) for line in text.split("\n"))


def _ecs(source: Mapping[str, Any], name: str) -> Any:
    """Return an ECS field of an alert. An index that is not ours has it below a root of its own."""
    plain_value = lookup_clear(source, name)
    below_root = lookup_clear(source, f"{ALERT_ROOT}.{name}")
    return below_root if below_root is not None else plain_value


def _object(source: Mapping[str, Any], root: str, names: Sequence[str]) -> dict[str, str] | None:
    values = {name: lookup_clear(source, f"{root}.{name}") for name in names}
    return {name: visible(plain_text(value)) for name, value in values.items() if value is not None} or None


def _texts(source: Mapping[str, Any], name: str) -> list[str]:
    return [visible(plain_text(item)) for item in _list(lookup_clear(source, name))[:50]]


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def plain_text(value: Any) -> str:
    """Return a value as text; a list or an object as JSON."""
    if isinstance(value, str):
        return value
    if isinstance(value, list | Mapping):
        return json_text(value)
    return plain(value)


def _short(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) else f"{value:,.3g}"
