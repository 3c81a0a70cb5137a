"""Compute a model of half precision in float32, with the same weights.

Weights of mixed precision are float32 already. ONNX Runtime computes float16 on a processor by converting each value
to float32 and back, so half precision would be slower and less exact than float32.
"""

from __future__ import annotations

from typing import Any

HALF = {"mixed_float16", "mixed_bfloat16", "float16", "bfloat16"}
_KEYS = ("dtype", "name", "compute_dtype", "variable_dtype")
_POLICIES = ("DTypePolicy", "Policy")


def in_single_precision(config: Any) -> Any | None:
    """The configuration of a model with float32 in place of half precision; None if nothing changes."""
    changed = _changed(config, in_policy=False)
    return None if changed == config else changed


def _changed(config: Any, *, in_policy: bool) -> Any:
    if isinstance(config, list):
        return [_changed(item, in_policy=False) for item in config]
    if not isinstance(config, dict):
        return config
    policy = config.get("class_name") in _POLICIES
    keys = _KEYS if in_policy else ("dtype",)
    return {
        key: "float32"
        if key in keys and isinstance(value, str) and value in HALF
        else _changed(value, in_policy=policy and key == "config")
        for key, value in config.items()
    }
