"""One batch to a server that already has a part of it."""

from __future__ import annotations

import pytest
from elasticsearch import Elasticsearch

from common.retry_wait import RetryWait
from contract.errors import InputError
from es_pipelines.reading.lines import Line
from es_pipelines.ship.events import Event, Identity, event_of
from es_pipelines.ship.report import EventOutcome
from es_pipelines.ship.send import Sender
from tests.integration.es_pipelines.ship.conftest import originals

ALPHA = Identity("alpha", "alpha", "alpha.csv", "/alpha.csv", 0)


def events(*lines: str) -> list[Event]:
    return [event_of(ALPHA, Line(10 * at, line.encode(), 10 * at + 10)) for at, line in enumerate(lines)]


def test_each_event_has_one_outcome_in_the_order_of_the_events(es: Elasticsearch, stream: str) -> None:
    """A new event, a header, and one answered 409 because another shipper was faster."""
    sender = Sender(es, stream, RetryWait())
    first = sender.deliver(events("one", "duration,x", "three"), ALPHA)
    assert first == [EventOutcome.STORED, EventOutcome.HEADER, EventOutcome.STORED]
    again = sender.deliver(events("one", "duration,x", "three", "four"), ALPHA)
    assert again == [EventOutcome.ALREADY_THERE, EventOutcome.HEADER, EventOutcome.ALREADY_THERE, EventOutcome.STORED]
    assert originals(es, stream) == ["one", "three", "four"]


def test_a_409_for_another_line_is_an_error_that_names_it(es: Elasticsearch, stream: str) -> None:
    """Another event is stored under that id."""
    sender = Sender(es, stream, RetryWait())
    event = events("one")[0]
    sender.deliver([event._replace(source=b'{"message":"forged"}')], ALPHA)
    with pytest.raises(
        InputError, match=f"/alpha.csv: the stream has a document {event.id} that is not the line at byte 0"
    ):
        sender.deliver([event], ALPHA)


def test_a_stream_whose_pipeline_was_deleted_stops_the_work(es: Elasticsearch, stream: str) -> None:
    """Every event would be refused for the same reason, so the events are not at fault."""
    sender = Sender(es, stream, RetryWait())
    sender.deliver(events("one"), ALPHA)
    es.indices.put_settings(index=stream, settings={"index.default_pipeline": "oversight-gone"})
    with pytest.raises(InputError, match="run `oversight provision`"):
        sender.deliver(events("one", "two"), ALPHA)


@pytest.mark.elasticsearch
def test_elasticsearch_itself_answers_as_the_sender_expects(elasticsearch_url: str, namespace: str) -> None:
    """Bulk, 409, refusal and the search for ids on a plain index: this build has neither pipelines nor data streams."""
    with Elasticsearch(elasticsearch_url) as es:
        es.indices.create(index=f"ship-{namespace}", mappings={"properties": {"user": {"type": "long"}}})
        sender = Sender(es, f"ship-{namespace}", RetryWait())
        fine = [event._replace(source=b'{"message":"%b"}' % event.line.content) for event in events("one", "two")]
        try:
            assert sender.find_stored(fine, ALPHA) == [(event, False) for event in fine]
            assert sender.deliver(fine[:1], ALPHA) == [EventOutcome.STORED]
            assert sender.deliver(fine, ALPHA) == [EventOutcome.ALREADY_THERE, EventOutcome.STORED]
            checked = sender.find_stored([*fine, *events("other")], ALPHA)
            assert [there for _, there in checked] == [True, True, False]
            assert sender.deliver(events("", "", "", "refused")[3:], ALPHA) == [EventOutcome.REFUSED]
        finally:
            es.indices.delete(index=f"ship-{namespace}")
