"""SQL scripts fall apart where the SQL client's would."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.flink.sql import ScriptError, statements

SCRIPT = """-- a job; with a semicolon in a comment
SET 'pipeline.name' = 'a;b';
/* more;
   comment */ CREATE TABLE `t;1` (a INT) WITH ('connector' = 'data''gen;');

EXECUTE STATEMENT SET
BEGIN
  INSERT INTO k SELECT CASE a WHEN 1 THEN 'x' ELSE 'END;' END FROM `t;1`; -- one
  INSERT INTO k SELECT /*+ OPTIONS('a'='b') */ CASE WHEN a > 1 THEN 2 END FROM `t;1`;
END;
INSERT INTO k SELECT 1
"""


def test_a_script_falls_apart() -> None:
    found = statements(SCRIPT)
    assert [(one.line, one.head) for one in found] == [
        (2, "SET"), (4, "CREATE"), (6, "EXECUTE"), (11, "INSERT"),
    ]  # fmt: skip
    assert [(one.line, one.head) for one in found[2].inner] == [(8, "INSERT"), (9, "INSERT")]
    assert found[2].inner[0].text.endswith("'END;' END FROM `t;1`")
    assert "OPTIONS('a'='b')" in found[2].inner[1].text


@pytest.mark.parametrize("text", ["", ";;", "-- nothing", "/* open", "  \n;\n"])
def test_nothing_is_no_statement(text: str) -> None:
    assert statements(text) == []


def test_columns_are_those_of_the_script() -> None:
    set_, insert = statements("SET 'a'='b';  INSERT INTO k\nSELECT 1")
    assert (set_.column, insert.line, insert.column) == (0, 1, 14)
    (begin,) = statements(
        "-- first\n EXECUTE STATEMENT SET BEGIN INSERT INTO a SELECT 1;\n  INSERT INTO b SELECT 2;END;"
    )
    assert [(one.line, one.column) for one in (begin, *begin.inner)] == [(2, 1), (2, 29), (3, 2)]


@pytest.mark.parametrize(
    ("script", "count"),
    [
        ("// don't\nSELECT 1; // one; two\nSELECT 2", 2),
        (r"SELECT E'it\'s; x'; SELECT e'\\'; SELECT 'a\'; SELECT e", 4),
        (
            "COMPILE PLAN 'f' FOR STATEMENT SET BEGIN INSERT INTO a SELECT 1; INSERT INTO b SELECT 2; END; SELECT 1",
            2,
        ),
    ],
)
def test_what_else_the_sql_client_takes(script: str, count: int) -> None:
    assert len(statements(script)) == count


def test_a_statement_set_without_end() -> None:
    with pytest.raises(ScriptError, match="line 3"):
        statements("SELECT 1;\n\nEXECUTE STATEMENT SET BEGIN INSERT INTO a SELECT 1;")


@given(
    st.lists(
        st.sampled_from(["SELECT ';'", "SET 'a'='b'", "-- c;\nSHOW TABLES", "INSERT INTO `a;` SELECT 1"])
    )
)
def test_statements_put_together_fall_apart_again(parts: list[str]) -> None:
    found = statements(";\n".join(parts))
    assert [one.text for one in found] == [part.removeprefix("-- c;\n") for part in parts]


@given(st.text(alphabet="a;'\"`-/*\n BEGINDSTM", max_size=60))
def test_any_text_is_read(text: str) -> None:
    try:
        found = statements(text)
    except ScriptError:
        return
    assert all(one.text.strip() and one.line >= 1 for one in found)
