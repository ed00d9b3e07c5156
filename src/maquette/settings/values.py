"""The one list of what can be set: the fields of `Settings`. The documentation is made from them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from maquette.domain.network import parse_networks
from maquette.domain.oidc import ALGORITHMS, parse_algorithms, parse_grants, parse_issuers
from maquette.settings.checks import (
    address,
    allowance,
    between,
    parse_listen,
    parsed,
    path_prefix,
    secret_text,
)
from maquette.settings.field import setting
from maquette.settings.files import FileSettings
from maquette.settings.queue import QueueSettings
from maquette.settings.sinks import SinkSettings
from maquette.telemetry.otlp import parse_headers

_HTTP = address("http", "https")
_POSTGRES = address("postgresql", "postgres")
_DAYS = between(0, 36_500)
_MIB = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings(SinkSettings, QueueSettings, FileSettings):
    """Everything that can be configured. An empty text means: not set. Secrets do not show in ``repr``."""

    data_dir: Path = setting(  # noqa: RUF009 - returns a dataclass field, as for the others
        Path(".maquette"), "Directory for all that Maquette keeps itself: embedded database, files, keys."
    )
    database_url: str = setting(
        "",
        "PostgreSQL (15 or newer) of your own; empty: an embedded one runs under `up`.",
        check=_POSTGRES,
        secret=True,
    )
    database_direct_url: str = setting(
        "",
        "The same database without a pooler, for migrations, backups and the first key; empty: `MAQUETTE_DATABASE_URL`.",
        check=_POSTGRES,
        secret=True,
    )
    database_pooler: Literal["none", "transaction", "prepared"] = setting(
        "none",
        "Whether `MAQUETTE_DATABASE_URL` leads to a pooler that lends connections for a transaction at a time: `prepared` for "
        "one that keeps prepared statements (PgBouncer from 1.21, `max_prepared_statements`), `transaction` for any.",
    )
    database_connections_max: int = setting(
        16, "Connections that one process opens to the database.", check=between(2, 1000)
    )
    database_wait_seconds: float = setting(
        10.0,
        "How long a request waits for a free connection to the database before it is answered 503.",
        check=between(0.1, 300),
    )
    database_timeout_seconds: float = setting(
        15.0,
        "How long the database may take for one statement of a request before that is answered 503.",
        check=between(0.1, 3600),
    )
    host: str = setting("127.0.0.1", "Address the API listens on.")
    port: int = setting(8470, "Port the API listens on; 0 takes a free one.", check=between(0, 65535))
    public_url: str = setting(
        "",
        "Address others reach the API by when it is not `http://HOST:PORT`: a gateway's, without `MAQUETTE_ROOT_PATH`.",
        check=_HTTP,
    )
    root_path: str = setting(
        "", "Path prefix that a gateway in front removes, such as `/prod`.", check=path_prefix
    )
    url: str = setting("", "Client: address of the API; empty: the one that `up` started here.", check=_HTTP)
    api_key: str = setting("", "Client: API key; empty: the one that `up` made here.", secret=True)
    project_id: str = setting("", "Client: project to work in; empty: the one that `up` made here.")
    worker_token: str = setting(
        "",
        "Token of the workers: of all of them, or for a worker process one that `maquette worker-token create` made. Empty: "
        "made on first use.",
        check=secret_text,
        secret=True,
    )
    signing_key: str = setting(
        "", "Key that signs URLs of files; empty: made on first use.", check=secret_text, secret=True
    )
    webhook_key: str = setting(
        "",
        "Key that the secrets of webhooks are made from; empty: made on first use. All processes must share it; "
        "another key makes all secrets others.",
        check=secret_text,
        secret=True,
    )
    outbound_allow: str = setting(
        "",
        "Hosts, addresses and networks (CIDR), separated by commas, that webhooks and other outgoing requests may "
        "reach although they are private or without https.",
        check=allowance,
    )
    moderator_url: str = setting(
        "",
        "Moderator outside that is asked as the safety policies say: an endpoint like OpenAI's `/v1/moderations`. Empty: "
        "the built-in rules alone judge.",
        check=_HTTP,
    )
    moderator_api_key: str = setting("", "Key that the moderator outside is sent as a bearer.", secret=True)
    moderator_model: str = setting("omni-moderation-latest", "Model that the moderator outside is asked for.")
    moderator_timeout_seconds: float = setting(
        5.0,
        "How long one judgement of the moderator outside may take, tries again included.",
        check=between(0.1, 60),
    )
    oidc_issuers: str = setting(
        "",
        "OpenID providers whose tokens are believed, and for which audiences: `https://ISSUER=AUDIENCE|AUDIENCE`, separated "
        "by commas. Empty: API keys alone.",
        check=parsed(parse_issuers, "such as https://login.example.com/realms/studio=maquette"),
    )
    oidc_algorithms: str = setting(
        "RS256,PS256,ES256,EdDSA,Ed25519",
        "Signatures that are believed; shared secrets and none never are.",
        check=parsed(parse_algorithms, f"some of {', '.join(ALGORITHMS)}"),
    )
    oidc_leeway_seconds: float = setting(
        30.0, "How far the clocks of issuers may be apart from ours.", check=between(0, 300)
    )
    oidc_subject_claim: str = setting("sub", "Claim that names the person at the issuer.")
    oidc_groups_claim: str = setting(
        "",
        "Claim with a person's groups, such as `groups` or `realm_access.roles`; empty: groups count nothing. Those of the "
        "first issuer alone count.",
    )
    oidc_operator_groups: str = setting("", "Groups whose people are operators, separated by commas.")
    oidc_role_groups: str = setting(
        "",
        "Groups that give a role in a project: `GROUP=prj_…:ROLE`, separated by commas.",
        check=parsed(lambda text: parse_grants("", text), "such as artists=prj_…:artist"),
    )
    trusted_proxies: str = setting(
        "",
        "Networks and addresses (CIDR) of the proxies in front, separated by commas: they alone are believed when they say "
        "whom a request is from. Empty: nobody is.",
        check=parsed(parse_networks, "such as 10.0.0.0/8,192.0.2.7"),
    )
    forwarded_by: Literal["x-forwarded-for", "forwarded"] = setting(
        "x-forwarded-for",
        "Header in which they say so; the other one is ignored, for it may be the client's own.",
    )
    otlp_endpoint: str = setting(
        "",
        "OpenTelemetry collector (OTLP over HTTP, such as `http://127.0.0.1:4318`) that traces and metrics are sent to; "
        "needs `maquette[otlp]`. Empty: none are sent.",
        check=address("http", "https"),
    )
    otlp_headers: str = setting(
        "",
        "Headers for the collector: `NAME=VALUE`, separated by commas.",
        secret=True,
        check=parsed(parse_headers, "such as x-api-key=…"),
    )
    otlp_metrics_seconds: float = setting(
        60.0, "How often metrics are sent to the collector; 0: never.", check=between(0, 3600)
    )
    metrics_token: str = setting(
        "",
        "Token that whoever reads `/metrics` has to send as a bearer; empty: it is open.",
        check=secret_text,
        secret=True,
    )
    metrics_listen: str = setting(
        "",
        "`HOST:PORT` where `maintain` shows its metrics, such as `127.0.0.1:9464`; empty: nowhere.",
        check=parsed(parse_listen, "HOST:PORT"),
    )
    trace_ratio: float = setting(
        1.0,
        "Part of the traces that begin here which are recorded, 0 to 1; for requests with a `traceparent` its flag decides.",
        check=between(0, 1),
    )
    log_format: Literal["text", "json"] = setting(
        "text", "Form of the logs on standard error; the access log comes with `json`, or at level `debug`."
    )
    log_level: Literal["debug", "info", "warning", "error"] = setting(
        "info", "Least severe log entry to write."
    )
    heartbeat_seconds: float = setting(
        5.0, "How often a worker says that it is alive.", check=between(0.1, 300)
    )
    lease_seconds: float = setting(
        15.0,
        "Silence after which a worker counts as lost and its task is given away.",
        check=between(0.3, 3600),
    )
    attempt_seconds_max: float = setting(
        900.0, "Longest time for one attempt at a step.", check=between(1, 86400)
    )
    open_jobs_max: int = setting(
        1000, "Unfinished jobs that one project may have.", check=between(1, 10_000_000)
    )
    body_bytes_max: int = setting(
        _MIB, "Largest request body, uploads apart.", check=between(1024, 1024 * _MIB)
    )
    bulk_bytes_max: int = setting(
        16 * _MIB,
        "Largest body of `/batches` and `/worker/*`. Behind Amazon API Gateway 10 MB pass: set 10000000 there, so that both "
        "say the same.",
        check=between(1024, 1024 * _MIB),
    )
    poll_seconds_max: float = setting(
        25.0,
        "Longest time that a worker's claim waits for work; less than whatever stands in front waits for an answer.",
        check=between(0, 300),
    )
    upload_bytes_max: int = setting(
        64 * _MIB, "Largest file in an upload.", check=between(1024, 1024 * 1024 * _MIB)
    )
    url_ttl_seconds: int = setting(900, "How long a signed URL stays valid.", check=between(10, 604_800))
    worker_slots_generation: int = setting(
        1, "Tasks that the `generation` worker does at once.", check=between(1, 256)
    )
    worker_slots_processing: int = setting(
        1, "Tasks that the `processing` worker does at once.", check=between(1, 256)
    )
    drain_seconds: float = setting(
        10.0,
        "How long a worker or the API that is told to stop may finish what it does.",
        check=between(0, 3600),
    )

    retention_events_days: int = setting(
        90,
        "Days that events are kept; 0: for ever. Projects may choose otherwise, here and below.",
        check=_DAYS,
    )
    retention_artifacts_days: int = setting(
        30,
        "Days after the end of a job that files are kept which nothing leads to any more; 0: for ever.",
        check=_DAYS,
    )
    retention_jobs_days: int = setting(
        365, "Days after their end that jobs are kept; their assets stay. 0: for ever.", check=_DAYS
    )
    retention_uploads_days: int = setting(
        30, "Days that uploads are kept which nothing uses; 0: for ever.", check=_DAYS
    )
    retention_request_keys_days: int = setting(
        7,
        "Days that an `Idempotency-Key` is remembered; 0: for ever. Clients must have stopped trying by then.",
        check=_DAYS,
    )
    retention_audit_days: int = setting(
        730, "Days that the audit log is kept, for all projects; 0: for ever.", check=_DAYS
    )
    retention_sinks_days: int = setting(
        90,
        "Days that what a sink refused stays set aside, and that replays are listed once they have ended; 0: for ever.",
        check=_DAYS,
    )
    retention_interval_seconds: float = setting(
        3600.0, "How often each project is cleaned.", check=between(1, 604_800)
    )

    @property
    def local_url(self) -> str:
        """Where processes on this machine reach the API."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104 - compared, not bound
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"

    @property
    def base_url(self) -> str:
        """Where others reach the API: ``public_url``, else as on this machine."""
        return self.public_url.rstrip("/") or self.local_url

    @property
    def direct_url(self) -> str:
        """Database address for what a pooler in transaction mode cannot do."""
        return self.database_direct_url or self.database_url

    @property
    def listen_url(self) -> str:
        """Address for notices between processes; empty where there is only a pooler's."""
        return self.database_direct_url or (self.database_url if self.database_pooler == "none" else "")
