"""Read `pipelines/*.yml`, and insert the scripts of `painless/` and the parameters.

A value `$name` stands for the parameter with that name, `$painless.name` for the text of `painless/name.painless`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib.resources import files
from typing import Any

import yaml

from contract.errors import InputError
from es_pipelines.definition.parameters import PIPELINES

_HERE = files("es_pipelines")


def read_yaml(name: str) -> Any:
    """The content of a YAML file in `es_pipelines/`, unchanged."""
    return yaml.safe_load(_HERE.joinpath(name).read_text(encoding="utf-8"))


def pipelines(parameters: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The body of every ingest pipeline by its id, each after the pipelines that it calls."""
    raw = {parameters[f"pipeline.{name}"]: read_yaml(f"pipelines/{name}.yml") for name in PIPELINES}
    owner = {options["tag"]: name for name, body in raw.items() for _, options in processors_of(body)}
    known = {**parameters, "processor_pipelines": owner}
    return {name: fill(body, known) for name, body in raw.items()}


def processors_of(body: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Kind and options of every processor of a pipeline, including those in `on_failure` and in `foreach`."""
    for processor in [*(body.get("processors") or []), *(body.get("on_failure") or [])]:
        for kind, options in processor.items() if isinstance(processor, Mapping) else ():  # otherwise a `$name`
            if isinstance(options, Mapping):
                yield kind, options
                inner = options.get("processor")
                yield from processors_of({**options, "processors": [inner] if inner else []})


def fill(value: Any, parameters: Mapping[str, Any]) -> Any:
    """A copy of a YAML value with every `$name` replaced.

    Raises:
        InputError: a name is no parameter.
    """
    if isinstance(value, Mapping):
        return {key: fill(child, parameters) for key, child in value.items()}
    if isinstance(value, list):
        return [item for child in value for item in _filled(child, parameters)]
    if not isinstance(value, str) or not value.startswith("$"):
        return value
    name = value[1:]
    if name.startswith("painless."):
        script = name.removeprefix("painless.")
        return _HERE.joinpath(f"painless/{script}.painless").read_text(encoding="utf-8")
    if name not in parameters:
        raise InputError(f"a file of es_pipelines names {value!r}, expected one of {sorted(parameters)}; correct it")
    return parameters[name]


def _filled(child: Any, parameters: Mapping[str, Any]) -> list[Any]:
    """The value of one list item. A parameter that is a list is inserted item by item."""
    value = fill(child, parameters)
    return value if isinstance(child, str) and isinstance(value, list) else [value]
