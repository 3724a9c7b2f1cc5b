"""What counted work really takes, and what the parameters of the search do: planner/place/parameters.py.

    python bench/calibrate.py [--quick] [--write]

Times are processor seconds of this process (``time.process_time``), so other work on the machine changes
them little. The first table measures the factors that turn counted work into seconds again; the second
halves and doubles parameters on a fixed set of instances.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path

import instances
import numpy as np

from planner.api import compile_job
from planner.documents.cluster import Cluster
from planner.documents.job import Job
from planner.documents.load import load
from planner.documents.placement import Inputs
from planner.place.bounds.patterns import judge
from planner.place.check.judge import check
from planner.place.clock import Clock, Stop
from planner.place.document import placement_document
from planner.place.engine import Instance, instance_of, predictions
from planner.place.levels.packing import only
from planner.place.model.contents import Pool, every_content
from planner.place.model.objective import Objective
from planner.place.model.problem import Problem
from planner.place.moves.least_moves import least_moves
from planner.place.moves.move_list import Previous
from planner.place.parameters import PARAMETERS
from planner.place.result import Result
from planner.place.search import counts
from planner.place.search.construct import construct
from planner.place.search.costs import Overflow
from planner.place.search.state import State
from planner.place.search.swap import swap
from planner.place.solve import solve
from planner.place.stock.prediction import orders, steps

Which = tuple[str, int, int, int]
"""Family, TaskManagers, slots, seed."""
OUTPUT = Path(__file__).parent.parent / "docs/benchmarks/calibration.md"
WORK = 7.0
"""Seconds of work for a search: what the usual time limit of ten seconds gives out."""


class Recorder(Clock):
    """A clock that keeps what was charged, and the processor seconds between charges."""

    def __init__(self, work: float) -> None:
        super().__init__(Stop(seconds=600), budget=work)
        self.charges: list[tuple[float, float]] = []
        self._last = time.process_time()

    def charge(self, work: float) -> None:
        now = time.process_time()
        self.charges.append((work, now - self._last))
        self._last = now
        super().charge(work)

    @property
    def work(self) -> float:
        """All work that was charged."""
        return sum(work for work, _ in self.charges)


@cache
def instance(family: str, task_managers: int, slots: int, seed: int) -> tuple[Instance, Cluster]:
    """Return an instance of a family of bench/instances.py."""
    if family == "triplets":
        found = instances.triplets(task_managers, seed)
    else:
        found = instances.documents(family, task_managers, slots, seed)
    job, cluster = (load(json.dumps(document).encode(), "x.json")[0].document for document in found)
    assert isinstance(job, Job)
    assert isinstance(cluster, Cluster)
    return instance_of(*compile_job(job), cluster), cluster


def problem_of(family: str, task_managers: int, slots: int, seed: int) -> Problem:
    """Return the problem of such an instance."""
    return instance(family, task_managers, slots, seed)[0].problem


# Factors of work


def swaps(seed: int) -> dict[str, float]:
    """Return what a step of the local search takes, and a swap in it: a line through steps of all sizes."""
    rows = []
    for family, task_managers, slots in (("tight", 200, 2000), ("fine", 1000, 10_000), ("coarse", 200, 700)):
        problem = problem_of(family, task_managers, slots, seed)
        target = Fraction(problem.total_load, problem.total_cpu)
        cap = State(problem).caps(target.numerator, target.denominator)
        state, clock = construct(problem, cap), Recorder(0.6)
        swap(state, Overflow(state, cap), clock, np.random.default_rng(seed))
        of_step, of_swap = PARAMETERS.work_of_swap_step, PARAMETERS.work_of_swap
        # the first one pays for the table of what every TaskManager could give away
        rows += [((work - of_step) / of_swap, seconds) for work, seconds in clock.charges[1:]]
    return dict(zip(("work_of_swap_step", "work_of_swap"), line(rows), strict=True))


def nodes(seed: int) -> dict[str, float]:
    """Return what a node of the enumeration of contents takes."""
    problem = problem_of("coarse", 50, 175, seed)
    caps = [round(entry.cpu * 0.9) for entry in problem.classes]
    clock = Recorder(WORK)
    every_content(problem, caps, clock)
    seconds = sum(seconds for _, seconds in clock.charges)
    return {"work_of_content_node": seconds / (clock.work / PARAMETERS.work_of_content_node)}


def cp_sat(seed: int) -> dict[str, float]:
    """Return what a unit of CP-SAT's deterministic time takes, whole problems and building them included."""
    seconds = units = 0.0
    for family, task_managers, slots in (("fine", 30, 300), ("tight", 20, 200), ("coarse", 30, 105)):
        problem, clock = problem_of(family, task_managers, slots, seed), Recorder(WORK)
        counts.minimise_maximum(problem, None, Fraction(0), clock, 1.0)
        seconds += sum(taken for _, taken in clock.charges)
        units += clock.work / PARAMETERS.work_of_cp_sat
    return {"work_of_cp_sat": seconds / units}


def programs(seed: int) -> dict[str, float]:
    """Return what a linear program over contents takes, or what pricing takes beside CP-SAT's own time."""
    taken: list[float] = []
    for family, task_managers, slots in (("typical", 200, 2000), ("coarse", 200, 700)):
        problem, clock = problem_of(family, task_managers, slots, seed), Recorder(2.0)
        target = Fraction(problem.total_load, problem.total_cpu)
        caps = [target.numerator * entry.cpu // target.denominator for entry in problem.classes]
        judge(problem, caps, Pool.empty(problem), clock)
        fixed = PARAMETERS.work_of_lp
        units = sum(work == fixed for work, _ in clock.charges)
        own = sum(work for work, _ in clock.charges if work != fixed)
        taken.append((sum(seconds for _, seconds in clock.charges) - own) / units)
    return {"work_of_lp": statistics.mean(taken)}


def after(seed: int) -> dict[str, float]:
    """Return what comes after a search: Flink's modes, and document, checks, JSON; a plane through sizes."""
    sizes, rest, per_step = [], [], []
    for task_managers, slots in ((20, 200), (100, 1000), (500, 1000), (500, 5000), (1000, 5000)):
        found, cluster = instance("typical", task_managers, slots, seed)
        result = solve(found.problem, Recorder(0.5), objective=(Objective.CPU,))
        started = time.process_time()
        stock = predictions(found, seed)
        predicted = time.process_time()
        times = orders(found.stock, slots) * steps(found.stock, slots)
        per_step.append((predicted - started) / times)
        inputs = Inputs(profile="", cluster="")
        placement = placement_document(found.profile, found.job, found.slots, result, stock, inputs)
        assert not check(placement, found.profile, cluster)
        placement.model_dump_json(by_alias=True)
        sizes.append((1, task_managers, slots))
        rest.append(time.process_time() - predicted)
    names = ("seconds_after", "seconds_after_per_task_manager", "seconds_after_per_slot")
    plane, *_ = np.linalg.lstsq(np.array(sizes), np.array(rest), rcond=None)
    measured = dict(zip(names, map(float, plane), strict=True))
    return {**measured, "seconds_after_per_step": statistics.mean(per_step)}


def line(rows: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Return constant and slope of the line nearest to points."""
    x, y = np.array(rows).T
    slope, constant = np.polyfit(x, y, 1)
    return float(constant), float(slope)


MEASURES: tuple[Callable[[int], dict[str, float]], ...] = (swaps, nodes, cp_sat, programs, after)


def factors(runs: int) -> list[str]:
    """Return the table of the factors."""
    lines = [
        "| parameter | in use | measured here: median (range) | ratio |",
        "|---|---|---|---|",
    ]
    for measure in MEASURES:
        found = [measure(seed) for seed in range(runs)]
        for name in found[0]:
            values = [one[name] for one in found]
            median, used = statistics.median(values), getattr(PARAMETERS, name)
            lines.append(
                f"| `{name}` | {used:.2g} | {median:.2g} ({min(values):.2g} to {max(values):.2g}) |"
                f" {median / used:.2f} |"
            )
            print(lines[-1], flush=True)
    return lines


# Sensitivity


@dataclass(frozen=True)
class Outcome:
    """What a search reached: value, the bound it proved, the work it took, the weight of moves."""

    value: float
    bound: float
    work: float
    moves: float = 0.0


SEARCHES = (
    ("coarse", 30, 105, 2),
    ("coarse", 100, 350, 1),
    ("coarse", 200, 700, 1),
    ("fine", 300, 3000, 0),
    ("triplets", 40, 120, 0),
)
"""Instances whose bound is not met at once: a small one that CP-SAT solves whole, and larger ones."""
REPLACED = (("fine", 60, 600, 0), ("typical", 100, 1000, 0))
"""Instances of which a tenth of the TaskManagers goes, for the parameters of moves."""
PLAIN = (
    "exact_variables",
    "exact_work",
    "first_work",
    "round_work",
    "neighbours",
    "content_nodes",
    "swap_partners",
    "swap_bundles_out",
    "swaps_few",
    "swaps_many",
    "swaps_checked",
    "kick_after",
)
MOVES = ("relief_work", "relief_halvings", "move_neighbours", "move_neighbours_work", "move_dead_ends")


@contextmanager
def changed(name: str, factor: float) -> Iterator[None]:
    """Multiply a parameter for a while: frozen for the program, not for this measurement."""
    before = getattr(PARAMETERS, name)
    object.__setattr__(PARAMETERS, name, type(before)(before * factor))
    try:
        yield
    finally:
        object.__setattr__(PARAMETERS, name, before)


def search(which: Which) -> Outcome:
    """Search for the least highest utilisation of an instance."""
    clock = Recorder(WORK)
    result = solve(problem_of(*which), clock, objective=(Objective.CPU,))
    assert result.solution is not None
    return Outcome(float(result.levels[0].value), float(result.bound.value), clock.work)


@cache
def best(which: Which) -> tuple[Previous, Problem]:
    """Return a placement of an instance, and the problem without the last tenth of each class."""
    problem = problem_of(*which)
    result = solve(problem, Recorder(WORK), objective=(Objective.CPU,))
    assert result.solution is not None
    quotas: dict[str, dict[str, int]] = {}
    for tm, row in result.solution.counts.items():
        held: dict[str, int] = {}
        for slot, count in zip(problem.types, row, strict=True):
            held[slot.group] = held.get(slot.group, 0) + count
        quotas[problem.task_managers[tm].id] = held
    kept = [tm for entry in problem.classes for tm in entry.members[: max(1, len(entry.members) * 9 // 10)]]
    return Previous(quotas, {}), only(problem, kept)


def replacement(which: Which) -> Outcome:
    """Place an instance again after some TaskManagers went, with few moves within one per cent."""
    previous, problem = best(which)
    result, clock = base(which), Recorder(WORK)
    found, moves = least_moves(problem, result, previous, 0.01, clock)
    assert found.solution is not None
    bound = float(result.bound.value)
    return Outcome(float(found.solution.max_utilisation(problem)), bound, clock.work, float(moves.weight))


@cache
def base(which: Which) -> Result:
    """Return the best placement of what is left, without regard to moves."""
    return solve(best(which)[1], Recorder(WORK), objective=(Objective.CPU,))


def sensitivity(quick: bool) -> list[str]:
    """Return the tables of what half and double of parameters do."""
    lines = ["| parameter | in use | gap, halved | gap, doubled | work, halved | work, doubled |"]
    lines += ["|---|---|---|---|---|---|"]
    searches, moved = (SEARCHES[:2], REPLACED[:1]) if quick else (SEARCHES, REPLACED)
    normal = [search(which) for which in searches]
    runs = {(name, factor): _with(name, factor, search, searches) for name in PLAIN for factor in (0.5, 2.0)}
    every = [normal, *runs.values()]
    # against the best bound that any run proved: a run's own may be weaker
    bounds = [max(many) for many in zip(*([o.bound for o in one] for one in every), strict=True)]

    def gap(outcomes: Sequence[Outcome]) -> float:
        return statistics.mean(o.value / b - 1 for o, b in zip(outcomes, bounds, strict=True))

    def work(outcomes: Sequence[Outcome]) -> float:
        return sum(o.work for o in outcomes)

    same, spent = f"{gap(normal):.3%}", f"{work(normal):.1f} s"
    lines.append(f"| as in use | | {same} | {same} | {spent} | {spent} |")
    for name in PLAIN:
        half, double = runs[name, 0.5], runs[name, 2.0]
        lines.append(
            f"| `{name}` | {getattr(PARAMETERS, name):g} | {gap(half):.3%} | {gap(double):.3%}"
            f" | {work(half):.1f} s | {work(double):.1f} s |"
        )
    lines += ["", "| parameter | in use | moves, halved | moves, doubled | work, halved | work, doubled |"]
    lines += ["|---|---|---|---|---|---|"]
    now = [replacement(which) for which in moved]
    weight = sum(o.moves for o in now)
    lines.append(f"| as in use | | {weight:g} | {weight:g} | {work(now):.1f} s | {work(now):.1f} s |")
    for name in MOVES:
        half, double = (_with(name, factor, replacement, moved) for factor in (0.5, 2.0))
        lines.append(
            f"| `{name}` | {getattr(PARAMETERS, name):g} | {sum(o.moves for o in half):g}"
            f" | {sum(o.moves for o in double):g} | {work(half):.1f} s | {work(double):.1f} s |"
        )
    return lines


def _with(
    name: str,
    factor: float,
    run: Callable[[Which], Outcome],
    which: Sequence[Which],
) -> list[Outcome]:
    with changed(name, factor):
        return [run(one) for one in which]


def machine() -> str:
    """Return what was measured on."""
    model = next(
        (
            text.partition(":")[2].strip()
            for text in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
            if text.startswith("model name")
        )
        if Path("/proc/cpuinfo").exists()
        else (),
        platform.processor(),
    )
    cores, busy = os.cpu_count() or 1, os.getloadavg()[0]
    note = f"; the machine was busy with other work (load {busy:.1f})" if busy > 1.5 else ""
    return f"{cores} cores, {model}, Python {platform.python_version()}{note}"


def main() -> None:
    """Measure, and print the page or write it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer runs and instances")
    parser.add_argument("--write", action="store_true", help=f"write {OUTPUT.name}")
    options = parser.parse_args()
    runs, where = 3 if options.quick else 7, machine()
    share = PARAMETERS.work_per_second
    page = [
        "# Calibration of the search",
        "",
        f"Measured by `python bench/calibrate.py --write` on {where}. Times are processor seconds.",
        "",
        "## Factors of counted work",
        "",
        "The search counts what it does and never looks at the time, so that the same seed gives the same",
        "placement. These factors turn counts into seconds. A ratio above one means that a search on this",
        f"machine takes longer than it counts; up to {1 / share:.2f} over all it still ends by work before",
        f"its time limit, of which {share:.0%} are given out as work. For `work_of_lp` the time is that of",
        f"linear programs and pricing together, less what is counted for CP-SAT. {runs} runs.",
        "",
        *factors(runs),
        "",
        "## Half and double",
        "",
        f"Searches with {WORK:g} seconds of work on "
        + ", ".join(f"{family}-{size}-{seed}" for family, size, _, seed in SEARCHES)
        + " of `bench/instances.py`",
        "(family, TaskManagers, seed). The gap is the mean, against the best bound that any run proved; work",
        "is the sum, until a proof or the end. In the second table an instance is placed again within",
        "1 % of the best after a tenth of its TaskManagers went; moves and work are sums over "
        + ", ".join(f"{family}-{size}-{seed}" for family, size, _, seed in REPLACED)
        + ".",
        "",
        *sensitivity(options.quick),
        "",
    ]
    text = "\n".join(page)
    print(text)
    if options.write:
        OUTPUT.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
