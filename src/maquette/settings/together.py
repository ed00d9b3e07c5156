"""What settings are held to together: each fine by itself, and still of no use, or not what was meant."""

from collections.abc import Callable
from typing import Any

from maquette.settings.field import PREFIX

#: Who sets the first wants something that does not happen without the second.
_NEEDS = (
    ("database_direct_url", "database_url"),
    ("moderator_api_key", "moderator_url"),
    ("oidc_groups_claim", "oidc_issuers"),
    ("oidc_operator_groups", "oidc_groups_claim"),
    ("oidc_role_groups", "oidc_groups_claim"),
    ("otlp_headers", "otlp_endpoint"),
    ("s3_endpoint", "objects"),
    ("s3_region", "objects"),
    ("s3_encryption", "objects"),
    ("s3_kms_key", "objects"),
    ("cloudfront_keys", "objects"),
    ("cloudfront_keys", "cdn_base_url"),
    ("sqs_region", "sqs_services"),
    ("sqs_endpoint_url", "sqs_services"),
    ("kafka_username", "kafka_servers"),
    ("kafka_password", "kafka_servers"),
    ("kafka_ca_file", "kafka_servers"),
    ("kafka_certificate_file", "kafka_servers"),
    ("kafka_certificate_file", "kafka_key_file"),
    ("kafka_key_file", "kafka_certificate_file"),
    ("eventbridge_region", "eventbridge_bus"),
    ("eventbridge_endpoint_url", "eventbridge_bus"),
)
Rule = Callable[[Any], str | None]
"""Says what is wrong with `Settings`, which know this module and not the other way round."""


def contradiction(settings: Any) -> str | None:
    """Return what is wrong with settings taken together, in one sentence that names the variables; None when nothing is."""
    for name, other in _NEEDS:
        if getattr(settings, name) and not getattr(settings, other):
            return (
                f"{_variable(name)} is set, but {_variable(other)} is not, and it does nothing without that."
            )
    return next((said for rule in _RULES if (said := rule(settings))), None)


def _variable(name: str) -> str:
    return PREFIX + name.upper()


def _silence(settings: Any) -> str | None:
    if settings.lease_seconds >= 2 * settings.heartbeat_seconds:
        return None
    return (
        f"{PREFIX}LEASE_SECONDS ({settings.lease_seconds:g}) must be at least twice {PREFIX}HEARTBEAT_SECONDS "
        f"({settings.heartbeat_seconds:g}), or one late heartbeat loses a worker's tasks."
    )


def _bodies(settings: Any) -> str | None:
    if settings.body_bytes_max <= settings.bulk_bytes_max:
        return None
    return (
        f"{PREFIX}BULK_BYTES_MAX ({settings.bulk_bytes_max}) must not be less than {PREFIX}BODY_BYTES_MAX "
        f"({settings.body_bytes_max}): it is for the larger bodies."
    )


def _forwarded(settings: Any) -> str | None:
    if settings.forwarded_by == "x-forwarded-for" or settings.trusted_proxies:
        return None
    return f"{PREFIX}FORWARDED_BY is set, but {PREFIX}TRUSTED_PROXIES is not: nobody would be believed."


def _sasl(settings: Any) -> str | None:
    signs_in = settings.kafka_security.startswith("sasl_")
    given = bool(settings.kafka_username), bool(settings.kafka_password)
    if settings.kafka_servers and signs_in and not all(given):
        return (
            f"{PREFIX}KAFKA_SECURITY is {settings.kafka_security}, so {PREFIX}KAFKA_USERNAME and {PREFIX}KAFKA_PASSWORD "
            "must be set."
        )
    if not signs_in and any(given):
        return (
            f"{PREFIX}KAFKA_USERNAME and {PREFIX}KAFKA_PASSWORD are used with a {PREFIX}KAFKA_SECURITY of sasl_ssl or "
            f"sasl_plaintext alone, not {settings.kafka_security}."
        )
    return None


def _tls(settings: Any) -> str | None:
    files = settings.kafka_ca_file or settings.kafka_certificate_file
    if settings.kafka_security.endswith("ssl") or not files:
        return None
    return (
        f"{PREFIX}KAFKA_CA_FILE and {PREFIX}KAFKA_CERTIFICATE_FILE are used with a {PREFIX}KAFKA_SECURITY of ssl or sasl_ssl "
        f"alone, not {settings.kafka_security}."
    )


def _public_bucket(settings: Any) -> str | None:
    if not (settings.objects and settings.cdn_base_url) or settings.cloudfront_keys:
        return None
    return (
        f"{PREFIX}CDN_BASE_URL leads to the bucket, so {PREFIX}CLOUDFRONT_KEYS must be set: without signatures "
        "everybody could read every file."
    )


def _pooler(settings: Any) -> str | None:
    if settings.database_pooler == "none" or settings.database_direct_url:
        return None
    return (
        f"{PREFIX}DATABASE_POOLER is {settings.database_pooler}, so {PREFIX}DATABASE_DIRECT_URL must be set: migrations and "
        "backups go past the pooler."
    )


_RULES: tuple[Rule, ...] = (_silence, _bodies, _forwarded, _sasl, _tls, _public_bucket, _pooler)
