"""What makes steps equal, and what of their files is whose: laws without an installation."""

from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maquette.domain.idempotency import inputs_digest, step_key
from maquette.domain.job import Artifact, Job, JobStatus, StepStatus
from maquette.domain.reuse import may_look, may_share, taken_over

INPUTS = st.fixed_dictionaries(
    {
        "project_id": st.uuids(),
        "asset_type": st.sampled_from(["2D", "3D"]),
        "step": st.sampled_from(["refine", "retopo", "rig"]),
        "params": st.dictionaries(st.text(max_size=3), st.integers() | st.text(max_size=3), max_size=3),
        "seed": st.integers(0, 2**63 - 1),
        "upstream": st.lists(st.text("0123456789abcdef", min_size=2, max_size=2), max_size=3),
    }
)


@given(INPUTS, INPUTS, st.sampled_from(["1", "2"]), st.sampled_from(["1", "2"]))
def test_keys_are_equal_only_where_all_is(one: Any, other: Any, model: str, newer: str) -> None:
    """Each field by itself makes a step unequal, as does the model; the order of parameters does not."""
    key = step_key(inputs_digest(**one), model)
    assert key == step_key(inputs_digest(**one | {"params": dict(reversed(one["params"].items()))}), model)
    for field, value in other.items():
        same = step_key(inputs_digest(**one | {field: value}), model) == key
        assert same == (one[field] == value), field
    assert (step_key(inputs_digest(**one), newer) == key) == (newer == model)


def job(**more: Any) -> Job:
    facts = {
        "status": JobStatus.QUEUED,
        "step_status": StepStatus.PENDING,
        "position": 0,
        "revisions": (0, 0, 0),
    }
    facts |= {"id": UUID(int=1), "project_id": UUID(int=9), "asset_type": "2D", "pipeline_version": 2}
    facts |= {"correlation_id": "c", "skipped": frozenset(), "gates": frozenset(), "created_at": None}
    return Job(**(facts | more))


@pytest.mark.parametrize(
    ("more", "shares", "looks"),
    [
        ({"reuse": "allow"}, True, True),
        ({"reuse": "never"}, False, False),
        ({}, False, False),
        ({"reuse": "never", "revisions": (1, 0, 0)}, False, True),
        ({"reuse": "allow", "attempt": 1}, False, False),
        ({"reuse": "allow", "step_status": StepStatus.PAUSED}, False, False),
    ],
)
def test_who_looks_and_who_shares(more: Any, shares: bool, looks: bool) -> None:
    """Only a waiting task; others' work only with a named seed, one's own earlier work after a rewind always."""
    assert (may_share(job(**more)), may_look(job(**more))) == (shares, looks)


def test_a_choice_among_files_is_its_reviewers() -> None:
    """Taken over within a job it stays; from another job's files nobody has chosen yet."""
    file = Artifact(
        UUID(int=5),
        UUID(int=1),
        0,
        0,
        1,
        "refine",
        "image",
        "a.png",
        "image/png",
        1,
        "ab",
        "k",
        {},
        selected=True,
    )
    own, others = (
        taken_over(job(id=UUID(int=key), revisions=(2, 0, 0)), [file], [UUID(int=6)])[0] for key in (1, 2)
    )
    assert (own.selected, others.selected) == (True, None)
    assert (others.job_id, others.revision, others.attempt, others.key) == (UUID(int=2), 2, 0, "k")
