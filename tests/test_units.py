"""Sizes, durations and CPU: parsing and printing as Flink does."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner import units

ORACLE = json.loads((Path(__file__).parent / "oracles/units.json").read_text())


@pytest.mark.parametrize("case", ORACLE["sizes"], ids=lambda c: repr(c["text"]))
def test_sizes_are_flinks(case: dict[str, object]) -> None:
    text = str(case["text"])
    if "bytes" not in case:
        with pytest.raises(ValueError, match="."):
            units.parse_size(text)
        return
    size = units.parse_size(text)
    assert (size, units.format_size(size), units.format_size_human(size)) == (
        case["bytes"],
        case["plain"],
        case["human"],
    )


@pytest.mark.parametrize("case", ORACLE["durations"], ids=lambda c: repr(c["text"]))
def test_durations_are_flinks(case: dict[str, object]) -> None:
    text = str(case["text"])
    if "nanos" not in case:
        with pytest.raises(ValueError, match="."):
            units.parse_duration(text)
        return
    nanos = units.parse_duration(text)
    assert nanos == case["nanos"]
    if "plain" in case:
        assert units.format_duration(nanos) == case["plain"]


@given(st.integers(0, units.LONG_MAX))
def test_a_printed_size_reads_back(size: int) -> None:
    assert units.parse_size(units.format_size(size)) == size


@given(st.integers(0, 10**18))
def test_a_printed_duration_reads_back(nanos: int) -> None:
    assert units.parse_duration(units.format_duration(nanos)) == nanos


@given(st.integers(0, 80_000 * units.CORE))
def test_printed_cpu_reads_back(cpu: int) -> None:
    assert units.parse_cpu(units.format_cpu(cpu)) == cpu
    assert units.parse_cpu(units.cpu_number(cpu)) == cpu


@given(st.text(max_size=12))
def test_any_text_is_read_or_refused(text: str) -> None:
    for parse in (units.parse_size, units.parse_size_lenient, units.parse_duration, units.parse_cpu):
        try:
            assert isinstance(parse(text), int)
        except ValueError as error:
            assert str(error)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1.5Gi", 1610612736),
        ("512Mi", 536870912),
        ("2048m", 2048 * units.MIB),
        ("1G", units.GIB),
        ("64Ki", 65536),
    ],
)
def test_kubernetes_spellings_where_flink_has_none(text: str, value: int) -> None:
    assert units.parse_size_lenient(text) == value


@pytest.mark.parametrize("text", ["1.3Ki", "-1Gi", "1.5g", "9Ei", "Gi", "1 Gi b"])
def test_sizes_that_are_no_whole_bytes(text: str) -> None:
    with pytest.raises(ValueError, match="."):
        units.parse_size_lenient(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1.5Gi", Decimal(1610612736)),
        ("500m", Decimal("0.5")),
        ("2e3", Decimal(2000)),
        ("1E", Decimal(10**18)),
    ],
)
def test_quantities(text: str, value: Decimal) -> None:
    assert units.parse_quantity(text) == value


def test_cpu_is_cut_after_eight_decimals_as_flink_does() -> None:
    assert units.parse_cpu("0.123456789") == 12345678
    assert units.parse_cpu("500m") == units.CORE // 2


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("2048m", 2**31),
        ("2g", 2**31),
        ("2G", 2**31),
        ("2Gi", 2**31),
        ("2gi", 2**31),
        ("2 GiB", 2**31),
        ("1.5Gi", 3 * 2**29),
        ("0.5G", 500_000_000),
        ("2147483648", 2**31),
        ("2e3", 2000),
    ],
)
def test_a_size_in_a_manifest(text: str, size: int) -> None:
    """Flink's spelling first, then that of Kubernetes, as the operator's ResourceConfigUtils reads it."""
    assert units.parse_manifest_size(text) == size


@pytest.mark.parametrize("text", ["", "much", "-1Gi", "1.0000001Gi", "9999999999Ti", "2Gi2"])
def test_what_is_no_size_in_a_manifest(text: str) -> None:
    with pytest.raises(ValueError):
        units.parse_manifest_size(text)
