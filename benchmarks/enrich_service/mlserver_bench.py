"""Documents a second, compared with MLServer that runs the same artifact.

python -m benchmarks.enrich_service.mlserver_bench [--data FILE] [--model FILE] [--seconds S]

    rows of a page ─┬─▶ {"documents": [...]}, 41 named fields each ─▶ oversight serve ──▶ results, alerts with reasons
                    ├─▶ {"inputs": [numeric, categorical]} ─────────▶ oversight serve ──▶ {"outputs": [...]}
                    ├─▶ {"inputs": [numeric, categorical]} ─────────▶ MLServer, tensors ▶ {"outputs": [...]}
                    ├─▶ {"inputs": [41 columns]} ───────────────────▶ MLServer, frames ─▶ {"outputs": [...]}
                    └─▶ {"inputs": [documents, each as text]} ──────▶ MLServer, documents ▶ {"outputs": [results]}

The first run installs MLServer into a virtual environment below `build/`, separate from ours. Its runtimes use the same
session options as the service, and no worker processes besides the server, which is fastest for such a small model.
*frames* decodes a table with MLServer's own codec. *tensors* does the least possible work: it passes two flat lists to
ONNX Runtime. Neither derives a verdict, a partial document or reasons. *documents* does: it imports the Python code of
`oversight serve` into MLServer's process and gives the same results for the same documents. All servers run on the same
core and take turns within each round. Before it measures, the benchmark compares MLServer's answers with ours.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import venv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from benchmarks.enrich_service.load.clients import Rate, ask, compared, in_turn, request
from benchmarks.enrich_service.load.processes import ROOT, Server, keep_off_the_servers, program, serving
from benchmarks.enrich_service.load.traffic import MIXES, PAGE, body, draw, rows_of, sources
from common.settings.shared import DEFAULT_MODEL
from contract.artifact.contract import CATEGORICAL_INPUT, NUMERIC_INPUT, Feature, ModelContract
from enrich_service.model.model_file import read
from oversight.demo.ports import free_port
from training.data.records import Records

VERSION = "1.7.1"
ENVIRONMENT = ROOT / "build" / "mlserver"
PAGES = 40
ROUNDS = 5
CONNECTIONS = 2
INSTALL_S = 900
TENSORS, FRAMES, DOCUMENTS = "tensors", "frames", "documents"
"""Names of the models in MLServer."""

RUNTIME = """
from pathlib import Path

import numpy as np
import msgspec
import onnxruntime
import orjson
from mlserver import MLModel
from mlserver.codecs import PandasCodec
from mlserver.types import InferenceResponse, ResponseOutput

TYPES = {"tensor(float)": ("FP32", np.float32), "tensor(string)": ("BYTES", np.object_)}


class Tensors(MLModel):
    async def load(self):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        path, providers = self.settings.parameters.uri, ["CPUExecutionProvider"]
        self.session = onnxruntime.InferenceSession(path, options, providers=providers)
        self.types = {item.name: TYPES[item.type][1] for item in self.session.get_inputs()}
        self.names = [item.name for item in self.session.get_outputs()]
        return True

    def feeds(self, payload):
        feeds = {}
        for tensor in payload.inputs:
            data = tensor.data.root if hasattr(tensor.data, "root") else tensor.data
            feeds[tensor.name] = np.array(data, self.types[tensor.name]).reshape(tensor.shape)
        return feeds

    async def predict(self, payload):
        feeds = self.feeds(payload)
        outputs = zip(self.names, self.session.run(self.names, feeds))
        return InferenceResponse(
            model_name=self.name,
            outputs=[ResponseOutput(name=name, shape=list(out.shape), datatype="FP32", data=out.ravel().tolist())
                     for name, out in outputs],
        )


class Frames(Tensors):
    def feeds(self, payload):
        frame = self.decode_request(payload, default_codec=PandasCodec)
        words = [item.name for item in payload.inputs if item.datatype == "BYTES"]
        numeric = frame.drop(columns=words).to_numpy(np.float32)
        return {"numeric": numeric, "categorical": frame[words].to_numpy(np.object_)}


class Documents(MLModel):
    async def load(self):
        from enrich_service.model.artifact import load
        from enrich_service.predict.enrich import Enricher
        from enrich_service.predict.page import Page

        self.page, self.enricher = Page, Enricher(load(Path(self.settings.parameters.uri)))
        return True

    async def predict(self, payload):
        data = payload.inputs[0].data
        found = [orjson.loads(text) for text in (data.root if hasattr(data, "root") else data)]
        page = self.page([one["id"] for one in found], [orjson.dumps(one["source"]) for one in found])
        texts = [msgspec.json.encode(result).decode() for result in self.enricher.enrich(page)]
        return InferenceResponse(
            model_name=self.name,
            outputs=[ResponseOutput(name="results", shape=[len(texts), 1], datatype="BYTES", data=texts)],
        )
"""
"""The module that MLServer imports from the model's folder."""


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, help="labelled KDD Cup 99 file; without it the simulator's rows")
    parser.add_argument("--model", type=Path, default=DEFAULT_MODEL, help="artifact")
    parser.add_argument("--seconds", type=float, default=2.0, help="load on each server in each round")
    arguments = parser.parse_args()
    contract = read(arguments.model).contract
    records, rows = rows_of(arguments.data)
    python = environment()
    keep_off_the_servers()
    sys.stdout.write(
        f"rows of {rows}, MLServer {VERSION}, pages of {PAGE:,}, {ROUNDS} rounds of {arguments.seconds:g} s, "
        "medians\n\n"
        "| page | Oversight, documents/s | Oversight, tensors/s | MLServer, documents/s | MLServer, "
        "tensors/s | MLServer, frames/s "
        "| documents / documents | tensors / tensors | documents / frames | by processor time |\n"
        "|---|---|---|---|---|---|---|---|---|---|\n"
    )
    with serving(arguments.model.resolve()) as ours, mlserver(python, arguments.model.resolve()) as rival:
        for mix in MIXES:
            documents, tensors, frames, texts = _pages(records, mix, contract)
            to_ours = [request(f"/v2/models/{contract.name}/infer", page) for page in tensors]
            to_tensors = [request(f"/v2/models/{TENSORS}/infer", page) for page in tensors]
            to_frames = [request(f"/v2/models/{FRAMES}/infer", page) for page in frames]
            to_texts = [request(f"/v2/models/{DOCUMENTS}/infer", page) for page in texts]
            for answer in (ask(rival, to_tensors[0]), ask(rival, to_frames[0])):
                _check_same_tensors(ask(ours, to_ours[0]), answer)
            to_documents = [request("/v1/enrich", page) for page in documents]
            _check_same_results(ask(ours, to_documents[0]), ask(rival, to_texts[0]))
            asked = [(ours, to_documents), (ours, to_ours), (rival, to_texts), (rival, to_tensors), (rival, to_frames)]
            rates = in_turn(asked, seconds=arguments.seconds, rounds=ROUNDS, connections=CONNECTIONS)
            pairs = (compared(rates[0], rates[2]), compared(rates[1], rates[3]), compared(rates[0], rates[4]))
            sys.stdout.write(
                f"| {mix} | {' | '.join(map(_rate, rates))} | {' | '.join(f'{pair[0]:.1f}' for pair in pairs)} | "
                f"{', '.join(f'{pair[1]:.1f}' for pair in pairs)} |\n"
            )
            sys.stdout.flush()


def environment() -> Path:
    """The Python interpreter of the environment with MLServer, which is created if it is missing.

    Raises:
        SystemExit: MLServer cannot be installed here.
    """
    python = ENVIRONMENT / "venv" / "bin" / "python"
    if python.exists() and not subprocess.run([python, "-c", "import mlserver, onnxruntime"], check=False).returncode:
        return python
    venv.create(ENVIRONMENT / "venv", with_pip=True)
    command = [
        str(python),
        "-m",
        "pip",
        "install",
        "--quiet",
        f"mlserver=={VERSION}",
        "onnxruntime",
        "msgspec",
        "orjson",
        "uvloop",
    ]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=INSTALL_S)
    if done.returncode:
        sys.exit(f"MLServer {VERSION} cannot be installed here: {done.stderr.strip().splitlines()[-1:]}")
    return python


@contextlib.contextmanager
def mlserver(python: Path, model: Path) -> Iterator[Server]:
    """Run MLServer with the artifact, without worker processes, on the servers' core."""
    with tempfile.TemporaryDirectory() as name:
        folder, port = Path(name), free_port()
        (folder / "oversight_runtime.py").write_text(RUNTIME, encoding="utf-8")
        settings = {
            "debug": False,
            "parallel_workers": 0,
            "host": "127.0.0.1",
            "http_port": port,
            "grpc_port": free_port(),
            "metrics_endpoint": None,
            "gzip_enabled": False,
        }
        for one in (TENSORS, FRAMES, DOCUMENTS):
            (folder / one).mkdir()
            of_model = {
                "name": one,
                "implementation": f"oversight_runtime.{one.title()}",
                "parameters": {"uri": str(model), "version": "1"},
            }
            (folder / one / "model-settings.json").write_text(json.dumps(of_model), encoding="utf-8")
        (folder / "settings.json").write_text(json.dumps(settings), encoding="utf-8")
        command = [str(python.parent / "mlserver"), "start", name]
        with program(
            command, port, name="MLServer", ready="/v2/health/ready", env={"PYTHONPATH": f"{name}{os.pathsep}{ROOT}"}
        ) as server:
            yield server


def _pages(
    records: Records, mix: str, contract: ModelContract
) -> tuple[list[bytes], list[bytes], list[bytes], list[bytes]]:
    """The same pages as documents, as two tensors, as one tensor per column, and as a tensor of documents."""
    rows = draw(records, mix, np.random.default_rng([99, MIXES.index(mix)]), PAGES * PAGE)
    found = sources(records, rows[: len(rows) // PAGE * PAGE], contract)
    pages = [found[begin : begin + PAGE] for begin in range(0, len(found), PAGE)]
    two = [(NUMERIC_INPUT, "FP32", contract.numeric), (CATEGORICAL_INPUT, "BYTES", contract.categorical)]
    each = [(feature.name, datatype, (feature,)) for _, datatype, features in two for feature in features]
    documents = [body(page) for page in pages]
    return (
        documents,
        [_inputs(page, two) for page in pages],
        [_inputs(page, each) for page in pages],
        [_texts(page) for page in documents],
    )


def _texts(page: bytes) -> bytes:
    data = [orjson.dumps(document).decode() for document in orjson.loads(page)["documents"]]
    return orjson.dumps({"inputs": [{"name": "documents", "shape": [len(data), 1], "datatype": "BYTES", "data": data}]})


def _inputs(page: list[dict[str, Any]], columns: Sequence[tuple[str, str, Sequence[Feature]]]) -> bytes:
    rows = [next(iter(source.values())) for source in page]
    inputs = []
    for name, datatype, features in columns:
        data = [row[feature.name] for row in rows for feature in features]
        inputs.append({"name": name, "shape": [len(rows), len(features)], "datatype": datatype, "data": data})
    return orjson.dumps({"inputs": inputs})


def _check_same_tensors(ours: bytes, theirs: bytes) -> None:
    """Check that both servers answer with the same tensors.

    Raises:
        RuntimeError: they do not.
    """
    one, two = (
        {output["name"]: output["data"] for output in orjson.loads(answer)["outputs"]} for answer in (ours, theirs)
    )
    if one.keys() != two.keys() or not all(np.allclose(one[name], two[name], atol=1e-6) for name in one):
        raise RuntimeError("MLServer answers with other numbers than the enrich service")


def _check_same_results(ours: bytes, theirs: bytes) -> None:
    """Check that both servers give the same verdicts with the same fields; the sixth digit of a number may differ.

    Raises:
        RuntimeError: they do not.
    """
    one = orjson.loads(ours)["results"]
    two = [orjson.loads(text) for text in orjson.loads(theirs)["outputs"][0]["data"]]
    if [_verdict(result) for result in one] != [_verdict(result) for result in two]:
        raise RuntimeError("the runtime in MLServer answers with other results than the enrich service")


def _verdict(result: dict[str, Any]) -> tuple[Any, ...]:
    prediction = result["fields"]["oversight"]["prediction"]
    return result["id"], prediction["label"], prediction.get("reasons"), sorted(prediction), sorted(result["fields"])


def _rate(rates: list[Rate]) -> str:
    return f"{statistics.median(rate.per_s for rate in rates) * PAGE:,.0f}"


if __name__ == "__main__":
    main()
