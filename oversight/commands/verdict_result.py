"""What `oversight verdict` prints about its result, and its exit code."""

from __future__ import annotations

from typing import Any

from contract.errors import EngineUnavailableError
from oversight.terminal import one_line
from watcher.verdicts.bulk import Tally
from watcher.verdicts.feedback import Verdict
from watcher.verdicts.judge import Judged


def as_text(judged: Judged) -> str:
    """Describe the verdict on one event in one line."""
    feedback = judged.feedback
    if feedback is None:
        return one_line(f"{judged.id} in {judged.index} has no verdict any more")
    label = f", it is {feedback['label']}" if "label" in feedback else ""
    return one_line(
        f"{judged.id} in {judged.index}, predicted {judged.predicted}: {feedback['verdict']}{label} "
        f"(by {feedback['by']})"
    )


def as_data(tally: Tally) -> dict[str, Any]:
    """Return the result as plain JSON values."""
    return {
        "written": tally.written,
        "unchanged": tally.unchanged,
        "conflicts": tally.conflicts,
        "spared": dict(tally.spared),
        "refused": dict(tally.refused),
        "gone": tally.gone,
        "left": tally.left,
        "stopped": tally.stopped,
        "problem": None if tally.fault is None else str(tally.fault),
    }


def result_lines(tally: Tally, verdict: Verdict | None) -> list[str]:
    """Describe the result, as lines."""
    what = "have no verdict any more" if verdict is None else f"are judged {verdict.verdict} now"
    lines = [f"{tally.written:,} events {what}"]
    if tally.unchanged:
        lines.append(f"{tally.unchanged:,} were so already")
    if tally.conflicts:
        first = ", ".join(conflict.id[:12] for conflict in tally.shown[:3])
        lines.append(one_line(f"{tally.conflicts:,} not changed: someone else judged them meanwhile ({first}, ...)"))
    lines += [one_line(f"{count:,} not changed: {reason}") for reason, count in tally.spared.most_common()]
    lines += [
        one_line(f"{count:,} refused by Elasticsearch: {reason}") for reason, count in tally.refused.most_common()
    ]
    if tally.gone:
        lines.append(f"{tally.gone:,} were deleted in the meantime")
    return lines


def end(tally: Tally) -> None:
    """Fail if the verdict is not in all documents.

    Raises:
        EngineUnavailableError: says what was written and what to do.
    """
    written = f"{tally.written:,} verdicts are written and stay"
    again = "run the same command again to judge the rest"
    if tally.fault is not None:
        raise EngineUnavailableError(f"{written}; {again}, because {tally.fault}")
    if tally.left:
        raise EngineUnavailableError(f"{written}; {tally.left:,} events kept changing; {again}")
    if tally.refused:
        raise EngineUnavailableError(f"{written}; fix why Elasticsearch refuses the others, then {again}")
    if tally.conflicts:
        raise EngineUnavailableError(
            f"{written}; {tally.conflicts:,} events were judged by someone else, or predicted differently, meanwhile; "
            "look at them, then run the same command again"
        )
