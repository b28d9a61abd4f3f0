"""All that a session knows, and the verbs that touch more than one part of it: to tell, to ask, to interrupt, to end.

`Session` answers the server, `Lifeline` the connection, `Person` whoever talks; they share this.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vivavoce.errors import Reason
from vivavoce.events import client
from vivavoce.events.client import ClientEvent
from vivavoce.session import happenings as told
from vivavoce.session.bargein import BargeIn
from vivavoce.session.button import Button
from vivavoce.session.calls import Calls
from vivavoce.session.continuity import Continuity
from vivavoce.session.effects import Effect, Finish, Hush, Show
from vivavoce.session.farewell import Farewell
from vivavoce.session.floor import Floor, Signal, move
from vivavoce.session.happenings import Happening
from vivavoce.session.opening import Opening, Stage
from vivavoce.session.patience import Patience
from vivavoce.session.repeats import Repeats
from vivavoce.session.responses import Responses
from vivavoce.session.retries import Retries
from vivavoce.session.scribe import Scribe
from vivavoce.session.settings import Settings
from vivavoce.session.speech import Speech
from vivavoce.session.transcript import Transcript


class State:
    """One conversation.

    Attributes:
        now: the time of the last tick.
        floor: whose turn it is.
        met: there was an agreement once: what is lost now can be made good.
        due_known: nothing has changed since `Session` looked for the earliest of all deadlines.
        world, server: what is asked of either, in order; the others are the parts, each with a file of its own.
    """

    def __init__(self, settings: Settings) -> None:
        waits = settings.timeouts
        self.settings = settings
        self.now = 0.0
        self.floor = Floor.QUIET
        self.met = False
        self.due_known = False
        self.opening = Opening(settings)
        self.responses = Responses(waits.response_created_s)
        self.transcript = Transcript(waits.transcript_s, person_is_written_down=bool(settings.transcription_model))
        self.speech = Speech(self.transcript)
        self.scribe = Scribe(settings.transcription_model, tentative=settings.transcription_tentative)
        self.calls = Calls()
        self.farewell = Farewell(waits.farewell_s)
        self.retries = Retries()
        self.continuity = Continuity(waits, settings.history_characters)
        self.repeats = Repeats()
        self.patience = Patience(waits)
        self.button = Button()
        self.barge_in = BargeIn(settings)
        self.world: list[Effect] = []
        self.server: list[ClientEvent] = []

    @property
    def stage(self) -> Stage:
        """Where the conversation stands with its server."""
        return self.opening.stage

    @property
    def waiting(self) -> bool:
        """A reply, or a function, is waited for."""
        return self.responses.busy or self.calls.open or self.retries.waiting or self.continuity.owed

    @property
    def answering(self) -> bool:
        """There is a reply that the person may interrupt: it sounds, or is on its way."""
        return self.speech.sounding or self.waiting

    @property
    def interruptible(self) -> bool:
        """A sound may or may not be meant to interrupt: there is a reply, and nobody is known to speak."""
        return self.answering and self.floor is not Floor.LISTENING and not self.continuity.kept.rehearing

    @property
    def deaf(self) -> bool:
        """The farewell is heard to its end: after goodbye only a turn that had already begun is listened to."""
        return self.farewell.reason is not None and self.floor is not Floor.LISTENING

    @property
    def owed(self) -> bool:
        """A reply is due from the server, and nothing of it is left to be heard meanwhile."""
        waiting = self.floor in {Floor.THINKING, Floor.SPEAKING} and (self.responses.busy or self.calls.open)
        return waiting and not self.speech.sounding and not self.calls.running

    @property
    def late(self) -> list[str]:
        """Items and calls of which the last line is still to come."""
        return [*self.transcript.pending, *self.calls.orphans]

    def show(self, *lines: Happening) -> None:
        """Tell the person, and remember what a new connection must know of it."""
        for line in lines:
            self.world.append(Show(line))
            self.remember(line)

    def warn(self, code: str, message: str) -> None:
        """Tell the person; the talk goes on."""
        self.show(told.Warned(code, message))

    def tell(self, words: list[client.CreateItem]) -> None:
        """Tell the server of what was said under earlier names; it will repeat them."""
        self.server += words
        self.transcript.knows(str(word.item["id"]) for word in words)

    def remember(self, line: Happening) -> None:
        """A line was shown."""
        if isinstance(line, told.AssistantSaid):  # the turns were said before it, but for one that waits for its reply
            waits = self.floor is Floor.THINKING
            self.continuity.settle(self.transcript.awaits, but=self.continuity.turn if waits else None)
        self.tell(self.continuity.saw(line))

    def pass_on(self) -> None:
        """What the parts ask of the world and of the server."""
        for part in (self.speech, self.calls):
            for effect in part.to_world():
                self.world.append(effect)
                if isinstance(effect, Show):
                    self.remember(effect.what)
            self.server += part.to_server()
        self.world += self.continuity.to_world()

    def ask(self, options: Mapping[str, Any]) -> None:
        """Ask for a reply, now, or of the next connection."""
        reopens = self.continuity.lost_at is not None
        self.continuity.owed = reopens
        if self.stage is Stage.READY:
            self.responses.want(options)
        elif not reopens:
            return  # goodbye was said, and the server is gone
        self.move(Signal.ASKED)
        self.owed_since_now()

    def ask_what_is_owed(self) -> None:
        """The reply that a lost connection did not give, once this one knows all that was heard."""
        ready = self.stage is Stage.READY and not self.speech.sounding and not self.calls.running
        if ready and self.continuity.may_ask(self.late):
            self.ask({})

    def owed_since_now(self) -> None:
        """A sign of life: a reply that is still owed has its full time again."""
        self.patience.owed(self.now)

    def move(self, signal: Signal) -> None:
        """Whose turn it is changes."""
        self.floor = move(self.floor, signal)

    def interrupt(self, *, cancel: bool) -> None:
        """Stop what is being said. The device answers with what was finally heard (`hushed`), then the server is told."""
        self.retries.overtaken()
        self.continuity.owed = False
        hushing = self.speech.hushing
        must_hush = self.speech.cut(self.responses.active)
        if cancel:
            self.responses.cancel()
        else:
            self.responses.speech_started()
        self.farewell.overtaken()
        self.server += self.responses.to_server()
        if must_hush:
            self.world.append(Hush())
        self.barge_in.cut()
        self.world += self.barge_in.to_world()  # behind the Hush: loud again is what comes next
        if not must_hush and not hushing:
            self.speech.settle(None, 0)
            self.pass_on()

    def fail(self, code: str, message: str, reason: Reason, raw: Mapping[str, Any] | None = None) -> None:
        """End the talk for this fault."""
        self.show(told.Errored(code, message, fatal=True, raw=raw))
        self.finish(reason)

    def finish(self, reason: Reason) -> None:
        """End the talk: silence, the lines that are left, `Finish`."""
        if self.speech.sounding:
            self.world.append(Hush())
        self.transcript.flush()
        self.show(*self.transcript.to_show())
        self.opening.stage = Stage.OVER
        self.world.append(Finish(reason))
