"""Any order of events, reports and ticks: a session never raises, never cuts too far, never hangs."""

from __future__ import annotations

from collections import Counter
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from tests.session.speaker import CountingSpeaker

from vivavoce.events import Unknown
from vivavoce.events import server as said
from vivavoce.events.client import AppendAudio, CancelResponse, CreateResponse, DeleteItem, TruncateItem
from vivavoce.events.server import ServerEvent
from vivavoce.pcm import bytes_to_ms
from vivavoce.ports import Hushed
from vivavoce.session.effects import Call, Effect, Finish, Hush, Play, Show
from vivavoce.session.happenings import AssistantDelta, AssistantSaid, Happening, UserSaid
from vivavoce.session.opening import Stage
from vivavoce.session.session import Session
from vivavoce.session.settings import FINISH_TOOL, Settings

RESPONSES = st.sampled_from([f"resp_{count}" for count in range(8)] + [""])
ITEMS = st.sampled_from([f"item_{count}" for count in range(8)])
USERS = st.sampled_from([f"user_{count}" for count in range(6)])
ANYBODY = ITEMS | USERS | st.sampled_from(["root", "viva_typed_1"])
TEXT = st.sampled_from(["", "hello ", "there you are. ", "one two three four five six "])
PCM = st.sampled_from([0, 1, 47, 48, 4_801, 48_000]).map(bytes)
ODD = st.sampled_from([None, 3, [], {}, "odd", [1], {"a": 1}])
CODES = st.sampled_from(
    [
        None,
        "server_error",
        "session_expired",
        "response_cancel_not_active",
        "conversation_already_has_active_response",
        "item_truncate_invalid_item_id",
    ]
)
MESSAGES = st.sampled_from(
    ["no", "Conversation already has an active response", "... in progress: resp_1. Wait ...", None]
)
STATUS = st.sampled_from(["completed", "cancelled", "incomplete", "failed", None])
CREATE_PATIENCE_S = 10.0


@st.composite
def items(draw: st.DrawFn) -> dict[str, Any]:
    kind = draw(st.sampled_from(["message", "message", "function_call", "mcp_call"]))
    item: dict[str, Any] = {"id": draw(ANYBODY | ODD), "type": kind, "status": draw(STATUS)}
    if kind == "message":
        return item | {"role": draw(st.sampled_from(["assistant", "user", "system"])), "content": draw(ODD)}
    return item | {
        "call_id": draw(st.sampled_from(["call_1", "call_2", "call_3", None])),
        "name": draw(st.sampled_from(["weather", "time", FINISH_TOOL, None])),
        "arguments": draw(st.sampled_from(["{}", "", "{", "[]", None])),
    }


def responses(metadata: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {"id": RESPONSES, "metadata": metadata, "status": STATUS, "status_details": ODD, "usage": ODD}
    )


ANY_EVENT: st.SearchStrategy[ServerEvent] = st.one_of(
    st.builds(said.SpeechStarted, USERS, st.integers(0, 9)),
    st.builds(said.SpeechStopped, USERS, st.integers(0, 9)),
    st.builds(said.AudioCommitted, USERS, st.none() | ANYBODY),
    st.builds(said.TranscriptionCompleted, ANYBODY, TEXT),
    st.builds(said.TranscriptionFailed, ANYBODY, st.fixed_dictionaries({"code": CODES, "message": MESSAGES})),
    st.builds(said.ItemAdded, items(), st.none() | ANYBODY),
    st.builds(said.ItemDone, items(), st.none() | ANYBODY),
    st.builds(said.ResponseCreated, responses(ODD)),
    st.builds(said.ResponseDone, responses(ODD)),
    st.builds(said.OutputItemAdded, RESPONSES, items()),
    st.builds(said.OutputItemDone, RESPONSES, items()),
    st.builds(said.AudioDelta, ITEMS, PCM, RESPONSES),
    st.builds(said.TranscriptDelta, ANYBODY, TEXT, RESPONSES),
    st.builds(said.TranscriptDone, ANYBODY, TEXT, RESPONSES),
    st.builds(said.TextDelta, ANYBODY, TEXT, RESPONSES),
    st.builds(said.TextDone, ANYBODY, TEXT, RESPONSES),
    st.builds(
        said.ServerError, st.fixed_dictionaries({"type": ODD, "code": CODES, "message": MESSAGES, "event_id": ODD})
    ),
    st.builds(said.SessionUpdated, st.just({})),
    st.builds(said.RateLimitsUpdated, st.just([])),
    st.builds(Unknown, type=st.just("invented.later"), fields=st.just({})),
)


class Talk(RuleBasedStateMachine):
    """A session between a server of which anything may be expected, an honest speaker, and a person."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.speaker = CountingSpeaker()
        self.played: Counter[str] = Counter()  # bytes given to the speaker
        self.forgotten: Counter[str] = Counter()  # truncates and deletes
        self.deltas: dict[str, str] = {}
        self.finals: Counter[str] = Counter()
        self.active: set[str] = set()  # told as created, not yet as done
        self.done: set[str] = set()
        self.pending: CreateResponse | None = None
        self.pending_since = 0.0
        self.calls: list[str] = []
        self.over = False

    # ---- the world

    def do(self, verb: Any, *values: Any) -> None:
        self.session.tick(self.now)
        self.carry_out()
        verb(*values)
        self.carry_out()

    def carry_out(self) -> None:
        for effect in self.session.to_world():
            assert not self.over, "nothing happens after the end"
            self.carry_out_one(effect)
        for word in self.session.to_server():
            if isinstance(word, TruncateItem):
                assert 0 < word.heard_ms <= bytes_to_ms(self.played[word.item_id])
            if isinstance(word, TruncateItem | DeleteItem):
                self.forgotten[word.item_id] += 1
                assert self.forgotten[word.item_id] == 1, "an item is truncated or deleted once"
            if isinstance(word, CreateResponse):
                self.create(word)
            if isinstance(word, CancelResponse):
                assert word.response_id in self.active

    def carry_out_one(self, effect: Effect) -> None:
        match effect:
            case Play(item_id, pcm):
                assert not self.forgotten[item_id], "late sound of a cut reply is silent"
                self.speaker.play(item_id, pcm)
                self.played[item_id] += len(pcm) & ~1
            case Hush():
                self.speaker.hush()
            case Call(call_id):
                self.calls.append(call_id)
                assert Counter(self.calls)[call_id] == 1, "a function runs once"
            case Finish():
                self.over = True
            case Show(line):
                self.read(line)

    def read(self, line: Happening) -> None:
        if isinstance(line, AssistantDelta):
            assert not self.finals[line.item_id], "no words after the last line of an item"
            self.deltas[line.item_id] = self.deltas.get(line.item_id, "") + line.text
        elif isinstance(line, AssistantSaid):
            assert self.deltas.get(line.item_id, "") == line.heard_text
            assert line.text.startswith(line.heard_text)
            assert line.heard_ms <= bytes_to_ms(self.played[line.item_id])
        if isinstance(line, AssistantSaid | UserSaid):
            self.finals[line.item_id] += 1
            assert self.finals[line.item_id] == 1, "every item has one last line"

    def create(self, word: CreateResponse) -> None:
        assert not self.active, "never a second response while one is active"
        if self.pending is not None:
            assert self.now >= self.pending_since + CREATE_PATIENCE_S, "never a second create while one is pending"
        self.pending, self.pending_since = word, self.now

    def tell(self, event: ServerEvent) -> None:
        """The server says it, and we remember what the session knows of the slot from now on."""
        if isinstance(event, said.ResponseCreated) and str(event.response["id"] or "") not in self.done:
            self.active.add(str(event.response["id"] or ""))
            self.pending = None
        elif isinstance(event, said.ResponseDone):
            self.active.discard(str(event.response["id"] or ""))
            self.done.add(str(event.response["id"] or "") or "-")
            self.pending = None
        elif isinstance(event, said.ServerError):
            self.pending = None
        self.do(self.session.receive, event)

    # ---- what may happen

    @initialize(interrupts=st.booleans(), written=st.booleans(), tentative=st.booleans())
    def begin(self, interrupts: bool, written: bool, tentative: bool) -> None:
        self.session = Session(
            Settings(
                interrupt_response=interrupts,
                transcription_model="w" if written else None,
                transcription_tentative=tentative,
                max_s=100_000.0,
            )
        )
        self.do(self.session.opened)
        self.do(self.session.hear, b"\1\0")
        self.do(self.session.receive, said.SessionCreated({}))
        self.do(self.session.receive, said.SessionUpdated({}))

    @rule(event=ANY_EVENT)
    def anything(self, event: ServerEvent) -> None:
        self.tell(event)

    @rule(response=RESPONSES, item=ITEMS, text=TEXT, sizes=st.lists(st.sampled_from([480, 4_801, 48_000]), max_size=3))
    def reply(self, response: str, item: str, text: str, sizes: list[int]) -> None:
        message = {"id": item, "type": "message", "role": "assistant"}
        self.tell(said.ResponseCreated({"id": response}))
        self.tell(said.OutputItemAdded(response, message))
        self.tell(said.TranscriptDelta(item, text, response))
        for size in sizes:
            self.tell(said.AudioDelta(item, bytes(size), response))

    @rule(response=RESPONSES, item=ITEMS)
    def end_of_reply(self, response: str, item: str) -> None:
        self.tell(said.OutputItemDone(response, {"id": item, "type": "message"}))
        self.tell(said.ResponseDone({"id": response, "status": "completed"}))

    @precondition(lambda self: self.pending is not None)
    @rule(response=RESPONSES, metadata=st.booleans())
    def our_response_comes(self, response: str, metadata: bool) -> None:
        asked = self.pending.response if self.pending and metadata else None
        self.tell(said.ResponseCreated({"id": response, "metadata": (asked or {}).get("metadata")}))

    @precondition(lambda self: self.pending is not None)
    @rule(code=CODES, message=MESSAGES, named=st.booleans())
    def our_response_is_refused(self, code: str | None, message: str | None, named: bool) -> None:
        event_id = self.pending.event_id if self.pending and named else None
        self.tell(said.ServerError({"code": code, "message": message, "event_id": event_id}))

    @rule(user=USERS, previous=st.none() | ANYBODY)
    def turn(self, user: str, previous: str | None) -> None:
        self.tell(said.SpeechStarted(user, 0))
        self.tell(said.SpeechStopped(user, 5))
        self.tell(said.AudioCommitted(user, previous))

    @rule(ms=st.sampled_from([1, 20, 500, 5_000]))
    def sound_is_heard(self, ms: int) -> None:
        self.speaker.advance(ms)

    @precondition(lambda self: self.speaker.reports)
    @rule()
    def the_speaker_reports(self) -> None:
        report = self.speaker.reports.popleft()
        verb = self.session.hushed if isinstance(report, Hushed) else self.session.heard
        self.do(verb, report.item_id, report.ms)

    @rule(item=ITEMS, ms=st.integers(-5, 5_000))
    def a_stray_report(self, item: str, ms: int) -> None:
        self.do(self.session.heard, item, ms)

    @rule(seconds=st.sampled_from([0.02, 1.0, 5.0, 10.0, 29.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds
        self.do(lambda: None)

    @rule()
    def the_alarm_rings(self) -> None:
        due = self.session.next_deadline()
        if due is not None and due < 1_000.0:
            self.now = max(self.now, due)
            self.do(lambda: None)
            again = self.session.next_deadline()
            assert again is None or again > self.now, "an alarm that changes nothing would ring for ever"

    @rule(text=st.sampled_from(["", "hello", "stop"]))
    def the_person_types(self, text: str) -> None:
        self.do(self.session.type, text)

    @rule(call=st.sampled_from(["call_1", "call_2", "call_3"]))
    def a_function_answers(self, call: str) -> None:
        self.do(self.session.answered, call, "sunny")

    @rule()
    def the_person_is_heard(self) -> None:
        self.do(self.session.hear, b"\1\0")

    # ---- what always holds

    @invariant()
    def the_alarm_is_never_in_the_past(self) -> None:
        due = self.session.next_deadline()
        assert due is None or due > self.now or self.over

    @invariant()
    def the_stage_says_when_the_talk_is_over(self) -> None:
        assert self.over == (self.session.stage is Stage.OVER)

    def teardown(self) -> None:
        """When everything owed has come and time has passed, the session is quiet or over."""
        if not hasattr(self, "session"):
            return
        self.tell(said.SpeechStopped("user_last", 5))
        for _ in range(12):
            if self.session.quiet or self.over:
                break
            self.settle()
        assert self.session.quiet or self.over
        if not self.over:
            self.do(self.session.leave, "interrupt")
        assert self.over
        self.do(self.session.hear, b"\1\0")
        assert self.session.to_server() == []

    def settle(self) -> None:
        """The server answers what was asked and ends what it began; the speaker plays all; functions answer."""
        for call in self.calls:
            self.do(self.session.answered, call, "sunny")
        if self.pending is not None:
            self.tell(
                said.ResponseCreated({"id": f"late_{self.now}", "metadata": (self.pending.response or {})["metadata"]})
            )
        for response in sorted(self.active):
            self.tell(said.ResponseDone({"id": response, "status": "completed"}))
        self.speaker.advance(10_000_000)
        while self.speaker.reports:
            self.the_speaker_reports()
        self.now += 10.0
        self.do(lambda: None)


TestTalk = Talk.TestCase
TestTalk.settings = settings(
    max_examples=120, stateful_step_count=40, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)


def test_sound_before_the_settings_are_agreed_is_dropped_in_the_machine_too() -> None:
    session = Session(Settings())
    session.hear(b"\1\0")
    assert not any(isinstance(word, AppendAudio) for word in session.to_server())
