"""KDD Cup 1999: the 41 columns of a connection record, and the 23 labels of the training set.

Source: the task description and `kddcup.names` of the UCI KDD archive (CC BY 4.0). The attacks' descriptions,
severities and ATT&CK techniques are in `contract.kdd99.attacks`.
"""

from __future__ import annotations

from contract.artifact.contract import Label
from contract.kdd99.attacks import ATTACKS, label_of

COLUMNS: tuple[str, ...] = (
    "duration",
    "protocol_type",
    "service",
    "flag",
    "src_bytes",
    "dst_bytes",
    "land",
    "wrong_fragment",
    "urgent",
    "hot",
    "num_failed_logins",
    "logged_in",
    "num_compromised",
    "root_shell",
    "su_attempted",
    "num_root",
    "num_file_creations",
    "num_shells",
    "num_access_files",
    "num_outbound_cmds",
    "is_host_login",
    "is_guest_login",
    "count",
    "srv_count",
    "serror_rate",
    "srv_serror_rate",
    "rerror_rate",
    "srv_rerror_rate",
    "same_srv_rate",
    "diff_srv_rate",
    "srv_diff_host_rate",
    "dst_host_count",
    "dst_host_srv_count",
    "dst_host_same_srv_rate",
    "dst_host_diff_srv_rate",
    "dst_host_same_src_port_rate",
    "dst_host_srv_diff_host_rate",
    "dst_host_serror_rate",
    "dst_host_srv_serror_rate",
    "dst_host_rerror_rate",
    "dst_host_srv_rerror_rate",
)
"""Order of the columns in every KDD file. A 42nd column is the label, which ends in `.` in training files."""

CATEGORICAL: tuple[str, ...] = ("protocol_type", "service", "flag")
"""The three columns that hold words; the 38 others hold numbers."""

NUMERIC: tuple[str, ...] = tuple(column for column in COLUMNS if column not in CATEGORICAL)

CONTENT: tuple[str, ...] = COLUMNS[9:22]
"""Columns 10 to 22, `hot` to `is_guest_login`. They need the connection's content, which few sensors read."""

PACKET: tuple[str, ...] = ("wrong_fragment", "urgent")
"""Columns 8 and 9. They need the headers of single packets, which no flow log has."""

FLOW: tuple[str, ...] = tuple(column for column in COLUMNS if column not in (*PACKET, *CONTENT))
"""The 26 other columns, in their order: the connection's own numbers and the counts over recent ones."""

ADDRESSES = ("source.ip", "source.port", "destination.ip", "destination.port")
"""Further columns of the simulator's lines, named as the fields that they become: who talked to whom."""

ROOT = "kdd99"
"""A document holds the columns below this root, by their own names."""

UNKNOWN_LABEL = "unknown"
"""The verdict if the closest label is the harmless one and the novelty is above the threshold."""

NORMAL = "normal"
FAMILIES: tuple[str, ...] = ("normal", "probe", "dos", "u2r", "r2l")
"""In the order of the rows and columns of the official cost matrix."""

LABELS: tuple[Label, ...] = tuple(
    sorted((Label(NORMAL, "normal", 0), *map(label_of, ATTACKS)), key=lambda label: label.name)
)
"""The 23 labels of the training set, in alphabetical order: `normal` and 22 attacks."""

TRAINING_SHA256 = "7bfaa8cef1350f72842018c32893e2fa4539d57efbb22f998eb74ecefc3da3b4"
TRAINING_ROWS: dict[str, int] = {
    "back": 2203,
    "buffer_overflow": 30,
    "ftp_write": 8,
    "guess_passwd": 53,
    "imap": 12,
    "ipsweep": 1247,
    "land": 21,
    "loadmodule": 9,
    "multihop": 7,
    "neptune": 107201,
    "nmap": 231,
    "normal": 97278,
    "perl": 3,
    "phf": 4,
    "pod": 264,
    "portsweep": 1040,
    "rootkit": 10,
    "satan": 1589,
    "smurf": 280790,
    "spy": 2,
    "teardrop": 979,
    "warezclient": 1020,
    "warezmaster": 20,
}
"""Rows of each label in the training file with this SHA-256, the 10 % set (`kddcup.data_10_percent.gz`)."""

TEST_ONLY_FAMILIES: dict[str, str] = {
    "apache2": "dos",
    "mailbomb": "dos",
    "processtable": "dos",
    "udpstorm": "dos",
    "mscan": "probe",
    "saint": "probe",
    "httptunnel": "u2r",
    "ps": "u2r",
    "sqlattack": "u2r",
    "xterm": "u2r",
    "named": "r2l",
    "sendmail": "r2l",
    "snmpgetattack": "r2l",
    "snmpguess": "r2l",
    "worm": "r2l",
    "xlock": "r2l",
    "xsnoop": "r2l",
}
"""Family of each of the 17 labels that occur only in the labelled test set."""


def field_of(column: str) -> str:
    """Document field of a column: `kdd99.src_bytes` for `src_bytes`."""
    return f"{ROOT}.{column}"
