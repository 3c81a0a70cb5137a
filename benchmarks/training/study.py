"""A study: many trainings by the shipped recipe, and the spread of their figures. Pure: results in, summary out.

    fold 0 … fold k ─▶ tallies of held-out vectors ─▶ pooled figures       ┐
    seed 0 … seed n ─▶ figures on the test file ────▶ mean and spread      ├─▶ musts and goals ─▶ study.json, model card
    anchor ──────────▶ the same of the naive model ─▶ comparison           ┘

Each training's result is one JSON file, so that an interrupted study continues where it stopped.
"""

from __future__ import annotations

import json
import math
import re
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks.training.goals import GOALS, Goal
from benchmarks.training.tallies import from_json, to_json, total
from contract.artifact.contract import ModelContract
from contract.kdd99.columns import FAMILIES
from training.evaluation import score
from training.evaluation.detail import tables
from training.evaluation.evaluate import plain
from training.evaluation.tally import Tally, figures

Result = Mapping[str, Any]
"""One training's result: `seconds`, `held_out`, `test` (`benchmarks.training.measure`); the anchor's `not_leaked`."""


def summary(results: Mapping[str, Result], contract: ModelContract, about: Mapping[str, Any]) -> dict[str, Any]:
    """The content of study.json.

    Args:
        results: the finished trainings by name: `seed-0` ..., `fold-0` ..., `anchor`.
        contract: labels and families.
        about: what was trained on what, with `vectors_of` (distinct training vectors of each label).
    """
    folds, seeds = (
        [result for name, result in results.items() if name.startswith(kind)] for kind in ("fold-", "seed-")
    )
    return plain(
        {
            **about,
            "done": list(results),
            "goals": [_goal_row(goal, _values(goal, folds, seeds, about["vectors_of"], contract)) for goal in GOALS],
            "held_out": _pooled([result["held_out"] for result in folds], contract),
            "test": _test([result["test"] for result in seeds], contract),
            "trainings": {name: _outline(result, contract, about["vectors_of"]) for name, result in results.items()},
        }
    )


def text(content: Mapping[str, Any]) -> str:
    """The text of study.json: six decimals, and each list of numbers on one line."""
    lines = json.dumps(_rounded(content), indent=1, allow_nan=False)
    return re.sub(r"\[\s+([^\[\]{}]*?)\s+\]", lambda found: f"[{' '.join(found[1].split())}]", lines) + "\n"


def _rounded(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_rounded(item) for item in value]
    return round(value, 6) if isinstance(value, float) else value


def flat(values: Mapping[str, Any]) -> dict[str, float]:
    """The figures of one file, with the recall of each family as `recall_FAMILY`."""
    one_level = {key: value for key, value in values.items() if key != "family_recall"}
    return {**one_level, **{f"recall_{family}": values["family_recall"][family] for family in FAMILIES}}


def figures_on_test(test: Mapping[str, Any]) -> dict[str, float]:
    """All figures of one training on the test file."""
    more = {key: test[key] for key in ("separable_flagged", "macro_flagged")}
    areas = {f"auc_{name}": area for name, area in test["auc"].items()}
    return {**flat(figures(from_json(test["rows"]))), **more, **areas}


def held_out_figures(counts: Tally, vectors_of: Mapping[str, int], contract: ModelContract) -> dict[str, float]:
    """Figures on held-out vectors, with the mean recall over the labels that are not rare."""
    recalls = score.recall(counts.labels)
    common = [index for index, label in enumerate(contract.labels) if vectors_of.get(label.name, 0) >= COMMON]
    recall = float(np.nanmean(recalls[common])) if common and not np.isnan(recalls[common]).all() else float("nan")
    return {**flat(figures(counts)), "macro_recall_common": recall}


COMMON = 19
"""Number of distinct vectors from which a label's recall means something."""


def spread(values: Sequence[float | None]) -> dict[str, Any]:
    """Mean, least, most and standard deviation (None for a single value) of the values that are numbers."""
    numbers = [value for value in values if value is not None and not math.isnan(value)]
    if not numbers:
        return {"n": 0, "mean": None, "min": None, "max": None, "sd": None}
    deviation = statistics.stdev(numbers) if len(numbers) > 1 else None
    return {
        "n": len(numbers),
        "mean": statistics.fmean(numbers),
        "min": min(numbers),
        "max": max(numbers),
        "sd": deviation,
    }


def _values(
    goal: Goal, folds: Sequence[Result], seeds: Sequence[Result], vectors_of: Mapping[str, int], contract: ModelContract
) -> dict[str, Any]:
    """Mean and spread of a goal's figure. For held-out vectors the mean is the figure of all folds pooled."""
    if goal.where == "training":
        return spread([result["seconds"] for result in seeds])
    if goal.where == "test":
        return spread([figures_on_test(result["test"])[goal.figure] for result in seeds])
    tallies = [from_json(result["held_out"]["vectors"]) for result in folds]
    values = spread([held_out_figures(counts, vectors_of, contract)[goal.figure] for counts in tallies])
    if tallies:
        values["mean"] = held_out_figures(total(tallies), vectors_of, contract)[goal.figure]
    return values


def _goal_row(goal: Goal, found: dict[str, Any]) -> dict[str, Any]:
    return {
        "figure": goal.figure,
        "title": goal.title,
        "where": goal.where,
        "must": goal.must,
        "goal": goal.goal,
        **found,
        "meets_must": meets(goal, found["mean"], goal.must),
        "meets_goal": meets(goal, found["mean"], goal.goal),
    }


def meets(goal: Goal, value: float | None, bar: float) -> bool | None:
    """Whether a value reaches a bar; None if there is no value."""
    if value is None or value != value:
        return None
    return value >= bar if goal.higher_is_better else value <= bar


def _pooled(parts: Sequence[Mapping[str, Any]], contract: ModelContract) -> dict[str, Any] | None:
    """Held-out figures over all finished folds together; None before the first."""
    if not parts:
        return None
    vectors, rows = (total([from_json(part[kind]) for part in parts]) for kind in ("vectors", "rows"))
    return {
        "folds": len(parts),
        "vectors": int(vectors.labels.sum()),
        "figures": flat(figures(vectors)),
        "figures_by_rows": flat(figures(rows)),
        "confusion": to_json(vectors)["labels"],
        **tables(vectors, contract),
    }


def _test(parts: Sequence[Mapping[str, Any]], contract: ModelContract) -> dict[str, Any] | None:
    """Mean and spread on the test file over all finished seeds, and the data of the pictures; None before the first."""
    if not parts:
        return None
    each = [figures_on_test(part) for part in parts]
    distinct = [flat(figures(from_json(part["vectors"]))) for part in parts]
    rows = [from_json(part["rows"]) for part in parts]
    return {
        "seeds": len(parts),
        "rows": int(rows[0].families.sum()),
        "figures": {key: spread([values[key] for values in each]) for key in each[0]},
        "distinct": {key: spread([values[key] for values in distinct]) for key in distinct[0]},
        "reliability": tables(total(rows), contract)["reliability"],
        "by_family": [_family_row(index, rows) for index in range(len(FAMILIES))],
        "unseen": _unseen(parts),
        "separable_rows": parts[0]["separable_rows"],
        "roc": {
            name: [spread(rates) for rates in zip(*(part["roc"][name] for part in parts), strict=True)]
            for name in parts[0]["roc"]
        },
        "novelty": parts[0]["novelty"],
        "novelty_threshold": parts[0]["novelty_threshold"],
    }


def _family_row(index: int, tallies: Sequence[Tally]) -> dict[str, Any]:
    measures = {"precision": score.precision, "recall": score.recall, "f1": score.f1}
    values = {name: spread([float(of(counts.families)[index]) for counts in tallies]) for name, of in measures.items()}
    return {"name": FAMILIES[index], "support": int(tallies[0].families[index].sum()), **values}


def _unseen(parts: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """For each unseen label, over seeds: rows, rows unlike any normal one, and the shares that alert or are flagged."""
    rows_of_labels = []
    for label, first in sorted(parts[0]["unseen"].items(), key=lambda item: (-item[1]["rows"], item[0])):
        rows, apart = first["rows"], parts[0]["unseen_separable"][label]["rows"]
        called: Counter[str] = Counter()
        for part in parts:
            called.update(part["unseen"][label]["called"])
        total = rows * len(parts)
        rows_of_labels.append(
            {
                "label": label,
                "rows": rows,
                "separable": apart,
                "alerts": spread([part["unseen"][label]["alerts"] / rows for part in parts]),
                "flagged": spread([part["unseen"][label]["flagged"] / rows for part in parts]),
                "called": {
                    name: count / total
                    for name, count in sorted(called.items(), key=lambda item: (-item[1], item[0]))[:3]
                },
            }
        )
    return rows_of_labels


def _outline(result: Result, contract: ModelContract, vectors_of: Mapping[str, int]) -> dict[str, Any]:
    """One training in a few numbers."""
    outline: dict[str, Any] = {"seconds": result["seconds"]}
    for part in ("held_out", "not_leaked"):
        if part in result:
            vectors = from_json(result[part]["vectors"])
            outline[part] = held_out_figures(vectors, vectors_of, contract)
            outline[f"{part}_by_rows"] = {"accuracy_23": score.accuracy(from_json(result[part]["rows"]).labels)}
    outline["test"] = figures_on_test(result["test"])
    if "not_leaked" in result:
        outline["roc"] = result["test"]["roc"]["attack_probability"]
    return outline
