"""Trains what lies behind the recogniser's encoder in devices/barge_words.py, on the scenes of bench/bargein_scenes.py.

    python -m bench.bargein_train_words [--heads 2] [--to src/vivavoce/devices/bargein_words.npz]
    python -m bench.bargein_train_words --go-on WEIGHTS --halves ab --passes 8 --rate 7e-4 [--to ...]

(needs `pip install torch scipy`, the extra `offline` and its model `base`; first bench.bargein_sources and
bench.bargein_unheard, then bench.bargein_scenes for train, more, further and dev. What the encoder makes of each sound is kept
beside the scenes: 60 kB for each moment, gigabytes in all.)

Each labelled sound is heard at five moments, from a quarter of a second after it began (give or take, as the detector is late)
to its end; so is what echo control lets through of the assistant. Learned from are the last of these and half of the others,
most at another speed, a fifth slower to a fifth faster, as if other people had made them. Sounds that agree in words ("yeah")
are left out. Of the dev set, all of it as it is, it keeps the best pass. `--go-on` begins with weights that are there and keeps
the last pass, whatever the dev set says; `--halves` learns from halves of the test set too.
"""

from __future__ import annotations

import argparse
import importlib
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import samplerate
from bench.bargein_scenes import HALVES, Event, Stream, kept_streams, scenes_of
from bench.bargein_sources import FOLDER, TRAINING
from numpy.typing import NDArray
from tests.devices.acoustics import to_bytes

from vivavoce.devices.barge_sound import FRAME, Sound
from vivavoce.devices.barge_words import BEFORE, MOST_ROWS, MOST_S, WIDTH, WINDOW_S, rows, window
from vivavoce.devices.bargein import BargeInDetector, Second
from vivavoce.engine.models.choose import open_recogniser
from vivavoce.engine.models.whisper import Whisper
from vivavoce.pcm import RATE_HZ
from vivavoce.session.bargein import Judged

torch: Any = importlib.import_module("torch")  # Any: it is not installed where the types are checked
nn: Any = torch.nn
Tensor = Any
_FRAMES = (*(ask.after for ask in Second().asks), Second().last)
MOMENTS_S = tuple(frames * FRAME / RATE_HZ for frames in _FRAMES)
KINDS = ("speech", "backchannel", "cough", "laugh", "vocal", "noise")
_SEEN, _KNOWN = 96, 64
_NEAR = RATE_HZ // 20
_QUIET_S = 0.14  # after which the detector takes a sound to be over
_LEFT_OUT, _UNCHANGED = 0.55, 0.3  # shares of the moments
_FASTEST = 0.21  # natural logarithm of a speed
Moment = tuple[int, int, bool]


def moments(stream: Stream, event: Event, random: np.random.Generator) -> Iterator[Moment]:
    """(where the detector hears it begin, now, whether it is over), in samples."""
    late_s = random.uniform(-0.02, 0.09) if random.random() < 0.85 else random.uniform(0.09, 0.45)
    begin = max(event.begin + round(late_s * RATE_HZ), BEFORE)
    over = min(max(event.end + round(_QUIET_S * RATE_HZ), begin + round(0.2 * RATE_HZ)), len(stream.sound))
    for moment_s in MOMENTS_S:
        now = min(begin + round((moment_s + random.uniform(-0.05, 0.05)) * RATE_HZ), over)
        yield begin, now, now == over
        if now == over:
            return


def leaks(stream: Stream) -> list[Event]:
    """Where echo control lets something of the assistant through, and the network takes it for a sound of a person."""
    if not stream.over:
        return []
    detector, pcm, out = BargeInDetector(), to_bytes(stream.sound), list[Event]()
    for at in range(0, len(pcm) // 2 - FRAME, FRAME):
        begins = Judged.SOUND in detector.hear(pcm[2 * at : 2 * (at + FRAME)])
        if begins and not any(e.begin - _NEAR < at < e.end + 4 * _NEAR for e in stream.events):
            after = (e.begin for e in stream.events if e.begin > at)
            end = min(at + RATE_HZ, next(after, len(stream.sound)) - _NEAR)
            out.append(Event(at, end, "noise", "the assistant", "echo", "leak", -60.0))
    return out


def learned_from(
    every: Sequence[Moment], random: np.random.Generator, *, augment: bool
) -> Iterator[tuple[int, int, bool, float]]:
    """Moments and speeds: the last of a sound, half of the others; most at another speed, as of another person."""
    for n, moment in enumerate(every):
        if augment and n + 1 < len(every) and random.random() < _LEFT_OUT:
            continue
        changed = augment and random.random() > _UNCHANGED
        yield *moment, float(np.exp(random.uniform(-_FASTEST, _FASTEST))) if changed else 1.0


def at_speed(sound: Sound, speed: float) -> Sound:
    """1.2: a fifth faster, shorter and higher. What is before the sound changes too, as where the detector is early or late."""
    if speed == 1:
        return sound
    found: Sound = samplerate.resample(sound.astype(np.float32), 1 / speed, "sinc_fastest")
    return found[: round(MOST_S * RATE_HZ)]


def heard(path: Path, *, augment: bool) -> tuple[Tensor, Tensor]:
    """Of all moments of a file: (n, MOST_ROWS, WIDTH) and (n, 5): words, rows, seconds, over, number of the event."""
    ready = path.parent / f"words-{WINDOW_S:g}s-{'some' if augment else 'all'}-{path.name}"
    if not ready.is_file():
        encoder, random = open_recogniser("base"), np.random.default_rng(3)
        if not isinstance(encoder, Whisper):
            raise TypeError("base is no Whisper")
        found: list[NDArray[np.float16]] = []
        facts: list[tuple[float, ...]] = []
        number = 0
        for stream in kept_streams(path):
            for event in [*stream.events, *leaks(stream)]:
                number += 1
                if event.kind not in KINDS:
                    continue
                every = list(moments(stream, event, random))
                for begin, now, over, speed in learned_from(every, random, augment=augment):
                    sound = at_speed(stream.sound[begin - BEFORE : now], speed)
                    seen = rows(encoder.encode(window(sound)), len(sound))
                    found.append(np.pad(seen, ((0, MOST_ROWS - len(seen)), (0, 0))).astype(np.float16))
                    facts.append((event.kind == "speech", len(seen), (now - begin) / RATE_HZ / speed, over, number))
        np.savez(ready, rows=np.stack(found), facts=np.array(facts, np.float32))
    with np.load(ready) as file:
        return torch.from_numpy(file["rows"]), torch.from_numpy(file["facts"])


class Net:
    """As devices/barge_words.py."""

    def __init__(self, mean: Tensor, spread: Tensor) -> None:
        self.mean, self.spread = mean, spread
        self.first, self.matters = nn.Linear(WIDTH, _SEEN), nn.Linear(_SEEN, 2)
        self.known, self.out = nn.Linear(3 * _SEEN + 2, _KNOWN), nn.Linear(_KNOWN, 1)
        self.drop = nn.Dropout(0.3)
        self.parts = nn.ModuleList([self.first, self.matters, self.known, self.out, self.drop])

    def __call__(self, heard: Tensor, facts: Tensor) -> Tensor:
        x = (heard.float() - self.mean) / self.spread
        if self.parts.training:
            x = x * (torch.rand(len(x), 1, WIDTH) > 0.15) / 0.85
        there = (torch.arange(x.shape[1])[None] < facts[:, 1:2])[..., None]
        seen = _gelu(self.first(self.drop(x)))
        weight = self.matters(seen).masked_fill(~there, -1e4).softmax(dim=1)
        averages = torch.einsum("nrk,nrs->nks", weight, seen).flatten(1)
        plain = (seen * there).sum(dim=1) / facts[:, 1:2]
        known = torch.cat((averages, plain, facts[:, 2:4]), dim=1)
        return self.out(self.drop(_gelu(self.known(self.drop(known)))))[:, 0]

    def _named(self) -> dict[str, Tensor]:
        return {
            "first": self.first.weight, "first_bias": self.first.bias, "matters": self.matters.weight,
            "matters_bias": self.matters.bias, "known": self.known.weight, "known_bias": self.known.bias,
            "out": self.out.weight, "out_bias": self.out.bias,
        }  # fmt: skip

    def take(self, weights: dict[str, NDArray[Any]], head: int) -> None:
        """Begin with those of a file."""
        with torch.no_grad():
            for name, value in self._named().items():
                value.copy_(torch.from_numpy(weights[name][head : head + 1].astype(np.float32)).reshape(value.shape))

    def weights(self) -> dict[str, NDArray[np.float16]]:
        """Of one head, for bargein_words.npz."""
        found = {name: value.detach().numpy().astype(np.float16) for name, value in self._named().items()}
        return found | {name: found[name][0] for name in ("out", "out_bias")}


def _gelu(x: Tensor) -> Tensor:
    return nn.functional.gelu(x, approximate="tanh")


def marked(net: Net, heard: Tensor, facts: Tensor) -> tuple[float, str]:
    """Loss at the last moment of each event, and how many are wrong at even odds."""
    net.parts.eval()
    with torch.no_grad():
        found = torch.cat([net(h, f) for h, f in zip(heard.split(512), facts.split(512), strict=True)])
    last = torch.cat((facts[1:, 4] != facts[:-1, 4], torch.ones(1, dtype=torch.bool)))
    found, words = found[last], facts[last, 0]
    loss = nn.functional.binary_cross_entropy_with_logits(found, words)
    wrong, missed = (found[words == 0] > 0).float().mean(), (found[words == 1] <= 0).float().mean()
    return float(loss), f"{float(loss):.4f}, wrong {float(wrong):.3f}, missed {float(missed):.3f}"


def all_heard(folder: Path, *splits: str) -> tuple[Tensor, Tensor]:
    found, facts = zip(*(heard(path, augment="dev" not in splits) for path in scenes_of(folder, *splits)), strict=True)
    return torch.cat(found), torch.cat(facts)


def trained(
    net: Net, told: tuple[Tensor, Tensor], dev: tuple[Tensor, Tensor] | None, passes: int, rate: float
) -> dict[str, NDArray[np.float16]]:
    """The weights of the pass that was best on the dev set; without one, of the last."""
    x, facts = told
    steps = passes * (len(x) // 128 + 1)
    optimiser = torch.optim.AdamW(net.parts.parameters(), lr=rate, weight_decay=0.05)
    pace = torch.optim.lr_scheduler.OneCycleLR(optimiser, rate, total_steps=steps)
    best, kept = float("inf"), net.weights()
    for turn in range(passes):
        began, total = time.monotonic(), 0.0
        net.parts.train()
        for part in torch.randperm(len(x)).split(128):
            wanted = facts[part, 0] * 0.96 + 0.02
            loss = nn.functional.binary_cross_entropy_with_logits(net(x[part], facts[part]), wanted)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            pace.step()
            total += float(loss.detach()) * len(part)
        mark, words = (best, "not looked at") if dev is None else marked(net, *dev)
        print(f"pass {turn}: {total / len(x):.4f}, dev {words}, {time.monotonic() - began:.0f} s", flush=True)
        if mark < best or dev is None:
            best, kept = mark, net.weights()
    return kept


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--passes", type=int, default=26)
    parser.add_argument("--heads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rate", type=float, default=1.5e-3)
    parser.add_argument("--go-on", type=Path, help="weights to begin with")
    parser.add_argument("--halves", choices=("", "a", "b", "ab"), default="")
    parser.add_argument("--with-dev", action="store_true", help="learn from the dev set too; the last pass is kept")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--folder", type=Path, default=FOLDER)
    parser.add_argument("--to", type=Path, default=Path("src/vivavoce/devices/bargein_words.npz"))
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    x, facts = all_heard(given.folder, *TRAINING, *(name for name in HALVES if name[-1] in given.halves))
    dev = all_heard(given.folder, "dev")
    print(f"{len(x)} moments", flush=True)
    wanted = (torch.cat((x, dev[0])), torch.cat((facts, dev[1]))) if given.with_dev else (x, facts)
    some = x[:: max(len(x) // 3000, 1)].float()
    there = some[some.abs().sum(dim=-1) > 0]
    # rounded as they are kept, so that what is trained is what is shipped
    mean, spread = there.mean(dim=0).half().float(), (there.std(dim=0) + 0.1).half().float()
    before = dict(np.load(given.go_on)) if given.go_on else {}
    if before:
        mean, spread = (torch.from_numpy(before[name]).float() for name in ("mean", "spread"))
    judge = None if given.with_dev or before else dev
    heads = []
    for head in range(given.heads):
        torch.manual_seed(given.seed + head)
        net = Net(mean, spread)
        if before:
            net.take(before, head)
        heads.append(trained(net, wanted, judge, given.passes, given.rate))
    stacked = {name: np.stack([head[name] for head in heads]) for name in heads[0]}
    scale = {"mean": mean.numpy().astype(np.float16), "spread": spread.numpy().astype(np.float16)}
    np.savez_compressed(given.to, **scale, **stacked)  # type: ignore[arg-type]  # names are names of arrays
    print(given.to, given.to.stat().st_size)


if __name__ == "__main__":
    main()
