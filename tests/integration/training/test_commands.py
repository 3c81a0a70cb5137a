"""The three commands as a person types them; in a process of its own what depends on what is imported there."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from common.settings.shared import DEFAULT_MODEL
from contract.artifact.contract import METADATA_KEY, ModelContract
from contract.artifact.file import read_file
from contract.errors import InputError
from oversight.commands.convert import beside
from tests.here import oversight_here
from tests.unit.training.samples import lines, write
from tests.waiting import WAIT_S


def oversight(
    *words: object, before: str = "", after: str = "", cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command; `before` and `after` are Python around it in the same process."""
    program = (
        f"import sys\n{before}\nfrom oversight.cli import main\ntry:\n    main({[str(word) for word in words]!r})\n"
        f"finally:\n    pass\n    {after or 'pass'}\n"
    )
    return subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=WAIT_S, cwd=cwd
    )


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """A folder with what `oversight train` made of a small file, and what it said."""
    folder = tmp_path_factory.mktemp("train")
    data = write(folder / "small.csv", lines(1_200))
    other = write(folder / "other.csv", [*lines(60), lines(1)[0].rsplit(",", 1)[0] + ",mailbomb."])
    words = (
        "train",
        "--data",
        data,
        "--seed",
        3,
        "--output",
        folder / "model",
        "--keep-keras",
        folder / "kept.keras",
        "--check-data",
        other,
        "--json",
    )
    return folder, oversight(*words)


def test_train_writes_artifact_report_and_card_and_says_so_as_json(
    trained: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    """Results on stdout, progress in plain lines on stderr, and none of TensorFlow's noise."""
    folder, run = trained
    assert run.returncode == 0, run.stderr
    made = json.loads(run.stdout)
    assert sorted(path.name for path in (folder / "model").iterdir()) == [
        "MODEL_CARD.md",
        "contract.json",
        "model.keras",
        "model.onnx",
        "report.json",
    ]
    assert made["also_checked"]["other.csv"]["labels_that_differ"] == 0
    assert made["also_checked"]["other.csv"]["rows"] > 30
    assert made["size_bytes"] == (folder / "model" / "model.onnx").stat().st_size
    assert made["held_out"]["accuracy_23"] > 0.95
    assert "classifier: epoch 1 of at most" in run.stderr
    for noise in ("oneDNN", "absl", "cuda", "WARNING", "Traceback"):
        assert noise not in run.stderr


def test_the_artifact_carries_its_held_out_figures(trained: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    """And neither a path nor the name of a folder."""
    folder, _ = trained
    metadata = onnxruntime.InferenceSession(folder / "model" / "model.onnx").get_modelmeta().custom_metadata_map
    contract = ModelContract.from_json(metadata[METADATA_KEY])
    report = json.loads((folder / "model" / "report.json").read_text(encoding="utf-8"))
    assert contract.heldout == report["held_out"]
    assert contract.training["data"] == "small.csv"
    assert str(folder) not in metadata[METADATA_KEY]


def test_the_kept_keras_model_converts_with_the_contract_to_the_same_answers(
    trained: tuple[Path, subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    """`oversight convert` is the same way for anyone's model."""
    folder, _ = trained
    session = onnxruntime.InferenceSession(folder / "model" / "model.onnx")
    (tmp_path / "contract.json").write_text(session.get_modelmeta().custom_metadata_map[METADATA_KEY], encoding="utf-8")
    output = tmp_path / "again" / "model.onnx"
    run = oversight_here(
        "convert",
        "--model",
        folder / "kept.keras",
        "--contract",
        tmp_path / "contract.json",
        "--output",
        output,
        "--json",
    )
    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout)["agreement"]["labels_that_differ"] == 0
    rng = np.random.default_rng(0)
    feed = {"numeric": rng.random((50, 38), np.float32), "categorical": np.full((50, 3), "tcp", object)}
    for one, other in zip(session.run(None, feed), onnxruntime.InferenceSession(output).run(None, feed), strict=True):
        assert np.array_equal(one, other)


def test_convert_without_options_makes_the_same_bytes_of_what_was_trained_last(
    trained: tuple[Path, subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    """From build/, the newest first; the last lines say what to type next, and models/ is not touched."""
    folder, _ = trained
    for name, age_s in (("kdd99-mlp", 10), ("kdd99-flow", 20)):
        shutil.copytree(folder / "model", tmp_path / "build" / name)
        changed = time.time() - age_s
        os.utime(tmp_path / "build" / name / "model.keras", (changed, changed))
    built = tmp_path / "build" / "kdd99-mlp" / "model.onnx"
    before = built.read_bytes()
    run = oversight("convert", "--check-data", folder / "other.csv", cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    assert run.stderr == (
        "build/ has 2 trained models: using the newest, kdd99-mlp; for another, add --model, such as "
        "--model build/kdd99-flow/model.keras\n"
    )
    assert built.read_bytes() == before
    first, *_, score, serve, ship = run.stdout.splitlines()
    assert first.startswith("build/kdd99-mlp/model.keras -> build/kdd99-mlp/model.onnx  version ")
    assert "(unchanged)" in first
    assert "distinct rows of other.csv: all labels equal" in run.stdout
    assert score.endswith("oversight evaluate --data FILE --model build/kdd99-mlp/model.onnx")
    assert "OVERSIGHT_MODEL=build/kdd99-mlp/model.onnx" in serve
    assert "models/kdd99-mlp/" in ship
    assert not (tmp_path / "models").exists()


def test_convert_adds_usual_reasons_and_updates_what_train_wrote_beside_the_artifact(
    trained: tuple[Path, subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    """An artifact of an older version, made again: its contract, report and model card are those of the new one."""
    model = shutil.copytree(trained[0] / "model", tmp_path / "model")
    contract = json.loads((model / "contract.json").read_text(encoding="utf-8"))
    usual = {label["name"]: label.pop("usual_reasons", None) for label in contract["labels"]}
    assert usual["neptune"]
    for label in contract["labels"]:
        label.pop("usual_fall", None)
    (model / "contract.json").write_text(json.dumps(contract), encoding="utf-8")
    report = json.loads((model / "report.json").read_text(encoding="utf-8"))
    report["artifact"] |= {"version": "0" * 12, "size_bytes": 1}
    (model / "report.json").write_text(json.dumps(report), encoding="utf-8")
    run = oversight_here(
        "convert",
        "--model",
        model / "model.keras",
        "--output",
        model / "model.onnx",
        "--check-data",
        trained[0] / "small.csv",
        "--json",
    )
    assert run.returncode == 0, run.stderr
    made = json.loads(run.stdout)
    written = read_file(model / "model.onnx")
    assert written.contract == ModelContract.from_json((model / "contract.json").read_text(encoding="utf-8"))
    assert any(label.usual_reasons for label in written.contract.labels)
    report = json.loads((model / "report.json").read_text(encoding="utf-8"))
    assert report["artifact"]["version"] == made["version"] == written.version
    assert report["artifact"]["size_bytes"] == (model / "model.onnx").stat().st_size
    assert made["version"] in (model / "MODEL_CARD.md").read_text(encoding="utf-8")


def test_evaluate_names_the_artifact_it_scored_and_a_newer_one_in_build(
    trained: tuple[Path, subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    """The shipped one by default, after `train` and `convert` as well: a person may have meant the other."""
    folder, _ = trained
    built = tmp_path / "build" / "kdd99-mlp" / "model.onnx"
    built.parent.mkdir(parents=True)
    shutil.copy(folder / "model" / "model.onnx", built)
    run = oversight_here("evaluate", "--data", folder / "other.csv", cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    version = hashlib.sha256(DEFAULT_MODEL.read_bytes()).hexdigest()[:12]
    assert run.stdout.splitlines()[0] == f"measured: {DEFAULT_MODEL}  kdd99-mlp, version {version}"
    assert "build/kdd99-mlp/model.onnx (version " in run.stderr
    assert run.stderr.endswith("add --model build/kdd99-mlp/model.onnx to measure it\n")
    run = oversight_here(
        "evaluate", "--data", folder / "other.csv", "--model", "build/kdd99-mlp/model.onnx", cwd=tmp_path
    )
    assert run.stdout.startswith("measured: build/kdd99-mlp/model.onnx  kdd99-mlp, version ")
    assert run.stderr == ""


def test_convert_without_a_trained_model_says_what_to_do(tmp_path: Path) -> None:
    """Exit 1 and one line; a model without a contract beside it likewise."""
    run = oversight_here("convert", cwd=tmp_path)
    assert run.returncode == 1
    assert run.stderr == (
        "oversight: build/ contains no trained model (build/*/model.keras); run `oversight train` first, or "
        "name a model with --model\n"
    )
    assert not list(tmp_path.iterdir())
    with pytest.raises(
        InputError, match=r"no contract\.json beside mine\.keras; name the contract's file with --contract"
    ):
        beside(Path("mine.keras"))


def test_train_without_usable_data_ends_with_one_line(tmp_path: Path) -> None:
    """Exit 1, nothing written, no stack trace."""
    data = write(tmp_path / "bad.csv", ["1,2,3"])
    run = oversight_here("train", "--data", data, "--output", tmp_path / "model")
    assert run.returncode == 1
    assert run.stderr.splitlines()[-1].startswith("oversight: bad.csv, line 1: 3 columns, expected 42")
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize("command", ["train", "convert"])
def test_without_tensorflow_the_command_that_installs_it_is_named(command: str, tmp_path: Path) -> None:
    """As on a machine with the serving install alone."""
    data = write(tmp_path / "small.csv", lines(600))
    words = {
        "train": ("--data", data, "--output", tmp_path / "out"),
        "convert": ("--model", data, "--contract", data, "--output", tmp_path / "out"),
    }[command]
    run = oversight(command, *words, before="sys.modules['tensorflow'] = None")
    assert run.returncode == 1
    assert run.stderr.splitlines()[-1] == (
        "oversight: this command needs the package 'tensorflow', which is not installed; run `pip install "
        "'.[train]'` in the folder of Oversight's source"
    )


def test_convert_refuses_a_file_that_is_no_model_with_one_line(tmp_path: Path) -> None:
    """Exit 1, and no file."""
    contract = {
        "format": 1,
        "name": "m",
        "features": [{"name": "a", "field": "a", "kind": "float"}],
        "labels": [{"name": "x", "family": "f", "severity": 0}, {"name": "y", "family": "f", "severity": 1}],
        "families": ["f"],
    }
    (tmp_path / "contract.json").write_text(json.dumps(contract), encoding="utf-8")
    (tmp_path / "model.keras").write_text("text")
    run = oversight_here(
        "convert",
        "--model",
        tmp_path / "model.keras",
        "--contract",
        tmp_path / "contract.json",
        "--output",
        tmp_path / "o.onnx",
    )
    assert run.returncode == 1
    assert "is not a Keras model" in run.stderr
    assert run.stderr.count("\n") == 1
    assert not (tmp_path / "o.onnx").exists()


def test_evaluate_scores_the_shipped_artifact_without_tensorflow_or_scikit_learn(tmp_path: Path) -> None:
    """Keys are those that scripts read; the heavy libraries are not even imported."""
    data = write(tmp_path / "rows.csv", lines(300))
    heavy = (
        "print(sorted({'tensorflow', 'keras', 'sklearn', 'pandas', 'onnx', 'flask'} & set(sys.modules)), "
        "file=sys.stderr)"
    )
    run = oversight("evaluate", "--data", data, "--json", after=heavy)
    assert run.returncode == 0, run.stderr
    assert run.stderr == "[]\n"
    figures = json.loads(run.stdout)
    assert list(figures)[:10] == [
        "rows",
        "accuracy_23",
        "macro_f1_23",
        "kdd_cost",
        "family_accuracy",
        "family_recall",
        "normal_alert_rate",
        "normal_flag_rate",
        "ece_family",
        "unseen",
    ]
    assert figures["rows"] == 300


def test_evaluate_for_a_person_is_a_table_with_the_labels_that_were_never_seen(tmp_path: Path) -> None:
    """The figures with their meaning, and what the model called what it cannot know."""
    data = write(tmp_path / "rows.csv", [*lines(50), lines(1)[0].rsplit(",", 1)[0] + ",mailbomb."])
    run = oversight_here("evaluate", "--data", data)
    assert run.returncode == 0, run.stderr
    assert "accuracy_23" in run.stdout
    assert "Label never seen" in run.stdout
    assert "mailbomb" in run.stdout


def test_evaluate_refuses_what_is_no_artifact(tmp_path: Path) -> None:
    """Exit 64 as for every wrong artifact; a missing file, a text, a graph without a contract, one of other
    families.
    """
    import onnx
    from onnx import helper

    data = write(tmp_path / "rows.csv", lines(3))
    (tmp_path / "text.onnx").write_text("no graph")
    value = helper.make_tensor_value_info("x", 1, [None, 2])
    node = helper.make_node("Identity", ["x"], ["y"])
    out = helper.make_tensor_value_info("y", 1, [None, 2])
    graph = helper.make_model(
        helper.make_graph([node], "g", [value], [out]), ir_version=9, opset_imports=[helper.make_opsetid("", 18)]
    )
    onnx.save(graph, tmp_path / "bare.onnx")
    shipped = onnx.load(DEFAULT_MODEL)
    for item in shipped.metadata_props:
        item.value = item.value.replace('"dos"', '"flood"')
    onnx.save(shipped, tmp_path / "other.onnx")
    for name, words in (
        ("none.onnx", "there is no model at"),
        ("text.onnx", "is not an ONNX model"),
        ("bare.onnx", "without Oversight's contract"),
        ("other.onnx", "has the families flood, which KDD Cup 99 does not have"),
    ):
        run = oversight_here("evaluate", "--data", data, "--model", tmp_path / name)
        assert (run.returncode, run.stdout) == (64, "")
        assert words in run.stderr
        assert run.stderr.count("\n") == 1


@pytest.mark.data
def test_the_shipped_artifact_reaches_the_floor_on_the_labelled_test_rows(shared_data: Path) -> None:
    """Half of the contest's test set, with attacks that training never saw; within a minute."""
    run = oversight_here("evaluate", "--data", shared_data / "kdd99" / "corrected-dev.gz", "--json")
    assert run.returncode == 0, run.stderr
    figures = json.loads(run.stdout)
    assert figures["rows"] == 155_600
    assert figures["accuracy_23"] > 0.975
    assert figures["family_accuracy"] > 0.93
    assert figures["kdd_cost"] < 0.20
    assert figures["family_recall"]["r2l"] > 0.10
    assert figures["normal_alert_rate"] < 0.015
    assert figures["normal_flag_rate"] < 0.05
    assert figures["ece_family"] < 0.07
    assert figures["separable_flagged"] > 0.40
    assert len(figures["unseen"]) == 15
    assert figures["unseen"]["saint"]["flagged"] > 0.9 * figures["unseen"]["saint"]["rows"]
