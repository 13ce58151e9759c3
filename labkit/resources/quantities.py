"""Quantities: `500m`, `1Gi`, `2e3` (apimachinery/pkg/api/resource).

What is read is written back in upstream's canonical form: the largest suffix of its family that needs no fraction.
"""

from __future__ import annotations

import re
from decimal import ROUND_CEILING, Context, Decimal, InvalidOperation

_EXACT = Context(prec=100)  # the default would round large amounts
_LARGEST_POWER = 99
_FORM = re.compile(r"(?P<number>[+-]?(?:\d+\.?\d*|\.\d+))(?P<suffix>[KMGTPE]i|[numkMGTPE]|[eE][+-]?\d+)?")
_BINARY = {"Ki": 1, "Mi": 2, "Gi": 3, "Ti": 4, "Pi": 5, "Ei": 6}
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
FORM_TEXT = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"


def parse(value: str | float) -> Decimal:
    """The number that a quantity stands for, rounded up to a billionth.

    Raises:
        ValueError: it is no quantity.
    """
    number, suffix = _split(value)
    return _rounded(_value(number, suffix), -9)


def is_zero(value: str | float) -> bool:
    """Whether the quantity is nothing.

    Raises:
        ValueError: it is no quantity.
    """
    return parse(value) == 0


def canonical(value: str | float) -> str:
    """The quantity as upstream writes it back.

    Raises:
        ValueError: it is no quantity.
    """
    number, suffix = _split(value)
    amount = _rounded(_value(number, suffix), -3)
    if amount == 0:
        return "0"
    if suffix in _BINARY and abs(amount) >= 1024 and amount == amount.to_integral_value():
        return _binary(int(amount))
    if suffix[:1] in {"e", "E"} and len(suffix) > 1:
        exponent = _exponent(amount)
        return f"{int(_EXACT.scaleb(amount, -exponent))}" + (f"e{exponent}" if exponent else "")
    exponent = _exponent(amount)
    letter = next(letter for letter, power in _DECIMAL.items() if power == exponent)
    return f"{int(_EXACT.scaleb(amount, -exponent))}{letter}"


def _split(value: str | float) -> tuple[Decimal, str]:
    found = _FORM.fullmatch(str(value))
    if not found:
        raise ValueError(FORM_TEXT)
    return Decimal(found["number"]), found["suffix"] or ""


def _value(number: Decimal, suffix: str) -> Decimal:
    if suffix in _BINARY:
        return _EXACT.multiply(number, Decimal(1024 ** _BINARY[suffix]))
    if suffix in _DECIMAL:
        return _EXACT.scaleb(number, _DECIMAL[suffix])
    power = int(suffix[1:])
    if abs(power) > _LARGEST_POWER:
        raise ValueError(FORM_TEXT)
    return _EXACT.scaleb(number, power)


def _rounded(amount: Decimal, exponent: int) -> Decimal:
    """The amount, rounded up to a power of ten.

    Raises:
        ValueError: it is beyond all measure.
    """
    try:
        return amount.quantize(Decimal(1).scaleb(exponent), rounding=ROUND_CEILING, context=_EXACT)
    except InvalidOperation as error:
        raise ValueError(FORM_TEXT) from error


def _binary(amount: int) -> str:
    power = 0
    while amount % 1024 == 0 and power < len(_BINARY):
        amount, power = amount // 1024, power + 1
    return f"{amount}{next((suffix for suffix, value in _BINARY.items() if value == power), '')}"


def _exponent(amount: Decimal) -> int:
    """The largest multiple of three, at most 18, that leaves a whole number."""
    scaled = ((power, _EXACT.scaleb(amount, -power)) for power in range(18, -10, -3))
    return next(power for power, value in scaled if value == value.to_integral_value())
