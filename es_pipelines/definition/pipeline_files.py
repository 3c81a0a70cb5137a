"""Read `pipelines/*.yml`, and insert the scripts of `painless/` and the parameters.

A value `$name` stands for the parameter with that name, `$painless.name` for the text of `painless/name.painless`. A
parameter that is None is left out. In a script,

    $list.name              stands for the parameter, a tuple of words, as a list of Painless
    // if $name ... // end  is left out if the parameter is None
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from importlib.resources import files
from typing import Any

import yaml

from contract.errors import InputError
from es_pipelines.definition.parameters import PIPELINES

_HERE = files("es_pipelines")
_LIST = re.compile(r"\$list\.([a-z_.]+)")
_BLOCK = re.compile(r" *// if \$([a-z_]+)\n(.*?) *// end\n", re.DOTALL)


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
        filled = {key: fill(child, parameters) for key, child in value.items()}
        return {key: child for key, child in filled.items() if child is not None or value[key] is None}
    if isinstance(value, list):
        return [item for child in value for item in _filled(child, parameters)]
    if not isinstance(value, str) or not value.startswith("$"):
        return value
    name = value[1:]
    if name.startswith("painless."):
        script = name.removeprefix("painless.")
        return _script(_HERE.joinpath(f"painless/{script}.painless").read_text(encoding="utf-8"), parameters)
    return _parameter(name, parameters)


def _parameter(name: str, parameters: Mapping[str, Any]) -> Any:
    if name not in parameters:
        raise InputError(f"a file of es_pipelines names '${name}', expected one of {sorted(parameters)}; correct it")
    return parameters[name]


def _script(text: str, parameters: Mapping[str, Any]) -> str:
    """The text of a script, with its lists, and without the blocks whose parameter is None."""

    def words(match: re.Match[str]) -> str:
        quoted = ", ".join(f"'{word}'" for word in _parameter(match[1], parameters))
        return f"[{quoted}]"

    def block(match: re.Match[str]) -> str:
        return "" if _parameter(match[1], parameters) is None else match[2]

    return _LIST.sub(words, _BLOCK.sub(block, text))


def _filled(child: Any, parameters: Mapping[str, Any]) -> list[Any]:
    """The value of one list item. A parameter that is a list is inserted item by item."""
    value = fill(child, parameters)
    return value if isinstance(child, str) and isinstance(value, list) else [value]
