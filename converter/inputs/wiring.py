"""Find which features each input of a model takes, and in which form.

    the contract's features ─┐
    the model's inputs ──────┼─▶ Wiring: the columns of each input ─▶ ONNX nodes (`front`), NumPy arrays (`feed`)
    --input NAME=F1,F2 ──────┘

An input takes, in this order:

    what --input names for it
    the feature whose name it has (or `FEATURE_missing`: 1 where that feature is missing)
    of two inputs `numeric` and `categorical`: the float features, the string features
    of two inputs of different types or widths: those of its kind
    as the only input that is left: every feature that is left, in the contract's order

Nothing is matched by position alone: where this leaves a choice, the message asks for --input.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from contract.artifact.contract import CATEGORICAL_INPUT, NUMERIC_INPUT, Feature, ModelContract
from contract.errors import ConversionError
from converter.inputs.port import Port, shape_in_words

MISSING_SUFFIX = "_missing"


@dataclass(frozen=True, slots=True)
class Column:
    """One column of an input: a feature, or whether a feature is missing."""

    feature: Feature
    missing: bool = False

    @property
    def name(self) -> str:
        """The name that --input uses."""
        return self.feature.name + MISSING_SUFFIX if self.missing else self.feature.name

    @property
    def is_number(self) -> bool:
        """Whether the column is a number of the document, not a word of it."""
        return self.missing or self.feature.kind == "float"


@dataclass(frozen=True, slots=True)
class WiredInput:
    """An input with its columns."""

    port: Port
    columns: tuple[Column, ...]

    @property
    def takes_words(self) -> bool:
        """Whether the model looks the words up itself."""
        return self.port.dtype == "string"


@dataclass(frozen=True, slots=True)
class Wiring:
    """All inputs of a model, in the model's order, and the code of each word."""

    inputs: tuple[WiredInput, ...]
    codes: Mapping[str, Mapping[str, int]]
    """By string feature that is fed as a number: the number of each word."""
    unseen: Mapping[str, int]
    """By the same features: the number of a word that the vocabulary lacks."""


@dataclass(frozen=True, slots=True)
class Choices:
    """What only the author of a model knows."""

    inputs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """By input: the features in the order of its columns."""
    codes_from: int = 1
    """Code of the first word of a vocabulary. From 1, code 0 is for unseen words."""
    unseen: int | None = None
    """Code of an unseen word where codes are from 0, for models that take any number; None: that of the background."""


def columns_of(ports: Sequence[Port], contract: ModelContract, choices: Choices) -> tuple[WiredInput, ...]:
    """The columns of every input.

    Raises:
        ConversionError: an input fits no features, a feature no input, or there is a choice to be made.
    """
    every = {column.name: column for column in _columns(contract)}
    places = {port.name: port for port in ports}
    chosen = {name: _chosen(name, names, places, every) for name, names in choices.inputs.items()}
    for port in ports:
        if port.name not in chosen and (name := named_as(port, every)) is not None:
            chosen[port.name] = (every[name],)
    taken = {column.name for columns in chosen.values() for column in columns}
    rest = [column for name, column in every.items() if name not in taken]
    open_ports = [port for port in ports if port.name not in chosen]
    chosen |= _the_rest(open_ports, rest)
    wired = tuple(WiredInput(port, chosen[port.name]) for port in ports)
    for item in wired:
        _check_width(item)
        _check_type(item)
    return wired


def _columns(contract: ModelContract) -> list[Column]:
    """One column for each feature in the contract's order, then those of the flags."""
    flags = [Column(feature, missing=True) for feature in contract.features if feature.missing == "flag"]
    names = {feature.name for feature in contract.features}
    for flag in flags:
        if flag.name in names:
            raise ConversionError(
                f"feature {flag.name!r} has the name of the flag of {flag.feature.name!r}; give it another name, or "
                f'write "missing": "value" for {flag.feature.name!r}'
            )
    return [*map(Column, contract.features), *flags]


def _chosen(
    name: str, names: Sequence[str], ports: Mapping[str, Port], every: Mapping[str, Column]
) -> tuple[Column, ...]:
    if name not in ports:
        raise ConversionError(f"--input names {name!r}; the model has the inputs {', '.join(ports)}")
    for feature in names:
        if feature not in every:
            raise ConversionError(
                f"--input {name}: {feature!r} is no feature of the contract; it has {_list(list(every))}"
            )
    return tuple(every[feature] for feature in names)


def named_as(port: Port, names: Collection[str]) -> str | None:
    """The name that an input of one value has; else the only one of the same letters and digits."""
    if _width(port.shape) not in (1, None):
        return None
    if port.name in names:
        return port.name
    alike = [name for name in names if _plain(name) == _plain(port.name)]
    return alike[0] if len(alike) == 1 else None


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")


def _the_rest(ports: Sequence[Port], columns: Sequence[Column]) -> dict[str, tuple[Column, ...]]:
    if not ports and not columns:
        return {}
    if not ports and all(column.missing for column in columns):
        raise ConversionError(
            f"the model has no input for {_list([column.name for column in columns])}, which is 1 where the feature is "
            f'missing; write "missing": "value" into the contract, or train the model with this input'
        )
    if not ports:
        raise ConversionError(
            f"the model has no input for {_list([column.name for column in columns])} of the contract; leave them out "
            f"of the contract, or convert the model that belongs to it"
        )
    if not columns:
        raise ConversionError(
            f"no feature of the contract is left for the model's input {ports[0]}; add the feature to the contract, or "
            f"name the features of each input with --input NAME=FEATURE,FEATURE"
        )
    if len(ports) == 1:
        return {ports[0].name: tuple(columns)}
    numbers = tuple(column for column in columns if column.is_number)
    words = tuple(column for column in columns if not column.is_number)
    pair = _by_kind(ports, numbers, words) if len(ports) == 2 and numbers and words else None
    if pair is None:
        raise ConversionError(_question(ports, columns))
    return {pair[0].name: numbers, pair[1].name: words}


def _by_kind(ports: Sequence[Port], numbers: tuple[Column, ...], words: tuple[Column, ...]) -> tuple[Port, Port] | None:
    """The input of the numbers and that of the words; None if both could be either."""
    names = {port.name: port for port in ports}
    if set(names) == {NUMERIC_INPUT, CATEGORICAL_INPUT}:
        return names[NUMERIC_INPUT], names[CATEGORICAL_INPUT]
    ways = [
        (first, second)
        for first, second in (tuple(ports), tuple(reversed(ports)))
        if _takes(first, len(numbers)) and _takes(second, len(words)) and first.dtype != "string"
    ]
    if len(ways) == 2:
        ways = [(first, second) for first, second in ways if _is_float(first) and not _is_float(second)]
    return ways[0] if len(ways) == 1 else None


def _takes(port: Port, count: int) -> bool:
    """Whether an input can take so many columns. An open number of columns takes any."""
    return _width(port.shape) == count or (len(port.shape) == 2 and port.shape[1] is None)


def _is_float(port: Port) -> bool:
    return port.dtype.startswith(("float", "bfloat"))


def _question(ports: Sequence[Port], columns: Sequence[Column]) -> str:
    """Which features go where? With the options to fill in."""
    left = [column.name for column in columns]
    options = []
    for port in ports:
        width = _width(port.shape) or 1
        options.append(f"--input {port.name}={','.join(left[:width]) or 'FEATURE'}")
        left = left[width:]
    return (
        f"which features do the inputs {', '.join(map(str, ports))} take? Their names are no features of the contract, "
        f"which has {_list([column.name for column in columns])}; write the features of each input in the order of its "
        f"columns, such as {' '.join(options)}"
    )


def _list(names: Sequence[str]) -> str:
    more = f" and {len(names) - 10} more" if len(names) > 10 else ""
    return ", ".join(names[:10]) + more


def _width(shape: Sequence[int | None]) -> int | None:
    """Number of values of a row; None if it is not fixed."""
    sizes = list(shape[1:])
    return None if None in sizes else math.prod(size or 0 for size in sizes)


def _check_width(item: WiredInput) -> None:
    port, count = item.port, len(item.columns)
    if _takes(port, count):
        return
    kinds = {column.feature.kind for column in item.columns}
    what = (
        f"{kinds.pop()} features" if len(kinds) == 1 and port.name in (NUMERIC_INPUT, CATEGORICAL_INPUT) else "features"
    )
    if any(column.missing for column in item.columns):
        what += " and flags for missing values"
    message = (
        f"the model's input {port.name!r} has the shape {shape_in_words(port.shape)}, the contract has {count} {what}: "
        f"expected (n, {count}); convert with the contract that belongs to this model"
    )
    if len(port.shape) == 3:
        steps = port.shape[1] if port.shape[1] is not None else "any number of"
        total = _width(port.shape)
        message = (
            f"the model's input {port.name!r} has the shape {shape_in_words(port.shape)}, a window of {steps} "
            f"steps{f' for {port.reader}' if port.reader else ''}, and the contract has {count} {what}; a document is "
            f"one row, so the whole window must be in it: fix the number of steps, and write every value of every step "
            f"as a feature, step after step{'' if total is None else f' ({total} in all)'}"
        )
    raise ConversionError(message)


def _check_type(item: WiredInput) -> None:
    """Words go to a string input or become codes; numbers never become words."""
    if not item.takes_words:
        return
    numbers = [column.name for column in item.columns if column.is_number]
    if numbers:
        raise ConversionError(
            f"the model's input {item.port.name!r} takes text, and {_list(numbers)} is a float in the contract; write "
            f'"kind": "string" with a vocabulary'
        )
