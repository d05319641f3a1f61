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


def check_flag(name: str, value: object) -> bool:
    """Refuse what is neither True nor False.

    Raises:
        TypeError: with the name.
    """
    if not isinstance(value, bool):
        raise TypeError(f"{name} must be True or False, not {repr(value)[:80]}")
    return value


def check_number(name: str, value: float, unit: str = "") -> float:
    """Refuse what is no number, or too large for a float.

    Raises:
        TypeError, ValueError: with the name.
    """
    if isinstance(value, bool) or not hasattr(value, "__float__"):
        raise TypeError(f"{name} must be a number{unit}, not {type(value).__name__}")
    try:
        return float(value)
    except OverflowError:
        raise ValueError(f"{name} is too large to be a number{unit}") from None


def check_positive(name: str, value: float, unit: str = "") -> None:
    """Refuse what is no bound.

    Raises:
        TypeError, ValueError: with the name.
    """
    if not check_number(name, value, unit) > 0:
        raise ValueError(f"{name} must be positive{unit}, not {value!r}")
