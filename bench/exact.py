"""Claims of placements against an exact solver: no false optimum, bound, infeasibility or advice.

    python bench/exact.py --python PYTHON_WITH_HIGHSPY [--count 2000] [--seed 1] [--write]

Random jobs of a few groups, with loads, some in several samples, constraints, zones and a reserve, on up to
twelve TaskManagers of several classes. Some are two jobs, the first of which may stay where it is. HiGHS
solves the same from the meaning of the documents, in a process of its own (bench/peers/exact.py). Every
proposal of an infeasible job is followed, every level of another order of the objective is compared with the
same without the levels after it, and a job that is placed is placed again near random quotas, and on as few
TaskManagers as can be.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from planner.api import Infeasible, Placement, TimedOut, compile_job, place, place_jobs
from planner.documents.cluster import Cluster
from planner.documents.job import Job
from planner.documents.placement import ObjectiveLevel
from planner.place.infeasible import followed
from planner.place.model.objective import CPU_LEVEL, PACK, Objective
from planner.place.model.slots import (
    SlotResources,
    job_slots,
    move_weights,
    slot_resources,
    subtask_names,
    vertex_operators,
)
from planner.place.model.task_managers import PARTS, task_managers_of
from planner.place.several_jobs import standing

ROOT = Path(__file__).parent.parent
OUTPUT = ROOT / "docs/benchmarks/exact.md"
SECONDS = 10.0
EXACT_SECONDS = 30.0
TOLERANCE = 2e-6
ORDERS = (
    None,
    (Objective.CPU, Objective.MEMORY, Objective.SPREAD),
    (Objective.CPU, Objective.SPREAD, Objective.MEMORY, Objective.DEPLOYMENTS),
    (Objective.CPU, Objective.MEMORY, Objective.DEPLOYMENTS),
)


@dataclass(frozen=True)
class Case:
    """One job or two on a cluster; with ``kept`` the first stays where a placement of it alone has it."""

    jobs: tuple[Job, ...]
    cluster: Cluster
    kept: bool = False

    def place(self, **options: Any) -> Placement:
        """Place it."""
        if len(self.jobs) == 1:
            return place(self.jobs[0], self.cluster, **options)
        return place_jobs(self.jobs, self.cluster, keep=self.before, **options)

    @cached_property
    def before(self) -> Placement | None:
        """What stays, None where nothing does or the first job alone does not fit."""
        if not self.kept:
            return None
        try:
            return place_jobs(self.jobs[:1], self.cluster, time_limit=SECONDS)
        except (Infeasible, TimedOut):
            return None


def documents(rng: random.Random) -> Case:
    """Return random jobs and a cluster, which may or may not fit."""
    names = [f"g{n}" for n in range(rng.randint(1, 4))]
    classes = []
    left = rng.randint(2, 12)
    while left > 0 and len(classes) < 4:
        count = rng.randint(1, min(left, 5))
        left -= count
        memory: dict[str, Any] = {"process": f"{rng.choice((3, 4, 6, 8))} gb"}
        if rng.random() < 0.2:
            memory["managed"] = f"{rng.choice((64, 256, 512))} mb"
        entry: dict[str, Any] = {
            "name": f"c{len(classes)}",
            "count": count,
            "cpu": rng.choice((2, 3, 4, 8, 10)),
            "memory": memory,
        }
        if rng.random() < 0.3:
            entry["slots"] = rng.randint(2, 6)
        if rng.random() < 0.6:
            entry["labels"] = {"zone": rng.choice("abc")}
        if rng.random() < 0.3:
            entry["external"] = {"gpu": rng.randint(1, 4)}
        classes.append(entry)
    ids = [f"{entry['name']}-{n}" for entry in classes for n in range(entry["count"])]
    groups, operators = [], []
    samples = rng.choice((1, 1, 1, 2, 3, 5))
    for name in names:
        resources: dict[str, Any] = {
            "cpu": rng.choice((0.25, 0.5, 0.5, 1, 1.5, 2)),
            "heap": f"{rng.choice((64, 128, 256, 512, 1024))} mb",
            "offHeap": 0,
            "managed": {"STATE_BACKEND": f"{rng.choice((0, 0, 64, 256))} mb"},
        }
        if rng.random() < 0.05:
            resources["external"] = {"gpu": 1}
        groups.append(
            {"name": name, "resources": resources, "placement": _placement(rng, names, classes, ids)}
        )
        for number in range(rng.randint(1, 2)):
            operator: dict[str, Any] = {
                "id": f"{name}-{number}",
                "kind": "source",
                "group": name,
                "parallelism": rng.randint(1, 5),
            }
            if rng.random() < 0.7:
                loads = [rng.choice((0, 0.1, 0.2, 0.35, 0.5, 0.7, 0.9, 1.3)) for _ in range(samples)]
                operator["load"] = {"cpu": loads[0]} if samples == 1 else {"cpuSamples": loads}
            if rng.random() < 0.4:
                operator["state"] = {"size": f"{rng.choice((512, 3072, 7000))} mb"}
            operators.append(operator)
    head = {"apiVersion": "planner/v1", "metadata": {"name": "exact"}}
    reserve: dict[str, Any] = {"taskManagers": rng.choice((0, 0, 0, 1, 1, 2))}
    if rng.random() < 0.2:
        one = rng.choice(classes)
        reserve = {"classes": {one["name"]: rng.randint(1, min(one["count"], 2))}}
    cluster = Cluster.model_validate(
        {**head, "kind": "Cluster", "spec": {"taskManagerClasses": classes, "reserve": reserve}}
    )
    if len(names) == 1 or rng.random() < 0.7:
        return Case((_job("exact", names, groups, operators),), cluster)
    first = rng.randint(1, len(names) - 1)
    parts = {"one": names[:first], "two": names[first:]}
    home = {name: job for job, own in parts.items() for name in own}
    for group in groups:
        apart = group["placement"].get("antiAffinity", [])
        group["placement"]["antiAffinity"] = [
            name if home[name] == home[group["name"]] else f"{home[name]}/{name}" for name in apart
        ]
    jobs = tuple(_job(job, own, groups, operators) for job, own in parts.items())
    return Case(jobs, cluster, kept=rng.random() < 0.5)


def _job(job: str, names: list[str], groups: list[dict[str, Any]], operators: list[dict[str, Any]]) -> Job:
    """Return the job of some of the groups."""
    spec = {
        "slotSharingGroups": [group for group in groups if group["name"] in names],
        "operators": [operator for operator in operators if operator["group"] in names],
    }
    return Job.model_validate(
        {"apiVersion": "planner/v1", "kind": "Job", "metadata": {"name": job}, "spec": spec}
    )


def _placement(
    rng: random.Random, names: list[str], classes: list[dict[str, Any]], ids: list[str]
) -> dict[str, Any]:
    found: dict[str, Any] = {}
    where = [*ids, *(entry["name"] for entry in classes)]
    if rng.random() < 0.05:
        found["pinned"] = rng.sample(where, min(len(where), rng.randint(1, 3)))
    if rng.random() < 0.1:
        found["forbidden"] = rng.sample(where, 1)
    if rng.random() < 0.2:
        found["maxPerTaskManager"] = rng.randint(1, 3)
    if rng.random() < 0.25:
        found["minTaskManagers"] = rng.randint(1, 3)
    if rng.random() < 0.1:
        found["minZones"] = rng.randint(1, 2)
    if rng.random() < 0.15:
        found["antiAffinity"] = rng.sample(names, 1)
    return found


def instance(case: Case) -> dict[str, Any]:
    """Return what the exact solver is told: slots, demands and limits, not planner's model of them."""
    resources: dict[str, SlotResources] = {}
    kinds: Counter[tuple[str, tuple[int, ...]]] = Counter()
    constraints: dict[str, dict[str, Any]] = {}
    stays = standing(case.before).slots if case.before is not None else {}
    held: dict[tuple[str, tuple[int, ...]], Counter[str]] = {}
    for job in case.jobs:
        profile, graph = compile_job(job)
        of_job = f"{job.metadata.name}/" if len(case.jobs) > 1 else ""
        resources |= {of_job + group: one for group, one in slot_resources(profile).items()}
        operators = vertex_operators(profile, graph)
        for slot in job_slots(profile, graph):
            kinds[of_job + slot.group, slot.loads] += 1
            name = of_job + slot.group, tuple(of_job + one for one in subtask_names(operators, slot))
            if name in stays:
                held.setdefault((of_job + slot.group, slot.loads), Counter())[stays[name]] += 1
        for group, wanted in ((profile.planner.placement if profile.planner else None) or {}).items():
            rule = wanted.model_dump(by_alias=True, mode="json")
            rule["antiAffinity"] = [
                other if "/" in other else of_job + other for other in rule["antiAffinity"]
            ]
            constraints[of_job + group] = rule
    samples = max((len(loads) for _, loads in kinds), default=1)
    external = {name for one in resources.values() for name, _ in one.external}
    unit = 1024.0 * 1024.0
    demands = {
        group: {
            "cpu": one.cpu / 1e8,
            **dict(
                zip(
                    PARTS,
                    (part / unit for part in (one.heap, one.off_heap, one.managed, one.network)),
                    strict=True,
                )
            ),
            "slots": 1,
            **{name: float(amount) for name, amount in one.external},
        }
        for group, one in resources.items()
    }
    return {
        "slots": [
            {
                "group": group,
                "loads": [load / 1e8 for load in (loads if len(loads) == samples else loads * samples)],
                "count": count,
                "kept": held.get((group, loads)),
            }
            for (group, loads), count in kinds.items()
        ],
        "demands": demands,
        "task_managers": [
            {
                "id": tm.id,
                "class": tm.class_name,
                "zone": dict(tm.labels).get("zone"),
                "cpu": tm.capacity.cpu / 1e8,
                "limits": [
                    [["cpu"], tm.capacity.cpu / 1e8],
                    [list(tm.capacity.open_parts), tm.capacity.open_memory / unit],
                    *(
                        [[part], size / unit]
                        for part, size in zip(PARTS, tm.capacity.parts, strict=True)
                        if size is not None
                    ),
                    *([[["slots"], tm.capacity.slots]] if tm.capacity.slots is not None else []),
                    *([[name], float(dict(tm.capacity.external).get(name, 0))] for name in external),
                ],
            }
            for tm in task_managers_of(case.cluster)
        ],
        "constraints": constraints,
        "reserve": case.cluster.spec.reserve.task_managers,
        "reserveByClass": case.cluster.spec.reserve.classes,
    }


@dataclass
class Tally:
    """What was compared, and every claim that the exact solver contradicts."""

    outcomes: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def contradict(self, seed: str, what: str) -> None:
        self.wrong.append(f"{seed}: {what}")


def compare(count: int, seed: int, python: str) -> Tally:
    """Place ``count`` random jobs, and compare what is claimed of each."""
    tally = Tally()
    cases = [documents(random.Random(f"{seed}-{number}")) for number in range(count)]
    for start in range(0, count, 50):
        part = cases[start : start + 50]
        instances = [instance(case) for case in part]
        answers = _exact(instances, python)
        near: list[Near] = []
        packs: list[Packed] = []
        for number, (case, told, answer) in enumerate(zip(part, instances, answers, strict=True), start):
            name = f"{seed}-{number}"
            for text in _contradictions(case, answer, ORDERS[number % len(ORDERS)], tally.outcomes):
                tally.contradict(name, text)
            if isinstance(answer, float) and len(case.jobs) == 1:
                near.append(placed_near(name, case, told, answer))
                packs.append(packed(name, case, told, answer))
        moves = _exact([one.instance for one in near], python)
        for one, least in zip(near, moves, strict=True):
            for text in _moves_contradictions(one, least, tally.outcomes):
                tally.contradict(one.name, text)
        fewest = _exact([{**one.instance, "packed": True} for one in packs], python)
        balanced = _exact([{**one.instance, "most": one.count} for one in packs], python)
        for pack, few, even in zip(packs, fewest, balanced, strict=True):
            for text in _packing_contradictions(pack, few, even, tally.outcomes):
                tally.contradict(pack.name, text)
        print(f"{start + len(part)}: {dict(tally.outcomes)}, {len(tally.wrong)} wrong", flush=True)
    return tally


@dataclass(frozen=True)
class Near:
    """A placement near random quotas, and what the exact solver is asked about it."""

    name: str
    placement: Placement
    instance: dict[str, Any]


def placed_near(name: str, case: Case, told: dict[str, Any], best: float) -> Near:
    """Place a job near random quotas, on TaskManagers some of which were not there, or in reserve.

    What it may be worse than the best is so much that a search which misses that is within it as well.
    """
    rng = random.Random(f"near {name}")
    (job,), cluster = case.jobs, case.cluster
    groups = list(told["demands"])
    before = {
        tm["id"]: {group: rng.randint(1, 3) for group in groups if rng.random() < 0.5}
        for tm in told["task_managers"]
        if rng.random() < 0.9
    }
    slack = rng.choice((0.0, 0.02, 0.1, 0.5))
    placement = place(job, cluster, time_limit=SECONDS)
    held = [
        tm.model_copy(update={"quotas": before[tm.id], "reserve": None})
        for tm in placement.task_managers
        if tm.id in before
    ]
    previous = placement.model_copy(update={"task_managers": held, "strategy": None})
    if not any(before.values()):
        previous, before = placement, _held(placement)
    near = place(job, cluster, time_limit=SECONDS, previous=previous, slack=slack)
    question = {
        "before": before,
        "weights": {g: float(w) for g, w in move_weights(*compile_job(job)).items()},
        "within": best * (1 + slack) + TOLERANCE / 2,  # what HiGHS calls the best may be that much below
    }
    return Near(name, near, {**told, **question})


@dataclass(frozen=True)
class Packed:
    """A placement on few TaskManagers, how many hold slots, and what the exact solver is asked about it."""

    name: str
    placement: Placement
    count: int
    instance: dict[str, Any]


def packed(name: str, case: Case, told: dict[str, Any], best: float) -> Packed:
    """Place a job on few TaskManagers; none has more load than CPU where that is possible."""
    placement = case.place(time_limit=SECONDS, objective=PACK)
    within = {"within": 1 + TOLERANCE / 2} if best <= 1 else {}
    return Packed(name, placement, sum(bool(tm.slots) for tm in placement.task_managers), {**told, **within})


def _packing_contradictions(
    pack: Packed, fewest: float | str | None, balanced: float | str | None, outcomes: Counter[str]
) -> Iterator[str]:
    """Yield which claims about a packed job the exact answers contradict."""
    few, highest = pack.placement.objective
    outcomes[f"packed, {few.status}"] += 1
    outcomes[f"packed, CPU {highest.status}"] += 1
    if few.value != pack.count:
        yield f"{few.value} TaskManagers are said to hold slots, and {pack.count} do"
    for level, exact in ((few, fewest), (highest, balanced)):
        if not isinstance(exact, float):
            outcomes["packed, not known"] += 1
            if exact == "infeasible":
                yield f"{level.name} {level.value}, where the exact solver finds no placement"
            continue
        yield from _level_contradictions(level, exact)


def _held(placement: Placement) -> dict[str, dict[str, int]]:
    return {tm.id: {} if tm.reserve else dict(tm.quotas) for tm in placement.task_managers}


def _moves_contradictions(near: Near, exact: float | str | None, outcomes: Counter[str]) -> Iterator[str]:
    """Yield which claims about moves the exact answer contradicts."""
    highest, level = near.placement.objective
    outcomes[f"moves, {level.status}"] += 1
    if highest.value > near.instance["within"] + TOLERANCE:
        if highest.status == "optimal":
            yield f"{highest.value} is above the slack, {near.instance['within']:.6f}"
        outcomes["moves, not compared: the highest CPU was left open"] += 1
        return
    if exact == "infeasible":
        yield f"within {near.instance['within']:.6f}, where the exact solver finds no placement"
    if not isinstance(exact, float):
        outcomes["moves, not known"] += 1
        return
    if level.value > exact * 1.05 + TOLERANCE:
        outcomes["moves, over 5 % more than needed"] += 1
    yield from _level_contradictions(level, exact)


def _level_contradictions(level: ObjectiveLevel, exact: float) -> Iterator[str]:
    """Yield which claims about a level its least possible value contradicts."""
    if level.value < exact - TOLERANCE:
        yield f"{level.name} {level.value}, and {exact:.6f} is the least possible"
    if level.status == "optimal" and level.value > exact + TOLERANCE:
        yield f"{level.name} {level.value} called optimal, and {exact:.6f} is possible"
    if level.bound is not None and level.bound > exact + TOLERANCE:
        yield f"bound of {level.name} {level.bound}, and {exact:.6f} is possible"


def _exact(instances: list[dict[str, Any]], python: str) -> list[float | str | None]:
    command = [python, str(ROOT / "bench/peers/exact.py"), str(EXACT_SECONDS)]
    done = subprocess.run(command, input=json.dumps(instances), capture_output=True, text=True, check=True)
    answers: list[float | str | None] = json.loads(done.stdout)
    return answers


def _contradictions(
    case: Case,
    exact: float | str | None,
    order: tuple[Objective, ...] | None,
    outcomes: Counter[str],
) -> Iterator[str]:
    """Yield which claims about a job the exact answer contradicts."""
    options: dict[str, Any] = {"time_limit": SECONDS, **({"objective": order} if order else {})}
    several = len(case.jobs) > 1
    outcomes["two jobs, the first stays" if case.before else "two jobs" if several else "one job"] += 1
    try:
        placement = case.place(**options)
    except Infeasible as error:
        outcomes["infeasible"] += 1
        if isinstance(exact, float):
            yield f"called infeasible, and {exact:.6f} is possible"
        if several:
            return
        profile, _ = compile_job(case.jobs[0])
        for change in error.explanation.changes:
            outcomes["proposals followed"] += 1
            try:
                place(*followed(change, profile, case.cluster), time_limit=SECONDS)
            except (Infeasible, TimedOut) as again:
                yield f"{change}: followed, it does not fit ({again})"
        return
    except TimedOut:
        outcomes["unknown"] += 1
        return
    level = next(one for one in placement.objective if one.name == CPU_LEVEL)
    outcomes[level.status] += 1
    outcomes["several samples"] += placement.samples is not None
    if exact == "infeasible":
        yield "placed, and the exact solver finds no placement"
    if isinstance(exact, float):
        yield from _level_contradictions(level, exact)
    if order:
        yield from _harmed(case, placement, order, outcomes)


def _harmed(
    case: Case,
    placement: Placement,
    order: tuple[Objective, ...],
    outcomes: Counter[str],
) -> Iterator[str]:
    """Yield the levels that are worse than they are without those after them."""
    values = {one.name: one.value for one in placement.objective}
    for length in range(1, len(order)):
        shorter = case.place(time_limit=SECONDS, objective=order[:length])
        if any(one.meta is None or one.meta.seconds > SECONDS * 0.9 for one in (placement, shorter)):
            outcomes["levels not compared, out of time"] += len(shorter.objective)
            continue
        for one in shorter.objective:
            outcomes["levels compared"] += 1
            if values[one.name] > one.value + TOLERANCE:
                whole, part = ",".join(order), ",".join(order[:length])
                yield f"{one.name} {values[one.name]} with {whole}, {one.value} with {part}"


def main() -> None:
    """Compare, print what is wrong, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--python", required=True, help="an interpreter that has highspy")
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks/exact.md")
    arguments = parser.parse_args()
    started = time.perf_counter()
    tally = compare(arguments.count, arguments.seed, arguments.python)
    for text in tally.wrong:
        print(text)
    if arguments.write:
        OUTPUT.write_text(page(tally, arguments.count, arguments.seed, time.perf_counter() - started))
    sys.exit(bool(tally.wrong))


def page(tally: Tally, count: int, seed: int, seconds: float) -> str:
    """Return the page with the figures."""
    rows = "\n".join(f"| {name} | {number:,} |" for name, number in sorted(tally.outcomes.items()))
    return f"""# Placements against an exact solver

Written by `bench/exact.py --count {count} --seed {seed} --write` on {os.cpu_count()} cores,
{platform.machine()}, in {seconds / 60:.0f} min. Random jobs of one to four groups with loads, some in several
samples, constraints, zones and a reserve, on one to twelve TaskManagers, some of them two jobs, the first of
which may stay where it is, and each single job again near random quotas and on few TaskManagers; HiGHS solves
each as a whole from the meaning of the documents.

| what | how many |
|---|---|
{rows}
| claims that the exact solver contradicts | {len(tally.wrong)} |
"""


if __name__ == "__main__":
    main()
