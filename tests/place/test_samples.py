"""Load in several samples: the highest utilisation over all of them, as exact as in one."""

from __future__ import annotations

import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from place.instances import exhaustive, problems
from place.test_solve import WAYS
from planner import api
from planner.cli.app import app
from planner.documents.errors import DocumentError
from planner.documents.load import load
from planner.place.bounds.area import lower_bound
from planner.place.bounds.classes import class_bound
from planner.place.bounds.dual_feasible import dual_feasible_bound
from planner.place.check.judge import check
from planner.place.clock import Clock, Stop
from planner.place.levels.packing import pack
from planner.place.model.objective import BALANCE, Objective
from planner.place.model.problem import Problem
from planner.place.moves.move_list import Previous
from planner.place.moves.replacement import replace_within, replacement
from planner.place.result import Status
from planner.place.search.construct import construct
from planner.place.search.state import State
from planner.place.solve import Search, balanced_mean, lower_levels, solve

SMALL = settings(
    max_examples=40, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
SAMPLED = st.integers(2, 4).flatmap(
    lambda samples: problems(groups=2, task_managers=3, slots=3, samples=samples)
)


@SMALL
@given(SAMPLED)
def test_equal_to_exhaustive_search(problem: Problem) -> None:
    best = exhaustive(problem)
    result = solve(problem, Clock(Stop(20)), objective=(Objective.CPU,))
    if best is None:
        assert result.status is Status.INFEASIBLE
        return
    assert result.solution is not None
    assert result.status is Status.OPTIMAL
    assert result.solution.max_utilisation(problem) == best == result.bound.value


@SMALL
@given(SAMPLED)
def test_bounds_never_exceed_the_optimum(problem: Problem) -> None:
    best = exhaustive(problem)
    if best is None:
        return
    least, classes = lower_bound(problem).value, class_bound(problem)
    assert least <= best
    assert dual_feasible_bound(problem, least).value <= best
    assert classes is None or classes.value <= best


@pytest.mark.parametrize("way", WAYS)
@settings(parent=SMALL, max_examples=20)
@given(problem=SAMPLED)
def test_each_way_alone_claims_nothing_wrong(way: str, problem: Problem) -> None:
    best = exhaustive(problem)
    if best is None:
        return
    search = Search(problem, Clock(Stop(20)), lambda *_: None)
    found = construct(problem, State(problem).caps(10**6, 1))
    search._offer(found)  # far from the best
    WAYS[way](search, found)
    assert search.bound.value <= best
    assert search.value is None or best <= search.value


@SMALL
@given(SAMPLED)
def test_a_utilisation_is_a_limit_of_every_sample(problem: Problem) -> None:
    """What keeps to the limits within a utilisation, and at the peak to the cap, is what reaches it."""
    best = exhaustive(problem)
    if best is None:
        return
    result = solve(problem, Clock(Stop(20)), objective=(Objective.CPU,))
    assert result.solution is not None
    state = State.from_solution(problem.within(best), result.solution)
    assert state.within_limits().all()
    assert (state.load <= state.caps(best.numerator, best.denominator)).all()
    highest = [max(loads) for loads in result.solution.loads(problem).values()]
    assert [int(load) for load in state.highest_load()] == highest
    assert problem.within(Fraction(1)).within(best) == problem.within(best)
    if best:
        # the least bit lower, and no placement is within the limits
        lower = problem.within(best - Fraction(1, 10**12))
        below = exhaustive(lower)
        assert below is None or below >= best


@SMALL
@given(SAMPLED)
def test_later_levels_keep_every_sample(problem: Problem) -> None:
    first = solve(problem, Clock(Stop(20)), objective=(Objective.CPU,))
    if first.solution is None:
        return
    later = lower_levels(first, Clock(Stop(20)), objective=BALANCE)
    assert later.solution is not None
    value = first.solution.max_utilisation(problem)
    assert later.solution.max_utilisation(problem) <= value
    assert all(level.name != "cpuUtilisationSpread" for level in later.levels)
    loose = lower_levels(first, Clock(Stop(20)), objective=BALANCE, slack=Fraction(1, 10))
    assert loose.solution is not None
    assert loose.solution.max_utilisation(problem) <= value * Fraction(11, 10)


@SMALL
@given(SAMPLED, st.integers(0, 2**20))
def test_moves_keep_every_sample(problem: Problem, seed: int) -> None:
    first = solve(problem, Clock(Stop(20)), objective=(Objective.CPU,))
    if first.solution is None:
        return
    limit = first.solution.max_utilisation(problem) * Fraction(11, 10)
    names = [problem.task_managers[tm].id for tm in problem.usable]
    before = Previous(
        {name: dict.fromkeys(problem.groups, (seed >> i) % 3) for i, name in enumerate(names)},
        dict.fromkeys(problem.groups, Fraction(1)),
    )
    within = problem.within(limit)
    start = replacement(within, first.solution, before)
    found = replace_within(within, before, limit, Clock(Stop(20)), [start])
    assert found.weight <= start.weight
    assert found.solution.max_utilisation(problem) <= limit


@SMALL
@given(SAMPLED)
def test_the_mean_is_no_better(problem: Problem) -> None:
    best = exhaustive(problem)
    mean = balanced_mean(problem, Clock(Stop(20)))
    assert (mean is None) == (best is None)
    if mean is not None and best is not None:
        assert mean >= best


@SMALL
@given(SAMPLED)
def test_packed_task_managers_have_room_in_every_sample(problem: Problem) -> None:
    if exhaustive(problem) is None:
        return
    found = pack(problem, Clock(Stop(20)))
    best = exhaustive(found.problem)
    assert best is not None  # what is packed has a placement
    assert found.level.value == len(found.problem.usable)


@SMALL
@given(problems(samples=1), st.integers(2, 4))
def test_equal_samples_are_one(problem: Problem, samples: int) -> None:
    """Where a load is the same in each sample, nothing is different but their number."""
    alike = replace(
        problem, types=tuple(replace(slot, samples=(slot.load,) * samples) for slot in problem.types)
    )
    assert alike.within(Fraction(1)) is alike
    one, several = (solve(p, Clock(Stop(20)), objective=(Objective.CPU,)) for p in (problem, alike))
    assert one.status is several.status
    assert one.bound.value == several.bound.value
    assert one.solution == several.solution


JOB = """apiVersion: planner/v1
kind: Job
metadata: {name: shop}
spec:
  slotSharingGroups:
    - {name: day, resources: {cpu: 0.5, heap: 256 mb, offHeap: 32 mb}}
    - {name: night, resources: {cpu: 0.5, heap: 256 mb, offHeap: 32 mb}}
    - {name: always, resources: {cpu: 0.5, heap: 256 mb, offHeap: 32 mb}}
  operators:
    - {id: web, kind: source, group: day, parallelism: 4, load: {cpuSamples: [0.2, 1.8, 0.9]}}
    - {id: batch, kind: source, group: night, parallelism: 4, load: {cpuSamples: [1.8, 0.2, 0.9]}}
    - {id: audit, kind: source, group: always, parallelism: 2, load: {cpu: 0.1}}
"""
CLUSTER = """apiVersion: planner/v1
kind: Cluster
metadata: {name: two}
spec:
  taskManagerClasses:
    - {name: tm, count: 2, cpu: 8, memory: {process: 8 gb}, slots: 8}
"""


def documents(job: str = JOB) -> tuple[api.Job, api.Cluster]:
    first, second = load(job.encode(), "job.yaml")[0].document, load(CLUSTER.encode(), "c.yaml")[0].document
    assert isinstance(first, api.Job)
    assert isinstance(second, api.Cluster)
    return first, second


def test_what_is_busy_by_day_shares_with_what_is_busy_by_night() -> None:
    """On average all slots are alike: any four and four are even, and four busy ones reach 7.3 of 8 cores."""
    job, cluster = documents()
    placement = api.place(job, cluster)
    assert [tm.quotas for tm in placement.task_managers] == [{"always": 1, "day": 2, "night": 2}] * 2
    assert [tm.load.cpu for tm in placement.task_managers] == [410_000_000] * 2
    assert placement.imbalance.max == placement.objective[0].value == 0.5125
    assert placement.objective[0].status == "optimal"
    assert placement.samples is not None
    assert (placement.samples.count, placement.samples.decided_by) == (3, 1)
    assert placement.samples.balanced_mean is not None
    assert placement.samples.balanced_mean >= 0.5125
    profile = api.compile(job)
    assert check(placement, profile, cluster) == []
    wrong = placement.model_copy(update={"samples": placement.samples.model_copy(update={"decided_by": 3})})
    assert check(wrong, profile, cluster) == ["no TaskManager is highest in sample 3"]
    missing = placement.model_copy(update={"samples": None})
    assert check(missing, profile, cluster) == [
        "the load has 3 samples, and the placement says nothing of them"
    ]


def test_a_profile_holds_the_samples() -> None:
    job, cluster = documents()
    text = api.to_json(api.to_data(api.compile(job)))
    assert [node["planner"].get("load") for node in json.loads(text)["nodes"]] == [
        {"cpuSamples": [0.2, 1.8, 0.9]},
        {"cpuSamples": [1.8, 0.2, 0.9]},
        {"cpu": 0.1},
    ]
    again = load(text.encode(), "job.profile.json")[0].document
    assert isinstance(again, api.ResourceProfile)
    first, second = api.place(job, cluster), api.place(again, cluster)
    assert first.task_managers == second.task_managers


def test_different_numbers_of_samples_are_an_error() -> None:
    job, cluster = documents(JOB.replace("[1.8, 0.2, 0.9]", "[1.8, 0.2]"))
    with pytest.raises(DocumentError, match="'batch' has 2 samples of its load, 'web' has 3"):
        api.place(job, cluster)
    assert [finding.code for finding in api.validate(job) if finding.severity == "error"] == ["JOB211"]


def test_a_level_that_is_left_out_is_said(tmp_path: Path) -> None:
    (tmp_path / "job.yaml").write_text(JOB, encoding="utf-8")
    (tmp_path / "cluster.yaml").write_text(CLUSTER, encoding="utf-8")
    files = [str(tmp_path / "job.yaml"), "-c", str(tmp_path / "cluster.yaml"), "--format", "text"]
    asked = CliRunner().invoke(app, ["place", *files, "--objective", "cpu,spread"])
    assert asked.exit_code == 0
    assert "the level spread is left out" in asked.stderr
    default = CliRunner().invoke(app, ["place", *files])
    assert "spread is left out" not in default.stderr
    assert "Samples          3 of the load, highest in number 1" in default.stdout
    assert "balancing their mean reaches" in default.stdout


def test_samples_and_one_figure_are_an_error() -> None:
    text = JOB.replace("load: {cpu: 0.1}", "load: {cpu: 0.1, cpuSamples: [0.1, 0.1, 0.1]}")
    (finding,) = load(text.encode(), "job.yaml")[0].findings
    assert "leave one out" in finding.message
    assert finding.position.line == 12
