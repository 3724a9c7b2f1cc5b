"""DOC: files that cannot be read at all."""

from __future__ import annotations

import json
from pathlib import Path

from planner.documents.source import MAX_BYTES, MAX_YAML_VALUES
from rules.samples import (
    rows,
    run,
)


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
