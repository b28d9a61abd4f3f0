"""Every error of the package, named by what the person can do next.

    VivaError                     exit code  reason of the `end` line
    |-- ProtocolError                 1      error       a word that is not the protocol's; the conversation goes on
    |-- BadSettings                   2      settings    a flag, a variable or a file is wrong
    |   `-- MissingExtra              2      settings    a part of the program is not installed
    |-- NoDevice                      3      no_device   no sound card, no microphone, no speaker
    |-- Refused                       4      refused     the server does not want us
    |   |-- KeyRefused                4                  key, role or scope
    |   |   `-- SignInFailed          4                  there is no key or token to show
    |   |-- DeploymentNotFound        4                  the name in the address
    |   |-- NotARealtimeModel         4                  the model behind the name
    |   |-- ModelRetired              4                  the model is gone
    |   `-- QuotaExceeded             4                  money or rate
    |       `-- TooManyRequests       4                  it passes
    |-- ServerGone                    5      lost        the connection ended and we did not end it
    `-- ModelMissing                  6      error       weights of the offline engine are not to be had

Each message is one sentence or two: what is wrong, then what to do next. No message holds a key or a token.
"""

from __future__ import annotations

from typing import ClassVar, Literal

Reason = Literal[
    "goodbye",
    "script_done",
    "max_minutes",
    "interrupt",
    "refused",
    "lost",
    "no_device",
    "no_reply",
    "settings",
    "error",
]
"""Why a talk ended, as the `end` line says it."""


class VivaError(Exception):
    """The root: one clear sentence, an exit code, the reason written into the `end` line.

    Attributes:
        after_s: how long the server asks us to wait before the next try; None where it names no time.
    """

    exit_code: ClassVar[int] = 1
    reason: ClassVar[Reason] = "error"
    after_s: float | None = None


class ProtocolError(VivaError):
    """A word that does not fit the protocol: malformed JSON, a missing field, a wrong type.

    Attributes:
        field: path of the field at fault, such as `item.id`; "" when the text is not JSON at all.
        code: the code of the API for this fault: `invalid_json`, `missing_required_parameter`, `invalid_type`,
            `invalid_value` or `unknown_parameter`.
        event_id: the `event_id` of the word at fault, when it had one.
    """

    def __init__(
        self, message: str, *, field: str = "", code: str = "invalid_value", event_id: str | None = None
    ) -> None:
        super().__init__(message)
        self.field = field
        self.code = code
        self.event_id = event_id


class BadSettings(VivaError):
    """A flag, an environment variable or a file holds something that cannot be used."""

    exit_code: ClassVar[int] = 2
    reason: ClassVar[Reason] = "settings"


class MissingExtra(BadSettings):
    """A part of the program that is installed on demand is not there.

    Attributes:
        extra: the name of the extra, `offline` or `azure`.
    """

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(f"{what} needs a part that is not installed: pip install 'vivavoce[{extra}]'")
        self.extra = extra


class NoDevice(VivaError):
    """No sound card, no microphone or no speaker that can be opened."""

    exit_code: ClassVar[int] = 3
    reason: ClassVar[Reason] = "no_device"


class Refused(VivaError):
    """The server answered, and the answer is no.

    Attributes:
        status: the HTTP status of the refused handshake; None when a word of the protocol refused us.
        body: the body of that answer, at most 2,000 characters.
    """

    exit_code: ClassVar[int] = 4
    reason: ClassVar[Reason] = "refused"

    def __init__(self, message: str, *, status: int | None = None, body: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.body = body


class KeyRefused(Refused):
    """The key, the token, its role or its scope is not accepted."""


class SignInFailed(KeyRefused):
    """No token was to be had: nobody is signed in, or signing in did not work."""


class DeploymentNotFound(Refused):
    """Azure knows no deployment of that name."""


class NotARealtimeModel(Refused):
    """The deployment exists, its model does not talk."""


class ModelRetired(Refused):
    """The model behind the name is gone."""


class QuotaExceeded(Refused):
    """Too many requests, or no money left."""


class TooManyRequests(QuotaExceeded):
    """Too many requests or conversations at once; later there is room again, `after_s` seconds from now where it is set."""

    def __init__(
        self, message: str, *, status: int | None = None, body: str = "", after_s: float | None = None
    ) -> None:
        super().__init__(message, status=status, body=body)
        self.after_s = after_s


class ServerGone(VivaError):
    """The connection ended, or never came to be, and we did not end it.

    Attributes:
        code: WebSocket close code; 1006 when there was no close frame, None when there was no connection.
        close_reason: the text beside the code, "" when there was none.
        fault: the message without what to do next, for a talk that goes on by itself.
    """

    exit_code: ClassVar[int] = 5
    reason: ClassVar[Reason] = "lost"

    def __init__(
        self,
        message: str,
        *,
        code: int | None = None,
        close_reason: str = "",
        fault: str = "",
        after_s: float | None = None,
    ) -> None:
        super().__init__(message)
        self.fault = fault or message
        self.after_s = after_s
        self.code = code
        self.close_reason = close_reason


class ModelMissing(VivaError):
    """Weights of the offline engine are neither here nor to be fetched."""

    exit_code: ClassVar[int] = 6
    reason: ClassVar[Reason] = "error"
