"""One answer: from `response.created` to `response.done`, in the order of reference section 2.3.

    created -> { message: output_item.added, item.added, content_part.added, { transcript.delta, audio.delta ... }
                          audio.done, transcript.done, content_part.done, output_item.done, item.done
               | call:    output_item.added, item.added, arguments.delta, arguments.done, output_item.done, item.done }
            -> done

An answer outside the conversation (`conversation: "none"`) says no `conversation.item.*`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vivavoce.engine.conversation import CallItem, Conversation, ReplyItem
from vivavoce.engine.outlet import Outlet
from vivavoce.engine.settings import Wish
from vivavoce.engine.stages import Counted
from vivavoce.events import server as out
from vivavoce.pcm import RATE_HZ, SAMPLE_BYTES, SAMPLES_PER_MS, ms_to_bytes

MAX_DELTA_BYTES = ms_to_bytes(250)
MS_PER_TOKEN = 50  # "assistant audio 1 per 50 ms" (reference section 5)
FAILED = "server_error"


class Response:
    """One answer. What it says goes to the outlet; its items go into `conversation` when it belongs there."""

    def __init__(self, response_id: str, wish: Wish, conversation: Conversation, outlet: Outlet) -> None:
        self.id = response_id
        self.wish = wish
        self.job: int | None = None
        self.samples = 0
        self._conversation = conversation
        self._new_id = outlet.new_id
        self._say = outlet.say
        self._output: list[ReplyItem | CallItem] = []
        self._message: ReplyItem | None = None

    def begin(self) -> None:
        """It exists; nothing is made yet."""
        self._say(out.ResponseCreated(self._view("in_progress")))

    def said(self, words: str) -> None:
        """The next words; when spoken, their sound follows."""
        item = self._message or self._open_message()
        item.say(words)
        place = self._place(item)
        if self.wish.aloud:
            self._say(out.TranscriptDelta(item.id, words, **place))
        else:
            self._say(out.TextDelta(item.id, words, **place))

    def sounded(self, pcm: bytes) -> None:
        """The sound of the last words, 24 kHz."""
        item = self._message or self._open_message()
        item.sound(pcm)
        self.samples += len(pcm) // SAMPLE_BYTES
        place = self._place(item)
        for at in range(0, len(pcm), MAX_DELTA_BYTES):
            self._say(out.AudioDelta(item.id, pcm[at : at + MAX_DELTA_BYTES], **place))

    def asked(self, name: str, arguments: str) -> None:
        """A function is wanted. Words before it are a message of their own."""
        self._close_message("completed")
        item = CallItem(self._new_id("item"), self._new_id("call"), name, "", "in_progress")
        self._add(item)
        item.arguments, item.status = arguments, "completed"
        place: dict[str, Any] = {"response_id": self.id, "output_index": len(self._output) - 1}
        self._say(out.ArgumentsDelta(item.id, item.call_id, arguments, **place))
        self._say(out.ArgumentsDone(item.id, item.call_id, arguments, name, **place))
        self._item_done(item)

    def complete(self, counted: Counted) -> None:
        """All was said."""
        if counted.complete:
            self._done("completed", None, counted)
        else:
            self._done("incomplete", {"type": "incomplete", "reason": "max_output_tokens"}, counted)

    def cancel(self, reason: str) -> None:
        """Nobody wants the rest: `turn_detected` or `client_cancelled`."""
        self._done("cancelled", {"type": "cancelled", "reason": reason}, None)

    def fail(self, message: str) -> None:
        """It could not be made."""
        error = {"type": FAILED, "code": FAILED, "message": message}
        self._done("failed", {"type": "failed", "error": error}, None)

    def _done(self, status: str, details: Mapping[str, Any] | None, counted: Counted | None) -> None:
        self._close_message("completed" if status == "completed" else "incomplete")
        self._say(out.ResponseDone(self._view(status, details, counted)))

    def _open_message(self) -> ReplyItem:
        item = self._message = ReplyItem(self._new_id("item"), aloud=self.wish.aloud)
        self._add(item)
        part = {"type": "audio", "transcript": ""} if item.aloud else {"type": "text", "text": ""}
        self._say(out.ContentPartAdded(part=part, **self._place(item), item_id=item.id))
        return item

    def _close_message(self, status: str) -> None:
        item, self._message = self._message, None
        if item is None:
            return
        item.status = status
        place = self._place(item)
        part = item.part
        if item.aloud:
            self._say(out.AudioDone(item.id, **place))
            self._say(out.TranscriptDone(item.id, part["transcript"], **place))
        else:
            self._say(out.TextDone(item.id, part["text"], **place))
        shown = {**part, "type": part["type"].removeprefix("output_")}
        self._say(out.ContentPartDone(part=shown, **place, item_id=item.id))
        self._item_done(item)

    def _add(self, item: ReplyItem | CallItem) -> None:
        self._output.append(item)
        self._say(out.OutputItemAdded(self.id, item.view(), len(self._output) - 1))
        if self.wish.in_conversation:
            before = self._conversation.add(item)
            self._say(out.ItemAdded(item.view(), before))

    def _item_done(self, item: ReplyItem | CallItem) -> None:
        self._say(out.OutputItemDone(self.id, item.view(), self._output.index(item)))
        if self.wish.in_conversation and self._conversation.find(item.id):
            self._say(out.ItemDone(item.view(), self._conversation.before(item)))

    def _place(self, item: ReplyItem) -> dict[str, Any]:
        return {"response_id": self.id, "output_index": self._output.index(item), "content_index": 0}

    def _view(
        self, status: str, details: Mapping[str, Any] | None = None, counted: Counted | None = None
    ) -> dict[str, Any]:
        sound = {"format": {"type": "audio/pcm", "rate": RATE_HZ}, "voice": self.wish.voice}
        return {
            "object": "realtime.response",
            "id": self.id,
            "status": status,
            "status_details": details,
            "output": [item.view() for item in self._output],
            "conversation_id": self._conversation.id if self.wish.in_conversation else None,
            "output_modalities": [self.wish.modality],
            "max_output_tokens": self.wish.max_tokens or "inf",
            "audio": {"output": sound},
            "usage": None if counted is None else self._usage(counted),
            "metadata": self.wish.metadata,
        }

    def _usage(self, counted: Counted) -> dict[str, Any]:
        """Text tokens as the model counted them; sound by the rule of the API. The model reads transcripts: no sound goes in."""
        sound = -(-self.samples // (MS_PER_TOKEN * SAMPLES_PER_MS))
        nothing = {"audio_tokens": 0, "image_tokens": 0}
        return {
            "total_tokens": counted.input_tokens + counted.output_tokens + sound,
            "input_tokens": counted.input_tokens,
            "output_tokens": counted.output_tokens + sound,
            "input_token_details": {
                "text_tokens": counted.input_tokens,
                **nothing,
                "cached_tokens": counted.cached_tokens,
                "cached_tokens_details": {"text_tokens": counted.cached_tokens, **nothing},
            },
            "output_token_details": {"text_tokens": counted.output_tokens, "audio_tokens": sound},
        }
