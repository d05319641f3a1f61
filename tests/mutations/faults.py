"""The faults, as replacements of source text, each with the tests that shall catch it."""

from __future__ import annotations

from typing import NamedTuple


class Fault(NamedTuple):
    """One change of one place of the core."""

    name: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]


CORE = "tests/core"
HOSTILE = f"{CORE}/test_engine_hostile.py"
STREAM = f"{CORE}/session/dialects/test_shared_stream.py"
JOB = f"{CORE}/session/test_job.py"
SHARED = "session/dialects/shared_stream.py"
STOPPING = "session/dialects/stopping.py"

FAULTS = (
    # Spaces.
    Fault(
        "files are not sent again after their Space slept",
        "session/session.py",
        "            if job.parcel is not None:\n",
        "            if False:\n",
        (f"{CORE}/session/test_access.py",),
    ),
    # Jobs.
    Fault(
        "a terminal status is forgotten",
        "session/job.py",
        "            self._board.actions.append(JobFinished(self.id, status, self._last, error))\n",
        "            if error is None:\n"
        "                self._board.actions.append(JobFinished(self.id, status, self._last, error))\n",
        (HOSTILE,),
    ),
    Fault(
        "a job that has ended goes on",
        "session/job.py",
        "        if following is None:\n            return False\n",
        "        if following is None:\n            return True\n",
        (JOB,),
    ),
    Fault(
        "the last value is told twice",
        "session/job.py",
        "if self._outputs is None or self._outputs.values != data:",
        "if True:",
        (JOB, f"{CORE}/test_transcripts.py"),
    ),
    Fault(
        "what the application took is not counted",
        "session/job.py",
        "        self._count(-n)\n",
        "        self._count(0)\n",
        (STREAM,),
    ),
    Fault(
        "a job that ended still counts towards the bound of all",
        "session/job.py",
        "            self._count(-self.outstanding)\n",
        "            pass\n",
        (HOSTILE,),
    ),
    # The shared stream.
    Fault(
        "the mailbox is not replayed",
        SHARED,
        "        for message, size in mail:\n            if job.ended:\n",
        "        for message, size in ():\n            if job.ended:\n",
        (STREAM,),
    ),
    Fault(
        "the mailbox has no bound",
        SHARED,
        "if self._mail_count > self._app.limits.mailbox or self._mail_size > self._app.limits.early:",
        "if self._mail_count < 0:",
        (HOSTILE, STREAM),
    ),
    Fault(
        "the newest tombstone goes instead of the oldest",
        STOPPING,
        "self._ended.popitem(last=False)",
        "self._ended.popitem(last=True)",
        (f"{CORE}/session/dialects", f"{CORE}/test_hostile_server.py"),
    ),
    Fault(
        "a kill meets siblings",
        STOPPING,
        "        elif self._stream.may_run(fn_index) or self._admission.waiting(fn_index):\n",
        "        elif not fn_index + 1:\n",
        (STREAM,),
    ),
    Fault(
        "a kill that is owed is never done",
        STOPPING,
        "        if fn_index in self._owed and not self._admission.waiting(fn_index):\n",
        "        if not fn_index + 1:\n",
        (STREAM,),
    ),
    Fault(
        "a kill meets the next in line",
        STOPPING,
        "now >= max(owed.values()) and not",
        "not",
        (STREAM,),
    ),
    Fault(
        "a new job overtakes a kill under way",
        STOPPING,
        "            self._admission.bar(fn_index)\n",
        "            pass\n",
        (f"{CORE}/session/dialects",),
    ),
    Fault(
        "a stream that ends without a word is opened for ever",
        SHARED,
        "            if self._fruitless > self._app.limits.reopens:\n",
        "            if self._fruitless < 0:\n",
        (STREAM,),
    ),
    Fault(
        "jobs that the server has forgotten are waited for",
        SHARED,
        "        if decided:\n            self._fail_forgotten(now)\n",
        "",
        (STREAM,),
    ),
    Fault(
        "a pause is never ended",
        SHARED,
        "        if self._paused:\n            self._resume(now)\n\n    def _resume",
        "        if not self._jobs:\n            self._resume(now)\n\n    def _resume",
        (STREAM,),
    ),
    Fault(
        "joins that cross with a lost stream are forgotten",
        SHARED,
        "        jobs = [*self._jobs.values(), *self._joining.values()]\n",
        "        jobs = [*self._jobs.values()]\n",
        (f"{CORE}/session/dialects",),
    ),
    # Exchanges and time.
    Fault(
        "a request has no deadline",
        "session/exchanges.py",
        "        self._timers.arm(Timer.REQUEST, exchange, now + seconds)\n",
        "",
        (HOSTILE,),
    ),
    Fault(
        "heartbeats are not taken for signs of life",
        "session/exchanges.py",
        "            if self._timers.armed(Timer.IDLE, exchange):\n                self._await(exchange, limit, now)\n",
        "",
        (STREAM,),
    ),
    Fault(
        "an answer may have any size",
        "session/exchanges.py",
        "            if len(request.body) > self._limits.body:\n",
        "            if len(request.body) < 0:\n",
        (f"{CORE}/session/test_exchanges.py",),
    ),
    Fault(
        "a timer can't be brought forward",
        "timers.py",
        "if queued is None or at < queued:",
        "if queued is None:",
        (f"{CORE}/test_timers.py",),
    ),
    Fault(
        "a blocked loop kills healthy streams",
        "session/session.py",
        "if now - at > LATE and self._late.pop((kind, key), None) != at:",
        "if now - at > 1e9 and self._late.pop((kind, key), None) != at:",
        (f"{CORE}/session", f"{CORE}/test_engine.py"),
    ),
    Fault(
        "closing has no end",
        "session/session.py",
        "                self._timers.arm(Timer.CLOSING, 0, now + self._limits.grace)\n",
        "",
        (f"{CORE}/session/test_session.py", f"{CORE}/test_engine.py"),
    ),
    Fault(
        "closing leaves jobs running on the server",
        "session/session.py",
        '                    transport.withdraw(job, now)\n                    job.cancelled(now, by="by closing the app")\n',
        '                    job.cancelled(now, by="by closing the app")\n',
        (f"{CORE}/session",),
    ),
    Fault(
        "an isolated job shares the session",
        "session/transports.py",
        "_make(app, dialect, app.new_session_hash(), isolated=True)",
        "_make(app, dialect, self._session_hash, isolated=True)",
        (HOSTILE, f"{CORE}/session"),
    ),
    # Parsers.
    Fault(
        "a CRLF that is cut in two counts twice",
        "session/sse.py",
        "                    if following == len(chunk):\n",
        "                    if following > len(chunk):\n",
        (f"{CORE}/session/test_sse.py",),
    ),
    Fault(
        "the decoder is off by one",
        "session/sse.py",
        "value = line[6:] if line[5:6]",
        "value = line[7:] if line[5:6]",
        (f"{CORE}/session/test_sse.py",),
    ),
    Fault(
        "an event has no bound over its lines",
        "session/sse.py",
        "        if self._size > self._limit:\n",
        "        if self._size < 0:\n",
        (f"{CORE}/session/test_sse.py",),
    ),
    Fault(
        "a delete goes by its index",
        "session/diff.py",
        "            parent.pop()\n",
        "            del parent[_key(parent, last)]\n",
        (f"{CORE}/session/test_diff.py",),
    ),
    Fault(
        "an edit changes what it was applied to",
        "session/diff.py",
        '        copied: Any = cast("Any", value).copy()\n',
        '        copied: Any = cast("Any", value)\n',
        (f"{CORE}/session/test_diff.py",),
    ),
    Fault(
        "JSON may have any depth",
        "session/jsontext.py",
        "    if brackets:\n        raise",
        "    if not data:\n        raise",
        (f"{CORE}/session/test_jsontext.py",),
    ),
    Fault(
        "a lone surrogate is an exception",
        "session/messages.py",
        "        return msgspec.convert(decode_leniently(data), Output)\n    except (msgspec.ValidationError, UnicodeEncodeError):",
        "        return msgspec.convert(decode_leniently(data), Output)\n    except msgspec.ValidationError:",
        (f"{CORE}/session/test_messages.py",),
    ),
    # The wire.
    Fault(
        "credentials follow a redirect to another origin",
        "wire/redirects.py",
        "    if new.origin == old.origin:\n        return headers\n",
        "    if new.origin.host == old.origin.host:\n        return headers\n",
        (f"{CORE}/wire/test_redirects.py",),
    ),
    Fault(
        "the token goes to any origin",
        "session/credentials.py",
        "if self._token is not None and origin in self._token_origins:",
        "if self._token is not None:",
        (f"{CORE}/session/test_credentials.py",),
    ),
    Fault(
        "a redirect may lead down to http",
        "wire/redirects.py",
        'upgrade = old.origin.scheme == "http" and new.origin.scheme == "https"',
        "upgrade = old.origin.scheme != new.origin.scheme",
        (f"{CORE}/wire/test_redirects.py",),
    ),
    Fault(
        "cookies go to every host",
        "wire/cookies.py",
        "            if cookie.host == url.origin.host\n            and",
        "            if cookie.host and",
        (f"{CORE}/wire/test_cookies.py",),
    ),
    Fault(
        "secure cookies go over http",
        "wire/cookies.py",
        'and (not cookie.secure or url.origin.scheme == "https")\n',
        "",
        (f"{CORE}/wire/test_cookies.py",),
    ),
    Fault(
        "compressed data may grow without end",
        "wire/content.py",
        "if self._limit is not None and self._made > self._limit:",
        "if self._limit is not None and self._made < 0:",
        (f"{CORE}/wire/test_content.py",),
    ),
    Fault(
        "a header that comes at once has no bound",
        "wire/http11.py",
        "                if self._fed - left > self._limit:\n",
        "                if self._fed < left:\n",
        (f"{CORE}/wire/test_http11.py",),
    ),
    Fault(
        "bytes that nobody asked for pass for the next answer",
        "wire/wire.py",
        "                # Nobody asked. It would pass for the answer to the next request.\n"
        "                self._connections.drop_unused(connection)\n",
        "                connection.http.receive(data)\n",
        (f"{CORE}/wire",),
    ),
    Fault(
        "a POST that may have arrived is sent again",
        "wire/connection.py",
        'return not self.flushed or (exchange.method in ("GET", "HEAD") and isinstance(exchange.body, bytes))',
        "return True",
        (f"{CORE}/wire",),
    ),
    Fault(
        "streams take the place of requests",
        "wire/pool.py",
        "return min(len(self.waiting), self.limit - self.busy)",
        "return len(self.waiting)",
        (f"{CORE}/wire/test_pool_stateful.py",),
    ),
    Fault(
        "a websocket's message has no bound",
        "wire/websocket.py",
        "        if len(buffer) + len(data) > self._limit:\n",
        "        if len(data) < 0:\n",
        (f"{CORE}/wire/test_websocket.py",),
    ),
    Fault(
        "a websocket's silence is not noticed",
        "wire/wire.py",
        "            self._timers.arm(Timer.SILENCE, connection.id, now + self._limits.idle)\n        for",
        "        for",
        (HOSTILE,),
    ),
)
