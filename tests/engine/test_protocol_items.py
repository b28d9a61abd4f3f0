"""Items: what the client creates, reads, cuts and deletes, and what the model is told of them."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from vivavoce.engine.conversation import (
    KEPT_SOUND_BYTES,
    TOLD_CHARACTERS,
    Conversation,
    ReplyItem,
    SpokenItem,
    TextItem,
)
from vivavoce.engine.jobs import Answer, Recognise, Warm
from vivavoce.events import client, server
from vivavoce.pcm import silence
from vivavoce.testing.engine import Asked, Desk


def message(role: str, *parts: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "message", "role": role, "content": list(parts), **more}


def text(words: str, kind: str = "input_text") -> dict[str, Any]:
    return {"type": kind, "text": words}


def spoken(ms: int) -> dict[str, Any]:
    return {"type": "input_audio", "audio": base64.b64encode(silence(ms)).decode()}


def a_reply(*pieces: Any, done: bool = True) -> Desk:
    """A desk after one turn whose reply is made of `pieces`."""
    desk = Desk()
    desk.speaks()
    desk.hears("Tell me.")
    desk.thinks(*pieces, done=done)
    desk.new()
    return desk


def told(desk: Desk) -> list[str]:
    """What the model is told when it is asked now."""
    desk.send(client.CreateResponse())
    return [m["content"] for m in desk.job(Answer).prompt.messages]


# ---- create


def test_a_created_message_is_added_then_done_behind_the_last_item() -> None:
    desk = Desk()
    desk.send(client.CreateItem(message("user", text("One"), id="a")), client.CreateItem(message("user", text("Two"))))
    _, *said = desk.new()
    assert [e.TYPE for e in said] == ["conversation.item.added", "conversation.item.done"] * 2
    added = desk.last(server.ItemAdded)
    assert added.previous_item_id == "a"
    assert added.item["content"] == [text("Two")]


def test_items_go_where_the_client_puts_them() -> None:
    desk = Desk()
    for item_id, before in (("b", None), ("d", None), ("a", "root"), ("c", "b")):
        desk.send(client.CreateItem(message("user", text(item_id), id=item_id), before))
    assert desk.last(server.ItemAdded).previous_item_id == "b"
    assert told(desk) == ["a", "b", "c", "d"]


def test_an_unknown_place_is_refused() -> None:
    desk = Desk()
    desk.send(client.CreateItem(message("user", text("x")), "item_x"))
    assert desk.error()["param"] == "previous_item_id"
    assert desk.error()["message"] == "Item with item_id not found: item_x"


def test_an_id_is_given_once() -> None:
    desk = Desk()
    for _ in range(2):
        desk.send(client.CreateItem(message("user", text("x"), id="a")))
    assert desk.error()["param"] == "item.id"


def test_roles_keep_their_words() -> None:
    desk = Desk()
    desk.send(
        client.CreateItem(message("system", text("Be kind."))),
        client.CreateItem(message("user", text("One"), text("two"), text(""))),
        client.CreateItem(message("assistant", text("Three", "output_text"))),
        client.CreateItem(message("assistant", {"type": "output_audio", "text": "Four"})),
        client.CreateItem(message("user", text(""))),
        client.CreateResponse(),
    )
    assert [(m["role"], m["content"]) for m in desk.job(Answer).prompt.messages] == [
        ("system", "Be kind."),
        ("user", "One two"),
        ("assistant", "Three"),
        ("assistant", "Four"),
    ]


def test_a_created_recording_is_recognised_and_the_answer_waits_for_it() -> None:
    desk = Desk()
    desk.send(client.CreateItem(message("user", spoken(200))), client.CreateResponse())
    assert desk.count(Answer) == 0
    desk.hears("Hello.")
    assert desk.job(Answer).prompt.messages[-1]["content"] == "Hello."
    assert desk.job(Recognise).pcm == silence(200)


def test_a_recording_comes_as_it_is_where_no_json_is_made() -> None:
    desk = Desk()
    part = {"type": "input_audio", "audio": silence(200) + b"\1"}
    desk.send(client.CreateItem(message("user", part)), client.CreateResponse())
    assert desk.job(Recognise).pcm == silence(200), "half a sample is none"


def test_a_call_and_its_output_can_be_told_again_after_a_reconnect() -> None:
    desk = Desk()
    call = {"type": "function_call", "call_id": "call_1", "name": "get_weather", "arguments": "{}"}
    desk.send(
        client.CreateItem(message("assistant", text("Let me see.", "output_text"))),
        client.CreateItem(call),
        client.CreateItem({"type": "function_call_output", "call_id": "call_1", "output": "sunny"}),
    )
    assert told(desk) == ["Let me see.", "sunny"]
    [said, _] = desk.job(Answer).prompt.messages
    assert [c["name"] for c in said["calls"]] == ["get_weather"]


def test_an_output_for_an_unknown_call_is_refused() -> None:
    desk = Desk()
    desk.send(client.CreateItem({"type": "function_call_output", "call_id": "call_Xz", "output": ""}))
    assert desk.error()["code"] == "invalid_tool_call_id"
    assert desk.error()["message"] == "Tool call ID 'call_Xz' not found in conversation."


@pytest.mark.parametrize(
    ("item", "code", "param"),
    [
        ({}, "missing_required_parameter", "item.type"),
        ({"type": "song"}, "invalid_value", "item.type"),
        ({"type": "message"}, "missing_required_parameter", "item.role"),
        (message("robot", text("x")), "invalid_value", "item.role"),
        ({"type": "message", "role": "user"}, "missing_required_parameter", "item.content"),
        (message("user"), "missing_required_parameter", "item.content"),
        (message("user", "x"), "invalid_type", "item.content[0]"),  # type: ignore[arg-type]  # wrong on purpose
        (message("user", {"type": "input_text"}), "missing_required_parameter", "item.content[0].text"),
        (message("user", {"text": "x"}), "missing_required_parameter", "item.content[0].type"),
        (message("user", text("x", "input_image")), "invalid_value", "item.content[0].type"),
        (message("user", {"type": "input_text", "text": 3}), "invalid_type", "item.content[0].text"),
        (message("assistant", {"type": "output_audio", "audio": "AA"}), "missing_required_parameter", "item.content[0].text"),
        (message("user", {"type": "input_audio"}), "missing_required_parameter", "item.content[0].audio"),
        (message("user", {"type": "input_audio", "audio": "!"}), "invalid_value", "item.content[0].audio"),
        (message("user", {"type": "input_audio", "audio": 3}), "invalid_type", "item.content[0].audio"),
        (message("user", spoken(1), spoken(1)), "invalid_value", "item.content"),
        ({"type": "function_call", "call_id": "c", "name": "n"}, "missing_required_parameter", "item.arguments"),
        ({"type": "function_call_output", "output": ""}, "missing_required_parameter", "item.call_id"),
        (message("user", text("x"), id=3), "invalid_type", "item.id"),
    ],
)  # fmt: skip
def test_an_item_that_is_none_is_refused_by_the_name_of_its_field(item: Any, code: str, param: str) -> None:
    desk = Desk()
    desk.send(client.CreateItem(item, event_id="mine"))
    assert (desk.error()["code"], desk.error()["param"], desk.error()["event_id"]) == (code, param, "mine")
    assert told(desk) == []


# ---- retrieve


def test_a_retrieved_reply_has_its_sound() -> None:
    desk = a_reply("Hi.", b"\1\0\2\0")
    item_id = desk.last(server.ItemDone).item["id"]
    desk.send(client.RetrieveItem(item_id))
    [part] = desk.last(server.ItemRetrieved).item["content"]
    assert part == {"type": "output_audio", "transcript": "Hi.", "audio": base64.b64encode(b"\1\0\2\0").decode()}


def test_a_retrieved_turn_has_its_sound_and_its_transcript() -> None:
    desk = a_reply("Hi.")
    desk.send(client.RetrieveItem(desk.last(server.AudioCommitted).item_id))
    [part] = desk.last(server.ItemRetrieved).item["content"]
    assert part["transcript"] == "Tell me."
    assert len(base64.b64decode(part["audio"])) == (480 + 500) * 48


def test_other_items_are_retrieved_as_they_are() -> None:
    desk = a_reply(Asked("f", "{}"))
    call = desk.last(server.ItemDone).item
    output = {"type": "function_call_output", "call_id": call["call_id"], "output": "x", "id": "o"}
    desk.send(client.CreateItem(output), client.CreateItem(message("user", text("x"), id="t")))
    for item_id, kind in ((call["id"], "function_call"), ("o", "function_call_output"), ("t", "message")):
        desk.send(client.RetrieveItem(item_id))
        assert desk.last(server.ItemRetrieved).item["type"] == kind


def test_a_text_reply_has_no_sound() -> None:
    desk = Desk()
    desk.update(output_modalities=["text"])
    desk.send(client.CreateResponse())
    desk.thinks("Hi.")
    desk.send(client.RetrieveItem(desk.last(server.ItemDone).item["id"]))
    assert desk.last(server.ItemRetrieved).item["content"] == [{"type": "output_text", "text": "Hi."}]


@pytest.mark.parametrize(
    ("event", "code"),
    [
        (client.RetrieveItem("item_x", event_id="rci"), "item_retrieve_invalid_item_id"),
        (client.DeleteItem("item_x", event_id="rci"), "item_delete_invalid_item_id"),
        (client.TruncateItem("item_x", 100, event_id="rci"), "item_truncate_invalid_item_id"),
    ],
)
def test_unknown_items_are_named(event: Any, code: str) -> None:
    desk = Desk()
    desk.send(event)
    assert desk.error()["code"] == code
    assert desk.error()["message"] == "Item with item_id not found: item_x"
    assert desk.error()["event_id"] == "rci"


# ---- truncate


def cut(desk: Desk, heard_ms: int) -> None:
    desk.send(client.TruncateItem(desk.last(server.AudioDone).item_id, heard_ms))


@pytest.mark.parametrize(
    ("heard_ms", "kept"),
    [
        (2000, "One two. Three four five."),
        (1000, "One two."),
        (999, "One"),
        (1400, "One two. Three"),
        (1999, "One two. Three four"),
        (500, "One"),
        (1, ""),
        (0, ""),
    ],
)
def test_a_cut_reply_keeps_the_words_that_were_heard(heard_ms: int, kept: str) -> None:
    desk = a_reply("One two.", silence(1000), " Three four five.", silence(1000))
    cut(desk, heard_ms)
    truncated = desk.last(server.ItemTruncated)
    assert (truncated.audio_end_ms, truncated.content_index) == (heard_ms, 0)
    assert told(desk) == ["Tell me.", kept] if kept else ["Tell me."]


def test_what_is_heard_of_a_clause_goes_by_its_share_of_time() -> None:
    desk = a_reply("abcd efgh ijkl", silence(1400))
    cut(desk, 900)
    assert told(desk)[-1] == "abcd efgh"


def test_a_cut_beyond_the_end_is_refused_with_a_null_event_id_and_done_anyway() -> None:
    desk = a_reply("One two.", silence(9840))
    desk.send(client.TruncateItem(desk.last(server.AudioDone).item_id, 11_579, event_id="mine"))
    error, truncated = desk.new()
    assert isinstance(error, server.ServerError)
    assert error.message == "Audio content of 9840ms is already shorter than 11579ms"
    assert (error.code, error.caused_by) == ("invalid_value", None)
    assert isinstance(truncated, server.ItemTruncated)
    assert truncated.audio_end_ms == 9840


def test_a_second_cut_can_only_be_shorter() -> None:
    desk = a_reply("One two.", silence(1000))
    cut(desk, 500)
    cut(desk, 700)
    assert desk.last(server.ItemTruncated).audio_end_ms == 500


def test_only_sound_of_the_assistant_can_be_cut() -> None:
    desk = a_reply("Hi.")
    user, reply = desk.last(server.AudioCommitted).item_id, desk.last(server.AudioDone).item_id
    for event in (client.TruncateItem(user, 1), client.TruncateItem(reply, 1), client.TruncateItem(reply, 0, 1)):
        desk.send(event)
        assert desk.error()["code"] == "unsupported_content_type"
        assert desk.error()["message"] == "Only model output audio messages can be truncated"


def test_a_cut_before_the_beginning_is_refused() -> None:
    desk = a_reply("One two.", silence(1000))
    cut(desk, -1)
    assert desk.error()["param"] == "audio_end_ms"


def test_what_is_made_of_a_reply_after_its_cut_is_sent_but_not_kept() -> None:
    desk = a_reply("One two.", silence(1000), done=False)
    desk.send(client.TruncateItem(desk.last(server.AudioDelta).item_id, 1000))
    desk.thinks(" Three.", silence(500))
    assert desk.last(server.TranscriptDelta).delta == " Three."
    assert told(desk) == ["Tell me.", "One two."]


def test_after_a_cut_the_prompt_is_warmed_with_what_was_heard() -> None:
    desk = a_reply("One two.", silence(1000))
    cut(desk, 500)
    assert [m["content"] for m in desk.job(Warm).prompt.messages] == ["Tell me.", "One"]


# ---- delete


def test_a_deleted_item_is_not_told() -> None:
    desk = a_reply("Hi.", silence(100))
    desk.send(client.DeleteItem(desk.last(server.ItemDone).item["id"]))
    assert desk.names() == ["conversation.item.deleted"]
    assert told(desk) == ["Tell me."]


def test_an_answer_that_waited_for_a_deleted_recording_begins() -> None:
    desk = Desk()
    desk.send(client.CreateItem(message("user", spoken(200), id="a")), client.CreateResponse(), client.DeleteItem("a"))
    assert desk.count(Answer) == 1


def test_an_item_deleted_while_it_grows_is_finished_without_a_place() -> None:
    desk = a_reply("One", silence(100), done=False)
    desk.send(client.DeleteItem(desk.last(server.AudioDelta).item_id))
    desk.new()
    desk.thinks(" two.")
    assert "conversation.item.done" not in desk.names()
    assert desk.has_a_free_slot()


def test_the_output_of_a_deleted_call_is_not_told() -> None:
    desk = a_reply(Asked("f", "{}"))
    call = desk.last(server.ItemDone).item
    desk.send(client.CreateItem({"type": "function_call_output", "call_id": call["call_id"], "output": "x"}))
    desk.send(client.DeleteItem(call["id"]))
    assert told(desk) == ["Tell me."]


# ---- long talks


def test_a_long_talk_is_told_from_a_later_item_on_and_the_beginning_changes_seldom() -> None:
    talk = Conversation()
    firsts = []
    for n in range(100):
        talk.add(TextItem(f"i{n}", "user", [text("x" * (TOLD_CHARACTERS // 10))]))
        firsts.append(talk.recent()[0].id)
        assert sum(len(str(i.view())) for i in talk.recent()) < TOLD_CHARACTERS * 1.5
    assert firsts[-1] != "i0"
    assert len(set(firsts)) < 30
    talk.remove(talk.items[0])
    talk.add(TextItem("front", "user", [text("x")]), "root")
    assert talk.recent()[0].id == firsts[-1]


def test_a_talk_that_became_too_long_is_shortened_and_read_again_while_nobody_waits() -> None:
    desk = Desk()
    for _ in range(2):
        desk.send(client.CreateItem(message("user", text("x" * (TOLD_CHARACTERS // 2)))))
    desk.send(client.CreateResponse())
    assert desk.count(Warm) == 0
    desk.thinks("Hi.")
    assert [m["role"] for m in desk.job(Warm).prompt.messages] == ["assistant"]


def test_one_message_longer_than_all_is_told_alone() -> None:
    talk = Conversation()
    talk.add(TextItem("a", "user", [text("x")]))
    talk.add(TextItem("b", "user", [text("x" * 2 * TOLD_CHARACTERS)]))
    assert [i.id for i in talk.recent()] == ["b"]


def test_old_sound_is_let_go_but_lengths_stay() -> None:
    talk = Conversation()
    reply = ReplyItem("reply", aloud=True)
    reply.say("Hi.")
    reply.sound(bytes(KEPT_SOUND_BYTES // 2))
    talk.add(reply)
    said = SpokenItem("said", bytes(KEPT_SOUND_BYTES // 2))
    talk.add(said)
    assert (len(reply.pcm), len(said.pcm)) == (KEPT_SOUND_BYTES // 2, KEPT_SOUND_BYTES // 2)
    talk.add(SpokenItem("more", bytes(2)))
    assert (len(reply.pcm), reply.samples, len(said.pcm)) == (0, KEPT_SOUND_BYTES // 4, KEPT_SOUND_BYTES // 2)
    talk.add(SpokenItem("last", bytes(2 * KEPT_SOUND_BYTES)))
    assert said.pcm == b""


def test_the_conversation_can_be_read_as_it_is_without_its_sound() -> None:
    desk = Desk()
    desk.send(
        client.CreateItem(message("user", text("One"), id="a")), client.CreateItem(message("user", spoken(100), id="b"))
    )
    assert desk.protocol.items == [
        {
            "id": "a",
            "object": "realtime.item",
            "type": "message",
            "status": "completed",
            "role": "user",
            "content": [text("One")],
        },
        {
            "id": "b",
            "object": "realtime.item",
            "type": "message",
            "status": "completed",
            "role": "user",
            "content": [{"type": "input_audio", "transcript": None}],
        },
    ]
