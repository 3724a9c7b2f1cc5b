"""Which options are secrets, and texts without them."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.documents.option_tables import option_table, supported_versions
from planner.documents.sensitive import (
    HIDDEN,
    SENSITIVE_KEYS,
    is_reference,
    is_sensitive,
    masked,
    masked_arguments,
    masked_line,
    masked_options,
    masked_user_info,
)

SECRET = "hunter2/+x"
KEYS = [
    "s3.secret-key", "security.ssl.rest.key-password", "FS.AZURE.ACCOUNT.KEY.acc.blob", "metrics.reporter.x.apikey",
    "metrics.reporter.dghttp.api-key", "security.delegation.token.provider.s3.secret-key", "x.auth-params",
    "user.artifacts.http-headers", "properties.sasl.jaas.config", "x.service-key", "x.basic-auth", "my.token",
]  # fmt: skip


@pytest.mark.parametrize("key", KEYS)
def test_values_of_secrets_are_hidden(key: str) -> None:
    assert is_sensitive(key)
    assert masked(key, SECRET) == HIDDEN
    assert masked(key, "@env:NAME") == "@env:NAME"
    assert masked_options({key: "@env:NAME"}) == {key: HIDDEN}
    assert SECRET not in masked_line(f"  {key}: {SECRET} and more of it")
    assert SECRET not in masked_line(f'{{"a": 1, "{key}": "{SECRET}", "b": 2}}')
    assert SECRET not in masked_line(f'{{"x.password": "@file", "{key}": "{SECRET}"}}')
    assert masked_arguments([f"--{key}", SECRET, f"-D{key}={SECRET}"]) == [
        f"--{key}",
        HIDDEN,
        f"-D{key}={HIDDEN}",
    ]


@pytest.mark.parametrize("version", supported_versions())
def test_options_that_are_no_text_are_no_secrets(version: str) -> None:
    """Flink's own check goes by the key alone; what is a number or a switch is no secret."""
    options = option_table(version).options.values()
    found = {option.key for option in options if is_sensitive(option.key)}
    assert {option.key for option in options if option.key.endswith("password")} <= found
    assert {option.type for option in options if option.key in found} <= {"String", "Map"}
    assert all(any(part in key for part in SENSITIVE_KEYS) for key in found)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("s3://KEY:SEC/RET@bucket/dir", f"s3://{HIDDEN}@bucket/dir"),
        ("s3://KEY:SEC@RET@bucket", f"s3://{HIDDEN}@bucket"),
        ("mongodb://u:p@h1,u:q@h2/db", f"mongodb://{HIDDEN}@h2/db"),
        ("no FS at 'http://u:p@h:80/x', sorry", f"no FS at 'http://{HIDDEN}@h:80/x', sorry"),
        ("http://host:8081/a@b", "http://host:8081/a@b"),
        (
            "abfss://container@account.dfs.core.windows.net/x",
            "abfss://container@account.dfs.core.windows.net/x",
        ),
        ("hdfs://user@host/x", "hdfs://user@host/x"),
        ("a: b", "a: b"),
    ],
)
def test_passwords_in_addresses(text: str, shown: str) -> None:
    assert masked_user_info(text) == shown
    assert masked("execution.checkpointing.dir", text) == shown


def test_secrets_within_values() -> None:
    assert masked("pipeline.global-job-parameters", "password:x,user:y") == f"password:{HIDDEN},user:y"
    assert masked("a", "jdbc:mysql://h/d?password=x&z=1") == f"jdbc:mysql://h/d?password={HIDDEN}&z=1"


def test_only_secrets_are_references() -> None:
    assert is_reference("s3.secret-key", "@file")
    assert not is_reference("s3.secret-key", "@")
    assert not is_reference("pipeline.name", "@file")
    assert masked("pipeline.name", "@file") == "@file"


def test_arguments_that_are_no_secrets() -> None:
    words = ["--rate", "100", "--token", "--verbose", "tokenize=1x", "run"]
    assert masked_arguments(words)[:4] == words[:4]
    assert masked_arguments([]) == []


@given(st.text(), st.text())
def test_what_is_hidden_stays_hidden(key: str, value: str) -> None:
    once = masked(key, value)
    assert masked(key, once) == once
    assert masked_user_info(masked_user_info(value)) == masked_user_info(value)


@given(st.sampled_from(KEYS), st.text(alphabet=st.characters(exclude_categories=["C", "Z"]), min_size=3))
def test_no_secret_of_a_line_is_left(key: str, value: str) -> None:
    if value.startswith(("@", '"@', "'@")) or set(value) <= {"*"}:
        return
    assert f"~{value}~" not in masked_line(f"x: {{a: b, {key}: ~{value}~}}")


@pytest.mark.parametrize("part", ["a", "secret", "a://b:", "password:", "://:", "@", "secret=secret"])
def test_long_texts_take_no_longer_than_their_length(part: str) -> None:
    text = part * (50_000 // len(part))
    begun = time.process_time()
    masked("a", text)
    masked_line(text)
    masked_user_info(text)
    assert time.process_time() - begun < 2
