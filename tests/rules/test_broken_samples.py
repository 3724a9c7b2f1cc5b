"""Every rule has a sample with that one fault, and `planner validate` finds it at its place."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from typer.testing import CliRunner, Result

from planner.api import validate
from planner.cli.app import app
from planner.documents.finding import Finding, Severity
from planner.documents.load import DocumentError, load
from planner.documents.source import MAX_BYTES, MAX_YAML_VALUES
from planner.report.formats import FORMATS
from planner.rules.registry import RULES

FOLDER = Path(__file__).parents[2] / "samples" / "broken"
SAMPLES = sorted(FOLDER.glob("*.*"))
AT_RUN_TIME = {"DOC000", "DOC001", "DOC002", *(f"MEM40{n}" for n in range(1, 9))}
MARK = "# <- here"
JSON_PLACES = {"DOC007": '"cpu": NaN'}
"""JSON has no comments: what stands in the faulty line instead of the mark."""
SEVERITIES = {page.code: page.severity for page in RULES}
RUNNER = CliRunner()


def run(*arguments: str | Path, stdin: str | bytes | None = None) -> Result:
    return RUNNER.invoke(app, ["validate", *map(str, arguments)], input=stdin)


def rows(*arguments: str | Path, stdin: str | bytes | None = None) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(run(*arguments, "--format", "json", stdin=stdin).stdout)
    return found


def findings_of(path: Path) -> list[Finding]:
    try:
        return validate(load(path.read_bytes(), str(path)))
    except DocumentError as error:
        return error.findings


def marked_lines(path: Path) -> set[int]:
    mark = JSON_PLACES[path.stem] if path.suffix == ".json" else MARK
    return {number for number, line in enumerate(path.read_text().splitlines(), 1) if mark in line}


def test_every_code_has_a_sample() -> None:
    codes = [path.stem for path in SAMPLES]
    assert len(codes) == len(set(codes))
    assert set(codes) | AT_RUN_TIME == {rule.code for rule in RULES}
    assert not set(codes) & AT_RUN_TIME


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_a_sample_says_what_is_wrong_with_it(path: Path) -> None:
    text = path.read_text()
    assert marked_lines(path)
    if path.suffix == ".yaml":
        assert text.startswith(f"# {path.stem}: ")
    assert len(text.splitlines()) <= 35


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_the_fault_is_found_at_its_place(path: Path) -> None:
    found = rows(path)
    mine = [row for row in found if row["code"] == path.stem]
    lines = path.read_text().splitlines()
    assert {row["line"] for row in mine} == marked_lines(path)
    for row in mine:
        assert 1 <= row["column"] <= len(lines[row["line"] - 1])
        assert (row["endLine"], row["endColumn"]) >= (row["line"], row["column"])
        assert row["severity"] == SEVERITIES[path.stem]
        assert row["message"].strip()
        assert row["file"] == str(path)
        assert row["documentation"] == f"docs/rules/{path.stem}.md"


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_nothing_else_is_wrong(path: Path) -> None:
    others = {(row["code"], row["severity"]) for row in rows(path) if row["code"] != path.stem}
    allowed = {"GRA301": {("GRA309", "info")}}  # unequal parallelism is what makes it fail
    assert others == allowed.get(path.stem, set())


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_every_finding_has_a_hint(path: Path) -> None:
    assert all(finding.hint.strip() for finding in findings_of(path))


@pytest.mark.parametrize(
    "path", [path for path in SAMPLES if not path.stem.startswith(("DOC", "FIT"))], ids=lambda path: path.stem
)
def test_a_pointer_leads_to_something(path: Path) -> None:
    """A pointer may name a field that is missing, but never a way that does not exist."""
    (loaded,) = load(path.read_bytes(), str(path))
    for finding in findings_of(path):
        *way, last = finding.path
        value: Any = loaded.source.data
        for part in way:
            value = value[part]
        assert isinstance(value, list) or last in value, finding.pointer


class TestUnreadable:
    def test_missing(self, tmp_path: Path) -> None:
        result = run(tmp_path / "none.yaml", "--format", "json")
        (row,) = json.loads(result.stdout)
        assert result.exit_code == 2
        assert row["code"] == "DOC000"
        assert "no such file" in row["message"]
        assert row["hint"]

    def test_folder(self, tmp_path: Path) -> None:
        (row,) = rows(tmp_path)
        assert (row["code"], row["message"]) == ("DOC000", "cannot be read: is a directory")

    def test_not_utf8(self, tmp_path: Path) -> None:
        path = tmp_path / "latin1.yaml"
        path.write_bytes("apiVersion: planner/v1\nkind: Job\nmetadata: {name: Köln}\n".encode("latin-1"))
        result = run(path, "--format", "json")
        (row,) = json.loads(result.stdout)
        assert result.exit_code == 2
        assert (row["code"], row["line"], row["column"]) == ("DOC001", 3, 19)
        assert "0xf6" in row["message"]
        assert row["hint"]

    def test_binary(self, tmp_path: Path) -> None:
        path = tmp_path / "job.jar"
        path.write_bytes(b"PK\3\4\n\0\0")
        (row,) = rows(path)
        assert (row["code"], row["line"], row["column"]) == ("DOC001", 2, 1)

    def test_too_large(self, tmp_path: Path) -> None:
        path = tmp_path / "large.yaml"
        path.write_bytes(b"kind: Job\nx: [" + b"1," * MAX_YAML_VALUES + b"]\n")
        result = run(path, "--format", "json")
        (row,) = json.loads(result.stdout)
        assert result.exit_code == 2
        assert row["code"] == "DOC002"
        assert "250,000 values" in row["message"]
        assert "JSON" in row["hint"]

    def test_far_too_large(self, tmp_path: Path) -> None:
        path = tmp_path / "huge.json"
        with path.open("wb") as file:
            file.truncate(MAX_BYTES + 1)
        (row,) = rows(path)
        assert row["code"] == "DOC002"
        assert "32 MiB" in row["message"]

    def test_a_large_json_document_is_read(self, tmp_path: Path) -> None:
        path = tmp_path / "large.json"
        labels = {"note": "x" * 5_000_000}
        document = {
            "apiVersion": "planner/v1",
            "kind": "Job",
            "metadata": {"name": "a", "labels": labels},
            "spec": {"operators": [{"id": "a", "kind": "source"}]},
        }
        path.write_text(json.dumps(document))
        assert rows(path) == []


@pytest.mark.parametrize(
    ("code", "options", "expected"),
    [
        ("DOC003", [], 2),
        ("DOC004", [], 2),
        ("DOC006", ["--fail-on", "never"], 2),
        ("DOC007", [], 2),
        ("DOC008", [], 1),
        ("DOC101", [], 1),
        ("JOB203", [], 1),
        ("GRA301", [], 1),
        ("GRA301", ["--fail-on", "never"], 0),
        ("GRA301", ["--ignore", "GRA3"], 0),
        ("FIT801", [], 1),
        ("OPS602", [], 0),
        ("OPS602", ["--fail-on", "warning"], 1),
        ("OPS602", ["--fail-on", "warning", "--ignore", "OPS"], 0),
        ("GRA306", [], 0),
        ("GRA306", ["--fail-on", "warning"], 0),
        ("GRA306", ["--fail-on", "info"], 1),
    ],
)
def test_exit_codes(code: str, options: list[str], expected: int) -> None:
    (path,) = FOLDER.glob(f"{code}.*")
    assert run(path, *options).exit_code == expected


class TestFormats:
    PATH = FOLDER / "GRA301.yaml"
    LINE = 16
    CODES = ("GRA309", "GRA301")

    def output(self, name: str) -> str:
        result = run(self.PATH, "--format", name)
        assert result.exit_code == 1
        assert "1 error" in result.stderr
        return result.stdout

    def test_these_are_all(self) -> None:
        assert set(FORMATS) == {"text", "concise", "json", "github", "gitlab", "junit", "sarif"}

    def test_text(self) -> None:
        lines = self.output("text").splitlines()
        at = next(n for n, line in enumerate(lines) if "error GRA301" in line)
        assert lines[at].startswith(f"{self.PATH}:{self.LINE}:11: ")
        assert MARK in lines[at + 1]
        column = lines[at + 2].index("^")
        assert lines[at + 1][column] == "{"
        assert lines[at + 3].startswith("  = help: ")

    def test_concise(self) -> None:
        lines = self.output("concise").splitlines()
        assert [line.split()[1] for line in lines] == list(self.CODES)
        assert lines[1].startswith(f"{self.PATH}:{self.LINE}:11: GRA301 ")

    def test_json(self) -> None:
        found = json.loads(self.output("json"))
        assert [row["code"] for row in found] == list(self.CODES)
        assert (found[1]["line"], found[1]["pointer"]) == (self.LINE, "/spec/operators/1/inputs/0")

    def test_json_of_nothing(self, tmp_path: Path) -> None:
        path = tmp_path / "job.yaml"
        path.write_text(job("- {id: a, kind: source}"))
        assert run(path, "--format", "json").stdout == "[]\n"

    def test_github(self) -> None:
        notice, error = self.output("github").splitlines()
        assert notice.startswith("::notice file=")
        assert error.startswith(f"::error file={self.PATH},line={self.LINE},col=11,endLine=")
        assert ",title=GRA301::'orders' -> 'clean' is FORWARD" in error

    def test_gitlab(self) -> None:
        found = json.loads(self.output("gitlab"))
        assert [(row["check_name"], row["severity"]) for row in found] == [
            ("GRA309", "info"),
            ("GRA301", "major"),
        ]
        assert found[1]["location"]["path"] == self.PATH.as_posix()
        assert found[1]["location"]["positions"]["begin"] == {"line": self.LINE, "column": 11}
        assert len({row["fingerprint"] for row in found}) == 2

    def test_junit(self) -> None:
        suites = ElementTree.fromstring(self.output("junit"))
        suite = suites.find("testsuite")
        assert suite is not None
        assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("1", "1", "0")
        (case,) = suite
        assert case.get("name") == str(self.PATH)
        failure = case.find("failure")
        assert failure is not None
        assert failure.get("type") == "GRA301"
        assert f"{self.PATH}:{self.LINE}:11: GRA301" in (failure.text or "")

    def test_junit_of_a_warning_is_no_failure(self) -> None:
        suites = ElementTree.fromstring(run(FOLDER / "OPS602.yaml", "--format", "junit").stdout)
        assert suites.find("testsuite/testcase/failure") is None
        assert "OPS602" in (suites.findtext("testsuite/testcase/system-out") or "")

    def test_sarif(self) -> None:
        log = json.loads(self.output("sarif"))
        assert log["version"] == "2.1.0"
        assert "sarif-2.1.0" in log["$schema"]
        (result_run,) = log["runs"]
        driver = result_run["tool"]["driver"]
        assert driver["name"] == "planner"
        assert [rule["id"] for rule in driver["rules"]] == list(self.CODES)
        for rule in driver["rules"]:
            assert rule["shortDescription"]["text"]
            assert rule["help"]["text"]
        for result in result_run["results"]:
            assert driver["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
            assert result["level"] in ("error", "warning", "note")
            assert result["message"]["text"]
            assert result["partialFingerprints"]
        (location,) = result_run["results"][1]["locations"]
        assert location["physicalLocation"]["region"]["startLine"] == self.LINE
        assert location["physicalLocation"]["artifactLocation"]["uri"] == self.PATH.as_posix()

    @pytest.mark.parametrize("name", list(FORMATS))
    def test_every_format_holds_every_sample(self, name: str) -> None:
        result = run(*SAMPLES, "--format", name, "--fail-on", "never")
        assert result.exit_code == 2  # some cannot be read at all
        if name != "junit":  # which names every file, with findings or without
            shown = {path.stem for path in SAMPLES if path.stem in result.stdout}
            assert shown >= {path.stem for path in SAMPLES} - FITTING - {"CFG402"}
        match name:
            case "json" | "gitlab" | "sarif":
                json.loads(result.stdout)
            case "junit":
                ElementTree.fromstring(result.stdout)

    def test_output_goes_to_a_file(self, tmp_path: Path) -> None:
        target = tmp_path / "planner.sarif"
        result = run(self.PATH, "--format", "sarif", "-o", target)
        assert (result.exit_code, result.stdout) == (1, "")
        assert json.loads(target.read_text())["version"] == "2.1.0"


FITTING = {"FIT801", "FIT802", "FIT803"}
"""Not found where there is more than one cluster among the files."""


def job(operators: str, spec: str = "") -> str:
    head = "apiVersion: planner/v1\nkind: Job\nmetadata: {name: job}\n"
    return f"{head}spec:\n{spec}  operators:\n    {operators}\n"


class TestSuppression:
    @pytest.mark.parametrize(
        "comment",
        ["ignore[OPS601]", "ignore[OPS]", "ignore[ops601]", "ignore[GRA301, OPS601]", "ignore[OPS601,]"],
    )
    def test_a_comment_hides_what_it_names(self, tmp_path: Path, comment: str) -> None:
        path = tmp_path / "job.yaml"
        text = (FOLDER / "OPS601.yaml").read_text()
        path.write_text(text.replace(MARK, f"# planner: {comment}"))
        assert rows(path) == []

    @pytest.mark.parametrize("comment", ["ignore[OPS602]", "ignore[]", "ignore", "ignore[,]"])
    def test_a_comment_hides_nothing_else(self, tmp_path: Path, comment: str) -> None:
        path = tmp_path / "job.yaml"
        text = (FOLDER / "OPS601.yaml").read_text()
        path.write_text(text.replace(MARK, f"# planner: {comment}"))
        assert [row["code"] for row in rows(path)] == ["OPS601"]

    def test_only_in_its_own_line(self, tmp_path: Path) -> None:
        path = tmp_path / "job.yaml"
        text = (FOLDER / "OPS601.yaml").read_text()
        path.write_text(text.replace("kind: kafka-source", "kind: kafka-source  # planner: ignore[OPS601]"))
        assert [row["code"] for row in rows(path)] == ["OPS601"]

    def test_only_in_its_own_file(self, tmp_path: Path) -> None:
        hidden, shown = tmp_path / "a.yaml", tmp_path / "b.yaml"
        text = (FOLDER / "OPS601.yaml").read_text()
        hidden.write_text(text.replace(MARK, "# planner: ignore[OPS601]"))
        shown.write_text(text)
        assert [row["file"] for row in rows(hidden, shown)] == [str(shown)]

    def test_in_the_second_document_of_a_file(self, tmp_path: Path) -> None:
        path = tmp_path / "both.yaml"
        text = (FOLDER / "CLU705.yaml").read_text().replace(MARK, "# planner: ignore[CLU705]")
        path.write_text((FOLDER / "OPS601.yaml").read_text() + "---\n" + text)
        assert [row["code"] for row in rows(path)] == ["OPS601"]

    def test_an_error_of_the_fit(self, tmp_path: Path) -> None:
        path = tmp_path / "both.yaml"
        path.write_text((FOLDER / "FIT801.yaml").read_text().replace(MARK, "# planner: ignore[FIT801]"))
        assert run(path).exit_code == 0

    @pytest.mark.parametrize("prefix", ["OPS601", "OPS", "ops601", "GRA,OPS", "O"])
    def test_ignore_option(self, prefix: str) -> None:
        assert rows(FOLDER / "OPS601.yaml", "--ignore", prefix) == []

    @pytest.mark.parametrize("prefix", ["OPS602", "", ",", "PS601"])
    def test_ignore_option_of_others(self, prefix: str) -> None:
        assert [row["code"] for row in rows(FOLDER / "OPS601.yaml", "--ignore", prefix)] == ["OPS601"]

    def test_an_unreadable_file_cannot_be_ignored(self, tmp_path: Path) -> None:
        assert run(tmp_path / "none.yaml", "--ignore", "DOC").exit_code == 2


class TestInputs:
    def test_stdin(self) -> None:
        text = (FOLDER / "GRA307.yaml").read_text()
        (row,) = rows("-", stdin=text)
        assert (row["code"], row["file"]) == ("GRA307", "<stdin>")
        (row,) = rows("-", "--stdin-filename", "jobs/clicks.yaml", stdin=text)
        assert row["file"] == "jobs/clicks.yaml"

    def test_stdin_with_a_byte_order_mark(self) -> None:
        raw = b"\xef\xbb\xbf" + (FOLDER / "GRA307.yaml").read_bytes()
        (row,) = rows("-", stdin=raw)
        assert (row["code"], row["line"]) == ("GRA307", 16)

    def test_windows_line_ends(self) -> None:
        raw = (FOLDER / "GRA307.yaml").read_bytes().replace(b"\n", b"\r\n")
        result = run("-", stdin=raw)
        assert "<stdin>:16:11: error GRA307" in result.stdout
        assert "\r" not in result.stdout

    def test_json_in_a_yaml_file_and_the_other_way_round(self, tmp_path: Path) -> None:
        text = json.dumps(load((FOLDER / "GRA307.yaml").read_bytes(), "a")[0].source.data, indent="\t")
        path = tmp_path / "job.yaml"
        path.write_text(text)
        (row,) = rows(path)
        lines = text.splitlines()
        assert row["code"] == "GRA307"
        assert lines[row["line"] - 1][row["column"] - 1] == "{"
        assert '"clicks"' in lines[row["line"]]

    def test_a_glob(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("b/GRA307", "a/GRA302", "a/deep/OPS604"):
            target = tmp_path / "jobs" / f"{name}.yaml"
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(FOLDER / f"{target.stem}.yaml", target)
        (tmp_path / "jobs" / "x.yaml").mkdir()
        monkeypatch.chdir(tmp_path)
        files = [row["file"] for row in rows("jobs/**/*.yaml")]
        assert files == ["jobs/a/GRA302.yaml", "jobs/a/deep/OPS604.yaml", "jobs/b/GRA307.yaml"]

    def test_a_glob_without_a_match(self, tmp_path: Path) -> None:
        result = run(f"{tmp_path}/*.yaml")
        assert result.exit_code == 2
        assert "no file matches" in result.stderr

    def test_several_files_in_any_order(self) -> None:
        paths = [FOLDER / f"{code}.yaml" for code in ("OPS601", "GRA307", "CFG401", "DOC004")]
        first = run(*paths, "--format", "json")
        again = run(*reversed(paths), "--format", "json")
        assert first.stdout == again.stdout
        codes = [row["code"] for row in json.loads(first.stdout)]
        assert codes == ["CFG401", "DOC004", "GRA307", "OPS601"]
        assert "4 documents checked: 3 errors, 1 warning" in first.stderr

    def test_a_file_named_twice_is_read_once(self) -> None:
        path = FOLDER / "GRA307.yaml"
        assert len(rows(path, path)) == 1
        assert "1 document checked" in run(path, path).stderr

    def test_findings_are_the_same_every_time(self) -> None:
        found = [finding for path in SAMPLES for finding in findings_of(path)]
        assert found == [finding for path in SAMPLES for finding in findings_of(path)]
        assert {finding.severity for finding in found} == set(Severity)
