"""Several jobs on one cluster: one problem, jobs that stay where they are, and each job's part again."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from place.instances import exhaustive
from planner import api
from planner.documents.load import load
from planner.graph.several_jobs import JobPart, job_groups, together
from planner.place.check.judge import check
from planner.place.engine import instance_of
from planner.place.infeasible import Infeasible
from planner.place.several_jobs import groups_in, standing

SMALL = settings(
    max_examples=30, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
CLUSTER = """apiVersion: planner/v1
kind: Cluster
metadata: {name: session}
spec:
  taskManagerClasses:
    - {name: big, count: 2, cpu: 8, memory: {process: 16 gb}, slots: 16, labels: {zone: a}}
    - {name: small, count: 3, cpu: 4, memory: {process: 8 gb}, slots: 8, labels: {zone: b}}
"""


def job(name: str, *operators: str, more: str = "") -> api.Job:
    lines = "\n".join(f"    - {{{operator}}}" for operator in operators)
    text = (
        f"apiVersion: planner/v1\nkind: Job\nmetadata: {{name: {name}}}\nspec:\n  operators:\n{lines}\n{more}"
    )
    document = load(text.encode(), name)[0].document
    assert isinstance(document, api.Job)
    return document


def two_groups(name: str, cpu: float, parallelism: int, more: str = "") -> api.Job:
    return job(
        name,
        f"id: src, kind: source, parallelism: {parallelism}, load: {{cpu: {cpu}}}",
        f"id: agg, inputs: [{{from: src, ship: hash}}], group: heavy, parallelism: {parallelism},"
        f" load: {{cpu: {2 * cpu}}}",
        more=more,
    )


def cluster(text: str = CLUSTER) -> api.Cluster:
    document = load(text.encode(), "cluster.yaml")[0].document
    assert isinstance(document, api.Cluster)
    return document


@st.composite
def several(draw: st.DrawFn) -> list[api.Job]:
    """Two or three small jobs of one or two groups."""
    found = []
    for number in range(draw(st.integers(2, 3))):
        operators = [
            f"id: o{i}, kind: source, group: g{i}, parallelism: {draw(st.integers(1, 3))},"
            f" load: {{cpu: {draw(st.integers(1, 30)) / 10}}}"
            for i in range(draw(st.integers(1, 2)))
        ]
        found.append(job(f"job-{number}", *operators))
    return found


def parts_of(jobs: list[api.Job]) -> Iterator[JobPart]:
    for one in jobs:
        profile, graph = api.compile_job(one)
        name = one.metadata.name
        yield JobPart(name, profile, graph, job_groups(name, profile), api.profile_digest(one))


@SMALL
@given(several())
def test_together_they_are_what_each_is_alone(jobs: list[api.Job]) -> None:
    """The slots of all jobs together are those of each, with their load and resources, whatever their order."""
    parts = list(parts_of(jobs))
    profile, graph = together("session", parts)
    whole = instance_of(profile, graph, cluster())
    found = sorted((slot.group, slot.loads, len(slot.subtasks)) for slot in whole.slots)
    alone = []
    for part in parts:
        own = instance_of(part.profile, part.graph, cluster())
        alone += [(part.groups[slot.group], slot.loads, len(slot.subtasks)) for slot in own.slots]
        for slot in own.problem.types:
            demands = {one.demand for one in whole.problem.types if one.group == part.groups[slot.group]}
            assert demands == {slot.demand}
    assert found == sorted(alone)
    assert len(graph.vertices) == sum(len(part.graph.vertices) for part in parts)
    assert [vertex.index for vertex in graph.vertices] == list(range(len(graph.vertices)))
    assert len({vertex.sharing for vertex in graph.vertices}) == len(whole.problem.groups)


@SMALL
@given(several())
def test_parts_of_a_placement_are_the_placement(jobs: list[api.Job]) -> None:
    """Each slot and quota is in the part of exactly one job, which the checker finds good for what it is of."""
    placement = api.place_jobs(jobs, cluster())
    profile, graph = together("session", list(parts_of(jobs)))
    assert check(placement, profile, cluster(), job=graph) == []
    views = [api.job_of(placement, one) for one in jobs]
    assert placement.jobs is not None
    for number, tm in enumerate(placement.task_managers):
        quotas: dict[str, int] = {}
        slots = 0
        for view, _ in views:
            own = view.task_managers[number]
            assert own.memory == tm.memory
            assert quotas.keys().isdisjoint(own.quotas)
            quotas |= own.quotas
            slots += len(own.slots)
        assert quotas == tm.quotas
        assert slots == len(tm.slots)
    for (view, own_profile), one in zip(views, jobs, strict=True):
        assert api.made_from(view, own_profile)
        told = placement.jobs[one.metadata.name]
        assert told.slots == sum(len(tm.slots) for tm in view.task_managers)
        assert told.highest >= told.alone - 1e-6
        alone = api.place(one, cluster())
        assert alone.objective[0].value >= told.alone - 1e-6
        names = {name for tm in view.task_managers for slot in tm.slots for name in slot.subtasks}
        assert names == {name for tm in alone.task_managers for slot in tm.slots for name in slot.subtasks}


@SMALL
@given(several(), st.integers(1, 2))
def test_what_is_kept_stays(jobs: list[api.Job], kept: int) -> None:
    """Slots of jobs that run stay where they are, and no placement that keeps them is better than a proof says."""
    assume(kept < len(jobs))
    before = api.place_jobs(jobs[:kept], cluster())
    try:
        after = api.place_jobs(jobs, cluster(), keep=before)
    except Infeasible:
        return
    held, now = standing(before).slots, standing(after).slots
    assert {slot: now[slot] for slot in held} == held
    assert after.jobs is not None
    assert [bool(one.kept) for one in after.jobs.values()] == [number < kept for number in range(len(jobs))]
    free = api.place_jobs(jobs, cluster())
    assert free.objective[0].bound is not None
    assert after.objective[0].value >= free.objective[0].bound - 1e-6
    assert (after.objective[0].bound or 0) <= after.objective[0].value + 1e-6


@SMALL
@given(several())
def test_what_is_added_is_placed_best(jobs: list[api.Job]) -> None:
    """No placement beside what stays has a lower highest utilisation, of all that there are."""
    places = cluster(CLUSTER.replace("count: 3", "count: 1"))
    try:
        before = api.place_jobs(jobs[:1], places)
    except Infeasible:
        return
    profile, graph = together("session", list(parts_of(jobs[:2])))
    best = exhaustive(instance_of(profile, graph, places, standing(before)).problem)
    if best is None:  # until estimates bend
        return
    after = api.place_jobs(jobs[:2], places, keep=before)
    assert after.objective[0].status == "optimal"
    assert after.objective[0].value == pytest.approx(float(best), abs=1e-6)


def test_what_was_placed_alone_keeps_its_names() -> None:
    """Its TaskManagers offer quotas of these names, for which its slots asked."""
    first, second = two_groups("a", 0.5, 4), two_groups("b", 0.3, 3)
    alone = api.place(first, cluster())
    both = api.place_jobs([first, second], cluster(), keep=alone)
    assert both.jobs is not None
    assert both.jobs["a"].groups == ["default", "heavy"]
    assert both.jobs["b"].groups == ["b/default", "b/heavy"]
    for tm, before in zip(both.task_managers, alone.task_managers, strict=True):
        assert before.memory is not None
        assert tm.memory is not None
        amounts = {k: v for k, v in before.memory.dynamic_options.items() if k.endswith(".amount")}
        assert amounts.items() <= tm.memory.dynamic_options.items()
    view, profile = api.job_of(both, first)
    assert [group.name for group in profile.ssg_profiles] == ["default", "heavy"]
    assert [tm.quotas for tm in view.task_managers] == [tm.quotas for tm in alone.task_managers]
    three = api.place_jobs([first, second, two_groups("c", 0.2, 2)], cluster(), keep=both)
    assert three.jobs is not None
    assert three.jobs["a"].groups == ["default", "heavy"]


def test_kept_estimates_stay_lowered() -> None:
    """What a running job's slots take is what they were started with, also where estimates had to bend."""
    small = cluster(CLUSTER.replace("16 gb", "1200 mb").replace("8 gb", "1000 mb"))
    first = job("a", "id: s, kind: source, parallelism: 20")
    second = job("b", "id: s, kind: source, parallelism: 2")
    before = api.place_jobs([first], small)
    assert before.planned_groups is not None
    after = api.place_jobs([first, second], small, keep=before)
    assert after.planned_groups is not None
    assert after.planned_groups["a/default"] == before.planned_groups["a/default"]
    view, _ = api.job_of(after, first)
    assert view.planned_groups == before.planned_groups


def test_groups_of_other_jobs_can_be_kept_apart() -> None:
    groups = """  slotSharingGroups:
    - {name: heavy, placement: {antiAffinity: [b/heavy, elsewhere/group]}}
"""
    first, second = two_groups("a", 0.1, 3, groups), two_groups("b", 0.1, 3)
    placement = api.place_jobs([first, second], cluster())
    assert not any({"a/heavy", "b/heavy"} <= tm.quotas.keys() for tm in placement.task_managers)
    wrong = two_groups("a", 0.1, 3, groups.replace("b/heavy", "b/light"))
    with pytest.raises(api.PlacementMismatch, match="no group 'b/light'"):
        api.place_jobs([wrong, second], cluster())
    assert (
        api.place(first, cluster()).objective[0].status == "optimal"
    )  # alone there is nothing to be apart from


def test_samples_of_all_jobs_count() -> None:
    by_day = job("day", "id: s, kind: source, parallelism: 4, load: {cpuSamples: [0.2, 1.8]}")
    by_night = job("night", "id: s, kind: source, parallelism: 4, load: {cpuSamples: [1.8, 0.2]}")
    always = job("always", "id: s, kind: source, parallelism: 2, load: {cpu: 0.1}")
    equal = cluster(CLUSTER.split("    - {name: small")[0])
    placement = api.place_jobs([by_day, by_night, always], equal)
    assert placement.objective[0].value == 0.5125
    assert [tm.quotas for tm in placement.task_managers] == [
        {"always/default": 1, "day/default": 2, "night/default": 2}
    ] * 2
    other = job("other", "id: s, kind: source, load: {cpuSamples: [1, 2, 3]}")
    with pytest.raises(api.PlacementMismatch, match="'day' has 2 samples of its load, 'other' has 3"):
        api.place_jobs([by_day, other], equal)


def test_what_cannot_share_a_cluster() -> None:
    first = two_groups("a", 0.5, 2)
    for other, reason in (
        (two_groups("a", 0.1, 2), "two jobs are called 'a'"),
        (two_groups("b", 0.1, 2, "  type: batch\n"), "'a' is a streaming job and 'b' a batch one"),
        (two_groups("b", 0.1, 2, '  flinkVersion: "2.0"\n'), "one cluster has one version"),
    ):
        with pytest.raises(api.PlacementMismatch, match=reason):
            api.place_jobs([first, other], cluster())
    fast, flink = (
        two_groups("a", 0.1, 2, "  recovery: fast\n"),
        two_groups("b", 0.1, 2, "  recovery: flink\n"),
    )
    with pytest.raises(api.PlacementMismatch, match="one JobManager serves both"):
        api.place_jobs([fast, flink], cluster())
    options = api.place_jobs([fast, two_groups("b", 0.1, 2)], cluster()).flink_configuration
    assert options is not None
    assert options["heartbeat.interval"] == "1 s"


def test_a_placement_of_others_is_refused() -> None:
    first, second, third = (two_groups(name, 0.2, 2) for name in "abc")
    both = api.place_jobs([first, second], cluster())
    with pytest.raises(api.PlacementMismatch, match="the placement is not of 'c', but of a, b"):
        api.job_of(both, third)
    with pytest.raises(api.PlacementMismatch, match="another version of 'b'"):
        api.job_of(both, two_groups("b", 0.3, 2))
    with pytest.raises(api.PlacementMismatch, match="slots of 'b' are to stay"):
        api.place_jobs([first, third], cluster(), keep=both)
    assert groups_in(both, "c", api.compile(third)) is None


def test_moves_of_several_jobs() -> None:
    """A placement of several jobs is one before another: a job more takes the fewest moves."""
    jobs = [two_groups(name, 0.2, 3) for name in "ab"]
    before = api.place_jobs(jobs, cluster())
    after = api.place_jobs([*jobs, two_groups("c", 0.1, 2)], cluster(), previous=before, slack=0.5)
    assert after.moves is not None
    assert after.moves.moved == 0
    assert after.moves.added == 4


def test_a_bound_of_what_is_added_counts_what_stands() -> None:
    """A slot of 3 cores beside what stays: 4 cores on each of the smaller ones, 2 of 8 on the larger ones."""
    full = job(
        "full", "id: s, kind: source, parallelism: 5, load: {cpu: 2}", more="  slotSharingGroups:\n"
        "    - {name: default, placement: {maxPerTaskManager: 1}}\n",
    )  # fmt: skip
    one = job("one", "id: s, kind: source, load: {cpu: 3}")
    before = api.place_jobs([full], cluster())
    after = api.place_jobs([full, one], cluster(), keep=before)
    assert after.objective[0].value == float(Fraction(5, 8))
    assert after.objective[0].status == "optimal"


def test_a_reserve_covers_what_stays_and_stays_itself() -> None:
    """The same TaskManager is in reserve, and offers what any other one holds, of all jobs."""
    spare = cluster(CLUSTER.replace("spec:\n", "spec:\n  reserve: {taskManagers: 1}\n"))
    jobs = [two_groups(name, 0.3, 4) for name in "ab"]
    before = api.place_jobs(jobs, spare)
    after = api.place_jobs([*jobs, two_groups("c", 0.2, 3)], spare, keep=before)
    assert after.uncovered is None
    (old,), (new,) = ([tm for tm in one.task_managers if tm.reserve] for one in (before, after))
    assert new.id == old.id
    for group in ("a/default", "b/heavy", "c/heavy"):
        assert new.quotas[group] >= max(
            tm.quotas.get(group, 0) for tm in after.task_managers if tm is not new
        )


def test_a_reserve_is_found_among_many_that_hold_slots() -> None:
    """Most TaskManagers cannot be in reserve, since slots stay on them: the few others are found at once."""
    text = CLUSTER.replace("count: 2", "count: 60").replace("count: 3", "count: 60")
    first = two_groups("a", 0.5, 119)
    spare = cluster(text.replace("spec:\n", "spec:\n  reserve: {taskManagers: 1}\n"))
    before = api.place_jobs([first], spare)
    assert sum(1 for tm in before.task_managers if not tm.slots) == 1
    after = api.place_jobs([first, two_groups("b", 0.1, 2)], spare, keep=before)
    old, new = ([tm.id for tm in one.task_managers if tm.reserve] for one in (before, after))
    assert new == old


def test_names_of_a_placement_before_are_kept() -> None:
    """Jobs that run asked for quotas of these names; what is another job's group is never taken for one's own."""
    first, second, third = (two_groups(name, 0.2, 3) for name in "abc")
    alone = api.place(first, cluster())
    both = api.place_jobs([first, second], cluster(), keep=alone)
    again = api.place_jobs([first, second], cluster(), previous=both, slack=1.0)
    assert again.jobs is not None
    assert again.moves is not None
    assert again.jobs["a"].groups == ["default", "heavy"]
    assert (again.moves.moved, again.moves.added, again.moves.removed) == (0, 0, 0)
    others = api.place_jobs([first, third], cluster(), previous=both, slack=1.0)
    assert others.moves is not None
    assert (others.moves.moved, others.moves.added, others.moves.removed) == (0, 6, 6)
    left = api.place_jobs([second], cluster(), previous=both, slack=1.0)
    assert left.moves is not None
    assert (left.moves.moved, left.moves.added, left.moves.removed) == (0, 0, 6)
    rescaled = api.place_jobs([two_groups("a", 0.2, 4), second], cluster(), previous=both, slack=1.0)
    assert rescaled.moves is not None
    assert rescaled.moves.added == 2
    with pytest.raises(api.PlacementMismatch, match="of several jobs"):
        api.place(second, cluster(), previous=both)


def test_what_runs_takes_what_it_takes() -> None:
    """Estimates of a job that runs are not lowered for one that is added: its slots were asked for as they are."""
    one = cluster(
        CLUSTER.replace("16 gb", "2000 mb").replace("count: 2", "count: 1").split("    - {name: small")[0]
    )
    first, second = (job(name, "id: s, kind: source, parallelism: 3") for name in "ab")
    before = api.place_jobs([first], one)
    assert before.planned_groups is None
    try:
        after = api.place_jobs([first, second], one, keep=before)
    except Infeasible:
        return
    assert "a/default" not in (after.planned_groups or {})
    for old, new in zip(before.task_managers, after.task_managers, strict=True):
        own = [tm.load.heap - sum(s.group == "b/default" for s in tm.slots) * heap for tm, heap in (
            (old, 0),
            (new, (after.planned_groups or {})["b/default"].heap),
        )]  # fmt: skip
        assert own[0] == own[1]


def test_unequal_slots_stay_as_they_are() -> None:
    """Slots of one group with other subtasks are not exchanged on paper, where nothing moves."""
    uneven = job(
        "k",
        "id: p, kind: source, parallelism: 4, load: {cpu: 0.1}",
        "id: q, kind: source, parallelism: 2, load: {cpu: 2}",
    )
    two = cluster(CLUSTER.replace("count: 3", "count: 0").replace("slots: 16", "slots: 3"))
    before = api.place_jobs([uneven], two)
    after = api.place_jobs([uneven, job("n", "id: n, kind: source, load: {cpu: 3}")], two, keep=before)
    for old, new in zip(before.task_managers, after.task_managers, strict=True):
        kept = [slot for slot in new.slots if slot.group == "k/default"]
        assert kept == old.slots
    assert after.objective[0].value == pytest.approx((2.2 + 3) / 8)
    assert after.objective[0].status == "optimal"


def test_one_sample_is_a_load_that_stays_the_same() -> None:
    first = job("a", "id: s, kind: source, load: {cpuSamples: [0.5]}")
    second = job("b", "id: s, kind: source, load: {cpuSamples: [0.5, 0.7]}")
    placement = api.place_jobs([first, second], cluster())
    assert placement.samples is not None
    assert placement.samples.count == 2


def test_names_that_would_meet() -> None:
    slashed = job("a/b", "id: s, kind: source, group: c")
    with pytest.raises(api.PlacementMismatch, match="job 'a/b' has a '/' in its name"):
        api.place_jobs([slashed, job("a", "id: s, kind: source, group: b/c")], cluster())
    alone = job("x", "id: s, kind: source, group: b/heavy")
    with pytest.raises(api.PlacementMismatch, match="two groups would be called 'b/heavy'"):
        api.place_jobs([alone, two_groups("b", 0.1, 2)], cluster(), keep=api.place(alone, cluster()))


def test_a_cover_is_covered_beside_what_stays() -> None:
    covered = cluster(CLUSTER.replace("spec:\n", "spec:\n  reserve: {cover: any-one}\n"))
    jobs = [two_groups(name, 0.2, 3) for name in "ab"]
    before = api.place_jobs(jobs, covered)
    after = api.place_jobs([*jobs, two_groups("c", 0.1, 2)], covered, keep=before)
    assert after.uncovered is None
    assert {tm.id for tm in before.task_managers if tm.reserve} <= {
        tm.id for tm in after.task_managers if tm.reserve
    }


def test_a_limit_of_contents_is_not_beside_other_wishes() -> None:
    jobs = [two_groups(name, 0.2, 3) for name in "ab"]
    before = api.place_jobs(jobs, cluster(), contents=4)
    assert next(one.value for one in before.objective if one.name == "deployments") <= 4
    with pytest.raises(ValueError, match="an objective of its own"):
        api.place_jobs(jobs, cluster(), contents=4, previous=before)
    with pytest.raises(ValueError, match="an objective of its own"):
        api.place(jobs[0], cluster(), contents=4, objective=api.PACK)
