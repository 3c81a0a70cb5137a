"""A site's profile: what is usual in its own traffic, in place of what was usual in training (OVERSIGHT_PROFILE).

    oversight sense --report --profile FILE ──▶ FILE, JSON ──▶ over(contract) ──▶ sentences of reasons, drift

A feature has its usual values in the contract's own form. The model itself does not change: verdicts, warnings of
values that training never saw, and the harmless values of explanations stay (docs/decisions/0064-site-profile.md).
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from contract.artifact.contract import Feature, ModelContract
from contract.artifact.from_json import feature_of
from contract.artifact.json_reader import MAX_BYTES, JsonObject, parse, raise_problems
from contract.artifact.rules import usual_values_problems
from contract.artifact.to_json import feature_to_dict
from contract.errors import ArtifactError, shorten
from contract.files import open_regular

FORMAT = 1
SET_ANOTHER = (
    "set OVERSIGHT_PROFILE to a file that `oversight sense --report --profile FILE` wrote with this model, or unset it"
)

_OF_NUMBERS = ("minimum", "maximum", "usual_low", "usual_middle", "usual_high", "profile_edges", "profile_shares")
_OF_WORDS = ("usual_shares",)
_KEYS = ("format", "usual_of", "model", "rows", "since", "until", "features")
_FEATURE_KEYS = ("name", "field", "kind", *_OF_NUMBERS, *_OF_WORDS)
_TIME = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z")


@dataclass(frozen=True, slots=True)
class SiteProfile:
    """The usual values of one site, measured on rows that a model finds harmless."""

    usual_of: str
    """What was measured: a plural that fits into a sentence, such as `normal connections of this site`."""
    model: str
    """Id and version of the model that found the rows harmless, such as `kdd99-flow 4324a78c35e4`."""
    rows: int
    since: str
    """End of the first row, such as `2026-11-30T10:00:00Z`."""
    until: str
    features: tuple[Feature, ...]
    """Name, field, kind and usual values of each feature; nothing else."""
    sha256: str = ""
    """SHA-256 of the file, in hex; empty before it is written."""

    def to_json(self) -> str:
        """The text of the file."""
        kept = [{k: v for k, v in feature_to_dict(f).items() if k in _FEATURE_KEYS} for f in self.features]
        data = {"format": FORMAT, **{key: getattr(self, key) for key in _KEYS[1:-1]}, "features": kept}
        return json.dumps(data, ensure_ascii=False, indent=1, allow_nan=False) + "\n"

    def over(self, contract: ModelContract) -> ModelContract:
        """The contract with the site's usual values. It only describes: the graph was trained with the other ones.

        Raises:
            ArtifactError: the profile has other features than the contract.
        """
        problem = self._misfit(contract)
        if problem is not None:
            raise ArtifactError(f"the profile does not fit the model {contract.name}: {problem}; {SET_ANOTHER}")
        own = {feature.name: feature for feature in self.features}
        features = tuple(
            replace(feature, **{key: getattr(own[feature.name], key) for key in (*_OF_NUMBERS, *_OF_WORDS)})
            for feature in contract.features
        )
        return replace(contract, usual_of=self.usual_of, features=features)

    def _misfit(self, contract: ModelContract) -> str | None:
        """Which features the profile lacks or has too many."""
        there, wanted = ({_in_words(f): f.name for f in part} for part in (self.features, contract.features))
        lacking = [name for key, name in wanted.items() if key not in there]
        further = [name for key, name in there.items() if key not in wanted]
        if lacking:
            return f"it has no usual values of {_listed(lacking)}"
        return f"the model does not read {_listed(further)}" if further else None


def read_profile(path: Path) -> SiteProfile:
    """Read a profile, and check it.

    Raises:
        ArtifactError: the file cannot be read, or is no profile. Reports all problems at once.
    """
    try:
        with open_regular(path) as file:
            data = file.read(MAX_BYTES + 1)
        text = data.decode()
    except FileNotFoundError:
        raise ArtifactError(f"there is no profile at {path}; {SET_ANOTHER}") from None
    except OSError as error:
        raise ArtifactError(f"the profile {path} cannot be read ({error.strerror}); {SET_ANOTHER}") from None
    except UnicodeDecodeError:
        raise ArtifactError(f"the profile {path} is not text in UTF-8; {SET_ANOTHER}") from None
    try:
        found = _profile_of(parse(text, "the profile"))
    except ArtifactError as error:
        raise ArtifactError(f"{path}: {error}; {SET_ANOTHER}") from None
    return replace(found, sha256=hashlib.sha256(data).hexdigest())


def _profile_of(data: Any) -> SiteProfile:
    if not isinstance(data, Mapping):
        raise ArtifactError("the profile is not a JSON object")
    if data.get("format") != FORMAT or isinstance(data.get("format"), bool):
        raise ArtifactError(f"the profile has format {shorten(data.get('format'))}, this Oversight reads {FORMAT}")
    problems: list[str] = []
    part = JsonObject(data, problems)
    part.refuse_other_keys(_KEYS)
    found = SiteProfile(
        usual_of=part.text("usual_of", 'a plural such as "normal connections of this site"'),
        model=part.text("model", "the id and version of the model"),
        rows=part.integer("rows", "how many rows were measured"),
        since=_time(part, "since"),
        until=_time(part, "until"),
        features=tuple(map(_feature, part.objects("features", "one object for each feature of the model"))),
    )
    raise_problems([*problems, *(() if problems else usual_values_problems(found.features))], "the profile")
    return found


def _time(part: JsonObject, key: str) -> str:
    text = part.text(key, "a time")
    if text and not _TIME.fullmatch(text):
        part.report(f"`{key}` is {shorten(text)}; write a time in UTC such as 2026-11-30T10:00:00Z")
    return text


def _feature(part: JsonObject) -> Feature:
    part.refuse_other_keys(_FEATURE_KEYS)
    feature = feature_of(part, written=False, is_2=False)
    if feature.kind == "string" and not feature.usual_shares:
        part.report("`usual_shares` is missing; write the share of each word")
    # the words of a site need not be words of the model
    return replace(feature, vocabulary=tuple(word for word, _ in feature.usual_shares))


def _in_words(feature: Feature) -> tuple[str, str, str]:
    return feature.name, feature.field, feature.kind


def _listed(names: list[str]) -> str:
    return f"{', '.join(names[:5])}{f' and {len(names) - 5} more' if len(names) > 5 else ''}"
