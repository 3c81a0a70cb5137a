"""What an analyst's verdict writes below `oversight.feedback`, and which verdicts fit a prediction. No I/O."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import orjson

from contract.artifact.contract import Label
from contract.documents.feedback import FALSE_POSITIVE, ROOT, TRUE_POSITIVE
from contract.documents.fields import PREDICTED_LABEL
from contract.documents.paths import lookup_text
from contract.errors import InputError, shorten

PARTS = ("verdict", "label", "comment", "by", "at")
READ = ("oversight",)
"""What is read of a document: all of it, because a filter on fields below it would hide that it is a list."""
SEEN_DIGITS = 32
LONGEST_COMMENT = 1_000
"""Characters of a comment."""
NOT_AN_OBJECT = f"a list or a value is where {ROOT} belongs, which a verdict would replace; rename that field"
NO_PREDICTION = "it has no prediction yet, so there is nothing to judge; wait until it is enriched"

Feedback = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Verdict:
    """An analyst's verdict on a prediction."""

    verdict: str
    """`true_positive` or `false_positive`."""
    by: str
    label: str | None = None
    """The true label, if the analyst gives one."""
    comment: str | None = None


def seen_in(source: Mapping[str, Any]) -> str:
    """Return a fingerprint of what a person sees of a document before the verdict: its feedback and its label."""
    shown = [sorted((feedback_of(source) or {}).items()), predicted(source)]
    return hashlib.sha256(orjson.dumps(shown, default=str)).hexdigest()[:SEEN_DIGITS]


def predicted(source: Mapping[str, Any]) -> str | None:
    """Return the predicted label."""
    return lookup_text(source, PREDICTED_LABEL)


def stored(source: Mapping[str, Any]) -> Feedback | None:
    """Return the object of the feedback as it is stored, nulls included; None: something else is in its place."""
    value: Any = source
    for part in ROOT.split("."):
        value = value.get(part, {}) if isinstance(value, Mapping) else value
        value = {} if value is None else value
    return value if isinstance(value, Mapping) else None


def feedback_of(source: Mapping[str, Any]) -> Feedback | None:
    """Return the feedback without nulls; None: something that is no object is in its place."""
    there = stored(source)
    return None if there is None else {name: value for name, value in there.items() if value is not None}


def says_the_same(feedback: Feedback, verdict: Verdict | None) -> bool:
    """Whether a document already has this verdict of this person, whenever it was given."""
    wanted = {} if verdict is None else {name: value for name, value in asdict(verdict).items() if value is not None}
    return {name: value for name, value in feedback.items() if name != "at"} == wanted


def partial(there: Feedback, wanted: Feedback) -> dict[str, Any]:
    """Return the partial object that replaces the stored feedback: a partial update removes nothing, so what is not
    wanted becomes null.
    """
    return {**dict.fromkeys(there), **wanted}


def check(verdict: Verdict, labels: Sequence[Label] | None) -> None:
    """Check a verdict, whatever the prediction is.

    Args:
        verdict: the verdict.
        labels: the model's labels, to check the verdict's label; None: do not check it.
    Raises:
        InputError: its label is none of the model's, or does not fit; its comment is too long.
    """
    if verdict.comment is not None and len(verdict.comment) > LONGEST_COMMENT:
        raise InputError(
            f"the comment has {len(verdict.comment):,} characters; expected at most {LONGEST_COMMENT:,}, put the rest "
            "into a ticket"
        )
    if verdict.label is None or labels is None:
        return
    known = {label.name: label for label in labels}
    if verdict.label not in known:
        raise InputError(
            f"{shorten(verdict.label)} is not a label of the model; expected one of {', '.join(sorted(known))} "
            f"(`oversight model` lists them; OVERSIGHT_MODEL names another model)"
        )
    if verdict.verdict == TRUE_POSITIVE and known[verdict.label].severity == 0:
        raise InputError(f"a {TRUE_POSITIVE} cannot be {verdict.label!r}, which is harmless; say {FALSE_POSITIVE}")


def why_not(source: Mapping[str, Any], verdict: Verdict | None) -> str | None:
    """Return why a verdict does not fit a document; None: it fits."""
    if stored(source) is None:
        return NOT_AN_OBJECT
    if verdict is None:
        return None
    prediction = predicted(source)
    if prediction is None:
        return NO_PREDICTION
    if verdict.verdict == FALSE_POSITIVE and verdict.label == prediction:
        return f"a {FALSE_POSITIVE} cannot be {prediction!r}, which is what was predicted; say {TRUE_POSITIVE}"
    return None
