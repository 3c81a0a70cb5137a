"""Paths that several modules of the service know."""

from __future__ import annotations

HEALTH_PATHS = frozenset({"/v2/health/live", "/v2/health/ready"})
METRICS_PATH = "/metrics"
ENRICH_PATH = "/v1/enrich"
PROBE_PATHS = HEALTH_PATHS | {METRICS_PATH}
"""Asked every few seconds by machines."""
DEFAULT_CACHE_BYTES = 16 * 1024 * 1024
