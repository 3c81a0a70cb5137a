"""The first hour: which flows are in it, what is counted, what happens to flows without features."""

from __future__ import annotations

import pytest
from msgspec import structs

from contract.errors import InputError
from enrich_service.model.artifact import Artifact
from oversight.first_hour import hour as module
from oversight.first_hour.hour import HOUR_S, first_hour
from tests.sensing import changed, people, simulated


def test_the_hour_begins_with_the_end_of_the_first_flow(flow_model: Artifact) -> None:
    """A flow exactly one hour later is in it, the next one is not; then the source is not read on."""
    flows = list(people(300))[:4]
    ends = [1000.0, 1000.0 + HOUR_S, 999.0, 1000.1 + HOUR_S]
    moved = [changed(each, started_s=end, duration_s=0.0) for each, end in zip(flows, ends, strict=True)]
    source = iter([*moved, flows[0]])
    hour = first_hour(source, flow_model)
    assert (hour.connections, hour.predicted, hour.is_whole) == (3, 3, True)
    assert (hour.since_s, hour.until_s) == (999.0, 1000.0 + HOUR_S)
    assert next(source) is flows[0], "an endless source must not be read to its end"


def test_shorter_traffic_is_taken_whole(flow_model: Artifact) -> None:
    """Every connection counts once, in whatever batches the model sees them."""
    flows = list(simulated(400))
    hour = first_hour(flows, flow_model)
    assert not hour.is_whole
    assert hour.connections == hour.predicted == hour.services.total() == len(flows)
    assert hour.alerts.total() + hour.sample.seen == hour.predicted
    assert hour.sources.total() == hour.alerts.total()
    assert hour.novel == hour.novel_services.total() >= hour.unknown


def test_batches_change_nothing(flow_model: Artifact, monkeypatch: pytest.MonkeyPatch) -> None:
    """Counts and sample are the same for any size of a batch."""
    flows = list(simulated(400))
    whole = first_hour(flows, flow_model)
    monkeypatch.setattr(module, "BATCH", 7)
    parts = first_hour(flows, flow_model)
    assert (parts.sample.numeric == whole.sample.numeric).all()
    assert (parts.sample.words == whole.sample.words).all()
    for name in ("connections", "novel", "unknown", "alerts", "sources", "services", "novel_services", "since_s"):
        assert getattr(parts, name) == getattr(whole, name), name


def test_flows_without_a_feature_of_the_model_are_counted_and_the_first_is_explained(flow_model: Artifact) -> None:
    """They have no prediction; nothing is put in place of what the source does not know."""
    flows = list(people(300))
    hour = first_hour([structs.replace(flows[0], unavailable=("flag",)), *flows[1:]], flow_model)
    assert hour.connections - hour.predicted == 1
    assert "kdd99.flag" in hour.first_error
    with pytest.raises(InputError, match=r"the model kdd99-flow could predict none of the connections: .*kdd99.flag"):
        first_hour([structs.replace(each, unavailable=("flag",)) for each in flows], flow_model)


def test_no_traffic_is_an_error(flow_model: Artifact) -> None:
    """Not an empty report."""
    with pytest.raises(InputError, match="there is no connection to report on"):
        first_hour([], flow_model)


def test_forged_addresses_do_not_fill_the_memory(flow_model: Artifact, monkeypatch: pytest.MonkeyPatch) -> None:
    """Alerts of further machines count for their label only."""
    monkeypatch.setattr(module, "MOST_SOURCES", 3)
    attacks = [each for each in simulated(400) if each.flow.source.startswith("10.0.9.")]
    forged = [changed(each, source=f"198.51.100.{number % 250}") for number, each in enumerate(attacks)]
    hour = first_hour(forged, flow_model)
    assert len(hour.sources) == 3
    assert hour.alerts.total() > hour.sources.total()
