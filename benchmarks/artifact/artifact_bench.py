"""How fast the shipped artifact answers, beside the same classifier alone on values that are encoded already.

    words and numbers ─▶ artifact: look-ups, scaling, four networks, novelty ─▶ rows/s ┐
                                                                                       ├─▶ ratio, in one run
    encoded floats ────▶ the classifier's three layers and a softmax alone ──▶ rows/s ┘

Both run in turns, so that what else the machine does hits both. One thread. The fastest run of each counts, and the median
is printed beside it: a busy machine makes runs slower and never faster.

    python -m benchmarks.artifact.artifact_bench [MODEL]
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from contract.artifact import METADATA_KEY, PROBABILITIES_OUTPUT, ModelContract
from oversight.settings import DEFAULT_MODEL

BATCHES = (1, 100, 1_000, 10_000)
SECONDS = 4.0
"""For each batch size, both together."""
IN_A_ROW = 10
"""Runs before it is the other's turn, so that each finds its own weights in the cache."""


def main(path: Path) -> None:
    """Measure and print a table for docs/benchmarks.md."""
    model = onnx.load(path)
    artifact = session(model)
    contract = ModelContract.from_json(artifact.get_modelmeta().custom_metadata_map[METADATA_KEY])
    bare = session(classifier_alone(model))
    width = bare.get_inputs()[0].shape[1]
    numeric, words = rows(contract, max(BATCHES))
    encoded = np.random.default_rng(0).normal(size=(max(BATCHES), width)).astype(np.float32)
    say(f"{contract.name}, {path.stat().st_size:,} bytes, ONNX Runtime {onnxruntime.__version__}, one thread\n")
    say("| batch | artifact, rows/s (median) | classifier alone, rows/s (median) | ratio |")
    say("|---|---|---|---|")
    for n in BATCHES:
        feeds = {"numeric": numeric[:n], "categorical": words[:n]}
        whole, alone = alternate((artifact, feeds), (bare, {"encoded": encoded[:n]}))
        shown = (f"{n / min(times):,.0f} ({n / float(np.median(times)):,.0f})" for times in (whole, alone))
        say(f"| {n:,} | {' | '.join(shown)} | {min(alone) / min(whole):.2f} |")


def say(line: str) -> None:
    """One line of the result."""
    sys.stdout.write(f"{line}\n")


def session(model: onnx.ModelProto) -> onnxruntime.InferenceSession:
    """One thread, all of ONNX Runtime's own optimisations."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def classifier_alone(model: onnx.ModelProto) -> onnx.ModelProto:
    """The layers that lead to the first softmax before `probabilities`, with their own weights, over encoded floats."""
    constants = {tensor.name: tensor for tensor in model.graph.initializer}
    producer = {name: node for node in model.graph.node for name in node.output}
    layers: list[onnx.NodeProto] = []
    name = classifier_output(model)
    while producer[name].op_type != "Concat":
        node = producer[name]
        layers.insert(0, node)
        name = next(value for value in node.input if value in producer)
    kernel = next(constants[value] for node in layers for value in node.input if value in constants)
    for node in layers:
        node.input[:] = ["encoded" if value == name else value for value in node.input]
    used = [constants[value] for node in layers for value in node.input if value in constants]
    output = helper.make_tensor_value_info(layers[-1].output[0], TensorProto.FLOAT, ["rows", None])
    encoded = helper.make_tensor_value_info(
        "encoded", TensorProto.FLOAT, ["rows", numpy_helper.to_array(kernel).shape[0]]
    )
    graph = helper.make_graph(layers, "classifier", [encoded], [output], initializer=used)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=model.ir_version)


def classifier_output(model: onnx.ModelProto) -> str:
    """Output of the softmax that `probabilities` starts from: the one that is sliced for P(normal)."""
    softmax = {node.output[0] for node in model.graph.node if node.op_type == "Softmax"}
    for node in model.graph.node:
        if node.op_type == "Slice" and node.input[0] in softmax:
            return str(node.input[0])
    return next(iter(softmax), PROBABILITIES_OUTPUT)


def rows(contract: ModelContract, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Made rows of usual traffic: values between their usual bounds, words as often as they are usual, as Python strings."""
    rng = np.random.default_rng(0)
    low, high = (
        np.array([getattr(item, side) or 0.0 for item in contract.numeric]) for side in ("usual_low", "usual_high")
    )
    words = []
    for item in contract.categorical:
        vocabulary, shares = zip(*(item.usual_shares or [(word, 1.0) for word in item.vocabulary]), strict=True)
        words.append(rng.choice(np.array(vocabulary, object), n, p=np.array(shares) / sum(shares)))
    return rng.uniform(low, high, (n, len(low))).astype(np.float32), np.stack(words, axis=1)


Run = tuple[onnxruntime.InferenceSession, dict[str, np.ndarray]]


def alternate(*runs: Run) -> tuple[list[float], ...]:
    """Seconds of each run, in turns for `SECONDS`; the first three of each warm it up and do not count."""
    times: tuple[list[float], ...] = tuple([] for _ in runs)
    for model, feeds in runs * 3:
        model.run(None, feeds)
    end = time.perf_counter() + SECONDS
    while time.perf_counter() < end:
        for (model, feeds), found in zip(runs, times, strict=True):
            for _ in range(IN_A_ROW):
                began = time.perf_counter()
                model.run(None, feeds)
                found.append(time.perf_counter() - began)
    return times


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT_MODEL)
