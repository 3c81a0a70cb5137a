"""The files of the pipelines: every processor has a name, every field is known, every script is portable."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping
from importlib.resources import files
from typing import Any

import pytest

from contract.artifact.contract import EventWords, ModelContract
from contract.documents.fields import BY_NAME
from contract.errors import ArtifactError, InputError
from es_pipelines.cluster.capabilities import Capabilities
from es_pipelines.definition.failures import CODES, OF_PROCESSOR
from es_pipelines.definition.parameters import PIPELINES, dotted_removal, parameters, pipeline_id
from es_pipelines.definition.pipeline_files import fill, pipelines, read_yaml
from es_pipelines.resources.desired import model_fields, resources
from tests.artifacts import TURBINE
from tests.pipelines import FLOW, KDD99
from tests.tasks import MIXED

FOLDER = files("es_pipelines")
SCRIPTS = {
    item.name: item.read_text(encoding="utf-8")
    for item in FOLDER.joinpath("painless").iterdir()
    if item.name.endswith(".painless")
}
SOURCES = {name: read_yaml(f"pipelines/{name}.yml") for name in PIPELINES}
FILLED = pipelines(parameters(KDD99, "unit", data_streams=True))
ELASTICSEARCH = Capabilities(
    data_streams=True,
    index_mode=True,
    lifecycle=True,
    failure_store=True,
    pipeline_meta=True,
    security=True,
    roles=True,
)
NOTES = ("_oversight", "_ingest")
NO_FIELDS_OF_A_DOCUMENT = {"kdd99", "message", "log", "event", "oversight"}
"""Names that the scripts compare with or look into: roots, and the names of shippers for a line."""


def processors(listed: list[Mapping[str, Any]]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every processor below a list, including those of `on_failure`, as kind and options."""
    for processor in listed:
        for kind, options in processor.items():
            yield kind, options
            yield from processors(options.get("on_failure", []))


ALL = [
    (name, kind, options)
    for name, body in FILLED.items()
    for kind, options in processors([*body["processors"], *body.get("on_failure", [])])
]


def test_every_processor_has_its_own_tag_and_a_description() -> None:
    """`oversight.failure.processor` is a tag: without one, or with a duplicate, a user cannot find the processor."""
    assert [options for _, _, options in ALL if not options.get("tag") or not options.get("description")] == []
    tags = [options["tag"] for _, _, options in ALL]
    assert sorted(tags) == sorted(set(tags))


def test_every_field_that_a_processor_sets_is_in_the_field_list() -> None:
    """A field is defined in one place, which is not a pipeline."""
    fields = [options.get("target_field") or options["field"] for _, kind, options in ALL if kind in ("set", "date")]
    assert [field for field in fields if not field.startswith(NOTES) and field not in BY_NAME] == []


def test_every_field_that_a_script_names_is_in_the_field_list() -> None:
    """The same for scripts: each text that looks like one of our dotted fields is in the list."""
    known = set(BY_NAME) | {feature.field for feature in KDD99.features}
    named = {
        text
        for source in SCRIPTS.values()
        for text in re.findall(r"'((?:event|network|source|destination|oversight|error|kdd99)\.[a-z0-9_.]+)'", source)
    }
    assert {name for name in named - known if not name.endswith(".")} == set()
    assert len(named) > 15


def test_every_parameter_is_known_and_every_script_is_used() -> None:
    """A `$name` that stays would reach the engine as text."""
    for contract in (KDD99, FLOW, TURBINE):
        bodies = pipelines(parameters(contract, "unit", data_streams=True))
        assert "'$" not in str(bodies)
    used = set(re.findall(r"\$painless\.(\w+)", str(SOURCES)))
    assert {f"{name}.painless" for name in used} == set(SCRIPTS)
    with pytest.raises(InputError, match=r"\$nonsense"):
        fill({"a": ["$nonsense"]}, {})


@pytest.mark.parametrize(
    ("construct", "why"),
    [
        (r"\?\.|\?:", "the null-safe operators"),
        (r"\bthrow\b|\btry\b|\bcatch\b", "exceptions"),
        (r"=~|==~", "regular expressions"),
        (
            r"\.indexOf\([^()]*,[^()]*\)|\.lastIndexOf\(",
            "the second argument of indexOf, which is ignored, or lastIndexOf",
        ),
        (r"\.put\(|\.entrySet\(", "put, which copies, or entrySet"),
        (r"\\[nrt]", "escapes that Painless itself does not have"),
        (r"\bfield\(|\$\(", "the field API of newer engines"),
        (r"\bnew \w+\[", "arrays"),
    ],
)
def test_scripts_use_only_what_every_engine_supports(construct: str, why: str) -> None:
    """docs/decisions/0005-pipelines.md lists the gaps and differences of the engines."""
    found = {name: re.findall(construct, re.sub(r"//.*", "", source)) for name, source in SCRIPTS.items()}
    assert {name: hits for name, hits in found.items() if hits} == {}, why


def test_every_failure_code_is_listed_once() -> None:
    """The codes in scripts are those of `es_pipelines/definition/failures.py`."""
    given = set(
        re.findall(
            r"failure\['type'\] = '(\w+)'|problem = (?:typed == null \? )?'([a-z_]+)'", "".join(SCRIPTS.values())
        )
    )
    codes = {code for pair in given for code in pair if code} - {"found"} | {
        case["type"] for case in OF_PROCESSOR.values()
    }
    assert codes | {"pipeline_error"} == set(CODES)
    tags = {options["tag"] for _, _, options in ALL}
    assert set(OF_PROCESSOR) <= tags


def test_the_pipelines_are_the_final_one_and_there_is_no_default() -> None:
    """A sender can request another pipeline instead of the default one, but never instead of the final one."""
    for engine in (ELASTICSEARCH, Capabilities(data_streams=False, index_mode=False)):
        found = {resource.name: resource.body for resource in resources(KDD99, "unit", engine)}
        wanted = {"default_pipeline": "_none", "final_pipeline": pipeline_id("router", "unit")}
        assert found["logs-oversight.connection-unit"]["settings"]["index"] == wanted
        template = found["oversight-settings-unit"]["template"]["settings"]["index"]
        assert {name: template[name] for name in wanted} == wanted


def test_without_scripts_each_dotted_spelling_of_our_fields_is_cleared() -> None:
    """Long names are nested before short ones, which would block them; a removal follows each length."""
    listed = [(kind, options["field"]) for processor in dotted_removal() for kind, options in processor.items()]
    nested = [field for kind, field in listed if kind == "dot_expander"]
    assert {"oversight.feedback", "oversight.feedback.verdict", "oversight.status", "rule.name", "event.kind"} <= {
        *nested
    }
    assert [name.count(".") for name in nested] == sorted((name.count(".") for name in nested), reverse=True)
    assert [kind for kind, _ in listed].count("remove") == 3
    assert listed[-1] == ("remove", ["oversight", "event", "error", "rule", "threat"])


def test_a_models_features_become_mappings() -> None:
    """Another model has other fields, and no file changes."""
    body = {r.name: r.body for r in resources(TURBINE, "unit", ELASTICSEARCH)}["oversight-model-unit"]
    turbine = body["template"]["mappings"]["properties"]["turbine"]["properties"]
    assert turbine["temperature_c"] == {"type": "float", "ignore_malformed": True}
    assert turbine["state"]["properties"]["mode"] == {"type": "keyword", "ignore_above": 8191}
    assert [field.name for field in model_fields(TURBINE)] == list(TURBINE.fields)


def test_the_same_content_gives_the_same_digest() -> None:
    """The digest shows whether a resource is of this version, so it must not depend on the run."""
    assert resources(KDD99, "unit", ELASTICSEARCH) == resources(KDD99, "unit", ELASTICSEARCH)


def test_features_that_an_engine_lacks_are_left_out_and_reported() -> None:
    """Each omission says its effect for the user."""
    bare = Capabilities(data_streams=False, index_mode=False)
    kinds = {resource.kind for resource in resources(KDD99, "unit", bare)}
    assert "index" in kinds
    assert "data stream" not in kinds
    assert "'mode': 'standard'" in str(resources(KDD99, "unit", ELASTICSEARCH))
    assert "'mode': 'standard'" not in str(resources(KDD99, "unit", bare))
    assert [bool(omission.cost) for omission in bare.omissions("30d")] == [True] * 5
    assert ELASTICSEARCH.omissions("30d") == []


def scripts_of(contract: ModelContract) -> dict[str, str]:
    """Every script of the pipelines of a contract, by the processor's tag."""
    bodies = pipelines(parameters(contract, "unit", data_streams=True))
    return {
        options["tag"]: options["source"]
        for body in bodies.values()
        for kind, options in processors([*body["processors"], *body.get("on_failure", [])])
        if kind == "script"
    }


def test_a_contract_of_numbers_and_words_has_no_script_for_other_kinds() -> None:
    """Its pipelines are as short as before other kinds existed."""
    plain, mixed = scripts_of(TURBINE), scripts_of(MIXED)
    for word in ("not_a_boolean", "not_a_date", "may_miss", "// if", "// end", "booleans"):
        assert word not in "".join(plain.values())
    assert {tag for tag in plain if plain[tag] != mixed[tag]} == {
        "features",
        "failure-note",
        "failure-gather",
        "gather",
        "plain-row",
        "derive-ecs",
    }
    assert "// if" not in "".join(mixed.values())
    assert "not_a_boolean" in mixed["features"]
    assert "may_miss" in mixed["features"]
    only_gaps = scripts_of(
        dataclasses.replace(
            TURBINE,
            features=(
                dataclasses.replace(TURBINE.features[0], missing="value", missing_value=60.0),
                *TURBINE.features[1:],
            ),
        )
    )
    assert {tag for tag in plain if plain[tag] != only_gaps[tag]} == {"features"}


def test_the_words_of_ecs_are_those_of_the_contract() -> None:
    """In each script that writes them, as lists of Painless."""
    for contract, category, kind in ((TURBINE, "['network']", "['connection']"), (MIXED, "['host']", "['info']")):
        found = scripts_of(contract)
        assert f"event['category'] = {category};\nevent['type'] = {kind};" in found["plain-row"]
        assert f"ecs['event.category'] = {category};\necs['event.type'] = {kind};" in found["derive-ecs"]
        assert f"flat['event.category'] = {category};\nflat['event.type'] = {kind};" in found["failure-note"]
    several = dataclasses.replace(MIXED, event=EventWords(("host", "process"), ()))
    assert "event['category'] = ['host', 'process'];\nevent['type'] = [];" in scripts_of(several)["plain-row"]


def test_a_word_of_ecs_cannot_be_code() -> None:
    with pytest.raises(ArtifactError, match=r"`event.category` names .*; write words of ECS"):
        dataclasses.replace(MIXED, event=EventWords(("host']; ctx.remove('x'); def y = ['",))).check()


def test_half_of_the_required_columns_make_an_event() -> None:
    """A JSON line may lack optional columns; a header names every column."""
    known = parameters(MIXED, "unit", data_streams=True)
    assert (known["gather"]["half"], known["unwrap"]["half"], known["csv"]["half"]) == (2, 2, 4)
