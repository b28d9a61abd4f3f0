"""From the entries of a tape to its story."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from vivavoce.events.server import AudioCommitted, AudioDelta, TextDelta, TranscriptDelta
from vivavoce.pcm import RATE_HZ, SAMPLE_BYTES, bytes_to_ms
from vivavoce.session import happenings as told
from vivavoce.session.happenings import Happening
from vivavoce.session.person import TYPED
from vivavoce.tape.loudness import STEP_S, Loudness, peaks
from vivavoce.tape.notation import decode
from vivavoce.tape.reader import Entry, TapeReader
from vivavoce.tape.story import Latency, Mark, Reply, Story, Stretch, Turn

__all__ = ["narrate"]

_STEP_BYTES = int(RATE_HZ * STEP_S) * SAMPLE_BYTES
_BEFORE_S = 1.0  # so late may a server notice speech
_PAUSE_S = 0.15  # a report later than that behind the others means that the speaker had run dry


@dataclass(slots=True)
class _Sound:
    """One reply, as it came, where the speaker was in it, and what was shown of it."""

    text: str = ""
    shown: str = ""
    shown_s: float = 0.0
    rest: bytes = b""
    size: int = 0
    peaks: list[float] = field(default_factory=list)
    reports: list[tuple[float, int]] = field(default_factory=list)

    def add(self, pcm: bytes) -> None:
        self.size += len(pcm)
        whole = self.rest + pcm
        end = len(whole) // _STEP_BYTES * _STEP_BYTES
        self.peaks += peaks(whole[:end])
        self.rest = whole[end:]

    def stretches(self) -> tuple[Stretch, ...]:
        """A report is never early: the earliest one tells where the sound lies, until one comes that is much too late."""
        runs: list[list[tuple[float, int]]] = []
        for at_s, ms in self.reports:
            begin_s = at_s - ms / 1000
            if not runs or begin_s - min(s - m / 1000 for s, m in runs[-1]) > _PAUSE_S:
                runs.append([])
            runs[-1].append((at_s, ms))
        found, from_ms = [], 0
        for run in runs:
            to_ms = max(ms for _, ms in run)
            begin_s = min(at_s - ms / 1000 for at_s, ms in run)
            if to_ms > from_ms:
                found.append(Stretch(begin_s + from_ms / 1000, from_ms, to_ms))
            from_ms = max(from_ms, to_ms)
        return tuple(found)


@dataclass(slots=True)
class _Speech:
    """One turn, as it is found."""

    began_s: float
    noticed_s: float | None = None
    text: str | None = None
    typed: bool = False


class _Narrator:
    def __init__(self, started: float) -> None:
        self._started = started
        self._speeches: dict[str, _Speech] = {}
        self._presses: list[_Speech] = []  # with a button, whose turns have no name before the server has them
        self._unnamed: list[_Speech] = []
        self._sounds: dict[str, _Sound] = {}
        self._said: list[tuple[float, told.AssistantSaid]] = []
        self._cuts: dict[str, int] = {}
        self._asked: dict[str, float] = {}
        self._marks: list[Mark] = []
        self._lost: tuple[float, str] | None = None
        self.person, self.assistant = Loudness(), Loudness()
        self.ready_s: float | None = None
        self.ready: told.Ready | None = None
        self.reason: str | None = None
        self.end_s = 0.0

    def take(self, entry: Entry) -> None:
        """One input, and what came of it."""
        now = self.end_s = entry.now - self._started
        match entry.verb, entry.values:
            case "hear", (bytes() as pcm, *_):
                self.person.put(now - len(pcm) / SAMPLE_BYTES / RATE_HZ, peaks(pcm))
            case "receive", (AudioDelta() as delta, *_):
                self._sound(delta.item_id).add(delta.audio)
            case "receive", (AudioCommitted() as committed, *_) if self._presses:
                self._speeches[committed.item_id] = self._presses.pop(0)
            case "receive", (TranscriptDelta() | TextDelta() as words, *_):
                self._sound(words.item_id).text += words.delta
            case (("heard" | "hushed"), (str() as item_id, int() as ms)) if item_id in self._sounds and ms:
                self._sounds[item_id].reports.append((now, ms))
            case _:
                pass
        for effect in entry.outcome.world:
            match effect:
                case {"$": "effects.Show", "what": what}:
                    self._show(decode(what, lambda _: b""), now)
                case {"$": "effects.Call", "call_id": call_id}:
                    self._asked[call_id] = now
                case {"$": "effects.Finish", "reason": reason}:
                    self.reason = reason
                case _:
                    pass

    def _sound(self, item_id: str) -> _Sound:
        return self._sounds.setdefault(item_id, _Sound())

    def _show(self, what: Happening, now: float) -> None:
        match what:
            case told.Ready():
                self.ready, self.ready_s = self.ready or what, now if self.ready_s is None else self.ready_s
            case told.SpeechBegan(item_id="") | told.SpeechEnded(item_id="") | told.Warned(code="too_short"):
                self._press(what, now)
            case told.SpeechBegan():
                self._speeches.setdefault(what.item_id, _Speech(now))
            case told.SpeechEnded():
                self._speeches.setdefault(what.item_id, _Speech(now)).noticed_s = now
            case told.UserSaid():
                typed = what.item_id.startswith(TYPED)
                self._speeches.setdefault(what.item_id, _Speech(now, now, typed=typed)).text = what.text
            case told.AssistantDelta():
                sound = self._sound(what.item_id)
                sound.shown, sound.shown_s = sound.shown + what.text, now
            case told.AssistantSaid():
                self._said.append((now, what))
            case told.Truncated():
                self._cuts[what.item_id] = what.audio_end_ms
            case _:
                self._mark(what, now)

    def _press(self, what: told.SpeechBegan | told.SpeechEnded | told.Warned, now: float) -> None:
        match what:
            case told.SpeechBegan():
                self._presses.append(_Speech(now))
            case told.SpeechEnded():
                self._presses[-1].noticed_s = now
            case _:
                self._presses.pop()
                self._add("warning", now, what.message)

    def _put_by(self) -> None:
        """What was pressed and is not committed by now is told to the next connection as an item: its name is not known."""
        self._unnamed += [press for press in self._presses if press.noticed_s is not None]
        self._presses = [press for press in self._presses if press.noticed_s is None]

    def _mark(self, what: Happening, now: float) -> None:
        match what:
            case told.Interrupted():
                self._add("interruption", now, f"{what.heard_ms / 1000:.1f} s")
            case told.Deleted():
                self._add("deletion", now, "nothing was heard")
            case told.Called():
                self._add("call", now, what.name, self._asked.get(what.call_id, now))
            case told.Reconnecting():
                self._put_by()
                self._lost = (now, what.message)
            case told.Reconnected():
                self._put_by()
                since, why = self._lost or (now, "")
                self._lost = None
                self._add("reconnect", now, why, since)
            case told.Renewed():
                self._add("renewal", now, "a second connection took over")
            case told.Warned():
                self._add("warning", now, what.message)
            case told.Errored() if not what.expected:
                self._add("error", now, what.message)
            case _:
                pass

    def _add(self, kind: str, now: float, text: str, since_s: float | None = None) -> None:
        self._marks.append(Mark(kind, now if since_s is None else since_s, now, text))

    def turns(self) -> list[Turn]:
        """In the order in which they began."""
        found = []
        behind_s = 0.0
        speeches = [*self._speeches.items(), *(("", press) for press in self._unnamed + self._presses)]
        for item_id, speech in sorted(speeches, key=lambda pair: pair[1].began_s):
            start_s = end_s = speech.began_s
            if not speech.typed:
                end_s = self.end_s if speech.noticed_s is None else speech.noticed_s
                heard = self.person.speech(max(behind_s, start_s - _BEFORE_S), end_s)
                start_s, end_s = heard or (start_s, end_s)
                behind_s = end_s
            found.append(Turn(item_id, start_s, end_s, speech.noticed_s, speech.text, typed=speech.typed))
        return found

    def _unfinished(self) -> Iterator[tuple[float, told.AssistantSaid]]:
        """Replies in which the tape ends, as far as they were heard."""
        finished = {said.item_id for _, said in self._said}
        for item_id, sound in self._sounds.items():
            heard_ms = max((ms for _, ms in sound.reports), default=0)
            if item_id not in finished and (heard_ms or sound.shown):
                yield sound.shown_s, told.AssistantSaid(item_id, sound.text, sound.shown, heard_ms, True, "end")

    def replies(self) -> list[Reply]:
        """In the order in which they were heard."""
        found = []
        for shown_s, said in (*self._said, *self._unfinished()):
            sound = self._sounds.get(said.item_id, _Sound())
            stretches = sound.stretches()
            for piece in stretches:
                of_it = sound.peaks[piece.from_ms // 10 : piece.to_ms // 10]
                self.assistant.put(piece.at_s, of_it)
            start_s = stretches[0].at_s if stretches else shown_s
            end_s = stretches[-1].at_s + (stretches[-1].to_ms - stretches[-1].from_ms) / 1000 if stretches else shown_s
            found.append(
                Reply(
                    said.item_id,
                    start_s,
                    end_s,
                    said.text,
                    said.heard_text,
                    said.heard_ms,
                    bytes_to_ms(sound.size),
                    interrupted=said.interrupted,
                    cut_by=said.cut_by or ("person" if said.interrupted else None),  # older tapes do not say it
                    truncated_ms=self._cuts.get(said.item_id),
                    stretches=stretches,
                )
            )
        return sorted(found, key=lambda reply: reply.start_s)

    def marks(self) -> list[Mark]:
        """In the order in which they began; a connection that never came back ends with the talk."""
        lost = [Mark("reconnect", self._lost[0], self.end_s, self._lost[1])] if self._lost else []
        return sorted(self._marks + lost, key=lambda mark: mark.at_s)


def _latencies(turns: list[Turn], replies: list[Reply]) -> list[Latency]:
    """The first sound after each turn; none where the person spoke again before it."""
    found = []
    for place, turn in enumerate(turns):
        until_s = turns[place + 1].start_s if place + 1 < len(turns) else float("inf")
        sounds = [reply.start_s for reply in replies if reply.stretches and turn.end_s < reply.start_s < until_s]
        if sounds:
            found.append(Latency(turn.end_s, min(sounds)))
    return found


def narrate(tape: TapeReader) -> Story:
    """Read the whole tape.

    Raises:
        VivaError: the tape is damaged.
    """
    narrator = _Narrator(tape.started)
    for entry in tape.entries():
        narrator.take(entry)
    turns, replies = narrator.turns(), narrator.replies()
    ready = narrator.ready
    return Story(
        server=tape.settings.server,
        model=(ready.model if ready else "") or tape.settings.model,
        begun=tape.begun,
        program=tape.program,
        length_s=narrator.end_s,
        ready_s=narrator.ready_s,
        reason=narrator.reason,
        turns=tuple(turns),
        replies=tuple(replies),
        marks=tuple(narrator.marks()),
        latencies=tuple(_latencies(turns, replies)),
        person=narrator.person,
        assistant=narrator.assistant,
    )
