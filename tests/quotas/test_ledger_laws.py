"""The ledger's laws, whatever happens to a job: pure, over random walks through its life."""

from collections import Counter
from datetime import timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from walks import ACTIONS, START, WALKS, Walk, lease, new_job, record

from maquette.domain import commands as c
from maquette.domain.billing import due, reserved
from maquette.domain.errors import MaquetteError
from maquette.domain.job import TERMINAL, Hold, JobStatus, StepStatus
from maquette.domain.ledger import NOTHING, Amount, Bill, Charge, Kind
from maquette.domain.lifecycle import decide
from maquette.domain.review import Verdict

METRICS = st.sampled_from(
    (
        {"duration": 0.5, "gpu_type": "a100", "cost_estimate": 0.7},
        {"duration": 1e9, "gpu_type": "a100", "cost_estimate": 1e9},
        {"duration": 3, "gpu_type": "cpu", "cost_estimate": 0},
    )
)
PRICES = st.sampled_from(((), (700,), (0, 500_000), (200_000, 0, 90)))
MOST = st.sampled_from((None, 0, 600_000, 5_000_000))


class Payer(Walk):
    """A walk that keeps the entries, and whose attempts report what they cost."""

    entries: list[Charge]
    metrics: dict[str, Any]

    def take(self, command: c.Command) -> bool:
        if isinstance(command, c.Complete):
            command = replace(command, metrics=self.metrics)
        try:
            decision = decide(self.job, command, self.now)
        except MaquetteError as error:
            self.refusals.append(error)
            return False
        self.job = decision.job
        self.entries += decision.charges
        return True

    def balance(self, *kinds: Kind) -> Amount:
        return sum((item.amount for item in self.entries if item.kind in kinds), start=NOTHING)


def begin(walk: Any, prices: tuple[int, ...], most: int | None) -> Payer:
    asset_type, skip, gates, provide, policy, *_ = walk
    job = new_job(asset_type, skip, gates, provide=provide, policy=policy)
    estimates = tuple(
        Amount(prices[place % len(prices)], 10 * place) if prices and place not in job.skipped | job.provided
        else NOTHING
        for place in range(len(job.revisions))
    )  # fmt: skip
    job = replace(job, bill=Bill(estimates, max_micros=most) if prices else None)
    records = tuple(record(job, place, StepStatus.DONE, service="") for place in sorted(job.provided))
    created = decide(None, c.Create(job, records), START)
    payer = Payer(created.job)
    payer.entries, payer.metrics = list(created.charges), {}
    return payer


def check(payer: Payer) -> None:
    job = payer.job
    held, spent = payer.balance(Kind.RESERVE, Kind.RELEASE), payer.balance(Kind.SETTLE)
    assert held == reserved(job), "what is reserved is the sum of its entries"
    assert spent == (job.bill.spent if job.bill else NOTHING), "so is what was spent"
    assert min(held.micros, held.gpu_ms, spent.micros, spent.gpu_ms) >= 0
    settled = Counter((item.position, item.revision) for item in payer.entries if item.kind is Kind.SETTLE)
    assert max(settled.values(), default=1) == 1, "a step revision is settled once"
    done = {position for position, revision in settled if revision == job.revisions[position]}
    assert done.isdisjoint(due(job)), "what was worked on and settled is not reserved any more"
    if job.status in TERMINAL and job.lease is None:
        assert held == NOTHING, "nothing stays reserved after the last live attempt"
    if job.lease is not None and job.bill is not None and job.status not in TERMINAL:
        assert due(job).get(job.position, NOTHING) == job.bill.estimates[job.position], (
            "what runs is reserved"
        )


EXTRA = st.one_of(
    st.tuples(st.just("work"), st.none()),
    st.tuples(st.just("work"), st.none()),
    st.tuples(st.just("withheld"), st.sampled_from(("hold", "unjudged", "block"))),
    st.tuples(st.just("approve"), st.none()),
    st.tuples(st.just("exhausted"), st.none()),
    st.tuples(st.just("available"), st.none()),
    st.tuples(st.just("raise"), st.sampled_from((0, 900_000, 10**9))),
    st.tuples(st.just("redrive"), st.none()),
    st.tuples(st.just("reprice"), st.sampled_from((0, 1_000, 400_000))),
)


def do(payer: Payer, action: tuple[str, Any]) -> None:
    name, choice = action
    job = payer.job
    match name:
        case "work":
            payer.do(("start", None))
            payer.do(("complete", 0))
        case "withheld":
            payer.do(("start", None))
            payer.do(("judged", choice))
        case "approve":
            payer.do(("review", (Verdict.APPROVED, None)))
        case "exhausted":
            payer.take(c.QuotaExhausted("cost_per_month"))
        case "available":
            payer.take(c.QuotaAvailable())
        case "raise":
            payer.take(c.Resume("usr", max_micros=choice))
        case "redrive":
            if job.error:
                payer.take(c.Redrive(payer.job.id, "usr"))
        case "reprice":
            estimates = tuple(Amount(choice, choice) for _ in job.revisions)
            at = (job.spec.name, job.revision)
            payer.take(c.Review(*at, Verdict.REJECTED, "usr", estimates=estimates))
        case _:
            payer.do(action)


@settings(max_examples=400, deadline=None)
@given(WALKS, PRICES, MOST, METRICS, st.lists(st.one_of(EXTRA, ACTIONS), min_size=5, max_size=40))
def test_the_ledger_adds_up_after_every_interleaving(
    walk: Any, prices: Any, most: int | None, metrics: Any, actions: list[Any]
) -> None:
    """Entries sum up to what is reserved and spent, none is made twice, and nothing stays reserved in the end."""
    payer = begin(walk, prices, most)
    payer.metrics = metrics
    check(payer)
    for action in actions:
        do(payer, action)
        check(payer)


@settings(max_examples=150, deadline=None)
@given(WALKS, PRICES, MOST, METRICS, st.lists(st.one_of(EXTRA, ACTIONS), max_size=40))
def test_a_job_never_starts_what_would_bring_it_above_its_bound(
    walk: Any, prices: Any, most: int | None, metrics: Any, actions: list[Any]
) -> None:
    """With ``max_cost``, no attempt runs whose estimate and what was spent exceed it; the job is held instead."""
    payer = begin(walk, prices, most)
    payer.metrics = metrics
    for action in actions:
        began = payer.job.lease
        do(payer, action)
        job = payer.job
        if job.lease is not None and job.lease is not began and job.bill is not None:
            assert not job.bill.exceeded_by(job.position)


def test_a_free_job_has_no_entries() -> None:
    """What costs nothing writes nothing: no bill, no entry, from submission to the end."""
    payer = begin(("2D", (), (), (), None), (), None)
    payer.metrics = {"duration": 3, "gpu_type": "cpu", "cost_estimate": 0}
    while payer.job.status is not JobStatus.SUCCEEDED:
        assert payer.do(("start", None))
        assert payer.do(("complete", 0))
    assert (payer.entries, payer.job.bill) == ([], None)


def test_a_failed_attempt_is_not_billed() -> None:
    """Attempts that made nothing cost the project nothing; the one that did settles once, at what it says."""
    payer = begin(("2D", (), (), (), None), (100_000,), None)
    payer.metrics = {"duration": 0.5, "gpu_type": "a100", "cost_estimate": 0.07}
    assert payer.do(("start", None))
    assert payer.do(("fail", "transient"))
    assert payer.do(("retry_due", 400))
    assert payer.balance(Kind.SETTLE) == NOTHING
    assert payer.do(("start", None))
    assert payer.do(("complete", 0))
    assert payer.balance(Kind.SETTLE) == Amount(70_000, 500)
    assert payer.balance(Kind.RESERVE, Kind.RELEASE) == Amount(200_000, 30)


def test_a_canceled_job_keeps_what_runs_reserved_until_its_lease_ends() -> None:
    """The attempt may still be working: its step stays reserved until the worker stops or is given up."""
    payer = begin(("2D", (), (), (), None), (100_000,), None)
    assert payer.do(("start", None))
    assert payer.do(("cancel", None))
    assert payer.balance(Kind.RESERVE, Kind.RELEASE).micros == 100_000
    assert payer.do(("acknowledge", None))
    assert payer.balance(*Kind) == NOTHING


def test_a_worker_cannot_report_absurd_amounts() -> None:
    """What it says is cut at ten times the estimate, and GPU time at how long it held the lease."""
    payer = begin(("2D", (), (), (), None), (100_000,), None)
    payer.metrics = {"duration": 1e9, "gpu_type": "a100", "cost_estimate": 1e9}
    assert payer.take(c.Start(lease(1, payer.now)))
    payer.fences, payer.now = 1, payer.now + timedelta(seconds=2)
    assert payer.take(c.Complete(1, (), {}, {}, "m", "1"))
    assert payer.balance(Kind.SETTLE) == Amount(1_000_000, 2_000)


def test_a_bound_holds_the_job_until_it_is_raised() -> None:
    """Actuals above the estimate bring the next step above ``max_cost``: held for quota, raised, it goes on."""
    payer = begin(("2D", (), (), (), None), (100_000,), 300_000)
    payer.metrics = {"duration": 1, "gpu_type": "cpu", "cost_estimate": 0.25}
    assert payer.do(("start", None))
    assert payer.do(("complete", 0))
    assert (payer.job.status, payer.job.pause_reason) == (JobStatus.PAUSED, "quota")
    assert not payer.do(("resume", None))
    assert not payer.take(c.Resume("usr", max_micros=340_000))
    assert payer.take(c.QuotaAvailable())
    assert Hold.QUOTA in payer.job.holds
    assert payer.take(c.Resume("usr", max_micros=350_000))
    assert payer.job.status is JobStatus.RUNNING
