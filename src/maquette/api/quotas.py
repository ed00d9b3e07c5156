"""Quotas: plans, what projects and their users may have, what services cost."""

from dataclasses import asdict

from fastapi import APIRouter, Response

from maquette.api.call import Caller, answer
from maquette.api.openapi import problems, success
from maquette.api.present import Fields
from maquette.api.problems import document
from maquette.api.shapes import quotas as shapes
from maquette.domain import quota, typeid
from maquette.domain.billing import due, reserved
from maquette.domain.job import Job
from maquette.domain.ledger import CURRENCY, dollars
from maquette.domain.quota import Plan, Used
from maquette.services import quotas
from maquette.services.quotas import QuotaView
from maquette.services.rehearsal import Rehearsal

router = APIRouter(tags=["quotas"])

_READ = problems(401, 403, 404, 503)
_WRITE = problems(401, 403, 404, 413, 415, 422, 503)


def _plan(name: str, plan: Plan) -> Fields:
    return {"name": name, "limits": quota.shown(plan.limits), "per_user": quota.shown(plan.per_user)}


def used(numbers: Used) -> Fields:
    """Return what is used of limits, under their names."""
    return {
        "concurrent_jobs": numbers.concurrent_jobs,
        "jobs_per_day": numbers.jobs_per_day,
        "gpu_seconds_per_month": numbers.amount.gpu_ms / 1000,
        "cost_per_month": dollars(numbers.amount.micros),
        "stored_bytes": numbers.stored_bytes,
        "running_tasks": numbers.running_tasks,
    }


def _shown(view: QuotaView) -> Fields:
    held = view.terms.quotas
    return {
        "plan": held.plan,
        "limits": quota.shown(held.limits),
        "per_user": quota.shown(held.per_user),
        "users": {subject: quota.shown(limits) for subject, limits in held.users.items()},
        "effective": quota.shown(view.terms.project),
        "used": used(view.used),
        "refused_today": view.refused,
        "users_used": {subject: used(numbers) for subject, numbers in view.users.items()},
    }


def rehearsed(run: Rehearsal) -> Fields:
    """Return a dry run as ``POST /jobs`` shows it."""
    ready = run.prepared
    return {
        "dry_run": True,
        "effective_inputs": None if ready is None else ready.admitted.effective,
        "held_for_safety": run.held,
        "estimate": None if ready is None else _estimate(ready.job),
        "quotas": [item.fields() for item in run.asked],
        "would_be_refused": [
            {name: told.get(name) for name in ("status", "code", "detail", "details", "quota")}
            for told in (document(error, path="/jobs", request_id="") for error in run.refused)
        ],
    }


def _estimate(job: Job) -> Fields:
    wanted, total = due(job), reserved(job)
    return {
        "currency": CURRENCY,
        "cost": dollars(total.micros),
        "gpu_seconds": total.gpu_ms / 1000,
        "steps": [
            {
                "step": job.pipeline.steps[position].name,
                "service": job.service_at(position),
                "cost": dollars(amount.micros),
                "gpu_seconds": amount.gpu_ms / 1000,
            }
            for position, amount in wanted.items()
        ],
    }


@router.get(
    "/plans",
    operation_id="list_plans",
    summary="List plans",
    response_class=Response,
    responses=success(shapes.PlanPage, "All plans by name") | problems(401, 403, 503),
)
async def list_plans(call: Caller) -> Response:
    """Tell what kinds of customers get."""
    found = await quotas.plans(call.deps)
    return answer({"items": [_plan(name, plan) for name, plan in found.items()], "next_cursor": None})


@router.get(
    "/plans/{name}",
    operation_id="get_plan",
    summary="Read a plan",
    response_class=Response,
    responses=success(shapes.Plan, "The plan") | _READ,
)
async def get_plan(name: str, call: Caller) -> Response:
    """Projects refer to it by name."""
    return answer(_plan(name, await quotas.plan(call.deps, name)))


@router.put(
    "/plans/{name}",
    operation_id="put_plan",
    summary="Make or replace a plan",
    response_class=Response,
    responses=success(shapes.Plan, "The plan as it holds from now on") | _WRITE,
)
async def put_plan(name: str, body: shapes.PlanBody, call: Caller) -> Response:
    """In force at once for every project that has it; what is open already stays."""
    return answer(_plan(name, await quotas.put_plan(call.deps, call.principal, name, body.model_dump())))


@router.get(
    "/projects/{project_id}/quotas",
    operation_id="get_project_quotas",
    summary="Read what a project may have",
    response_class=Response,
    responses=success(shapes.ProjectQuotas, "What was set, what holds, what is used") | _READ,
)
async def get_project_quotas(project_id: str, call: Caller) -> Response:
    """Count what is reserved as used, until the step that it is for has ended."""
    return answer(_shown(await quotas.get(call.deps, call.principal, typeid.decode("prj", project_id))))


@router.put(
    "/projects/{project_id}/quotas",
    operation_id="put_project_quotas",
    summary="Set what a project and its users may have",
    response_class=Response,
    responses=success(shapes.ProjectQuotas, "What holds from now on") | _WRITE,
)
async def put_project_quotas(project_id: str, body: shapes.QuotasBody, call: Caller) -> Response:
    """Plan and limits of the project are the operators'; its owners divide what it has among users."""
    project = typeid.decode("prj", project_id)
    return answer(_shown(await quotas.put(call.deps, call.principal, project, body.wish())))


@router.get(
    "/services/{name}/rates",
    operation_id="get_service_rates",
    summary="Read what a service costs",
    response_class=Response,
    responses=success(shapes.ServiceRates, "Rates by step; none: it is free") | problems(401, 403, 422, 503),
)
async def get_service_rates(name: str, call: Caller) -> Response:
    """Tell what the next job's estimate will be made of."""
    found = await quotas.rates(call.deps, name)
    return answer({"service": name, "rates": {step: asdict(rate) for step, rate in found.items()}})


@router.put(
    "/services/{name}/rates",
    operation_id="put_service_rates",
    summary="Set what a service costs",
    response_class=Response,
    responses=success(shapes.ServiceRates, "Rates of jobs from now on")
    | problems(401, 403, 413, 415, 422, 503),
)
async def put_service_rates(name: str, body: shapes.RatesBody, call: Caller) -> Response:
    """Jobs that are there keep the estimates that they began with."""
    given = {step: rate.model_dump() for step, rate in body.rates.items()}
    made = await quotas.put_rates(call.deps, call.principal, name, given)
    return answer({"service": name, "rates": {step: asdict(rate) for step, rate in made.items()}})
