"""Every line is stored once, whatever is shipped again, rolled over, lost or damaged in between."""

from __future__ import annotations

import dataclasses
import gzip
import os
import shutil
from pathlib import Path

import pytest
from elasticsearch import Elasticsearch

from contract.errors import InputError
from es_pipelines.ship.shipper import ShipConfig, ship
from tests.integration.es_pipelines.ship.conftest import (
    make_stream,
    mappings,
    originals,
    place_of,
    remove_stream,
    stored,
)

EVENTS = 671
ON_THE_EMBEDDED = pytest.mark.parametrize("engine_url", ["embedded"], indirect=True)
"""The registry decides which lines of a file are new, without the engine."""


def only_registry(config: ShipConfig) -> Path:
    """The file of the registry."""
    (path,) = config.state.glob("shipped-*.json")
    return path


def logs(shared_data: Path) -> list[Path]:
    """The three sensor logs: 671 events, of which 627 lines are distinct."""
    return sorted((shared_data / "sensor-logs").glob("*.csv"))


@pytest.mark.data
def test_every_event_of_the_sensor_logs_is_stored_once(
    es: Elasticsearch, config: ShipConfig, shared_data: Path
) -> None:
    """Identical lines are separate events; the last line of delta.csv has no line end and counts."""
    report = ship(es, logs(shared_data), config)
    assert (report.stored, report.headers, report.refused, report.already_there) == (EVENTS, 3, 0, 0)
    documents = stored(es, config.stream)
    assert len({place_of(document) for document in documents}) == EVENTS
    assert len({document["event"]["original"] for document in documents}) == 627
    assert {document["user"]["id"] for document in documents} == {"alpha", "bravo", "delta"}


@pytest.mark.data
@pytest.mark.parametrize("registry", ["kept", "deleted", "damaged"])
def test_shipping_again_adds_nothing(
    es: Elasticsearch, config: ShipConfig, shared_data: Path, registry: str, caplog: pytest.LogCaptureFixture
) -> None:
    """With the registry nothing is sent; without it the shipper searches the stream. Also after a rollover on engines
    that have it.
    """
    ship(es, logs(shared_data), config)
    roll_over(es, config.stream)
    if registry == "deleted":
        shutil.rmtree(config.state)
    if registry == "damaged":
        only_registry(config).write_bytes(b'{"format": 1, "files": [{"dev')
    again = ship(es, logs(shared_data), config)
    assert (again.stored, again.already_there) == (0, EVENTS)
    assert len(stored(es, config.stream)) == EVENTS
    assert len([line for line in caplog.messages if "is damaged" in line]) == (registry == "damaged")


def roll_over(es: Elasticsearch, stream: str) -> None:
    """Roll a data stream over; the embedded engine has only plain indices."""
    if any(name.startswith(".ds-") for name in es.indices.get(index=stream)):
        es.indices.rollover(alias=stream)


@ON_THE_EMBEDDED
def test_a_growing_file_is_shipped_line_by_line(es: Elasticsearch, config: ShipConfig, tmp_path: Path) -> None:
    """While a file is written, half a line waits; the next call continues where the last one ended."""
    path = tmp_path / "alpha.csv"
    growing = dataclasses.replace(config, complete=False)
    path.write_bytes(b"one\ntw")
    assert ship(es, [path], growing).stored == 1
    with path.open("ab") as output:
        output.write(b"o\r\nthree")
    assert ship(es, [path], growing).stored == 1
    assert ship(es, [path], config).stored == 1
    assert originals(es, config.stream) == ["one", "two", "three"]


@ON_THE_EMBEDDED
def test_a_last_line_that_gets_its_line_end_later_is_the_same_event(
    es: Elasticsearch, config: ShipConfig, tmp_path: Path
) -> None:
    path = tmp_path / "alpha.csv"
    path.write_bytes(b"one\ntwo")
    ship(es, [path], config)
    with path.open("ab") as output:
        output.write(b"\r\nthree\n\n")
    assert ship(es, [path], config).stored == 1
    assert originals(es, config.stream) == ["one", "two", "three"]


@ON_THE_EMBEDDED
def test_a_last_line_that_is_continued_later_is_shipped_whole(
    es: Elasticsearch, config: ShipConfig, tmp_path: Path
) -> None:
    """The half line that was stored stays; the whole line is stored beside it, never a second half."""
    path = tmp_path / "alpha.csv"
    path.write_bytes(b"one\ntw")
    ship(es, [path], config)
    with path.open("ab") as output:
        output.write(b"o\n")
    assert ship(es, [path], config).stored == 1
    assert sorted(originals(es, config.stream)) == ["one", "tw", "two"]


@ON_THE_EMBEDDED
def test_rotation_by_renaming_begins_a_new_generation(es: Elasticsearch, config: ShipConfig, tmp_path: Path) -> None:
    """The same first line in the new file is another event; the rest of the renamed file is shipped once."""
    path, old = tmp_path / "alpha.csv", tmp_path / "alpha.csv.1"
    path.write_bytes(b"same\n")
    ship(es, [path], config)
    with path.open("ab") as output:
        output.write(b"late\n")
    path.rename(old)
    path.write_bytes(b"same\n")
    report = ship(es, [path], config)
    assert report.stored == 2
    assert ship(es, [old, path], config).stored == 0
    documents = stored(es, config.stream)
    assert sorted(document["event"]["original"] for document in documents) == ["late", "same", "same"]
    assert {document["observer"]["name"] for document in documents} == {"alpha"}


@ON_THE_EMBEDDED
def test_rotation_by_copy_and_truncate_begins_a_new_generation(
    es: Elasticsearch, config: ShipConfig, tmp_path: Path
) -> None:
    """A file that shrank, or whose first bytes changed, is read from its start as a new generation."""
    path = tmp_path / "alpha.csv"
    path.write_bytes(b"one\ntwo\n")
    ship(es, [path], config)
    os.truncate(path, 0)
    path.write_bytes(b"one\n")
    assert ship(es, [path], config).stored == 1
    path.write_bytes(b"another\nand longer than before\n")
    assert ship(es, [path], config).stored == 2
    assert sorted(originals(es, config.stream)) == ["and longer than before", "another", "one", "one", "two"]


LINES = "".join(f"line {number}\n" for number in range(9)).encode()


@ON_THE_EMBEDDED
def test_a_file_that_an_editor_saved_again_is_still_the_same_file(
    es: Elasticsearch, config: ShipConfig, tmp_path: Path
) -> None:
    """Many editors write a new file and replace the old one: only the added line is new."""
    path, draft = tmp_path / "alpha.csv", tmp_path / "alpha.csv~"
    path.write_bytes(LINES)
    ship(es, [path], config)
    draft.write_bytes(LINES + b"added\n")
    draft.replace(path)
    assert ship(es, [path], config).stored == 1
    assert len(stored(es, config.stream)) == 10


@ON_THE_EMBEDDED
def test_a_file_that_was_moved_to_another_disk_is_still_the_same_file(
    es: Elasticsearch, config: ShipConfig, tmp_path: Path
) -> None:
    """The file is copied and deleted there, as `mv` does: another inode at another path."""
    path, moved = tmp_path / "alpha.csv", tmp_path / "elsewhere" / "alpha.csv"
    moved.parent.mkdir()
    path.write_bytes(LINES)
    ship(es, [path], config)
    shutil.copy(path, moved)
    path.unlink()
    assert ship(es, [moved], config).stored == 0


@pytest.mark.parametrize("lines", [b"one\ntwo\nthree\n", b"flood\n" * 20, b"one\ntwo"])
@ON_THE_EMBEDDED
def test_a_small_file_that_is_saved_again_is_still_the_same_file(
    es: Elasticsearch, config: ShipConfig, tmp_path: Path, lines: bytes
) -> None:
    """At the same path, without the old file, equal content is enough, however often it is copied there."""
    path, new = tmp_path / "alpha.csv", tmp_path / "new.csv"
    path.write_bytes(lines)
    assert ship(es, [path], config).stored == len(lines.splitlines())
    for _ in range(2):
        shutil.copy(path, new)
        new.replace(path)
        assert ship(es, [path], config).stored == 0
    with path.open("ab") as output:
        output.write(b"\nadded\n" if not lines.endswith(b"\n") else b"added\n")
    assert ship(es, [path], config).stored == 1


@pytest.mark.parametrize("rotated_to", ["alpha.csv.1", "alpha.csv.1.gz", "alpha.csv-20260131"])
@ON_THE_EMBEDDED
def test_the_same_lines_after_a_rotation_are_new_events(
    es: Elasticsearch, config: ShipConfig, tmp_path: Path, rotated_to: str
) -> None:
    """The original still exists, or a flood was packed: the lines count as new, because a loss is worse than a
    duplicate.
    """
    path, old = tmp_path / "alpha.csv", tmp_path / rotated_to
    lines = b"flood\n" * 9 if old.suffix == ".gz" else LINES
    path.write_bytes(lines)
    ship(es, [path], config)
    if old.suffix == ".gz":
        old.write_bytes(gzip.compress(lines))
    else:
        path.rename(old)
    (tmp_path / "new").write_bytes(lines)
    (tmp_path / "new").replace(path)
    assert ship(es, [path], config).stored == 9


@ON_THE_EMBEDDED
def test_a_flood_moved_elsewhere_counts_as_new(es: Elasticsearch, config: ShipConfig, tmp_path: Path) -> None:
    """At another path equal content may come from another sensor: fewer than eight distinct lines count as new."""
    path, moved = tmp_path / "alpha.csv", tmp_path / "elsewhere" / "alpha.csv"
    moved.parent.mkdir()
    path.write_bytes(b"flood\n" * 20)
    ship(es, [path], config)
    shutil.copy(path, moved)
    path.unlink()
    assert ship(es, [moved], config).stored == 20


@ON_THE_EMBEDDED
def test_a_replaced_file_is_named_in_the_report(es: Elasticsearch, config: ShipConfig, tmp_path: Path) -> None:
    path, new = tmp_path / "alpha.csv", tmp_path / "new.csv"
    path.write_bytes(b"one\ntwo\n")
    assert ship(es, [path], config).files[0].note == ""
    new.write_bytes(b"three\ntwo\n")
    new.replace(path)
    report = ship(es, [path], config)
    assert report.stored == 2
    assert report.files[0].note == "its content is not what was shipped from this path before: shipped from the start"


@ON_THE_EMBEDDED
def test_files_of_several_rotations_between_two_runs_are_named(
    es: Elasticsearch, config: ShipConfig, tmp_path: Path
) -> None:
    """A file rotated once is shipped; files that came and went in between are named, unless they are shipped anyway."""
    path = tmp_path / "alpha.csv"
    (tmp_path / "alpha.csv.9").write_bytes(b"of long ago\n")
    path.write_bytes(b"one\n")
    ship(es, [path], config)
    path.rename(tmp_path / "alpha.csv.2")
    (tmp_path / "alpha.csv.1").write_bytes(b"never seen\n")
    path.write_bytes(b"three\n")
    report = ship(es, [path], config)
    assert {file.path: file.note for file in report.files}[str(path)].endswith("not shipped: alpha.csv.1")
    assert report.stored == 1
    assert ship(es, [tmp_path / "alpha.csv.1"], config).stored == 1


def test_two_files_of_one_name_are_two_sources(es: Elasticsearch, config: ShipConfig, tmp_path: Path) -> None:
    """Same observer, file name and lines: they are kept apart, also without the registry and in another order."""
    paths = [tmp_path / folder / "alpha.csv" for folder in "ab"]
    for path in paths:
        path.parent.mkdir()
        path.write_bytes(b"same\nsame\n")
    assert ship(es, paths, config).stored == 4
    shutil.rmtree(config.state)
    assert ship(es, paths[::-1], config).stored == 0
    assert len(stored(es, config.stream)) == 4


@ON_THE_EMBEDDED
def test_a_file_named_twice_is_shipped_once(es: Elasticsearch, config: ShipConfig, tmp_path: Path) -> None:
    path = tmp_path / "alpha.csv"
    path.write_bytes(b"one\n")
    (tmp_path / "link.csv").symlink_to(path)
    linked = dataclasses.replace(config, follow_symlinks=True)
    assert ship(es, [path, path, tmp_path / "link.csv"], linked).stored == 1


def test_a_recreated_stream_gets_everything_again(es: Elasticsearch, config: ShipConfig, tmp_path: Path) -> None:
    """The registry describes the old stream, which is gone."""
    path = tmp_path / "alpha.csv"
    path.write_bytes(b"one\ntwo\n")
    ship(es, [path], config)
    remove_stream(es, config.stream)
    make_stream(es, config.stream, mappings())
    assert ship(es, [path], config).stored == 2
    assert ship(es, [path], config).stored == 0


def test_another_stream_has_its_own_registry(es: Elasticsearch, config: ShipConfig, tmp_path: Path) -> None:
    path = tmp_path / "alpha.csv"
    path.write_bytes(b"one\n")
    ship(es, [path], config)
    other = dataclasses.replace(config, stream=f"{config.stream}.other")
    make_stream(es, other.stream, mappings())
    try:
        assert ship(es, [path], other).stored == 1
    finally:
        remove_stream(es, other.stream)


def test_a_document_with_the_same_id_and_another_line_is_an_error(
    es: Elasticsearch, config: ShipConfig, tmp_path: Path
) -> None:
    """A 409 counts as already stored only if the stored line is the same; otherwise it is named and not
    acknowledged.
    """
    path = tmp_path / "alpha.csv"
    path.write_bytes(b"one\ntwo\n")
    ship(es, [path], config)
    es.indices.refresh(index=config.stream)
    hits = es.search(index=config.stream, size=10)["hits"]["hits"]
    second = next(hit for hit in hits if hit["_source"]["event"]["original"] == "two")
    changed = {"doc": {"event": {"original": "forged"}}}
    es.bulk(operations=[{"update": {"_index": second["_index"], "_id": second["_id"]}}, changed], refresh=True)
    shutil.rmtree(config.state)
    with pytest.raises(InputError, match="is not the line at byte 4"):
        ship(es, [path], config)


def test_an_unprovisioned_stream_is_refused(es: Elasticsearch, namespace: str, tmp_path: Path) -> None:
    """Elasticsearch would create an index with guessed mappings and no pipeline."""
    path = tmp_path / "alpha.csv"
    path.write_bytes(b"one\n")
    config = ShipConfig(f"logs-unprovisioned-{namespace}", tmp_path)
    with pytest.raises(InputError, match="run `oversight provision` first"):
        ship(es, [path], config)
    assert not es.indices.exists(index=config.stream)
