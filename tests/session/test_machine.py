"""Any order of events, reports, ticks and lost connections: a session never raises, cuts too far, hangs or forgets."""

from __future__ import annotations

import struct
from collections import Counter
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from tests.session.anything import (
    ANY_EVENT,
    ANYBODY,
    CODES,
    FAILURES,
    ITEMS,
    MESSAGES,
    RESPONSES,
    TEXT,
    USERS,
    of_connection,
)
from tests.session.server_side import ServerSide
from tests.session.speaker import CountingSpeaker

from vivavoce.events import server as said
from vivavoce.events.client import (
    AppendAudio,
    ClientEvent,
    DeleteItem,
    TruncateItem,
)
from vivavoce.events.server import ServerEvent
from vivavoce.pcm import bytes_to_ms
from vivavoce.ports import Hushed
from vivavoce.session.bargein import Judged
from vivavoce.session.effects import Call, Discard, Duck, Effect, Finish, Hush, Play, Prepare, Reopen, Show, Swap
from vivavoce.session.floor import Floor
from vivavoce.session.happenings import AssistantDelta, AssistantSaid, Called, Happening, UserSaid
from vivavoce.session.opening import Stage
from vivavoce.session.session import Session
from vivavoce.session.settings import FINISH_TOOL, Settings, Timeouts

UNIX_S = 1_000_000.0
LIFE_S = 300.0
WAITS = Timeouts(kept_s=0.1, renew_before_s=150.0)


def block(number: int, *, loud: bool = False) -> bytes:
    """A millisecond of the microphone that is like no other."""
    return struct.pack("<HHL", 0x4000 * loud, 0, number) * 6


def numbers(pcm: bytes) -> list[int]:
    return [struct.unpack_from("<HHL", pcm, at)[2] for at in range(0, len(pcm), 48)]


class Talk(RuleBasedStateMachine):
    """A session between servers of which anything may be expected, an honest speaker, and a person."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.speaker = CountingSpeaker()
        self.played: Counter[str] = Counter()  # bytes given to the speaker
        self.forgotten: Counter[str] = Counter()  # truncates and deletes
        self.deltas: dict[str, str] = {}
        self.finals: Counter[str] = Counter()
        self.calls: list[str] = []
        self.count = 0
        self.leaving = False
        self.over = False
        self.connections = 1
        self.server = ServerSide(1)  # the one in use, or being made
        self.standby: ServerSide | None = None
        self.opens = True  # the connection in use is still being made
        self.lines: list[Happening] = []  # what a server must know, in the order in which it was shown
        self.spoken = 0  # milliseconds of the microphone that were heard
        self.sent = 0  # the last of them that any connection has

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
            self.say(word)
        for word in self.session.to_standby():
            assert self.standby is not None
            self.standby.hear(word, self.now)
        if self.session.stage is Stage.READY:
            self.opens = False
            self.server.agreed = True

    def say(self, word: ClientEvent) -> None:
        ready = self.session.stage in {Stage.READY, Stage.OVER}
        self.server.agreed = self.server.agreed or ready
        self.server.hear(word, self.now)
        if isinstance(word, TruncateItem):
            assert 0 < word.heard_ms <= bytes_to_ms(self.played[word.item_id])
        if isinstance(word, TruncateItem | DeleteItem):
            self.forgotten[word.item_id] += 1
            # the servers of this machine give an item of the assistant the name of a person's now and then
            assert self.forgotten[word.item_id] <= 1 + word.item_id.startswith("user"), (
                "it is truncated or deleted once"
            )
        if isinstance(word, AppendAudio):
            self.hears(numbers(word.audio))

    def hears(self, found: list[int]) -> None:
        line = self.server.line
        assert found == list(range(found[0], found[0] + len(found))), "sound is one unbroken piece,"
        assert found[0] == line + 1 if line else found[0] <= self.sent + 1, "and nothing of it is left out"
        self.server.began = self.server.began or found[0]
        self.server.line = found[-1]
        self.sent = max(self.sent, found[-1])

    def carry_out_one(self, effect: Effect) -> None:
        match effect:
            case Play(item_id, pcm):
                assert not self.forgotten[item_id], "late sound of a cut reply is silent"
                self.speaker.play(item_id, pcm)
                self.played[item_id] += len(pcm) & ~1
            case Hush():
                self.speaker.hush()
            case Duck(share):
                assert share != self.speaker.share, "loudness changes when it is said to"
                self.speaker.share = share
            case Call(call_id):
                self.calls.append(call_id)
                assert Counter(self.calls)[call_id] == 1, "a function runs once"
            case Finish():
                self.over = True
            case Show(line):
                self.read(line)
            case _:
                self.change_connections(effect)

    def change_connections(self, effect: Effect) -> None:
        match effect:
            case Reopen():
                self.connections += 1
                self.server, self.opens = ServerSide(self.connections), True
            case Prepare():
                assert self.standby is None
                self.connections += 1
                self.standby = ServerSide(self.connections)
            case Swap():
                assert self.standby is not None
                assert self.standby.agreed
                self.server, self.standby = self.standby, None
            case Discard():
                assert self.standby is not None
                self.standby = None

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
        if isinstance(line, AssistantSaid | UserSaid | Called):
            self.lines.append(line)
        self.leaving = self.leaving or (isinstance(line, Called) and line.name == FINISH_TOOL)

    def tell(self, event: ServerEvent) -> None:
        """The server says it, and we remember what the session knows of the slot from now on."""
        server = self.server
        self.do(lambda: None)
        if self.server is server:
            self.count += 1
            named = of_connection(server.number, self.count, event)
            if self.session.stage is Stage.READY:
                server.says(named)
            self.do(self.session.receive, named)

    # ---- what may happen

    @initialize(
        interrupts=st.booleans(),
        confirms=st.booleans(),
        written=st.booleans(),
        tentative=st.booleans(),
        life=st.booleans(),
    )
    def begin(self, interrupts: bool, confirms: bool, written: bool, tentative: bool, life: bool) -> None:
        self.lasts = LIFE_S if life else None
        self.session = Session(
            Settings(
                interrupt_response=interrupts,
                confirm_barge_in=confirms,
                transcription_model="w" if written else None,
                transcription_tentative=tentative,
                max_s=100_000.0,
                timeouts=WAITS,
            )
        )
        self.do(self.session.hear, block(77))
        while self.opens:
            self.the_handshake_goes_on()

    @precondition(lambda self: self.opens)
    @rule()
    def the_handshake_goes_on(self) -> None:
        step, self.server.steps = self.server.steps, self.server.steps + 1
        if step == 0:
            self.do(self.session.opened, UNIX_S + self.now)
        elif step == 1:
            self.do(self.session.receive, said.SessionCreated(self.born()))
        else:
            self.do(self.session.receive, said.SessionUpdated({}))

    @precondition(lambda self: self.opens)
    @rule()
    def it_comes_back(self) -> None:
        number = self.server.number
        while self.opens and self.server.number == number and not self.over:
            self.the_handshake_goes_on()

    def born(self) -> dict[str, Any]:
        return {"id": "sess", "expires_at": self.lasts and UNIX_S + self.now + self.lasts}

    @precondition(lambda self: self.server.repeats and not self.opens)
    @rule()
    def the_server_repeats_what_it_was_told(self) -> None:
        repeats, self.server.repeats = self.server.repeats, []
        for event in repeats:
            self.tell(event)

    @rule()
    def the_connection_is_lost(self) -> None:
        self.do(self.session.gone, "connection_lost", "cut", "lost")

    @precondition(lambda self: self.standby is not None)
    @rule()
    def the_standby_goes_on(self) -> None:
        standby = self.standby
        self.do(lambda: None)
        if standby is None or self.standby is not standby:
            return
        step, standby.steps = standby.steps, standby.steps + 1
        if step == 0:
            self.do(self.session.standby_opened, UNIX_S + self.now)
        elif step == 1:
            self.do(self.session.receive_standby, said.SessionCreated(self.born()))
        else:
            standby.agreed = True
            self.do(self.session.receive_standby, said.SessionUpdated({}))

    @precondition(lambda self: self.lasts is not None and not self.opens)
    @rule()
    def a_standby_gets_ready(self) -> None:
        for _ in range(3):
            if self.standby is None and not self.over:
                self.the_alarm_rings()
        for _ in range(3):
            if self.standby is not None:
                self.the_standby_goes_on()

    @precondition(lambda self: self.standby is not None)
    @rule(event=ANY_EVENT)
    def the_standby_says_anything(self, event: ServerEvent) -> None:
        standby = self.standby
        self.do(lambda: None)
        if standby is not None and self.standby is standby:
            if isinstance(event, said.SessionUpdated):
                standby.agreed = standby.agreed or standby.steps > 1
            self.do(self.session.receive_standby, of_connection(standby.number, 0, event))

    @precondition(lambda self: self.standby is not None)
    @rule()
    def the_standby_is_lost(self) -> None:
        self.do(self.session.standby_gone, "lost", "cut")

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

    @rule(ms=st.sampled_from([0, 300, 2_000]), words=st.booleans(), whole=st.booleans(), heard=st.integers(0, 3_000))
    def a_whole_turn(self, ms: int, words: bool, whole: bool, heard: int) -> None:
        self.count += 1
        user, response, item = (f"{kind}_new{self.count}" for kind in ("user", "resp", "item"))
        self.the_person_is_heard(40, loud=True)
        self.turn(user, None, max(self.heard_here - 35, 0), 25)
        if words:
            self.tell(said.TranscriptionCompleted(user, "hello "))
        self.reply(response, item, "one two three four five six ", [48 * ms] if ms else [])
        self.speaker.advance(heard)
        if whole:
            self.end_of_reply(response, item)
        while self.speaker.reports:
            self.the_speaker_reports()

    @property
    def heard_here(self) -> int:
        """How long the line of the connection in use is, where it began with what it has."""
        return self.server.line - self.server.began if self.server.line else 0

    @precondition(lambda self: self.server.pending is not None)
    @rule(response=RESPONSES, metadata=st.booleans())
    def our_response_comes(self, response: str, metadata: bool) -> None:
        asked = self.server.pending.response if self.server.pending and metadata else None
        self.tell(said.ResponseCreated({"id": response, "metadata": (asked or {}).get("metadata")}))

    @precondition(lambda self: self.server.pending is not None)
    @rule(code=CODES, message=MESSAGES, named=st.booleans())
    def our_response_is_refused(self, code: str | None, message: str | None, named: bool) -> None:
        event_id = self.server.pending.event_id if self.server.pending and named else None
        self.tell(said.ServerError({"code": code, "message": message, "event_id": event_id}))

    @rule(response=RESPONSES, details=FAILURES)
    def a_response_fails(self, response: str, details: dict[str, Any]) -> None:
        self.tell(said.ResponseCreated({"id": response}))
        self.tell(said.ResponseDone({"id": response, "status": "failed", "status_details": details}))

    @rule(user=USERS, previous=st.none() | ANYBODY, start=st.integers(0, 100), ms=st.integers(0, 100))
    def turn(self, user: str, previous: str | None, start: int, ms: int) -> None:
        self.tell(said.SpeechStarted(user, start))
        self.tell(said.SpeechStopped(user, start + ms))
        self.tell(said.AudioCommitted(user, previous))

    @rule(verdicts=st.lists(st.sampled_from(Judged), min_size=1, max_size=3))
    def a_sound_is_judged(self, verdicts: list[Judged]) -> None:
        for verdict in verdicts:
            self.do(self.session.judged, verdict)

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
        self.do(self.session.heard, f"{item}@{self.server.number}", ms)

    @rule(seconds=st.sampled_from([0.02, 1.0, 5.0, 10.0, 29.0, 100.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds
        self.do(lambda: None)

    @rule()
    def the_alarm_rings(self) -> None:
        due = self.session.next_deadline()
        if due is not None and due < 90_000.0:
            self.now = max(self.now, due)
            self.do(lambda: None)
            again = self.session.next_deadline()
            assert again is None or again > self.now, "an alarm that changes nothing would ring for ever"

    @rule(text=st.sampled_from(["", "hello", "stop"]))
    def the_person_types(self, text: str) -> None:
        self.count += 1
        self.do(self.session.type, f"{text} {self.count}" if text else text)

    @rule(done=st.booleans(), name=st.sampled_from(["weather", "weather", "time", FINISH_TOOL]))
    def a_function_is_called(self, done: bool, name: str) -> None:
        self.count += 1
        response, call = f"resp_new{self.count}", f"call_new{self.count}"
        item = {
            "id": f"item_new{self.count}",
            "type": "function_call",
            "call_id": call,
            "name": name,
            "arguments": "{}",
        }
        self.tell(said.ResponseCreated({"id": response}))
        self.tell(said.OutputItemAdded(response, item))
        self.tell(said.OutputItemDone(response, item))
        if done:
            self.tell(said.ResponseDone({"id": response, "status": "completed"}))

    @precondition(lambda self: self.calls)
    @rule(data=st.data())
    def a_function_answers(self, data: st.DataObject) -> None:
        self.count += 1
        call = data.draw(st.sampled_from(self.calls))
        self.do(self.session.answered, call, f"sunny {self.count}")

    @rule(ms=st.integers(1, 80), loud=st.booleans())
    def the_person_is_heard(self, ms: int, loud: bool) -> None:
        self.do(lambda: None)
        if self.over or (self.leaving and self.session.floor is not Floor.LISTENING):
            return  # deaf
        sound = b"".join(block(self.spoken + 1 + number, loud=loud) for number in range(ms))
        self.spoken += ms
        self.do(self.session.hear, sound)

    # ---- what always holds

    @invariant()
    def the_alarm_is_never_in_the_past(self) -> None:
        due = self.session.next_deadline()
        assert due is None or due > self.now or self.over

    @invariant()
    def what_is_quieter_is_loud_again_in_the_end(self) -> None:
        assert not self.session.quiet or self.speaker.share == 1.0

    @invariant()
    def the_stage_says_when_the_talk_is_over(self) -> None:
        assert self.over == (self.session.stage is Stage.OVER)

    @invariant()
    def a_connection_in_use_has_all_sound_up_to_now(self) -> None:
        if self.session.stage is Stage.READY:
            assert self.server.line in {0, self.spoken}
            assert self.sent == self.spoken

    @invariant()
    def it_was_told_what_was_said_before_it_in_order_and_once(self) -> None:
        if self.session.stage is Stage.READY:
            self.server.knows_what_was_said(self.lines)

    def teardown(self) -> None:
        """When everything owed has come and time has passed, the session is quiet or over."""
        if not hasattr(self, "session"):
            return
        for _ in range(40):
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
        while self.opens and not self.over:
            self.the_handshake_goes_on()
        self.tell(said.SpeechStopped("user_last", 5))
        for call in self.calls:
            self.do(self.session.answered, call, "sunny")
        pending = self.server.pending
        if pending is not None:
            self.tell(
                said.ResponseCreated({"id": f"late_{self.now}", "metadata": (pending.response or {})["metadata"]})
            )
        for response in sorted(self.server.active):
            self.tell(said.ResponseDone({"id": response, "status": "completed"}))
        self.speaker.advance(10_000_000)
        while self.speaker.reports:
            self.the_speaker_reports()
        self.now += 4.0
        self.do(lambda: None)


TestTalk = Talk.TestCase
TestTalk.settings = settings(
    max_examples=120, stateful_step_count=40, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)


def test_sound_before_the_settings_are_agreed_is_dropped_in_the_machine_too() -> None:
    session = Session(Settings())
    session.hear(b"\1\0")
    assert not any(isinstance(word, AppendAudio) for word in session.to_server())
