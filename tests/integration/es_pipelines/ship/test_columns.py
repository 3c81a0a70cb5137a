"""Files with a header, another delimiter, gzip, or an array: what the shipper sends, also after a restart or a
rotation.
"""

from __future__ import annotations

import dataclasses
import gzip
import json
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from elasticsearch import Elasticsearch

from contract.kdd99.columns import COLUMNS
from es_pipelines.ship.arriving.stdin import ship_stream
from es_pipelines.ship.follow import follow
from es_pipelines.ship.shipper import ShipConfig, ship
from tests.integration.es_pipelines.ship.conftest import place_of, stored
from tests.integration.es_pipelines.ship.test_stream import full_pipe
from tests.waiting import WAIT_S, until

BACKWARDS = list(COLUMNS[::-1])
OTHER = ["id", *COLUMNS]


@pytest.fixture
def engine_url(embedded_url: str) -> str:
    """One engine is enough: the shipper sends the same to all."""
    return embedded_url


def header(names: list[str], delimiter: str = ",") -> str:
    return delimiter.join(names) + "\n"


def row(number: int, width: int = 41, delimiter: str = ",") -> str:
    return delimiter.join([str(number)] * width) + "\n"


def read_as(documents: list[dict[str, Any]]) -> dict[str, Any]:
    """The first column of each stored row, with the columns that were sent with it."""
    return {document["event"]["original"].split(",")[0]: document.get("csv") for document in documents}


def test_the_columns_are_known_after_a_restart_and_change_with_a_later_header(
    es: Elasticsearch, config: ShipConfig, tmp_path: Path
) -> None:
    """The shipper resumes in the middle, with and without the registry; a shipped header is no event and is not sent
    again.
    """
    path = tmp_path / "alpha.csv"
    path.write_text(header(BACKWARDS) + row(1), encoding="utf-8")
    report = ship(es, [path], config)
    assert (report.stored, report.headers) == (1, 1)
    with path.open("a", encoding="utf-8") as output:
        output.write(row(2) + header(OTHER) + row(3, 42))
    assert ship(es, [path], config).stored == 2
    with path.open("a", encoding="utf-8") as output:
        output.write(row(4, 42) + "\n")
    assert ship(es, [path], config).stored == 1
    backwards, other = {"columns": BACKWARDS}, {"columns": OTHER}
    assert read_as(stored(es, config.stream)) == {"1": backwards, "2": backwards, "3": other, "4": other}
    again = ship(es, [path], dataclasses.replace(config, state=tmp_path / "other"))
    assert (again.stored, again.already_there, again.headers, again.blank) == (0, 4, 2, 1)


def test_a_rotation_to_a_file_with_another_header_is_followed(
    es: Elasticsearch, config: ShipConfig, tmp_path: Path
) -> None:
    """The rest of the old file is read with its own header; a half-written header waits."""
    path, stop = tmp_path / "alpha.csv", threading.Event()
    path.write_text(header(BACKWARDS)[:-20], encoding="utf-8")
    worker = threading.Thread(
        target=follow, args=(es, [path], config), kwargs={"stop": stop, "poll_interval_s": 0.05, "quiet_s": 0.5}
    )
    worker.start()
    try:
        with path.open("a", encoding="utf-8") as old:
            old.write(header(BACKWARDS)[-20:] + row(1))
            old.flush()
            assert until(lambda: len(documents(es, config.stream)) == 1)
            path.rename(tmp_path / "alpha.csv.1")
            path.write_text(header(OTHER) + row(2, 42), encoding="utf-8")
            old.write(row(3))
            old.flush()
            assert until(lambda: len(documents(es, config.stream)) == 3)
    finally:
        stop.set()
        worker.join(timeout=WAIT_S)
    backwards, other = {"columns": BACKWARDS}, {"columns": OTHER}
    assert read_as(documents(es, config.stream)) == {"1": backwards, "2": other, "3": backwards}


def documents(es: Elasticsearch, stream: str) -> list[dict[str, Any]]:
    return stored(es, stream) if es.indices.exists(index=stream) else []


def test_gzip_with_a_header_is_shipped_once_and_known_from_its_unpacked_file(
    es: Elasticsearch, config: ShipConfig, tmp_path: Path
) -> None:
    """Observer and user are those of the unpacked file. A file that is packed after it was shipped adds nothing."""
    text = header(BACKWARDS) + "".join(row(number) for number in range(20))
    packed, plain = tmp_path / "alpha.csv.gz", tmp_path / "bravo.csv"
    packed.write_bytes(gzip.compress(text.encode()))
    plain.write_text(text, encoding="utf-8")
    first = ship(es, [packed, plain], config)
    assert (first.stored, first.headers) == (40, 2)
    assert ship(es, [packed], config).stored == 0
    (tmp_path / "bravo.csv.gz").write_bytes(gzip.compress(text.encode()))
    plain.unlink()
    assert ship(es, [tmp_path / "bravo.csv.gz"], config).stored == 0
    found = stored(es, config.stream)
    assert Counter(document["observer"]["name"] for document in found) == {"alpha": 20, "bravo": 20}
    assert [document["csv"] for document in found] == [{"columns": BACKWARDS}] * 40


def test_a_json_array_over_several_lines_is_shipped_element_by_element(
    es: Elasticsearch, config: ShipConfig, tmp_path: Path
) -> None:
    """Each element is an event; later elements are new events; shipping the array again adds nothing."""
    path = tmp_path / "alpha.json"
    elements = [{"duration": number, "service": 'h]t{t"p'} for number in range(3)]
    text = json.dumps(elements, indent=1)
    path.write_text(text, encoding="utf-8")
    assert ship(es, [path], config).stored == 3
    path.write_text(text[:-2] + ',\n {"duration": 3}\n]', encoding="utf-8")
    assert ship(es, [path], config).stored == 1
    assert ship(es, [path], dataclasses.replace(config, state=tmp_path / "other")).stored == 0
    originals = [json.loads(document["event"]["original"]) for document in stored(es, config.stream)]
    assert originals == [*elements, {"duration": 3}]
    path.write_text('[{"duration": 9}, {"dur', encoding="utf-8")
    cut = ship(es, [path], config)
    assert cut.stored == 1
    assert "without its closing bracket" in cut.problems[0]


def test_the_delimiter_and_unusual_labels_are_sent(es: Elasticsearch, config: ShipConfig, tmp_path: Path) -> None:
    path = tmp_path / "alpha.csv"
    labels = ("normal", "anomaly", "21", "2024-05-01")
    path.write_text("".join(f"{row(1, delimiter=';')[:-1]};{label}\n" for label in labels), encoding="utf-8")
    report = ship(es, [path], config)
    assert (report.stored, report.unknown_labels, report.number_labels) == (4, 1, 2)
    assert [document["csv"] for document in stored(es, config.stream)] == [{"delimiter": ";"}] * 4


def test_standard_input_is_read_like_a_file(es: Elasticsearch, config: ShipConfig) -> None:
    """Standard input accepts a header, an array and a delimiter; compression is refused with the command to use."""
    csv = header(BACKWARDS, ";") + row(1, delimiter=";") + "\n"
    report = ship_stream(es, full_pipe(csv.encode()), config, name="alpha.csv")
    assert (report.stored, report.headers, report.blank) == (1, 1, 1)
    assert ship_stream(es, full_pipe(b'[\n{"a": 1},\n{"a": 2}\n]\n'), config, name="alpha.json").stored == 2
    found = sorted(stored(es, config.stream), key=place_of)
    assert found[0]["csv"] == {"columns": BACKWARDS, "delimiter": ";"}
    for content, command in ((gzip.compress(b"x\n"), "zcat FILE | oversight ship -"), (b"BZh91AY\n", "bunzip2 FILE")):
        with pytest.raises(Exception, match="standard input is compressed") as refused:
            ship_stream(es, full_pipe(content), config, name=None)
        assert command in str(refused.value)
