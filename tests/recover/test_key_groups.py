"""Key groups of subtasks, against Flink's own `KeyGroupRangeAssignment`."""

from __future__ import annotations

import json
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from planner.recover.key_groups import key_groups_of, most_key_groups

QUICK = settings(deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
CASES = json.loads((Path(__file__).parent.parent / "oracles/key_groups.json").read_text())


def test_the_ranges_are_flinks() -> None:
    assert len(CASES) > 200
    for case in CASES:
        most, parallelism = case["maxParallelism"], case["parallelism"]
        for subtask, (first, last) in case["ranges"].items():
            assert key_groups_of(int(subtask), parallelism, most) == range(first, last + 1), case


@QUICK
@given(st.integers(1, 2**15).flatmap(lambda most: st.tuples(st.just(most), st.integers(1, min(most, 400)))))
def test_every_key_group_is_in_one_range_and_the_first_subtask_is_the_fullest(pair: tuple[int, int]) -> None:
    most, parallelism = pair
    ranges = [key_groups_of(subtask, parallelism, most) for subtask in range(parallelism)]
    assert [number for part in ranges for number in part] == list(range(most))
    assert len(ranges[0]) == max(map(len, ranges)) == most_key_groups(parallelism, most)
