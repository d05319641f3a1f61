"""``data:`` URLs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradio_sansio.session.datauri import decode_data_uri, encode_data_uri, name_for, split_data_uri


@given(st.binary())
def test_round_trip(content: bytes) -> None:
    uri = encode_data_uri(content, "a.PNG")
    assert uri.startswith("data:image/png;base64,")
    assert decode_data_uri(uri) == content
    assert split_data_uri(uri) == ("image/png", len(content))


@pytest.mark.parametrize(
    ("uri", "kind", "content"),
    [
        ("data:text/plain;charset=utf-8;base64,aGk=", "text/plain", b"hi"),
        ("data:text/plain,hi%20there", "text/plain", b"hi there"),
        ("DATA:;BASE64,aGk=", None, b"hi"),
        ("data:,", None, b""),
    ],
)
def test_forms(uri: str, kind: str | None, content: bytes) -> None:
    assert split_data_uri(uri) == (kind, len(content))
    assert decode_data_uri(uri) == content


@pytest.mark.parametrize("uri", ["data:", "data:image/png;base64", "data:;base64,a"])
def test_what_is_none(uri: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        decode_data_uri(uri)


def test_types_and_names() -> None:
    assert encode_data_uri(b"", "a.svg") == "data:image/svg+xml;base64,"
    assert encode_data_uri(b"", "png") == "data:image/png;base64,"
    assert encode_data_uri(b"", "a.txt") == "data:application/octet-stream;base64,"
    assert name_for("image/jpeg") == "image.jpeg"
    assert name_for("image/x-unheard-of") == "image"
    assert name_for("text/plain") == name_for(None) == "file"
