"""The short way and the long way give the same document for any row and envelope."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from elasticsearch import Elasticsearch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contract.kdd99 import columns as kdd99
from es_pipelines.definition.parameters import parameters, pipeline_id
from es_pipelines.definition.pipeline_files import pipelines
from es_pipelines.definition.plain_row import SHIPPED, SHIPPED_LISTS
from tests.pipelines import FLOW, KDD99, LINE, comparable, simulate
from tests.waiting import WAIT_S

RUN = uuid.uuid4().hex[:8]
SHORT, LONG = f"short{RUN}", f"long{RUN}"

numbers = st.one_of(
    st.sampled_from(
        ["0", "1", "255", "0.00", "1.00", "0.5", "007", "5.", ".5", " 3 ", "", "-1", "+2", "1e3", "1e999", "x"]
    ),
    st.integers(0, 10**16).map(str),
    st.floats(0, 1e6, allow_nan=False).map(str),
)
words = st.sampled_from(["tcp", "UDP", "http", "SF", " icmp ", "", '"tcp"', "a b", "ünï", "1"])


LABELS = (
    (" ",),
    (".",),
    ("normal..",),
    ("Normal",),
    ("zebra",),
    ("21",),
    ("2024-05-01",),
    ('"smurf"',),
    ("normal", "20"),
)
"""Columns after the features. The short way must leave them to the long way or read them in the same way."""


def columns(usual: bool) -> st.SearchStrategy[str]:
    """A row: a `usual` one has the values of sensors, so that it takes the short way; others have any values."""
    plain = st.sampled_from(["0", "1", "8", "0.00", "1.00", "0.37", "181", "5450"])
    of = [
        (st.sampled_from(["tcp", "http", "SF"]) if usual else words)
        if column in kdd99.CATEGORICAL
        else (plain if usual else st.one_of(plain, plain, plain, numbers))
        for column in kdd99.COLUMNS
    ]
    label = st.sampled_from([[], [], ["normal."], ["smurf"], [" mailbomb. "], *map(list, LABELS)])
    return st.tuples(st.tuples(*of), label).map(lambda pair: ",".join([*pair[0], *pair[1]]))


ADDRESSED = [*kdd99.COLUMNS, *kdd99.ADDRESSES]
"""The columns of the simulator's lines."""
HEADERS = (ADDRESSED, [*ADDRESSED, "label"])
addresses = st.sampled_from(["192.0.2.17", " 2001:db8::7 ", "", "nowhere", "'192.0.2.1'", "fe80::1%eth0"])
ports = st.sampled_from(["0", "80", " 4431 ", "", "http", "-1", "99999", "123456", "007", "1e3"])
addressed = st.tuples(
    columns(True).map(lambda line: ",".join(line.split(",")[: len(kdd99.COLUMNS)])),
    st.tuples(addresses, ports, addresses, ports).map(",".join),
    st.sampled_from(["", ",normal.", ",", ",zebra", ",21"]),
).map("{0[0]},{0[1]}{0[2]}".format)
lines = st.one_of(columns(True), columns(True), columns(False)).flatmap(
    lambda line: st.sampled_from([line, line, f"{line}\r\n", f" {line}", f'"{line}"', f"{line}\n{line}"])
)
scalars = st.one_of(st.none(), st.booleans(), st.integers(-5, 10**6), st.text(max_size=6), st.just("192.0.2.1"))
held = st.one_of(scalars, scalars, scalars, st.lists(st.text(max_size=3), max_size=2), st.just({}), st.just({"x": 1}))
times = st.sampled_from(
    [
        "2024-05-01T08:00:03.120Z",
        "2024-02-29T23:59:59.999Z",
        "2023-02-29T00:00:00.000Z",
        "2024-13-01T00:00:00.000Z",
        "2024-05-01T24:00:00.000Z",
        "2024-05-01T08:00:60.000Z",
        "2024-05-01T08:00:03Z",
        "x",
        1714550403120,
        None,
        ["2024"],
        "２024-05-01T08:00:03.120Z",
        "2024-04-31T08:00:03.120Z",
        "2024-05-01t08:00:03.120Z",
    ]
)
others = st.sampled_from(
    [
        "@version",
        "user",
        "host",
        "service",
        "duration",
        "_x",
        "a.b",
        "",
        "kdd99",
        "oversight",
        "rule",
        "error",
        "source_type",
    ]
)


@st.composite
def events(draw: st.DrawFn) -> dict[str, Any]:
    """Events of a shipper: known fields nested, and sometimes other fields, a date, or values in `event`."""
    document: dict[str, Any] = {"message": draw(lines)}
    for path in draw(
        st.lists(st.sampled_from([*SHIPPED, *SHIPPED_LISTS, "network.protocol"]), max_size=6, unique=True)
    ):
        level: Any = document
        *objects, leaf = path.split(".")
        for name in objects:
            level = level.setdefault(name, {})
        level[leaf] = draw(held)
    if draw(st.booleans()):
        document["@timestamp"] = draw(times)
    if draw(st.integers(0, 3)) == 0:
        document["event"] = draw(
            st.sampled_from(
                [{"original": document["message"]}, {"original": "x"}, {"created": "2024-05-01"}, {"kind": "x"}, 5]
            )
        )
    if draw(st.integers(0, 3)) == 0:
        document["data_stream"] = {
            "type": draw(st.sampled_from(["logs", "metrics"])),
            "dataset": "oversight.connection",
        }
    if draw(st.integers(0, 3)) == 0:
        document[draw(others)] = draw(held)
    if draw(st.integers(0, 3)) == 0:
        document |= {"message": draw(addressed), "csv": {"columns": draw(st.sampled_from(HEADERS))}}
    elif draw(st.integers(0, 7)) == 0:
        headers: tuple[Any, ...] = (
            [*kdd99.COLUMNS],
            [*reversed(kdd99.COLUMNS)],
            ["label", *kdd99.COLUMNS],
            ["x"],
            [],
            "x",
        )
        names = draw(st.sampled_from(headers))
        document |= draw(st.sampled_from([{"csv": {"columns": names}}, {"csv.columns": names}]))
    return document


@pytest.fixture(scope="module")
def es(opensearch_url: str) -> Iterator[Elasticsearch]:
    """A client for an engine with the pipelines of both ways, for two models."""
    with Elasticsearch(opensearch_url, request_timeout=WAIT_S) as client:
        made: list[str] = []
        for contract in (KDD99, FLOW):
            for base in (SHORT, LONG):
                namespace = f"{base}{contract.name}"
                known = parameters(contract, namespace, data_streams=True)
                if base == LONG:
                    known["plain_row"] |= {"names": []}
                for name, body in pipelines(known).items():
                    client.ingest.put_pipeline(id=name, body=body)
                    made.append(name)
        yield client
        for name in reversed(made):
            client.ingest.delete_pipeline(id=name)


@pytest.mark.opensearch
@settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
@given(batch=st.lists(events(), min_size=10, max_size=30))
@pytest.mark.parametrize("model", ["kdd99", "kdd99-flow"])
def test_both_ways_give_the_same_document(es: Elasticsearch, model: str, batch: list[dict[str, Any]]) -> None:
    """The short way only exists for speed."""
    ways = {base: simulate(es, f"{base}{model}", batch) for base in (SHORT, LONG)}
    for event, short, long in zip(batch, ways[SHORT], ways[LONG], strict=True):
        assert comparable(short, f"{SHORT}{model}") == comparable(long, f"{LONG}{model}"), event


@pytest.fixture(scope="module")
def short_alone(opensearch_url: str) -> Iterator[str]:
    """A namespace whose pipeline `parse` only marks documents that reach it."""
    namespace = f"alone{RUN}"
    known = parameters(KDD99, namespace, data_streams=True)
    with Elasticsearch(opensearch_url, request_timeout=WAIT_S) as client:
        router, parse = pipeline_id("router", namespace), pipeline_id("parse", namespace)
        client.ingest.put_pipeline(id=parse, processors=[{"set": {"field": "way", "value": "long"}}])
        client.ingest.put_pipeline(id=router, processors=pipelines(known)[router]["processors"])
        yield namespace
        client.ingest.delete_pipeline(id=router)
        client.ingest.delete_pipeline(id=parse)


BESIDE: tuple[dict[str, Any], ...] = (
    {"csv": {"columns": [*kdd99.COLUMNS]}},
    {"csv.columns": [*kdd99.COLUMNS]},
    {"oversight": {"status": "enriched"}},
    {"oversight.status": "enriched"},
    {"oversight": []},
    {"kdd99": {"flag": "SF"}},
    {"rule": {"name": "x"}},
    {"error": {}},
    {"event": {"kind": "alert"}},
    {"event": []},
    {"threat": {}},
    {"data_stream": {"dataset": "other"}},
    {"@timestamp": 1714550403},
    {"@timestamp": "2024-05-01 08:00:00"},
    {"service": "http"},
    {"a": {"b": 1}},
    {"_id2": 1},
)
ENDS = "192.0.2.17,4431,172.16.10.45,80"
ENDS_OF_THE_LONG_WAY = (
    "192.0.2.17,x,172.16.10.45,80",
    "192.0.2.17,123456,172.16.10.45,80",
    "'192.0.2.17',1,172.16.10.45,80",
)
UNUSUAL: tuple[dict[str, Any], ...] = (
    *(
        {"message": f"{LINE},{label}"}
        for label in ("zebra", "21", "2024-05-01", "Normal", "normal..", '"smurf"', "normal,20")
    ),
    *(
        {"message": line}
        for line in (f'"{LINE}"', LINE.replace(",", ";"), LINE.replace("181", "1,81"), f"{LINE}\n{LINE}", "{}", "")
    ),
    *({"message": LINE.replace("181", value)} for value in ("-1", "1e3", "NaN", "0x1", "181s")),
    *({"message": LINE, **more} for more in BESIDE),
    *({"message": f"{LINE},{ends}", "csv": {"columns": ADDRESSED}} for ends in ENDS_OF_THE_LONG_WAY),
    {"message": f"{LINE},{ENDS}", "csv": {"columns": ADDRESSED, "delimiter": ","}},
    {"message": f"{LINE},{ENDS}", "csv": {"columns": [*reversed(ADDRESSED)]}},
    {"message": f"{LINE},{ENDS}", "csv": {"columns": HEADERS[1]}},
    {"message": f"{LINE},{ENDS},zebra", "csv": {"columns": HEADERS[1]}},
    {"message": f"{LINE},{ENDS}", "csv": {"columns": ADDRESSED}, "source": {"ip": "192.0.2.9"}},
    {"message": f"{LINE},{ENDS}"},
)


@pytest.mark.opensearch
def test_lines_of_the_simulator_take_the_short_way(opensearch_url: str, short_alone: str) -> None:
    """With addresses they name their columns; a demo of such lines would last ten times as long on the long way."""
    with Elasticsearch(opensearch_url, request_timeout=WAIT_S) as client:
        tcp, icmp = simulate(
            client,
            short_alone,
            [
                {"message": f"{LINE},{ENDS}", "csv": {"columns": ADDRESSED}},
                {"message": f"{LINE},192.0.2.17,,172.16.10.45,,smurf.", "csv": {"columns": HEADERS[1]}},
            ],
        )
    assert tcp is not None
    assert icmp is not None
    assert not {"way"} & {*tcp, *icmp}
    assert (tcp["source"]["ip"], tcp["source"]["port"]) == ("192.0.2.17", 4431)
    assert (tcp["destination"]["ip"], tcp["destination"]["port"]) == ("172.16.10.45", 80)
    assert ("port" in icmp["source"], "port" in icmp["destination"]) == (False, False)
    assert icmp["oversight"]["truth"] == {"label": "smurf"}


@pytest.mark.opensearch
def test_unusual_events_take_the_long_way(opensearch_url: str, short_alone: str) -> None:
    """Only the long way has the rules for labels, columns and our own fields."""
    with Elasticsearch(opensearch_url, request_timeout=WAIT_S) as client:
        plain, labelled, *unusual = simulate(
            client, short_alone, [{"message": LINE}, {"message": f"{LINE},mailbomb."}, *UNUSUAL]
        )
    assert plain is not None
    assert "way" not in plain
    assert labelled is not None
    assert labelled["oversight"] == {"status": "pending", "truth": {"label": "mailbomb"}}
    taken = [event for event, stored in zip(UNUSUAL, unusual, strict=True) if stored is None or "way" not in stored]
    assert taken == []
