"""Devices that come and go, on a simulated sound system: nothing of a reply is lost, nothing is heard twice."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, field, replace

import pytest

from vivavoce.devices.capture import Capture
from vivavoce.devices.card import Card
from vivavoce.devices.soundcard import SoundCardMicrophone, SoundCardSpeaker
from vivavoce.errors import NoDevice
from vivavoce.pcm import RATE_HZ, SAMPLES_PER_MS
from vivavoce.ports import Heard, Hushed, Trouble
from vivavoce.testing.portaudio import SimulatedDevice, SimulatedPortAudio
from vivavoce.testing.sound import NUMBERS, numbered, runs

BACK = r"The sound devices changed: the microphone is now '(.*)'\. (\d+) ms of the microphone were not heard\."


def speaker_device(name: str, latency_ms: float = 30.0) -> SimulatedDevice:
    return SimulatedDevice(name, outputs=2, latency_ms=latency_ms)


def microphone_device(name: str) -> SimulatedDevice:
    return SimulatedDevice(name, inputs=1)


@dataclass
class Room:
    """A card with what happens at it."""

    system: SimulatedPortAudio
    card: Card = field(init=False)

    def __post_init__(self) -> None:
        self.card = Card(self.system, threads=False)

    def pass_ms(self, ms: int) -> None:
        """Time passes, and the card looks every 100 ms."""
        for _ in range(ms // 20):
            before = int(self.system.clock.now_s * 10 + 1e-6)
            self.system.advance(20)
            if int(self.system.clock.now_s * 10 + 1e-6) > before:
                self.card.look()


async def reports(speaker: SoundCardSpeaker) -> list[Heard | Hushed]:
    """All there are now."""
    found = []
    while True:
        try:
            async with asyncio.timeout(0.02):
                found.append(await speaker.report())
        except TimeoutError:
            return found


def heard(*devices: SimulatedDevice) -> list[tuple[int, int]]:
    """Which numbered samples left, device after device: first and length of each stretch."""
    return [(run.start, run.samples) for device in devices for run in runs(bytes(device.heard))]


def follows(before: tuple[int, int], after: tuple[int, int]) -> bool:
    """Whether a stretch of numbered samples begins where another ended."""
    return (before[0] + before[1]) % NUMBERS == after[0]


def count(device: SimulatedDevice) -> int:
    """How many numbered samples left it."""
    return sum(samples for _, samples in heard(device))


def codes(troubles: list[Trouble]) -> list[str]:
    return [trouble.code for trouble in troubles]


@pytest.mark.parametrize("latency_ms", [20, 30, 60, 120, 400])
@pytest.mark.parametrize(("opens_by_name", "stream_ahead_s"), [(False, 0.0), (True, 0.0), (False, 1e6)])
def test_a_speaker_pulled_in_mid_sentence_goes_on_with_the_next_sample_on_the_new_default(
    latency_ms: int, opens_by_name: bool, stream_ahead_s: float
) -> None:
    headset, laptop = speaker_device("headset", latency_ms), speaker_device("laptop")
    room = Room(SimulatedPortAudio([headset, laptop], opens_by_name=opens_by_name, stream_ahead_s=stream_ahead_s))

    async def law() -> None:
        speaker = SoundCardSpeaker(card=room.card)
        speaker.start()
        speaker.play("a", numbered(1000))
        room.pass_ms(507 // 20 * 20)
        room.system.advance(7)
        room.system.pull(headset)
        room.pass_ms(900)
        assert count(laptop) > 0
        room.pass_ms(1000)
        assert await reports(speaker) == [Heard("a", 1000)]
        told = speaker.warnings()
        assert codes(told) == ["device_back"]
        assert "'laptop'" in told[0].message
        await speaker.close()

    asyncio.run(law())
    (first, length), (second, rest) = heard(headset, laptop)
    assert (first, first + length, second + rest) == (0, second, RATE_HZ)


@pytest.mark.parametrize("period_ms", [5.0, 512 / 48, 1024 / 48, 2048 / 44.1])
def test_a_speaker_that_calls_in_bursts_and_is_pulled_loses_nothing_and_repeats_less_than_a_period(
    period_ms: float,
) -> None:
    for after_ms in (500, 507, 513, 526, 539):
        headset, laptop = replace(speaker_device("headset", 120), period_ms=period_ms), speaker_device("laptop")
        room = Room(SimulatedPortAudio([headset, laptop]))

        async def law(room: Room, headset: SimulatedDevice, after_ms: int) -> None:
            speaker = SoundCardSpeaker(card=room.card)
            speaker.start()
            speaker.play("a", numbered(1000))
            room.system.advance(after_ms)
            room.system.pull(headset)
            room.pass_ms(1900)
            assert await reports(speaker) == [Heard("a", 1000)]
            await speaker.close()

        asyncio.run(law(room, headset, after_ms))
        (first, length), (second, rest) = heard(headset, laptop)
        assert (first, second + rest) == (0, RATE_HZ)
        # what left after the last call: more than a block of it may as well have died with the device
        assert 0 <= first + length - second <= max(period_ms - 10, 0) * SAMPLES_PER_MS


def test_a_device_that_is_stuck_is_opened_anew_within_a_second() -> None:
    device = speaker_device("speaker")
    room = Room(SimulatedPortAudio([device]))

    async def law() -> None:
        speaker = SoundCardSpeaker(card=room.card)
        speaker.start()
        speaker.play("a", numbered(2000))
        room.pass_ms(300)
        room.system.stick(device)
        stuck_s = room.system.now()
        room.pass_ms(100)
        left = count(device)
        while count(device) == left:
            room.pass_ms(20)
            assert room.system.now() - stuck_s < 1
        room.pass_ms(2500)
        assert (await reports(speaker))[-1] == Heard("a", 2000)
        assert codes(speaker.warnings()) == ["device_back"]
        await speaker.close()

    asyncio.run(law())
    (first, length), (second, rest) = heard(device)
    assert (first, second + rest) == (0, 2 * RATE_HZ)
    assert 0 <= first + length - second <= 30 * SAMPLES_PER_MS  # what a stuck device still held cannot be known


def test_a_named_speaker_that_a_sound_server_takes_elsewhere_is_told_and_has_its_sound_back_when_it_returns() -> None:
    headset, other = speaker_device("headset"), speaker_device("other")
    room = Room(SimulatedPortAudio([other, headset], moves_streams=True, opens_by_name=True))

    async def law() -> None:
        speaker = SoundCardSpeaker("headset", card=room.card)
        speaker.start()
        speaker.play("a", numbered(4000))
        assert speaker.name == "headset"
        room.pass_ms(500)
        room.system.pull(headset)
        room.pass_ms(1000)
        assert speaker.name == "other"
        assert [t.message for t in speaker.warnings()] == ["The sound devices changed: the speaker is now 'other'."]
        room.system.plug(headset)
        room.pass_ms(1000)
        assert speaker.name == "headset"
        assert [t.message for t in speaker.warnings()] == ["The sound devices changed: the speaker is now 'headset'."]
        room.pass_ms(2000)
        assert (await reports(speaker))[-1] == Heard("a", 4000)
        assert speaker.warnings() == []
        await speaker.close()

    asyncio.run(law())
    (first, there, last) = (*heard(headset)[:1], *heard(other), *heard(headset)[1:])
    assert follows(first, there)
    assert follows(there, last)
    assert first[1] + there[1] + last[1] == 4 * RATE_HZ


def test_a_program_that_was_halted_itself_does_not_find_its_devices_dead() -> None:
    room = Room(SimulatedPortAudio([speaker_device("speaker"), microphone_device("mic")]))

    async def law() -> None:
        speaker, mic = SoundCardSpeaker(card=room.card), SoundCardMicrophone(card=room.card)
        room.pass_ms(500)
        room.system.clock.now_s += 60  # nobody called, nobody looked
        room.card.look()
        room.pass_ms(500)
        assert (speaker.warnings(), mic.warnings(), room.system.renewals) == ([], [], 0)
        await asyncio.gather(speaker.close(), mic.close())

    asyncio.run(law())


def test_the_microphone_tells_how_much_it_did_not_hear() -> None:
    usb, built_in = microphone_device("usb"), microphone_device("built in")
    room = Room(SimulatedPortAudio([usb, built_in]))

    async def law() -> None:
        mic = SoundCardMicrophone(card=room.card)
        usb.hear(numbered(1000))
        reading = asyncio.ensure_future(mic.read())
        await asyncio.sleep(0)
        room.pass_ms(200)
        room.system.pull(usb)
        built_in.hear(numbered(1000))
        room.pass_ms(400)
        first = await reading
        rest = await mic.read()
        (told,) = mic.warnings()
        await mic.close()
        assert first is not None
        sound = first + (rest or b"")
        before, after = runs(sound)
        assert (before.start, after.start) == (0, 0)
        assert told.code == "device_back"
        assert "'built in'" in told.message
        missed_ms = int(told.message.split(" ms of the microphone")[0].split()[-1])
        assert before.samples + after.samples + missed_ms * SAMPLES_PER_MS == 580 * SAMPLES_PER_MS  # to the last block

    asyncio.run(law())


def test_an_audio_server_that_restarts_is_found_again_and_told_once() -> None:
    device = speaker_device("speaker")
    room = Room(SimulatedPortAudio([device, microphone_device("mic")]))

    async def law() -> None:
        speaker, mic = SoundCardSpeaker(card=room.card), SoundCardMicrophone(card=room.card)
        speaker.start()
        speaker.play("a", numbered(3000))
        room.pass_ms(300)
        room.system.stop()
        room.pass_ms(1200)
        room.system.restart()
        back_s = room.system.now()
        left = count(device)
        while count(device) == left:
            room.pass_ms(20)
            assert room.system.now() - back_s < 1
        room.pass_ms(4000)
        assert (await reports(speaker))[-1] == Heard("a", 3000)
        assert codes(mic.warnings() + speaker.warnings()) == ["device_back"]
        await asyncio.gather(speaker.close(), mic.close())

    asyncio.run(law())
    assert heard(device) == [(0, 3 * RATE_HZ)]


def test_a_long_absence_is_told_while_it_lasts_and_ends_the_talk_after_half_a_minute() -> None:
    device = microphone_device("mic")
    room = Room(SimulatedPortAudio([device]))

    async def law() -> None:
        mic = SoundCardMicrophone(card=room.card)
        room.pass_ms(100)
        room.system.pull(device)
        room.pass_ms(2500)
        while mic.warnings() == []:  # a block of silence makes room for the words
            assert not any(await mic.read() or b"")
        room.pass_ms(30_000)
        with pytest.raises(NoDevice, match="The microphone is gone"):
            await mic.read()
        await mic.close()

    asyncio.run(law())


def test_whoever_reads_on_and_never_asks_what_there_is_to_tell_does_not_hold_up_the_loop() -> None:
    device = microphone_device("mic")
    room = Room(SimulatedPortAudio([device]))

    async def law() -> None:
        mic = SoundCardMicrophone(card=room.card)
        room.pass_ms(100)
        room.system.pull(device)
        room.pass_ms(2500)
        blocks = 0

        async def read_on() -> None:
            nonlocal blocks
            while await mic.read():
                blocks += 1

        reading = asyncio.ensure_future(read_on())
        for _ in range(10):
            await asyncio.sleep(0)
        assert blocks < 3  # a loop that it keeps for itself would never come here
        reading.cancel()
        await mic.close()

    asyncio.run(law())


def test_a_hush_while_the_device_is_away_is_answered_with_what_was_heard() -> None:
    device = speaker_device("speaker")
    room = Room(SimulatedPortAudio([device]))

    async def law() -> None:
        speaker = SoundCardSpeaker(card=room.card)
        speaker.start()
        speaker.play("a", numbered(1000))
        room.pass_ms(400)
        room.system.stop()
        room.pass_ms(200)
        speaker.hush()
        speaker.play("b", numbered(500))
        assert (await reports(speaker))[-1] == Hushed("a", runs(bytes(device.heard))[0].samples // SAMPLES_PER_MS)
        room.system.restart()
        room.pass_ms(2000)
        assert (await reports(speaker))[-1] == Heard("b", 500)
        await speaker.close()

    asyncio.run(law())
    assert heard(device)[1:] == [(0, 500 * SAMPLES_PER_MS)]


class TestPinned:
    def test_a_pinned_device_is_left_for_the_default_and_taken_again_when_it_returns(self) -> None:
        laptop, headset = speaker_device("laptop"), speaker_device("headset")
        room = Room(SimulatedPortAudio([laptop, headset], opens_by_name=True))

        async def law() -> None:
            speaker = SoundCardSpeaker("headset", card=room.card)
            speaker.start()
            speaker.play("a", numbered(6000))
            room.pass_ms(300)
            room.system.pull(headset)
            room.pass_ms(1000)
            assert len(heard(laptop)) == 1
            room.system.plug(headset)
            room.pass_ms(1000)
            assert len(heard(headset)) == 2
            room.pass_ms(5000)
            assert (await reports(speaker))[-1] == Heard("a", 6000)
            assert [t.message.split("'")[1] for t in speaker.warnings()] == ["laptop", "headset"]
            assert room.system.renewals == 0
            await speaker.close()

        asyncio.run(law())
        first, last = heard(headset)
        (middle,) = heard(laptop)
        assert follows(first, middle)
        assert follows(middle, last)
        assert first[1] + middle[1] + last[1] == 6 * RATE_HZ

    @pytest.mark.parametrize("offered", [True, False])
    def test_one_that_a_new_list_had_lost_is_looked_for_where_it_is_known_to_be_back(self, *, offered: bool) -> None:
        laptop, headset = speaker_device("laptop"), speaker_device("headset")
        room = Room(SimulatedPortAudio([laptop, headset], opens_by_name=True))

        async def law() -> None:
            speaker = SoundCardSpeaker("headset", card=room.card)
            speaker.start()
            room.system.pull(headset)
            room.system.stop()
            room.pass_ms(1000)
            room.system.restart()  # without the headset: the list has none now
            room.pass_ms(8000)
            before = room.system.renewals
            if offered:
                room.system.plug(headset)
            room.pass_ms(20_000)
            assert room.system.renewals == before + offered
            names = [t.message.split("'")[1] for t in speaker.warnings() if "'" in t.message]
            assert names == ["laptop", "headset"][: 1 + offered]
            speaker.play("a", numbered(500))
            room.pass_ms(1000)
            await speaker.close()

        asyncio.run(law())
        assert [run[1] for run in heard(headset if offered else laptop)][-1:] == [500 * SAMPLES_PER_MS]

    def test_for_one_that_is_in_the_list_and_gone_no_list_is_made(self) -> None:
        laptop, headset, mic, usb = (
            *(speaker_device(name) for name in ("laptop", "headset")),
            *(microphone_device(name) for name in ("mic", "usb")),
        )
        room = Room(SimulatedPortAudio([laptop, headset, mic, usb], opens_by_name=True))
        speaker = SoundCardSpeaker("headset", card=room.card)
        speaker.start()
        capture = Capture("usb", keep=False, card=room.card)
        room.system.pull(usb)
        room.system.stop()
        room.pass_ms(1000)
        room.system.restart()  # a list with the headset, without the microphone
        room.pass_ms(8000)
        room.system.pull(headset)
        room.pass_ms(8000)
        before = room.system.renewals
        room.pass_ms(20_000)
        assert room.system.renewals == before
        capture.close()
        asyncio.run(speaker.close())

    def test_where_the_list_must_be_made_anew_it_waits_for_a_silence(self) -> None:
        laptop, headset = speaker_device("laptop"), speaker_device("headset")
        room = Room(SimulatedPortAudio([laptop, headset]))

        async def law() -> None:
            speaker = SoundCardSpeaker("headset", card=room.card)
            speaker.start()
            speaker.play("a", numbered(500))
            room.pass_ms(300)
            room.system.pull(headset)
            room.pass_ms(2000)
            room.system.plug(again := speaker_device("headset"))
            speaker.play("b", numbered(20_000))
            looked = room.system.renewals
            room.pass_ms(15_000)
            assert room.system.renewals == looked  # no reply is interrupted for it
            room.pass_ms(12_000)
            speaker.play("c", numbered(500))
            room.pass_ms(1000)
            assert heard(again)[-1] == (0, 500 * SAMPLES_PER_MS)
            await speaker.close()

        asyncio.run(law())


class TestAnotherDefault:
    def test_a_stream_on_the_default_moves_to_the_new_one_within_a_second(self) -> None:
        old, new = speaker_device("old"), speaker_device("new")
        room = Room(SimulatedPortAudio([old, new, microphone_device("mic")]))

        async def law() -> None:
            speaker, mic = SoundCardSpeaker(card=room.card), SoundCardMicrophone(card=room.card)
            speaker.start()
            speaker.play("a", numbered(1200))
            room.pass_ms(400)
            room.system.make_default(new)
            room.pass_ms(300)
            assert heard(new)
            room.pass_ms(1000)
            assert (await reports(speaker))[-1] == Heard("a", 1200)
            (told,) = mic.warnings() + speaker.warnings()
            assert "the speaker is now 'new'" in told.message
            await asyncio.gather(speaker.close(), mic.close())

        asyncio.run(law())
        (first, length), (second, rest) = heard(old, new)
        assert (first, second + rest) == (0, 1200 * SAMPLES_PER_MS)
        assert 0 <= first + length - second <= 20 * SAMPLES_PER_MS

    def test_where_the_sound_server_moves_the_stream_it_is_only_told(self) -> None:
        old, new = speaker_device("old"), speaker_device("new")
        room = Room(SimulatedPortAudio([old, new], moves_streams=True))

        async def law() -> None:
            speaker = SoundCardSpeaker(card=room.card)
            room.pass_ms(400)
            room.system.make_default(new)
            room.pass_ms(1000)
            assert (codes(speaker.warnings()), room.system.renewals) == (["device_changed"], 0)
            await speaker.close()

        asyncio.run(law())

    def test_a_pinned_device_stays(self) -> None:
        old, new = speaker_device("old"), speaker_device("new")
        room = Room(SimulatedPortAudio([old, new]))

        async def law() -> None:
            speaker = SoundCardSpeaker("old", card=room.card)
            room.system.make_default(new)
            room.pass_ms(1000)
            assert (speaker.warnings(), room.system.renewals) == ([], 0)
            await speaker.close()

        asyncio.run(law())


def test_when_only_the_microphone_is_gone_the_reply_is_not_interrupted_to_look_for_another() -> None:
    out, mic_device = speaker_device("speaker"), microphone_device("mic")
    room = Room(SimulatedPortAudio([out, mic_device]))

    async def law() -> None:
        speaker, mic = SoundCardSpeaker(card=room.card), SoundCardMicrophone(card=room.card)
        speaker.start()
        speaker.play("a", numbered(1200))
        room.pass_ms(300)
        room.system.pull(mic_device)
        room.pass_ms(600)
        assert room.system.renewals == 0
        room.system.plug(microphone_device("another"))
        room.pass_ms(2000)
        assert room.system.renewals >= 1
        assert codes(mic.warnings()) == ["device_back"]
        await asyncio.gather(speaker.close(), mic.close())

    asyncio.run(law())
    assert heard(out)[0] == (0, 1200 * SAMPLES_PER_MS)


class TestAMicrophone:
    """Recorded and missed make up the whole time, and each device goes on with what it hears next."""

    def recording(self, room: Room, wish: str | None = None) -> Capture:
        capture = Capture(wish, keep=True, card=room.card)
        for device in room.system._listed:
            device.hear(numbered(10_000))
        room.pass_ms(400)
        return capture

    def goes_on(self, room: Room, capture: Capture, name: str) -> None:
        """Within a second."""
        began_s, kept = room.system.now(), capture.ring.waiting
        while capture.link.name != name or capture.ring.waiting == kept:
            kept = capture.ring.waiting
            room.pass_ms(20)
            assert room.system.now() - began_s < 1

    def missed_ms(self, capture: Capture, *names: str) -> int:
        """As it was told, once for each of the devices."""
        said = [re.fullmatch(BACK, told.message) for told in capture.troubles.drain() if told.code == "device_back"]
        assert [found and found[1] for found in said] == list(names)
        return sum(int(found[2]) for found in said if found)

    def is_whole(self, room: Room, sound: bytes, missed_ms: int, *starts: int) -> None:
        """To the last block. `starts`: what each stretch begins with."""
        stretches = runs(sound)
        assert [run.start for run in stretches] == list(starts)
        assert sum(run.samples for run in stretches) == len(sound) // 2
        late_ms = room.system.now() * 1000 - len(sound) / 2 / SAMPLES_PER_MS - missed_ms
        assert 10 <= round(late_ms) < 10 + 20

    @pytest.mark.parametrize("opens_by_name", [False, True])
    def test_pulled_in_mid_sentence_it_is_replaced_by_the_default(self, opens_by_name: bool) -> None:
        usb, built_in = microphone_device("usb"), microphone_device("built in")
        room = Room(SimulatedPortAudio([usb, built_in], opens_by_name=opens_by_name))
        capture = self.recording(room)
        room.system.advance(7)
        room.system.pull(usb)
        self.goes_on(room, capture, "built in")
        room.pass_ms(1000)
        self.is_whole(room, capture.ring.read(), self.missed_ms(capture, "built in"), 0, 0)

    def test_stuck_it_is_opened_anew(self) -> None:
        device = microphone_device("mic")
        room = Room(SimulatedPortAudio([device]))
        capture = self.recording(room)
        room.system.stick(device)
        self.goes_on(room, capture, "mic")
        room.pass_ms(1000)
        self.is_whole(room, capture.ring.read(), self.missed_ms(capture, "mic"), 0)

    def test_it_moves_to_another_default(self) -> None:
        old, new = microphone_device("old"), microphone_device("new")
        room = Room(SimulatedPortAudio([old, new]))
        capture = self.recording(room)
        room.system.make_default(new)
        self.goes_on(room, capture, "new")
        room.pass_ms(1000)
        self.is_whole(room, capture.ring.read(), self.missed_ms(capture, "new"), 0, 0)

    def test_where_the_sound_server_moves_it_nothing_is_missed_and_it_is_told(self) -> None:
        old, new = microphone_device("old"), microphone_device("new")
        room = Room(SimulatedPortAudio([old, new], moves_streams=True))
        capture = self.recording(room)
        room.system.make_default(new)
        room.pass_ms(1000)
        (told,) = capture.troubles.drain()
        assert (told.code, room.system.renewals) == ("device_changed", 0)
        self.is_whole(room, capture.ring.read(), 0, 0, 0)

    def test_pinned_it_is_taken_again_when_it_returns(self) -> None:
        built_in, usb = microphone_device("built in"), microphone_device("usb")
        room = Room(SimulatedPortAudio([built_in, usb], opens_by_name=True))
        capture = self.recording(room, "usb")
        room.system.pull(usb)
        self.goes_on(room, capture, "built in")
        room.pass_ms(1000)
        room.system.plug(usb)
        self.goes_on(room, capture, "usb")
        room.pass_ms(1000)
        assert room.system.renewals == 0
        sound = capture.ring.read()
        self.is_whole(room, sound, self.missed_ms(capture, "built in", "usb"), 0, 0, runs(sound)[0].samples)


def test_where_only_the_monitor_of_our_speaker_is_left_nothing_is_sent_and_the_person_is_told_once() -> None:
    mic = microphone_device("mic")
    room = Room(SimulatedPortAudio([speaker_device("speaker"), mic], moves_streams=True))
    speaker, capture = SoundCardSpeaker(card=room.card), Capture(None, keep=True, card=room.card)
    for only_monitor in (False, True, False):
        room.system.only_monitor = only_monitor
        room.pass_ms(200)  # it is noticed
        mic.hear(numbered(400))
        room.pass_ms(600)
    assert [run.samples for run in runs(capture.ring.read())] == [400 * SAMPLES_PER_MS] * 2
    assert codes(capture.troubles.drain()) == ["device_gone", "device_changed"]
    capture.close()
    asyncio.run(speaker.close())
