"""Paths of the service that several modules need."""

from __future__ import annotations

HEALTH_PATHS = frozenset({"/v2/health/live", "/v2/health/ready"})
METRICS_PATH = "/metrics"
ENRICH_PATH = "/v1/enrich"
PROBE_PATHS = HEALTH_PATHS | {METRICS_PATH}
"""Paths that machines request every few seconds."""
