"""Ask real Flink which key groups its subtasks get: key_groups.json."""

from __future__ import annotations

import argparse
import json
import random
from pathlib import Path

from planner.flink.jvm import Jvm, start_jvm

PAIRS = [(most, least) for most in (1, 2, 7, 12, 128) for least in range(1, most + 1)]
SEED, RANDOM = 1, 150


def answer(jvm: Jvm) -> list[dict[str, object]]:
    """Return the first and last key group of every subtask of some (max parallelism, parallelism)."""
    assignment = jvm.view.org.apache.flink.runtime.state.KeyGroupRangeAssignment
    rng = random.Random(SEED)
    pairs = [*PAIRS]
    while len(pairs) < len(PAIRS) + RANDOM:
        most = rng.randint(1, 2**15 - 1)
        pairs.append((most, rng.randint(1, most)))

    def range_of(most: int, parallelism: int, subtask: int) -> list[int]:
        found = assignment.computeKeyGroupRangeForOperatorIndex(most, parallelism, subtask)
        return [found.getStartKeyGroup(), found.getEndKeyGroup()]

    cases: list[dict[str, object]] = []
    for most, parallelism in pairs:
        asked = range(parallelism) if most < 100 else sorted({0, parallelism // 3, parallelism - 1})
        ranges = {str(subtask): range_of(most, parallelism, subtask) for subtask in asked}
        cases.append({"maxParallelism": most, "parallelism": parallelism, "ranges": ranges})
    return cases


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=Path(__file__).with_name("key_groups.json"))
    output = parser.parse_args().output
    with start_jvm() as jvm:
        found = answer(jvm)
    rows = ",\n".join(json.dumps(case) for case in found)
    output.write_text(f"[\n{rows}\n]\n", encoding="utf-8")


if __name__ == "__main__":
    main()
