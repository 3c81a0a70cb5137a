"""Zeek's own logs of its test captures, as TSV, as JSON, and split by rotation."""

from __future__ import annotations

import threading
from collections import Counter
from pathlib import Path

import pytest
from msgspec.structs import replace

from contract.kdd99.columns import COLUMNS
from oversight.commands.sense_files import LogFiles
from sensor.flow import Flow
from sensor.kdd_record import LOGS_LACK, record_of
from tests.zeek_logs import as_json, captures, timed_lines

pytestmark = pytest.mark.data


@pytest.fixture(scope="module")
def folder(shared_data: Path) -> Path:
    return shared_data / "zeek"


def read(*paths: Path) -> tuple[list[Flow], Counter[str]]:
    files = LogFiles(paths, "zeek")
    flows = [replace(flow, original="") for flows in files.arriving(threading.Event()) for flow in flows]
    return flows, files.skipped


def write(path: Path, lines: list[str]) -> Path:
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


def test_all_of_zeeks_lines_give_a_flow_or_are_of_another_protocol(folder: Path, tmp_path: Path) -> None:
    """185 connections: 35 of Cisco's FabricPath and OSPF are neither TCP, UDP nor ICMP."""
    lines = [line for capture in captures(folder) for line in timed_lines(capture)]
    flows, skipped = read(write(tmp_path / "conn.log", lines))
    assert len(flows) == 150
    assert skipped == {"the protocol is 'unknown_transport', and KDD's are tcp, udp and icmp": 35}


def test_tsv_json_and_rotated_logs_give_the_same_flows(folder: Path, tmp_path: Path) -> None:
    for capture in captures(folder):
        lines = list(timed_lines(capture))
        whole = read(write(tmp_path / "conn.log", lines))
        assert read(write(tmp_path / "json.log", as_json(tuple(lines)))) == whole
        header = [line for line in lines if line.startswith("#")][:-1]
        body = [line for line in lines if not line.startswith("#")]
        body.sort(key=lambda line: float(line.split("\t")[0]))
        half = len(body) // 2
        parts = [
            write(tmp_path / f"conn.{number}.log", header + part)
            for number, part in enumerate((body[half:], body[:half]))
        ]
        flows, skipped = read(*parts)
        assert (sorted(flows, key=_key), skipped) == (sorted(whole[0], key=_key), whole[1])


def test_every_record_says_what_it_lacks(folder: Path, tmp_path: Path) -> None:
    """The states are all known, so nothing else is unavailable."""
    for capture in captures(folder):
        flows, _ = read(write(tmp_path / "conn.log", list(timed_lines(capture))))
        for flow in flows:
            record = record_of(flow)
            assert record.unavailable == LOGS_LACK
            assert set(record.approximate) <= set(COLUMNS) - set(LOGS_LACK)
            assert record.connection.src_bytes >= 0


def _key(flow: Flow) -> tuple[float, str]:
    return flow.started_s, flow.uid
