"""A model folder: its versions, its pointer, and what is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from contract.artifact.contract import Feature, ModelContract
from contract.errors import ArtifactError
from enrich_service.model.model_file import read
from enrich_service.model.pointer import MAX_PREVIOUS, POINTER, Pointer, read_pointer, write_pointer
from enrich_service.versions.store import ModelStore
from tests.artifacts import TURBINE, write_model

pytestmark = pytest.mark.filterwarnings(
    "ignore:This process:DeprecationWarning"
)  # a trial forks, and Python 3.12 warns if there are threads


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Three versions of one model."""
    folder = tmp_path_factory.mktemp("files")
    return [write_model(folder / f"{n}.onnx", replace(TURBINE, heldout={"round": n})) for n in range(3)]


@pytest.fixture
def store(tmp_path: Path, files: list[Path]) -> ModelStore:
    """A folder with two versions, of which the first is active."""
    store = ModelStore(tmp_path / "live")
    store.activate(str(files[0]))
    store.add(files[1])
    return store


def version(file: Path) -> str:
    return read(file).version


def test_a_stored_version_has_the_bytes_of_its_file(store: ModelStore, files: list[Path]) -> None:
    """Its name is from their SHA-256; adding it again changes nothing."""
    stored = store.folder / "versions" / f"{version(files[1])}.onnx"
    assert stored.read_bytes() == files[1].read_bytes()
    before = stored.stat()
    store.add(files[1])
    assert stored.stat().st_ino == before.st_ino


def test_adding_activates_nothing(store: ModelStore, files: list[Path]) -> None:
    """Only `activate` changes the served version."""
    assert read(store.folder).version == version(files[0])


def test_a_rollback_goes_back_one_activation_each_time(store: ModelStore, files: list[Path]) -> None:
    """A further rollback goes further back; without an earlier activation the command says so."""
    store.activate(version(files[1])[:5])
    store.activate(str(files[2]))
    assert store.rollback().now.active == version(files[1])
    assert store.rollback().now.active == version(files[0])
    with pytest.raises(ArtifactError, match=f"nothing to roll back to.*before {version(files[0])}"):
        store.rollback()


def test_an_unknown_version_lists_the_existing_ones(store: ModelStore) -> None:
    """The user need not search the folder."""
    there = ", ".join(stored.version for stored in store.versions())
    with pytest.raises(ArtifactError, match=rf"has no version 0123456789ab \(there: {there}\)"):
        store.activate("0123456789ab")


@pytest.mark.parametrize(
    ("contract", "why"),
    [
        (replace(TURBINE, name="windmill"), "is the model 'windmill', and 'turbine' is active"),
        (
            replace(TURBINE, features=(replace(TURBINE.features[0], field="turbine.heat_c"), *TURBINE.features[1:])),
            "more: turbine.heat_c; fewer: turbine.temperature_c",
        ),
    ],
)
def test_a_foreign_artifact_is_refused_unless_it_is_allowed(
    store: ModelStore, tmp_path: Path, contract: ModelContract, why: str
) -> None:
    """Another name or other fields: the pipelines have to be changed first."""
    foreign = write_model(tmp_path / "foreign.onnx", contract)
    with pytest.raises(ArtifactError, match=rf"{why}.*oversight provision.*--foreign"):
        store.activate(str(foreign))
    change = store.activate(str(foreign), foreign=True)
    assert (change.now.active, change.now.foreign) == (version(foreign), True)
    assert store.rollback().now.foreign, "the rollback is to another model too"


def test_an_artifact_that_cannot_be_served_is_never_stored(store: ModelStore, tmp_path: Path) -> None:
    """The command runs it, and does not only read it."""
    bad = write_model(tmp_path / "bad.onnx", change=lambda model: setattr(model.graph.node[1], "op_type", "Nonsense"))
    with pytest.raises(ArtifactError, match="refuses the graph"):
        store.add(bad)
    assert len(store.versions()) == 2


def test_a_changed_version_is_refused(store: ModelStore, files: list[Path]) -> None:
    """A version is defined by its bytes."""
    (store.folder / "versions" / f"{version(files[1])}.onnx").write_bytes(files[2].read_bytes())
    with pytest.raises(ArtifactError, match=f"holds version {version(files[2])} instead of {version(files[1])}"):
        store.activate(version(files[1]))
    assert next(one for one in store.versions() if one.version == version(files[1])).id is None


def test_a_damaged_active_version_can_be_replaced_by_a_good_one(store: ModelStore, files: list[Path]) -> None:
    """This is the way to repair the folder."""
    (store.folder / "versions" / f"{version(files[0])}.onnx").write_bytes(b"half a mod")
    assert store.activate(version(files[1])).now.active == version(files[1])


def test_a_shadow_is_another_version_that_reads_no_more_fields(
    store: ModelStore, files: list[Path], tmp_path: Path
) -> None:
    """Clients send only the fields of the active version."""
    assert store.shadow(version(files[1])).now.shadow == version(files[1])
    with pytest.raises(ArtifactError, match="cannot be a shadow of"):
        store.shadow(version(files[0]))
    more = replace(
        TURBINE, features=(*TURBINE.features[:2], Feature("extra", "turbine.extra", "float", background=0.0))
    )
    with pytest.raises(ArtifactError, match=r"reads fields that the active one does not \(turbine.extra\)"):
        store.shadow(str(write_model(tmp_path / "more.onnx", more)))
    assert store.shadow(None).now.shadow is None


def test_a_shadow_that_becomes_active_is_no_longer_a_shadow(store: ModelStore, files: list[Path]) -> None:
    """The usual end of a comparison."""
    store.shadow(version(files[1]))
    now = store.activate(version(files[1])).now
    assert (now.active, now.shadow) == (version(files[1]), None)


def test_a_pinned_digest_excludes_other_versions(tmp_path: Path, files: list[Path]) -> None:
    """OVERSIGHT_MODEL_SHA256 may name several digests, so a switch can be prepared."""
    pinned = ModelStore(tmp_path / "pinned", digests={read(files[0]).sha256, read(files[1]).sha256})
    pinned.activate(str(files[0]))
    pinned.activate(str(files[1]))
    with pytest.raises(ArtifactError, match="not in OVERSIGHT_MODEL_SHA256"):
        pinned.activate(str(files[2]))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b"", "is not JSON"),
        (b"[" * 60_000, "is not JSON"),
        (b"[]", "is not a JSON object"),
        (b"{}", "has format None"),
        (b'{"format": 1, "active": "../../etc/passwd"}', "is not a version"),
        (b'{"format": 1, "active": 5}', "is not a version"),
        (b'{"format": 1, "active": null, "previous": 7}', "which is not a list"),
        (b'{"format": 1, "active": null, "foreign": 7}', "which is not a boolean"),
    ],
)
def test_a_damaged_pointer_is_one_line(store: ModelStore, text: bytes, why: str) -> None:
    """It is never followed, because a version becomes the name of a file."""
    (store.folder / POINTER).write_bytes(text)
    with pytest.raises(ArtifactError, match=why) as caught:
        read(store.folder)
    assert "\n" not in str(caught.value)


def test_a_model_folder_of_a_newer_oversight_is_named_and_left_as_it_is(store: ModelStore, files: list[Path]) -> None:
    """To rename the pointer, as for a damaged one, would lose which version is active."""
    text = b'{"format": 99, "active": "4324a78c35e4"}'
    (store.folder / POINTER).write_bytes(text)
    for attempt in (lambda: read(store.folder), lambda: store.activate(str(files[0]))):
        with pytest.raises(ArtifactError, match=r"^a newer Oversight wrote .*format 99, this one reads 1") as caught:
            attempt()
        assert "away" not in str(caught.value)
    assert (store.folder / POINTER).read_bytes() == text


def test_the_pointer_is_read_back_unchanged(tmp_path: Path) -> None:
    """Only the oldest activations are dropped."""
    many = tuple(f"{n:012x}" for n in range(MAX_PREVIOUS + 5))
    pointer = Pointer("cb14c13bda47", many, "0a1b2c3d4e5f", foreign=True)
    write_pointer(tmp_path, pointer)
    assert read_pointer(tmp_path) == replace(pointer, previous=many[:MAX_PREVIOUS])
    assert json.loads((tmp_path / POINTER).read_text())["active"] == "cb14c13bda47"
    assert [path.name for path in tmp_path.iterdir()] == [POINTER], "no half-written file is left"
