"""People who do not give up: every request is made again, with the same key, until somebody answers it."""

import asyncio
import itertools
import time
from dataclasses import dataclass, field
from typing import Any

import httpx
from chaos_plan import Wish
from chaos_watch import Watch

Fields = dict[str, Any]
TERMINAL = frozenset({"succeeded", "failed", "canceled"})
#: How often a job that failed is tried again by its person.
REDRIVES_MAX = 5
#: What an answer may be while the house burns, besides the one that was asked for.
BUSY = frozenset({408, 500, 502, 503, 504})


@dataclass
class Person:
    """Sees one job to its end, at whichever API answers."""

    clients: list[httpx.AsyncClient]
    wish: Wish
    project_id: str
    seed: str
    watch: Watch
    internal_errors: list[str] = field(default_factory=list)
    """500s: there should be none, whatever is broken."""

    async def live(self) -> Fields:
        """Submit, decide, pause, give up as planned; return the job as it is in the end."""
        began = time.monotonic()
        await asyncio.sleep(self.wish.at)
        body = {
            "project_id": self.project_id,
            "asset_type": self.wish.asset_type,
            "prompt": f"a thing, number {self.wish.twin}",
            "seed": self.wish.twin,
        }
        key = {"idempotency-key": f"{self.seed} {self.wish.number}"}
        job = await self.sure("POST", "/jobs", json=body, headers=key)
        paused, redriven = False, 0
        while job["status"] not in TERMINAL or (
            job["status"] == "failed" and not self.wish.discards and redriven < REDRIVES_MAX
        ):
            self.watch.assert_hope(f"a job has not ended: {job}")
            now = time.monotonic() - began
            if (
                self.wish.cancels_at is not None
                and now > self.wish.cancels_at
                and job["status"] not in TERMINAL
            ):
                job = await self.sure("POST", f"/jobs/{job['id']}/cancel", conflict=True) or job
            elif job["status"] == "failed":
                letter = job["error"]["dead_letter_id"]
                await self.sure("POST", f"/dead-letters/{letter}/redrive", json={}, conflict=True)
                redriven += 1
            elif job["status"] == "awaiting_review":
                await self._decide(job)
            elif self.wish.pauses and not paused and job["status"] == "running":
                await self.sure("POST", f"/jobs/{job['id']}/pause", conflict=True)
                paused = True
            elif job["status"] == "paused":
                await self.sure("POST", f"/jobs/{job['id']}/resume", conflict=True)
                await self.watch.moved(job["id"], job["status"], 1.0)  # it may wait for a service as well
            else:
                until = 5.0 if self.wish.cancels_at is None else self.wish.cancels_at - now
                await self.watch.moved(job["id"], job["status"], min(until, 5.0))
            job = await self.sure("GET", f"/jobs/{job['id']}")
        if job["status"] == "failed":
            letter = job["error"]["dead_letter_id"]
            await self.sure(
                "POST", f"/dead-letters/{letter}/discard", json={"reason": "enough"}, conflict=True
            )
        return job

    async def _decide(self, job: Fields) -> None:
        gate = next((step for step in job["steps"] if step["pause_reason"] == "review"), None)
        if gate is None:
            return
        again = self.wish.reject_at == gate["name"] and gate["revision"] == 0
        body = {
            "step": gate["name"],
            "revision": gate["revision"],
            "decision": "rejected" if again else "approved",
        }
        await self.sure("POST", f"/jobs/{job['id']}/review", json=body, conflict=True)

    async def sure(self, method: str, path: str, *, conflict: bool = False, **more: Any) -> Fields:
        """Ask until somebody answers; with ``conflict`` somebody may have been faster (we ourselves, unheard)."""
        for client in itertools.cycle(self.clients):
            self.watch.assert_hope(f"nobody answered {method} {path}")
            try:
                answer = await client.request(method, path, **more)
            except httpx.TransportError:
                await asyncio.sleep(0.2)
                continue
            if answer.status_code == 500:
                self.internal_errors.append(f"{method} {path}: {answer.text[:500]}")
            if answer.status_code in BUSY:
                await asyncio.sleep(0.2)
                continue
            if conflict and answer.status_code == 409:
                return {}
            assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text[:500]}"
            return dict(answer.json())
        raise AssertionError("there is no API")
