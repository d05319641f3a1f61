"""How the copy of a Space shall be; ``duplication`` makes it."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from msgspec import Struct

from gradio_sansio.checks import check_flag, check_text
from gradio_sansio.session.source import is_space_name

# Compiled when first needed, which is seldom.
HARDWARE: Final = r"[A-Za-z0-9_.-]{1,64}"
_VARIABLE: Final = r"[A-Za-z_][A-Za-z0-9_]{0,255}"


class Duplicate(Struct, frozen=True, kw_only=True):
    """How the copy of a Space shall be.

    Raises:
        TypeError, ValueError: an option makes no sense; the text says which and why.
    """

    private: bool = False
    """Whether only its owner can see it."""
    timeout: float | timedelta | None = None
    """Minutes without a visitor after which it goes to sleep; None leaves that to the Hub, which has its own rule for free hardware."""
    hardware: str | None = None
    """``cpu-basic``, ``cpu-upgrade``, ``t4-small``, ``t4-medium``, ``a10g-small``, ``a10g-large``, ``a100-large``, or what else the Hub
    offers; None for the original's."""
    to: str | None = None
    """Its name, or ``owner/name``; None for the original's, with the token's owner."""
    secrets: Mapping[str, str] | None = None
    """What its app finds in the environment, by name, and nobody else sees."""
    variables: Mapping[str, str] | None = None
    """The same for what is no secret."""

    def __repr__(self) -> str:
        shown = (f"{name}={getattr(self, name)!r}" for name in self.__struct_fields__ if name != "secrets")
        return f"Duplicate({', '.join(shown)})"

    def __post_init__(self) -> None:
        check_flag("private", self.private)
        if self.timeout is not None and not 0 < self.seconds < math.inf:
            raise ValueError(f"timeout must be positive, in minutes, not {self.timeout!r}")
        if self.hardware is not None and not re.fullmatch(HARDWARE, check_text("hardware", self.hardware)):
            raise ValueError(f"hardware must be a name such as 'cpu-basic', not {self.hardware!r}")
        if self.to is not None:
            name = check_text("to", self.to)
            if not is_space_name(name if "/" in name else f"owner/{name}"):
                raise ValueError(f"to must be a Space's name, or owner/name, not {name!r}")
        for kind, values in (("secrets", self.secrets), ("variables", self.variables)):
            if values is None:
                continue
            if not isinstance(values, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance]  # not every caller is typed
                raise TypeError(f"{kind} must be a mapping of names to values, not {type(values).__name__}")
            for key, value in values.items():
                if not re.fullmatch(_VARIABLE, check_text(kind, key)):
                    raise ValueError(f"{kind}: {key!r} is no name of a variable")
                check_text(f"{kind}[{key!r}]", value)

    @property
    def seconds(self) -> float:
        """The timeout, if there is one, in seconds, as the Hub counts."""
        if isinstance(self.timeout, timedelta):
            return self.timeout.total_seconds()
        assert self.timeout is not None
        try:
            return math.nan if isinstance(self.timeout, bool) else self.timeout * 60.0
        except TypeError:
            kind = type(self.timeout).__name__
            raise TypeError(f"timeout must be a number of minutes or a timedelta, not {kind}") from None
