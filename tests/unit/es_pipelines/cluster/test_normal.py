"""One normal form of a body, in whatever form an engine returns it; and the diff of two bodies."""

from __future__ import annotations

import pytest

from es_pipelines.cluster import normal
from es_pipelines.cluster.disk_watermarks import free_bytes
from es_pipelines.resources.difference import diff
from es_pipelines.settings import parse_retention

GB = 2**30


def test_settings_are_the_same_flat_nested_and_as_text() -> None:
    """Engines return `number_of_shards: 1` as `{"index": {"number_of_shards": "1"}}`."""
    wanted = {"index.number_of_shards": 1, "index.blocks.write": True}
    for spelling in (
        {"index": {"number_of_shards": "1", "blocks": {"write": "true"}}},
        {"index.number_of_shards": 1, "index": {"blocks.write": True}},
        {"number_of_shards": "1", "blocks": {"write": "true"}},
    ):
        assert normal.settings(spelling) == wanted


def test_additions_of_an_engine_are_no_edit() -> None:
    """Defaults, dates and empty parts, as Elasticsearch 8.19 and 9 return them."""
    pipeline = {"description": "d", "processors": []}
    assert normal.pipeline({**pipeline, "created_date": "2026", "_meta": {"a": 1}}) == normal.pipeline(pipeline)
    template = {"index_patterns": ["x"], "data_stream": {}, "priority": 5, "template": {"lifecycle": {"enabled": True}}}
    stored = {
        **template,
        "data_stream": {"hidden": False, "allow_custom_routing": False},
        "composed_of": [],
        "ignore_missing_component_templates": [],
        "priority": 5,
        "template": {"lifecycle": {"enabled": True, "retention_determined_by": "x"}, "settings": {}},
    }
    assert normal.index_template(stored) == normal.index_template(template)
    assert normal.index_template({**template, "data_stream": {"hidden": True}}) != normal.index_template(template)
    assert normal.index_template(
        {key: template[key] for key in template if key != "data_stream"}
    ) != normal.index_template(template)


def test_a_change_by_a_person_is_an_edit() -> None:
    """One processor less, another option, one setting more."""
    pipeline = {"description": "d", "processors": [{"set": {"field": "a", "value": 1}}]}
    for edited in (
        {**pipeline, "processors": []},
        {**pipeline, "description": "mine"},
        {**pipeline, "processors": [{"set": {"field": "a", "value": 2}}]},
        {**pipeline, "on_failure": [{"drop": {}}]},
    ):
        assert normal.pipeline(edited) != normal.pipeline(pipeline)
    component = {"template": {"settings": {"index.codec": "x"}}}
    assert normal.component_template({"template": {"settings": {"index.codec": "x", "index.hidden": True}}}) != (
        normal.component_template(component)
    )


def test_a_diff_has_positions_and_shows_scripts_and_sets_line_by_line() -> None:
    """The user needs the changed line 1,034 of a pipeline, not all 1,500 lines."""
    paths = "|" + "|".join(f"kdd99.column_{n}" for n in range(20)) + "|"

    def body(source: str, known: str) -> dict[str, object]:
        script = {
            "tag": "gather",
            "source": f"int a = 1;\n{source}\nreturn a;\n",
            "params": {"n": {"known": known, "more": paths}},
        }
        return {"processors": [{"drop": {"tag": "x"}}, {"script": script}]}

    lines = diff(body("a += 1;", paths), body("a += 2;", paths.replace("|kdd99.column_7|", "|")))
    assert [line for line in lines if line[0] in "@+-"] == [
        "@@ processors > script (gather) > params > n > known",
        "-        - kdd99.column_7",
        "@@ processors > script (gather) > source",
        "-      a += 1;",
        "+      a += 2;",
    ]


@pytest.mark.parametrize(
    ("text", "headroom", "total_gb", "free_gb"),
    [
        ("95%", None, 1000, 50),
        ("0.95", None, 1000, 50),
        ("95%", "20gb", 1000, 20),
        ("95%", "100gb", 1000, 50),
        ("95%", "-1", 1000, 50),
        ("10gb", None, 1000, 10),
        ("500mb", None, 1000, 500 / 1024),
        ("nonsense", None, 1000, 0),
    ],
)
def test_a_watermark_says_how_much_must_stay_free(
    text: str, headroom: str | None, total_gb: int, free_gb: float
) -> None:
    """A share of the disk, but at most the headroom; or bytes."""
    assert free_bytes(text, headroom, total_gb * GB) == pytest.approx(free_gb * GB)


@pytest.mark.parametrize(
    ("text", "kept"), [("30d", "30d"), (" 12h ", "12h"), ("", None), (None, None), ("36500d", "36500d")]
)
def test_a_retention_is_days_or_hours(text: str | None, kept: str | None) -> None:
    """In Elasticsearch's units; no value keeps events for ever."""
    assert parse_retention(text) == kept


@pytest.mark.parametrize(
    "text", ["30", "-1", "0d", "30 days", "1.5d", "30D", "36501d", "99999999d", "for ever", "1w", "0x1d"]
)
def test_an_invalid_retention_is_refused(text: str) -> None:
    """Elasticsearch would refuse it in the middle of the run, or delete everything."""
    with pytest.raises(ValueError, match="expected a number of days or hours such as 30d"):
        parse_retention(text)
