"""Text in, one word or one ProtocolError out."""

from __future__ import annotations

import json
from typing import Any

import pytest

from vivavoce.errors import ProtocolError
from vivavoce.events import Unknown, Word, decode, encode
from vivavoce.events import server as heard
from vivavoce.events.client import AppendAudio, CancelResponse, CommitAudio, CreateItem, CreateResponse, TruncateItem
from vivavoce.events.codec import CLIENT_SHAPES, SERVER_SHAPES, from_fields, to_fields

SHAPES = CLIENT_SHAPES | SERVER_SHAPES
GOOD: dict[type, Any] = {str: "text", int: 7, float: 1.5, dict: {"a": 1}, list: [1], bytes: "AAA="}
NAMES: dict[type, str] = {
    str: "a string",
    int: "an integer",
    float: "a number",
    dict: "an object",
    list: "an array",
    bytes: "base64 text",
}
WRONG: list[Any] = ["text", 7, 1.5, True, {"a": 1}, [1]]


def whole(name: str) -> dict[str, Any]:
    """An event of this name with every field it may have."""
    return {"type": name, "event_id": "event_1"} | {slot.wire: GOOD[slot.kinds[0]] for slot in SHAPES[name].slots}


EVERY_FIELD = [(name, slot) for name, shape in sorted(SHAPES.items()) for slot in shape.slots]
EVERY_FIELD_IDS = [f"{name}-{slot.wire}" for name, slot in EVERY_FIELD]
ALWAYS_ABSENT = {"previous_item_id", "name", "usage", "response", "id", "speaker", "start", "end"}


@pytest.mark.parametrize("name", sorted(SHAPES))
def test_a_whole_event_decodes_to_its_class_and_back(name: str) -> None:
    event = decode(json.dumps(whole(name)))
    assert type(event) is SHAPES[name].make
    assert event.event_id == "event_1"
    assert event.extra == {}
    assert json.loads(encode(event)) == whole(name)


@pytest.mark.parametrize(("name", "slot"), EVERY_FIELD, ids=EVERY_FIELD_IDS)
def test_a_required_field_that_is_missing_or_null_is_named(name: str, slot: Any) -> None:
    missing = {key: value for key, value in whole(name).items() if key != slot.wire}
    null = whole(name) | {slot.wire: None}
    if not slot.required:
        assert (
            slot.wire in ALWAYS_ABSENT or slot.wire.endswith("_index") or name.startswith(("response.cancel", "conv"))
        )
        assert json.loads(encode(decode(json.dumps(null)))) == null
        assert getattr(decode(json.dumps(missing)), slot.name) in {None, 0}
        return
    for said in (missing, null):
        with pytest.raises(ProtocolError) as raised:
            decode(json.dumps(said))
        assert raised.value.field == slot.wire
        assert raised.value.code == "missing_required_parameter"
        assert raised.value.event_id == "event_1"
        assert str(raised.value) == f"Missing required parameter: '{slot.wire}'."


@pytest.mark.parametrize(("name", "slot"), EVERY_FIELD, ids=EVERY_FIELD_IDS)
def test_a_wrong_type_is_named(name: str, slot: Any) -> None:
    fits = str if slot.is_audio else slot.kinds
    for value in WRONG:
        if isinstance(value, fits) and not isinstance(value, bool):
            continue
        with pytest.raises(ProtocolError) as raised:
            decode(json.dumps(whole(name) | {slot.wire: value}))
        assert raised.value.field == slot.wire
        assert raised.value.code == "invalid_type"
        assert raised.value.event_id == "event_1"
        assert str(raised.value) == f"Invalid type for '{slot.wire}': expected {NAMES[slot.kinds[0]]}."


@pytest.mark.parametrize("whole_number", [0, 3])
def test_a_number_of_seconds_may_be_whole(whole_number: int) -> None:
    said = whole("conversation.item.input_audio_transcription.segment") | {"start": whole_number}
    event = decode(json.dumps(said))
    assert isinstance(event, heard.TranscriptionSegment)
    assert event.start == whole_number


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "nope",
        '{"type": }',
        b"\xff\xfe\xff",
        "[" * 100_000,
        '{"type":"x","a":NaN}',
        '{"type":"x","a":-Infinity}',
    ],
)
def test_text_that_is_not_json_is_one_error(text: str | bytes) -> None:
    with pytest.raises(ProtocolError, match="this is not JSON") as raised:
        decode(text)
    assert (raised.value.field, raised.value.code, raised.value.event_id) == ("", "invalid_json", None)


@pytest.mark.parametrize("text", ["[]", "3", "null", '"error"', "true"])
def test_json_that_is_no_object_is_one_error(text: str) -> None:
    with pytest.raises(ProtocolError, match="an event is a JSON object, this is not") as raised:
        decode(text)
    assert (raised.value.field, raised.value.code) == ("", "invalid_json")


def test_text_may_come_as_bytes() -> None:
    assert decode(b'{"type":"input_audio_buffer.commit"}') == CommitAudio()


@pytest.mark.parametrize("said", [{}, {"type": None}, {"audio": "AAA="}])
def test_a_missing_type_is_named(said: dict[str, Any]) -> None:
    with pytest.raises(ProtocolError) as raised:
        from_fields(said | {"event_id": "event_567"})
    assert str(raised.value) == "The 'type' field is missing."
    assert (raised.value.field, raised.value.code) == ("type", "missing_required_parameter")
    assert raised.value.event_id == "event_567"


@pytest.mark.parametrize("name", [3, True, [], {}])
def test_a_type_that_is_no_string_is_named(name: Any) -> None:
    with pytest.raises(ProtocolError, match="'type' must be a string") as raised:
        from_fields({"type": name, "event_id": "mine"})
    assert (raised.value.field, raised.value.code, raised.value.event_id) == ("type", "invalid_type", "mine")


@pytest.mark.parametrize("event_id", [3, True, [], {}])
@pytest.mark.parametrize("name", ["input_audio_buffer.commit", "invented.later"])
def test_an_event_id_that_is_no_string_is_named(event_id: Any, name: str) -> None:
    with pytest.raises(ProtocolError, match="'event_id' must be a string") as raised:
        from_fields({"type": name, "event_id": event_id})
    assert (raised.value.field, raised.value.code, raised.value.event_id) == ("event_id", "invalid_type", None)


def test_a_faulty_client_word_keeps_its_event_id() -> None:
    with pytest.raises(ProtocolError) as raised:
        decode('{"type":"conversation.item.truncate","event_id":"my_word","item_id":"a"}')
    assert raised.value.event_id == "my_word"
    assert raised.value.field == "audio_end_ms"


def test_an_unknown_event_keeps_all_it_said() -> None:
    said = {"type": "invented.later", "event_id": "e", "a": None, "b": [1, {"c": 2}]}
    event = decode(json.dumps(said))
    assert event == Unknown(type="invented.later", fields={"a": None, "b": [1, {"c": 2}]})
    assert event.event_id == "e"
    assert event.extra == {}
    assert json.loads(encode(event)) == said


@pytest.mark.parametrize("name", ["invented.later", "input_audio_buffer.commit"])
def test_an_event_id_that_is_null_stays_null_and_an_absent_one_absent(name: str) -> None:
    every: list[dict[str, Any]] = [
        {"type": name},
        {"type": name, "event_id": None},
        {"type": name, "event_id": None, "x": 1},
    ]
    for said in every:
        event = decode(json.dumps(said))
        assert event.event_id is None
        assert to_fields(event) == said


def test_fields_we_do_not_name_ride_along_unseen() -> None:
    said = {"type": "conversation.item.deleted", "event_id": "e", "item_id": "i", "new": {"a": [1]}, "previous": None}
    event = decode(json.dumps(said))
    assert event == heard.ItemDeleted("i")
    assert event.extra == {"new": {"a": [1]}, "previous": None}
    assert json.loads(encode(event)) == said


def test_a_null_beside_a_full_set_of_fields_is_kept() -> None:
    said: dict[str, Any] = {"type": "conversation.item.added", "item": {}, "previous_item_id": None}
    assert to_fields(decode(json.dumps(said))) == said
    assert to_fields(heard.ItemAdded({})) == {"type": "conversation.item.added", "item": {}}


@pytest.mark.parametrize(
    ("text", "pcm"),
    [
        ("", b""),
        ("AA==", b"\0"),
        ("AAA=", b"\0\0"),
        ("AAAA", b"\0\0\0"),
        ("AQID/w==", b"\1\2\3\xff"),
        ("+/+/", b"\xfb\xff\xbf"),
    ],
)
def test_canonical_base64_is_sound_and_nothing_else(text: str, pcm: bytes) -> None:
    event = decode(json.dumps({"type": "input_audio_buffer.append", "audio": text}))
    assert event == AppendAudio(pcm)
    assert event.extra == {}
    assert json.loads(encode(event))["audio"] == text


@pytest.mark.parametrize(
    ("text", "pcm"),
    [("AA", b"\0"), ("AAA", b"\0\0"), ("AAAAAA", b"\0\0\0\0"), ("AB==", b"\0"), ("AAAAAB==", b"\0\0\0\0")],
)
def test_base64_without_its_padding_or_with_loose_bits_is_taken_and_said_again(text: str, pcm: bytes) -> None:
    event = decode(json.dumps({"type": "input_audio_buffer.append", "audio": text}))
    assert event == AppendAudio(pcm)
    assert json.loads(encode(event)) == {"type": "input_audio_buffer.append", "audio": text}


@pytest.mark.parametrize("text", ["A", "AAAAA", "=", "====", "AA=A", "AAA=AAAA", "A A=", "AA-_", "äöü=", "AAA\n="])
def test_text_that_is_not_base64_is_named(text: str) -> None:
    said = {"type": "response.output_audio.delta", "event_id": "e", "response_id": "r", "item_id": "i", "delta": text}
    with pytest.raises(ProtocolError, match="'delta' is not base64") as raised:
        decode(json.dumps(said))
    assert (raised.value.field, raised.value.code, raised.value.event_id) == ("delta", "invalid_value", "e")


def test_sound_goes_out_as_short_as_json_can_say_it() -> None:
    assert encode(AppendAudio(b"\1\2")) == '{"type":"input_audio_buffer.append","audio":"AQI="}'
    assert encode(AppendAudio(b"")) == '{"type":"input_audio_buffer.append","audio":""}'


def test_sound_with_an_event_id_or_more_says_it_too() -> None:
    assert json.loads(encode(AppendAudio(b"\1", event_id="e"))) == {
        "type": "input_audio_buffer.append",
        "event_id": "e",
        "audio": "AQ==",
    }
    assert json.loads(encode(AppendAudio(b"\1", extra={"x": 1})))["x"] == 1


def test_sound_within_an_item_becomes_text_only_as_json() -> None:
    item = {"type": "message", "role": "user", "content": [{"type": "input_audio", "audio": b"\1\2"}]}
    assert json.loads(encode(CreateItem(item)))["item"]["content"][0]["audio"] == "AQI="
    assert item["content"] == [{"type": "input_audio", "audio": b"\1\2"}], "what was given is left as it is"


def test_what_is_no_json_is_not_guessed_at() -> None:
    with pytest.raises(TypeError, match="set"):
        encode(CreateItem({"type": {"message"}}))


def test_what_is_heard_ms_here_is_audio_end_ms_there() -> None:
    assert to_fields(TruncateItem("a", heard_ms=400)) == {
        "type": "conversation.item.truncate",
        "item_id": "a",
        "audio_end_ms": 400,
        "content_index": 0,
    }


def test_fields_that_are_not_set_are_not_said() -> None:
    assert encode(CreateResponse()) == '{"type":"response.create"}'
    assert encode(CancelResponse("r")) == '{"type":"response.cancel","response_id":"r"}'
    assert encode(CreateItem({"type": "message"}, event_id="e")) == (
        '{"event_id":"e","type":"conversation.item.create","item":{"type":"message"}}'
    )


def test_where_an_event_came_from_is_no_part_of_what_it_says() -> None:
    assert heard.ItemDeleted("i", event_id="1", extra={"x": 1}) == heard.ItemDeleted("i", event_id="2")
    assert heard.ItemDeleted("i") != heard.ItemDeleted("j")
    assert "extra" not in repr(heard.ItemDeleted("i", extra={"x": 1}))


def test_a_word_without_a_class_has_no_name() -> None:
    assert Word.TYPE == ""


def test_an_error_gives_its_code_or_else_its_type() -> None:
    assert heard.ServerError({"code": "c", "type": "t"}).code == "c"
    assert heard.ServerError({"code": None, "type": "t"}).code == "t"
    assert heard.ServerError({}).code == ""


def test_an_error_without_a_message_says_so() -> None:
    assert heard.ServerError({"message": "no"}).message == "no"
    assert heard.ServerError({"message": None}).message == "the server gave no reason"


def test_an_error_names_our_word_at_fault_where_the_server_does() -> None:
    assert heard.ServerError({"event_id": "mine"}).caused_by == "mine"
    assert heard.ServerError({"event_id": None}).caused_by is None
    assert heard.ServerError({"event_id": 3}).caused_by is None
