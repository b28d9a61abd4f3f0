"""What the assistant says: the sound and the words of each reply, kept together from the first delta to the verdict.

Verbs in, two lists out, as in `Session`: `to_world` and `to_server`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from vivavoce.events import client, server
from vivavoce.events.client import ClientEvent
from vivavoce.session import happenings as told
from vivavoce.session.effects import Effect, Play, Show
from vivavoce.session.playback import Playback, Reply, Verdict
from vivavoce.session.transcript import Transcript, Who

SpeechEvent = (
    server.OutputItemAdded
    | server.OutputItemDone
    | server.AudioDelta
    | server.TranscriptDelta
    | server.TranscriptDone
    | server.TextDelta
    | server.TextDone
)


class Speech:
    """All replies of the assistant."""

    def __init__(self, transcript: Transcript) -> None:
        """`transcript` is told what is said and what of it is heard."""
        self._transcript = transcript
        self._playback = Playback()
        self._calls_to_come: set[tuple[str, str]] = set()  # response and item, begun and not done
        self._world: list[Effect] = []
        self._server: list[ClientEvent] = []

    def to_world(self) -> list[Effect]:
        """Drain what the world is asked to do."""
        out, self._world = self._world, []
        return out

    def to_server(self) -> list[ClientEvent]:
        """Drain what is to be said to the server."""
        out, self._server = self._server, []
        return out

    @property
    def sounding(self) -> bool:
        """Something is in the speaker, or is being hushed out of it."""
        return self._playback.sounding

    @property
    def hushing(self) -> bool:
        """The speaker was told to be silent and has not answered yet."""
        return self._playback.hushing

    def knows(self, item_id: str) -> bool:
        """The item belongs to a response that has spoken here."""
        return item_id in self._playback.replies

    def said(self, response_ids: Iterable[str]) -> bool:
        """One of these responses has spoken, and nobody interrupted it."""
        replies = [reply for response_id in response_ids for reply in self._playback.of(response_id)]
        return any(reply.received_bytes and not reply.cut for reply in replies)

    def receive(self, event: SpeechEvent) -> bool:
        """The server says a word of a reply. True when it is sound that is played."""
        late = self._playback.is_cut(event.response_id)
        match event:
            case server.OutputItemAdded():
                self._begin(event, late=late)
            case server.OutputItemDone():
                self._item_done(event)
            case server.AudioDelta():
                return self._sound(event)
            case _ if late:
                pass  # words of a reply that was cut and can no longer be heard
            case _:
                self._words(event)
        return False

    def _words(
        self, event: server.TranscriptDelta | server.TranscriptDone | server.TextDelta | server.TextDone
    ) -> None:
        received_ms = self._playback.begin(event.item_id, event.response_id).received_ms
        match event:
            case server.TranscriptDelta():
                self._transcript.words(event.item_id, event.delta, received_ms, spoken=True)
            case server.TranscriptDone():
                self._transcript.all_words(event.item_id, event.transcript, spoken=True)
            case server.TextDelta():
                self._transcript.words(event.item_id, event.delta, 0, spoken=False)
            case _:  # TextDone
                self._transcript.all_words(event.item_id, event.text, spoken=False)

    def _sound(self, event: server.AudioDelta) -> bool:
        if not self._playback.receive(event.item_id, event.response_id, len(event.audio)):
            return False
        self._world.append(Play(event.item_id, event.audio))
        self._progress(self._playback.begin(event.item_id, event.response_id))
        return True

    def _begin(self, event: server.OutputItemAdded, *, late: bool) -> None:
        item_id = _message_id(event.item)
        if item_id is None:
            self._calls_to_come.add((event.response_id, str(event.item.get("id"))))
            return
        if not late:
            self._playback.begin(item_id, event.response_id)
        elif not self.knows(item_id):
            self._carry_out(self._playback.reject(item_id, event.response_id), Verdict.DELETE)

    def _item_done(self, event: server.OutputItemDone) -> None:
        item_id = _message_id(event.item)
        if item_id is not None:
            self._complete(self._playback.begin(item_id, event.response_id))
        self._calls_to_come.discard((event.response_id, str(event.item.get("id"))))

    def item_done_elsewhere(self, item: Mapping[str, Any]) -> None:
        """`conversation.item.done`: an item of the assistant that no response has said here will not be said any more."""
        item_id = _message_id(item)
        if item_id is not None and not self.knows(item_id):
            self._transcript.close(item_id)

    def response_done(self, response_id: str) -> None:
        """No more will come of that response."""
        for reply in self._playback.of(response_id):
            self._complete(reply)
        self._calls_to_come = {key for key in self._calls_to_come if key[0] != response_id}

    def _complete(self, reply: Reply) -> None:
        reply.complete = True
        self._progress(reply)

    def heard(self, item_id: str, ms: int) -> bool:
        """The speaker reports. True when that is news of a reply that was not settled yet."""
        reply = self._playback.heard(item_id, ms)
        if reply is not None:
            self._progress(reply)
        return reply is not None

    def close_drained(self) -> None:
        """Replies that were heard to their end are finished lines."""
        for reply in self._playback.newly_drained():
            self._transcript.close(reply.item_id, cut_by="connection" if reply.broken else None)

    def whole(self, response_id: str) -> bool:
        """All of that response's sound has come, and there was some."""
        begun = any(key[0] == response_id for key in self._calls_to_come)
        return not begun and self._playback.whole(response_id)

    def sever(self) -> None:
        """The connection is gone; what came is heard to its end."""
        self._playback.sever()
        self._calls_to_come.clear()
        self._server.clear()

    def silence(self, response_id: str) -> None:
        """Nobody wants this response any more; it has not begun to speak."""
        self._playback.silence(response_id)

    def cut(self, active: Iterable[str]) -> bool:
        """Stop what is being said. True when the speaker must be hushed; see `Playback.cut`."""
        return self._playback.cut(active)

    def settle(self, item_id: str | None, ms: int) -> None:
        """The speaker is silent: the server is told what was heard."""
        judged = self._playback.settle(item_id, ms)
        playing = next((r for r, verdict in judged if verdict is not Verdict.HEARD and r.received_bytes), None)
        if playing is not None:
            self._show(told.Interrupted(playing.item_id, playing.heard_ms))
        for reply, verdict in judged:
            self._carry_out(reply, verdict)

    def _carry_out(self, reply: Reply, verdict: Verdict) -> None:
        if reply.severed:
            pass  # the next server is told with the history what was heard
        elif verdict is Verdict.TRUNCATE:
            self._server.append(client.TruncateItem(reply.item_id, reply.heard_ms))
            self._show(told.Truncated(reply.item_id, reply.heard_ms))
        elif verdict is Verdict.DELETE:
            self._server.append(client.DeleteItem(reply.item_id))
            self._show(told.Deleted(reply.item_id))
        self._progress(reply)
        self._transcript.place(reply.item_id, Who.ASSISTANT)
        self._transcript.close(reply.item_id, cut_by=None if verdict is Verdict.HEARD else "person")

    def _progress(self, reply: Reply) -> None:
        if reply.received_bytes:
            whole = reply.complete and not reply.broken  # else more words may have come than sound
            self._transcript.progress(reply.item_id, reply.heard_ms, reply.received_ms, complete=whole)

    def _show(self, line: told.Happening) -> None:
        self._world.append(Show(line))


def _message_id(item: Mapping[str, Any]) -> str | None:
    """The identifier of an item that is a message."""
    item_id = item.get("id")
    return item_id if item.get("type") == "message" and isinstance(item_id, str) else None
