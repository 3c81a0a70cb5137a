"""What the shipped models say of simulated attacks: the figures of docs/simulated-traffic.md."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from benchmarks.sensor.recognised_bench import FLOW_MODEL, Verdicts, model_of, of_captures, verdicts
from common.settings.shared import DEFAULT_MODEL
from sensor.simulation import simulate

START = datetime(2026, 3, 1, tzinfo=UTC)
SCANS_AND_FLOODS = ("back", "ipsweep", "land", "neptune", "nmap, tcp", "pod", "portsweep", "satan", "smurf")
IN_A_CAPTURE = {
    "ipsweep": 0.98,
    "land": 0.9,
    "neptune": 0.98,
    "nmap, tcp": 0.85,
    "portsweep": 0.7,
    "satan": 0.88,
    "smurf": 0.95,
}
"""The attacks that a flow shows, and the share that `kdd99-flow` recognises at least."""


def share(found: Verdicts, scenario: str, label: str) -> float:
    counts = next(counts for (name, _), counts in found.items() if name == scenario)
    return counts[label] / counts.total()


@pytest.fixture(scope="module")
def found() -> Verdicts:
    """The verdicts of the default model on the round that `oversight simulate` plays by default, for three seeds."""
    return verdicts(DEFAULT_MODEL, [list(simulate(seed=seed, start=START)) for seed in range(3)])


@pytest.fixture(scope="module")
def in_captures() -> Verdicts:
    """The verdicts of the model of flows on captures of the same rounds."""
    return of_captures(model_of(FLOW_MODEL), [list(simulate(seed=seed, start=START)) for seed in range(3)])


@pytest.mark.parametrize("scenario", SCANS_AND_FLOODS)
def test_scans_and_floods_are_recognised(found: Verdicts, scenario: str) -> None:
    assert share(found, scenario, scenario.split(",")[0]) >= 0.85


def test_the_first_pings_of_nmap_look_like_ipsweep_and_the_rest_is_recognised(found: Verdicts) -> None:
    """By then a sensor has seen one ping a host, as of ipsweep. No ping is taken for people's work."""
    assert share(found, "nmap, icmp", "nmap") >= 0.25
    assert share(found, "nmap, icmp", "nmap") + share(found, "nmap, icmp", "ipsweep") == 1.0
    assert share(found, "nmap, udp", "nmap") >= 0.9
    assert share(found, "ipsweep", "nmap") == 0.0


@pytest.mark.parametrize("scenario", IN_A_CAPTURE)
def test_attacks_that_a_flow_shows_are_recognised_in_a_capture(in_captures: Verdicts, scenario: str) -> None:
    assert share(in_captures, scenario, scenario.split(",")[0]) >= IN_A_CAPTURE[scenario]


def test_a_capture_has_a_flow_for_each_connection_but_those_of_the_same_ports(
    found: Verdicts, in_captures: Verdicts
) -> None:
    """TCP connections have ports of their own in the scenarios; most of people's work is harmless in both."""
    assert found.keys() == in_captures.keys()
    for (scenario, label), counts in found.items():
        assert 0 < in_captures[scenario, label].total() <= counts.total()
        if scenario in ("back", "neptune", "portsweep", "guess_passwd", "nmap, tcp"):
            assert in_captures[scenario, label].total() == counts.total()
    assert share(in_captures, "people's work", "normal") >= 0.88
