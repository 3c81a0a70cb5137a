"""Do once with a model what every worker does with it: a model that fails here would fail in every worker.

ModelFile ──▶ open ──▶ counters, look-ups ──▶ one harmless document predicted ──▶ its page as JSON
"""

from __future__ import annotations

from msgspec import UNSET

from contract.artifact.file import ModelFile
from contract.errors import ArtifactError
from enrich_service.http.describe import model_metadata, model_page
from enrich_service.http.metrics import Metrics
from enrich_service.http.openapi_schemas import example_source
from enrich_service.model.artifact import open_model
from enrich_service.predict.page import Page
from enrich_service.predict.serving import Serving
from enrich_service.request_body import dump_json


def rehearse(model: ModelFile) -> None:
    """Open a model and predict with it as a worker does.

    Raises:
        ArtifactError: it cannot be served.
    """
    artifact = open_model(model)
    serving = Serving(artifact, on_enriched=Metrics().serves(artifact.contract, artifact.version))
    (result,) = serving.enrich(Page(["harmless"], [dump_json(example_source(artifact.contract))]))
    if result.error is not UNSET:
        raise ArtifactError(
            f"{model.path}: a document of harmless values gets no prediction ({result.error.message}); "
            f"correct the contract and convert the model again"
        )
    dump_json([model_page(artifact), model_metadata(artifact)])
