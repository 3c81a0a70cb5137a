"""Build the ONNX nodes that bring the artifact's inputs to the model's.

categorical string (n, k) ─▶ Split ─┬─▶ LabelEncoder ─▶ codes ────┐
                                    └─▶ words ────────────────────┤
numeric float32 (n, m) ─▶ fill in missing values ─▶ columns ──────┼─▶ by input: Concat, Cast, Reshape
                       └─▶ flags of missing values ───────────────┘
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from contract.artifact.contract import CATEGORICAL_INPUT, NUMERIC_INPUT, ModelContract
from converter.inputs.wiring import Column, WiredInput, Wiring
from converter.onnx_graph import ML_DOMAIN, OPSET

CODES = "codes"
SPLIT_COUNTS = 18
"""From this operator set on, Split wants the number of its outputs."""
NUMBERS, FLAGS = "numbers", "flags"
"""The numbers with values for the missing ones, and 1 where a value was missing."""
_TYPES = {"bool": TensorProto.BOOL, "string": TensorProto.STRING, "bfloat16": TensorProto.BFLOAT16}


class Front:
    """The nodes in front of a model. `tensors` has a name for each input of the model, in its order."""

    def __init__(self, wiring: Wiring, contract: ModelContract, *, opset: int = OPSET) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []
        self._wiring, self._contract, self._opset = wiring, contract, opset
        self._numbers = NUMERIC_INPUT
        self._coded: dict[str, str] = {}
        self._fill_in()
        self._words = self._split_words()
        self._encode()
        self.tensors = [self._input(place, item) for place, item in enumerate(wiring.inputs)]

    def _fill_in(self) -> None:
        """Give a missing number, which arrives as NaN, its value."""
        flagged = [place for place, item in enumerate(self._contract.numeric) if item.missing == "flag"]
        if not flagged:
            return
        values = np.zeros(len(self._contract.numeric), np.float32)
        for place in flagged:
            values[place] = self._contract.numeric[place].missing_value
        self._constant("missing_values", values)
        self._add("IsNaN", [NUMERIC_INPUT], "is_missing")
        self._add("Where", ["is_missing", "missing_values", NUMERIC_INPUT], NUMBERS)
        self._add("Cast", ["is_missing"], FLAGS, to=TensorProto.FLOAT)
        self._numbers = NUMBERS

    def _split_words(self) -> dict[str, str]:
        """A tensor (n, 1) of words for each string feature."""
        features = self._contract.categorical
        names = [f"words_{index}" for index in range(len(features))]
        if names:
            number: dict[str, Any] = {"num_outputs": len(names)} if self._opset >= SPLIT_COUNTS else {}
            self.nodes.append(helper.make_node("Split", [CATEGORICAL_INPUT], names, "split_words", axis=1, **number))
        return {feature.name: name for feature, name in zip(features, names, strict=True)}

    def _encode(self) -> None:
        """A tensor (n, 1) of codes for each string feature that is fed as a number."""
        for index, feature in enumerate(self._contract.categorical):
            codes = self._wiring.codes.get(feature.name)
            if codes is None:
                continue
            node = helper.make_node(
                "LabelEncoder",
                [self._words[feature.name]],
                [f"codes_{index}"],
                f"look_up_{index}",
                domain=ML_DOMAIN,
                keys_strings=list(codes),
                values_int64s=list(codes.values()),
                default_int64=self._wiring.unseen[feature.name],
            )
            self.nodes.append(node)
            self._coded[feature.name] = f"codes_{index}"

    def _input(self, place: int, item: WiredInput) -> str:
        """The tensor for one input of the model."""
        name = f"input_{place}"
        if self._is_codes_of_all(item):
            self._add("Concat", list(self._coded.values()), "codes_int64", "join_codes", axis=1)
            return self._add("Cast", ["codes_int64"], CODES, "cast_codes", to=TensorProto.INT32)
        wanted = TensorProto.STRING if item.takes_words else _type(item.port.dtype)
        parts = []
        for number, run in enumerate(_runs(item.columns)):
            part, found = self._run(run, f"{name}_{number}")
            if found not in (wanted, TensorProto.STRING):
                part = self._add("Cast", [part], f"{name}_{number}_cast", to=wanted)
            parts.append(part)
        whole = parts[0] if len(parts) == 1 else self._add("Concat", parts, f"{name}_joined", axis=1)
        if len(item.port.shape) == 2:
            return whole
        sizes = [-1, *(size or 1 for size in item.port.shape[1:])]
        self._constant(f"{name}_shape", np.array(sizes, np.int64))
        return self._add("Reshape", [whole, f"{name}_shape"], f"{name}_shaped")

    def _is_codes_of_all(self, item: WiredInput) -> bool:
        """Whether the input takes exactly the string features in the contract's order, as `int32` (n, k)."""
        return (
            item.port.dtype == "int32"
            and len(item.port.shape) == 2
            and [column.feature for column in item.columns] == list(self._contract.categorical)
        )

    def _run(self, run: Sequence[Column], name: str) -> tuple[str, int]:
        """A tensor of neighbouring columns of one kind, and its type."""
        first = run[0]
        if first.is_number:
            source = FLAGS if first.missing else self._numbers
            places = [self._contract.numeric.index(column.feature) for column in run]
            if places == list(range(len(self._contract.numeric))):
                return source, TensorProto.FLOAT
            self._constant(f"{name}_places", np.array(places, np.int64))
            return self._add("Gather", [source, f"{name}_places"], name, axis=1), TensorProto.FLOAT
        table = self._coded if first.feature.name in self._coded else self._words
        tensors = [table[column.feature.name] for column in run]
        kind = TensorProto.INT64 if table is self._coded else TensorProto.STRING
        return (tensors[0] if len(tensors) == 1 else self._add("Concat", tensors, name, axis=1)), kind

    def _add(self, kind: str, inputs: list[str], output: str, name: str = "", **attributes: Any) -> str:
        self.nodes.append(helper.make_node(kind, inputs, [output], name or f"make_{output}", **attributes))
        return output

    def _constant(self, name: str, value: NDArray[Any]) -> None:
        self.initializers.append(numpy_helper.from_array(value, name))


def _runs(columns: Sequence[Column]) -> Iterator[list[Column]]:
    """Neighbouring columns of one kind together."""
    run: list[Column] = []
    for column in columns:
        if run and (column.is_number, column.missing) != (run[0].is_number, run[0].missing):
            yield run
            run = []
        run.append(column)
    yield run


def _type(dtype: str) -> int:
    """ONNX's number of a type."""
    return _TYPES.get(dtype) or helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
