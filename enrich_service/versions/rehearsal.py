"""All that a worker does with a model, done once: what fails here would fail in every worker.

ModelFile ──▶ open ──▶ counters, look-ups ──▶ one harmless document answered ──▶ its page as JSON
"""

from __future__ import annotations

from msgspec import UNSET

from contract.documents.paths import nest
from contract.errors import ArtifactError
from enrich_service.http.describe import model_metadata, model_page
from enrich_service.http.metrics import Metrics
from enrich_service.model.artifact import Artifact, open_model
from enrich_service.model.model_file import ModelFile
from enrich_service.predict.page import Page
from enrich_service.predict.serving import Serving
from enrich_service.request_body import dump_json


def rehearse(model: ModelFile) -> None:
    """Open a model and answer with it as a worker does.

    Raises:
        ArtifactError: it cannot be served.
    """
    artifact = open_model(model)
    serving = Serving(artifact, on_enriched=Metrics().serves(artifact.contract, artifact.version))
    (result,) = serving.enrich(harmless_page(artifact))
    if result.error is not UNSET:
        raise ArtifactError(
            f"{model.path}: a document of harmless values gets no prediction ({result.error.message}); "
            f"correct the contract and convert the model again"
        )
    dump_json([model_page(artifact), model_metadata(artifact)])


def harmless_page(artifact: Artifact) -> Page:
    """A document that holds the background values in the fields that the model reads."""
    contract = artifact.contract
    numeric, words = artifact.harmless_row()
    values = {
        **{feature.field: float(value) for feature, value in zip(contract.numeric, numeric[0], strict=True)},
        **{feature.field: str(word) for feature, word in zip(contract.categorical, words[0], strict=True)},
    }
    return Page(["harmless"], [dump_json(nest(values))])
