"""Generated rows like KDD's: plausible values of a few labels that a small network can tell apart."""

from __future__ import annotations

import random
from pathlib import Path

from contract.kdd99.columns import COLUMNS

TYPICAL: dict[str, dict[str, object]] = {
    "normal": {"protocol_type": "tcp", "service": "http", "flag": "SF", "logged_in": 1, "same_srv_rate": "1.00"},
    "neptune": {
        "protocol_type": "tcp",
        "service": "private",
        "flag": "S0",
        "serror_rate": "1.00",
        "srv_serror_rate": "1.00",
    },
    "smurf": {"protocol_type": "icmp", "service": "ecr_i", "flag": "SF", "same_srv_rate": "1.00"},
    "back": {"protocol_type": "tcp", "service": "http", "flag": "RSTR", "hot": 2, "num_compromised": 1, "logged_in": 1},
    "guess_passwd": {"protocol_type": "tcp", "service": "telnet", "flag": "RSTO", "num_failed_logins": 5, "hot": 1},
}
SHARES = {"normal": 0.6, "neptune": 0.2, "smurf": 0.1, "back": 0.07, "guess_passwd": 0.03}
BYTES = {
    "normal": (100, 9_000),
    "neptune": (0, 0),
    "smurf": (520, 1_032),
    "back": (54_000, 55_000),
    "guess_passwd": (120, 130),
}


def line(label: str, rng: random.Random) -> str:
    """One line of a training file."""
    low, high = BYTES[label]
    values: dict[str, object] = {
        **dict.fromkeys(COLUMNS, 0),
        **{column: "0.00" for column in COLUMNS if column.endswith("_rate")},
        "duration": rng.choice((0, 0, 0, rng.randint(1, 60))),
        "src_bytes": rng.randint(low, high),
        "dst_bytes": rng.randint(200, 20_000) if label in ("normal", "back") else 0,
        "count": rng.randint(100, 511) if label in ("neptune", "smurf") else rng.randint(1, 20),
        "srv_count": rng.randint(1, 20),
        "dst_host_count": rng.randint(1, 255),
        "dst_host_srv_count": rng.randint(1, 255),
        **TYPICAL[label],
    }
    return ",".join([*(str(values[column]) for column in COLUMNS), f"{label}."])


def lines(n: int, seed: int = 0) -> list[str]:
    """`n` lines, labels in the shares of `SHARES`."""
    rng = random.Random(seed)
    return [line(label, rng) for label in rng.choices(list(SHARES), list(SHARES.values()), k=n)]


def write(path: Path, rows: list[str]) -> Path:
    """A file of lines."""
    path.write_text("\n".join(rows) + "\n", encoding="ascii")
    return path
