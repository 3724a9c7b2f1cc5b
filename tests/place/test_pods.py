"""TaskManagers as pods: what fits on nodes and within quotas, against every way to put pods onto nodes."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from place.search.states import SMALL
from planner.documents.foreign.nodes import Room
from planner.place.parameters import PARAMETERS
from planner.place.pods import Pod, Pods
from planner.place.sizing_plan import TooManyNodes
from planner.units import CORE, GIB

ROOMS = st.builds(
    Room,
    st.sampled_from([CORE, 2 * CORE, 4 * CORE]),
    st.sampled_from([2 * GIB, 4 * GIB, 8 * GIB]),
    st.sampled_from([1, 2, None]),
)
PODS = st.builds(Pod, st.sampled_from([CORE, 2 * CORE, 3 * CORE]), st.sampled_from([GIB, 3 * GIB]))


def holds(room: Room, pods: Sequence[Pod]) -> bool:
    return (
        sum(pod.cpu for pod in pods) <= (room.cpu or 0)
        and sum(pod.memory for pod in pods) <= (room.memory or 0)
        and (room.pods is None or len(pods) <= room.pods)
    )


@SMALL
@given(st.lists(ROOMS, min_size=1, max_size=3), st.lists(PODS, min_size=1, max_size=2), PODS, st.data())
def test_as_every_way_to_put_pods_onto_nodes(
    nodes: list[Room], each: list[Pod], other: Pod, data: st.DataObject
) -> None:
    counts = [data.draw(st.integers(0, 2)) for _ in each]
    every = [*(pod for pod, count in zip(each, counts, strict=True) for _ in range(count)), other]
    fits = any(
        all(
            holds(node, [pod for pod, there in zip(every, where, strict=True) if there == number])
            for number, node in enumerate(nodes)
        )
        for where in itertools.product(range(len(nodes)), repeat=len(every))
    )
    assert Pods(each, [other], nodes).allow(counts) == fits


def test_a_quota_counts_the_jobmanager() -> None:
    pods = Pods([Pod(CORE, GIB)], [Pod(CORE, GIB)], quota=Room(4 * CORE, None, None))
    assert pods.allow([3])
    assert not pods.allow([4])
    assert not Pods([Pod(CORE, GIB)], quota=Room(None, None, 2)).allow([3])


def test_sizes_are_rounded_as_manifests_spell_them() -> None:
    """A thousandth of a core and a MiB are the least that is asked for; less than that may not be left over."""
    pods = Pods([Pod(CORE // 2 + 1, GIB + 1)], nodes=[Room(CORE, 4 * GIB, None)])
    assert pods.allow([1])
    assert not pods.allow([2])


def test_too_many_nodes_are_refused() -> None:
    nodes = [Room(CORE, GIB, None)] * (PARAMETERS.most_nodes + 1)
    with pytest.raises(TooManyNodes, match="nodes are too many"):
        Pods([Pod(CORE, GIB)], nodes=nodes).allow([1])
