"""The alerting rules: promtool accepts them, each fires and stays quiet when it should, and the metrics exist."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.conftest import ROOT

RULES = ROOT / "deploy" / "prometheus" / "oversight.rules.yml"
CASES = RULES.with_name("oversight.rules.test.yml")
METRIC = r"oversight_(?:enrich|watcher)_\w+"


def promtool(*words: str | Path) -> subprocess.CompletedProcess[str]:
    program = shutil.which("promtool")
    if program is None:
        pytest.skip("no promtool (Debian: apt-get install prometheus)")
    return subprocess.run([program, *words], cwd=RULES.parent, capture_output=True, text=True, check=False)


def rules() -> list[dict[str, str]]:
    found: list[dict[str, str]] = yaml.safe_load(RULES.read_text("utf-8"))["groups"][0]["rules"]
    return found


def test_each_rule_fires_and_stays_quiet() -> None:
    done = promtool("test", "rules", CASES)
    assert done.returncode == 0, done.stdout + done.stderr


def test_each_rule_has_both_cases() -> None:
    cases = yaml.safe_load(CASES.read_text("utf-8"))["tests"]
    fires = [test["alert_rule_test"][0]["alertname"] for test in cases if test["alert_rule_test"][0]["exp_alerts"]]
    quiet = [test["alert_rule_test"][0]["alertname"] for test in cases if not test["alert_rule_test"][0]["exp_alerts"]]
    names = [rule["alert"] for rule in rules()]
    assert names == fires == quiet


def test_the_metrics_of_the_rules_exist() -> None:
    """The tables of the docs are compared with what service and watcher answer, by the tests of the metrics."""
    tables = "\n".join(path.read_text("utf-8") for path in (ROOT / "docs").glob("*.md"))
    listed = set(re.findall(rf"^\| `({METRIC})` \|", tables, re.MULTILINE))
    used = {name.removesuffix("_bucket") for rule in rules() for name in re.findall(METRIC, rule["expr"])}
    assert used
    assert used - listed == set()


def test_the_docs_explain_each_rule() -> None:
    page = (ROOT / "docs" / "monitoring.md").read_text("utf-8")
    assert re.findall(r"^\| `(Oversight\w+)` \|", page, re.MULTILINE) == [rule["alert"] for rule in rules()]
