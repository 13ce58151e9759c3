"""Quantities: what is read, and what is written back."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labkit.resources.quantities import canonical, is_zero, parse

ROWS = {
    "0.5": "500m",
    "1024Mi": "1Gi",
    "1000m": "1",
    "0.1Gi": "107374182400m",
    "1.5Gi": "1536Mi",
    "1000": "1k",
    "1025": "1025",
    "100Ki": "100Ki",
    "12e6": "12e6",
    "0": "0",
    "1u": "1m",
    "-1": "-1",
    "2Gi": "2Gi",
}


@pytest.mark.parametrize(("given_as", "written"), ROWS.items(), ids=ROWS)
def test_canonical(given_as: str, written: str) -> None:
    assert canonical(given_as) == written
    assert canonical(written) == written


@pytest.mark.parametrize("text", ["", "x", "1 Gi", "1gi", "--1", "1e", "0x1"])
def test_no_quantities(text: str) -> None:
    with pytest.raises(ValueError, match="quantities must match the regular expression"):
        canonical(text)


@given(st.integers(0, 10**12), st.sampled_from(["", "m", "k", "M", "Ki", "Mi", "Gi"]))
def test_writing_back_changes_no_amount(number: int, suffix: str) -> None:
    assert parse(canonical(f"{number}{suffix}")) == parse(f"{number}{suffix}")


def test_amounts() -> None:
    assert parse("1500m") == Decimal("1.5")
    assert parse(2) == 2
    assert is_zero("0Mi")
    assert not is_zero("1m")
