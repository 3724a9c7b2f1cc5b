"""Prices of TaskManagers for random jobs and catalogues: planner beside others.

    python bench/sizing.py [--count 100] [--seconds 20] [--seed 1] [--write]

Each catalogue has three to five sizes with prices for cores and for memory, up to 7 % off; each job up to a
thousand slots whose CPU and memory do not go together. First fit decreasing opens TaskManagers of one size,
gives each the cheapest size that still holds what it got, and may begin with any size. Sizes that planner
chooses are placed again, and the placement, which planner's checker judges, has to be within the utilisation.

Rebalancer of Meta begins with what first fit decreasing bought, beside as many empty TaskManagers of each
size as planner and first fit decreasing took together, and has as many seconds as planner took, at least
five. Where its answer is dearer than what it began with, that counts. It takes part where `make bench-sizing`
made its environment, which needs Python 3.12.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import statistics
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from instances import job as job_document

from planner.api import Cluster, Job, SizingPlan, compile_job, place, size
from planner.place.engine import instance_of
from planner.place.model.problem import Problem
from planner.place.sizing_plan import prices

OUTPUT = Path(__file__).parent.parent / "docs/benchmarks/sizing.md"
REBALANCER = Path(__file__).parent.parent / ".venv-rebalancer/bin/python"
TARGET = Fraction(4, 5)
SIZES = (1, 2, 4, 8, 16)
CORE_PRICE, GB_PRICE = 0.03, 0.004
LEAST_SECONDS = 5.0
"""For Rebalancer, where planner is done in less."""
ENOUGH = 2000
"""TaskManagers that there may be of each size."""
BUCKETS = ((0, 30), (30, 200), (200, 10**9))
"""From how many slots on, and below how many, a row of the table has jobs of."""


def case(rng: random.Random) -> tuple[Job, Cluster]:
    """Return a random job and what TaskManagers there are."""
    slots = round(10 ** rng.uniform(0.8, 3))
    groups, operators = [], []
    count = rng.randint(1, 20)
    for number in range(count):
        cpu = round(rng.lognormvariate(-1.2, 0.6), 2)
        cpu = min(max(cpu, 0.05), 0.8)
        heap = min(max(round(rng.lognormvariate(6.3, 0.8)), 64), 3000)
        groups.append(
            {"name": f"g{number}", "resources": {"cpu": cpu, "heap": f"{heap} mb", "offHeap": "32 mb"}}
        )
        load = round(cpu * rng.uniform(0.5, 1), 2)
        operators.append(
            {
                "id": f"o{number}",
                "kind": "source",
                "group": f"g{number}",
                "parallelism": max(1, round(slots * rng.uniform(0.2, 1.8) / count)),
                "load": {"cpu": load},
            }
        )
    classes = []
    for cores in sorted(rng.sample(SIZES, rng.randint(3, 5))):
        memory = cores * rng.choice((2, 4, 8)) + 1
        price = (CORE_PRICE * cores + GB_PRICE * memory) * rng.uniform(0.93, 1.07)
        entry = {"cpu": cores, "memory": {"process": f"{memory} gb"}, "price": round(price, 3)}
        classes.append({"name": f"c{cores}", "max": ENOUGH, **entry})
    head = {"apiVersion": "planner/v1", "kind": "Cluster", "metadata": {"name": "offers"}}
    cluster = Cluster.model_validate({**head, "spec": {"taskManagerClasses": classes}})
    return Job.model_validate(job_document("job", groups, operators)), cluster


Bins = list[tuple[int, list[int]]]
"""The class of every TaskManager, and how many slots of each type stand there."""


def first_fit(problem: Problem, each: Sequence[Fraction]) -> tuple[Fraction, Bins] | None:
    """Return the least price of first fit decreasing over the sizes that it opens, None if none holds all.

    ``each`` is the price by class. Slots go by the largest share that they take of anything.
    """
    totals = [
        max(filter(None, column), default=1)
        for column in zip(*(e.limits for e in problem.classes), strict=True)
    ]
    slots = [(t, slot) for t, slot in enumerate(problem.types)]
    slots.sort(key=lambda one: -max(d / total for d, total in zip(one[1].demand, totals, strict=True)))
    found = []
    for opened in problem.classes:
        bins: list[list[int]] = []
        loads: list[int] = []
        counts: list[list[int]] = []
        possible = True
        for t, slot in slots:
            for _ in range(slot.count):
                for number, used in enumerate(bins):
                    if _holds(
                        opened,
                        [u + d for u, d in zip(used, slot.demand, strict=True)],
                        loads[number] + slot.load,
                    ):
                        break
                else:
                    bins.append([0] * len(slot.demand))
                    loads.append(0)
                    counts.append([0] * len(problem.types))
                    number = len(bins) - 1
                    possible &= _holds(opened, list(slot.demand), slot.load)
                bins[number] = [u + d for u, d in zip(bins[number], slot.demand, strict=True)]
                loads[number] += slot.load
                counts[number][t] += 1
        if possible:
            sizes = [
                min(
                    (c for c, entry in enumerate(problem.classes) if _holds(entry, used, load)),
                    key=lambda c: each[c],
                )
                for used, load in zip(bins, loads, strict=True)
            ]
            found.append((sum((each[c] for c in sizes), Fraction(0)), list(zip(sizes, counts, strict=True))))
    return min(found, key=lambda one: one[0]) if found else None


def rebalanced(
    problem: Problem, each: Sequence[Fraction], start: Bins, bought: Sequence[int], seconds: float
) -> Fraction | None:
    """Return the price that Rebalancer comes to, None where it is not there; its answer is judged here.

    ``bought`` is how many planner took of each class.
    """
    if not REBALANCER.exists():
        return None
    empty = [0] * len(problem.types)
    taken = [*start, *((c, empty) for c, number in enumerate(bought) for _ in range(number))]
    instance = {
        "types": [{"load": one.load, "demand": one.demand, "count": one.count} for one in problem.types],
        "task_managers": [
            {"cpu": problem.classes[c].cpu, "limits": problem.classes[c].limits, "price": float(each[c])}
            for c, _ in taken
        ],
        "utilisation": float(TARGET),
        "start": [counts for _, counts in taken],
    }
    peer = Path(__file__).parent / "peers/rebalancer_size.py"
    ran = subprocess.run(
        [REBALANCER, peer, str(seconds)],
        input=json.dumps(instance),
        capture_output=True,
        text=True,
        check=True,
    )
    answer = json.loads(ran.stdout)
    for t, slot in enumerate(problem.types):
        assert sum(counts[t] for counts in answer) == slot.count
    for (c, _), counts in zip(taken, answer, strict=True):
        rows = list(zip(counts, problem.types, strict=True))
        used = [sum(n * one.demand[r] for n, one in rows) for r in range(len(problem.resources))]
        load = sum(n * one.load for n, one in rows)
        assert _holds(problem.classes[c], used, load), "Rebalancer broke a limit"
    return sum((each[c] for (c, _), counts in zip(taken, answer, strict=True) if any(counts)), Fraction(0))


def _holds(entry: Any, used: Sequence[int], load: int) -> bool:
    within = all(limit is None or u <= limit for u, limit in zip(used, entry.limits, strict=True))
    return within and load * TARGET.denominator <= TARGET.numerator * entry.cpu


@dataclass(frozen=True)
class Found:
    """What came out for one case: prices over planner's, None where there is none."""

    slots: int
    gap: float
    optimal: bool
    seconds: float
    alone: float | None
    first_fit: float | None
    rebalancer: float | None


def measured(rng: random.Random, seconds: float) -> Found:
    """Size one case in every way."""
    job, cluster = case(rng)
    started = time.monotonic()
    plan: SizingPlan = size(job, cluster, utilisation=float(TARGET), time_limit=seconds)
    spent = time.monotonic() - started
    placement = place(job, plan.cluster, time_limit=seconds / 2, sized=plan)
    assert placement.imbalance.max <= float(TARGET) + 1e-6, placement.imbalance.max
    price = plan.sizing.price
    alone = [one.price for one in plan.alone.values() if one.counts is not None]
    problem = instance_of(*compile_job(job), cluster).problem
    by_name = dict(
        zip(
            (one.name for one in cluster.spec.task_manager_classes),
            prices(cluster.spec.task_manager_classes),
            strict=True,
        )
    )
    each = [by_name[entry.name] for entry in problem.classes]
    other = first_fit(problem, each)
    again = None
    if other is not None:
        counts = dict(
            zip(
                (one.name for one in cluster.spec.task_manager_classes), plan.sizing.counts or (), strict=True
            )
        )
        bought = [counts[entry.name] for entry in problem.classes]
        answer = rebalanced(problem, each, other[1], bought, max(spent, LEAST_SECONDS))
        again = None if answer is None else min(answer, other[0])
    others = [*alone, *([other[0]] if other else []), *([again] if again is not None else [])]
    assert all(one >= plan.sizing.bound for one in others), "a false bound"
    return Found(
        problem.total_slots,
        float(price / plan.sizing.bound - 1),
        plan.sizing.optimal,
        spent,
        float(min(alone) / price - 1) if alone else None,
        float(other[0] / price - 1) if other else None,
        float(again / price - 1) if again is not None else None,
    )


def _row(found: Sequence[Found], low: int, high: int) -> str:
    part = [one for one in found if low <= one.slots < high]
    if not part:
        return ""
    name = f"{low} to {high} slots" if high < 10**9 else f"{low} slots and more"
    alone = [one.alone for one in part if one.alone is not None]
    other = [one.first_fit for one in part if one.first_fit is not None]
    again = [one.rebalancer for one in part if one.rebalancer is not None]
    return (
        f"| {name} | {len(part)} | {sum(one.optimal for one in part)} | {max(one.gap for one in part):.2%}"
        f" | {statistics.median(one.seconds for one in part):.1f} s, {max(one.seconds for one in part):.1f} s"
        f" | {_beside(alone)} | {_beside(other)} | {_beside(again)} |"
    )


def _beside(shares: Sequence[float]) -> str:
    return f"{statistics.median(shares):+.1%}, {min(shares):+.1%} to {max(shares):+.1%}" if shares else "-"


def main() -> None:
    """Print every case and the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--write", action="store_true", help=f"write {OUTPUT.name}")
    options = parser.parse_args()
    found = []
    for number in range(options.count):
        one = measured(random.Random(f"{options.seed}-{number}"), options.seconds)
        found.append(one)
        print(number, one, flush=True)
    lines = [
        "| slots | cases | optimal | largest gap | seconds, most | one size only | first fit decreasing"
        " | Rebalancer |",
        "|---|---|---|---|---|---|---|---|",
        *filter(None, (_row(found, *bucket) for bucket in BUCKETS)),
    ]
    print("\n".join(lines))
    if options.write:
        OUTPUT.write_text(
            f"# Sizing\n\n`python bench/sizing.py --count {options.count} --seconds {options.seconds:g}"
            f" --write` on {os.cpu_count()} cores, Python {platform.python_version()}: random jobs on random"
            " catalogues. The last three columns are how much dearer the TaskManagers are: the median, and"
            " the range. Rebalancer begins with what first fit decreasing bought, has as many seconds as"
            " planner took, at least five, and counts with the cheaper of that and its answer.\n\n"
            + "\n".join(lines)
            + "\n",
            encoding="utf-8",
        )


if __name__ == "__main__":
    main()
