"""A user's model, opened once; its vocabularies in the contract; the order of its labels, found by the truth.

Keras file, SavedModel ─┐                          ┌─▶ look-ups ─▶ vocabularies of the contract
                        ├─▶ what goes in and out ──┤
ONNX file ──────────────┘                          └─▶ an artifact for any contract ─▶ the order of labels that fits
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from contract.artifact.contract import ModelContract
from contract.errors import ConversionError
from converter.describe.describe import Described, Wishes, describe
from converter.describe.seen import Seen
from converter.proof.finish import Finished, Trial
from converter.proof.labelled_rows import LabelledRows
from oversight.keras_parts import tensorflow_in_quiet

if TYPE_CHECKING:
    from converter.inputs.look_ups import LookUps

ONNX = ".onnx"
_FAMILY = {"tensor_type": "", "sequence_type": "a list of maps", "map_type": "a map"}
"""What an output of ONNX is."""


@dataclass(frozen=True, slots=True)
class UserModel:
    """A model as its file has it."""

    inputs: tuple[str, ...]
    """Name, type and shape of each, in words."""
    outputs: tuple[str, ...]
    """The same, with the activation where it is known."""
    look_ups: Callable[[], LookUps]
    """What it looks up first in each input."""
    make: Callable[[ModelContract, Path, Trial], Finished]
    """Writes the artifact of the model with a contract."""


@dataclass(frozen=True, slots=True)
class Ordered:
    """An artifact whose labels are in the order that fits the truth."""

    contract: ModelContract
    finished: Finished
    reordered: bool
    """The order is another than that of the contract before."""


def open_model(path: Path) -> UserModel:
    """Open a model file of any form.

    Raises:
        InputError: it cannot be read.
        ConversionError: it is no model that can be loaded safely.
    """
    return _of_onnx(path) if path.suffix.lower() == ONNX else _of_keras(path)


def describe_for(model: UserModel, seen: Seen, wishes: Wishes) -> Described:
    """Make the contract of the rows, with the words that the model looks up as its vocabularies.

    Raises:
        InputError: as `describe` does.
    """
    try:
        look_ups = model.look_ups()
    except ConversionError as error:
        return _noted(describe(seen, wishes), f"the vocabularies are those of the rows: {error}")
    columns = [name for name in seen.columns if name != wishes.label]
    named = look_ups.by_name(columns)
    described = describe(seen, replace(wishes, vocabularies=named))
    try:
        wired = look_ups.by_wiring(described.contract, columns)
    except ConversionError as error:
        return _noted(described, f"the other vocabularies are those of the rows: {error}")
    return describe(seen, replace(wishes, vocabularies=named | wired)) if wired else described


def _noted(described: Described, note: str) -> Described:
    """With the note, if there are words that it is about."""
    return replace(described, notes=(*described.notes, note)) if described.contract.categorical else described


def in_order(model: UserModel, contract: ModelContract, labelled: LabelledRows, path: Path) -> Ordered:
    """Write the artifact to a path, with the labels in the order that fits the truth.

    Raises:
        ConversionError: model and contract do not fit.
    """
    trial = Trial(labelled, force=True)
    made = model.make(contract, path, trial)
    order = made.proof.order if made.proof is not None else ()
    if order:
        by_name = {each.name: each for each in contract.labels}
        contract = replace(contract, labels=tuple(by_name[name] for name in order))
        made = model.make(contract, path, trial)
    return Ordered(contract, made, reordered=bool(order))


def _of_onnx(path: Path) -> UserModel:
    from converter.adopt.adopt import adopt, read
    from converter.inputs.codes import uses_of
    from converter.inputs.look_ups import LookUps
    from converter.inputs.port import ports_of

    graph = read(path).graph
    constants = {each.name for each in graph.initializer}
    ports = ports_of(each for each in graph.input if each.name not in constants)
    uses = uses_of(graph)
    look_ups = LookUps(ports, tuple(uses.get(port.name) for port in ports))
    outputs = []
    for each in graph.output:
        kind = str(each.type.WhichOneof("value"))
        outputs += (
            [f"{port}, {port.dtype}" for port in ports_of([each])]
            if kind == "tensor_type"
            else [f"{each.name!r}, {_FAMILY.get(kind, kind)}"]
        )
    return UserModel(
        tuple(f"{port}, {port.dtype}" for port in ports),
        tuple(outputs),
        lambda: look_ups,
        lambda contract, output, trial: adopt(path, contract, output, trial),
    )


def _of_keras(path: Path) -> UserModel:
    with tensorflow_in_quiet():
        from converter.convert import convert
        from converter.export.tensor_model import TensorModel
        from converter.export.wired import look_ups
        from converter.files.load import load
        from converter.inputs.port import shape_in_words
    loaded = load(path, ())

    def make(contract: ModelContract, output: Path, trial: Trial) -> Finished:
        usual = trial.labelled.rows if trial.labelled else None
        return convert(loaded, contract, output, trial=trial, usual=usual)

    if isinstance(loaded, TensorModel):
        inputs = tuple(f"{port}, {port.dtype}" for port in loaded.inputs)
        heads = loaded.heads
    else:
        from converter.export.outputs import heads_of

        inputs = tuple(
            f"{each.name!r} {shape_in_words(tuple(each.shape))}, {each.dtype}" for each in loaded.inputs or ()
        )
        heads = heads_of(loaded)
    outputs = tuple(
        f"{head.name!r} {shape_in_words(head.shape)}{f', {head.activation}' if head.activation else ''}"
        for head in heads
    )
    return UserModel(inputs, outputs, lambda: look_ups(loaded), make)
