"""Spares against Flink's freedom: whatever it fills first, every loss that is covered finds room."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from planner import api
from planner.documents.placement import PlacedTaskManager
from planner.memory.taskmanager import derive_taskmanager
from planner.place.model.slots import SlotResources, slot_resources
from planner.units import CORE

MIB = 1 << 20
Quotas = Mapping[str, int]


@st.composite
def instances(draw: st.DrawFn) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a job of a few groups, and a cluster in two or three zones with a cover."""
    groups = [
        {
            "name": name,
            "resources": {
                "cpu": draw(st.sampled_from([0.5, 1, 2])),
                "heap": f"{draw(st.sampled_from([50, 100, 300]))} mb",
                "offHeap": "0 mb",
                "managed": {"STATE_BACKEND": f"{draw(st.sampled_from([50, 200, 400]))} mb"},
            },
        }
        for name in ("g0", "g1", "g2")[: draw(st.integers(1, 3))]
    ]
    operators = [
        {
            "id": f"o-{one['name']}",
            "kind": "source",
            "group": one["name"],
            "parallelism": draw(st.integers(1, 5)),
        }
        for one in groups
    ]
    classes = [
        {
            "name": f"c{number}",
            "count": draw(st.integers(1, 4)),
            "cpu": draw(st.sampled_from([1, 2, 4])),
            "memory": {"process": f"{draw(st.sampled_from([1200, 1600, 2600]))} mb"},
            "labels": {"zone": draw(st.sampled_from(["a", "b", "c"]))},
        }
        for number in range(draw(st.integers(1, 3)))
    ]
    job = {
        "apiVersion": "planner/v1",
        "kind": "Job",
        "metadata": {"name": "j"},
        "spec": {"slotSharingGroups": groups, "operators": operators},
    }
    cover = draw(st.sampled_from(["any-one", "any-one", "any-two", "any-zone"]))
    cluster = {
        "apiVersion": "planner/v1",
        "kind": "Cluster",
        "metadata": {"name": "c"},
        "spec": {"taskManagerClasses": classes, "reserve": {"cover": cover}},
    }
    return job, cluster


def losses(placement: api.Placement, cluster: dict[str, Any]) -> Iterator[frozenset[str]]:
    spec = cluster["spec"]
    names = [tm.id for tm in placement.task_managers]
    if spec["reserve"]["cover"] == "any-zone":
        zones = {entry["name"]: entry["labels"]["zone"] for entry in spec["taskManagerClasses"]}
        for zone in set(zones.values()):
            yield frozenset(tm.id for tm in placement.task_managers if zones[str(tm.class_)] == zone)
        return
    size = 2 if spec["reserve"]["cover"] == "any-two" else 1
    yield from map(frozenset, itertools.combinations(names, size))


def stuck(lost: Quotas, spares: list[PlacedTaskManager], needs: Mapping[str, SlotResources]) -> bool:
    """Tell whether some order in which Flink takes slots leaves one without room."""
    offers = []
    for spare in spares:
        assert spare.memory is not None
        options = spare.memory.dynamic_options
        memory = derive_taskmanager(options)
        room = (
            int(float(options["taskmanager.cpu.cores"]) * CORE),
            memory.task_heap,
            memory.task_off_heap,
            memory.managed,
            memory.network,
        )
        offers.append((dict(spare.quotas), room))
    groups = sorted(lost)

    def need(group: str) -> tuple[int, ...]:
        one = needs[group]
        return one.cpu, one.heap, one.off_heap, one.managed, one.network

    @cache
    def ends_badly(left: tuple[int, ...], held: tuple[tuple[int, ...], ...]) -> bool:
        for g, count in enumerate(left):
            if not count:
                continue
            ways = []
            for s, (quotas, room) in enumerate(offers):
                more = tuple(n + (i == g) for i, n in enumerate(held[s]))
                taken = [sum(n * need(groups[i])[r] for i, n in enumerate(more)) for r in range(5)]
                if more[g] <= quotas.get(groups[g], 0) and all(
                    t <= r for t, r in zip(taken, room, strict=True)
                ):
                    ways.append((*held[:s], more, *held[s + 1 :]))
            rest = tuple(n - (i == g) for i, n in enumerate(left))
            if not ways or any(ends_badly(rest, way) for way in ways):
                return True
        return False

    return ends_badly(tuple(lost[g] for g in groups), ((0,) * len(groups),) * len(spares))


def held(placement: api.Placement, gone: frozenset[str]) -> Counter[str]:
    return Counter(slot.group for tm in placement.task_managers if tm.id in gone for slot in tm.slots)


def suffices(
    placement: api.Placement, spare: PlacedTaskManager | None, cluster: dict[str, Any], needs: Any
) -> bool:
    """Tell whether a single spare, or none, could make up for every loss, whatever its quotas and parts."""
    contents = [(held(placement, gone), gone) for gone in losses(placement, cluster)]
    contents = [(lost, gone) for lost, gone in contents if lost]
    if spare is None or any(spare.id in gone for _, gone in contents):
        return not contents
    assert spare.memory is not None
    memory = derive_taskmanager(spare.memory.dynamic_options)
    whole = memory.task_heap + memory.task_off_heap + memory.managed + memory.network
    cpu = float(spare.memory.dynamic_options["taskmanager.cpu.cores"]) * CORE
    most = [
        max(sum(getattr(needs[g], part) * n for g, n in lost.items()) for lost, _ in contents)
        for part in ("heap", "off_heap", "managed", "network")
    ]
    return sum(most) <= whole and all(
        sum(needs[g].cpu * n for g, n in lost.items()) <= cpu for lost, _ in contents
    )


def covered_as_asked(instance: tuple[dict[str, Any], dict[str, Any]]) -> None:
    job, cluster = instance
    profile = api.compile(api.Job.model_validate(job))
    try:
        placement = api.place(profile, api.Cluster.model_validate(cluster), time_limit=60)
    except (api.Infeasible, api.TimedOut):
        return
    needs = slot_resources(profile)
    spares = [tm for tm in placement.task_managers if tm.reserve]
    assert not placement.uncovered
    for gone in losses(placement, cluster):
        left = [spare for spare in spares if spare.id not in gone]
        assert not stuck(held(placement, gone), left, needs), gone
    offering = [spare for spare in spares if spare.quotas]
    if len(offering) <= 2:
        for one in offering:
            rest = next((spare for spare in offering if spare is not one), None)
            assert not suffices(placement, rest, cluster, needs), f"{one.id} is not needed"


FEW = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
MANY = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
test_every_loss_finds_room_and_no_spare_is_too_many = FEW(given(instances())(covered_as_asked))
test_every_loss_finds_room = pytest.mark.extended(MANY(given(instances())(covered_as_asked)))


def test_so_many_of_each_class_stay_empty_and_tell_what_they_do_not_cover() -> None:
    """A small one cannot stand for a large one, and limits nothing: the large one may be full."""
    job = {
        "apiVersion": "planner/v1",
        "kind": "Job",
        "metadata": {"name": "j"},
        "spec": {
            "slotSharingGroups": [
                {"name": "default", "resources": {"cpu": 1, "heap": "64 mb", "offHeap": "0 mb"}}
            ],
            "operators": [{"id": "o", "kind": "source", "parallelism": 5}],
        },
    }
    sizes = [("large", 1, 4), ("small", 2, 1)]
    classes = [
        {"name": name, "count": count, "cpu": cpu, "memory": {"process": "1600 mb"}}
        for name, count, cpu in sizes
    ]
    places = api.Cluster.model_validate(
        {
            "apiVersion": "planner/v1",
            "kind": "Cluster",
            "metadata": {"name": "c"},
            "spec": {"taskManagerClasses": classes, "reserve": {"classes": {"small": 1}}},
        }
    )
    placement = api.place(api.compile(api.Job.model_validate(job)), places, time_limit=20)
    (spare,) = [tm for tm in placement.task_managers if tm.reserve]
    assert (spare.class_, dict(spare.quotas)) == ("small", {"default": 1})
    assert placement.objective[0].status == "optimal"
    assert placement.uncovered == ["large-0"]
