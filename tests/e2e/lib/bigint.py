# SPDX-License-Identifier: MIT
"""Decimal digits to integer without Python's limit on digits and without its quadratic cost."""

import math

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


# Modulo these, n! is found without any long number. None divides another's difference from a wrong one by chance.
MODULI = ((1 << 61) - 1, 10**18 + 3, 998244353)
_DIGITS = 1 << 13


def assert_factorial(digits, n):
    """Whether decimal digits, as bytes of any length, are n!: its length, and its residues modulo primes over n."""
    assert digits.isdigit() and digits[:1] != b"0", digits[:40]
    expected = int(math.lgamma(n + 1) / math.log(10)) + 1 if n > 1 else 1
    assert len(digits) == expected, f"{n}!: {len(digits)} digits, expected {expected}"
    for modulus in MODULI:
        found, factorial = 0, 1
        base = pow(10, _DIGITS, modulus)
        first = len(digits) % _DIGITS
        for at in range(first - _DIGITS if first else 0, len(digits), _DIGITS):
            found = (found * base + _residue(digits[max(at, 0):at + _DIGITS], modulus)) % modulus
        for factor in range(2, n + 1):
            factorial = factorial * factor % modulus
        assert found == factorial, f"{n}! is wrong modulo {modulus}"


def _residue(digits, modulus):
    return parse_decimal(digits.decode()) % modulus
