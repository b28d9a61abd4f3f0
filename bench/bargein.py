"""What stops a reply and what does not: the detector of devices/bargein.py on a labelled set.

    python -m bench.bargein [--alone 250] [--over 50] [--split test] [--plot docs/sound-bargein.svg]

(from the top of the project; needs the extras `echo` and `offline`, `pip install scipy`, matplotlib for the plot, and the packages
that bench/bargein_sources.py names; makes the sounds and scenes that are not there yet, in a folder `bargein-data` beside the
temporary files.)

The set is described in bench/bargein_sources.py (who and what) and bench/bargein_scenes.py (how it is heard). Figures:

    wrong stops   sounds that are no words (a cough, a laugh, "mm-hm", a cry, a noise) in which `SPEECH` was said at any time
    missed        interruptions in which it never was
    SOUND, SPEECH ms from the first audible moment of the sound at the microphone to the verdict
    silent        ms to what makes the reply silent: `SPEECH`, or a sound without a verdict `--hold` ms after its `SOUND`
    paused        sounds that are no words, over which the reply was made silent for a while in that way

Words that agree ("yeah", "okay") are words and no interruption: they are counted apart, in neither share.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from bench import bargein_sources
from bench.bargein_scenes import Event, Stream, keep, kept_streams, made
from numpy.typing import NDArray
from tests.devices.acoustics import to_bytes

from vivavoce.devices.barge_sound import FRAME
from vivavoce.devices.bargein import BargeInDetector, Limits
from vivavoce.pcm import RATE_HZ
from vivavoce.session.bargein import Judged

NONE = ("backchannel", "cough", "laugh", "vocal", "noise")
MS = 10
AFTER_MS = 250
Judgement = tuple[int, Judged]


class Listening(BargeInDetector):
    """Keeps what the network said."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[tuple[float, float, float]] = []

    def judge(self, words: float, person: float, over_db: float) -> None:
        self.said.append((words, person, over_db))


class Judge(BargeInDetector):
    """Only the limits, on what was kept."""

    def judgements(self, said: NDArray[np.float64]) -> list[Judgement]:
        """(ms at which it is known, verdict)."""
        found = ((n, self.judge(*row)) for n, row in enumerate(said.tolist()))
        return [((n + 1) * MS, verdict) for n, verdict in found if verdict is not None]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one event; ms from its beginning, None for never."""

    event: Event
    over: str
    sound_ms: int | None
    speech_ms: int | None
    nothing_ms: int | None
    silent_ms: int | None


def heard(stream: Stream) -> NDArray[np.float64]:
    detector = Listening()
    detector.hear(to_bytes(stream.sound))
    return np.array(detector.said)


def outcomes(stream: Stream, judged: Sequence[Judgement], hold_ms: int) -> list[Outcome]:
    out = []
    for n, event in enumerate(stream.events):
        begin = event.begin * 1000 // RATE_HZ
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
    kind = those[0].event.kind if those else ""
    words = kind in ("speech", "agreement")
    ended = missed(those) if kind == "speech" else wrong(those)
    soon = f"{share(those, lambda o: o.speech_ms is not None and o.speech_ms <= 230):.1%}" if words else "-"
    paused = "-" if words else f"{share(those, lambda o: o.silent_ms is not None and o.speech_ms is None):.1%}"
    return (
        f"| {name} | {len(those)} | {ended:.1%} | {soon} | {paused} | {share(those, lambda o: o.sound_ms is not None):.0%} "
        f"| {spread(o.sound_ms for o in those)} | {spread(o.speech_ms for o in those) if words else '-'} "
        f"| {spread(o.silent_ms for o in those) if words else '-'} |"
    )


HEAD = (
    "| sounds | number | wrong stops, missed or stopped | SPEECH within 230 ms | paused | SOUND said | SOUND ms: median, p95 "
    "| SPEECH ms | silent ms |\n| --- | --- | --- | --- | --- | --- | --- | --- | --- |"
)


def table(all_: Sequence[Outcome]) -> None:
    print(HEAD)
    for name, over in (("alone", False), ("over a reply", True)):
        here = [o for o in all_ if bool(o.over) is over]
        print(row(f"interruptions, {name}: missed", [o for o in here if o.event.kind == "speech"]))
        print(row(f"no words, {name}: wrong stops", [o for o in here if o.event.kind in NONE]))
    for kind in ("speech", *NONE, "agreement"):
        for made_ in ("real", "tts", "dsp"):
            those = [o for o in all_ if (o.event.kind, o.event.made) == (kind, made_)]
            if those:
                print(row(f"{kind}, {made_}", those))
    print(row("words after mm-hm or a cough", [o for o in all_ if o.event.after]))


def summed(all_: Sequence[Outcome]) -> tuple[float, float, float]:
    """Wrong stops, missed, within 230 ms."""
    speech = [o for o in all_ if o.event.kind == "speech"]
    return (
        wrong([o for o in all_ if o.event.kind in NONE]),
        missed(speech),
        share(speech, lambda o: o.speech_ms is not None and o.speech_ms <= 230),
    )


class Set:
    """All streams of a split, and what the network said of each."""

    def __init__(self, streams: list[Stream]) -> None:
        self.streams = streams
        self.said = [heard(stream) for stream in streams]

    def judged(self, limits: Limits, hold_ms: int = 170) -> tuple[list[Outcome], tuple[int, int, float]]:
        all_: list[Outcome] = []
        spares = []
        for stream, said in zip(self.streams, self.said, strict=True):
            judged = Judge(limits).judgements(said)
            all_ += outcomes(stream, judged, hold_ms)
            spares.append(spare(stream, judged))
        return all_, (sum(s[0] for s in spares), sum(s[1] for s in spares), sum(s[2] for s in spares))


STRICT = (0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.93, 0.95, 0.97, 0.98, 0.99, 0.995)


def curve(found: Set, limits: Limits, last: int) -> list[tuple[float, float, float, float]]:
    """(as likely, wrong stops, missed, within 230 ms) for one likelihood from the first frame to the last."""
    points = []
    for words in STRICT:
        here = replace(
            limits,
            words=words,
            words_later=words,
            last=last,
            again=max(limits.again, words) if last < 30 else limits.again,
        )
        points.append((words, *summed(found.judged(here)[0])))
    return points


def plot(path: Path, found: Set, limits: Limits, all_: Sequence[Outcome]) -> None:
    import matplotlib as mpl  # noqa: PLC0415  only for the picture

    mpl.use("svg" if path.suffix == ".svg" else "agg")
    mpl.rcParams["svg.hashsalt"] = "viva"
    import matplotlib.pyplot as plt  # noqa: PLC0415  after the backend was chosen

    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.2), layout="constrained")
    for last, colour in ((20, "#d98b2b"), (35, "#5a9bd4"), (limits.last, "#1b6e3c")):
        points = curve(found, limits, last)
        left.plot([100 * p[2] for p in points], [100 * p[1] for p in points], ".-", color=colour,
                  label=f"verdict within {last * MS} ms of SOUND")  # fmt: skip
        if last == limits.last:
            for p in points[::2]:
                left.annotate(
                    f"{p[0]:g}", (100 * p[2], 100 * p[1]), fontsize=7, xytext=(3, 3), textcoords="offset points"
                )
    chosen = summed(all_)
    left.plot([100 * chosen[1]], [100 * chosen[0]], "k*", ms=11, label="as shipped")
    left.axhline(5, ls=":", color="k", lw=1)
    left.set(
        xlabel="interruptions missed, %", ylabel="wrong stops, %", title="How likely words must be (small numbers)"
    )
    left.set_ylim(0, 30)
    left.set_xlim(0, 40)
    left.legend(fontsize=8)
    speech = [o for o in all_ if o.event.kind == "speech"]
    lines: list[tuple[str, Callable[[Outcome], int | None], str]] = [
        ("SOUND (ducked)", lambda o: o.sound_ms, "#9a9a9a"),
        ("silent: SPEECH or held", lambda o: o.silent_ms, "#5a9bd4"),
        ("SPEECH", lambda o: o.speech_ms, "#1b6e3c"),
    ]
    for label, of, colour in lines:
        values = np.array(sorted(v for o in speech if (v := of(o)) is not None))
        right.plot(values, 100 * np.arange(1, len(values) + 1) / len(speech), color=colour, label=label)
    right.axhline(95, ls=":", color="k", lw=1)
    right.axvline(230, ls=":", color="k", lw=1)
    right.set(
        xlabel="ms after the onset of a real interruption",
        ylabel="% of interruptions",
        title="When",
        xlim=(0, 800),
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
    parser.add_argument("--alone", type=int, default=250)
    parser.add_argument("--over", type=int, default=50)
    parser.add_argument("--split", choices=("test", "dev"), default="test")
    parser.add_argument("--hold", type=int, default=170, help="ms after which the reply is held")
    parser.add_argument("--folder", type=Path, default=bargein_sources.FOLDER)
    parser.add_argument("--plot", type=Path)
    parser.add_argument("--wrong", action="store_true", help="list what went wrong")
    given = parser.parse_args()
    found, limits = Set(scenes(given.folder, given.split, given.alone, given.over)), Limits()
    all_, (sounds, speeches, seconds) = found.judged(limits, given.hold)
    table(all_)
    print(
        f"\nOutside of all: {sounds / seconds * 60:.1f} SOUND and {speeches / seconds * 60:.2f} SPEECH a minute, in {seconds:.0f} s"
    )
    print(
        "\n| as likely | wrong stops | missed | within 230 ms | the same within 200 ms of SOUND only: wrong | missed |"
    )
    print("| --- | --- | --- | --- | --- | --- |")
    for (words, w, m, soon), (_, w2, m2, _) in zip(
        curve(found, limits, limits.last), curve(found, limits, 20), strict=True
    ):
        print(f"| {words:g} | {w:.1%} | {m:.1%} | {soon:.1%} | {w2:.1%} | {m2:.1%} |")
    if given.wrong:
        for o in all_:
            if (o.speech_ms is None) == (o.event.kind == "speech") and o.event.kind != "agreement":
                print(
                    o.event.kind,
                    o.event.speaker,
                    o.event.name[-50:],
                    o.over,
                    o.event.level_db,
                    o.sound_ms,
                    o.speech_ms,
                    o.nothing_ms,
                )
    if given.plot:
        plot(given.plot, found, limits, all_)


if __name__ == "__main__":
    main()
