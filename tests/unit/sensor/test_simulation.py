"""The properties of simulated records."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from itertools import islice, pairwise
from typing import Any

import pytest

from contract.errors import InputError
from contract.kdd99.columns import CATEGORICAL, COLUMNS, LABELS
from sensor.scenarios import ATTACKS
from sensor.scenarios.normal import ACTIVITIES
from sensor.simulation import DEFAULT_EVENTS, DEFAULT_USERS, Record, simulate, sizes

START = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)


def play(**arguments: Any) -> list[Record]:
    return list(simulate(**{"seed": 7, "start": START, "events": 400, "warm_up": 100, **arguments}))


@pytest.fixture(scope="module")
def a_day() -> list[Record]:
    """The round that `oversight simulate` plays by default."""
    return list(simulate(seed=7, start=START))


def test_the_default_round_has_every_scenario_and_just_as_many_records_as_asked(a_day: list[Record]) -> None:
    """Every attack and every activity occurs; attacks are about three fifths, and no flood is more than a fifth."""
    found = Counter(record.scenario for record in a_day)
    assert len(a_day) == DEFAULT_EVENTS
    assert set(found) == {*(attack.name for attack in ATTACKS), *ACTIVITIES}
    attacks = sum(record.label != "normal" for record in a_day)
    assert 0.5 < attacks / len(a_day) < 0.65
    assert max(found[attack.name] for attack in ATTACKS) <= 0.2 * len(a_day)


def test_attacks_cover_all_four_families_under_names_that_the_model_can_know() -> None:
    """Each attack carries one of the labels of the training set."""
    family_of = {label.name: label.family for label in LABELS}
    assert {family_of[attack.label] for attack in ATTACKS} == {"dos", "probe", "r2l", "u2r"}


def test_each_attack_gets_its_share_whatever_the_size_of_the_round() -> None:
    """A small round has fewer connections of each scenario, but all scenarios."""
    found = Counter(record.scenario for record in play(events=200))
    assert {name: found[name] for name in sizes(200)} == sizes(200)
    assert sum(found.values()) == 200


def test_the_same_seed_gives_the_same_records_and_another_seed_others() -> None:
    """So demos and tests are repeatable."""
    assert play(seed=3) == play(seed=3)
    assert [record.csv_line() for record in play(seed=3)] != [record.csv_line() for record in play(seed=4)]


def test_records_come_in_order_of_time_from_the_start_on(a_day: list[Record]) -> None:
    """All users share one clock; the warm-up is before the start."""
    times = [record.ended_at for record in a_day]
    assert all(earlier <= later for earlier, later in pairwise(times))
    assert START <= times[0] < START + timedelta(minutes=2)
    assert times[-1] < START + timedelta(hours=2)


def test_every_user_works_and_is_attacked(a_day: list[Record]) -> None:
    """Each file has normal traffic and attacks in it."""
    by_user = {user: {record.label for record in a_day if record.user == user} for user in DEFAULT_USERS}
    assert {record.user for record in a_day} == set(DEFAULT_USERS)
    assert all("normal" in labels and len(labels) > 3 for labels in by_user.values())


def test_lines_parse_back_to_the_same_columns(a_day: list[Record]) -> None:
    """41 fields: words as they are, counts without a point, rates with two decimals."""
    for record in a_day:
        texts = record.csv_line().split(",")
        assert len(texts) == len(COLUMNS) == len(record.columns)
        for name, text, value in zip(COLUMNS, texts, record.columns, strict=True):
            if name in CATEGORICAL:
                assert text == value
            elif name.endswith("_rate"):
                assert (float(text), len(text)) == (value, 4)
            else:
                assert text.isdigit()
                assert int(text) == value


def test_lines_say_who_talked_to_whom_on_request(a_day: list[Record]) -> None:
    """Behind KDD's columns and before the label; an ICMP message has no ports."""
    for record in a_day:
        assert record.csv_line(addresses=True) == ",".join([record.csv_line(), *record.addresses])
        source, source_port, destination, destination_port = record.addresses
        assert ip_address(source) != ip_address(destination) or record.scenario == "land"
        if record.columns[1] == "icmp":
            assert (source_port, destination_port) == ("", "")
        else:
            assert 0 < int(source_port) < 65536
            assert 0 < int(destination_port) < 65536
    labelled = a_day[0].csv_line(addresses=True, label=True)
    assert labelled == f"{a_day[0].csv_line(addresses=True)},{a_day[0].label}."


def test_attacks_come_from_outside_and_hit_the_segment_of_their_user(a_day: list[Record]) -> None:
    """The first thing that an alert has to say: which machine."""
    for record in a_day:
        if record.scenario in ("ipsweep", "portsweep", "nmap", "satan", "neptune"):
            assert record.addresses[0].startswith("192.0.2.")
            assert record.addresses[2].startswith(f"172.16.{10 + DEFAULT_USERS.index(record.user)}.")


def test_the_label_is_appended_only_on_request(a_day: list[Record]) -> None:
    """The raw line has no label; with the option it ends as in KDD's labelled files."""
    record = a_day[-1]
    assert record.csv_line(label=True) == f"{record.csv_line()},{record.label}."


def test_warm_up_fills_the_host_window_and_writes_nothing() -> None:
    """Without it the windows of the first record are empty; with it the sensor already knows the hosts."""
    cold, warm = (next(simulate(seed=7, start=START, warm_up=number)) for number in (0, 2000))
    position = COLUMNS.index("dst_host_count")
    assert (cold.columns[position], warm.ended_at >= START) == (1, True)
    assert int(warm.columns[position]) > 1


def test_a_loop_plays_the_attacks_again_on_other_segments() -> None:
    """Rounds continue without end, and so do the clock and the windows."""
    records = list(islice(simulate(seed=7, start=START, events=200, warm_up=0, loop=True), 1000))
    assert all(earlier.ended_at <= later.ended_at for earlier, later in pairwise(records))
    hit = {record.user for record in records if record.scenario == "smurf"}
    assert len(hit) >= 3
    assert sum(record.scenario == "smurf" for record in records) >= 3 * sizes(200)["smurf"]


def test_the_windows_mix_all_users() -> None:
    """One sensor sees the whole network: the resolver's history holds the questions of every user."""
    work = [record for record in play(events=2000, warm_up=0) if record.columns[2] == "domain_u"]
    position = COLUMNS.index("dst_host_count")
    most = {
        user: max(int(record.columns[position]) for record in work if record.user == user) for user in DEFAULT_USERS
    }
    mine = Counter(record.user for record in work)
    assert max(most.values()) > max(mine.values())


def nmap_of(events: int) -> list[Record]:
    return [record for record in play(events=events, warm_up=0) if record.scenario == "nmap"]


@pytest.mark.parametrize("events", [1000, 8000])
def test_nmap_plays_its_parts_in_the_shares_of_kdd(events: int) -> None:
    """Pings 44 %, FIN probes 45 %, UDP 11 %: in a short round too, or a demo shows pings alone."""
    found = Counter(str(record.columns[1]) for record in nmap_of(events))
    share = {protocol: count / found.total() for protocol, count in found.items()}
    assert 0.4 < share["icmp"] < 0.6
    assert 0.4 < share["tcp"] < 0.5
    assert events < 8000 or 0.08 < share["udp"] < 0.14


def test_nmap_pings_look_back_on_hosts_that_were_pinged_four_times() -> None:
    """As in KDD: one host for each four pings, and no other connection to the same host within two seconds."""
    pings = [dict(zip(COLUMNS, record.columns, strict=True)) for record in nmap_of(8000) if record.columns[1] == "icmp"]
    assert {ping["count"] for ping in pings} == {1}
    assert all(0.25 <= float(ping["dst_host_srv_diff_host_rate"]) <= 0.32 for ping in pings[64:])
    assert {ping["dst_host_count"] for ping in pings[64:]} == {1, 2, 3, 4}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"events": 199}, "199 events .* expected 200 or more"),
        ({"start": START.replace(tzinfo=None)}, "has no time zone"),
        ({"users": ()}, "0 users"),
        ({"users": ("a", "a")}, "2 users, 1 of them different"),
        ({"users": ("../etc",)}, "cannot be used as a file name"),
    ],
)
def test_wrong_arguments_are_refused_before_the_first_record(arguments: dict[str, Any], message: str) -> None:
    """The message contains what was found and what is expected."""
    with pytest.raises(InputError, match=message):
        simulate(**{"seed": 1, "start": START, **arguments})
