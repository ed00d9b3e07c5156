"""Writing what has happened: records, files, decisions. Later reads of the same transaction see it."""

from collections.abc import Sequence

from maquette.domain.decision import Decision
from maquette.domain.ruling import Override
from maquette.store import audit, dead_letters, jobs, quotas, reuse, safety, steps
from maquette.store.database import Connection


async def write(connection: Connection, decisions: Sequence[Decision]) -> None:
    """Write the rows that decisions brought: a statement for each kind that there is."""
    records = [(item.job.project_id, record) for item in decisions for record in item.records]
    if records:
        await steps.insert_records(connection, records)
    named = [
        (item.job.project_id, record)
        for item in decisions
        if item.job.reuse
        for record in item.records
        if record.idempotency_key
    ]
    if named:
        await reuse.file(connection, named)
    changes = [item.step_change for item in decisions if item.step_change]
    if changes:
        await steps.change(connection, changes)
    attempts = [(item.job.project_id, item.lost_attempt) for item in decisions if item.lost_attempt]
    if attempts:
        await steps.insert_attempts(connection, attempts)
    files = [
        (item.job.project_id, place, file) for item in decisions for place, file in enumerate(item.artifacts)
    ]
    if files:
        await steps.insert_artifacts(connection, files)
    for item in decisions:
        if item.user_decision:
            await steps.insert_decision(
                connection, item.job.project_id, item.user_decision, item.replacements
            )
    effective = {
        item.job.id: (item.effective, item.safety) for item in decisions if item.effective is not None
    }
    if effective:
        await jobs.update_effective(connection, effective)
    letters = [item.dead_letter for item in decisions if item.dead_letter]
    if letters:
        await dead_letters.insert(connection, letters)
    closed = [item.letter_closed for item in decisions if item.letter_closed]
    if closed:
        await dead_letters.close(connection, closed)
    charges = [charge for item in decisions for charge in item.charges]
    if charges:
        await quotas.insert_charges(connection, charges)
    await _safety(connection, decisions)


async def say(connection: Connection, override: Override) -> None:
    """Write a person's word on a ruling, and its line in the audit log."""
    await safety.insert_override(connection, override)
    if override.entry:
        await audit.insert(connection, override.entry)


async def _safety(connection: Connection, decisions: Sequence[Decision]) -> None:
    """Write rulings, what people said of them, and whose files may be read: nothing at all in most batches."""
    for item in decisions:
        if item.ruling:
            await safety.insert_ruling(connection, item.ruling)
    # What holds for equal contents is a row of the project's, whatever job it was said of: all take such rows in one order.
    said = [item.override for item in decisions if item.override]
    for override in sorted(said, key=lambda item: (item.project_id, item.digest)):
        await say(connection, override)
    unjudged = [item.unjudged for item in decisions if item.unjudged]
    if unjudged:
        await safety.insert_unjudged(connection, unjudged)
    reach = [item.reach for item in decisions if item.reach]
    if reach:
        await safety.withhold_revisions(connection, reach)
