"""The number that stands for each word where a model takes a word as a number.

input ─▶ Embedding, Dense, CategoryEncoding        place in the vocabulary, from 1 (0: unseen) or from 0
input ─▶ look-up table of integers                 the word read as an integer, such as a port
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import onnx

from contract.artifact.contract import Feature, ModelContract
from contract.errors import ConversionError
from converter.held import LARGEST_WHOLE
from converter.inputs.port import Port
from converter.inputs.wiring import Choices, WiredInput, Wiring, columns_of

_INTEGER = re.compile(r"-?(0|[1-9][0-9]{0,17})")
_PASSED = ("Cast", "Flatten", "Identity", "Reshape", "Squeeze", "Unsqueeze")
"""Operations that leave the values of an input as they are."""


@dataclass(frozen=True, slots=True)
class Use:
    """What a model does with the values of an input first."""

    keys: tuple[str | int, ...] = ()
    """The words or integers that it looks up."""
    several_unknown: bool = False
    """Unknown integers get several numbers, by the integer."""
    rows: int | None = None
    """The number of rows of the table that it reads with the value as index, such as an embedding."""


def uses_of(graph: onnx.GraphProto) -> dict[str, Use]:
    """What is done first with each input of a graph, where that is a look-up."""
    readers: dict[str, list[onnx.NodeProto]] = {}
    for node in graph.node:
        for name in node.input:
            readers.setdefault(name, []).append(node)
    rows = {tensor.name: tensor.dims[0] for tensor in graph.initializer if tensor.dims}
    return {item.name: use for item in graph.input if (use := _use(item.name, readers, rows)) is not None}


def _use(name: str, readers: Mapping[str, list[onnx.NodeProto]], rows: Mapping[str, int]) -> Use | None:
    found = []
    for node in _first_readers(name, readers):
        if node.op_type == "LabelEncoder":
            found.append(_look_up(node))
        elif node.op_type == "Gather" and node.input[0] in rows:
            found.append(Use(rows=rows[node.input[0]]))
    return max(found, key=lambda use: len(use.keys), default=None)  # a mask is a table of one word


def _look_up(node: onnx.NodeProto) -> Use:
    attributes = {item.name: item for item in node.attribute}
    if "keys_strings" in attributes:
        return Use(tuple(word.decode() for word in attributes["keys_strings"].strings))
    if "keys_int64s" not in attributes:
        return Use()
    default = attributes.get("default_int64")
    return Use(tuple(attributes["keys_int64s"].ints), several_unknown=default is not None and default.i == -1)


def _first_readers(name: str, readers: Mapping[str, list[onnx.NodeProto]]) -> Iterator[onnx.NodeProto]:
    for node in readers.get(name, []):
        if node.op_type in _PASSED:
            yield from _first_readers(node.output[0], readers)
        elif node.input[0] == name or node.op_type == "Gather":
            yield node


def wiring_of(ports: Sequence[Port], uses: Sequence[Use | None], contract: ModelContract, choices: Choices) -> Wiring:
    """The columns of every input and the code of every word.

    Args:
        uses: what the model does first with each input.
    Raises:
        ConversionError: inputs and contract do not fit together.
    """
    inputs = columns_of(ports, contract, choices)
    codes: dict[str, dict[str, int]] = {}
    unseen: dict[str, int] = {}
    for item, use in zip(inputs, uses, strict=True):
        keys = () if use is None else use.keys
        if item.takes_words:
            _check_vocabulary(item, keys)
            continue
        for column in item.columns:
            feature = column.feature
            if column.is_number:
                _check_held(feature, item, keys)
                continue
            if use is not None and any(isinstance(key, int) for key in keys):
                _refuse_several(feature, item, use)
                found = _integers(feature, item, keys)
            else:
                rows = None if use is None else use.rows
                found = _places(feature, choices.codes_from, choices.unseen if rows is None else None)
                _check_rows(feature, item, rows, choices.codes_from)
            if codes.setdefault(feature.name, found[0]) != found[0]:
                raise ConversionError(
                    f"feature {feature.name!r} goes to two inputs that take different numbers for its words; give each "
                    f"input a feature of its own"
                )
            unseen[feature.name] = found[1]
    return Wiring(inputs, codes, unseen)


def _places(feature: Feature, first: int, unseen: int | None) -> tuple[dict[str, int], int]:
    """Each word's place in the vocabulary. Counted from 0, an unseen word gets the code of the harmless word."""
    codes = {word: code for code, word in enumerate(feature.vocabulary, first)}
    if first or unseen is not None:
        return codes, 0 if unseen is None else unseen
    if feature.background not in codes:
        raise ConversionError(
            f"feature {feature.name!r}: codes from 0 leave none for a word that the vocabulary lacks; write the "
            f"`background` that stands for it into the contract, one of its words"
        )
    return codes, codes[str(feature.background)]


def _integers(feature: Feature, item: WiredInput, keys: Sequence[str | int]) -> tuple[dict[str, int], int]:
    """The words as the integers that they are; an unseen word becomes an integer that no table has."""
    wrong = next((word for word in feature.vocabulary if not _INTEGER.fullmatch(word)), None)
    if wrong is not None:
        raise ConversionError(
            f"the model's input {item.port.name!r} looks up integers, and {wrong!r} in the vocabulary of "
            f"{feature.name!r} is none; write the integers that the layer knows, such as {keys[0]!r}"
        )
    codes = {word: int(word) for word in feature.vocabulary}
    known = {key for key in keys if isinstance(key, int)}
    _check_common(feature, item, set(codes.values()) & known, keys)
    return codes, max(known | set(codes.values())) + 1


def _refuse_several(feature: Feature, item: WiredInput, use: Use) -> None:
    if use.several_unknown:
        raise ConversionError(
            f"the model's input {item.port.name!r} looks up integers with several numbers for unknown ones, which a "
            f'word cannot have; write "kind": "float" for {feature.name!r}, or train with num_oov_indices=1'
        )


def _check_held(feature: Feature, item: WiredInput, keys: Sequence[str | int]) -> None:
    """A float feature reaches the graph as float32, which holds whole numbers up to 2 to the 24th."""
    large = [key for key in keys if isinstance(key, int) and abs(key) > LARGEST_WHOLE]
    if large:
        raise ConversionError(
            f"the model's input {item.port.name!r} looks up {large[0]}, and {feature.name!r} is a float, which holds "
            f'whole numbers up to {LARGEST_WHOLE} only; write "kind": "string" with the integers as its vocabulary'
        )


def _check_vocabulary(item: WiredInput, keys: Sequence[str | int]) -> None:
    if keys and len(item.columns) == 1:
        feature = item.columns[0].feature
        _check_common(feature, item, set(feature.vocabulary) & set(keys), keys)


def _check_common(feature: Feature, item: WiredInput, common: set[str] | set[int], keys: Sequence[str | int]) -> None:
    """A table that knows none of the words belongs to another feature."""
    if not common:
        raise ConversionError(
            f"the model's input {item.port.name!r} looks up {_some(keys)}, and the vocabulary of {feature.name!r} has "
            f"none of these ({_some(feature.vocabulary)}); correct the vocabulary, or name the feature with --input"
        )


def _check_rows(feature: Feature, item: WiredInput, rows: int | None, first: int) -> None:
    """An embedding needs a row for every code."""
    needed = len(feature.vocabulary) + first
    if rows is None or rows >= needed:
        return
    hint = "convert with --codes-from 0" if first and rows >= needed - 1 else "correct the vocabulary"
    raise ConversionError(
        f"the model's input {item.port.name!r} indexes a table of {rows} rows, and the words of {feature.name!r} have "
        f"codes from {first} to {needed - 1}; if the model was trained with other codes, {hint}"
    )


def _some(words: Sequence[str | int]) -> str:
    some = sorted(words[:1000], key=str)  # a table has its own order, not the vocabulary's
    return ", ".join(map(repr, some[:3])) + (", ..." if len(words) > 3 else "")
