"""Trains the network of devices/barge_net.py on the training scenes of bench/bargein_scenes.py.

    python -m bench.bargein_train [--passes 12] [--threads 1] [--to src/vivavoce/devices/bargein.npz]

(needs `pip install torch`; first bench.bargein_sources and bench.bargein_unheard, then bench.bargein_scenes for train, more,
further and dev.)

Each 10 ms of a labelled sound, from 30 ms after its beginning on, is to be told as words or not; sounds that agree in words
("yeah") are left out. Of the dev set it keeps the best pass.
"""

from __future__ import annotations

import argparse
import importlib
import time
from pathlib import Path
from typing import Any

import numpy as np
from bench.bargein_scenes import Stream, kept_streams, scenes_of
from bench.bargein_sources import FOLDER, TRAINING
from numpy.typing import NDArray

from vivavoce.devices.barge_net import FRAMES
from vivavoce.devices.barge_sound import BANDS, FEATURES, FRAME, features

torch: Any = importlib.import_module("torch")  # Any: it is not installed where the types are checked
nn: Any = torch.nn
Tensor = Any
_LATE = 3
_PERSON = {"speech", "backchannel", "agreement", "cough", "laugh", "vocal", "cry"}
_WEIGHT = {
    "speech": 1.0,
    "backchannel": 1.3,
    "agreement": 0.0,
    "cry": 1.0,
    "cough": 1.3,
    "laugh": 1.3,
    "vocal": 1.0,
    "noise": 1.0,
}
_CHUNK = 400


def labels(stream: Stream, frames: int) -> NDArray[np.float32]:
    """(frames, 4): words, their weight, a person, its weight."""
    out = np.zeros((frames, 4), np.float32)
    out[:, 1], out[:, 3] = 0.15, 0.6
    for event in stream.events:
        begin, end = event.begin // FRAME, event.end // FRAME + 2
        span = slice(begin + _LATE, end)
        out[begin:end, 1], out[begin:end, 3] = 0.0, 0.0
        out[span, 0] = event.kind == "speech"
        out[span, 1] = _WEIGHT[event.kind]
        early = slice(begin + _LATE, min(begin + 35, end))  # where the verdict falls
        out[early, 1] *= 1.6
        out[begin + 1 : end - 2, 2] = event.kind in _PERSON
        out[begin + 1 : end - 2, 3] = 0.3 if event.kind == "noise" else 1.0
    return out


def told(path: Path) -> tuple[Tensor, Tensor]:
    """All streams of a file in chunks of 4 s: features and labels. Kept beside it; remove that when features change."""
    ready = path.parent / f"told-{path.name}"
    if ready.is_file():
        with np.load(ready) as file:
            return torch.from_numpy(file["rows"].astype(np.float32)), torch.from_numpy(
                file["wanted"].astype(np.float32)
            )
    rows, wanted = [], []
    for stream in kept_streams(path):
        found = features(stream.sound).astype(np.float32)
        label = labels(stream, len(found))
        for at in range(0, len(found) - 200, _CHUNK):
            rows.append(_padded(found[at : at + _CHUNK]))
            wanted.append(_padded(label[at : at + _CHUNK]))
    np.savez(ready, rows=np.stack(rows).astype(np.float16), wanted=np.stack(wanted).astype(np.float16))
    return torch.from_numpy(np.stack(rows)), torch.from_numpy(np.stack(wanted))


def _padded(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.pad(rows, ((0, _CHUNK - len(rows)), (0, 0)))


class Net:
    """As devices/barge_net.py."""

    def __init__(self, mean: Tensor, spread: Tensor, seen: int = 56, size: int = 80) -> None:
        self.mean, self.spread = mean, spread
        self.first = nn.Linear(FRAMES * FEATURES, seen)
        self.gru = nn.GRU(seen, size, batch_first=True)
        self.out = nn.Linear(size, 2)
        self.drop = nn.Dropout(0.25)
        self.parts = nn.ModuleList([self.first, self.gru, self.out, self.drop])

    def __call__(self, x: Tensor) -> Tensor:
        x = (x - self.mean) / self.spread
        before = torch.cat((torch.zeros_like(x[:, : FRAMES - 1]), x), dim=1)
        stacked = torch.cat([before[:, n : n + x.shape[1]] for n in range(FRAMES)], dim=2)
        return self.out(self.drop(self.gru(self.drop(torch.relu(self.first(stacked))))[0]))

    def take(self, weights: dict[str, NDArray[np.float32]]) -> None:
        """To go on from what was kept."""
        own = {
            "in": self.first.weight, "in_bias": self.first.bias, "gates": self.gru.weight_ih_l0, "gates_bias": self.gru.bias_ih_l0,
            "back": self.gru.weight_hh_l0, "back_bias": self.gru.bias_hh_l0, "out": self.out.weight, "out_bias": self.out.bias,
        }  # fmt: skip
        with torch.no_grad():
            for name, value in own.items():
                value.copy_(torch.from_numpy(weights[name].astype(np.float32)))
            self.mean, self.spread = (torch.from_numpy(weights[n].astype(np.float32)) for n in ("mean", "spread"))

    def weights(self) -> dict[str, NDArray[np.float32]]:
        """For bargein.npz."""
        gru = self.gru
        named = {
            "mean": self.mean, "spread": self.spread, "in": self.first.weight, "in_bias": self.first.bias,
            "gates": gru.weight_ih_l0, "gates_bias": gru.bias_ih_l0, "back": gru.weight_hh_l0, "back_bias": gru.bias_hh_l0,
            "out": self.out.weight, "out_bias": self.out.bias,
        }  # fmt: skip
        return {name: value.detach().numpy().astype(np.float16) for name, value in named.items()}


def loss_of(found: Tensor, wanted: Tensor) -> tuple[Tensor, Tensor]:
    loss = nn.functional.binary_cross_entropy_with_logits(found, wanted[..., 0::2], reduction="none")
    weight = wanted[..., 1::2]
    each = (loss * weight).sum(dim=(0, 1)) / weight.sum(dim=(0, 1)).clamp(min=1)
    return each[0] * 1.5 + each[1] * 0.5, each


def varied(x: Tensor) -> Tensor:
    """As another microphone would hear it: louder or weaker, brighter or duller, with dips."""
    bands, count = torch.linspace(-1, 1, BANDS), len(x)
    louder, tilt = torch.randn(count, 1, 1) * 0.2, torch.randn(count, 1, 1) * 0.15
    bow = torch.randn(count, 1, 1) * 0.12 * torch.cos(bands * torch.pi)
    out = x + 0.02 * torch.randn(count, 1, FEATURES)
    out[..., :BANDS] += louder + tilt * bands + bow
    out[..., 2 * BANDS] += louder[..., 0] * 1.25  # dB / 20 instead of dB / 25
    dip = (torch.arange(BANDS) - torch.randint(0, BANDS, (count, 1, 1))).abs() < torch.randint(0, 4, (count, 1, 1))
    out[..., BANDS : 2 * BANDS] *= 1 - 0.7 * dip
    return out


def asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--passes", type=int, default=12)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--folder", type=Path, default=FOLDER)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--go-on", type=Path, help="from these weights instead of none")
    parser.add_argument("--pace", type=float, default=4e-3)
    parser.add_argument("--to", type=Path, default=Path("src/vivavoce/devices/bargein.npz"))
    return parser.parse_args()


def main() -> None:
    given = asked()
    torch.set_num_threads(given.threads)
    torch.manual_seed(given.seed)
    xs, ys = zip(*(told(path) for path in scenes_of(given.folder, *TRAINING)), strict=True)
    x, y = torch.cat(xs), torch.cat(ys)
    dev = [told(path) for path in scenes_of(given.folder, "dev")]
    print(f"{len(x) * _CHUNK / 360000:.1f} h", flush=True)
    some = x[:: max(len(x) // 400, 1)].reshape(-1, FEATURES)
    # rounded as they are kept, so that what is trained is what is shipped
    mean, spread = some.mean(dim=0).half().float(), (some.std(dim=0) + 0.05).half().float()
    net = Net(mean, spread)
    if given.go_on:
        with np.load(given.go_on) as file:
            net.take(dict(file))
    steps = given.passes * (len(x) // 32 + 1)
    optimiser = torch.optim.AdamW(net.parts.parameters(), lr=3e-3, weight_decay=1e-2)
    pace = torch.optim.lr_scheduler.OneCycleLR(optimiser, given.pace, total_steps=steps, pct_start=0.15)
    best = float("inf")
    for turn in range(given.passes):
        began, total = time.monotonic(), 0.0
        net.parts.train()
        for part in torch.randperm(len(x)).split(32):
            loss, _ = loss_of(net(varied(x[part])), y[part])
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(net.parts.parameters(), 1.0)
            optimiser.step()
            pace.step()
            total += float(loss.detach()) * len(part)
        net.parts.eval()
        with torch.no_grad():
            marks = [loss_of(net(dx), dy) for dx, dy in dev]
        mark = float(np.mean([float(m) for m, _ in marks]))
        each = np.mean([e.numpy() for _, e in marks], axis=0).round(3)
        print(f"pass {turn}: {total / len(x):.4f}, dev {mark:.4f} {each}, {time.monotonic() - began:.0f} s", flush=True)
        if mark < best:
            best = mark
            np.savez_compressed(given.to, **net.weights())  # type: ignore[arg-type]  # names are names of arrays
    print(given.to, given.to.stat().st_size)


if __name__ == "__main__":
    main()
