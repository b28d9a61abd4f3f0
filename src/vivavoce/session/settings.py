"""What the server is asked to be: voice, instructions, turn taking, tools; and how long we wait for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

FINISH_TOOL = "user_wants_to_finish_conversation"
FINISH_TOOL_SCHEMA: Mapping[str, Any] = {
    "type": "function",
    "name": FINISH_TOOL,
    "description": (
        "Invoked when the user says goodbye, expresses being finished, or otherwise seems to want to stop the interaction."
    ),
    "parameters": {"type": "object", "properties": {}},
}

INSTRUCTIONS = (
    "You are a friendly and helpful voice assistant. Answer in one to three short sentences, as people do when they talk. "
    "Never read out formatting, lists or links."
)

# Fields a conversation can do without; the first that is a prefix of the refused path is left out. A transcription
# without a model, or a turn detection without a type, is nothing: those go as a whole.
OPTIONAL_PATHS = (
    "audio.input.noise_reduction",
    "audio.input.transcription.language",
    "audio.input.transcription",
    "audio.input.turn_detection",
    "audio.output.voice",
    "tool_choice",
)


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds we wait. Settings, so that a two-hour talk can run in a second.

    Attributes:
        created_s: for `session.created` (reference section 2.4: 10 s).
        updated_s: for `session.updated` (5 s).
        response_created_s: for `response.created` after our `response.create`; it is asked twice, so half of `reply_s`.
        reply_s: for any sign of a reply that is owed; then the talk ends with `no_reply`.
        transcript_s: how long the words of the person may keep back the reply on the screen.
        farewell_s: how long the last words of the person may keep back the end.
        stall_s: of silence of the server while a reply is owed, or after a fault of its own, until the connection is given
            up for lost; None: never (the engine on this machine may think for longer).
        stalls: how often in turn; then the talk ends with `no_reply`.
        reconnect_s: how long a new connection is tried for; then the talk ends with `lost`.
        backoff_first_s, backoff_longest_s: the pause after the first failed try; it doubles up to the longest.
        noticed_s: for the server to notice speech in what it is told again after a loss; then it goes as an item.
        kept_s: of the microphone's sound that is kept for a new connection where no turn is open.
        renew_before_s: before `session.expires_at` a second connection is made ready (at half of a shorter life).
        hold_s: after a sound over a reply, until the reply is held where the sound is not judged yet.
        judged_s: after it, until a sound that nobody judged is taken for speech.
        dismissed_s: of what the server goes on hearing after a cough, until that is believed; five times that with `semantic`.
        unheard_s: of what only the server takes for speech over a reply, until that is believed.
        life_s: how long a session lives whose `expires_at` cannot be true by this machine's clock.
    """

    created_s: float = 10.0
    updated_s: float = 5.0
    response_created_s: float = 15.0
    reply_s: float = 30.0
    transcript_s: float = 10.0
    farewell_s: float = 3.0
    stall_s: float | None = 10.0
    stalls: int = 2
    reconnect_s: float = 120.0
    backoff_first_s: float = 0.5
    backoff_longest_s: float = 8.0
    noticed_s: float = 5.0
    kept_s: float = 60.0
    renew_before_s: float = 120.0
    hold_s: float = 0.06
    judged_s: float = 1.6
    unheard_s: float = 0.5
    dismissed_s: float = 2.0
    life_s: float = 1_800.0

    @classmethod
    def of(cls, server: str) -> Timeouts:
        """Those for a kind of server (`Choice.kind`)."""
        return _OF.get(server, cls())


# A model on this machine, or on one of the person's own, may think for longer than those of a data centre, most of all where
# the machine is busy; an engine of ours that dies says so.
_OF: Mapping[str, Timeouts] = {
    "offline": Timeouts(created_s=60.0, updated_s=60.0, response_created_s=60.0, reply_s=120.0, stall_s=None),
    "custom": Timeouts(stall_s=20.0),
}


@dataclass(frozen=True, slots=True)
class Settings:
    """A conversation as we want it.

    Attributes:
        server: what `ready` calls the server, such as "azure".
        model: model or deployment, as `ready` calls it when the server does not say.
        voice: None for the server's own.
        language: ISO 639-1 code of the person's language, None to detect it.
        transcription_model: who writes down what the person says; None for nobody.
        transcription_tentative: switch transcription off at the first failure instead of warning.
        threshold, prefix_padding_ms, silence_ms: of server_vad; None for the server's own.
        semantic: semantic_vad instead of server_vad.
        push_to_talk: no voice activity detection: the person says when a turn begins and ends (`Session.press`, `release`).
        interrupt_response: the server cuts its own reply when the person speaks; False: we cancel it.
        confirm_barge_in: a sound over a reply only makes it quieter, until a detector says what it was (`Session.judged`,
            which must be called then); the server neither cuts replies nor answers turns by itself, we ask for both.
        noise_reduction: "near_field" (headset), "far_field" (speakers) or None.
        tools: function tools as the API wants them; the finish tool is added.
        max_s: the talk ends after this many seconds; None: never.
        history_characters: how much of what was said a new connection is told; the oldest lines go first.
    """

    server: str = "custom"
    model: str = ""
    instructions: str = INSTRUCTIONS
    voice: str | None = None
    language: str | None = None
    transcription_model: str | None = None
    transcription_tentative: bool = False
    threshold: float | None = None
    prefix_padding_ms: int | None = None
    silence_ms: int | None = None
    semantic: bool = False
    push_to_talk: bool = False
    interrupt_response: bool = True
    confirm_barge_in: bool = False
    noise_reduction: Literal["near_field", "far_field"] | None = None
    tools: Sequence[Mapping[str, Any]] = ()
    max_s: float | None = None
    history_characters: int = 100_000
    timeouts: Timeouts = field(default_factory=Timeouts)

    def as_session(self) -> dict[str, Any]:
        """The `session` object of `session.update`, GA spelling (reference section 3)."""
        sound = {"type": "audio/pcm", "rate": 24_000}
        heard: dict[str, Any] = {"format": sound, "turn_detection": self._turn_detection()}
        if self.noise_reduction:
            heard["noise_reduction"] = {"type": self.noise_reduction}
        if self.transcription_model:
            heard["transcription"] = {"model": self.transcription_model}
            if self.language:
                heard["transcription"]["language"] = self.language
        spoken: dict[str, Any] = {"format": dict(sound)}
        if self.voice:
            spoken["voice"] = self.voice
        return {
            "type": "realtime",
            "instructions": self.instructions,
            "output_modalities": ["audio"],
            "audio": {"input": heard, "output": spoken},
            "tools": [*self.tools, FINISH_TOOL_SCHEMA],
            "tool_choice": "auto",
        }

    def _turn_detection(self) -> dict[str, Any] | None:
        if self.push_to_talk:
            return None  # null switches it off (reference section 3)
        ours = self.confirm_barge_in
        flags = {"create_response": not ours, "interrupt_response": self.interrupt_response and not ours}
        if self.semantic:
            return {"type": "semantic_vad", **flags}
        tuned = {
            "threshold": self.threshold,
            "prefix_padding_ms": self.prefix_padding_ms,
            "silence_duration_ms": self.silence_ms,
        }
        return {"type": "server_vad", **{key: value for key, value in tuned.items() if value is not None}, **flags}


def without(session: Mapping[str, Any], param: str) -> tuple[dict[str, Any], str] | None:
    """`session` without the optional field that `param` names, and that field's path; None when it cannot be spared.

    `param` is the path of a refused field as the server gives it: `session.audio.input.noise_reduction.type`.
    """
    refused = param.removeprefix("session.")
    for path in OPTIONAL_PATHS:
        if refused == path or refused.startswith(f"{path}."):
            spared = _spared(session, path.split("."))
            if spared is not None:
                return spared, path
    return None


def _spared(tree: Mapping[str, Any], path: Sequence[str]) -> dict[str, Any] | None:
    head, *rest = path
    if head not in tree:
        return None
    copy = dict(tree)
    if not rest:
        del copy[head]
        return copy
    branch = _spared(copy[head], rest)
    if branch is None:
        return None
    copy[head] = branch
    return copy
