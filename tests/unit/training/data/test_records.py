"""Reading KDD files: every format that exists, and a clear message for every mistake."""

from __future__ import annotations

import gzip
import hashlib
import pickle
import random
from pathlib import Path

import numpy as np
import pytest

from contract.errors import InputError
from contract.kdd99.columns import CATEGORICAL, COLUMNS, CONTENT, FLOW, NUMERIC, PACKET
from tests.unit.training.samples import line, lines, write
from training.data.records import fetch, read, select


def changed(text: str, column: str, value: str) -> str:
    """The line with another value in one column."""
    values = text.split(",")
    values[COLUMNS.index(column) if column in COLUMNS else -1] = value
    return ",".join(values)


def test_values_stand_in_the_columns_of_the_contract_and_the_label_loses_its_full_stop(tmp_path: Path) -> None:
    """Columns are found by name, not by position."""
    text = changed(changed(line("normal", random.Random(1)), "src_bytes", "181"), "service", "domain_u")
    records, source = read(write(tmp_path / "one.csv", [text]))
    assert records.labels.tolist() == ["normal"]
    assert records.numeric[0, NUMERIC.index("src_bytes")] == 181
    assert records.categorical[0].tolist() == ["tcp", "domain_u", "SF"]
    assert records.numeric.dtype == np.float32
    assert records.numeric.shape == (1, 38)
    assert (source.name, len(CATEGORICAL)) == ("one.csv", 3)


def test_repeated_lines_become_one_record_with_their_count(tmp_path: Path) -> None:
    """Counting loses no row."""
    made = lines(50)
    records, _ = read(write(tmp_path / "data.csv", made * 3 + made[:7]))
    assert len(records) == len(set(made))
    assert records.n_rows == 157
    assert records.counts[:7].tolist() == [4] * 7


def test_one_vector_in_two_spellings_is_one_record(tmp_path: Path) -> None:
    """0, 0.00 and -0.0 are the same number to the model, so they must not be in two parts of the split."""
    text = line("neptune", random.Random(2))
    spelled = [text, changed(text, "land", "0.00"), changed(text, "urgent", "-0.0")]
    records, _ = read(write(tmp_path / "data.csv", spelled))
    assert len(records) == 1
    assert records.counts.tolist() == [3]


def test_plain_and_gzip_and_a_header_and_windows_line_ends_read_alike(tmp_path: Path) -> None:
    """The content decides, not the file's name."""
    made = lines(20)
    plain, _ = read(write(tmp_path / "plain", made))
    packed = tmp_path / "packed.csv"
    packed.write_bytes(gzip.compress("\n".join(made).encode()))
    other = tmp_path / "other.gz"
    other.write_bytes("\r\n".join([",".join((*COLUMNS, "label")), *made, "", ""]).encode())
    for path in (packed, other):
        records, _ = read(path)
        assert np.array_equal(records.numeric, plain.numeric)
        assert records.labels.tolist() == plain.labels.tolist()


def test_the_digest_is_that_of_the_file_as_it_lies_there(tmp_path: Path) -> None:
    """So `sha256sum` gives the same digest."""
    path = tmp_path / "data.gz"
    path.write_bytes(gzip.compress(lines(1)[0].encode()))
    assert read(path)[1].sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("column", "value", "shown"),
    [
        ("src_bytes", "many", "'many'"),
        ("src_bytes", "", "''"),
        ("serror_rate", "nan", "'nan'"),
        ("serror_rate", "1e39", "'1e39'"),
        ("duration", "1_000", "'1_000'"),
        ("service", "", "''"),
        ("flag", "S\u00dc", "'S\u00dc'"),
        ("label", "", "''"),
    ],
)
def test_a_wrong_value_is_named_with_its_line_column_and_content(
    tmp_path: Path, column: str, value: str, shown: str
) -> None:
    """One line that names the place in the file."""
    made = lines(5)
    made[3] = changed(made[3], column, value)
    path = tmp_path / "bad.csv"
    path.write_text("\n".join(made), encoding="utf-8")
    with pytest.raises(InputError) as raised:
        read(path)
    message = str(raised.value)
    assert f"bad.csv, line 4, column {column!r}: {shown}, expected" in message
    assert "\n" not in message


def test_nsl_kdd_is_read_as_text_as_arff_and_with_a_header_in_any_order(tmp_path: Path) -> None:
    """The same records in each format give the same arrays; the difficulty is ignored."""
    made = [text.rstrip(".") for text in lines(30)]
    expected = read(write(tmp_path / "data.csv", made))[0]
    words = {
        column: f"@attribute '{column}' {{'tcp','udp', 'icmp'}}" for column in ("protocol_type", "service", "flag")
    }
    attributes = [words.get(column, f"@attribute '{column}' real") for column in COLUMNS]
    arff = ["@relation 'KDDTrain'", *attributes, "@ATTRIBUTE class {'normal', 'anomaly'}", "@data", "% a comment"]
    order = [*reversed(range(len(COLUMNS))), len(COLUMNS)]
    names = [*COLUMNS, "Class"]
    turned = [",".join(text.split(",")[at] for at in order) for text in made]
    for number, rows in enumerate(
        (
            [f"{text},21" for text in made],
            [",".join((*COLUMNS, "attack", "Difficulty_Level")), *(f"{text},21" for text in made)],
            [*arff, *made],
            [",".join(f'"{names[at].upper()}"' for at in order), *turned],
        )
    ):
        found = read(write(tmp_path / f"{number}.csv", rows))[0]
        assert np.array_equal(found.numeric, expected.numeric), number
        assert np.array_equal(found.categorical, expected.categorical), number
        assert found.labels.tolist() == expected.labels.tolist(), number


def test_a_header_that_lacks_a_column_is_named(tmp_path: Path) -> None:
    made = lines(2)
    with pytest.raises(InputError, match="contains the column 'label' not at all"):
        read(write(tmp_path / "data.csv", [",".join((*COLUMNS, "x")), *made]))
    with pytest.raises(InputError, match=r"line 2: 42 columns, expected 43 as in the header"):
        read(write(tmp_path / "data.csv", [",".join((*COLUMNS, "label", "x")), *made]))


def test_a_line_of_another_length_is_named_with_the_columns_it_has(tmp_path: Path) -> None:
    """An unlabelled file has 41 columns and is the likeliest mistake."""
    made = lines(3)
    made[1] = made[1].rsplit(",", 1)[0]
    with pytest.raises(InputError, match=r"bad\.csv, line 2: 41 columns, expected 42"):
        read(write(tmp_path / "bad.csv", made))


def test_an_empty_file_a_folder_a_missing_file_and_a_damaged_archive_each_get_their_line(tmp_path: Path) -> None:
    """Never a stack trace for a wrong path."""
    empty, cut, altered = tmp_path / "empty", tmp_path / "cut.gz", tmp_path / "altered.gz"
    empty.touch()
    packed = gzip.compress("\n".join(lines(200)).encode())
    cut.write_bytes(packed[: len(packed) // 2])
    altered.write_bytes(packed[:-8] + b"\0" * 8)
    for path, words in [
        (empty, "has no rows"),
        (tmp_path, "--data"),
        (tmp_path / "none", "No such file.*--data"),
        (cut, "damaged gzip"),
        (altered, "damaged gzip"),
    ]:
        with pytest.raises(InputError, match=words):
            read(path)


def test_what_scikit_learn_keeps_in_its_cache_reads_as_the_file_does(tmp_path: Path) -> None:
    """The cache holds numbers and bytes in an object array, as fetch_kddcup99 leaves them there."""
    made = lines(40)
    rows = [text.split(",") for text in made]
    typed = [
        [v.encode() if c in CATEGORICAL else float(v) for c, v in zip(COLUMNS, row[:41], strict=True)] for row in rows
    ]
    folder = tmp_path / "kddcup99_10-py3"
    folder.mkdir()
    (folder / "samples").write_bytes(pickle.dumps(np.array(typed, object)))
    (folder / "targets").write_bytes(pickle.dumps(np.array([row[41].encode() for row in rows], object)))
    fetched, source = fetch(tmp_path)
    expected, _ = read(write(tmp_path / "data.csv", made))
    assert np.array_equal(fetched.numeric, expected.numeric)
    assert np.array_equal(fetched.categorical, expected.categorical)
    assert np.array_equal(fetched.labels, expected.labels)
    assert len(source.sha256) == 64


def test_without_data_and_without_a_network_the_option_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A real attempt through a proxy that is not there."""
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "")
    with pytest.raises(InputError, match=r"cannot be downloaded.*--data FILE") as raised:
        fetch(tmp_path)
    assert "\n" not in str(raised.value)


def test_records_that_differ_in_left_out_columns_alone_become_one(tmp_path: Path) -> None:
    """Distinct means distinct to the model: twins in these columns must not be in two parts of the split."""
    text = line("normal", random.Random(3))
    others = [changed(text, "hot", str(number)) for number in range(4)]
    whole, _ = read(write(tmp_path / "data.csv", [*others, others[0], line("smurf", random.Random(4))]))
    flow = select(whole, FLOW)
    assert (len(whole), len(flow)) == (5, 2)
    assert flow.counts.tolist() == [5, 1]
    assert flow.labels.tolist() == ["normal", "smurf"]
    assert (flow.numeric.shape, flow.categorical.shape) == ((2, 23), (2, 3))
    assert (*flow.categorical_columns, *flow.numeric_columns) == (*CATEGORICAL, *(c for c in NUMERIC if c in FLOW))


def test_every_value_of_a_selection_is_that_of_its_column(tmp_path: Path) -> None:
    """In the order asked for, also where that is not the file's."""
    whole, _ = read(write(tmp_path / "data.csv", lines(30)))
    flow = select(whole, FLOW).take(np.array([4, 1]))
    numeric, words = flow.pick(["flag", "srv_count", "duration", "service"])
    for index, column in enumerate(("srv_count", "duration")):
        assert numeric[:, index].tolist() == whole.numeric[[4, 1], NUMERIC.index(column)].tolist()
    assert words.tolist() == whole.categorical[[4, 1]][:, [2, 1]].tolist()


def test_a_column_that_was_left_out_is_asked_for_in_vain(tmp_path: Path) -> None:
    """A model of 41 features cannot be measured on the records of 26."""
    flow = select(read(write(tmp_path / "data.csv", lines(3)))[0], FLOW)
    with pytest.raises(InputError, match=r"no column hot; read them from a file with all 41 columns"):
        flow.pick(["hot", "count"])


def test_packet_content_and_flow_columns_are_all_columns_once() -> None:
    """Columns 8 and 9 of the task description, 10 to 22, and the rest."""
    assert COLUMNS[7:9] == PACKET
    assert (CONTENT[0], CONTENT[-1], len(CONTENT)) == ("hot", "is_guest_login", 13)
    assert sorted((*PACKET, *CONTENT, *FLOW)) == sorted(COLUMNS)


def test_columns_that_do_not_count_may_hold_anything_or_nothing(tmp_path: Path) -> None:
    """A sensor that cannot fill them leaves them empty, or writes its own mark."""
    made = lines(20)
    gaps = []
    for text in made:
        for column, value in zip(CONTENT, ("", "-", "(empty)", "") * 4, strict=False):
            text = changed(text, column, value)
        gaps.append(text)
    expected, found = (read(write(tmp_path / "data.csv", rows), FLOW)[0] for rows in (made, gaps))
    assert np.array_equal(found.numeric, expected.numeric)
    assert np.array_equal(found.categorical, expected.categorical)
    assert found.columns == FLOW
    with pytest.raises(InputError, match="line 1, column 'hot': '', expected a finite number"):
        read(tmp_path / "data.csv")


def test_a_file_of_the_counting_columns_alone_reads_as_the_whole_one(tmp_path: Path) -> None:
    """A model of `--features flow` can be measured on a file from a sensor without content columns."""
    made = lines(20)
    short = [",".join([*text.split(",")[:7], *text.split(",")[22:]]) for text in made]
    header = ",".join((*FLOW, "label"))
    expected, found = (read(write(tmp_path / "data.csv", rows), FLOW)[0] for rows in (made, [header, *short]))
    assert np.array_equal(found.numeric, expected.numeric)
    assert found.labels.tolist() == expected.labels.tolist()
    with pytest.raises(InputError, match="27 columns, expected 42"):
        read(write(tmp_path / "data.csv", short))


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        (42, 27, r"line 2: 27 columns, expected 42 \(41 features and the label\)"),
        (27, 42, r"line 2: 42 columns, expected 27 \(26 features and the label\)"),
        (26, 27, r"line 1: 26 columns, expected 42 \(41 .*\) or 27 \(26 features and the label\)"),
        (41, 41, r"line 1: 41 columns, expected 42 .* or 27"),
    ],
)
def test_all_lines_of_a_file_have_the_columns_of_the_first(
    tmp_path: Path, first: int, second: int, message: str
) -> None:
    """A file has one layout."""
    values = line("normal", random.Random(5)).split(",")
    path = write(tmp_path / "data.csv", [",".join(values[-length:]) for length in (first, second)])
    with pytest.raises(InputError, match=message):
        read(path, FLOW)


def test_forty_columns_and_a_label_are_a_whole_line_without_one(tmp_path: Path) -> None:
    """The two cannot be told apart, and a missing label is the likelier mistake."""
    unlabelled = line("normal", random.Random(6)).rsplit(",", 1)[0]
    with pytest.raises(InputError, match=r"41 columns, expected 42 \(41 features and the label\) or 43"):
        read(write(tmp_path / "data.csv", [unlabelled]), COLUMNS[1:])
