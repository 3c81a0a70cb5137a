"""How fast the shipped artifact predicts, compared with its classifier alone on encoded values.

    words and numbers ─▶ artifact: look-ups, scaling, four networks, novelty ─▶ rows/s ┐
    words and numbers ─▶ other artifacts, if named ───────────────────────────▶ rows/s ├─▶ ratios, in one run
    encoded floats ────▶ three layers of the classifier's size, a softmax ────▶ rows/s ┘

All run in turns on one thread, so that a busy machine slows each of them. The table shows the fastest run, because a
busy machine makes runs slower and never faster, and the median next to it.

    python -m benchmarks.artifact.artifact_bench [MODEL [EARLIER_MODEL ...]]
"""

from __future__ import annotations

import itertools
import sys
import time
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from common.settings.shared import DEFAULT_MODEL
from contract.artifact.contract import METADATA_KEY, PROBABILITIES_OUTPUT, ModelContract

BATCHES = (1, 100, 1_000, 10_000)
SECONDS = 4.0
"""For each batch size, all models together."""
CLASSIFIER = (64, 32)
"""Units of the classifier's hidden layers."""
IN_A_ROW = 10
"""Consecutive runs of one model, so that its weights stay in the processor's cache."""


def main(paths: list[Path]) -> None:
    """Measure and print a table for docs/benchmarks.md; ratios are relative to the first model."""
    models = [onnx.load(path) for path in paths]
    sessions = [session(model) for model in models]
    contract = ModelContract.from_json(sessions[0].get_modelmeta().custom_metadata_map[METADATA_KEY])
    bare = session(classifier_alone(contract))
    width = bare.get_inputs()[0].shape[1]
    numeric, words = rows(contract, max(BATCHES))
    encoded = np.random.default_rng(0).normal(size=(max(BATCHES), width)).astype(np.float32)
    sizes = ", ".join(f"{path} {path.stat().st_size:,} bytes" for path in paths)
    say(f"{contract.name}: {sizes}; ONNX Runtime {onnxruntime.__version__}, one thread\n")
    names = ["artifact", *(f"{path}" for path in paths[1:]), "classifier alone"]
    say(f"| batch | {' | '.join(f'{name}, rows/s (median)' for name in names)} | ratio of the medians |")
    say("|---" * (len(names) + 2) + "|")
    for n in BATCHES:
        feeds = {"numeric": numeric[:n], "categorical": words[:n]}
        times = alternate(*((model, feeds) for model in sessions), (bare, {"encoded": encoded[:n]}))
        shown = (f"{n / min(found):,.0f} ({n / float(np.median(found)):,.0f})" for found in times)
        ratios = (f"{float(np.median(found) / np.median(times[0])):.2f}" for found in times[1:])
        say(f"| {n:,} | {' | '.join(shown)} | {', '.join(ratios)} |")


def say(line: str) -> None:
    """Print one line of the result."""
    sys.stdout.write(f"{line}\n")


def session(model: onnx.ModelProto) -> onnxruntime.InferenceSession:
    """A session with one thread and all optimisations of ONNX Runtime."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def classifier_alone(contract: ModelContract) -> onnx.ModelProto:
    """Layers of the classifier's size over encoded floats. The weights are random; they do not change the time."""
    rng = np.random.default_rng(0)
    width = len(contract.numeric) + sum(len(item.vocabulary) + 1 for item in contract.categorical)
    sizes = (width, *CLASSIFIER, len(contract.labels))
    nodes, constants, name = [], [], "encoded"
    for place, shape in enumerate(itertools.pairwise(sizes)):
        kernel = rng.normal(scale=shape[0] ** -0.5, size=shape).astype(np.float32)
        constants += [
            numpy_helper.from_array(kernel, f"kernel_{place}"),
            numpy_helper.from_array(np.zeros(shape[1], np.float32), f"bias_{place}"),
        ]
        nodes.append(helper.make_node("Gemm", [name, f"kernel_{place}", f"bias_{place}"], [f"sum_{place}"]))
        last = place == len(sizes) - 2
        name = PROBABILITIES_OUTPUT if last else f"layer_{place}"
        nodes.append(helper.make_node("Softmax" if last else "Relu", [f"sum_{place}"], [name]))
    encoded = helper.make_tensor_value_info("encoded", TensorProto.FLOAT, ["rows", width])
    output = helper.make_tensor_value_info(PROBABILITIES_OUTPUT, TensorProto.FLOAT, ["rows", sizes[-1]])
    graph = helper.make_graph(nodes, "classifier", [encoded], [output], initializer=constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


def rows(contract: ModelContract, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Random rows of usual traffic: numbers between their usual bounds, words by their usual shares, as Python
    strings.
    """
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
    """Seconds of each run, in turns for `SECONDS`; three runs of each warm it up and do not count."""
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
    main([Path(word) for word in sys.argv[1:]] or [DEFAULT_MODEL])
