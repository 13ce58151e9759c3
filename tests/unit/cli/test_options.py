"""Upstream's flags in upstream's forms."""

from __future__ import annotations

import click
import pytest

from labkit.cli.options import duration, feature_gates, switch, words


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0", 0), ("90s", 90), ("1h30m", 5400), ("24h", 86400), ("1.5h", 5400), (".5m", 30), ("100ms", 0.1), ("1h0m1s", 3601)],
)
def test_durations(text: str, seconds: float) -> None:
    assert duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "90", "1d", "h", "1h 30m", "-1h", "1hx"])
def test_no_durations(text: str) -> None:
    with pytest.raises(click.BadParameter, match="invalid duration"):
        duration(text)


@pytest.mark.parametrize(
    ("text", "gates"),
    [("", {}), ("A=true", {"A": True}), ("A=true,B=false", {"A": True, "B": False}), (" A=T , B=0 ", {"A": True, "B": False})],
)
def test_gates(text: str, gates: dict[str, bool]) -> None:
    assert feature_gates(text) == gates


@pytest.mark.parametrize("text", ["A", "A=", "A=yes", "A=true,B"])
def test_no_gates(text: str) -> None:
    with pytest.raises(click.BadParameter, match=r"write B?A?=true|neither true nor false"):
        feature_gates(text)


def test_words_and_switches() -> None:
    assert words("a, b,,c") == ("a", "b", "c")
    assert (switch("True"), switch("f")) == (True, False)
