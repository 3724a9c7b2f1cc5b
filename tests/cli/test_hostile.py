"""Bad input never crashes planner, never hangs it, and never touches an output file."""

from __future__ import annotations

import contextlib
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from cli import hostile
from cli.hostile import CLUSTER, DATA, JOB, OUT, SENTINEL, Hostile
from hypothesis import given, settings
from hypothesis import strategies as st
from in_process import invoke

from planner.documents.errors import DocumentError
from planner.documents.load import load

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

HANG = 60.0
"""Seconds after which a run that would never end is given up; nothing depends on how long one takes."""
MEGABYTES = 500
PARTS = 24
ALONE = re.compile(
    r"graph-(dangling-10000|options-10000|groups-100|batch-32768|chain-3000|ring-3000|fan-in-1000|unknown-kinds-3000) "
)
"""Cases that run as processes of their own below."""
WANTED = re.compile(
    r"json-1e9999999-(job|cluster)-.*(\.cpu|\.gpu) "
    r"|name-lone-high-(metadata|operator|uid|group|operator-name) "
    r"|name-(markup-close|markup)-(metadata|group|operator) "
    r"|name-(escape|c1)-(external|quota|group|kind) |name-10000-kind "
    r"|(text|empty-text)-profile-planner.flinkVersion |deleted-placement-taskManagers.0.class "
    r"|name-c1-group-yaml |option-weights-bad-taskmanager.memory.managed.consumer-weights "
)
"""Mutations that have found something before."""

VERBS = {
    "compile", "validate", "place", "recover", "show", "export", "diff", "up", "run", "verify", "supervise",
    "import load", "import job", "import cluster",
}  # fmt: skip
FINDING = re.compile(r"^(.+?):([1-9]\d*):([1-9]\d*): (error|warning|info) ([A-Z]{3}\d{3}): \S", re.MULTILINE)
CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
LINE = 1000

KNOWN: dict[str, str] = {}
"""Violations that are known: what is wrong, and a pattern of the names of cases that show it."""


def known(name: str) -> list[Any]:
    return [
        pytest.mark.xfail(strict=True, reason=reason)
        for reason, pattern in KNOWN.items()
        if re.fullmatch(pattern, name)
    ]


@cache
def cases() -> list[Hostile]:
    return [case for case in hostile.cases() if not ALONE.match(case.name)]


@cache
def out_of_turn() -> list[Hostile]:
    return [case for case in hostile.cases_out_of_turn(WANTED.match) if not ALONE.match(case.name)]


@cache
def core() -> list[Hostile]:
    """Return as few cases as have every mutation with every verb."""
    return [*hostile.core(cases(), WANTED.match), *(case for case in out_of_turn() if case.mutation)]


@cache
def chosen() -> list[Hostile]:
    """Return every second case of the core, and what has found something before; `others` are the rest."""
    return [case for number, case in enumerate(core()) if number % 2 == 0 or WANTED.match(case.name)]


def others() -> list[Hostile]:
    names = {case.name for case in chosen()}
    return [case for case in [*cases(), *out_of_turn()] if case.name not in names]


@contextlib.contextmanager
def guard(seconds: float) -> Iterator[None]:
    def stop(*_: object) -> None:
        pytest.fail(f"still running after {seconds:g} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def check_report(case: Hostile, code: int, report: str) -> None:
    assert "Traceback" not in report
    assert code in case.exits, report[:2000]
    assert not (found := CONTROL.search(report)), f"control character {found[0]!r} in the report"
    assert max(map(len, report.split("\n"))) <= LINE, "a line of the report is endless"
    if code == 3:
        assert "proven infeasible" in report or "cannot be placed" in report
    elif code and not (case.verb == "diff" and code == 1):
        assert FINDING.search(report) or "planner: " in report or report.startswith("Usage:"), report
        if case.args[1:2] == ("{doc}",) and case.verb == "validate" and "no file matches" not in report:
            assert FINDING.search(report), report


def check(case: Hostile, folder: Path) -> None:
    """Run a case in a folder that is empty, and is where this process is."""
    arguments = case.prepare(folder)
    before = files(folder)
    with guard(HANG):
        result = invoke(arguments)
    report = result.stderr + (result.stdout if case.verb in ("validate", "diff") else "")
    check_report(case, result.exit_code, report)
    after = files(folder)
    if result.exit_code and case.verb != "validate":
        assert {name: after.get(name) for name in before} == before, "a file was changed"
    assert not [name for name in after if name.startswith(".")], "a temporary file was left"
    if result.exit_code == 0 and case.verb in ("compile", "place", "export", "recover") and OUT in arguments:
        if "--format" not in arguments:
            assert json.loads(after[OUT])
        assert after[OUT] != SENTINEL


NAMES = ("a\u202eb", "a\x9b31mb", "a\u2066b", "a\x85b", "a\u200fb", "a:warning:[red]b")
"""What a terminal would obey, or a library that draws tables."""
FOR_PEOPLE = (
    "show {job}",
    "show {job} --format mermaid",
    "show {job} --format mermaid -o {out}",
    "compile {job} --format text --explain",
    "compile {profile} --format text --explain",
    "place {job} -c {cluster} --format text",
    "place {job} -c {cluster} -o {out}",
    "place {job} -c {small} --format text",
    "recover {job} -c {cluster} --format text",
    "scale {job} -c {cluster} --format text",
    "recover {job} -p {placement} --format text",
    "explain memory {placement} -t {name}",
    "explain memory {placement} -t {name}{name}",
    "diff {job} {other}",
    "validate {bad} {job} {cluster}",
    "validate {bad} --format concise",
    "validate {bad} --format github",
    "status --dir {name}",
    "show {name}",
    "explain {name}",
)
FOR_PROGRAMS = (
    "compile {job}",
    "place {job} -c {cluster} --format json",
    "recover {job} -p {placement} --format json",
    "scale {job} -c {cluster} -p {placement} --format json",
    "export {profile}",
    "diff {job} {other} --format json",
    "validate {bad} --format json",
)


def named(folder: Path, name: str) -> dict[str, str]:
    """Write documents in which everything that a person may name has that name; return their names."""
    group = {"name": name, "resources": {"cpu": 0.1, "heap": "32 mb"}}
    operators: list[dict[str, Any]] = [
        {"id": name, "name": name, "uid": name, "kind": "source", "group": name},
        {"id": "b", "name": name + "b", "kind": "sink", "inputs": [name], "group": name},
    ]
    job = hostile.job_of(operators)
    job["metadata"] = {"name": name, "labels": {name: name}}
    job["spec"]["slotSharingGroups"] = [group]
    cluster: dict[str, Any] = {**DATA["cluster"], "metadata": {"name": name}}
    shape = {"cpu": 4, "memory": {"process": "4 gb"}, "labels": {name: name}}
    cluster["spec"] = {"taskManagerClasses": [{"name": "c" + name, **shape, "count": 1}],
                       "taskManagers": [{"id": name, **shape}]}  # fmt: skip
    small = json.loads(json.dumps(cluster).replace('"cpu": 4', '"cpu": 0.01'))
    other = json.loads(json.dumps(job).replace('"uid"', '"kind"', 1))
    other["spec"]["operators"][1] |= {"parallelism": 2, "name": name + "c"}
    bad = json.loads(json.dumps(job))
    bad["spec"]["operators"][1] |= {name: name, "kin" + name: 1, "inputs": [name + "x"]}
    texts = {"job": job, "cluster": cluster, "small": small, "other": other, "bad": bad}
    for what, data in texts.items():
        (folder / f"{what}.json").write_text(json.dumps(data, ensure_ascii=False))
    files = {what: f"{what}.json" for what in (*texts, "profile", "placement")}
    assert invoke(["compile", files["job"], "-o", files["profile"]]).exit_code == 0
    placed = invoke(["place", files["profile"], "-c", files["cluster"], "-o", files["placement"]])
    assert placed.exit_code == 0, placed.stderr
    return {**files, "name": name, "out": OUT}


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_names_reach_people_without_what_a_terminal_obeys(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    words = named(tmp_path, name)
    shown = "".join(char if char.isprintable() else "?" for char in name)
    seen = 0
    for line in FOR_PEOPLE:
        result = invoke([word.format(**words) for word in line.split()])
        text = result.stdout + result.stderr
        if "{out}" in line and "mermaid" in line:
            text += (tmp_path / OUT).read_text()
        assert not (found := CONTROL.search(text)), f"{line}: {found[0]!r}"
        seen += shown in text
    assert seen > len(FOR_PEOPLE) // 2
    for line in FOR_PROGRAMS:
        text = invoke([word.format(**words) for word in line.split()]).stdout
        assert json.dumps(name)[1:-1] in json.dumps(json.loads(text)), line


@pytest.mark.parametrize("case", [pytest.param(c, id=c.name[:120], marks=known(c.name)) for c in chosen()])
def test_case(case: Hostile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    check(case, tmp_path)


@pytest.mark.extended
@pytest.mark.parametrize("part", range(PARTS))
def test_all_other_cases(part: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = {}
    for number, case in enumerate(others()[part::PARTS]):
        folder = tmp_path / str(number)
        folder.mkdir()
        monkeypatch.chdir(folder)
        try:
            check(case, folder)
        except Exception as error:
            wrong[case.name] = f"{type(error).__name__}: {str(error)[:500]}"
        monkeypatch.chdir(tmp_path)
        shutil.rmtree(folder)
    assert not wrong


def test_the_core_has_every_mutation_with_every_verb() -> None:
    def pairs(of: Iterable[Hostile]) -> set[tuple[str, str]]:
        return {(case.mutation, case.verb) for case in of}

    assert len(cases()) > 13_000
    assert pairs(core()) >= pairs(cases())
    assert {case.verb for case in chosen()} > VERBS


def test_what_found_something_before_meets_every_verb() -> None:
    wanted = Counter(case.name.split(" ")[0] for case in chosen() if WANTED.match(case.name))
    kinds = {document.name: document.kind for document in hostile.documents()}
    assert wanted == {name: len(hostile.verbs(kinds[name])) for name in wanted}
    assert len(wanted) > 30


# --- processes ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Run:
    code: int
    megabytes: float
    report: str


def run_planner(folder: Path, *arguments: str | bytes, script: str = "", **environment: str) -> Run:
    """Run planner as a process and measure its memory; one that would never end is killed."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_CPU, (int(HANG), int(HANG)))
        resource.setrlimit(resource.RLIMIT_AS, (4 * 2**30, 4 * 2**30))

    command: list[str | bytes] = [sys.executable, "-m", "planner", *arguments]
    if script:
        command = ["sh", "-c", script.replace("planner", f"exec {sys.executable} -m planner", 1)]
    root = str(Path(__file__).parents[2])
    with open(folder / ".report", "wb") as report:
        process = subprocess.Popen(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=report,
            stderr=report,
            preexec_fn=limit,
            env={**os.environ, "PYTHONPATH": root, "PYTHONDONTWRITEBYTECODE": "1", **environment},
        )
        try:
            with guard(HANG):
                _, status, usage = os.wait4(process.pid, 0)
        except BaseException:
            process.kill()
            raise
        process.returncode = os.waitstatus_to_exitcode(status)
    text = (folder / ".report").read_bytes().decode("utf-8", "replace")
    return Run(process.returncode, usage.ru_maxrss / 1024, text)


def document(prefix: str) -> bytes:
    content = next(d.content for d in hostile.documents() if d.name == prefix)
    assert isinstance(content, bytes)
    return content


def cluster_of(*counts: int) -> bytes:
    classes = [
        {"name": f"c{n}", "cpu": 64, "memory": {"process": "256 gb"}, "count": count}
        for n, count in enumerate(counts)
    ]
    data = {**DATA["cluster"], "spec": {"taskManagerClasses": classes}}
    return json.dumps(data).encode()


def bad_operators(count: int) -> bytes:
    return json.dumps(hostile.job_of([{"id": f"o{n}", "kin": 1} for n in range(count)])).encode()


VALIDATE = ("validate", "{doc}")
PLACE = ("place", "{doc}", "-c", "cluster.yaml", "-o", OUT, "--time-limit", "1")
PLACE_ON = ("place", "job.yaml", "-c", "{doc}", "-o", OUT, "--time-limit", "1")
COMPILE = ("compile", "{doc}", "-o", OUT)

NASTY: dict[str, tuple[Callable[[], bytes], tuple[str, ...], set[int]]] = {
    "elf": (lambda: document("binary-elf"), VALIDATE, {2}),
    "utf-16": (lambda: document("binary-utf-16-le"), VALIDATE, {2}),
    "deep-flow": (lambda: document("depth-100000-flow"), VALIDATE, {2}),
    "deep-block": (lambda: document("depth-1000-block"), VALIDATE, {2}),
    "deep-json": (lambda: document("depth-100000-json-mapping"), COMPILE, {2}),
    "billion-laughs": (lambda: document("bomb-billion-laughs"), VALIDATE, {2}),
    "quadratic-blowup": (lambda: document("bomb-quadratic"), VALIDATE, {1}),
    "doubling": (lambda: document("bomb-doubling"), COMPILE, {2}),
    "chain-3000": (lambda: document("graph-chain-3000"), COMPILE, {0}),
    "chain-20000-json": (
        lambda: json.dumps(
            hostile.job_of(
                [{"id": f"o{n}", **({"kind": "map", "inputs": [f"o{n - 1}"]} if n else {"kind": "source"})}
                 for n in range(20_000)]
            )
        ).encode(),
        COMPILE,
        {0},
    ),
    "ring-3000": (lambda: document("graph-ring-3000"), COMPILE, {1}),
    "fan-in-1000": (lambda: document("graph-fan-in-1000"), COMPILE, {0}),
    "all-to-all-32768": (lambda: document("graph-parallel-32768-all-to-all"), PLACE, {3}),
    "batch-32768-compiled": (lambda: document("graph-batch-32768"), COMPILE, {0}),
    "endless-device": (lambda: b"", ("validate", "/dev/zero"), {2}),
    "unknown-kinds": (lambda: document("graph-unknown-kinds-3000"), VALIDATE, {1}),
    "dangling-10000": (lambda: document("graph-dangling-10000"), VALIDATE, {1}),
    "options-10000": (lambda: document("graph-options-10000"), VALIDATE, {0, 1}),
    "groups-100": (lambda: document("graph-groups-100"), PLACE, {0, 3, 4}),
    "large-json-of-lists": (lambda: b"[" + b"[]," * 20_000_000 + b"[]]", VALIDATE, {1, 2}),
    "large-json-with-errors": (lambda: bad_operators(180_000), VALIDATE, {1, 2}),
    "large-json-duplicates": (
        lambda: b'{"kind": 1, "kind": 2, "x": [' + b"1," * 5_000_000 + b"1]}",
        VALIDATE,
        {2},
    ),
    "large-yaml-list": (lambda: b"[" + b"a," * 2_000_000 + b"]", VALIDATE, {1, 2}),
    "large-yaml-documents": (lambda: b"---\na\n" * 600_000, VALIDATE, {1, 2}),
    "cluster-1000000": (lambda: cluster_of(1_000_000), PLACE_ON, {0, 1, 2, 4}),
    "cluster-20000000": (lambda: cluster_of(*[1_000_000] * 20), VALIDATE, {0, 1, 2}),
    "batch-1000-all-to-all": (
        lambda: json.dumps(
            hostile.job_of(
                [{"id": "a", "kind": "source"},
                 {"id": "b", "kind": "process", "inputs": [{"from": "a", "ship": "HASH"}]}],
                type="batch", parallelism=1000,
            )
        ).encode(),
        ("recover", "{doc}", "-c", "large.json", "-o", OUT),
        {0},
    ),
}  # fmt: skip


CORE = ("deep-flow", "billion-laughs", "doubling", "endless-device", "all-to-all-32768", "groups-100",
        "chain-3000", "dangling-10000", "large-json-of-lists", "large-yaml-list", "cluster-20000000")  # fmt: skip
"""Processes that run in the short suite; the others find much the same."""


def process_marks(name: str) -> list[Any]:
    return [*known(f"nasty {name}"), *([] if name in CORE else [pytest.mark.extended])]


@pytest.mark.parametrize("name", [pytest.param(name, marks=process_marks(name)) for name in NASTY])
def test_process(name: str, tmp_path: Path) -> None:
    prepare, arguments, exits = NASTY[name]
    case = Hostile(name, prepare(), arguments, frozenset(exits), "doc.json" if "json" in name else "doc.yaml")
    line = case.prepare(tmp_path)
    (tmp_path / "large.json").write_bytes(cluster_of(100))
    run = run_planner(tmp_path, *line)
    check_report(case, run.code, run.report)
    assert run.megabytes < MEGABYTES
    if run.code:
        assert (tmp_path / OUT).read_bytes() == SENTINEL


SHELL = {
    "stdin-closed": ("planner validate - <&-", {2}),
    "stdout-closed": ("planner compile job.yaml >&-", {0, 1, 2}),
    "stdout-full": ("planner compile job.yaml >/dev/full", {1, 2}),
    "stdin-empty": ("planner validate - </dev/null", {2}),
    "name-too-long": (f"planner validate {'a' * 300}", {2}),
    "output-ascii": ("PYTHONIOENCODING=ascii planner show job.yaml", {0}),
    "both-from-stdin": ("planner recover - -p - <job.yaml", {2}),
}


@pytest.mark.parametrize("name", [pytest.param(name, marks=known(f"shell {name}")) for name in SHELL])
def test_shell(name: str, tmp_path: Path) -> None:
    script, exits = SHELL[name]
    (tmp_path / "job.yaml").write_text(JOB)
    environment = {"PYTHONIOENCODING": "ascii"} if "ascii" in name else {}
    run = run_planner(tmp_path, script=script.removeprefix("PYTHONIOENCODING=ascii "), **environment)
    assert "Traceback" not in run.report
    assert run.code in exits


# --- single promises ---------------------------------------------------------------------------------


@pytest.mark.parametrize("place", ["null", "list", "text"])
@pytest.mark.parametrize("field", ["metadata.name", "spec.operators", "spec.operators.0.parallelism"])
def test_every_error_has_a_hint(
    field: str, place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tuple(int(part) if part.isdigit() else part for part in field.split("."))
    value = {"null": None, "list": [1], "text": ""}[place]
    (tmp_path / "doc.json").write_text(json.dumps(hostile.put(DATA["job"], path, value)))
    findings = json.loads(invoke(["validate", "doc.json", "--format", "json"]).stdout)
    errors = [finding for finding in findings if finding["severity"] == "error"]
    assert errors or (place, field) == ("null", "spec.operators.0.parallelism")
    assert [finding for finding in errors if not finding["hint"]] == []


WHERE = {
    "escaped-emoji": '"\\ud83d\\ude00"',
    "delete": '"a\x7fb"',
    "line-separator": '"a\u2028b"',
    "next-line": '"a\x85b"',
    "long-key": f'"a", "labels": {{"{"k" * 1100}": "v"}}',
    "deep": f'"a", "labels": {"[" * 70 + "]" * 70}',
}


@pytest.mark.parametrize("name", [pytest.param(name, marks=known(f"where {name}")) for name in WHERE])
def test_json_findings_know_their_place(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = (
        '{\n "apiVersion": "planner/v1",\n "kind": "Job",\n'
        f' "metadata": {{"name": {WHERE[name]}}},\n "spec": {{"operators": [{{"id": "a", "kin": 1}}]}}\n}}'
    )
    (tmp_path / "doc.json").write_text(text)
    result = invoke(["validate", "doc.json", "--format", "concise"])
    if name == "deep":
        assert result.exit_code == 2
    else:
        assert "doc.json:5:37: DOC101" in result.stdout


def test_duplicate_key_beside_an_escaped_emoji(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "doc.json").write_text('{\n "x": "\\ud83d\\ude00",\n "a": 1,\n "a": 2}')
    assert "DOC006" in invoke(["validate", "doc.json", "--format", "concise"]).stdout


def test_a_plan_of_planner_can_be_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "job.yaml").write_text(JOB)
    (tmp_path / "cluster.yaml").write_text(CLUSTER)  # one TaskManager has no class
    assert invoke(["place", "job.yaml", "-c", "cluster.yaml", "-o", "plan.json"]).exit_code == 0
    result = invoke(["recover", "job.yaml", "-p", "plan.json", "--format", "json"])
    assert result.exit_code == 0, result.stderr


def test_recover_says_infeasible_with_its_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "job.yaml").write_text(JOB)
    small = {"taskManagers": [{"id": "a", "cpu": 0.1, "memory": {"process": "2 gb"}}]}
    (tmp_path / "small.json").write_text(json.dumps({**DATA["cluster"], "spec": small}))
    assert invoke(["recover", "job.yaml", "-c", "small.json"]).exit_code == 3


def test_subtask_of_endless_digits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = ("taskManagers", 0, "slots", 0, "subtasks", 0)
    (tmp_path / "job.yaml").write_text(JOB)
    (tmp_path / "plan.json").write_text(
        json.dumps(hostile.put(DATA["placement"], path, "read/" + "9" * 5000))
    )
    result = invoke(["recover", "job.yaml", "-p", "plan.json"])
    assert result.exit_code in (1, 2)
    assert "planner: " in result.stderr or FINDING.search(result.stderr)


def test_names_are_no_markup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "job.yaml").write_text(JOB.replace("name: orders", "name: 'a[red]b[/]c[/]'", 1))
    result = invoke(["show", "job.yaml"])
    assert result.exit_code == 0
    assert "a[red]b[/]c[/]" in result.stdout


def test_quotas_of_similar_group_names_stay_apart() -> None:
    from planner.place.model.quotas import quota_name

    assert quota_name("team one/a") != quota_name("team one a")


def test_a_link_stays_and_its_target_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "job.yaml").write_text(JOB)
    (tmp_path / "target.json").write_bytes(SENTINEL)
    (tmp_path / "link.json").symlink_to("target.json")
    assert invoke(["compile", "job.yaml", "-o", "link.json"]).exit_code == 0
    assert (tmp_path / "link.json").is_symlink()
    assert json.loads((tmp_path / "target.json").read_text())["kind"] == "ResourceProfile"


# --- properties --------------------------------------------------------------------------------------

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from([*hostile.TOKENS.values(), "Job", "Cluster", "planner/v1", "512 mb", "0.5", "source"]),
)
KEYS = st.one_of(
    st.text(max_size=6),
    st.sampled_from(sorted({str(path[-1]) for data in DATA.values() for path, _ in hostile.walk(data)})),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(KEYS, inner, max_size=5)),
    max_leaves=20,
)
SNIPPETS = st.sampled_from(
    ["- ", ": ", "\n", "\n  ", "\t", "&a ", "*a", "[", "]", "{", "}", ",", "'", '"', "|\n", ">-\n", "# ", "---\n",
     "...\n", "? ", "!!str ", "!x ", "<<: ", "%YAML 1.2\n", "kind: ", "Job", "apiVersion: planner/v1\n", "a", "0",
     "~", "\r", "\ufeff", "\u2028", "\\", "null", ".nan", "1e9999999", "spec:\n  operators:\n  - id: "]
)  # fmt: skip


def never_crashes(raw: bytes) -> None:
    try:
        loaded = load(raw, "doc.yaml")
    except DocumentError as error:
        assert error.findings
        return
    assert loaded
    for entry in loaded:
        assert entry.document is not None or entry.findings


@settings(derandomize=True, deadline=None, max_examples=150, database=None)
@given(st.lists(st.one_of(SNIPPETS, st.text(max_size=3)), max_size=25))
def test_text_like_yaml_never_crashes(parts: list[str]) -> None:
    never_crashes("".join(parts).encode("utf-8", "surrogatepass"))


@settings(derandomize=True, deadline=None, max_examples=100, database=None)
@given(VALUES)
def test_json_never_crashes(value: Any) -> None:
    never_crashes(json.dumps(value).encode())


@settings(derandomize=True, deadline=None, max_examples=150, database=None)
@given(st.sampled_from(sorted(DATA)), st.randoms(use_true_random=False), VALUES)
def test_grafted_documents_never_crash(kind: str, random: Any, value: Any) -> None:
    path, _ = random.choice(list(hostile.walk(DATA[kind])))
    never_crashes(json.dumps(hostile.put(DATA[kind], path, value)).encode())


@settings(derandomize=True, deadline=None, max_examples=50, database=None)
@given(st.binary(max_size=200))
def test_bytes_never_crash(raw: bytes) -> None:
    never_crashes(raw)
