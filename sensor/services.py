"""KDD's name for a port. Ports without a name are `private` (below 1024) or `other`."""

from __future__ import annotations

TCP_SERVICES: dict[int, str] = {
    7: "echo",
    9: "discard",
    11: "systat",
    13: "daytime",
    15: "netstat",
    20: "ftp_data",
    21: "ftp",
    22: "ssh",
    23: "telnet",
    25: "smtp",
    37: "time",
    42: "name",
    43: "whois",
    53: "domain",
    57: "mtp",
    70: "gopher",
    71: "remote_job",
    77: "rje",
    79: "finger",
    80: "http",
    84: "ctf",
    87: "link",
    95: "supdup",
    101: "hostnames",
    102: "iso_tsap",
    105: "csnet_ns",
    109: "pop_2",
    110: "pop_3",
    111: "sunrpc",
    113: "auth",
    117: "uucp_path",
    119: "nntp",
    137: "netbios_ns",
    138: "netbios_dgm",
    139: "netbios_ssn",
    143: "imap4",
    150: "sql_net",
    175: "vmnet",
    179: "bgp",
    194: "IRC",
    210: "Z39_50",
    389: "ldap",
    433: "nnsp",
    443: "http_443",
    512: "exec",
    513: "login",
    514: "shell",
    515: "printer",
    520: "efs",
    530: "courier",
    540: "uucp",
    543: "klogin",
    544: "kshell",
    6000: "X11",
    6667: "IRC",
}
UDP_SERVICES: dict[int, str] = {53: "domain_u", 69: "tftp_u", 123: "ntp_u"}
PRIVILEGED_PORTS = 1024


def service_of(protocol_type: str, port: int) -> str:
    """The service of a destination port, such as `http` for TCP port 80. Not for ICMP, which has no ports."""
    names = TCP_SERVICES if protocol_type == "tcp" else UDP_SERVICES
    return names.get(port, "private" if port < PRIVILEGED_PORTS else "other")
