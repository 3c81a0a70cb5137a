"""Generates docs/privileges.md: each part's privileges and their use, from the table of roles and keys."""

from __future__ import annotations

from collections.abc import Callable

from es_pipelines.resources.all_kinds import KINDS
from es_pipelines.resources.kind import Need
from es_pipelines.security.roles import PARTS, Part, role_name

NAMESPACE = "NAMESPACE"


def privileges_page(note: str) -> str:
    """Return the page. `note` says where it comes from."""
    lines = ["# Roles and API keys", "", note, "", *INTRODUCTION]
    for part in PARTS.values():
        lines += _part(part)
    lines += ["", "## Who provisions", "", *PROVISIONER, "", "| privilege | on | request |", "|---|---|---|"]
    needs = [need for kind in KINDS.values() for need in kind.needs]
    lines += dict.fromkeys(map(_need, [Need("monitor", "GET _cluster/health"), *needs]))
    return "\n".join(lines) + "\n"


def _part(part: Part) -> list[str]:
    lines = ["", f"## {part.name}", "", f"{part.does}. Role and key: `{role_name(part.name, NAMESPACE)}`.", ""]
    lines += [f"Whoever has this key sees {part.sees}.", ""]
    lines += ["| privilege | on | for |", "|---|---|---|"]
    lines += [f"| `{name}` | the cluster | {does} |" for name, does in part.cluster.items()]
    for grant in part.grants:
        lines += [f"| `{name}` | `{_index(grant.index)}` | {does} |" for name, does in grant.privileges.items()]
    return lines + [f"| `{name}` | Kibana's default space | looking at dashboards |" for name in part.kibana]


def _index(name: Callable[[str], str]) -> str:
    return name(NAMESPACE)


def _need(need: Need) -> str:
    return f"| `{need.privilege}` | {'the stream' if need.index else 'the cluster'} | `{need.request}` |"


INTRODUCTION = (
    "`oversight provision` makes a role for each part where Elasticsearch has security, for people (the "
    "dashboards') and for whoever",
    "makes keys by hand. `oversight provision --keys FOLDER` makes an API key for each part as well:",
    "",
    "```",
    "oversight provision --keys keys                  # keys/PART/key.env, readable by its owner only; a "
    "file that is there is kept",
    "oversight provision --keys keys --key-expiry 90d # new keys are valid so long",
    "oversight provision --keys keys --rotate-keys    # new keys for all parts, and then the old ones end",
    "oversight provision --remove                     # roles and keys go with the rest",
    "```",
    "",
    "Give each machine the file of its part: as `ELASTICSEARCH_API_KEY_FILE`, or its line in `.env`. "
    "Filebeat and Logstash take a",
    "key decoded, as `id:secret`. A key is made by a user with a password (a key cannot make keys), and "
    "never can do more than that",
    "user; if it could do less than its part needs, it is ended at once and the message says which privilege "
    "the user lacks.",
    "A version that needs more gives it to the keys that are there, secrets unchanged: run the same command again.",
    "",
    "`oversight check` reads the key or user that the settings name, and prints what it may do beyond the "
    "part that it fits best.",
    "",
    "A shipper works without `read` and `indices:admin/refresh` as well: make such a key by hand (`POST "
    "_security/api_key`) from",
    "the other rows of its table. It sees no event then. It knows what it shipped from its registry and from "
    "Elasticsearch's",
    "refusal of an id that is there. An id is unique in one backing index only, so two cases may store a "
    "line twice: a request",
    "whose answer was lost and a rollover before the next try, and a lost registry (`OVERSIGHT_STATE`) after "
    "a rollover.",
    "`oversight ship` says so when it starts.",
    "",
    "No name below is a pattern, so several installations share a cluster. Privileges on a data stream hold "
    "for its backing indices.",
    "Nobody but the watcher changes events, and nobody deletes any or can make the stream.",
)
PROVISIONER = (
    "Whoever runs `oversight provision` needs these, and is told at once of one that is missing; without "
    "`manage_security` there are",
    "no roles and no keys, and the rest is provisioned. To make keys, also all that the keys shall be able to do.",
)
