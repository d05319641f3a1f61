"""Files on the wire, in the shape of each era."""

from __future__ import annotations

from typing import Any

import pytest

from gradio_sansio import Content, FileData, Limits, ValidationError, handle_file
from gradio_sansio.session.address import Address
from gradio_sansio.session.config import Config, parse_config
from gradio_sansio.session.endpoints import Endpoints
from gradio_sansio.session.files import Files, Parcel
from gradio_sansio.wire.origin import Url

META = {"_type": "gradio.FileData"}
PROTOCOLS = {"3": None, "4.0": "sse", "4.1": "sse_v1", "4.20.1": "sse_v2"}
VIDEO: dict[str, Any] = {"properties": {"video": {}, "subtitles": {}}}
GALLERY: dict[str, Any] = {"$defs": {"GalleryImage": {}, "GalleryVideo": {}}}
PNG = "data:image/png;base64,cG5n"


class Reader:
    def read(self, offset: int, size: int) -> bytes:
        raise AssertionError("nothing is read here")


def config_of(
    version: str, kinds: list[Any], outputs: list[str] | None = None, **changes: Any
) -> tuple[Config, Files]:
    """An app with one function of such components; a kind may be a pair with further fields of the component."""
    protocol = next((name for start, name in PROTOCOLS.items() if version.startswith(start)), "sse_v3")
    slots: list[dict[str, Any]] = []
    for kind in kinds:
        name, fields = kind if isinstance(kind, tuple) else (kind, {})
        slots.append({"id": len(slots), "type": name, "props": {"label": f"{name} {len(slots)}"}, **fields})
    ends = [{"id": 100 + i, "type": name, "props": {}} for i, name in enumerate(outputs or [])]
    config = parse_config(
        {
            "version": version,
            **({"protocol": protocol} if protocol else {}),
            "components": slots + ends,
            "dependencies": [
                {
                    "inputs": [slot["id"] for slot in slots],
                    "outputs": [end["id"] for end in ends],
                    "api_name": "f",
                }
            ],
            **changes,
        }
    )
    prefix = "/gradio_api" if config.version >= (5, 0, 0) else ""
    address = Address(Url.parse("http://app.test/sub"), prefix)
    return config, Files(address, config, Limits(inline=10))


def pack(version: str, kinds: list[Any], values: list[Any], **changes: Any) -> Parcel | None:
    config, files = config_of(version, kinds, **changes)
    dependency = config.dependencies[0]
    return files.pack(values, dependency, Endpoints(config, None).find("/f"))


def sent(version: str, kind: Any, value: Any, **changes: Any) -> Any:
    """What goes over the wire for one argument, once its files are uploaded to /1, /2 and so on."""
    parcel = pack(version, [kind], [value], **changes)
    assert parcel is not None
    for number, file in enumerate(parcel.uploads, 1):
        file.path = f"/{number}"
    (found,) = parcel.values()
    return found


def old(path: str, name: str) -> dict[str, Any]:
    return {"name": path, "data": None, "is_file": True, "orig_name": name}


def new(path: str, name: str, **more: Any) -> dict[str, Any]:
    return {"path": path, "orig_name": name, "meta": META, **more}


A, B = handle_file(b"png", name="a.png"), handle_file(b"b", name="b.mp4")


@pytest.mark.parametrize(
    ("version", "kind", "value", "expected"),
    [
        # Gradio 3, before uploads and after.
        ("3.18.0", "file", A, {"name": "a.png", "data": PNG, "is_file": False}),
        ("3.18.0", "image", A, PNG),
        ("3.19.0", "file", A, old("/1", "a.png")),
        ("3.50.2", "image", A, PNG),
        ("3.50.2", "image", {"image": A, "mask": A}, {"image": PNG, "mask": PNG}),
        ("3.50.2", ("file", {"props": {"file_count": "multiple"}}), A, [old("/1", "a.png")]),
        ("3.50.2", "video", A, old("/1", "a.png")),
        ("3.50.2", "video", [A, None], [old("/1", "a.png"), None]),
        ("3.50.2", "gallery", A, [old("/1", "a.png")]),
        ("3.50.2", "gallery", [A, (B, "b")], [old("/1", "a.png"), [old("/2", "b.mp4"), "b"]]),
        # 4.0 and later.
        ("4.0.2", "file", A, new("/1", "a.png")),
        ("6.31.0", "image", A, new("/1", "a.png")),
        ("6.31.0", "file", [A, B], [new("/1", "a.png"), new("/2", "b.mp4")]),
        ("6.31.0", ("file", {"props": {"file_count": "directory"}}), A, [new("/1", "a.png")]),
        ("6.31.0", ("file", {"props": {"file_count": "multiple"}}), [A], [new("/1", "a.png")]),
        (
            "6.31.0",
            "multimodaltextbox",
            {"text": "x", "files": (A,)},
            {"text": "x", "files": [new("/1", "a.png")]},
        ),
        ("4.0.2", "video", A, {"video": new("/1", "a.png"), "subtitles": None}),
        ("5.49.1", ("video", {"api_info": VIDEO}), A, {"video": new("/1", "a.png"), "subtitles": None}),
        (
            "5.49.1",
            ("video", {"api_info": VIDEO}),
            (A, B),
            {"video": new("/1", "a.png"), "subtitles": new("/2", "b.mp4")},
        ),
        (
            "5.49.1",
            ("video", {"api_info": VIDEO}),
            {"video": A, "subtitles": None},
            {"video": new("/1", "a.png"), "subtitles": None},
        ),
        ("6.31.0", ("video", {"api_info": {"properties": {"path": {}}}}), A, new("/1", "a.png")),
        ("6.31.0", "video", A, new("/1", "a.png")),
        ("4.0.2", "gallery", A, [{"image": new("/1", "a.png"), "caption": None}]),
        (
            "6.31.0",
            ("gallery", {"api_info": GALLERY}),
            [A, (B, "b")],
            [{"image": new("/1", "a.png"), "caption": None}, {"video": new("/2", "b.mp4"), "caption": "b"}],
        ),
        (
            "4.44.1",
            "gallery",
            [[B, "b"], {"image": A, "caption": "a"}],
            [{"image": new("/1", "b.mp4"), "caption": "b"}, {"image": new("/2", "a.png"), "caption": "a"}],
        ),
        ("4.44.1", "gallery", {"odd": A}, {"odd": new("/1", "a.png")}),
        # One mark in two places is one upload.
        ("6.31.0", "file", [A, A], [new("/1", "a.png"), new("/1", "a.png")]),
        # What need not be uploaded.
        (
            "6.31.0",
            "file",
            handle_file("https://files.test/dir/a%20b.txt?x=1"),
            new(
                "https://files.test/dir/a%20b.txt?x=1", "a b.txt", url="https://files.test/dir/a%20b.txt?x=1"
            ),
        ),
        (
            "6.31.0",
            "file",
            handle_file("http://app.test/sub/gradio_api/file=/tmp/a%20b.txt"),
            new("/tmp/a b.txt", "a b.txt"),
        ),
        (
            "3.50.2",
            "file",
            handle_file("http://app.test/sub/file=/tmp/a.txt", name="b.txt"),
            old("/tmp/a.txt", "b.txt"),
        ),
        ("6.31.0", "file", FileData(path="/tmp/x/a.txt"), new("/tmp/x/a.txt", "a.txt")),
        (
            "6.31.0",
            "file",
            FileData(path="/tmp/x", url="http://app.test/sub/gradio_api/file=/tmp/x", orig_name="a"),
            new("/tmp/x", "a"),
        ),
        (
            "6.31.0",
            "file",
            FileData(path="/tmp/x", url="https://other.test/file=/tmp/x", orig_name="a"),
            new("https://other.test/file=/tmp/x", "a", url="https://other.test/file=/tmp/x"),
        ),
        ("3.50.2", "file", FileData(path="/tmp/x", orig_name="a"), old("/tmp/x", "a")),
        ("3.50.2", "image", FileData(url=PNG), "data:application/octet-stream;base64,cG5n"),
        ("3.50.2", "image", FileData(url=PNG, orig_name="a.png"), PNG),
        ("6.31.0", "image", FileData(url=PNG, orig_name="a.png"), new("/1", "a.png")),
    ],
)
def test_what_goes_in(version: str, kind: Any, value: Any, expected: Any) -> None:
    assert sent(version, kind, value) == expected


def test_other_arguments_stay_as_they_are() -> None:
    parcel = pack("6.31.0", ["textbox", "file", "state"], ["text", A, None])
    assert parcel is not None
    assert parcel.values() == ["text", new("", "a.png"), None]
    assert [(file.name, file.size, file.content) for file in parcel.uploads] == [("a.png", 3, b"png")]
    assert pack("6.31.0", ["textbox"], [["a", {"b": 1}]]) is None


def test_what_an_adapter_has_looked_at() -> None:
    reader = Reader()
    parcel = pack("6.31.0", ["file"], [Content("a b.txt", 7, reader)])
    assert parcel is not None
    (file,) = parcel.uploads
    assert (file.name, file.size, file.content) == ("a b.txt", 7, reader)


@pytest.mark.parametrize(
    ("version", "kind", "value", "reason"),
    [
        (
            "6.31.0",
            "file",
            handle_file("ftp://files.test/a"),
            "the scheme of a URL has to be http or https, not ftp",
        ),
        ("6.31.0", "file", handle_file("file:///etc/passwd"), "has to be http or https, not file"),
        ("6.31.0", "file", handle_file("https://user:pw@files.test/a"), "can't hold a user name or password"),
        ("6.31.0", "file", handle_file("data:;base64,a"), "."),
        ("6.31.0", "file", handle_file("a.png"), "the engine opens no files"),
        (
            "6.31.0",
            "file",
            handle_file(b"x" * 1001, name="a"),
            "a has 1001 bytes, and the app takes files of 1000 at most",
        ),
        (
            "6.31.0",
            "file",
            Content("a", 1001, Reader()),
            "a has 1001 bytes, and the app takes files of 1000 at most",
        ),
        ("6.31.0", "file", Content("a", 0, Reader(), fault="'a' can't be read"), "'a' can't be read"),
        ("6.31.0", "file", FileData(), "the file has neither a path nor a URL"),
        ("3.50.2", "file", handle_file("https://files.test/a"), "Gradio 3 fetches no URLs"),
        (
            "3.50.2",
            "image",
            handle_file(b"x" * 11, name="a"),
            r"a has 11 bytes, .* which takes 10 \(Limits.inline\)",
        ),
        ("3.18.0", "file", Content("a", 7, Reader()), "it goes within the arguments"),
        ("3.50.2", "image", FileData(path="/tmp/x"), "download it, and pass it with handle_file"),
    ],
)
def test_what_cant_be_sent(version: str, kind: str, value: Any, reason: str) -> None:
    with pytest.raises(ValidationError, match=reason) as caught:
        pack(version, ["textbox", kind], ["text", [value]], max_file_size=1000)
    assert caught.value.parameter == f"{kind} 1"
    assert caught.value.message == f"parameter '{kind} 1': {caught.value.reason}"


def test_a_slot_without_a_name() -> None:
    with pytest.raises(ValidationError) as caught:
        pack("6.31.0", [("dataset", {"skip_api": True}), "file"], [handle_file("ftp://x/"), None])
    assert caught.value.parameter is None
    assert caught.value.message == caught.value.reason


# What comes out.


def read(version: str, kind: str, value: Any, **changes: Any) -> Any:
    config, files = config_of(version, [], [kind], **changes)
    reader = files.reader(config.dependencies[0])
    assert reader is not None
    (found,) = reader([value])
    return found


FULL = {"path": "/tmp/a b#.txt", "url": None, "size": 5, "orig_name": "a b#.txt", "mime_type": "text/plain"}
HERE = FileData(
    path="/tmp/a b#.txt",
    url="http://app.test/sub/gradio_api/file=/tmp/a%20b%23.txt",
    orig_name="a b#.txt",
    size=5,
    mime_type="text/plain",
)
BARE = FileData(
    path="/tmp/a b#.txt",
    url="http://app.test/sub/file=/tmp/a%20b%23.txt",
    orig_name="a b#.txt",
    size=5,
    mime_type="text/plain",
)


@pytest.mark.parametrize(
    ("version", "kind", "value", "expected"),
    [
        # Gradio 3.
        ("3.50.2", "image", PNG, FileData(url=PNG, size=3, mime_type="image/png")),
        ("3.50.2", "image", "text", "text"),
        ("3.50.2", "image", None, None),
        ("3.50.2", "file", PNG, PNG),
        (
            "3.50.2",
            "file",
            {"name": "/tmp/a.txt", "data": None, "is_file": True, "orig_name": "a.txt", "size": 5},
            FileData(path="/tmp/a.txt", url="http://app.test/sub/file=/tmp/a.txt", orig_name="a.txt", size=5),
        ),
        (
            "3.50.2",
            "file",
            {"name": "a.png", "data": PNG},
            FileData(url=PNG, orig_name="a.png", size=3, mime_type="image/png"),
        ),
        ("3.50.2", "file", {"name": "a", "data": "x"}, {"name": "a", "data": "x"}),
        (
            "3.50.2",
            "video",
            [{"name": "/v", "is_file": True}, None],
            [FileData(path="/v", url="http://app.test/sub/file=/v"), None],
        ),
        (
            "3.50.2",
            "chatbot",
            [["hi", {"name": "/v", "is_file": False}]],
            [["hi", {"name": "/v", "is_file": False}]],
        ),
        # 4.0 to 4.20.
        ("4.0.2", "file", FULL, BARE),
        (
            "4.20.1",
            "gallery",
            [{"image": {**FULL, "is_stream": False}, "caption": None}],
            [{"image": BARE, "caption": None}],
        ),
        ("4.0.2", "custom", {"path": "/tmp/a", "kind": 1}, {"path": "/tmp/a", "kind": 1}),
        ("4.0.2", "custom", {**FULL, "more": 1}, {**FULL, "more": 1}),
        ("4.0.2", "custom", {**FULL, "path": None}, {**FULL, "path": None}),
        # 4.21 and later.
        ("6.31.0", "file", {**FULL, "is_stream": False, "meta": META}, HERE),
        ("6.31.0", "file", FULL, FULL),
        ("6.31.0", "file", {**FULL, "meta": "x"}, {**FULL, "meta": "x"}),
        ("6.31.0", "file", {**FULL, "meta": {"_type": []}}, {**FULL, "meta": {"_type": []}}),
        (
            "6.31.0",
            "chatbot",
            [{"role": "user", "content": [{"file": {**FULL, "meta": META}}]}],
            [{"role": "user", "content": [{"file": HERE}]}],
        ),
        ("6.31.0", "custom", {"path": 7, "meta": META}, FileData()),
        (
            "6.31.0",
            "image",
            {"path": None, "url": PNG, "orig_name": "a.png", "meta": META},
            FileData(url=PNG, orig_name="a.png", size=3, mime_type="image/png"),
        ),
        # The app says where it is, and that isn't here.
        (
            "6.31.0",
            "image",
            {"path": "/tmp/a", "url": "https://other.test/file=/tmp/a", "meta": META},
            FileData(path="/tmp/a", url="https://other.test/file=/tmp/a"),
        ),
        (
            "6.31.0",
            "image",
            {"path": None, "url": "https://other.test/a", "meta": META},
            FileData(url="https://other.test/a"),
        ),
        # Its own idea of where it is doesn't count.
        (
            "6.31.0",
            "image",
            {"path": "/tmp/a", "url": "https://proxied.test/file=/tmp/a", "meta": META},
            FileData(path="/tmp/a", url="http://app.test/sub/gradio_api/file=/tmp/a"),
        ),
        (
            "6.31.0",
            "video",
            {"path": "/tmp/a.m3u8", "url": "http://app.test/stream/a.m3u8", "is_stream": True, "meta": META},
            FileData(path="/tmp/a.m3u8", url="http://app.test/stream/a.m3u8"),
        ),
        (
            "6.31.0",
            "image",
            {"path": "/a", "url": "http://[", "meta": META},
            FileData(path="/a", url="http://["),
        ),
    ],
)
def test_what_comes_out(version: str, kind: str, value: Any, expected: Any) -> None:
    assert read(version, kind, value, root="https://proxied.test/sub") == expected


def test_what_holds_no_file_stays_the_same_object() -> None:
    for value in ({"a": [1, {"b": "c"}]}, [["x"], {}], "text", None):
        assert read("6.31.0", "custom", value) is value
        assert read("3.50.2", "custom", value) is value


def test_an_apps_json_is_left_alone() -> None:
    """What looks like a file in a component that never has any is what the app's author put there."""
    for version in ("3.50.2", "4.0.2", "6.31.0"):
        config, files = config_of(version, [], ["json", "textbox", "dataframe"])
        assert files.reader(config.dependencies[0]) is None
    config, files = config_of("4.0.2", [], ["json", "file"])
    reader = files.reader(config.dependencies[0])
    assert reader is not None
    assert reader([FULL, FULL]) == [FULL, BARE]


# Where a file is fetched from.


@pytest.mark.parametrize(
    ("file", "url", "name"),
    [
        (HERE, "http://app.test/sub/gradio_api/file=/tmp/a%20b%23.txt", "a b#.txt"),
        (FileData(path="/tmp/x/a b"), "http://app.test/sub/gradio_api/file=/tmp/x/a%20b", "/tmp/x/a b"),
        ("/tmp/x/a?b", "http://app.test/sub/gradio_api/file=/tmp/x/a%3Fb", "/tmp/x/a?b"),
        (
            "http://app.test/sub/gradio_api/file=/tmp/a%20b",
            "http://app.test/sub/gradio_api/file=/tmp/a%20b",
            "/sub/gradio_api/file=/tmp/a b",
        ),
    ],
)
def test_where_a_file_is(file: FileData | str, url: str, name: str) -> None:
    _, files = config_of("6.31.0", [])
    found, called = files.locate(file)
    assert (str(found), called) == (url, name)


def test_files_within_answers_have_a_name_too() -> None:
    _, files = config_of("3.50.2", [])
    assert files.locate(FileData(url=PNG)) == (PNG, "image.png")
    assert files.locate(FileData(url=PNG, orig_name="a")) == (PNG, "a")
    assert files.locate("data:,x") == ("data:,x", "file")


@pytest.mark.parametrize(
    ("file", "reason"),
    [
        (
            FileData(path="/tmp/a", url="https://other.test/file=/tmp/a"),
            "it is at https://other.test, and only the app's own",
        ),
        ("http://app.test:81/file=/tmp/a", "it is at http://app.test:81"),
        ("https://app.test/file=/tmp/a", "it is at https://app.test"),
        ("http://169.254.169.254/latest", "it is at http://169.254.169.254"),
        ("ftp://app.test/a", "has to be http or https"),
        ("http://app.test/a b", "can't hold ' '"),
        (FileData(), "^the file can't be downloaded: it has neither a path nor a URL$"),
        ("", "it has neither a path nor a URL"),
    ],
)
def test_what_isnt_the_apps_to_give(file: FileData | str, reason: str) -> None:
    _, files = config_of("6.31.0", [])
    with pytest.raises(ValidationError, match=reason):
        files.locate(file)


def test_what_is_no_file_at_all() -> None:
    _, files = config_of("6.31.0", [])
    with pytest.raises(TypeError, match="download takes a FileData, a URL or a path on the server, not dict"):
        files.locate({})  # type: ignore[arg-type]


def test_what_is_known_of_an_app() -> None:
    _, files = config_of("6.31.0", [], max_file_size=7)
    assert (files.max_size, files.inline, files.uploadable) == (7, 0, True)
    _, files = config_of("3.18.0", [], max_file_size="7")
    assert (files.max_size, files.inline, files.uploadable) == (None, 10, False)
