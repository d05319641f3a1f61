from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradio_sansio.limits import Limits
from gradio_sansio.wire.cookies import CookieJar, parse_date
from gradio_sansio.wire.origin import Url

HTTP = Url.parse("http://app.test/run/predict")
HTTPS = Url.parse("https://app.test/run/predict")
NOW = 1_700_000_000.0


def jar_with(*lines: str, url: Url = HTTPS, limits: Limits | None = None) -> CookieJar:
    jar = CookieJar(Limits() if limits is None else limits)
    for line in lines:
        jar.store(url, line, NOW)
    return jar


# (set by, Set-Cookie, sent to, Cookie)
CASES = [
    ("https://app.test/", "a=b", "https://app.test/x", "a=b"),
    ("https://app.test/", "a=b", "http://app.test/x", "a=b"),
    ("https://app.test/", "a=b", "https://app.test:8443/x", "a=b"),
    ("https://app.test/", "a=b", "https://www.app.test/", ""),
    ("https://app.test/", "a=b", "https://test/", ""),
    ("https://app.test/", "a=b", "https://evil.test/", ""),
    ("https://app.test/", " a = b c ; x", "https://app.test/", "a=b c"),
    ("https://app.test/", "a=", "https://app.test/", "a="),
    ("https://app.test/", 'a="b=c"', "https://app.test/", 'a="b=c"'),
    # no name
    ("https://app.test/", "=b", "https://app.test/", ""),
    ("https://app.test/", "b", "https://app.test/", ""),
    ("https://app.test/", "", "https://app.test/", ""),
    ("https://app.test/", "a=b\x01", "https://app.test/", ""),
    ("https://app.test/", "a=b; path=/\x7f", "https://app.test/", ""),
    # Domain
    ("https://app.test/", "a=b; Domain=app.test", "https://app.test/", "a=b"),
    ("https://app.test/", "a=b; Domain=.APP.test", "https://app.test/", "a=b"),
    ("https://x.app.test/", "a=b; Domain=app.test", "https://x.app.test/", "a=b"),
    ("https://x.app.test/", "a=b; Domain=app.test", "https://app.test/", ""),
    ("https://x.app.test/", "a=b; Domain=app.test", "https://y.app.test/", ""),
    ("https://app.test/", "a=b; Domain=", "https://app.test/", "a=b"),
    ("https://app.test/", "a=b; Domain=x.app.test", "https://app.test/", ""),
    ("https://app.test/", "a=b; Domain=pp.test", "https://app.test/", ""),
    ("https://app.test/", "a=b; Domain=evil.test", "https://app.test/", ""),
    ("https://app.test/", "a=b; Domain=app.test; Domain=evil.test", "https://app.test/", ""),
    ("https://app.test/", "a=b; Domain=..", "https://app.test/", ""),
    ("https://1.2.3.4/", "a=b; Domain=1.2.3.4", "https://1.2.3.4/", "a=b"),
    ("https://1.2.3.4/", "a=b; Domain=3.4", "https://1.2.3.4/", ""),
    # Path
    ("https://app.test/x/y", "a=b", "https://app.test/x/z", "a=b"),
    ("https://app.test/x/y", "a=b", "https://app.test/x", "a=b"),
    ("https://app.test/x/y", "a=b", "https://app.test/", ""),
    ("https://app.test/x/y", "a=b", "https://app.test/xy", ""),
    ("https://app.test/x", "a=b; Path=/", "https://app.test/z", "a=b"),
    ("https://app.test/x", "a=b; Path=/z/", "https://app.test/z/1", "a=b"),
    ("https://app.test/x", "a=b; Path=/z/", "https://app.test/z", ""),
    ("https://app.test/x/y", "a=b; Path=z", "https://app.test/z", ""),
    ("https://app.test/x/y", "a=b; Path=/; Path=/x/y", "https://app.test/z", ""),
    ("https://app.test/x/y", "a=b; Path=/" + "z" * 1024, "https://app.test/x/y", "a=b"),
    # Secure
    ("https://app.test/", "a=b; Secure", "https://app.test/", "a=b"),
    ("https://app.test/", "a=b; SECURE ; HttpOnly", "http://app.test/", ""),
    ("http://app.test/", "a=b; Secure", "https://app.test/", ""),
    ("http://localhost/", "a=b; Secure", "http://localhost/", ""),
    ("https://app.test/", "__Secure-a=b; Secure", "https://app.test/", "__Secure-a=b"),
    ("https://app.test/", "__Secure-a=b", "https://app.test/", ""),
    ("https://app.test/", "__secure-a=b", "https://app.test/", ""),
    ("https://app.test/", "__Host-a=b; Secure; Path=/", "https://app.test/", "__Host-a=b"),
    ("https://app.test/", "__Host-a=b; Secure", "https://app.test/", ""),
    ("https://app.test/", "__Host-a=b; Path=/", "https://app.test/", ""),
    ("https://app.test/", "__Host-a=b; Secure; Path=/; Domain=app.test", "https://app.test/", ""),
    # age
    ("https://app.test/", "a=b; Max-Age=1", "https://app.test/", "a=b"),
    ("https://app.test/", "a=b; Max-Age=0", "https://app.test/", ""),
    ("https://app.test/", "a=b; Max-Age=-" + "9" * 400, "https://app.test/", ""),
    ("https://app.test/", "a=b; Max-Age=" + "9" * 400, "https://app.test/", "a=b"),
    ("https://app.test/", "a=b; Max-Age=x", "https://app.test/", "a=b"),
    ("https://app.test/", "a=b; Max-Age=٣", "https://app.test/", "a=b"),
    ("https://app.test/", "a=b; Expires=Wed, 09 Jun 2021 10:18:14 GMT", "https://app.test/", ""),
    ("https://app.test/", "a=b; Expires=Wed, 09 Jun 2100 10:18:14 GMT", "https://app.test/", "a=b"),
    ("https://app.test/", "a=b; Expires=never", "https://app.test/", "a=b"),
    (
        "https://app.test/",
        "a=b; Max-Age=9; Expires=Wed, 09 Jun 2021 10:18:14 GMT",
        "https://app.test/",
        "a=b",
    ),
]


@pytest.mark.parametrize(("set_by", "line", "sent_to", "expected"), CASES)
def test_cases(set_by: str, line: str, sent_to: str, expected: str) -> None:
    jar = jar_with(line, url=Url.parse(set_by))
    assert jar.header(Url.parse(sent_to), NOW) == expected


def test_gradio_over_http() -> None:
    lines = (
        "access-token-X=t; HttpOnly; Path=/; SameSite=none; Secure",
        "access-token-unsecure-X=t; HttpOnly; Path=/",
    )
    assert jar_with(*lines, url=HTTP).header(HTTP, NOW) == "access-token-unsecure-X=t"
    assert jar_with(*lines).header(HTTPS, NOW) == "access-token-X=t; access-token-unsecure-X=t"


def test_a_cookie_is_replaced_deleted_and_expires() -> None:
    jar = jar_with("a=1; path=/", "b=2; path=/", "a=3; path=/; max-age=10")
    assert jar.header(HTTPS, NOW) == "a=3; b=2"
    assert jar.header(HTTPS, NOW + 10) == "b=2"
    jar.store(HTTPS, "b=; path=/; max-age=0", NOW)
    jar.store(HTTPS, "c=; path=/; max-age=0", NOW)
    assert jar.header(HTTPS, NOW) == "a=3"


def test_longer_paths_come_first() -> None:
    jar = jar_with("a=1; path=/", "b=2; path=/run", "c=3; path=/run/", "d=4; path=/run/predict")
    assert jar.header(HTTPS, NOW) == "d=4; c=3; b=2; a=1"


def test_the_programs_own_cookies_win() -> None:
    jar = jar_with("a=1; path=/", "b=2; path=/")
    assert jar.header(HTTPS, NOW, "a=own; x=y") == "a=own; x=y; b=2"
    assert jar.header(Url.parse("http://other.test/"), NOW, "a=own") == "a=own"
    assert CookieJar(Limits()).header(HTTPS, NOW, "a=own") == "a=own"


def test_the_number_is_bounded() -> None:
    jar = jar_with("a=1", "b=2; max-age=5", "c=3", limits=Limits(cookies=3))
    jar.store(HTTPS, "a=4", NOW)
    jar.store(HTTPS, "d=5", NOW + 5)
    assert jar.header(HTTPS, NOW) == "a=4; c=3; d=5"
    jar.store(HTTPS, "e=6", NOW)
    assert jar.header(HTTPS, NOW) == "c=3; d=5; e=6"
    assert len(jar) == 3


def test_the_size_is_bounded() -> None:
    limits = Limits(cookie=10)
    assert len(jar_with("a=" + "b" * 9, limits=limits)) == 1
    assert len(jar_with("a=" + "b" * 10, limits=limits)) == 0


def test_http_does_not_overlay_a_secure_cookie() -> None:
    jar = jar_with("a=1; secure; path=/", "b=2; path=/")
    jar.store(HTTP, "a=evil; path=/", NOW)
    jar.store(HTTP, "b=3; path=/", NOW)
    jar.store(HTTP, "a=x; path=/", NOW)
    assert jar.header(HTTPS, NOW) == "a=1; b=3"


DATES = [
    ("Wed, 09 Jun 2021 10:18:14 GMT", 1_623_233_894),
    ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
    ("Sun Nov  6 08:49:37 1994", 784_111_777),
    ("Sunday, 06-Nov-94 08:49:37 GMT", 784_111_777),
    ("6 november 94 8:49:37", 784_111_777),
    ("1994 Nov 06 08:49:37", 784_111_777),
    ("29 Feb 2000 0:0:0", 951_782_400),
    ("29 Feb 2024 23:59:59.9", 1_709_251_199),
    ("31 Dec 1601 00:00:00", -11_613_024_000),
    ("1 Jan 69 00:00:00", 3_124_224_000),
    ("1 Jan 70 00:00:00", 0),
    ("29 Feb 2100 00:00:00", None),
    ("29 Feb 2023 00:00:00", None),
    ("31 Jun 2021 00:00:00", None),
    ("0 Jun 2021 00:00:00", None),
    ("1 Jun 1600 00:00:00", None),
    ("1 Jun 2021 24:00:00", None),
    ("1 Jun 2021 00:60:00", None),
    ("1 Jun 2021 00:00:60", None),
    ("1 Jun 2021", None),
    ("1 Jux 2021 00:00:00", None),
    ("Jun 2021 00:00:00", None),
    ("1 Jun 00:00:00", None),
    ("1 Jun 20215 00:00:00", None),
    ("", None),
    ("٣ Jun 2021 00:00:00", None),
]


@pytest.mark.parametrize(("text", "expected"), DATES)
def test_dates(text: str, expected: int | None) -> None:
    assert parse_date(text) == expected


@given(st.datetimes(dt.datetime(1601, 1, 1), dt.datetime(9999, 12, 31)))  # noqa: DTZ001 - made aware below
def test_every_date(moment: dt.datetime) -> None:
    moment = moment.replace(microsecond=0, tzinfo=dt.UTC)
    text = moment.strftime(f"%a, %d %b {moment.year:04} %H:%M:%S GMT")
    assert parse_date(text) == moment.timestamp()


@given(st.text(), st.text())
def test_nothing_a_server_writes_is_an_error(line: str, date: str) -> None:
    jar = jar_with(line, f"{line}; {date}", f"a=b; expires={date}", f"a=b; max-age={date}; domain={line}")
    header = jar.header(HTTPS, NOW)
    assert "\r" not in header
    assert "\n" not in header
