"""An index that refuses reads or writes does not delay the other indices."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
from elasticsearch import Elasticsearch

from tests.conftest import ENGINES
from tests.integration.watcher.conftest import Place, events
from tests.integration.watcher.proxy import proxied
from tests.waiting import wait_until

REAL = ENGINES[1:]


@pytest.fixture
def two(es: Elasticsearch, namespace: str) -> Iterator[tuple[Place, Place, Place]]:
    """Two indices, and the pattern that matches both."""
    first, second = (Place(es, f"flows-{namespace}-{name}") for name in ("a", "b"))
    for one in (first, second):
        one.create()
    yield first, second, Place(es, f"flows-{namespace}-*")
    for one in (first, second):
        es.indices.delete(index=one.index, ignore_unavailable=True)


@pytest.mark.parametrize(
    ("engine_url", "block"),
    [
        ("embedded", "write"),
        pytest.param("opensearch", "read_only_allow_delete", marks=pytest.mark.opensearch),
        pytest.param("elasticsearch", "write", marks=pytest.mark.elasticsearch),
        pytest.param("elasticsearch", "read_only_allow_delete", marks=pytest.mark.elasticsearch),
    ],
    indirect=["engine_url"],
)
def test_a_blocked_index_is_skipped_and_the_others_are_enriched(
    two: tuple[Place, Place, Place], service: str, caplog: pytest.LogCaptureFixture, block: str
) -> None:
    """As on a full disk: its documents stay pending, one ERROR names it, and they are enriched once the
    block is gone.
    """
    full, healthy, both = two
    full.put(events(20))
    full.es.indices.put_settings(index=full.index, settings={f"index.blocks.{block}": True})
    healthy.put(events(30))
    try:
        with both.watching(service, page_size=20, blocked_s=0.4):
            wait_until(lambda: healthy.count("enriched") == 30, "the healthy index")
            healthy.put({f"later-{name}": source for name, source in events(10).items()})
            wait_until(lambda: healthy.count("enriched") == 40, "the documents that arrived later")
            assert full.count("pending") == 20
            full.es.indices.put_settings(index=full.index, settings={f"index.blocks.{block}": None})
            wait_until(lambda: full.count("enriched") == 20, "the blocked index")
    finally:
        full.es.indices.put_settings(index=full.index, settings={f"index.blocks.{block}": None})
    assert full.versions() == healthy.versions() == {2}
    errors = [record.message for record in caplog.records if record.levelno == logging.ERROR]
    assert len(errors) == 1
    assert full.index in errors[0]
    assert "free disk space" in errors[0]


def test_a_run_with_an_end_names_the_index_that_refuses_writes(two: tuple[Place, Place, Place], service: str) -> None:
    full, healthy, both = two
    full.put(events(5))
    healthy.put(events(5))
    full.es.indices.put_settings(index=full.index, settings={"index.blocks.write": True})
    totals = both.watch(service)
    full.es.indices.put_settings(index=full.index, settings={"index.blocks.write": None})
    assert totals.enriched == 5
    assert totals.trouble is not None
    assert f"{full.index} (cluster_block_exception: it is blocked" in totals.trouble


def test_an_index_that_is_deleted_during_a_run_does_not_stop_the_others(
    two: tuple[Place, Place, Place], service: str
) -> None:
    going, staying, both = two
    going.put(events(20))
    with both.watching(service, page_size=10):
        wait_until(lambda: going.count("enriched") > 0, "the first documents of the index to delete")
        going.es.indices.delete(index=going.index)
        staying.put(events(30))
        wait_until(lambda: staying.count("enriched") == 30, "the other index")


def test_the_existing_indices_of_a_list_are_watched(
    two: tuple[Place, Place, Place], service: str, caplog: pytest.LogCaptureFixture
) -> None:
    first, second, _ = two
    first.put(events(5))
    second.es.indices.delete(index=second.index)
    with Place(first.es, f"{first.index},{second.index}").watching(service, blocked_s=0.3):
        wait_until(lambda: first.count("enriched") == 5, "the existing index")
        second.create()
        second.put(events(5))
        wait_until(lambda: second.count("enriched") == 5, "the index that was created later")
    ours = [record for record in caplog.records if "of the indices" in record.message]
    assert len(ours) == 1


@pytest.mark.parametrize("engine_url", REAL, indirect=True)
def test_pages_stay_below_the_result_limit_of_an_index(
    place: Place, service: str, caplog: pytest.LogCaptureFixture
) -> None:
    place.es.indices.put_settings(index=place.index, settings={"index.max_result_window": 20})
    place.put(events(70))
    totals = place.watch(service, page_size=50)
    assert (totals.enriched, totals.trouble) == (70, None)
    assert "max_result_window" in caplog.text


def test_an_empty_poll_is_one_light_search(place: Place, service: str, engine_url: str) -> None:
    with proxied(engine_url) as engine, Elasticsearch(engine.url) as es:
        with place.watching(service, es=es):
            wait_until(lambda: len(engine.calls) >= 7, "some polls")
        looks = [call for call in engine.calls if "/_mapping" in call.path or "/_settings" in call.path]
        assert len(looks) == 2, "the watcher reads mapping and settings only once"
        polls = [call for call in engine.calls if call not in looks]
        assert {call.path.split("?")[0] for call in polls} == {f"/{place.index}/_search"}
        assert all(b'"size":1' in call.body for call in polls if call.body)
