"""The pages of a model of each task in a browser: every panel draws, and an event shows the task's prediction."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from contract.artifact.contract import ModelContract
from tests.artifacts import write_model
from tests.browser import visit
from tests.integration.console.audit import AUDIT, CONTRASTS, DRAWN
from tests.integration.console.installations import Console, installation
from tests.task_documents import TASKS

pytestmark = pytest.mark.browser
SHOWN = ("classification", "several labels", "regression", "anomaly")
WORDS = {
    "classification": ("Findings Bar", "Probability"),
    "several labels": ("Labels that hold together", "All labels"),
    "regression": ("Value (kWh) over time", "Value (kWh)"),
    "anomaly": ("Top anomalies", "Score"),
}
"""By task: a panel of the first page, and a text that an event shows."""
OF_NETWORKS = ("attack", "traffic", "connection", "network", "threat")


@pytest.fixture(scope="module", params=SHOWN)
def task(request: pytest.FixtureRequest) -> str:
    """Each task in turn."""
    name: str = request.param
    return name


@pytest.fixture(scope="module")
def contract(task: str) -> ModelContract:
    """The contract of the task."""
    return TASKS[task]


@pytest.fixture(scope="module")
def filled(embedded_url: str, contract: ModelContract, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    """A console over documents of the task."""
    folder = tmp_path_factory.mktemp("console")
    model = write_model(folder / "model.onnx", contract)
    with (
        installation(embedded_url, n=400, stream=False, model=contract) as found,
        found.console(folder, OVERSIGHT_MODEL=str(model), OVERSIGHT_CONSOLE_REFRESH_S="300") as shown,
    ):
        yield shown


def test_pages_draw_in_the_words_of_the_task(browser: Browser, filled: Console, task: str) -> None:
    """Every panel draws and is accessible; no text mentions networks; an event shows its prediction."""
    panel, answer = WORDS[task]
    with visit(browser, height=1000) as visitor:
        for name in ("operations", "triage", "oversight"):
            page = visitor.go(f"{filled.url}/{name}?from=now-2d")
            visitor.keep(f"task-{task.replace(' ', '-')}-{name}", whole=True)
            assert [each for each in visitor.evaluate(DRAWN) if each["problem"]] == []
            assert visitor.evaluate(AUDIT) == []
            assert visitor.evaluate(CONTRASTS) == []
            text = page.locator("main").inner_text().lower()
            assert [word for word in OF_NETWORKS if word in text] == []
        expect(page.get_by_role("heading", name=panel, exact=True)).to_be_visible()
        page.locator("button.open").first.click()
        expect(page.get_by_role("dialog").locator("dt", has_text=answer).first).to_be_visible()
        visitor.keep(f"task-{task.replace(' ', '-')}-event")
        assert visitor.complaints == []


def test_the_evaluation_is_shown_with_its_figures(browser: Browser, filled: Console, contract: ModelContract) -> None:
    """On the page for operators."""
    with visit(browser) as visitor:
        page = visitor.go(f"{filled.url}/operations?from=now-2d")
        words = f"Proof: {contract.proof}, "
        expect(page.locator("p.intro", has_text=words)).to_be_visible()
