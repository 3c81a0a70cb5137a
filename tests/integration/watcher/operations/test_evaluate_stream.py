"""`oversight evaluate` without a file: stored predictions against truth labels and verdicts, on each engine."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from contract.documents.feedback import FALSE_POSITIVE, TRUE_POSITIVE
from tests.acceptance.commands import Terminal
from tests.artifacts import HEALTHY, HOT, STRANGE, TURBINE, WORN, write_model
from tests.conftest import ENGINES
from tests.integration.watcher.conftest import Place, event, on_two
from tests.tasks import RECONSTRUCTION, write_task
from watcher.verdicts.feedback import Verdict
from watcher.verdicts.judge import judge

ROWS: list[tuple[dict[str, Any], str]] = (
    [(HEALTHY, "healthy")] * 4
    + [(HOT, "overheating")] * 3
    + [
        (WORN, "bearing_wear"),
        (WORN, "healthy"),
        (HEALTHY, "overheating"),
        (STRANGE, "healthy"),
        (STRANGE, "bearing_wear"),
    ]
)
"""The measured values of a turbine, and the truth."""
on_embedded = pytest.mark.parametrize("engine_url", ENGINES[:1], indirect=True)


@pytest.fixture
def terminal(engine_url: str, tmp_path: Path) -> Terminal:
    model = write_model(tmp_path / "model.onnx")
    return Terminal(tmp_path, {"ELASTICSEARCH_URL": engine_url, "OVERSIGHT_MODEL": str(model)})


def measured(rows: Iterable[tuple[dict[str, Any], str]] = ROWS) -> dict[str, dict[str, Any]]:
    """Pending documents with their truth, by id."""
    return {
        f"doc-{number}": event(number) | measures | {"oversight": {"status": "pending", "truth": {"label": truth}}}
        for number, (measures, truth) in enumerate(rows)
    }


def stored(truth: Any = None, *, label: str, version: str = "a" * 12, day: int = 1, **more: Any) -> dict[str, Any]:
    """A document as a watcher stores it."""
    prediction = {"label": label, "closest": label, **more}
    ours = {"status": "enriched", "prediction": prediction, "model": {"id": "turbine", "version": version}}
    if truth is not None:
        ours["truth"] = {"label": truth}
    return event(0) | {"@timestamp": f"2026-01-{day:02d}T00:00:00.000Z", "oversight": ours}


def write_rows(path: Path) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        lines = csv.writer(file)
        lines.writerow(["temperature_c", "mode", "vibration_mm_s", "truth"])
        for measures, truth in ROWS:
            turbine = measures["turbine"]
            lines.writerow([turbine["temperature_c"], turbine["state"]["mode"], turbine["vibration_mm_s"], truth])
    return path


def test_a_stream_has_the_figures_of_a_file_with_the_same_rows(place: Place, terminal: Terminal, service: str) -> None:
    """The file is predicted now, the documents were before: same figures, and truths that are no label count apart."""
    place.put(measured([*ROWS, (HEALTHY, "mscan"), (HOT, "mscan")]))
    place.watch(service)
    place.put({"late": measured()["doc-0"]})
    found = terminal.json("evaluate", "--index", place.index)
    file = terminal.json("evaluate", "--data", write_rows(terminal.folder / "rows.csv"), "--label", "truth")
    names = ("accuracy", "guessing_accuracy", "macro_f1", "guessing_macro_f1", "confusion", "by_label")
    assert {name: found["by_truth"][name] for name in names} == {name: file[name] for name in names}
    assert (found["truths"], found["verdicts"], found["by_truth"]["documents"]) == (len(ROWS) + 3, 0, len(ROWS))
    assert found["left_out"] == {
        "the truth 'mscan' is no label of the model": 2,
        "the document has no prediction": 1,
    }
    assert found["by_verdict"] is None
    outcomes = ("right_alerts", "wrong_alerts", "missed", "right_quiet", "unknown_alerts", "unknown_quiet")
    assert [found["by_truth"][name] for name in outcomes] == [4, 1, 1, 4, 1, 1]
    assert [(each["model"], each["version"]) for each in found["versions"]] == [
        ("turbine", file["artifact"]["version"])
    ]
    assert (found["predicted"], found["alerts"], found["alerts_a_day"]) == (len(ROWS) + 2, 6, None)


def test_verdicts_show_false_and_missed_alerts(place: Place, terminal: Terminal, service: str) -> None:
    place.put({name: {**one, "oversight": {"status": "pending"}} for name, one in measured().items()})
    place.watch(service)
    given = {
        "doc-4": Verdict(TRUE_POSITIVE, "ann"),
        "doc-5": Verdict(TRUE_POSITIVE, "ann", "bearing_wear"),
        "doc-8": Verdict(FALSE_POSITIVE, "ben"),
        "doc-9": Verdict(TRUE_POSITIVE, "ben", "overheating"),
        "doc-10": Verdict(FALSE_POSITIVE, "ann"),
        "doc-11": Verdict(TRUE_POSITIVE, "ann"),
    }
    place.es.indices.refresh(index=place.index)
    for doc_id, verdict in given.items():
        judge(place.es, place.index, doc_id, verdict, labels=TURBINE.labels)
    forged = stored(label="overheating")
    forged["oversight"]["feedback"] = {"verdict": FALSE_POSITIVE}
    place.put({"forged": forged})
    found = terminal.json("evaluate", "--index", place.index)
    assert (found["truths"], found["verdicts"], found["by_truth"]) == (0, 7, None)
    by_verdict = found["by_verdict"]
    outcomes = ("right_alerts", "wrong_alerts", "missed", "right_quiet", "unknown_alerts", "unknown_quiet")
    assert [by_verdict[name] for name in outcomes] == [2, 1, 1, 0, 1, 1]
    assert by_verdict["confusion"] == {
        "bearing_wear": {"overheating": 1},
        "healthy": {"bearing_wear": 1, "healthy": 1},
        "overheating": {"healthy": 1, "overheating": 1},
    }
    assert by_verdict["accuracy"] == 0.4, "a true positive `unknown` without a label is not in the confusion matrix"
    assert found["left_out"] == {"the verdict looks forged (a verdict without its author and time)": 1}


@on_two
def test_each_version_has_its_own_figures(place: Place, terminal: Terminal) -> None:
    """2,600 documents are three pages; the versions add up to the total."""
    documents = {
        f"doc-{number}": stored(
            ("healthy", "overheating")[number % 2],
            label="healthy" if number % 2 == 0 or number % 26 == 1 else "overheating",
            version=("a" * 12, "b" * 12)[number >= 1300],
            day=1 + number % 10,
        )
        for number in range(2600)
    }
    documents["doc-0"]["oversight"]["prediction"] |= {"label": "bearing_wear", "closest": "bearing_wear"}
    place.put(documents)
    found = terminal.json("evaluate", "--index", place.index)
    first, second = sorted(found["versions"], key=lambda each: each["version"])
    assert [each["by_truth"]["accuracy"] for each in (found, first, second)] == [0.9612, 0.9608, 0.9615]
    for name in ("documents", "right_alerts", "wrong_alerts", "missed", "right_quiet"):
        assert found["by_truth"][name] == first["by_truth"][name] + second["by_truth"][name]
    assert (found["by_truth"]["missed"], found["by_truth"]["wrong_alerts"]) == (100, 1)
    assert (found["alerts"], found["days"], found["alerts_a_day"]) == (1201, 9.0, 133.4)
    lines = [line.split() for line in terminal.type("evaluate", "--index", place.index).stdout.splitlines()]
    assert ["turbine", "b" * 12, "truth", "1,300", "0", "50", "0.9615", "0.9615"] in lines
    assert ["accuracy", "0.9612", "0.5000"] in lines
    assert ["overheating", "healthy", "100"] in lines


def test_a_query_chooses_the_documents(place: Place, terminal: Terminal) -> None:
    place.put({str(day): stored("healthy", label=("healthy", "overheating")[day > 4], day=day) for day in range(1, 9)})
    words = "@timestamp:[2026-01-04 TO 2026-01-07]"
    found = terminal.json("evaluate", "--index", place.index, "--query", words)
    assert (found["by_truth"]["documents"], found["by_truth"]["wrong_alerts"]) == (4, 3)
    assert (found["query"], found["predicted"], found["alerts_a_day"]) == (words, 4, 1.0)


@on_two
def test_a_number_in_any_field_can_be_the_truth_of_a_regression(foreign: Place, terminal: Terminal) -> None:
    """In a foreign index the truth can have any name, and need not be indexed."""
    model = write_task(terminal.folder, "regression")
    predicted = [(8.0, 9.0), (10.0, 9.0), (24.0, 21.0), (30.0, 18.0), (7.0, None), (6.0, "much")]
    foreign.put(
        {
            str(number): stored(label="out_of_bounds" if value > 20 else "within_bounds", value=value)
            | ({} if truth is None else {"pump": {"litres": truth}})
            for number, (value, truth) in enumerate(predicted)
        }
    )
    found = terminal.json("evaluate", "--index", foreign.index, "--label", "pump.litres", "--model", model)
    by_truth = found["by_truth"]
    assert (found["task"], found["truths"], by_truth["documents"]) == ("regression", 5, 4)
    assert (by_truth["mean_absolute_error"], by_truth["guessing_mean_absolute_error"]) == (4.25, 5.25)
    assert by_truth["r2"] == round(1 - 155 / 114.75, 4)
    assert [by_truth[name] for name in ("right_alerts", "wrong_alerts", "right_quiet")] == [1, 1, 2]
    assert found["left_out"] == {"the truth 'much' is no number": 1}


@on_two
def test_an_anomaly_is_evaluated_by_words_and_by_verdicts(place: Place, terminal: Terminal) -> None:
    model = write_task(terminal.folder, "reconstruction")
    scores = [("normal", 0.2), ("normal", 1.5), ("burst", 3.0), ("burst", 0.5), ("burst", 2.0)]
    quiet, alert = (label.name for label in RECONSTRUCTION.labels)
    documents = {
        str(number): stored(truth, label=alert if score > 1 else quiet, score=score)
        for number, (truth, score) in enumerate(scores)
    }
    documents["1"]["oversight"]["feedback"] = {
        "verdict": FALSE_POSITIVE,
        "by": "ann",
        "at": "2026-01-02T00:00:00.000Z",
    }
    place.put(documents)
    found = terminal.json("evaluate", "--index", place.index, "--model", model)
    names = ("roc_auc", "guessing_roc_auc", "found", "false_alerts")
    assert [found["by_truth"][name] for name in names] == [round(5 / 6, 4), 0.5, round(2 / 3, 4), 0.5]
    assert [found["by_truth"][name] for name in ("right_alerts", "wrong_alerts", "missed")] == [2, 1, 1]
    assert found["by_verdict"]["wrong_alerts"] == 1
    assert found["by_verdict"]["documents"] == 1


@on_embedded
def test_the_text_output_names_what_was_evaluated(place: Place, terminal: Terminal) -> None:
    place.put({str(number): stored("healthy", label="healthy") for number in range(3)})
    terminal = Terminal(terminal.folder, {**terminal.settings, "OVERSIGHT_INDEX": place.index})
    done = terminal.type("evaluate")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(
        f"judged: the predictions stored in {place.index}, made by turbine aaaaaaaaaaaa; 3 documents have a truth, 0 a "
    )
    assert "By the truth in the documents (oversight.truth.label)" in done.stdout
    assert "verdicts" not in done.stdout
    assert "0 of the 3 documents with a prediction alert" in done.stdout


@on_embedded
@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        ((), 1, "has a truth or a verdict; ship a file with a column of labels, give verdicts in the console"),
        (("--query", "user.id:alice"), 1, "that matches 'user.id:alice' has a truth or a verdict"),
        (("--label", "no.such"), 1, "has a truth in 'no.such' or a verdict"),
        (("--label", "event.original"), 1, "2: the truth 'raw line 0' is no label of the model"),
        (("--query", "user.id:(alice"), 1, "Elasticsearch does not understand the query"),
        (("--index", "no-such-index"), 1, "there is no 'no-such-index' in Elasticsearch yet"),
        (("--model", "none.onnx"), 64, "there is no model at none.onnx"),
        (("--train-data", "rows.csv"), 2, "--train-data is for files of KDD Cup 99; name the file to measure on with"),
        (("--data", "rows.csv", "--query", "*"), 2, "--query chooses stored documents, and --data measures on a file"),
        (("--data", "rows.csv", "--namespace", "lab"), 2, "--namespace chooses stored documents"),
    ],
)
def test_an_error_is_one_line(place: Place, terminal: Terminal, words: tuple[str, ...], code: int, says: str) -> None:
    place.put({str(number): stored(label="healthy") for number in range(2)})
    terminal = Terminal(terminal.folder, {**terminal.settings, "OVERSIGHT_INDEX": place.index})
    done = terminal.type("evaluate", *words)
    assert (done.returncode, says in done.stderr) == (code, True), done.stderr
    assert "Traceback" not in done.stderr
    assert code == 2 or len(done.stderr.splitlines()) == 1, done.stderr
    assert done.stdout == ""
