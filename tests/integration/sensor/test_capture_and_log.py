"""The same traffic as a capture and as the conn.log that Zeek writes of it: the same features, the same verdicts."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path

import orjson
import pytest

from common.settings.shared import DEFAULT_MODEL
from contract.kdd99.columns import COLUMNS, ROOT
from enrich_service.model.artifact import Artifact, load
from enrich_service.predict.features import FeatureReader
from enrich_service.predict.predict import Predictor
from oversight.commands.sense_files import LogFiles
from sensor.capture.counts import Counts
from sensor.capture.files import read
from sensor.capture.tracker import track
from sensor.capture.write import ACK, FIN, SYN, CaptureWriter, icmp, tcp, udp
from sensor.flow import Flow
from sensor.stream import Sensed, Stream

START_S = 1_700_000_000.0
NO_ADDRESS = "0.0.0.0"  # noqa: S104  nothing is bound
VICTIM, SERVER, RESOLVER, ROUTER = "172.16.0.9", "172.16.0.20", "172.16.0.53", "172.16.0.254"
PSH = 0x08
Timed = Iterator[tuple[float, bytes]]


def neptune() -> Timed:
    """SYNs from forged addresses to one host, a port after the other."""
    for number in range(400):
        source = f"10.{number // 250}.{number % 250}.7"
        yield number * 0.005, tcp(source, 1024 + number, VICTIM, 20 + number // 20, flags=SYN, sequence=number)


def smurf() -> Timed:
    """One answer each from the hosts of two networks, to a ping that the victim never sent."""
    for number in range(400):
        amplifier = f"192.168.{1 + number // 250}.{1 + number % 250}"
        yield number * 0.005, icmp(amplifier, VICTIM, kind=0, rest=number, data=bytes(1024))


def ordinary_hour() -> Timed:
    """Leases, names, pages and pings of ten clients."""
    for minute in range(60):
        for number in range(10):
            client, at_s, port = f"172.16.1.{number + 1}", minute * 60 + number * 5.0, 40_000 + minute * 10 + number
            if minute % 30 == 0:
                yield at_s, udp(NO_ADDRESS, 68, "255.255.255.255", 67, data=bytes(300))
            yield at_s + 0.125, udp(client, port, RESOLVER, 53, data=bytes(35))
            yield at_s + 0.25, udp(RESOLVER, 53, client, port, data=bytes(120))
            yield from page(at_s + 0.5, client, port)
        for second in range(3):
            yield (
                minute * 60 + 55.0 + second,
                icmp("172.16.1.1", ROUTER, kind=8, rest=minute << 16 | second, data=bytes(56)),
            )
            yield (
                minute * 60 + 55.125 + second,
                icmp(ROUTER, "172.16.1.1", kind=0, rest=minute << 16 | second, data=bytes(56)),
            )


def page(at_s: float, client: str, port: int) -> Timed:
    """A page of 2,000 bytes over HTTP, closed by both."""
    steps = (
        (0, SYN, 0),
        (1, SYN | ACK, 0),
        (0, ACK, 0),
        (0, PSH | ACK, 250),
        (1, PSH | ACK, 1000),
        (1, PSH | ACK, 1000),
        (0, FIN | ACK, 0),
        (1, FIN | ACK, 0),
        (0, ACK, 0),
    )
    following = [1000, 9000]
    for number, (side, flags, size) in enumerate(steps):
        ends = (client, port, SERVER, 80) if side == 0 else (SERVER, 80, client, port)
        acknowledged = following[1 - side] if flags & ACK else 0
        data = tcp(*ends, flags=flags, sequence=following[side], acknowledged=acknowledged, data=bytes(size))
        yield at_s + number / 64, data
        following[side] += size + bool(flags & (SYN | FIN))


TRAFFIC = {"neptune": neptune, "smurf": smurf, "ordinary hour": ordinary_hour}


def from_capture(folder: Path, packets: Timed) -> list[Flow]:
    path = folder / "traffic.pcap"
    with CaptureWriter(path) as writer:
        for at_s, data in sorted(packets, key=lambda timed: timed[0]):
            writer.write(START_S + at_s, data)
    counts = Counts()
    return list(chain.from_iterable(track(read([path], counts), counts)))


def from_log(folder: Path, flows: Iterable[Flow]) -> list[Flow]:
    path = folder / "conn.log"
    path.write_text("".join(f"{json.dumps(as_zeek_writes(flow))}\n" for flow in flows if not flow.message_of))
    files = LogFiles([path], "zeek")
    found = [flow for flows in files.arriving(threading.Event()) for flow in flows]
    assert not files.skipped
    return found


def as_zeek_writes(flow: Flow) -> dict[str, object]:
    """Without duration and bytes if all packets came at one moment; with the bytes of IP packets."""
    headers = 40 if flow.protocol == "tcp" else 28
    values = {
        "ts": round(flow.started_s, 6),
        "uid": flow.uid,
        "id.orig_h": flow.source,
        "id.orig_p": flow.source_port,
        "id.resp_h": flow.destination,
        "id.resp_p": flow.destination_port,
        "proto": flow.protocol,
        "duration": round(flow.duration_s or 0.0, 6) or None,
        "orig_bytes": flow.source_bytes if flow.duration_s else None,
        "resp_bytes": flow.destination_bytes if flow.duration_s else None,
        "conn_state": flow.state,
        "history": flow.history or None,
        "orig_pkts": flow.source_packets,
        "orig_ip_bytes": (flow.source_bytes or 0) + headers * (flow.source_packets or 0),
        "resp_pkts": flow.destination_packets,
        "resp_ip_bytes": (flow.destination_bytes or 0) + headers * (flow.destination_packets or 0),
    }
    return {name: value for name, value in values.items() if value is not None}


def sensed(flows: list[Flow]) -> dict[str, Sensed]:
    stream = Stream()
    return {each.flow.uid: each for each in (*stream.feed(flows), *stream.close())}


def known(each: Sensed, but: Iterable[str]) -> dict[str, object]:
    return {name: value for name, value in zip(COLUMNS, each.columns, strict=True) if name not in set(but)}


def verdicts(found: Iterable[Sensed], artifact: Artifact) -> list[str]:
    rows = FeatureReader(artifact.contract).read(
        [orjson.dumps({ROOT: known(each, each.unavailable)}) for each in found]
    )
    predictions = Predictor(artifact, warnings=False).predict(rows)
    assert not predictions.rows.errors
    return [artifact.contract.labels[index].name for index in predictions.closest]


@pytest.fixture(scope="module")
def flow_model() -> Artifact:
    return load(DEFAULT_MODEL.parents[1] / "kdd99-flow" / "model.onnx")


@pytest.mark.parametrize("name", TRAFFIC)
def test_capture_and_log_give_the_same_features_and_verdicts(name: str, tmp_path: Path, flow_model: Artifact) -> None:
    """But for what the log names as unavailable or approximate: an ICMP flow of several messages."""
    flows = from_capture(tmp_path, TRAFFIC[name]())
    captured, logged = sensed(flows), sensed(from_log(tmp_path, flows))
    assert captured.keys() == logged.keys()
    exact = [uid for uid, each in logged.items() if not each.approximate]
    for uid, each in logged.items():
        unsure = {*each.unavailable, *each.approximate}
        assert known(captured[uid], unsure) == known(each, unsure), uid
    ours = verdicts([captured[uid] for uid in exact], flow_model)
    assert ours == verdicts([logged[uid] for uid in exact], flow_model)
    usual = "normal" if name == "ordinary hour" else name
    assert Counter(ours)[usual] > 0.9 * len(exact)


def test_only_flows_of_several_messages_are_approximate(tmp_path: Path) -> None:
    flows = from_capture(tmp_path, ordinary_hour())
    logged = sensed(from_log(tmp_path, flows))
    approximate = [each.flow for each in logged.values() if each.approximate]
    assert {flow.protocol for flow in approximate} == {"icmp"}
    assert len(logged) > 1200 > 60 >= len(approximate) > 0
