"""The attacks of KDD Cup 99 in one reviewed table: what each does, how severe it is, and its ATT&CK technique.

The descriptions come from those who made the traffic: Lincoln Laboratory's list of the attacks in the 1998 training
data, and the thesis of K. Kendall, who developed most of them. The families are those of `training_attack_types` in the
UCI KDD archive. We chose each technique from ATT&CK's pages (Enterprise, version 19); the table has the reasons. An
attack that no page clearly describes has no technique, because a wrong technique sends an analyst the wrong way. The
severities are Elastic Security's four levels, by family.

`docs/attacks.md` is generated from this table.
"""

from __future__ import annotations

from dataclasses import dataclass

from contract.artifact.contract import Label, Tactic, Technique

SEVERITY = {"normal": 0, "probe": 47, "dos": 73, "u2r": 99, "r2l": 73}
"""Elastic Security's levels: 21 low, 47 medium, 73 high, 99 critical."""

LINCOLN = "https://archive.ll.mit.edu/ideval/docs/attacks.html"
"""Lincoln Laboratory, 1998 Training Data Attack Schedule: every attack of the training data, with a description."""
KENDALL = "https://hdl.handle.net/1721.1/9459"
"""K. Kendall, A Database of Computer Attacks for the Evaluation of Intrusion Detection Systems, MIT 1999."""

ATTACK_PAGES = "https://attack.mitre.org"
TACTICS = {
    "TA0001": "Initial Access",
    "TA0004": "Privilege Escalation",
    "TA0005": "Stealth",
    "TA0006": "Credential Access",
    "TA0007": "Discovery",
    "TA0040": "Impact",
    "TA0043": "Reconnaissance",
}
"""ATT&CK's names. Up to version 18 TA0005 was called Defense Evasion; its id and page are the same."""
TECHNIQUES = {
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
"""Technique or sub-technique: its tactic, the technique's name, the sub-technique's name."""


@dataclass(frozen=True, slots=True)
class Attack:
    """One row of the table."""

    label: str
    family: str
    does: str
    """What it does, in one sentence."""
    source: str
    """Where that is described."""
    technique_id: str | None
    why: str
    """Why it is this technique, or why it has none."""


ATTACKS: tuple[Attack, ...] = (
    Attack(
        "back",
        "dos",
        "Sends a web server requests whose URL holds thousands of slashes; it slows down while it works through them.",
        KENDALL,
        "T1499.003",
        "Requests that are costly to answer exhaust the application. It slows down and does not crash, so it "
        "is not .004.",
    ),
    Attack(
        "buffer_overflow",
        "u2r",
        "A local user overflows a buffer of a set-user-id program (eject, fdformat, ffbconfig) and becomes root.",
        KENDALL,
        "T1068",
        "A programming error of a privileged program gives higher privileges: the technique's definition.",
    ),
    Attack(
        "ftp_write",
        "r2l",
        "Writes a `.rhosts` file into an anonymous FTP directory that belongs to the server's account, and "
        "logs in with it.",
        KENDALL,
        "T1190",
        "First access through a misconfigured service that is open to the network; the page counts "
        "misconfigurations in.",
    ),
    Attack(
        "guess_passwd",
        "r2l",
        "Tries one password after another at a login service, or the guest account with the usual ones.",
        KENDALL,
        "T1110.001",
        "Guesses at the service itself, without knowing hashes or leaked pairs of name and password.",
    ),
    Attack(
        "imap",
        "r2l",
        "Overflows a buffer in the login of an IMAP mail server and gets a root shell, without an account.",
        KENDALL,
        "T1190",
        "A mail server is an application with an open socket. From inside the network it would be T1210.",
    ),
    Attack(
        "ipsweep",
        "probe",
        "Pings one address after another to see which machines answer.",
        KENDALL,
        "T1595.001",
        "The page names pings over a block of addresses. From inside the network it would be T1018; a record "
        "cannot tell.",
    ),
    Attack(
        "land",
        "dos",
        "Sends a TCP SYN packet whose source is the target's own address and port; old systems lock up.",
        KENDALL,
        "T1499.004",
        "One malformed packet uses an error of the system to stop it.",
    ),
    Attack(
        "loadmodule",
        "u2r",
        "Makes `loadmodule` of SunOS, which trusts its environment, run a program of the attacker's as root.",
        KENDALL,
        "T1068",
        "An error of a set-user-id program gives higher privileges.",
    ),
    Attack(
        "multihop",
        "r2l",
        "A scenario of several days: break into one machine, and from there into others.",
        LINCOLN,
        None,
        "Many techniques over days, and one connection shows no certain one. T1090.003, Multi-hop Proxy, "
        "only sounds alike.",
    ),
    Attack(
        "neptune",
        "dos",
        "Floods a host with SYN packets and never completes a handshake, until it takes no new connection.",
        KENDALL,
        "T1499.001",
        "SYN floods are the page's own example.",
    ),
    Attack(
        "nmap",
        "probe",
        "Scans hosts and ports with the tool nmap, in several of its modes.",
        KENDALL,
        "T1046",
        "The page names port scans. From outside T1595 would be as right; a record cannot tell.",
    ),
    Attack(
        "perl",
        "u2r",
        "Uses an error of `suidperl`, which does not give up root's rights, to become root.",
        KENDALL,
        "T1068",
        "An error of a set-user-id program gives higher privileges.",
    ),
    Attack(
        "phf",
        "r2l",
        "Makes `phf`, a CGI script that came with web servers, run commands.",
        KENDALL,
        "T1190",
        "An error of a web application that anyone can reach, which is the page's commonest case.",
    ),
    Attack(
        "pod",
        "dos",
        "Ping of death: an ICMP packet above the largest size, in fragments; old systems crash when they join them.",
        KENDALL,
        "T1499.004",
        "One malformed packet uses an error of the system to crash it.",
    ),
    Attack(
        "portsweep",
        "probe",
        "Tries one port after another to see which services a host offers.",
        LINCOLN,
        "T1046",
        "The page names port scans. From outside T1595 would be as right; a record cannot tell.",
    ),
    Attack(
        "rootkit",
        "u2r",
        "A scenario of several days in which an intruder installs programs that hide what he does.",
        LINCOLN,
        "T1014",
        "The same thing under the same name.",
    ),
    Attack(
        "satan",
        "probe",
        "Looks through a network for well-known weaknesses with the scanner SATAN.",
        KENDALL,
        "T1595.002",
        "A scan for weaknesses and not only for what is there.",
    ),
    Attack(
        "smurf",
        "dos",
        "Pings the broadcast address of networks in the victim's name; all their hosts answer to the victim.",
        KENDALL,
        "T1498.002",
        "Forged source, third parties that reflect, many answers to one request: everything that the page describes.",
    ),
    Attack(
        "spy",
        "r2l",
        "A scenario of several days: break in, look for secrets, take care not to be seen.",
        LINCOLN,
        None,
        "Many techniques over days, and one connection shows no certain one.",
    ),
    Attack(
        "teardrop",
        "dos",
        "Sends IP fragments that overlap; old systems crash when they join them.",
        KENDALL,
        "T1499.004",
        "Malformed packets use an error of the system to crash it.",
    ),
    Attack(
        "warezclient",
        "r2l",
        "Downloads pirated software that someone put on an FTP server.",
        LINCOLN,
        None,
        "Misuse of a server by people who break nothing and take nobody's data; no page describes that.",
    ),
    Attack(
        "warezmaster",
        "r2l",
        "Puts pirated software on an FTP server whose anonymous account may write.",
        LINCOLN,
        None,
        "The server's disk is misused, nobody gets into the network. T1496 and T1608 come near, and neither is it.",
    ),
)


MEANINGS = {(attack.family, attack.label): attack.does for attack in ATTACKS}


def meaning_of(family: str, label: str) -> str | None:
    """What a label means, in one sentence; None for a label of another model.

    Args:
        family: the label's family.
        label: the label.
    """
    return MEANINGS.get((family, label))


def technique(technique_id: str) -> Technique:
    """A technique in the contract's form. A sub-technique includes its technique.

    Args:
        technique_id: a key of `TECHNIQUES`.
    """
    tactic_id, name, sub_name = TECHNIQUES[technique_id]
    base, _, place = technique_id.partition(".")
    page = f"{ATTACK_PAGES}/techniques/{base}/"
    return Technique(
        id=base,
        name=name,
        reference=page,
        tactic=Tactic(id=tactic_id, name=TACTICS[tactic_id], reference=f"{ATTACK_PAGES}/tactics/{tactic_id}/"),
        sub_id=technique_id if sub_name else None,
        sub_name=sub_name,
        sub_reference=f"{page}{place}/" if sub_name else None,
    )


def label_of(attack: Attack) -> Label:
    """The label of an attack, in the contract's form."""
    mapped = None if attack.technique_id is None else technique(attack.technique_id)
    return Label(name=attack.label, family=attack.family, severity=SEVERITY[attack.family], technique=mapped)
