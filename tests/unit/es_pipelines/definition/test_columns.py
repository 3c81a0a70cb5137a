"""The columns of a line: KDD's 41 for any model of KDD columns, otherwise the model's own."""

from __future__ import annotations

import dataclasses

from contract.artifact.contract import Feature, ModelContract
from contract.kdd99 import columns as kdd99
from es_pipelines.definition.columns import columns_of
from es_pipelines.definition.parameters import column_names
from es_pipelines.resources.desired import model_fields
from tests.artifacts import TURBINE
from tests.pipelines import FLOW, KDD99
from tests.tasks import MIXED


def reading(*names: str) -> ModelContract:
    """A model of some KDD columns."""
    by_name = {feature.name: feature for feature in KDD99.features}
    return dataclasses.replace(KDD99, features=tuple(by_name[name] for name in names))


def names(features: tuple[Feature, ...]) -> list[str]:
    return [feature.name for feature in features]


def test_a_model_of_some_kdd_columns_still_gets_lines_of_all() -> None:
    """Sensors write 41 columns whichever of them the model reads; all of them are typed and mapped."""
    columns = columns_of(FLOW)
    assert names(columns.features) == list(kdd99.COLUMNS)
    assert columns.needed == {kdd99.field_of(column) for column in kdd99.FLOW}
    assert columns.short == kdd99.FLOW
    assert [feature.kind for feature in columns.features] == [feature.kind for feature in KDD99.features]
    assert model_fields(FLOW) == model_fields(KDD99)


def test_a_model_of_all_kdd_columns_has_no_short_line() -> None:
    """A short line would be the same as the whole line."""
    columns = columns_of(KDD99)
    assert (columns.features, len(columns.needed), columns.short) == (KDD99.features, 41, ())


def test_the_order_of_the_model_is_that_of_the_short_line_only() -> None:
    """A whole line has KDD's order for every model."""
    columns = columns_of(reading("flag", "count", "duration"))
    assert names(columns.features) == list(kdd99.COLUMNS)
    assert columns.short == ("flag", "count", "duration")
    assert names(columns_of(reading(*reversed(kdd99.COLUMNS))).features) == list(kdd99.COLUMNS)


def test_a_short_line_as_wide_as_a_whole_one_is_not_accepted() -> None:
    """40 features and a label are 41 columns, like a whole line; 39 and a label are not."""
    assert columns_of(reading(*kdd99.COLUMNS[1:])).short == ()
    assert len(columns_of(reading(*kdd99.COLUMNS[2:])).short) == 39


def test_a_model_with_its_own_feature_gets_lines_of_its_features() -> None:
    """Another domain, or KDD with an additional column: only the contract defines the order."""
    more = dataclasses.replace(FLOW, features=(*FLOW.features, Feature("entropy", "kdd99.entropy", "float")))
    for contract in (TURBINE, more):
        columns = columns_of(contract)
        assert columns.features == contract.features
        assert columns.needed == set(contract.fields)
        assert columns.short == ()


def test_a_date_is_one_column_for_all_features_that_read_it() -> None:
    """With two readers it has the last part of the field's name, with one the feature's name; a file may use either."""
    columns = columns_of(MIXED)
    assert names(columns.features) == ["pressure", "at", "mode", "open", "age_s", "port", "noise"]
    assert columns.aliases == (("built", "age_s"),)
    roles = column_names(columns, difficulty=False)
    assert {name: roles[name] for name in ("at", "pump.at", "built", "pump.built", "age_s")} == {
        "at": "at",
        "pump.at": "at",
        "built": "age_s",
        "pump.built": "age_s",
        "age_s": "age_s",
    }


def test_the_date_of_the_document_is_no_column() -> None:
    """For every model, the pipelines read `@timestamp` from the line, its wrapper or the shipper's fields."""
    assert "@timestamp" in MIXED.fields
    assert "@timestamp" not in columns_of(MIXED).needed


def test_a_date_may_be_missing_if_all_its_readers_allow_it() -> None:
    hour, weekday = (feature for feature in MIXED.features if feature.field == "pump.at")
    optional = dataclasses.replace(hour, missing="value", missing_value=12.0)
    for second, expected in ((weekday, "error"), (dataclasses.replace(weekday, missing="value"), "value")):
        (column,) = columns_of(dataclasses.replace(MIXED, features=(optional, second))).features
        assert column.missing == expected


def test_a_column_whose_name_is_used_has_the_name_of_its_field() -> None:
    features = (*MIXED.features, Feature("at", "other.at", "float"))
    found = names(columns_of(dataclasses.replace(MIXED, features=features)).features)
    assert found == ["pressure", "pump.at", "mode", "open", "age_s", "port", "noise", "at"]


def test_two_dates_whose_fields_end_alike_have_no_short_name() -> None:
    """`at` would be ambiguous, so each has the name of its field."""
    others = tuple(
        dataclasses.replace(feature, name=f"other_{feature.name}", field=f"other.{feature.field.partition('.')[2]}")
        for feature in MIXED.features
        if feature.field in ("pump.at", "pump.built")
    )
    columns = columns_of(dataclasses.replace(MIXED, features=(*MIXED.features, *others)))
    assert names(columns.features) == [
        "pressure",
        "pump.at",
        "mode",
        "open",
        "age_s",
        "port",
        "noise",
        "other.at",
        "other_age_s",
    ]
    assert columns.aliases == ()


def test_each_kind_of_column_has_its_mapping() -> None:
    kinds = {field.name: field.kind for field in model_fields(MIXED)}
    assert kinds == {
        "pump.pressure": "float",
        "pump.at": "date",
        "pump.mode": "keyword",
        "pump.open": "boolean",
        "pump.built": "date",
        "pump.port": "keyword",
        "pump.noise": "float",
    }
    assert {field.kind for field in model_fields(TURBINE)} == {"float", "keyword"}
