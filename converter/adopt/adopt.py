"""Turn an ONNX model of another tool into an artifact: its own graph, with the artifact's inputs and outputs around it.

numeric, categorical ─▶ columns, casts, codes ─▶ the model's graph ─▶ task's outputs
                        converter.adopt.inputs                        converter.adopt.outputs
"""

from __future__ import annotations

import dataclasses
import os
import stat
from pathlib import Path

import onnx
from google.protobuf.message import DecodeError
from onnx import checker, external_data_helper, helper, shape_inference

from contract.artifact.contract import ModelContract
from contract.errors import ConversionError, InputError
from contract.files import open_regular
from contract.onnx.reader import MAX_MODEL_BYTES
from converter.adopt.inputs import add_inputs
from converter.adopt.outputs import add_outputs, limit_shares
from converter.onnx_graph import IR_VERSION, ML_DOMAIN, ML_OPSET, PRODUCER, foreign_operators
from converter.onnx_run import check_independence, check_meaning, open_session, run_onnx
from converter.proof.finish import Finished, Trial, finish
from converter.rows import made_from, with_unseen_words

OLDEST_OPSET = 13
"""Operators of older models mean other things; ONNX's own converter brings them up."""


def adopt(
    path: Path, contract: ModelContract, output: Path, trial: Trial | None = None, *, head: str | None = None
) -> Finished:
    """Write the artifact, or nothing.

    Args:
        path: the ONNX file; weights in a file beside it are taken in.
        contract: features, labels and task.
        output: the file to write; replaces an existing one atomically.
        trial: real rows to try it with, and the truth; without them, rows are made from the contract.
        head: which of several outputs to take, by name.
    Raises:
        ArtifactError: the contract's parts do not fit together.
        ConversionError: model and contract do not fit, or the graph fails on the rows.
        InputError: a file cannot be read or written.
    """
    contract.check()
    contract = dataclasses.replace(contract, libraries={**contract.libraries, "onnx": onnx.__version__})
    source = _brought_up(read(path), path)
    _refuse_foreign(source.graph, path)
    model = wired(source, contract, head)
    try:
        checker.check_model(model)
    except (checker.ValidationError, shape_inference.InferenceError) as error:
        raise ConversionError(f"{path}: the graph is not valid ONNX ({str(error).splitlines()[0]})") from None
    trial = trial or Trial()
    tried = with_unseen_words(made_from(contract) if trial.labelled is None else trial.labelled.rows)
    session = open_session(model)
    outputs = run_onnx(session, tried)
    check_meaning(outputs, contract)
    check_independence(outputs, run_onnx(session, tried.first()))
    if contract.task == "classification":
        limit_shares(model.graph)
    return finish(
        model, contract, output, trial, lambda other, rows: run_onnx(open_session(wired(source, other, head)), rows)
    )


def wired(source: onnx.ModelProto, contract: ModelContract, head: str | None) -> onnx.ModelProto:
    """A copy of the model with the artifact's inputs and outputs around it.

    Raises:
        ConversionError: model and contract do not fit.
    """
    graph = onnx.GraphProto()
    graph.CopyFrom(source.graph)
    opset = _opset(source)
    add_inputs(graph, contract, opset=opset)
    add_outputs(graph, contract, opset=opset, head=head)
    return helper.make_model(
        graph,
        producer_name=PRODUCER,
        ir_version=max(IR_VERSION, source.ir_version),
        opset_imports=[
            helper.make_opsetid("", opset),
            helper.make_opsetid(ML_DOMAIN, max(ML_OPSET, _ml_opset(source))),
        ],
    )


def read(path: Path) -> onnx.ModelProto:
    """Read an ONNX file with its external weights.

    Raises:
        InputError: it cannot be read, or is no ONNX model.
        ConversionError: its weights are not in a plain file beside it, or too large.
    """
    try:
        with open_regular(path) as file:
            content = file.read(MAX_MODEL_BYTES + 1)
        if len(content) > MAX_MODEL_BYTES:
            raise ConversionError(f"{path} has more than {MAX_MODEL_BYTES:,} bytes, the most that can be served")
        model = onnx.load_model_from_string(content)
    except OSError as error:
        raise InputError(f"cannot read {path} ({error.strerror or error}); name an ONNX file") from None
    except (DecodeError, ValueError) as error:
        raise InputError(f"{path} is not an ONNX model ({str(error).splitlines()[0]}); name an .onnx file") from None
    total = len(content)
    names = {
        entry.value
        for tensor in external_data_helper._get_all_tensors(model)
        if external_data_helper.uses_external_data(tensor)
        for entry in tensor.external_data
        if entry.key == "location"
    }
    for name in sorted(names):
        total += _size_of_weights(path, name)
    if total > MAX_MODEL_BYTES:
        raise ConversionError(f"{path} and its weights have {total:,} bytes, expected {MAX_MODEL_BYTES:,} at most")
    try:
        external_data_helper.load_external_data_for_model(model, str(path.parent))
    except (OSError, ValueError, checker.ValidationError) as error:
        raise ConversionError(f"the weights of {path} cannot be read ({str(error).splitlines()[0]})") from None
    for tensor in external_data_helper._get_all_tensors(model):
        tensor.ClearField("external_data")
        tensor.data_location = onnx.TensorProto.DEFAULT
    return model


def _size_of_weights(path: Path, name: str) -> int:
    if not name or Path(name).name != name:
        raise ConversionError(f"{path} has its weights in {name!r}; they must be in a file beside it")
    try:
        found = os.lstat(path.parent / name)
    except OSError:
        raise ConversionError(f"{path} has its weights in {name!r}, which is not beside it; copy it there") from None
    if not stat.S_ISREG(found.st_mode):
        raise ConversionError(f"{path} has its weights in {name!r}, which is a link or no file; copy the file itself")
    return found.st_size


def _brought_up(model: onnx.ModelProto, path: Path) -> onnx.ModelProto:
    """The model with an opset that is new enough."""
    opset = _opset(model)
    if opset >= OLDEST_OPSET:
        return model
    try:
        return onnx.version_converter.convert_version(model, OLDEST_OPSET)
    except Exception as error:  # noqa: BLE001  ONNX's converter raises RuntimeError and plain C++ errors
        raise ConversionError(
            f"{path} is written for opset {opset}, and cannot be brought to {OLDEST_OPSET} "
            f"({str(error).splitlines()[0]}); export it again with target_opset={OLDEST_OPSET} or higher"
        ) from None


def _opset(model: onnx.ModelProto) -> int:
    """Version of ONNX's own operators; a model of trees alone may name none."""
    return next((item.version for item in model.opset_import if item.domain in ("", "ai.onnx")), OLDEST_OPSET)


def _ml_opset(model: onnx.ModelProto) -> int:
    return max((item.version for item in model.opset_import if item.domain == ML_DOMAIN), default=1)


def _refuse_foreign(graph: onnx.GraphProto, path: Path) -> None:
    if foreign := foreign_operators(graph):
        raise ConversionError(
            f"{path} needs operators that are not part of standard ONNX: {', '.join(foreign)}; export it without them"
        )
