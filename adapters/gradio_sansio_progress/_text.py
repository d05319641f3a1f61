"""What a server says, made harmless for a terminal."""

from __future__ import annotations

import re
from typing import Final

# ECMA-48: control sequences, control strings up to their end, and the short escapes. Possessive, so that each is read once.
_SEQUENCE: Final = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*+[ -/]*+[@-~]"
    r"|(?:\x1b[PX\]^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c]*+(?:\x07|\x1b\\|\x9c)"
    r"|\x1b[ -/]*+[0-~]"
)
BIDI: Final = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u206f"
"""What reorders the text around it (UAX #9), for a character class."""
_UNWANTED: Final = re.compile(f"[\x00-\x08\x0b-\x1f\x7f-\x9f{BIDI}]")
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_SEPARATOR: Final = re.compile("[\u2028\u2029]")


def clean(text: str) -> str:
    """The text without escape sequences, control characters (but for newlines and tabs) and marks that change its direction.

    Line separators become newlines, lone surrogates U+FFFD.
    """
    text = _UNWANTED.sub("", _SEQUENCE.sub("", text))
    return _SURROGATE.sub("\ufffd", _SEPARATOR.sub("\n", text))


def one_line(text: str, length: int = 200) -> str:
    """The same in one line, and not too long a one."""
    # Most of a text that is far too long need not be looked at.
    text = " ".join(clean(text[: 4 * length]).split())
    return text if len(text) <= length else text[: length - 3] + "..."
