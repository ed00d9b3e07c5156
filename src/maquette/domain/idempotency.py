"""Canonical forms and the keys made of them."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def canonical(value: Any) -> bytes:
    """Return the one JSON form of a value: sorted keys, no spaces, UTF-8; ``ValueError`` for NaN."""
    return _ENCODER.encode(value).encode()


def request_digest(body: Mapping[str, Any]) -> bytes:
    """Return what tells two requests under one ``Idempotency-Key`` apart."""
    return hashlib.sha256(canonical(body)).digest()


def inputs_digest(
    *,
    project_id: UUID,
    asset_type: str,
    step: str,
    params: Mapping[str, Any],
    seed: int,
    upstream: Sequence[str],
) -> bytes:
    """Return the digest of all that an attempt is given: known when it is claimed.

    ``upstream`` holds the sha256 of every artifact the step reads, in order, after the reviewer's selection.
    """
    form = [str(project_id), asset_type, step, params, seed, list(upstream)]
    return hashlib.sha256(canonical(form)).digest()


def step_key(digest: bytes, model_version: str) -> str:
    """Return the step's idempotency key: what it was given and what did the work, as hexadecimal sha256."""
    return hashlib.sha256(digest + model_version.encode()).hexdigest()
