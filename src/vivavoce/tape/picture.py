"""One picture of a whole talk: both voices over time, row under row like a score, with words, waits, cuts and calls."""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vivavoce.errors import BadSettings, MissingExtra
from vivavoce.session.happenings import CUTS
from vivavoce.tape.layout import FONT_PT, Lane, Note, clean, placed, row_s, rows
from vivavoce.tape.loudness import Loudness
from vivavoce.tape.story import Mark, Reply, Story, Turn

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["FORMATS", "draw"]

FORMATS = (".svg", ".png")
# Okabe and Ito's colours: told apart by everyone, in print too
_YOU, _ASSISTANT, _CALL, _LOST, _QUIET, _INK = "#0072B2", "#E69F00", "#A14C80", "#D55E00", "#6B6B6B", "#1A1A1A"
_WIDTH_IN, _LEFT_IN, _RIGHT_IN = 15.0, 0.95, 0.25
_ACROSS_IN = _WIDTH_IN - _LEFT_IN - _RIGHT_IN
_HEAD_IN, _FOOT_IN, _ROW_IN, _BETWEEN_IN = 1.2, 0.2, 2.2, 0.42
_TOP, _UPPER, _LOWER, _BOTTOM = 1.07, 0.42, -0.42, -1.07  # of a row: edges, and the middles of the two voices
_HALF = 0.18  # of a voice: how far it may swing
_WAIT, _EVENT = 0.17, -0.05  # where waits and events stand
_WORDS = 0.63  # how far from the middle the words begin
_PAPER = "#FAFAFA"
_BOX = {"facecolor": _PAPER, "edgecolor": "none", "pad": 0.6}  # behind a label, so that a line does not run through it
_LEAST_BOX_IN = 0.08
_COLUMNS = 1_200
_DPI = 110
_LARGEST_PX = 60_000  # a PNG, and most viewers, end at 65,535


def draw(story: Story, path: str | os.PathLike[str]) -> None:
    """Write the picture.

    Args:
        story: what is drawn.
        path: ends in .svg or .png, which says what is written; an old file is replaced.

    Raises:
        BadSettings: another ending, or a place that cannot be written.
        MissingExtra: the extra `plot` is not installed.
    """
    target = Path(path)
    if target.suffix.lower() not in FORMATS:
        raise BadSettings(f"-o {str(target)!r}: the picture is written as .svg or .png, give one of these endings.")
    try:
        import matplotlib as mpl  # noqa: PLC0415  # only who draws needs it
        from matplotlib.figure import Figure  # noqa: PLC0415  # as above
    except ImportError:
        raise MissingExtra("A picture of the talk", "plot") from None
    style: dict[Any, Any] = {
        "font.size": FONT_PT,
        "font.family": ["DejaVu Sans"],
        "svg.fonttype": "none",
        "axes.linewidth": 0.0,
    }
    with mpl.rc_context(style), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph")  # a script the font has not: boxes, and no lines on stderr
        spans = list(rows(story.length_s))
        height = _HEAD_IN + len(spans) * (_ROW_IN + _BETWEEN_IN) + _FOOT_IN
        figure = Figure(figsize=(_WIDTH_IN, height), facecolor="white")
        _head(figure, story, height)
        for number, span in enumerate(spans):
            top = height - _HEAD_IN - number * (_ROW_IN + _BETWEEN_IN)
            box = (_LEFT_IN / _WIDTH_IN, (top - _ROW_IN) / height, _ACROSS_IN / _WIDTH_IN, _ROW_IN / height)
            _Row(figure.add_axes(box), story, span).draw()
        try:
            figure.savefig(target, dpi=min(_DPI, _LARGEST_PX / height))
        except OSError as fault:
            raise BadSettings(f"The picture {str(target)!r} cannot be written ({fault.strerror or fault}).") from None


def _head(figure: Figure, story: Story, height: float) -> None:
    name = clean(f"{story.model} ({story.server})" if story.model else story.server)
    figure.text(
        _x(_LEFT_IN), 1 - 0.32 / height, f"Talk with {name}", size=15, weight="bold", parse_math=False, color=_INK
    )
    figure.text(_x(_LEFT_IN), 1 - 0.58 / height, _subtitle(story), size=9.5, color=_QUIET, parse_math=False)
    figure.legend(
        handles=list(_legend(story)),
        loc="upper left",
        bbox_to_anchor=(_x(_LEFT_IN - 0.08), 1 - 0.64 / height),
        ncols=8,
        frameon=False,
        fontsize=9,
        handlelength=1.6,
        columnspacing=1.8,
    )


def _subtitle(story: Story) -> str:
    counts = [
        _clock(story.length_s),
        _count(len(story.turns), "turn", "turns"),
        _count(len(story.replies), "reply", "replies"),
        _count(len(story.marked("interruption")), "interruption", "interruptions"),
        _count(len(story.marked("call")), "call", "calls"),
    ]
    if waits := story.waits:
        counts.append(f"wait for the answer: median {waits.median_ms} ms, p90 {waits.p90_ms} ms")
    return "   ·   ".join([story.begun.replace("T", " ").replace("+00:00", " UTC"), *counts])


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"


def _legend(story: Story) -> Iterator[Any]:
    from matplotlib.lines import Line2D  # noqa: PLC0415  # as in `draw`
    from matplotlib.patches import Patch  # noqa: PLC0415  # as in `draw`

    yield Patch(color=_YOU, label="you")
    yield Patch(color=_ASSISTANT, label="assistant, as heard")
    if story.latencies:
        yield Line2D([], [], color=_QUIET, marker="|", lw=1, label="wait for the answer")
    if story.marked("interruption"):
        yield Line2D([], [], color=_INK, ls=(0, (2, 1.5)), lw=1.2, label="cut: you interrupted")
    if story.marked("call"):
        yield Patch(facecolor="white", edgecolor=_CALL, hatch="////", label="function called")
    if story.marked("reconnect"):
        yield Patch(facecolor=_LOST, alpha=0.25, label="no connection")
    if story.marked("renewal"):
        yield Line2D([], [], color=_LOST, ls=":", lw=1.2, label="connection renewed")
    if story.marked("warning", "error"):
        yield Line2D([], [], color=_LOST, marker="^", ls="", label="warning or error")


class _Row:
    """One row: a stretch of time, from the person's words at the top to the assistant's at the bottom."""

    def __init__(self, axes: Axes, story: Story, span: tuple[float, float]) -> None:
        self._axes, self._story = axes, story
        self._from_s, self._to_s = span
        self._waits, self._events = Lane(_ACROSS_IN), Lane(_ACROSS_IN)

    def draw(self) -> None:
        """Everything of this time."""
        self._grid()
        self._voice(self._story.person, _UPPER, _YOU)
        self._voice(self._story.assistant, _LOWER, _ASSISTANT)
        for turn in self._story.turns:
            if turn.typed and self._has(turn.start_s):
                self._axes.plot(turn.start_s, _UPPER, marker="s", ms=7, color=_YOU, clip_on=False)
        self._words([(turn.start_s, _of_turn(turn)) for turn in self._story.turns], _WORDS, "bottom", _YOU)
        self._words([(reply.start_s, _of_reply(reply)) for reply in self._story.replies], -_WORDS, "top", "#8A5A00")
        for latency in self._story.latencies:
            self._wait(latency.from_s, latency.to_s, f"{latency.ms / 1000:.2f} s")
        for mark in self._story.marks:
            self._mark(mark)

    def _grid(self) -> None:
        axes = self._axes
        axes.set_xlim(self._from_s, self._to_s)
        axes.set_ylim(_BOTTOM, _TOP)
        axes.set_yticks([_UPPER, _LOWER], ["you", "assistant"], fontsize=9)
        axes.tick_params(length=0, pad=4, colors=_QUIET)
        step = next(s for s in (1, 2, 5, 10, 20, 60, 600) if row_s(self._story.length_s) / s <= 15)  # noqa: PLR2004  # an inch each
        ticks = [self._from_s + n * step for n in range(round((self._to_s - self._from_s) / step) + 1)]
        axes.set_xticks(ticks, [_clock(tick) for tick in ticks])
        axes.grid(axis="x", color="#E4E4E4", lw=0.6)
        axes.set_axisbelow(True)
        axes.set_facecolor(_PAPER)
        for middle in (_UPPER, _LOWER):
            axes.axhline(middle, color="#CFCFCF", lw=0.6)
        if self._to_s > self._story.length_s:
            axes.axvspan(self._story.length_s, self._to_s, color="white", lw=0, zorder=3)
            axes.axvline(self._story.length_s, color=_QUIET, lw=0.8, zorder=3.1)

    def _voice(self, voice: Loudness, middle: float, colour: str) -> None:
        """The peaks, as many as can be seen; the loudest of the talk fills the lane."""
        step = max(1, math.ceil((self._to_s - self._from_s) * 100 / _COLUMNS))
        found = list(voice.between(self._from_s, self._to_s))
        times = [found[n][0] for n in range(0, len(found), step)]
        loudest = voice.loudest or 1.0
        swings = [
            _HALF * math.sqrt(max(peak for _, peak in found[n : n + step]) / loudest)
            for n in range(0, len(found), step)
        ]
        self._axes.fill_between(
            times,
            [middle - swing for swing in swings],
            [middle + swing for swing in swings],
            where=[swing > 0 for swing in swings],
            color=colour,
            lw=0.3,
            zorder=2,
        )

    def _words(self, said: Sequence[tuple[float, str]], edge: float, side: str, colour: str) -> None:
        here = [(self._inches(at_s), text) for at_s, text in said if self._has(at_s) and text]
        for note in placed(here, _ACROSS_IN):
            self._text(note, edge, colour, va=side)

    def _wait(self, from_s: float, to_s: float, label: str) -> None:
        if not (self._has(from_s) or self._has(to_s)):
            return
        self._axes.plot([from_s, to_s], [_WAIT, _WAIT], color=_QUIET, lw=1, marker="|", ms=5, zorder=2)
        left = self._waits.place(self._inches((from_s + to_s) / 2), label, centred=True) if self._has(from_s) else None
        if left is not None:
            self._text(Note(left, label), _WAIT - 0.04, _QUIET, va="top", box=_BOX)

    def _mark(self, mark: Mark) -> None:
        if mark.end_s < self._from_s or mark.at_s >= self._to_s:
            return
        label = _short(mark.text)
        match mark.kind:
            case "interruption":
                self._axes.plot(
                    [mark.at_s] * 2, [_LOWER - _HALF, _UPPER + _HALF], color=_INK, lw=1.2, ls=(0, (2, 1.5)), zorder=4
                )
                label, colour = f"cut after {label}", _INK
            case "call":
                box = (mark.at_s, max(mark.end_s - mark.at_s, self._seconds(_LEAST_BOX_IN)))
                self._axes.broken_barh(
                    [box], (_EVENT - 0.16, 0.13), facecolor="white", edgecolor=_CALL, hatch="////", zorder=2
                )
                colour = _CALL
            case "reconnect":
                self._axes.axvspan(mark.at_s, mark.end_s, color=_LOST, alpha=0.25, lw=0)
                label, colour = f"no connection for {mark.end_s - mark.at_s:.1f} s", _LOST
            case "renewal":
                self._axes.axvline(mark.at_s, color=_LOST, lw=1.2, ls=":")
                label, colour = "renewed", _LOST
            case _:
                self._axes.plot(mark.at_s, _EVENT - 0.09, marker="^", color=_LOST, ms=5, zorder=4, clip_on=False)
                colour = _LOST
        if self._has(mark.at_s):
            behind_s = max(mark.end_s, mark.at_s + self._seconds(_LEAST_BOX_IN)) if mark.kind == "call" else mark.at_s
            x_in = self._inches(behind_s) + 0.09
            left = self._events.place(x_in, label)
            if left is not None:
                self._text(Note(left, label), _EVENT - 0.09, colour, va="center", box=_BOX)

    def _text(self, note: Note, y: float, colour: str, *, va: str, box: Mapping[str, Any] | None = None) -> None:
        at_s = self._from_s + self._seconds(note.x_in)
        how: dict[str, Any] = {"color": colour, "va": va, "ha": "left", "linespacing": 1.15, "bbox": box}
        self._axes.text(at_s, y, note.text, zorder=5, parse_math=False, **how)

    def _has(self, at_s: float) -> bool:
        return self._from_s <= at_s < self._to_s

    def _inches(self, at_s: float) -> float:
        return (at_s - self._from_s) / (self._to_s - self._from_s) * _ACROSS_IN

    def _seconds(self, inches: float) -> float:
        return inches / _ACROSS_IN * (self._to_s - self._from_s)


def _x(inches: float) -> float:
    return inches / _WIDTH_IN


def _of_turn(turn: Turn) -> str:
    return clean(turn.text or "") or ("(not written down)" if turn.text is None else "(not understood)")


def _of_reply(reply: Reply) -> str:
    if reply.cut_by is None:
        return clean(reply.heard_text or reply.text)
    why = (
        "" if reply.cut_by == "person" else f"({CUTS[reply.cut_by]}) "
    )  # where a person spoke there is a mark of its own
    return clean(f"{why}{reply.heard_text} …")  # what does not fit is left out at the end


def _short(text: str) -> str:
    text = clean(text)
    return text if len(text) <= 48 else f"{text[:47]}…"  # noqa: PLR2004  # three inches


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}"
