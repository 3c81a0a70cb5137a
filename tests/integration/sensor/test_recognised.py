"""What the shipped models say of simulated attacks: the figures of docs/simulated-traffic.md."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from benchmarks.sensor.recognised_bench import Verdicts, verdicts
from common.settings.shared import DEFAULT_MODEL
from sensor.simulation import simulate

SCANS_AND_FLOODS = ("back", "ipsweep", "land", "neptune", "nmap, tcp", "pod", "portsweep", "satan", "smurf")


def share(found: Verdicts, scenario: str, label: str) -> float:
    counts = next(counts for (name, _), counts in found.items() if name == scenario)
    return counts[label] / counts.total()


@pytest.fixture(scope="module")
def found() -> Verdicts:
    """The verdicts of the default model on the round that `oversight simulate` plays by default, for three seeds."""
    start = datetime(2026, 3, 1, tzinfo=UTC)
    return verdicts(DEFAULT_MODEL, [list(simulate(seed=seed, start=start)) for seed in range(3)])


@pytest.mark.parametrize("scenario", SCANS_AND_FLOODS)
def test_scans_and_floods_are_recognised(found: Verdicts, scenario: str) -> None:
    assert share(found, scenario, scenario.split(",")[0]) >= 0.85


def test_the_first_pings_of_nmap_look_like_ipsweep_and_the_rest_is_recognised(found: Verdicts) -> None:
    """By then a sensor has seen one ping a host, as of ipsweep. No ping is taken for people's work."""
    assert share(found, "nmap, icmp", "nmap") >= 0.25
    assert share(found, "nmap, icmp", "nmap") + share(found, "nmap, icmp", "ipsweep") == 1.0
    assert share(found, "nmap, udp", "nmap") >= 0.9
    assert share(found, "ipsweep", "nmap") == 0.0
