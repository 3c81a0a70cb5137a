"""A handful of connection records written by hand, and what the shipped artifact answers to them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from contract.kdd99.columns import CATEGORICAL, NUMERIC
from training.data.records import Records


@dataclass(frozen=True)
class Answer:
    """The expected result for one row."""

    label: str
    probability: float
    novelty: float


WEB = {
    "protocol_type": "tcp",
    "service": "http",
    "flag": "SF",
    "src_bytes": 230,
    "dst_bytes": 5200,
    "logged_in": 1,
    "count": 6,
    "srv_count": 6,
    "same_srv_rate": 1,
    "dst_host_count": 30,
    "dst_host_srv_count": 255,
    "dst_host_same_srv_rate": 1,
    "dst_host_same_src_port_rate": 0.03,
    "dst_host_srv_diff_host_rate": 0.04,
}
FLOOD = {
    "protocol_type": "tcp",
    "service": "private",
    "flag": "S0",
    "count": 220,
    "srv_count": 12,
    "serror_rate": 1,
    "srv_serror_rate": 1,
    "same_srv_rate": 0.05,
    "diff_srv_rate": 0.06,
    "dst_host_count": 255,
    "dst_host_srv_count": 12,
    "dst_host_same_srv_rate": 0.05,
    "dst_host_diff_srv_rate": 0.07,
    "dst_host_serror_rate": 1,
    "dst_host_srv_serror_rate": 1,
}
PING = {
    "protocol_type": "icmp",
    "service": "ecr_i",
    "flag": "SF",
    "src_bytes": 1032,
    "count": 511,
    "srv_count": 511,
    "same_srv_rate": 1,
    "dst_host_count": 255,
    "dst_host_srv_count": 255,
    "dst_host_same_srv_rate": 1,
    "dst_host_same_src_port_rate": 1,
}
ROWS: tuple[dict[str, object], ...] = (
    WEB,
    FLOOD,
    PING,
    {**WEB, "service": "quic"},
    {**WEB, "src_bytes": 54_540, "dst_bytes": 8314, "hot": 2, "num_compromised": 1},
    {
        **WEB,
        "service": "telnet",
        "flag": "RSTO",
        "src_bytes": 126,
        "dst_bytes": 179,
        "hot": 1,
        "num_failed_logins": 5,
        "logged_in": 0,
        "count": 1,
        "srv_count": 1,
    },
    {**WEB, "duration": 40_000, "num_root": 800, "su_attempted": 2, "urgent": 3},
    {"protocol_type": "sctp", "service": "", "flag": "?"},
)
ANSWERS: tuple[Answer, ...] = (
    Answer("normal", 1.0000, 0.0798),
    Answer("neptune", 1.0000, 0.0035),
    Answer("smurf", 1.0000, 0.2619),
    Answer("normal", 0.4500, 0.9996),
    Answer("back", 0.9990, 0.2147),
    Answer("normal", 0.4500, 0.9618),
    Answer("normal", 0.4500, 0.9996),
    Answer("normal", 0.4500, 1.0000),
)


def records() -> Records:
    """The rows as records, each once."""
    numeric = np.array([[row.get(column, 0) for column in NUMERIC] for row in ROWS], np.float32)
    words = np.array([[row[column] for column in CATEGORICAL] for row in ROWS]).astype(np.str_)
    return Records(numeric, words, np.full(len(ROWS), "normal"), np.ones(len(ROWS), np.int64))
