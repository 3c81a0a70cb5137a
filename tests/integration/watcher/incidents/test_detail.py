"""One incident with its details, and as Markdown, on every engine."""

from __future__ import annotations

import pytest

from tests.conftest import ENGINES
from tests.integration.watcher.incidents.alerts import HOUR_MS, START_MS, Document, alert, stored
from tests.integration.watcher.incidents.test_incidents import RULES
from watcher.incidents.detail import NO_VERDICT, detail
from watcher.incidents.markdown import as_markdown
from watcher.incidents.rules import MINUTE_MS

SOURCE = {"ip": "10.0.0.1"}
EVIL = "`</code><script>alert(1)</script> [x](javascript:1)\n# \u202e"


def with_reasons(document: Document, *reasons: str, verdict: str | None = None) -> Document:
    """The document with reasons, and with an analyst's verdict."""
    document["oversight"]["prediction"]["reasons"] = list(reasons)
    if verdict is not None:
        document["oversight"]["feedback"] = {"verdict": verdict}
    return document


def scan(at_minute: int, *reasons: str, label: str = "nmap", verdict: str | None = None, target: int = 1) -> Document:
    """One alert of a scan by 10.0.0.1."""
    document = alert(
        START_MS + at_minute * MINUTE_MS, label=label, source=SOURCE, destination={"ip": f"10.1.0.{target}"}
    )
    technique = {"id": "T1595", "name": "Active Scanning"}
    document["threat"] = {"technique": {**technique, "subtechnique": {"id": "T1595.002", "name": "Scanning"}}}
    return with_reasons(document, *reasons, verdict=verdict)


DOCUMENTS = (
    scan(0, "many ports", EVIL, target=1, verdict="true_positive"),
    scan(5, "many ports", label="satan", target=2),
    scan(10, "many ports", target=2, verdict="false_positive"),
    alert(START_MS + 65 * MINUTE_MS, family="r2l", label="phf", source=SOURCE),
    {"@timestamp": START_MS - 59 * MINUTE_MS, "event": {"kind": "event"}, "source": SOURCE},
    {"@timestamp": START_MS - HOUR_MS - 1, "event": {"kind": "event"}, "source": SOURCE},
    alert(START_MS, label="phf", source={"ip": "10.0.0.2"}),
)


@pytest.fixture(params=ENGINES)
def url(request: pytest.FixtureRequest) -> str:
    """Address of each engine."""
    found: str = request.getfixturevalue(f"{request.param}_url")
    return found


def test_an_incident_has_its_details(url: str) -> None:
    """Timeline, reasons, events, labels and their meaning, targets, technique, verdicts, and what else happened."""
    with stored(url, DOCUMENTS) as (es, index):
        found = detail(es, index, RULES, "connection/source.ip=10.0.0.1/probe/2026-01-31T08:07:00Z")
        one = found.incident
        assert one.id == "connection/source.ip=10.0.0.1/probe/2026-01-31T08:00:00.000Z"
        assert [(each.value, each.events) for each in one.labels] == [("nmap", 2), ("satan", 1)]
        assert [(each.value, each.events) for each in one.other_side.addresses] == [("10.1.0.2", 2), ("10.1.0.1", 1)]
        assert one.other_side.n_addresses == 2
        assert [each.id for each in one.techniques] == ["T1595.002"]
        assert (one.verdicts.true_positive, one.verdicts.false_positive, one.verdicts.open) == (1, 1, 1)
        assert [each.label for each in found.meanings] == ["nmap", "satan"]
        assert found.meanings[1].text.endswith("with the scanner SATAN.")
        assert [(each.value, each.events) for each in found.reasons] == [("many ports", 3), (EVIL, 1)]
        assert [(event.at_ms, event.fields["destination.ip"]) for event in found.events] == [
            (START_MS, "10.1.0.1"),
            (START_MS + 5 * MINUTE_MS, "10.1.0.2"),
            (START_MS + 10 * MINUTE_MS, "10.1.0.2"),
        ]
        assert sum(bar.events for bar in found.timeline) == 3
        assert {(each.label, each.events, each.alerts) for each in found.around or ()} == {
            ("phf", 1, 1),
            (NO_VERDICT, 1, 0),
        }


def test_markdown_holds_values_as_code(opensearch_url: str) -> None:
    """Markup, links, line ends and bidirectional text in a value do nothing."""
    with stored(opensearch_url, DOCUMENTS) as (es, index):
        found = detail(es, index, RULES, f"connection/source.ip=10.0.0.1/probe/{START_MS}")
    text = as_markdown(found, link="http://127.0.0.1:8602/?incident=x")
    assert text.startswith("## `probe` from `10.0.0.1`\n")
    assert "- `'</code><script>alert(1)</script> [x](javascript:1)\\n# \\u202e`: 1\n" in text
    assert "- Verdicts: 1 true positive, 1 false positive, 1 open\n" in text
    assert "<http://127.0.0.1:8602/?incident=x>" in text


def test_a_megabyte_in_any_field_is_not_read(opensearch_url: str) -> None:
    """An alert with huge texts has its incident, by the key that is indexed."""
    huge = "x" * 1_000_000
    document = with_reasons(scan(0), huge)
    document |= {"user": {"id": huge}, "event": {**document["event"], "original": huge}}
    with stored(opensearch_url, [document]) as (es, index):
        found = detail(es, index, RULES, f"connection/source.ip=10.0.0.1/probe/{START_MS}")
        assert found.incident.events == 1
        assert len(as_markdown(found)) < 2_000
