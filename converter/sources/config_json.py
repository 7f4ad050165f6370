"""A model's config, parsed from JSON within limits."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ...errors import SourceError

__all__ = ["MAX_CONFIG_BYTES", "parse_config"]

MAX_CONFIG_BYTES = 64 * 2**20


def parse_config(text: str | bytes, origin: str) -> Mapping[str, Any]:
    """Return a config as plain values; nothing in it is resolved or executed.

    Raises
    ------
    SourceError
        When it is too long, too deeply nested, or not a JSON object.
    """
    if len(text) > MAX_CONFIG_BYTES:
        raise SourceError(f"{origin}: expected a config of at most {MAX_CONFIG_BYTES:,} bytes, received {len(text):,}")
    try:
        config = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise SourceError(
            f"{origin}: expected the model's config as JSON, received text that is not: {error}"
        ) from None
    if not isinstance(config, Mapping):
        raise SourceError(f"{origin}: expected the model's config as a JSON object, received {type(config).__name__}")
    return config
