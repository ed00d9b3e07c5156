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
#: What somebody has to do something about, or is done with.
WANTED = TERMINAL | {"awaiting_review", "paused"}
#: How often a job that failed is tried again by its person.
REDRIVES_MAX = 5
#: What an answer may be while the house burns, besides the one that was asked for.
BUSY = frozenset({408, 500, 502, 503, 504})
#: The budget is spent: somebody will raise it.
SPENT = 402
#: The gate that has a clock, and the project it is in.
CLOCKED, GATED = "refine", 0


@dataclass
class Person:
    """Sees one job to its end, at whichever API answers."""

    clients: list[httpx.AsyncClient]
    wish: Wish
    project_id: str
    seed: str
    watch: Watch
    paused: bool = False
    redriven: int = 0
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
        while not await self._is_done_with(job):
            self.watch.assert_hope(f"a job has not ended: {job}")
            told = await self._act(job, time.monotonic() - began)
            job = told or await self.sure("GET", f"/jobs/{job['id']}")
        return job

    async def _is_done_with(self, job: Fields) -> bool:
        """Tell whether nothing more is to be done about the job: what failed is discarded before it is left."""
        if job["status"] not in TERMINAL or self._tries_again(job):
            return False
        if job["status"] != "failed":
            return True
        path = f"/dead-letters/{job['error']['dead_letter_id']}/discard"
        await self.sure("POST", path, json={"reason": "enough"}, conflict=True)
        # A conflict may mean that we did it, unheard, or that somebody has ordered it done again meanwhile.
        job |= await self.sure("GET", f"/jobs/{job['id']}")
        return bool(job["status"] == "failed")

    def _tries_again(self, job: Fields) -> bool:
        return job["status"] == "failed" and not self.wish.discards and self.redriven < REDRIVES_MAX

    async def _act(self, job: Fields, now: float) -> Fields:
        """Do what is to be done about the job as it is, or wait; return it as it is then, or {} to look."""
        status, path = job["status"], f"/jobs/{job['id']}"
        if self.wish.cancels_at is not None and now > self.wish.cancels_at and status not in TERMINAL:
            return await self.sure("POST", f"{path}/cancel", conflict=True)
        if status == "failed":
            self.redriven += 1
            letter = job["error"]["dead_letter_id"]
            return await self.sure("POST", f"/dead-letters/{letter}/redrive", json={}, conflict=True)
        gate = next((step for step in job["steps"] if step["pause_reason"] == "review"), None)
        if gate is not None and gate["name"] == CLOCKED and self.wish.leaves and self.wish.project == GATED:
            gate = None
        if status == "awaiting_review" and gate is not None:
            return await self._decide(path, gate)
        if self.wish.pauses and not self.paused and status == "running":
            self.paused = True
            return await self.sure("POST", f"{path}/pause", conflict=True)
        mine = status == "paused" and all(step["pause_reason"] != "quota" for step in job["steps"])
        if mine and (answer := await self.sure("POST", f"{path}/resume", conflict=True)):
            return answer
        until = 5.0 if self.wish.cancels_at is None else min(self.wish.cancels_at - now, 5.0)
        wanted = WANTED | {"running"} if self.wish.pauses and not self.paused else WANTED
        await self.watch.moved(job["id"], status, wanted, until)
        return {}

    async def _decide(self, path: str, gate: Fields) -> Fields:
        again = self.wish.reject_at == gate["name"] and gate["revision"] == 0
        body = {
            "step": gate["name"],
            "revision": gate["revision"],
            "decision": "rejected" if again else "approved",
        }
        return await self.sure("POST", f"{path}/review", json=body, conflict=True)

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
            if answer.status_code in BUSY | {SPENT}:
                await asyncio.sleep(0.2)
                continue
            if conflict and answer.status_code == 409:
                return {}
            assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text[:500]}"
            return dict(answer.json())
        raise AssertionError("there is no API")
