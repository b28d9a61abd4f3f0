"""The person: what they say, type and press, and what the server and the detector make of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vivavoce.events import client, server
from vivavoce.events.server import ServerEvent
from vivavoce.pcm import peak
from vivavoce.session import happenings as told
from vivavoce.session.bargein import Judged
from vivavoce.session.button import MIN_MS
from vivavoce.session.floor import Signal
from vivavoce.session.opening import Stage
from vivavoce.session.state import State

TYPED = "viva_typed_"
"""How the items of typed turns begin."""
_LOUD = 1_000  # of 32,767: louder than the noise of a room, softer than a voice near the microphone


class Person:
    """Verbs in; what follows from them is in the lists of the state."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._typed = 0

    def hear(self, pcm: bytes) -> None:
        """`Session.hear`."""
        state = self._state
        if not pcm or state.deaf or not state.met:
            return
        if state.settings.push_to_talk:
            if not state.button.pressed:
                return
            state.button.hear(len(pcm))
        ready = state.stage is Stage.READY
        if ready:
            state.server.append(client.AppendAudio(pcm))
        state.continuity.kept.hear(pcm, sent=ready)
        if ready and not state.patience.doubtful and peak(pcm) > _LOUD:
            state.patience.loud(state.now)
            state.due_known = False

    def judged(self, verdict: Judged) -> None:
        """`Session.judged`."""
        state = self._state
        listens = state.stage is not Stage.OVER and (not state.deaf or state.barge_in.open)
        if listens and state.barge_in.judged(verdict, state.now, over=state.interruptible):
            self.confirm()

    def confirm(self) -> None:
        """What is heard is a person: the reply that sounds is cut, also at the server.

        One that does not sound yet is left to the server's word, which follows: where it does not, an answer was saved.
        """
        if self._state.speech.sounding:
            self._state.interrupt(cancel=True)
            self._state.patience.nothing_owed()
            if self._state.stage is Stage.READY:  # else no server is there that could hear anybody
                self._state.barge_in.was_cut(self._state.now)
        else:
            self._state.barge_in.cut()

    def press(self) -> None:
        """`Session.press`."""
        state = self._state
        if not state.met or state.stage is Stage.OVER or state.farewell.reason or state.button.pressed:
            return
        state.interrupt(cancel=True)
        state.button.press()
        state.continuity.kept.pressed()
        state.move(Signal.SPEECH_STARTED)
        state.patience.nothing_owed()
        state.show(told.SpeechBegan("", 0))

    def release(self) -> None:
        """`Session.release`."""
        state = self._state
        if state.stage is Stage.OVER or not state.button.pressed:
            return
        ready = state.stage is Stage.READY
        state.move(Signal.SPEECH_STOPPED)
        state.show(told.SpeechEnded("", 0))
        if not state.button.release():
            state.server += [client.ClearAudio()] if ready else []
            state.continuity.kept.forget_press()
            state.warn("too_short", f"That was too short: a turn is at least {MIN_MS} ms of sound.")
        else:
            if ready:
                state.server.append(client.CommitAudio())
            else:
                state.continuity.put_by(state.button.unsent())
            state.ask({})

    def type(self, text: str) -> None:
        """`Session.type`."""
        state = self._state
        text = text.strip()
        if not state.met or state.stage is Stage.OVER or state.farewell.reason or not text:
            return
        state.interrupt(cancel=True)
        self._typed += 1
        item_id = f"{TYPED}{self._typed}"
        content = [{"type": "input_text", "text": text}]
        if state.stage is Stage.READY:  # else the next connection is told with the history
            state.server.append(
                client.CreateItem({"id": item_id, "type": "message", "role": "user", "content": content})
            )
        state.transcript.person_said(item_id, text)
        state.ask({})

    def receive(
        self,
        event: server.SpeechStarted
        | server.SpeechStopped
        | server.AudioCommitted
        | server.TranscriptionCompleted
        | server.TranscriptionFailed,
    ) -> None:
        """The server says what it makes of the person."""
        state = self._state
        match event:
            case server.SpeechStarted() if event.item_id and event.item_id == state.continuity.turn:
                pass  # it has stopped already: the two came in the wrong order
            case server.SpeechStarted():
                state.continuity.started(event.audio_start_ms)
                state.move(Signal.SPEECH_STARTED)
                state.patience.nothing_owed()
                state.interrupt(cancel=not state.settings.interrupt_response or state.barge_in.in_force)
                state.show(told.SpeechBegan(event.item_id, event.audio_start_ms))
            case server.SpeechStopped():
                state.show(told.SpeechEnded(event.item_id, event.audio_end_ms))
                self._turn_ended(event.item_id, event.audio_end_ms)
            case server.AudioCommitted():
                state.button.committing = False
                state.transcript.person_spoke(event.item_id, event.previous_item_id)
                self._turn_ended(event.item_id, None)
                if state.barge_in.in_force:
                    state.responses.claim()
            case server.TranscriptionCompleted():
                state.transcript.person_said(event.item_id, event.transcript.strip())
                state.continuity.kept.safe(event.item_id)
            case _:  # TranscriptionFailed
                state.transcript.person_said(event.item_id, "")
                self._transcription_failed(event.error)

    def _turn_ended(self, item_id: str, ms: int | None) -> None:
        """The person has spoken; the server will answer by itself, once for each turn."""
        state = self._state
        if not state.continuity.ended(item_id, ms):
            return
        if not state.settings.push_to_talk:  # else it was asked for at the end of the turn
            state.responses.expect()
        state.move(Signal.SPEECH_STOPPED)
        state.move(Signal.ASKED)
        state.owed_since_now()

    def _transcription_failed(self, error: Mapping[str, Any]) -> None:
        state = self._state
        failure = state.scribe.failed(error)
        if failure is None:
            return
        warning, off = failure
        if off is not None:
            state.transcript.stop_waiting()
            state.opening.write_nothing_down()
            state.server.append(off)
        state.show(warning)

    def follow_barge_in(self) -> list[ServerEvent]:
        """Turns that were kept back: the words of those that are turns after all; those that are none are deleted."""
        state = self._state
        barge_in = state.barge_in
        if not state.answering:
            barge_in.nothing_to_interrupt()
        state.world += barge_in.to_world()
        if barge_in.take_nobody():
            state.continuity.kept.nobody()
        for item_id in barge_in.take_dismissed():
            state.transcript.forget(item_id)
            state.server.append(client.DeleteItem(item_id))
        return barge_in.take_turns()
