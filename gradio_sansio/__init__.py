"""A client for Gradio apps as a state machine without I/O.

``Engine`` is the machine; ``gradio_sansio_sync``, ``gradio_sansio_anyio`` and ``gradio_sansio_trio`` drive it.
"""

from gradio_sansio.engine import Engine
from gradio_sansio.errors import (
    AppError,
    AuthError,
    ConnectError,
    DeadlineExceeded,
    Disconnected,
    EndpointNotFound,
    GradioError,
    JobCancelled,
    LocalProtocolError,
    QueueFull,
    QuotaExceeded,
    RateLimited,
    RemoteProtocolError,
    SpaceError,
    ValidationError,
)
from gradio_sansio.files import Content, FileData, InputFile, handle_file
from gradio_sansio.inbox import Inbox
from gradio_sansio.limits import Limits
from gradio_sansio.session.api_info import ApiInfo, Endpoint, Parameter, Return
from gradio_sansio.session.arguments import Payload
from gradio_sansio.session.duplicate import Duplicate
from gradio_sansio.session.session import Session
from gradio_sansio.session.space import SpaceStatus, SpaceStatusError, SpaceStatusNormal
from gradio_sansio.values import Data, Log, Progress, Stage, Status
from gradio_sansio.wire.proxy import ProxySettings

__version__ = "0.1.0"

__all__ = [
    "ApiInfo",
    "AppError",
    "AuthError",
    "ConnectError",
    "Content",
    "Data",
    "DeadlineExceeded",
    "Disconnected",
    "Duplicate",
    "Endpoint",
    "EndpointNotFound",
    "Engine",
    "FileData",
    "GradioError",
    "Inbox",
    "InputFile",
    "JobCancelled",
    "Limits",
    "LocalProtocolError",
    "Log",
    "Parameter",
    "Payload",
    "Progress",
    "ProxySettings",
    "QueueFull",
    "QuotaExceeded",
    "RateLimited",
    "RemoteProtocolError",
    "Return",
    "Session",
    "SpaceError",
    "SpaceStatus",
    "SpaceStatusError",
    "SpaceStatusNormal",
    "Stage",
    "Status",
    "ValidationError",
    "handle_file",
]
