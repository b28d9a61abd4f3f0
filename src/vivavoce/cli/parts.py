"""The parts of a talk, chosen from the command line and the environment."""

from __future__ import annotations

import importlib.util
import os
import re
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from vivavoce import __version__, choose
from vivavoce.cli.ears import ear_for
from vivavoce.cli.screens import Screen, has_keyboard
from vivavoce.cli.talk import Wishes
from vivavoce.cli.unused import without_effect
from vivavoce.devices.memory import MemoryMicrophone
from vivavoce.devices.queued import QueuedMicrophone
from vivavoce.devices.wav import WavSpeaker, load
from vivavoce.errors import BadSettings, NoDevice
from vivavoce.live import Parts
from vivavoce.ports import Ear, Microphone, Speaker, Wire
from vivavoce.script import Line, Recording, Script, Typed
from vivavoce.session.happenings import Warned
from vivavoce.session.session import Session
from vivavoce.session.settings import INSTRUCTIONS, Settings, Timeouts
from vivavoce.tape.recorder import Recorder
from vivavoce.terminal.button import presses
from vivavoce.terminal.commands import key_turned, turns
from vivavoce.terminal.keyboard import typed_lines
from vivavoce.terminal.plain import PlainLines
from vivavoce.tools import Toolbox
from vivavoce.tools import load as load_tools

if TYPE_CHECKING:
    from vivavoce.devices.ladder import Rung
    from vivavoce.devices.soundcard import SoundCardMicrophone, SoundCardSpeaker

_SOUND_FILES = frozenset({".mp3", ".flac", ".ogg", ".opus", ".m4a", ".aac", ".mp4", ".aiff", ".aif", ".wma", ".wave"})
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})?")
_OFFLINE_PACKAGES = ("ctranslate2", "tokenizers", "onnxruntime", "xllamacpp", "hibari")


async def parts_for(wishes: Wishes, screen: Screen, environment: Mapping[str, str], started: float) -> Parts:
    """Everything a talk needs, opened but not connected.

    Raises:
        VivaError: one of its kinds, when a wish cannot be granted.
    """
    choice = choose.choose(environment, _flags(wishes), offline_installed=_offline_installed())
    for line in choice.lines:
        _announce(screen, line)
    toolbox = _toolbox(wishes, screen, started)
    lines = _lines(wishes)
    if wishes.push_to_talk and (lines or ("--mic", "none") in wishes.turns or not has_keyboard()):
        raise BadSettings(
            "--push-to-talk needs a terminal, whose space bar is the button, and a microphone: leave --mic FILE|none and --say out."
        )
    if lines and lines[0].after_first_sound_s is not None:
        _announce(screen, "The first recording has no reply before it: what follows its @ is not used.")
    settings = _settings(wishes, choice, toolbox)
    wire = _wire(wishes, choice, screen)
    voice, microphone = _microphone(wishes, lines)
    async with AsyncExitStack() as opened:
        opened.push_async_callback(microphone.close)
        speaker = _speaker(wishes.speaker, [line.name for line in lines if isinstance(line, Recording)])
        opened.push_async_callback(speaker.close)
        for line in without_effect(
            wishes.given,
            offline=choice.kind == "offline",
            heard=not isinstance(microphone, MemoryMicrophone),
            cards=_cards(microphone, speaker) is not None,
        ):
            _announce(screen, line)
        rung = _keep_echo_out(wishes, screen, microphone, speaker)
        ear = _ear(wishes, choice, screen, microphone, rung)
        if ear:
            opened.push_async_callback(ear.close)
        settings = replace(
            settings,
            noise_reduction=_noise_reduction(wishes, choice, microphone, speaker),
            confirm_barge_in=ear is not None,
        )
        tape = _tape(wishes, settings, started)  # last: a talk that cannot begin leaves no folder
        opened.pop_all()
    devices = any(
        option == "--mic" and _recording_path(value) is None and value != "none" for option, value in wishes.turns
    )
    script = Script(lines, voice, stay=devices) if lines else None
    button = presses(sys.stdin.fileno(), _louder(screen, speaker)) if wishes.push_to_talk else None
    typed_only = not lines and isinstance(microphone, MemoryMicrophone)
    has_lines = has_keyboard() and button is None
    typed = _typed(screen, microphone, speaker, ends=typed_only) if has_lines else None
    return Parts(
        Session(settings),
        wire,
        microphone,
        speaker,
        screen,
        functions=toolbox,
        performer=script,
        typed=typed,
        typed_only=typed_only,
        tape=tape,
        button=button,
        ear=ear,
    )


def _flags(wishes: Wishes) -> choose.Flags:
    return choose.Flags(
        server=wishes.server,
        preview=wishes.preview,
        model=wishes.model,
        transcription_model=wishes.transcription_model,
        key_env=wishes.key_env,
        recogniser=wishes.recogniser,
        brain=wishes.brain,
    )


def _offline_installed() -> bool:
    return all(importlib.util.find_spec(name) for name in _OFFLINE_PACKAGES)


def _typed(screen: Screen, microphone: Microphone, speaker: Speaker, *, ends: bool) -> AsyncIterator[str]:
    """The lines of the terminal that are turns; commands among them act on microphone and speaker."""
    from vivavoce.devices.soundcard import SoundCardMicrophone, SoundCardSpeaker  # noqa: PLC0415  only a terminal needs it

    ears = microphone if isinstance(microphone, SoundCardMicrophone) else None
    mouth = speaker if isinstance(speaker, SoundCardSpeaker) else None
    return turns(typed_lines(sys.stdin.fileno(), ends=ends), ears, mouth, lambda line: _announce(screen, line))


def _louder(screen: Screen, speaker: Speaker) -> Callable[[bytes], None] | None:
    """What the other keys do where there is a button; None where there is no volume."""
    from vivavoce.devices.soundcard import SoundCardSpeaker  # noqa: PLC0415  only a terminal needs it

    if not isinstance(speaker, SoundCardSpeaker):
        return None
    return lambda key: key_turned(key, speaker, lambda line: _announce(screen, line))


def _announce(screen: Screen, line: str) -> None:
    """A line of the program itself; programs that read JSON find it on stderr."""
    if isinstance(screen, PlainLines):
        screen.announce(line)
    else:
        click.echo(line, err=True)


def _toolbox(wishes: Wishes, screen: Screen, started: float) -> Toolbox:
    tools = []
    for path in wishes.tools:
        found, skipped = load_tools(path)
        tools += found
        for sentence in skipped:
            screen.show(Warned("tool_skipped", sentence), time.monotonic() - started, None)
        if not found:
            raise BadSettings(f"{path} defines no tool: a public function with type hints and a docstring becomes one.")
    return Toolbox(tools)


def _language(wishes: Wishes) -> str | None:
    """As given. Raises `BadSettings` where it cannot be one."""
    if wishes.language is not None and not _LANGUAGE.fullmatch(wishes.language):
        raise BadSettings(
            f"--language {wishes.language} is no language code: give two letters, such as en or de (ISO 639-1)."
        )
    return wishes.language


def _settings(wishes: Wishes, choice: choose.Choice, toolbox: Toolbox) -> Settings:
    return Settings(
        server=choice.kind,
        model=choice.model,
        instructions=_instructions(wishes.instructions),
        voice=wishes.voice,
        language=_language(wishes),
        transcription_model=choice.transcription_model or None,
        transcription_tentative=choice.transcription_tentative,
        threshold=wishes.threshold,
        silence_ms=wishes.silence,
        semantic=wishes.semantic,
        push_to_talk=wishes.push_to_talk,
        tools=toolbox.schemas,
        max_s=wishes.max_minutes * 60 if wishes.max_minutes else None,
        timeouts=Timeouts.of(choice.kind),
    )


def _instructions(text: str | None) -> str:
    if text is None:
        return INSTRUCTIONS
    if not text.startswith("@"):
        return text
    try:
        return Path(text[1:]).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadSettings(f"--instructions {text}: the file cannot be read as text ({error}).") from None


def _wire(wishes: Wishes, choice: choose.Choice, screen: Screen) -> Wire:
    if choice.kind != "offline":
        from vivavoce.wire.factory import wire_for  # noqa: PLC0415  # an offline talk needs no WebSocket

        return wire_for(choice)
    from vivavoce.cli.offline import offline_wire  # noqa: PLC0415  # a talk with a server needs no engine

    return offline_wire(
        wishes.brain, wishes.recogniser, wishes.language, wishes.key_env, lambda line: _announce(screen, line)
    )


# ---- who speaks for the person


def _lines(wishes: Wishes) -> list[Line]:
    """Recordings and typed turns in the order in which they were given."""
    lines: list[Line] = []
    for option, value in wishes.turns:
        if option == "--say":
            lines.append(Typed(value))
        elif (recording := _recording(value)) is not None:
            lines.append(recording)
    return lines


def _recording(value: str) -> Recording | None:
    """An existing path is a file; `FILE@S` begins S seconds after the first sound of the reply before it."""
    path = _recording_path(value)
    if path is None:
        return None
    if path == value:
        return Recording(value, load(value))
    try:
        wait_s = float(value.rpartition("@")[2])
    except ValueError:
        raise BadSettings(f"--mic {value}: what follows @ is a number of seconds, such as {path}@1.5.") from None
    if not 0 <= wait_s < float("inf"):
        raise BadSettings(f"--mic {value}: the seconds after @ cannot be negative or endless.")
    return Recording(path, load(path), wait_s)


def _recording_path(value: str) -> str | None:
    """The file in `FILE` or `FILE@S`; None when there is no such file, and a device is meant."""
    path = value if Path(value).is_file() else value.rpartition("@")[0]
    return path if path and Path(path).is_file() else None


def _microphone(wishes: Wishes, lines: list[Line]) -> tuple[QueuedMicrophone | None, Microphone]:
    """The voice of a script, or None, and the microphone of the talk (the same where a script speaks)."""
    devices = [value for option, value in wishes.turns if option == "--mic" and _recording_path(value) is None]
    recordings = any(isinstance(line, Recording) for line in lines)
    if len(devices) > 1 or (devices and recordings):
        raise BadSettings(
            _no_such_file(devices[-1])
            + f"--mic {devices[-1]}: only recordings can be given more than once, or together; there is one microphone."
        )
    if recordings:
        voice = QueuedMicrophone()
        return voice, voice
    if devices == ["none"] or (lines and not devices):
        if not lines and not has_keyboard():
            raise BadSettings(
                "--mic none and no terminal to type on: nobody could say anything. Use --mic FILE or --say TEXT."
            )
        return None, MemoryMicrophone(ends=False)
    from vivavoce.devices.soundcard import SoundCardMicrophone  # noqa: PLC0415  # a recording needs no sound card

    name = devices[0] if devices else "default"
    if Path(name).is_dir():
        raise BadSettings(f"--mic {name} is a folder; name one recording in it.")
    try:
        return None, SoundCardMicrophone(_device(name))
    except NoDevice as error:
        instead = (
            " Type instead with --mic none (without a speaker: --speaker none too), or let a recording speak: --mic FILE."
            * (name == "default")
        )
        raise NoDevice(f"{_no_such_file(name)}{error}{instead}") from error


def _no_such_file(name: str) -> str:
    return f"There is no file {name!r}, so it was taken for a device. " if _looks_like_a_file(name) else ""


def _looks_like_a_file(name: str) -> bool:
    return "/" in name or os.sep in name or bool(Path(name).suffix)


def _device(name: str) -> int | str | None:
    if name == "default":
        return None
    return int(name) if name.isdigit() else name


def _speaker(name: str, recordings: Sequence[str]) -> Speaker:
    if name == "none":
        return WavSpeaker(None)
    path = Path(name)
    if path.suffix.lower() == ".wav":
        if any(path.exists() and path.samefile(recording) for recording in recordings):
            raise BadSettings(f"--speaker {name} is also a --mic: it would be overwritten. Choose another file.")
        return WavSpeaker(name)
    if path.exists():
        what = "is a folder" if path.is_dir() else "is there and is no .wav; it would be overwritten"
        raise BadSettings(f"--speaker {name} {what}. Choose NAME.wav.")
    if path.suffix.lower() in _SOUND_FILES:
        raise BadSettings(f"--speaker {name}: sound is written as WAV. Choose {path.with_suffix('.wav')}.")
    from vivavoce.devices.soundcard import SoundCardSpeaker  # noqa: PLC0415  # a file needs no sound card

    try:
        return SoundCardSpeaker(_device(name))
    except NoDevice as error:
        taken = f"A file ends in .wav, so {name!r} was taken for a device. " if _looks_like_a_file(name) else ""
        instead = " Without one: --speaker none, or a file: --speaker answer.wav." * (name == "default")
        raise NoDevice(f"{taken}{error}{instead}") from error


def _keep_echo_out(wishes: Wishes, screen: Screen, microphone: Microphone, speaker: Speaker) -> Rung | None:
    """How; None where there is none: only a sound card brings the assistant's voice back to the microphone."""
    cards = _cards(microphone, speaker)
    if cards is None or wishes.push_to_talk:
        return None
    from vivavoce.devices.echo import EchoControl  # noqa: PLC0415  numpy, which a talk without it does not need

    control = EchoControl(wishes.echo)
    _announce(screen, control.choice.sentence)
    if control.choice.rung != "off":
        cards[0].process(control, cards[1], control.news)
    return control.choice.rung


def _ear(
    wishes: Wishes, choice: choose.Choice, screen: Screen, microphone: Microphone, rung: Rung | None
) -> Ear | None:
    """Who judges what interrupts; None where the server decides."""
    return ear_for(
        wishes.barge_in,
        obeys=choice.kind in {"openai", "azure", "offline"},
        closed=_closed(wishes, microphone),
        clear=rung in {"cancel", "off"},
        far=choice.kind != "offline",
        tell=lambda line: _announce(screen, line),
    )


def _closed(wishes: Wishes, microphone: Microphone) -> str:
    """What interrupts where the microphone is not open all the time; "" where it is."""
    if wishes.push_to_talk:
        return "your key interrupts"
    return "nobody is heard, a typed line interrupts" if isinstance(microphone, MemoryMicrophone) else ""


def _cards(microphone: Microphone, speaker: Speaker) -> tuple[SoundCardMicrophone, SoundCardSpeaker] | None:
    """The two, where both are sound cards."""
    if "vivavoce.devices.soundcard" not in sys.modules:
        return None  # nobody has opened one
    from vivavoce.devices.soundcard import SoundCardMicrophone, SoundCardSpeaker  # noqa: PLC0415  it is loaded

    both = isinstance(microphone, SoundCardMicrophone) and isinstance(speaker, SoundCardSpeaker)
    return (microphone, speaker) if both else None  # type: ignore[return-value]  # `both` is not followed


def _noise_reduction(
    wishes: Wishes, choice: choose.Choice, microphone: Microphone, speaker: Speaker
) -> Literal["near_field", "far_field"] | None:
    if wishes.noise_reduction in {"near", "far"}:
        return "near_field" if wishes.noise_reduction == "near" else "far_field"
    cards = _cards(microphone, speaker)
    known = choice.kind in {"openai", "azure"}  # others may not have it
    if wishes.noise_reduction == "off" or not known or cards is None:
        return None
    from vivavoce.devices.ladder import noise_field  # noqa: PLC0415  only for a card

    return noise_field(cards[0].name, cards[1].name)


def _tape(wishes: Wishes, settings: Settings, started: float) -> Recorder | None:
    if wishes.tape is None:
        return None
    return Recorder(wishes.tape, settings, program=f"vivavoce {__version__}", started=started)
