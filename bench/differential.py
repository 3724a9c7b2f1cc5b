"""planner against Flink's own classes on many random cases: not one may differ.

The comparisons of tests/flink with larger numbers:

    python bench/differential.py --memory 10000 --graphs 2000 --topologies 500 --scripts 1000

A count of 0 leaves a comparison out; ``--flink-home`` asks another version than the installed one.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from flink.test_differential import program_profiles, script_profiles
from memory.test_process import answer, backwards_problems, expected
from oracles import make_graphs, make_memory, make_topologies
from oracles.adapter import compiled, expected_compiled, topology_answers

from planner.flink.jvm import Jvm, flink_jars, start_jvm

ROOT = Path(__file__).parent.parent
HEADER = "| cases | differences | seconds |\n|---|---|---|"
COUNTS = {
    "memory": 10_000,
    "backwards": 10_000,
    "graphs": 2_000,
    "topologies": 500,
    "programs": 2_000,
    "scripts": 1_000,
}


def memory(jvm: Jvm, count: int, seed: int) -> tuple[str, int, int]:
    cases = list(make_memory.generate(jvm, count, seed))
    wrong = sum((got := answer(case)) != expected(case, got) for case in cases)
    return "memory configurations, causes of refusal included", len(cases), wrong


def backwards(jvm: Jvm, count: int, seed: int) -> tuple[str, int, int]:
    wrong = sum(1 for _ in backwards_problems(jvm, count, seed))
    return "needs to options and back, one byte less tried", count, wrong


def graphs(jvm: Jvm, count: int, seed: int) -> tuple[str, int, int]:
    cases = [case for case in make_graphs.generate(jvm, count, seed) if "job_vertices" in case]
    wrong = sum((got := compiled(case)) != expected_compiled(case, got) for case in cases)
    return "job graphs (those that Flink compiles)", len(cases), wrong


def topologies(jvm: Jvm, count: int, seed: int) -> tuple[str, int, int]:
    cases = make_topologies.generate(jvm, count, seed)
    return "topologies", len(cases), sum(topology_answers(case) != case["expected"] for case in cases)


def programs(jvm: Jvm, count: int, seed: int) -> tuple[str, int, int]:
    tried = [s for edited in (False, True) for s in program_profiles(jvm, count // 2, seed, edited)]
    return (
        "DataStream programs, half of them edited: profile to job graph, with edits also network memory",
        *_counted(tried),
    )


def scripts(jvm: Jvm, count: int, seed: int) -> tuple[str, int, int]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        tried = [
            s for edited in (False, True) for s in script_profiles(jvm, count // 2, seed, folder, edited)
        ]
    return (
        "SQL scripts, half of them edited: profile to job graph, with edits also network memory",
        *_counted(tried),
    )


def _counted(tried: list[bool | None]) -> tuple[int, int]:
    return len(tried) - tried.count(None), tried.count(False)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name, count in COUNTS.items():
        parser.add_argument(f"--{name}", type=int, default=count)
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--flink-home", type=Path, help="a distribution of another version")
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks/differential.md")
    options = parser.parse_args()
    with start_jvm([*flink_jars(options.flink_home), make_graphs.FUNCTIONS]) as jvm:
        version = jvm.view.org.apache.flink.runtime.util.EnvironmentInformation.getVersion()
        lines = [
            "# Against Flink\n",
            f"Answers of Flink {version}'s classes and of planner,",
            f"random cases of seed {options.seed}; `python bench/differential.py --write` makes this"
            " table.\n",
            HEADER,
        ]
        print(HEADER)
        for compare in (memory, backwards, graphs, topologies, programs, scripts):
            wanted = getattr(options, compare.__name__)
            if wanted == 0:
                continue
            started = time.monotonic()
            what, count, wrong = compare(jvm, wanted, options.seed)
            lines.append(f"| {count:,} {what} | {wrong} | {time.monotonic() - started:.0f} |")
            print(lines[-1], flush=True)
    if options.write:
        (ROOT / "docs/benchmarks/differential.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
