"""KDD Cup 1999 as one place knows it: the 41 columns of a connection record, and the 23 labels of the training set.

Source: the task description and `kddcup.names` of the UCI KDD archive (CC BY 4.0). The ATT&CK ids are our own reading
of what each attack does; a label without a clear technique has none. Severities are Elastic Security's four steps.
"""

from __future__ import annotations

from contract.artifact import Label, Tactic, Technique

COLUMNS: tuple[str, ...] = (
    "duration", "protocol_type", "service", "flag", "src_bytes", "dst_bytes", "land", "wrong_fragment", "urgent",
    "hot", "num_failed_logins", "logged_in", "num_compromised", "root_shell", "su_attempted", "num_root",
    "num_file_creations", "num_shells", "num_access_files", "num_outbound_cmds", "is_host_login", "is_guest_login",
    "count", "srv_count", "serror_rate", "srv_serror_rate", "rerror_rate", "srv_rerror_rate", "same_srv_rate",
    "diff_srv_rate", "srv_diff_host_rate", "dst_host_count", "dst_host_srv_count", "dst_host_same_srv_rate",
    "dst_host_diff_srv_rate", "dst_host_same_src_port_rate", "dst_host_srv_diff_host_rate", "dst_host_serror_rate",
    "dst_host_srv_serror_rate", "dst_host_rerror_rate", "dst_host_srv_rerror_rate",
)  # fmt: skip
"""Order of the columns in every KDD file; a 42nd, where there is one, is the label (training files end it in `.`)."""

CATEGORICAL: tuple[str, ...] = ("protocol_type", "service", "flag")
"""The three columns that hold words; the 38 others hold numbers."""

NUMERIC: tuple[str, ...] = tuple(column for column in COLUMNS if column not in CATEGORICAL)

CONTENT: tuple[str, ...] = COLUMNS[9:22]
"""Columns 10 to 22, `hot` to `is_guest_login`: read from inside the connection, which few sensors do."""

FLOW: tuple[str, ...] = tuple(column for column in COLUMNS if column not in CONTENT)
"""The 28 other columns, in their order: the connection's own numbers and the counts over recent ones."""

ROOT = "kdd99"
"""The columns stand in a document under this root, by their own names."""

UNKNOWN_LABEL = "unknown"
"""The verdict where the closest label is the harmless one and the novelty is above the threshold."""

NORMAL = "normal"
FAMILIES: tuple[str, ...] = ("normal", "probe", "dos", "u2r", "r2l")
"""In the order of the rows and columns of the official cost matrix."""

SEVERITY = {"normal": 0, "probe": 47, "dos": 73, "u2r": 99, "r2l": 73}
"""Elastic Security's steps: 21 low, 47 medium, 73 high, 99 critical."""

_ATTACK = "https://attack.mitre.org"
_TACTICS = {
    "TA0001": "Initial Access",
    "TA0004": "Privilege Escalation",
    "TA0005": "Defense Evasion",
    "TA0006": "Credential Access",
    "TA0007": "Discovery",
    "TA0040": "Impact",
    "TA0043": "Reconnaissance",
}
_TECHNIQUES = {
    "T1014": ("TA0005", "Rootkit", None),
    "T1046": ("TA0007", "Network Service Discovery", None),
    "T1068": ("TA0004", "Exploitation for Privilege Escalation", None),
    "T1110.001": ("TA0006", "Brute Force", "Password Guessing"),
    "T1190": ("TA0001", "Exploit Public-Facing Application", None),
    "T1498.002": ("TA0040", "Network Denial of Service", "Reflection Amplification"),
    "T1499.001": ("TA0040", "Endpoint Denial of Service", "OS Exhaustion Flood"),
    "T1499.003": ("TA0040", "Endpoint Denial of Service", "Application Exhaustion Flood"),
    "T1499.004": ("TA0040", "Endpoint Denial of Service", "Application or System Exploitation"),
    "T1595.001": ("TA0043", "Active Scanning", "Scanning IP Blocks"),
    "T1595.002": ("TA0043", "Active Scanning", "Vulnerability Scanning"),
}
_ATTACKS: tuple[tuple[str, str, str | None], ...] = (
    ("back", "dos", "T1499.003"),
    ("buffer_overflow", "u2r", "T1068"),
    ("ftp_write", "r2l", None),
    ("guess_passwd", "r2l", "T1110.001"),
    ("imap", "r2l", "T1190"),
    ("ipsweep", "probe", "T1595.001"),
    ("land", "dos", "T1499.004"),
    ("loadmodule", "u2r", "T1068"),
    ("multihop", "r2l", None),
    ("neptune", "dos", "T1499.001"),
    ("nmap", "probe", "T1046"),
    ("perl", "u2r", "T1068"),
    ("phf", "r2l", "T1190"),
    ("pod", "dos", "T1499.004"),
    ("portsweep", "probe", "T1046"),
    ("rootkit", "u2r", "T1014"),
    ("satan", "probe", "T1595.002"),
    ("smurf", "dos", "T1498.002"),
    ("spy", "r2l", None),
    ("teardrop", "dos", "T1499.004"),
    ("warezclient", "r2l", None),
    ("warezmaster", "r2l", None),
)


def _technique(technique_id: str | None) -> Technique | None:
    if technique_id is None:
        return None
    tactic_id, name, sub_name = _TECHNIQUES[technique_id]
    base = technique_id.split(".")[0]
    page = f"{_ATTACK}/techniques/{base}/"
    return Technique(
        id=base,
        name=name,
        reference=page,
        tactic=Tactic(id=tactic_id, name=_TACTICS[tactic_id], reference=f"{_ATTACK}/tactics/{tactic_id}/"),
        sub_id=technique_id if sub_name else None,
        sub_name=sub_name,
        sub_reference=f"{page}{technique_id.split('.')[1]}/" if sub_name else None,
    )


LABELS: tuple[Label, ...] = tuple(
    sorted(
        (
            Label(name=NORMAL, family="normal", severity=0),
            *(
                Label(name=name, family=family, severity=SEVERITY[family], technique=_technique(technique_id))
                for name, family, technique_id in _ATTACKS
            ),
        ),
        key=lambda label: label.name,
    )
)
"""The 23 labels of the training set, in alphabetical order: `normal` and 22 attacks."""

TEST_ONLY_FAMILIES: dict[str, str] = {
    "apache2": "dos", "mailbomb": "dos", "processtable": "dos", "udpstorm": "dos",
    "mscan": "probe", "saint": "probe",
    "httptunnel": "u2r", "ps": "u2r", "sqlattack": "u2r", "xterm": "u2r",
    "named": "r2l", "sendmail": "r2l", "snmpgetattack": "r2l", "snmpguess": "r2l", "worm": "r2l", "xlock": "r2l",
    "xsnoop": "r2l",
}  # fmt: skip
"""Family of each of the 17 labels that occur in the labelled test set only."""


def field_of(column: str) -> str:
    """Document field of a column, `kdd99.src_bytes` of `src_bytes`."""
    return f"{ROOT}.{column}"
