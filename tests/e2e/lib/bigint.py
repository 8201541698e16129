# SPDX-License-Identifier: MIT
"""Decimal digits to integer without Python's limit on digits and without its quadratic cost."""

_CHUNK = 2000
_powers = {}


def _power_of_ten(exponent):
    value = _powers.get(exponent)
    if value is None:
        value = _powers[exponent] = 10**exponent
    return value


def parse_decimal(text):
    """int(text) for any number of digits, by halving. Accepts an optional leading minus."""
    if text.startswith("-"):
        return -parse_decimal(text[1:])
    if not (text.isascii() and text.isdigit()):
        raise ValueError(f"not a decimal integer: {text[:40]!r}")
    return _parse(text)


def _parse(text):
    if len(text) <= _CHUNK:
        return int(text)
    low = len(text) // 2
    return _parse(text[:-low]) * _power_of_ten(low) + _parse(text[-low:])


def assert_same_integer(found, expected, name):
    """Equality without pytest printing a hundred thousand digits when it fails."""
    if found != expected:
        raise AssertionError(
            f"{name}: wrong value (found {found.bit_length()} bits, "
            f"expected {expected.bit_length()} bits)"
        )
