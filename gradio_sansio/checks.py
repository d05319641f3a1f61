"""What callers pass, refused where it is given: not every caller is typed. Errors name the argument."""

from __future__ import annotations


def check_text(name: str, value: object) -> str:
    """Refuse what is no string.

    Raises:
        TypeError: with the name; without the value, which may be a secret.
    """
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a string, not {type(value).__name__}")
    return value


def check_positive(name: str, value: float, unit: str = "") -> None:
    """Refuse what is no bound.

    Raises:
        TypeError, ValueError: with the name.
    """
    try:
        positive = value > 0
    except TypeError:
        raise TypeError(f"{name} must be a number{unit}, not {type(value).__name__}") from None
    if not positive:
        raise ValueError(f"{name} must be positive{unit}, not {value!r}")
