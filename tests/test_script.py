"""A script speaks when it should: after what was heard, never by guess."""

from __future__ import annotations

import asyncio

from vivavoce.script import Line, Recording, Script, Typed
from vivavoce.session.happenings import AssistantSaid, Errored, Ready, SpeechBegan
from vivavoce.testing.hurry import hurried

READY = Ready("s", "m", "i")


class Talk:
    """What a script sees of a talk; the test is the person at its levers."""

    def __init__(self) -> None:
        self.quiet = True
        self.did: list[str] = []

    def type(self, text: str) -> None:
        self.did.append(f"typed {text}")
        self.quiet = False

    def say(self, pcm: bytes) -> None:
        self.did.append(f"said {pcm.decode()}")
        self.speaking = True
        self.quiet = False

    speaking = False

    def warn(self, code: str, message: str) -> None:
        self.did.append(f"warned {code} {message}")

    def leave_when_quiet(self, reason: str) -> None:
        self.did.append(f"left {reason}")


def perform(talk: Talk, lines: list[Line], *levers: tuple[float, str], stay: bool = False) -> list[str]:
    """Run the script, pulling each lever after its pause: `ready`, `began`, `sent`, `quiet`, `heard ITEM`."""

    async def act() -> list[str]:
        script = Script(lines, talk, stay=stay)
        performing = asyncio.create_task(script.perform(talk))
        for pause, lever in levers:
            await asyncio.sleep(pause)
            match lever.split():
                case ["ready"]:
                    script.saw(READY)
                case ["began"]:
                    script.saw(SpeechBegan("u", 0))
                case ["sent"]:
                    talk.speaking = False
                case ["quiet"]:
                    talk.quiet = True
                case ["fails"]:
                    script.saw(Errored("c", "It failed.", fatal=False))
                case ["answers"]:
                    script.saw(AssistantSaid("a", "Yes.", "Yes.", 100, interrupted=False))
                case ["heard", item]:
                    script.heard(item, 20)
                case _:
                    talk.did.append(lever)
        await asyncio.wait_for(performing, 10)
        return talk.did

    return hurried(act())


def test_nothing_is_said_before_ready() -> None:
    did = perform(
        Talk(),
        [Recording("a", b"one")],
        (0.05, "still waiting"),
        (0, "ready"),
        (0.05, "began"),
        (0, "sent"),
        (0, "quiet"),
    )
    assert did == ["still waiting", "said one", "left script_done"]


def test_the_next_line_waits_until_the_reply_was_heard_to_its_end() -> None:
    did = perform(
        Talk(),
        [Recording("a", b"one"), Typed("two")],
        (0, "ready"),
        (0.05, "began"),
        (0, "sent"),
        (0.5, "not yet"),
        (0, "quiet"),
        (1.2, "quiet"),
    )
    assert did == ["said one", "not yet", "typed two", "left script_done"]


def test_a_barge_in_is_timed_from_the_first_sound_of_the_reply_before_it() -> None:
    did = perform(
        Talk(),
        [Recording("a", b"one"), Recording("b", b"two", after_first_sound_s=0.3)],
        (0, "ready"),
        (0.05, "began"),
        (0, "sent"),
        (0.3, "no sound yet"),
        (0, "heard item"),
        (0.1, "too early"),
        (0.5, "began"),
        (0, "sent"),
        (0, "quiet"),
    )
    assert did == ["said one", "no sound yet", "too early", "said two", "left script_done"]


def test_sound_of_an_older_reply_is_not_the_reply() -> None:
    did = perform(
        Talk(),
        [Typed("one"), Typed("two"), Recording("c", b"three", after_first_sound_s=0.1)],
        (0, "ready"),
        (0.02, "heard old"),
        (0.4, "quiet"),
        (1.2, "heard old"),
        (0.3, "only the old one sounds"),
        (0, "heard new"),
        (0.3, "began"),
        (0, "sent"),
        (0, "quiet"),
    )
    assert did == ["typed one", "typed two", "only the old one sounds", "said three", "left script_done"]


def test_a_barge_in_on_a_reply_that_never_sounded_begins_when_the_floor_is_free() -> None:
    did = perform(
        Talk(),
        [Typed("one"), Recording("b", b"two", after_first_sound_s=5)],
        (0, "ready"),
        (0.1, "quiet"),
        (0.6, "began"),
        (0, "sent"),
        (0, "quiet"),
    )
    assert did == ["typed one", "said two", "left script_done"]


def test_a_recording_nobody_notices_is_told_and_does_not_hang_the_talk() -> None:
    did = perform(Talk(), [Recording("a", b"hush")], (0, "ready"), (0.05, "sent"), (0, "quiet"))
    assert did == ["said hush", "warned not_heard The server noticed no speech in that recording.", "left script_done"]


def test_a_script_beside_a_person_does_not_end_the_talk() -> None:
    assert perform(Talk(), [Typed("one")], (0, "ready"), (0.1, "quiet"), stay=True) == ["typed one"]


def test_a_script_of_which_nothing_was_answered_for_an_error_ends_with_no_reply() -> None:
    failed = [(0.1, "ready"), (0.1, "fails"), (0.1, "quiet")]
    assert perform(Talk(), [Typed("one")], *failed)[-1] == "left no_reply"
    answered = [(0.1, "ready"), (0.1, "fails"), (0.1, "answers"), (0.1, "quiet")]
    assert perform(Talk(), [Typed("one")], *answered)[-1] == "left script_done"
