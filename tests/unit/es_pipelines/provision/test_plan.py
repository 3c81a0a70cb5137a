"""The action for each resource, decided from data only."""

from __future__ import annotations

from typing import Any

import pytest

from es_pipelines.cluster.ownership import (
    Mark,
    describe,
    digest,
    from_description,
    from_meta,
    meta,
    undescribe,
)
from es_pipelines.provision.plan import Finding, Plan, make_plan, users_first
from es_pipelines.resources.all_kinds import KINDS
from es_pipelines.resources.kind import IN_THE_WAY, Action, Change, Installation, Resource, Standing
from es_pipelines.resources.stream import DataStream, PlainIndex, immovable

ME = Installation("lab", "1.2.0")
FORCED = Installation("lab", "1.2.0", force=True)
PIPELINE = KINDS["pipeline"]
WANTED = Resource("pipeline", "oversight-csv-lab", {"description": "Splits", "processors": [{"drop": {"tag": "b"}}]})
OLDER = {"description": "Splits", "processors": [{"drop": {"tag": "a"}}]}
STREAM = Resource(
    "data stream",
    "logs-x-lab",
    {"settings": {"index": {"default_pipeline": "p"}}, "mappings": {"properties": {"a": {"type": "long"}}}},
)


def standing(
    body: dict[str, Any],
    *,
    namespace: str = "lab",
    sha256: str | None = None,
    version: str = "1.1.0",
    marked: bool = True,
    name: str = "",
) -> Standing:
    """An existing pipeline, by default one that an older version of Oversight wrote."""
    normal = PIPELINE.normal(body)
    mark = Mark(namespace, digest(normal) if sha256 is None else sha256, version, name) if marked else None
    return Standing("pipeline", WANTED.name, normal, mark)


@pytest.mark.parametrize(
    ("stands", "installation", "action"),
    [
        (None, ME, Action.CREATE),
        (standing(WANTED.body), ME, Action.UNCHANGED),
        (standing(WANTED.body, version="9.0.0"), ME, Action.UNCHANGED),
        (standing(OLDER), ME, Action.UPDATE),
        (standing(OLDER, sha256="0" * 16), ME, Action.KEEP),
        (standing(OLDER, sha256="0" * 16), FORCED, Action.UPDATE),
        (standing(WANTED.body, marked=False), ME, Action.FOREIGN),
        (standing(OLDER, marked=False), FORCED, Action.FOREIGN),
        (standing(OLDER, namespace="other"), FORCED, Action.FOREIGN),
        (standing(OLDER, namespace="", sha256=""), FORCED, Action.FOREIGN),
        (standing(OLDER, version="1.10.0"), FORCED, Action.NEWER),
        (standing(OLDER, name=WANTED.name), ME, Action.UPDATE),
        (standing(OLDER, name="oversight-json-lab"), FORCED, Action.FOREIGN),
    ],
    ids=[
        "absent",
        "same",
        "same of a newer one",
        "our older one",
        "edited",
        "edited and forced",
        "foreign though the same",
        "foreign and forced",
        "another installation's",
        "of no installation",
        "of a newer version",
        "our older one by name",
        "a copy of another resource of Oversight",
    ],
)
def test_the_owner_of_a_resource_decides_its_action(
    stands: Standing | None, installation: Installation, action: Action
) -> None:
    """Only our unedited resources are overwritten; `--force` also overwrites a person's edits, and nothing else."""
    step = PIPELINE.judge(WANTED, stands, installation)
    assert step.action == action
    assert bool(step.reason) == (action in {Action.KEEP, *IN_THE_WAY} or "edited" in step.reason)
    if action in (Action.UPDATE, Action.KEEP, Action.NEWER):
        assert [line for line in step.diff if line[0] in "+-"] == ["-- drop: {tag: a}", "+- drop: {tag: b}"]


def test_a_foreign_resource_is_named_with_what_to_do() -> None:
    """One line: what exists, how to look at it, how to continue."""
    reason = PIPELINE.judge(WANTED, standing(OLDER, marked=False), ME).reason
    assert "GET _ingest/pipeline/oversight-csv-lab" in reason
    assert "OVERSIGHT_NAMESPACE" in reason
    assert "\n" not in reason


def _stream(properties: dict[str, Any], **settings: Any) -> Standing:
    body = {
        "is": "data stream",
        "template": "oversight-stream-lab",
        "write_index": ".ds-logs-x-lab-1",
        "settings": {"index.default_pipeline": "p", "index.codec": "x", **settings},
        "mappings": {"properties": properties},
    }
    return Standing("data stream", STREAM.name, body, Mark("lab", "", ""))


@pytest.mark.parametrize(
    ("stands", "action"),
    [
        (_stream({"a": {"type": "long"}, "b": {"type": "date"}}), Action.UNCHANGED),
        (_stream({}), Action.UPDATE),
        (_stream({"a": {"type": "long", "ignore_malformed": True}}), Action.UPDATE),
        (_stream({"a": {"type": "keyword"}}), Action.ROLL_OVER),
        (_stream({"a": {"properties": {"b": {"type": "long"}}}}), Action.ROLL_OVER),
        (_stream({"a": {"type": "long"}}, **{"index.default_pipeline": "mine"}), Action.KEEP),
        (_stream({"a": {"type": "long"}}, **{"index.blocks.read_only_allow_delete": True}), Action.BLOCKED),
    ],
    ids=[
        "more than ours",
        "field missing",
        "option missing",
        "other type",
        "object",
        "pipeline changed",
        "disk was full",
    ],
)
def test_a_live_stream_is_changed_in_place_or_rolled_over(stands: Standing, action: Action) -> None:
    """Changes that the mapping cannot make go into a new index; settings of a person stay."""
    step = DataStream().judge(STREAM, stands, ME)
    assert step.action == action
    if action == Action.ROLL_OVER:
        assert step.reason.startswith("a cannot change in place")
        assert step.diff
    if action == Action.KEEP:
        assert DataStream().judge(STREAM, stands, FORCED).action == Action.UPDATE


def test_a_plain_index_that_cannot_change_is_in_the_way() -> None:
    """It cannot roll over, and an incomplete mapping is never written."""
    found = _stream({"a": {"type": "keyword"}})
    index = Standing("index", STREAM.name, {**found.body, "is": "index"}, Mark("lab", "", ""))
    assert PlainIndex().judge(STREAM, index, ME).action == Action.BLOCKED


@pytest.mark.parametrize("what", ["index", "alias"])
def test_an_index_or_alias_in_the_place_of_the_stream_is_named(what: str) -> None:
    """Otherwise events would be stored in it, without our pipeline and mapping."""
    step = DataStream().judge(STREAM, Standing("data stream", STREAM.name, {"is": what}, None), FORCED)
    assert step.action == Action.FOREIGN
    assert step.reason.startswith(f"an {what} exists where the data stream should be")


def test_fields_whose_mapping_cannot_change_are_found_at_any_depth() -> None:
    """The plan names them."""
    stands = {"a": {"properties": {"b": {"type": "long"}, "c": {"type": "keyword", "ignore_above": 5}}}}
    wanted = {
        "a": {"properties": {"b": {"type": "float"}, "c": {"type": "keyword", "ignore_above": 9}, "d": {"type": "ip"}}}
    }
    assert list(immovable(stands, wanted)) == ["a.b"]


def test_a_new_index_waits_for_a_template_that_a_person_edited() -> None:
    """With the edited template every run would create the same old index again; other templates do not matter."""
    template = Resource("component template", "oversight-model-lab", {"template": {"settings": {"index.codec": "y"}}})
    other = Resource("index template", "oversight-alerts-lab", {"index_patterns": ["a"], "priority": 5})
    made_of = {"index_patterns": ["logs-x-lab"], "composed_of": [template.name]}
    stream_template = Resource("index template", "oversight-stream-lab", made_of)
    wanted = [template, other, stream_template, STREAM]

    def actions(*edited: Resource) -> list[Action]:
        stands: dict[str, dict[str, Standing]] = {one.kind: {} for one in wanted}
        stands["data stream"][STREAM.name] = _stream({"a": {"type": "keyword"}})
        for one in edited:
            stands[one.kind][one.name] = Standing(one.kind, one.name, {}, Mark("lab", "0" * 16, "1.0.0"))
        steps = make_plan(wanted, stands, ME)
        return [step.action for step in steps if step.kind == "data stream"]

    assert actions(template) == [Action.KEEP]
    assert actions(stream_template) == [Action.KEEP]
    assert actions(other) == [Action.ROLL_OVER]


def test_a_resource_of_an_older_version_is_removed_unless_it_was_edited() -> None:
    """A pipeline that only an older version needs does not stay for ever."""
    old, mine, newer, alien = "oversight-old-lab", "oversight-mine-lab", "oversight-new-lab", "oversight-x-lab"
    normal = PIPELINE.normal(OLDER)
    stands = {
        "pipeline": {
            old: Standing("pipeline", old, normal, Mark("lab", digest(normal), "1.0.0")),
            mine: Standing("pipeline", mine, normal, Mark("lab", "0" * 16, "1.0.0")),
            newer: Standing("pipeline", newer, normal, Mark("lab", digest(normal), "2.0.0")),
            alien: Standing("pipeline", alien, normal, None),
        }
    }
    found = {step.name: step.action for step in make_plan([WANTED], stands, ME)}
    assert found == {
        WANTED.name: Action.CREATE,
        old: Action.REMOVE,
        mine: Action.KEEP,
        newer: Action.IGNORE,
    }


@pytest.mark.parametrize("installation", [ME, FORCED], ids=["", "forced"])
def test_a_persons_copy_of_our_resource_is_theirs(installation: Installation) -> None:
    """Kibana's "clone" copies the mark too; with a name like ours the copy would look like a resource of an older
    version.
    """
    normal, copy, old = PIPELINE.normal(OLDER), "oversight-csv2-lab", "oversight-old-lab"
    marks = {copy: WANTED.name, old: old}
    stands = {
        "pipeline": {
            name: Standing("pipeline", name, normal, Mark("lab", digest(normal), "1.0.0", of))
            for name, of in marks.items()
        }
    }
    found = {step.name: step.action for step in make_plan([WANTED], stands, installation)}
    assert found == {WANTED.name: Action.CREATE, old: Action.REMOVE}
    assert PIPELINE.stranger(stands["pipeline"][copy], installation).startswith(f"it is a copy of {WANTED.name}")


def test_a_resource_is_removed_before_those_that_it_refers_to() -> None:
    """An interrupted removal leaves no resource that calls a missing one."""
    calls = {"a": "b", "b": "c", "c": "", "d": "a"}
    found = [
        Standing("pipeline", name, {"processors": [{"pipeline": {"name": callee}}] if callee else []}, None)
        for name, callee in calls.items()
    ]
    assert [one.name for one in users_first("pipeline", found)] == ["d", "a", "b", "c"]


def test_one_thing_in_the_way_stops_the_whole_plan() -> None:
    """A run never provisions only a part of the cluster."""
    foreign = Change("pipeline", "x", Action.FOREIGN, "it is not Oversight's")
    plan = Plan(
        "s", (Change("pipeline", "y", Action.CREATE), foreign), findings=(Finding(False, "red"), Finding(True, "full"))
    )
    assert plan.in_the_way == ["full", "pipeline x: it is not Oversight's"]
    assert [step.name for step in plan.drift] == ["y", "x"]


def test_a_mark_is_read_back() -> None:
    """From `_meta`, or from the end of a description, which is then as before."""
    for mark in (
        Mark("lab", "0123456789abcdef", "1.2.0"),
        Mark("lab", "0123456789abcdef", "1.2.0", "oversight-csv-lab"),
    ):
        assert from_meta(meta(mark)) == mark
        assert from_description(describe("Splits a line [so to say]", mark)) == mark
        assert undescribe(describe("Splits a line [so to say]", mark)) == "Splits a line [so to say]"
    assert from_description("Splits [oversight sha256=1 namespace=a version=1]") is None
    assert from_meta({"managed_by": "someone"}) is None


@pytest.mark.parametrize(
    ("older", "newer"), [("1.2.0", "1.10.0"), ("0.9", "1"), ("1.2", "1.2.1"), ("1.2.0rc1", "1.2.1")]
)
def test_versions_are_compared_as_numbers(older: str, newer: str) -> None:
    """1.10 is newer than 1.9."""
    assert Mark("lab", "", newer).is_newer_than(older)
    assert not Mark("lab", "", older).is_newer_than(newer)
