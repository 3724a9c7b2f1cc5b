"""Running the rules: exit codes, suppression, and where documents come from."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from planner.documents.finding import Severity
from planner.documents.load import load
from rules.samples import (
    FOLDER,
    MARK,
    SAMPLES,
    findings_of,
    rows,
    run,
)


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
        first = result.stdout.splitlines()[0]
        assert (
            first == "<stdin>:16:11: error GRA307: 'clicks' -> 'counts' uses HYBRID_FULL in a streaming job"
        )
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
        assert first.stderr == "4 documents checked: 3 errors, 1 warning\n"

    def test_a_file_named_twice_is_read_once(self) -> None:
        path = FOLDER / "GRA307.yaml"
        assert len(rows(path, path)) == 1
        assert run(path, path).stderr == "1 document checked: 1 error\n"

    def test_findings_are_the_same_every_time(self) -> None:
        found = [finding for path in SAMPLES for finding in findings_of(path)]
        assert found == [finding for path in SAMPLES for finding in findings_of(path)]
        assert {finding.severity for finding in found} == set(Severity)
