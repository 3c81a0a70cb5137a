"""From a user's rows to a contract: the kind of each column, columns left out with the reason, and questions."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest

from common.tables.batch import Batch
from contract.artifact.contract import Feature
from contract.errors import InputError
from contract.values import MAX_WORD
from converter.describe.column import date_of
from converter.describe.describe import Described, Wishes, describe
from converter.describe.sample import Sample
from converter.describe.seen import see

N = 400


def batches(rows: list[dict[str, Any]], size: int = 150) -> Iterator[Batch]:
    """The rows in batches, like those of a file."""
    for start in range(0, len(rows), size):
        part = rows[start : start + size]
        names = list(dict.fromkeys(name for row in part for name in row))
        yield Batch(start + 1, len(part), {name: [row.get(name) for row in part] for name in names})


def column(name: str, values: list[Any], **wishes: Any) -> Described:
    """The description of one column beside a good one."""
    rows = [{"good": index * 0.5, name: value} for index, value in enumerate(values)]
    return describe(see(batches(rows)), Wishes("sample", **wishes))


def feature(described: Described, name: str) -> Feature:
    return next(each for each in described.contract.features if each.name == name)


def reason(described: Described, name: str) -> str:
    return next(each.reason for each in described.left_out if each.name == name)


def test_numbers_have_range_quantiles_and_a_profile() -> None:
    found = feature(column("load", [str(index) for index in range(N)][::-1]), "load")
    assert (found.kind, found.minimum, found.maximum, found.missing) == ("float", 0.0, N - 1, "error")
    assert (found.usual_low, found.background, found.usual_high) == (19.0, 199.0, 379.0)
    assert sum(found.profile_shares) == pytest.approx(1.0, abs=1e-4)
    assert found.field == "sample.load"


def test_words_have_a_vocabulary_and_shares() -> None:
    found = feature(column("maker", ["acme"] * 300 + ["züri"] * 100), "maker")
    assert found.vocabulary == ("acme", "züri")
    assert found.usual_shares == (("acme", 0.75), ("züri", 0.25))
    assert found.background == "acme"


@pytest.mark.parametrize(
    ("values", "reads"), [([True, False] * 200, "boolean"), (["true", "FALSE"] * 200, "boolean")], ids=["json", "text"]
)
def test_truths_are_read_as_numbers(values: list[Any], reads: str) -> None:
    found = feature(column("on", values), "on")
    assert (found.kind, found.reads, found.minimum, found.maximum) == ("float", reads, 0.0, 1.0)


def test_the_parts_of_a_date_equal_those_of_the_service() -> None:
    """In UTC, and from the same spellings: another spelling is a word in both."""
    zones = [date_of(text) for text in ("2026-03-04T01:30:00+02:00", "2026-03-04 01:30", "2026-03-04T01:30:00,5Z")]
    assert [date and (date.day, date.hour) for date in zones] == [(3, 23), (4, 1), (4, 1)]
    assert [date_of(value) for value in ("2026-W10-3", "1772600347000", 1772600347000, "2026-02-30", None)] == [
        None
    ] * 5


def test_a_date_is_split_into_features() -> None:
    values = [f"2026-03-{1 + index % 28:02}T{index % 24:02}:30:00Z" for index in range(N)]
    described = column("seen", values)
    assert [each.name for each in described.contract.features] == ["good", "seen_hour", "seen_weekday"]
    assert feature(described, "seen_hour").field == feature(described, "seen_weekday").field == "sample.seen"
    assert (feature(described, "seen_hour").maximum, feature(described, "seen_weekday").maximum) == (23.0, 6.0)


@pytest.mark.parametrize("gap", [None, "", "  ", float("nan")], ids=["null", "empty", "blank", "nan"])
def test_a_column_with_gaps_has_a_replacement_for_missing_values(gap: Any) -> None:
    assert feature(column("load", [1.0, 2.0, 2.5, gap] * 100), "load").missing == "value"
    assert feature(column("load", [1.0, 2.0, 2.5, gap] * 100), "load").missing_value == 2.0
    assert feature(column("maker", ["acme", "züri", gap] * 100), "maker").missing_value == ""


def test_the_user_may_give_the_replacement_of_missing_values_in_training() -> None:
    """The value found in the rows may differ, and the model would be wrong on every such row."""
    gaps = [1.5, None, 2.5, None] * (N // 4)
    number = feature(column("rtt", gaps, missing={"rtt": "0"}, flags=("rtt",)), "rtt")
    assert (number.missing, number.missing_value) == ("flag", 0.0)
    assert feature(column("rtt", gaps, missing={"rtt": "-1"}), "rtt").missing_value == -1.0
    word = feature(column("maker", ["acme", "", "zinc", ""] * (N // 4), missing={"maker": "none"}), "maker")
    assert (word.missing, word.missing_value, word.vocabulary) == ("value", "none", ("acme", "none", "zinc"))


def test_the_user_may_give_the_order_of_the_models_labels() -> None:
    values = ["scan", "benign", "worm", "benign"] * (N // 4)
    made = column("kind", values, label="kind", labels=("benign", "worm", "scan"))
    assert [label.name for label in made.contract.labels] == ["benign", "worm", "scan"]
    with pytest.raises(InputError, match="--labels benign,scan: expected each of 'benign', 'scan', 'worm' once"):
        column("kind", values, label="kind", labels=("benign", "scan"))
    with pytest.raises(InputError, match="--flag kind: words have no flag; write --missing kind=WORD"):
        column("kind", values, flags=("kind",))


def test_the_words_that_the_model_looks_up_are_the_vocabulary() -> None:
    """In the model's order. Shares and background come from the rows, for words that the model knows."""
    values = ["red"] * 100 + ["pink"] * 200 + ["green"] * 100
    described = column("colour", values, vocabularies={"colour": ("violet", "red", "green")})
    found = feature(described, "colour")
    assert (found.vocabulary, found.background) == (("violet", "red", "green"), "green")
    assert found.usual_shares == (("green", 0.25), ("red", 0.25))
    assert described.notes == (
        "colour: the 3 words that the model looks up; 200 of 400 rows hold words that the model does not know: 'pink'",
    )


@pytest.mark.parametrize(
    "values",
    [[443, 80, 443, 80] * 100, [443] * N, [443, *range(100_000, 100_000 + N)], [443.0, None] * (N // 2)],
    ids=["integers", "always the same", "many different ones", "gaps"],
)
def test_a_column_that_the_model_looks_up_is_a_feature_of_words(values: list[Any]) -> None:
    found = feature(column("port", values, vocabularies={"port": ("22", "80", "443")}), "port")
    assert (found.kind, found.vocabulary) == ("string", ("22", "80", "443"))


def test_a_column_of_too_many_words_to_count_is_compared_by_its_sample() -> None:
    words = [f"w{index}" for index in range(10_050)]
    described = column("host", words, vocabularies={"host": tuple(words[:10_000])})
    assert described.notes[0].startswith("host: the 10,000 words that the model looks up; 50 of 10,050 sampled rows ")


def test_the_replacement_of_a_missing_word_need_not_be_in_the_vocabulary() -> None:
    gaps = ["acme", "zinc", ""] * 100
    known = {"maker": ("zinc", "acme")}
    described = column("maker", gaps, missing={"maker": "none"}, vocabularies=known)
    found = feature(described, "maker")
    assert (found.missing_value, found.vocabulary) == ("none", ("zinc", "acme"))
    assert described.notes[0].endswith("; it does not know 'none', which stands for a missing value")
    assert feature(column("maker", gaps, missing={"maker": ""}, vocabularies=known), "maker").missing_value == ""


def test_a_vocabulary_without_a_common_word_is_not_used() -> None:
    """It belongs to another column, and the conversion must refuse the wrong wiring."""
    described = column("colour", ["red", "green"] * 200, vocabularies={"colour": ("tcp", "udp", "icmp", "sctp")})
    assert feature(described, "colour").vocabulary == ("green", "red")
    assert described.notes == (
        "colour: no row holds a word that the model looks up ('tcp', 'udp', 'icmp', ...); correct the column",
    )


@pytest.mark.parametrize(
    ("name", "values", "says"),
    [
        ("number", list(range(N)), "identifier: a whole number that is another one in each row"),
        ("user_id", [index // 2 for index in range(N)], "its name says that it is an identifier"),
        ("session", [f"s{index}" for index in range(N)], "identifier: another text in each row"),
        ("version", ["1"] * N, "it is always '1'"),
        ("nothing", [None] * N, "it is empty"),
        ("message", [f"the quick brown fox jumps over the lazy dog {index // 2}" for index in range(N)], "free text"),
        ("host", [f"h{index // 2}" for index in range(N)], "200 different words in 400 rows"),
        (
            "at",
            [1_790_000_000_000 + index % 97 for index in range(N)],
            "float32 changes its values, 1790000000000 to 1790000000096, by up to",
        ),
        ("tags", [["a", "b"]] * N, "400 rows hold a list or an object"),
        ("class", [index % 3 for index in range(N)], "files use this name for the column of the label"),
    ],
)
def test_a_column_that_no_model_should_learn_from_is_left_out(name: str, values: list[Any], says: str) -> None:
    described = column(name, values)
    assert [each.name for each in described.contract.features] == ["good"]
    assert says in reason(described, name)


def test_words_that_look_like_numbers_are_words_with_the_option() -> None:
    assert feature(column("port", [22, 80, 443, 22] * 100, words=("port",)), "port").vocabulary == ("22", "443", "80")


def labelled(values: list[Any], **wishes: Any) -> Described:
    rng = random.Random(3)
    rows = [{"load": rng.random(), "code": len(str(value)), "kind": value} for value in values]
    return describe(see(batches(rows)), Wishes("sample", label="kind", **wishes))


def test_a_classification_has_its_labels_and_harmless_rows() -> None:
    described = labelled(["Benign", "scan", "flood!"] * 100)
    contract = described.contract
    assert [(label.name, label.family, label.severity) for label in contract.labels] == [
        ("Benign", "normal", 0),
        ("flood_", "flood_", 50),
        ("scan", "scan", 50),
    ]
    assert contract.families == ("normal", "flood_", "scan")
    assert contract.training["label_rows"] == {"Benign": 100, "flood_": 100, "scan": 100}
    assert described.label_words == {"flood_": "flood!"}
    assert contract.task == "classification"


def test_a_column_that_equals_the_label_is_a_leak() -> None:
    assert "it equals the label 'kind'" in reason(labelled(["ok", "bad", "broken"] * 100), "code")


def test_names_that_no_label_may_have_are_changed() -> None:
    described = labelled(["normal", "unknown", "a/b", "a\\b", ""] * 60)
    assert [label.name for label in described.contract.labels] == ["empty", "a_b", "a_b_", "normal", "unknown_label"]
    assert described.label_words["unknown_label"] == "unknown"
    assert described.contract.training["label_words"]["a_b"] == "a/b"


def test_codes_of_classes_keep_the_order_of_numbers() -> None:
    assert [label.name for label in labelled([0, 2, 10, 9] * 90).contract.labels] == ["0", "2", "9", "10"]
    assert labelled(["0.0", "2.0"] * 90).contract.labels[0].severity == 0


def test_a_label_of_values_is_a_regression() -> None:
    described = labelled([index * 0.37 for index in range(N)])
    assert described.contract.task == "regression"
    assert [label.name for label in described.contract.labels] == ["within_bounds", "out_of_bounds"]


def test_without_a_label_the_task_is_anomaly_detection() -> None:
    contract = column("load", [1.0, 2.0] * 100, quantile=0.995).contract
    assert contract.task == "anomaly"
    assert contract.score is not None
    assert (contract.score.quantile, contract.score.threshold) == (0.995, None)


@pytest.mark.parametrize(
    ("values", "wishes", "says"),
    [
        (["scan", "flood"] * 50, {}, "which labels are harmless? None of 'flood', 'scan'"),
        (["scan", "normal"] * 50, {"harmless": ("norml",)}, "no row has the label 'norml'"),
        ([index % 60 for index in range(N)], {}, "Add --task regression or --task classification"),
        (["one"] * 50, {}, "fewer than two different values"),
        ([f"w{index % 501}" for index in range(2000)], {}, "more than 500 different values"),
    ],
)
def test_questions_that_only_the_user_can_answer_are_asked(
    values: list[Any], wishes: dict[str, Any], says: str
) -> None:
    with pytest.raises(InputError) as asked:
        labelled(values, **wishes)
    assert says in str(asked.value)


@pytest.mark.parametrize(
    ("wishes", "says"),
    [
        ({"missing": {"good": "none"}}, "--missing good=none: expected a number"),
        ({"missing": {"absent": "0"}}, "--missing absent: there is no such column"),
        ({"label": "lable"}, "--label lable: there is no such column; there are good, load"),
        ({"words": ("port",)}, "--words port: there is no such column"),
        ({"leave_out": ("good", "load")}, "no column can be a feature: good: you asked for it"),
        ({"task": "regression"}, "needs the column of the truth"),
    ],
)
def test_an_option_that_cannot_be_followed_is_refused(wishes: dict[str, Any], says: str) -> None:
    with pytest.raises(InputError) as refused:
        column("load", [1.0, 2.0, 3.0, 1.5] * 20, **wishes)
    assert says in str(refused.value)
    with pytest.raises(InputError, match="no rows to describe"):
        see(iter([]))


def test_fields_of_documents_keep_their_names_and_our_own_are_left_out() -> None:
    rows = [
        {"@timestamp": f"2026-03-04T{index % 24:02}:00:00Z", "system.load": index / 7, "event.kind": f"k{index % 2}"}
        for index in range(N)
    ]
    described = describe(see(batches(rows)), Wishes("hosts", own_fields=True))
    assert [(each.name, each.field) for each in described.contract.features] == [
        ("@timestamp_hour", "@timestamp"),
        ("system.load", "system.load"),
    ]
    assert "is written by Oversight" in reason(described, "event.kind")


def test_a_column_that_starts_late_has_gaps_before() -> None:
    rows = [{"good": index * 0.5} for index in range(200)] + [{"good": 1.0, "late": index % 9} for index in range(200)]
    assert feature(describe(see(batches(rows)), Wishes("sample")), "late").missing == "value"


def test_dates_of_any_zone_are_described_as_the_service_reads_them() -> None:
    """23:00 in a zone two hours behind UTC is 01:00 of the next day in UTC."""
    dates = ["2026-03-02T23:00:00-02:00", "2026-03-04T11:00:00+00:00"] * 20
    hour = feature(column("at", dates), "at_hour")
    assert (hour.minimum, hour.maximum) == (1.0, 11.0)
    weekday = feature(column("at", dates), "at_weekday")
    assert (weekday.minimum, weekday.maximum) == (1.0, 2.0)


@pytest.mark.parametrize("odd", ["inf", "1e400", "9" * 400, "n/a", "NaN", "١"])
def test_a_column_of_numbers_with_a_few_others_is_not_read_as_words(odd: str) -> None:
    found = column("rate", [*(str(index % 7) for index in range(30)), odd])
    why = reason(found, "rate")
    assert why.startswith("1 of its 31 values are no numbers that float32 can hold, such as ")
    assert why.endswith("take all as words with --words rate")
    asked = column("rate", [*(str(index % 7) for index in range(30)), odd], words=("rate",))
    assert feature(asked, "rate").kind == "string"


def test_a_date_that_the_service_refuses_is_no_date() -> None:
    dates = ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-03-04T11:00:00Z"] * 10
    assert [each.name for each in column("at", dates).contract.features] == ["good", "at"]


def test_a_sample_of_many_columns_or_long_texts_stays_small() -> None:
    """The columns of the batches grow to 2,500: then 2,000 rows are the most."""
    sample = Sample()
    long = "x" * 5_000
    sample.add(Batch(1, 2_100, {"c0": [long] * 2_100}))
    assert len(sample.rows) == 2_100
    for start in (2_101, 2_131):
        sample.add(Batch(start, 30, {f"c{place}": [long] * 30 for place in range(2_500)}))
    assert len(sample.rows) == 2_000
    assert len(sample.rows[0]["c0"]) == MAX_WORD + 1
