"""How files look on the wire, by the version of the server: what is passed in, and what comes out.

* 3.x: pictures are ``data:`` URLs, both ways. All else is ``{"name", "data": null, "is_file": true, "orig_name"}``, with the server's path
  as name; before 3.19, which has no uploads, ``{"name", "data": "data:..."}``.
* 4.0 and later: ``{"path", "orig_name"}``, with ``url`` where the server is to fetch it, and from 4.21 on with
  ``{"meta": {"_type": "gradio.FileData"}}`` (older ones ignore it).

Some components take a file within an object of their own; where a file alone, or a pair, says all, it is put there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, NoReturn
from urllib.parse import unquote, urlsplit

from gradio_sansio.errors import ValidationError
from gradio_sansio.files import Content, FileData, InputFile, Reader, is_url, replace_files, upload_name
from gradio_sansio.limits import Limits
from gradio_sansio.session.address import Address
from gradio_sansio.session.api_info import Endpoint
from gradio_sansio.session.arguments import parameters_of_inputs
from gradio_sansio.session.config import Component, Config, Dependency
from gradio_sansio.session.datauri import decode_data_uri, encode_data_uri, name_for, split_data_uri
from gradio_sansio.session.shapes import count, is_list, is_mapping, mapping, text
from gradio_sansio.wire.origin import Origin, Url

META: Final = {"_type": "gradio.FileData"}
_KEYS: Final = frozenset({"path", "url", "size", "orig_name", "mime_type", "is_stream", "meta"})
_VIDEOS: Final = (".avi", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".ogv", ".webm")
PLAIN: Final = frozenset(
    {
        "checkbox",
        "checkboxgroup",
        "code",
        "colorpicker",
        "dataframe",
        "datetime",
        "dropdown",
        "highlightedtext",
        "json",
        "label",
        "number",
        "radio",
        "slider",
        "state",
        "textbox",
        "timer",
    }
)
"""Components whose values hold no files of their own: whatever looks like one there is the app's JSON."""
_BYTES: Final = (bytes, bytearray, memoryview)
_LOOKED_FOR: Final = (InputFile, Content, FileData, *_BYTES)


class Outgoing:
    """A file on its way into a payload."""

    __slots__ = ("content", "name", "path", "size", "url")

    def __init__(
        self,
        name: str,
        size: int = 0,
        *,
        content: bytes | Reader | None = None,
        path: str = "",
        url: str = "",
    ) -> None:
        self.name: str = name
        self.size: int = size
        self.content: bytes | Reader | None = content
        """What is to be uploaded, or goes within the payload; None if the server has it, or can get it."""
        self.path: str = path
        """Where the server has it; empty until it is uploaded."""
        self.url: str = url
        """Where the server gets it."""


class Parcel:
    """Arguments with files in them, on their way to the server."""

    def __init__(
        self,
        given: list[Any],
        values: list[Any],
        uploads: list[Outgoing],
        wire: Callable[[Outgoing], Any],
    ) -> None:
        self.given: list[Any] = given
        """The arguments as the caller gave them, for packing them anew."""
        self._values = values
        self._wire = wire
        self.uploads: list[Outgoing] = uploads
        """What has to be on the server before."""

    def values(self) -> list[Any]:
        """The arguments as they go over the wire; the files are in them once they are uploaded."""
        values: list[Any] = replace_files(self._values, Outgoing, self._wire)
        return values


class Files:
    """The files of one app."""

    def __init__(self, address: Address, config: Config, limits: Limits) -> None:
        self._address = address
        self._version = config.version
        self._old = config.version < (4, 0, 0)
        self._limits = limits
        self._served = str(address.api("/file="))
        self._ours = {address.base.origin, _origin(config.raw.get("root"))}
        self.uploadable: bool = config.version >= (3, 19, 0)
        """Files go to the server by a request of their own, before the call."""
        self.max_size: int | None = count(config.raw.get("max_file_size"))
        """What a file may have, in bytes, if the server says so."""
        self.inline: int = limits.inline if self._old else 0
        """Files up to this size may have to go within the payload, so their bytes should be at hand."""

    # In.

    def pack(self, values: list[Any], dependency: Dependency, endpoint: Endpoint) -> Parcel | None:
        """Take the files out of arguments; None if there are none.

        Raises:
            ValidationError: one can't be sent.
        """
        if replace_files(values, _LOOKED_FOR, lambda _: None) is values:
            return None
        taken: dict[int, Outgoing] = {}
        uploads: list[Outgoing] = []
        shaped: list[Any] = []
        parameters = parameters_of_inputs(endpoint, dependency)
        for component, parameter, value in zip(dependency.inputs, parameters, values, strict=True):
            name = parameter.name if parameter else None
            within = self._old and component.type == "image"

            def take(mark: Any, name: str | None = name, within: bool = within) -> Any:
                file = taken.get(id(mark))
                try:
                    if file is None:
                        file = taken[id(mark)] = self._outgoing(mark)
                    if within or not self.uploadable:
                        data = self._encoded(file)
                        return data if within else {"name": file.name, "data": data, "is_file": False}
                except ValueError as error:
                    reason = str(error)
                    subject = f"parameter {name!r}: " if name else ""
                    raise ValidationError(subject + reason, parameter=name, reason=reason) from None
                if file.content is not None and file not in uploads:
                    uploads.append(file)
                return file

            new = replace_files(value, _LOOKED_FOR, take)
            shaped.append(value if new is value else self._shaped(component, new))
        return Parcel(values, shaped, uploads, self._wire)

    def _outgoing(self, mark: InputFile | Content | FileData | bytes | bytearray | memoryview) -> Outgoing:
        """Raises ``ValueError`` with the reason why it can't be sent."""
        if isinstance(mark, _BYTES):
            # The encoder would send them as base64, which no app expects.
            _refuse("bytes have no JSON form; a file is marked with handle_file")
        if isinstance(mark, FileData):
            return self._returned(mark)
        if isinstance(mark, Content):
            if mark.fault is not None:
                _refuse(mark.fault)
            return self._checked(Outgoing(upload_name(mark.name), mark.size, content=mark.reader))
        if mark.url is not None:
            return self._remote(mark.url, mark.name)
        if not isinstance(mark.source, _BYTES):
            _refuse("the engine opens no files: its adapter does, or whoever calls it passes bytes")
        return self._held(bytes(mark.source), mark.name)

    def _held(self, content: bytes, name: str | None) -> Outgoing:
        return self._checked(Outgoing(upload_name(name or "file"), len(content), content=content))

    def _checked(self, file: Outgoing) -> Outgoing:
        if self.max_size is not None and file.size > self.max_size:
            _refuse(f"{file.name} has {file.size} bytes, and the app takes files of {self.max_size} at most")
        return file

    def _encoded(self, file: Outgoing) -> str:
        """For old versions: the file as a URL that holds it."""
        if file.size > self._limits.inline:
            _refuse(
                f"{file.name} has {file.size} bytes, but goes within the arguments with this version of Gradio,"
                f" which takes {self._limits.inline} (Limits.inline)"
            )
        if not isinstance(file.content, bytes):
            _refuse(
                "with this version of Gradio it goes within the arguments: download it, and pass it with handle_file"
            )
        return encode_data_uri(file.content, file.name)

    def _remote(self, url: str, name: str | None) -> Outgoing:
        if url[:5].lower() == "data:":
            return self._held(decode_data_uri(url), name)
        # Raises for another scheme, and for what is no URL.
        parsed = Url.parse(url)
        if (path := self._path_in(str(parsed))) is not None:
            return Outgoing(upload_name(name or path), path=path)
        if self._old:
            _refuse("Gradio 3 fetches no URLs: fetch it, and pass its content")
        return Outgoing(upload_name(name or unquote(parsed.path)), path=url, url=url)

    def _returned(self, file: FileData) -> Outgoing:
        """A file that an app returned: this one, or another."""
        name = file.orig_name or file.path or "file"
        if file.url is not None and file.url[:5].lower() == "data:":
            return self._remote(file.url, name)
        if file.url is None or self._path_in(file.url) is not None:
            if file.path is None:
                _refuse("the file has neither a path nor a URL")
            return Outgoing(upload_name(name), path=file.path)
        return self._remote(file.url, name)

    def _path_in(self, url: str) -> str | None:
        """Where the server has the file that it serves under a URL, if that is one of ours."""
        return unquote(url.removeprefix(self._served)) if url.startswith(self._served) else None

    def _shaped(self, component: Component, value: Any) -> Any:
        """What a component wants around its files."""
        kind = component.type
        if component.props.get("file_count") in ("multiple", "directory") and isinstance(value, Outgoing):
            return [value]
        if kind == "gallery":
            items = [value] if isinstance(value, Outgoing) else value
            videos = "GalleryVideo" in mapping(component.schema.get("$defs"))
            return [_picture(item, videos) for item in items] if is_list(items) and not self._old else items
        if kind == "video" and not self._old and self._nests_videos(component):
            video, subtitles = value if is_list(value) and len(value) == 2 else (value, None)
            if isinstance(video, Outgoing):
                return {"video": video, "subtitles": subtitles}
        return value

    def _nests_videos(self, component: Component) -> bool:
        """4.0 to 5.x take an object with room for subtitles, 6.x the file alone."""
        properties = mapping(component.schema.get("properties"))
        return "video" in properties if properties else self._version < (6, 0, 0)

    def _wire(self, file: Outgoing) -> Any:
        if not self._old:
            value = {"path": file.path, "orig_name": file.name, "meta": META}
            return {**value, "url": file.url} if file.url else value
        return {"name": file.path, "data": None, "is_file": True, "orig_name": file.name}

    # Out.

    def reader(self, dependency: Dependency) -> Callable[[list[Any]], list[Any]] | None:
        """What puts ``FileData`` in the place of the files in a function's outputs; None where there can't be any."""
        found: dict[int, Callable[[Any], Any]] = {}
        for i, component in enumerate(dependency.outputs):
            if component.type not in PLAIN:
                found[i] = self._read_image if self._old and component.type == "image" else self._read
        if not found:
            return None

        def read(values: list[Any]) -> list[Any]:
            return [found[i](value) if i in found else value for i, value in enumerate(values)]

        return read

    def _read_image(self, value: Any) -> Any:
        if isinstance(value, str) and value[:5].lower() == "data:":
            return _within(value, None)
        return self._read(value)

    def _read(self, value: Any) -> Any:
        if is_mapping(value):
            file = self._file(value)
            if file is not None:
                return file
            changed = {key: self._read(item) for key, item in value.items()}
            return changed if any(changed[key] is not value[key] for key in changed) else value
        if is_list(value):
            items = [self._read(item) for item in value]
            return items if any(new is not old for new, old in zip(items, value, strict=True)) else value
        return value

    def _file(self, value: Mapping[str, Any]) -> FileData | None:
        """The file that an object stands for, if it does."""
        if self._old:
            name, data = value.get("name"), value.get("data")
            if isinstance(name, str) and value.get("is_file") is True:
                return self._served_file(name, None, value)
            if isinstance(name, str) and isinstance(data, str) and data[:5].lower() == "data:":
                return _within(data, name)
            return None
        path = value.get("path")
        meta = mapping(value.get("meta")).get("_type")
        if self._version >= (4, 21, 0):
            if meta != META["_type"]:
                return None
        elif not isinstance(path, str) or not {"url", "orig_name"} <= value.keys() <= _KEYS:
            return None
        url = text(value.get("url"))
        if url is not None and url[:5].lower() == "data:":
            return _within(url, text(value.get("orig_name")))
        return self._served_file(text(path), url, value)

    def _served_file(self, path: str | None, url: str | None, value: Mapping[str, Any]) -> FileData:
        foreign = url is not None and _origin(url) not in self._ours
        if path is not None and not foreign and value.get("is_stream") is not True:
            # The server's own URL lacks the mount path with 6.31, is not quoted up to 5.49, and is null before 4.18.
            url = self.url_of(path)
        return FileData(
            path=path,
            url=url,
            orig_name=text(value.get("orig_name")),
            size=count(value.get("size")),
            mime_type=text(value.get("mime_type")),
        )

    def locate(self, file: FileData | str) -> tuple[Url | str, str]:
        """Where a file is to be fetched from, or a data URL that holds it; and its name.

        Raises:
            TypeError: it is neither a file nor text.
            ValidationError: the app doesn't serve it.
        """
        if isinstance(file, str):
            file = FileData(url=file) if is_url(file) else FileData(path=file)
        elif not isinstance(file, FileData):  # pyright: ignore[reportUnnecessaryIsInstance]  # not every caller is typed
            raise TypeError(
                f"download takes a FileData, a URL or a path on the server, not {type(file).__name__}"
            )
        url = file.url or (self.url_of(file.path) if file.path else "")
        if url[:5].lower() == "data:":
            return url, file.orig_name or name_for(split_data_uri(url)[0])
        try:
            if not url:
                _refuse("it has neither a path nor a URL")
            parsed = Url.parse(url)
            if parsed.origin != self._address.base.origin:
                _refuse(
                    f"it is at {parsed.origin}, and only the app's own files are fetched;"
                    " if you trust that address, fetch it by other means"
                )
        except ValueError as error:
            reason = f"the file can't be downloaded: {error}"
            raise ValidationError(reason, parameter=None, reason=reason) from None
        return parsed, file.orig_name or unquote(file.path or parsed.path)

    def url_of(self, path: str) -> str:
        """Where the server has a file to be fetched from."""
        return str(self._address.api("/file=" + path))


def _within(uri: str, name: str | None) -> FileData:
    kind, size = split_data_uri(uri)
    return FileData(url=uri, orig_name=name, size=size, mime_type=kind)


def _picture(item: Any, videos: bool) -> Any:
    """One item of a gallery, from a file, or a file and its caption."""
    file, caption = item if is_list(item) and len(item) == 2 else (item, None)
    if not isinstance(file, Outgoing):
        return item
    key = "video" if videos and file.name.lower().endswith(_VIDEOS) else "image"
    return {key: file, "caption": caption}


def _origin(url: object) -> Origin | None:
    """Where a URL leads that a server named, read leniently: it isn't used, only compared."""
    if not isinstance(url, str):
        return None
    try:
        parts = urlsplit(url)
        return Url.parse(f"{parts.scheme}://{parts.netloc}").origin
    except ValueError:
        return None


def _refuse(reason: str) -> NoReturn:
    raise ValueError(reason)
