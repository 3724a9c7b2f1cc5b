"""The parallelism of one vertex as planner finds it, and as the Kubernetes operator's autoscaler does.

    python bench/rescaling.py [--count 1000] [--seed 1] [--write]

Every case is a vertex with a random number of key groups (or source partitions), present parallelism, true
rate of a subtask and rate to handle. The operator's three alignment modes start from the same target with
its defaults. planner's parallelism is compared at the target, where a mode keeps it, and else at the load
that the mode gives; more subtasks or more load than a mode is an error.
"""

from __future__ import annotations

import argparse
import os
import platform
import random
import statistics
import sys
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from recover.operator_modes import MODES, busy, target_parallelism, upper_limit

from planner.recover.shares import Division, Shares

OUTPUT = Path(__file__).parent.parent / "docs/benchmarks/rescaling.md"
UTILISATION = 0.7
GOAL = Fraction(7, 10)
PARTS = (32, 50, 64, 96, 100, 127, 128, 256, 360, 512, 720, 1024)
"""Max parallelisms and numbers of partitions: powers of two, highly divisible ones, a prime."""


@dataclass(frozen=True)
class Case:
    """A vertex and the rate that it is to handle."""

    parts: int
    present: int
    true_rate: float
    rate: float


def case(rng: random.Random) -> Case:
    """Return a random vertex whose target is within its parts and the operator's limit of 200."""
    parts = rng.choice(PARTS)
    present = rng.randint(1, min(parts, 200))
    true_rate = 10 ** rng.uniform(1, 5)
    target = rng.uniform(0.5, min(parts, 200) * 0.95)
    return Case(parts, present, true_rate, target * true_rate * UTILISATION)


@dataclass
class Tally:
    """One mode beside planner, over all cases."""

    kept: int = 0
    theirs: list[int] = field(default_factory=list)
    mine: list[int] = field(default_factory=list)
    over: list[float] = field(default_factory=list)
    over_theirs: list[int] = field(default_factory=list)
    over_same: list[int] = field(default_factory=list)
    over_target: list[int] = field(default_factory=list)
    fewer: int = 0
    saving: list[float] = field(default_factory=list)


def compare(one: Case, tally: Tally, mode: str) -> None:
    """Add one case to the tally of a mode.

    Raises:
        AssertionError: when planner takes more subtasks than the mode, or loads one more.

    """
    target = target_parallelism(one.present, one.rate, one.true_rate, UTILISATION, one.parts, 1.0)
    theirs = MODES[mode](target, one.present, one.parts, upper_limit(one.present, one.parts))
    load = busy(one.parts, theirs, one.rate, one.true_rate)
    shares = Shares(Division.KEY_GROUPS, one.parts)
    work = Fraction(one.rate) / Fraction(one.true_rate)
    mine = shares.least(max(GOAL, load) / work)
    assert mine is not None
    assert mine <= theirs, (one, mode)
    assert work * shares.fullest(mine) <= max(GOAL, load), (one, mode)
    if load <= GOAL:
        tally.kept += 1
        tally.theirs.append(theirs)
        tally.mine.append(mine)
        tally.fewer += mine < theirs
        tally.saving.append(1 - mine / theirs)
        return
    tally.over.append(float(load))
    tally.over_theirs.append(theirs)
    tally.over_same.append(mine)
    if (least := shares.least(GOAL / work)) is not None:
        tally.over_target.append(least)


def rows(count: int, seed: int) -> list[str]:
    """Return the rows of the table."""
    rng = random.Random(seed)
    cases = [case(rng) for _ in range(count)]
    found = [
        "| mode | keeps the target | subtasks | planner | fewer in | saves, mean | at most"
        " | over the target | busy, mean | worst | subtasks | planner, same load | planner, at the target |",
        "|---" * 13 + "|",
    ]
    for mode in MODES:
        tally = Tally()
        for one in cases:
            compare(one, tally, mode)
        theirs, mine = sum(tally.theirs), sum(tally.mine)
        left = [
            mode,
            f"{tally.kept}",
            f"{theirs}",
            f"{mine} ({mine / theirs - 1:+.1%})",
            f"{tally.fewer}",
            f"{statistics.mean(tally.saving):.1%}",
            f"{max(tally.saving):.0%}",
        ]
        right = ["0", *["-"] * 5]
        if tally.over:
            right = [
                f"{len(tally.over)}",
                f"{statistics.mean(tally.over):.0%}",
                f"{max(tally.over):.0%}",
                f"{sum(tally.over_theirs)}",
                f"{sum(tally.over_same)}",
                f"{sum(tally.over_target)} ({len(tally.over_target)} cases)",
            ]
        found.append(f"| {' | '.join([*left, *right])} |")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--write", action="store_true", help=f"write {OUTPUT.name}")
    options = parser.parse_args()
    lines = rows(options.count, options.seed)
    print("\n".join(lines))
    if options.write:
        OUTPUT.write_text(page(options.count, options.seed, lines), encoding="utf-8")


def page(count: int, seed: int, lines: list[str]) -> str:
    """Return the page of the documentation."""
    machine = f"{os.cpu_count()} cores, Python {platform.python_version()}"
    return PAGE.format(
        count=count, seed=seed, machine=machine, table="\n".join(lines), parts=", ".join(map(str, PARTS))
    )


PAGE = """# Rescaling: planner beside the operator's autoscaler

Computed by `python bench/rescaling.py --write` on {machine}, seed {seed}: {count} random vertices,
target utilisation 0.7.

{table}

Each vertex has one of {parts} key groups or source partitions, a
random present parallelism, true rate and rate to handle; the target is within the parts and the operator's
limit of 200. The modes are those of the Kubernetes operator (`BuiltInAlignmentMode`, FLIP-586) at its
defaults, but that a rescaling may take away as many subtasks as it likes
(`job.autoscaler.scale-down.max-factor` 1), so that what is compared is the alignment alone.

Left: the cases in which the fullest subtask of the mode is within the target, with the sum of the subtasks of
the mode, that of planner at the same target, in how many cases planner takes fewer, and the share that it
saves. Right: the cases in which the fullest subtask of the mode is busier than the target, how busy it is
(above 100 % it cannot keep up), and the subtasks that planner takes for the same load, and for the target. In
no case does planner take more subtasks than a mode that keeps the target, nor for the same load.
"""


if __name__ == "__main__":
    main()
