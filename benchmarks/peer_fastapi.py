"""What somebody would write instead: FastAPI and SQLAlchemy as their own tutorials show them, one transaction a request.

Run by the peers' Python, not ours: ``peer_fastapi.py DATABASE_URL PORT TEMPLATE``. TEMPLATE is a file with one job's
rows as Maquette wrote them (bytes as text); every request writes the same rows with ids and a library path of its own,
into tables and indexes that Maquette's migrations made. No authentication, no limits, no content policy, no project
context, no idempotency: it is a floor for what a web framework and an ORM take, not a rival.

Async engine on asyncpg with a pool as large as Maquette's connections, sessions without expiry on commit, Pydantic in
and out, uvicorn with uvloop and httptools and no access log: what both projects' pages on performance and asyncio say.
"""

import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID, uuid4

import uvicorn
from fastapi import Depends, FastAPI
from pydantic import BaseModel, Field
from sqlalchemy import BigInteger, ForeignKey, LargeBinary, SmallInteger
from sqlalchemy.dialects.postgresql import TIMESTAMP
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

URL, PORT, TEMPLATE = sys.argv[1:4]
ROWS: dict[str, dict[str, Any]] = json.loads(Path(TEMPLATE).read_text())
CONNECTIONS = 16


class Base(DeclarativeBase):
    """What all tables have in common."""

    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy's own way to say it
        datetime: TIMESTAMP(timezone=True),
        bytes: LargeBinary,
    }


class JobRow(Base):
    """``jobs``."""

    __tablename__ = "jobs"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    project_id: Mapped[UUID] = mapped_column(primary_key=True)
    asset_type: Mapped[str]
    pipeline_version: Mapped[int] = mapped_column(SmallInteger)
    correlation_id: Mapped[str]
    skipped: Mapped[int] = mapped_column(SmallInteger)
    gates: Mapped[int] = mapped_column(SmallInteger)
    priority: Mapped[int] = mapped_column(SmallInteger)
    service: Mapped[str]
    status: Mapped[str]
    position: Mapped[int] = mapped_column(SmallInteger)
    step_status: Mapped[str]
    gate_open: Mapped[bool]
    revisions: Mapped[bytes]
    attempt: Mapped[int] = mapped_column(SmallInteger)
    sequence: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[datetime]
    provided: Mapped[int] = mapped_column(SmallInteger)


class BriefRow(Base):
    """``briefs``."""

    __tablename__ = "briefs"
    job_id: Mapped[UUID] = mapped_column(ForeignKey("jobs.id"), primary_key=True)
    project_id: Mapped[UUID] = mapped_column(primary_key=True)
    created_by: Mapped[str]
    library_path: Mapped[str]
    prompt: Mapped[str]
    style_version: Mapped[int]
    inputs: Mapped[bytes]
    effective: Mapped[bytes]
    safety: Mapped[str]
    constraints_version: Mapped[int]
    gates_version: Mapped[int]
    routes_version: Mapped[int]
    retries_version: Mapped[int]
    drawn_seed: Mapped[int] = mapped_column(BigInteger)


class ReadyRow(Base):
    """``ready``, the queue."""

    __tablename__ = "ready"
    job_id: Mapped[UUID] = mapped_column(ForeignKey("jobs.id"), primary_key=True)
    project_id: Mapped[UUID] = mapped_column(primary_key=True)
    service: Mapped[str]
    step: Mapped[str]
    priority: Mapped[int] = mapped_column(SmallInteger)
    tag: Mapped[int] = mapped_column(BigInteger)
    stride: Mapped[int] = mapped_column(BigInteger)


class EventRow(Base):
    """``outbox``."""

    __tablename__ = "outbox"
    shard: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    job_id: Mapped[UUID] = mapped_column(ForeignKey("jobs.id"), primary_key=True)
    sequence: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    project_id: Mapped[UUID] = mapped_column(primary_key=True)
    type: Mapped[str]
    time: Mapped[datetime]
    correlation_id: Mapped[str]
    data: Mapped[bytes]


class Submission(BaseModel):
    """A brief, with the bounds that Maquette has."""

    project_id: UUID
    asset_type: str = Field(max_length=20)
    prompt: str = Field(max_length=4000)
    negative_prompt: str = Field(default="", max_length=4000)
    library_path: str = Field(default="", max_length=700)
    variants: int = Field(default=1, ge=1, le=8)
    params: dict[str, dict[str, Any]] = {}
    metadata: dict[str, Any] = {}


class Job(BaseModel):
    """The job as it is answered."""

    id: UUID
    project_id: UUID
    asset_type: str
    status: str
    created_at: datetime
    created_by: str
    correlation_id: str
    inputs: dict[str, Any]
    effective_inputs: dict[str, Any]


engine = create_async_engine(URL, pool_size=CONNECTIONS, max_overflow=0)
sessions = async_sessionmaker(engine, expire_on_commit=False)


@asynccontextmanager
async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
    """Close the pool in the end."""
    yield
    await engine.dispose()


app = FastAPI(lifespan=lifespan)


async def session() -> AsyncIterator[AsyncSession]:
    """Lend a session for one request."""
    async with sessions() as opened:
        yield opened


@app.get("/readyz")
async def ready() -> dict[str, str]:
    """Say that it is there."""
    return {"status": "ready"}


@app.post("/jobs", status_code=201)
async def submit(body: Submission, db: Annotated[AsyncSession, Depends(session)]) -> Job:
    """Write the job, its brief, its place in the queue and its first event in one transaction."""
    now, key = datetime.now(UTC), uuid4()
    brief, event, task = ROWS["briefs"], ROWS["outbox"], ROWS["ready"]
    inputs = {**brief["inputs"], "prompt": body.prompt, "library_path": body.library_path}
    job = JobRow(**ROWS["jobs"] | _own(key, body, now), revisions=bytes(7))
    db.add(job)
    db.add(
        BriefRow(
            job_id=key,
            project_id=body.project_id,
            library_path=body.library_path,
            prompt=body.prompt,
            inputs=json.dumps(inputs).encode(),
            effective=json.dumps(brief["effective"]).encode(),
            **{name: brief[name] for name in brief.keys() - {"inputs", "effective"}},
        )
    )
    micros = int(now.timestamp() * 1e6)
    db.add(ReadyRow(job_id=key, project_id=body.project_id, tag=micros, **task))
    db.add(
        EventRow(
            shard=key.int % 64,
            job_id=key,
            sequence=1,
            project_id=body.project_id,
            type=event["type"],
            time=now,
            correlation_id=job.correlation_id,
            data=json.dumps(event["data"]).encode(),
        )
    )
    await db.commit()
    return Job(
        id=key,
        project_id=job.project_id,
        asset_type=job.asset_type,
        status=job.status,
        created_at=now,
        created_by=brief["created_by"],
        correlation_id=job.correlation_id,
        inputs=inputs,
        effective_inputs=brief["effective"],
    )


def _own(key: UUID, body: Submission, now: datetime) -> dict[str, Any]:
    return {
        "id": key,
        "project_id": body.project_id,
        "asset_type": body.asset_type,
        "created_at": now,
        "correlation_id": key.hex,
    }


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(PORT), log_level="warning", access_log=False)
