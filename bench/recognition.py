"""Word error rate of the engine's recogniser on the recordings of the tests whose words are known.

    python bench/recognition.py [--recogniser base tiny.en] [--language en]

The words are those of the tables in tests/recordings/SOURCES.md and tests/recordings/questions/SOURCES.md, lower case and without
punctuation. The rate is the number of words to change, add or take out, over all recordings together, by the number of words
there are. The path is the engine's: sound at 24 kHz, resampled to 16 kHz. Needs the extra `offline`.
"""

from __future__ import annotations

import argparse
import os
import re
import statistics
import time
from pathlib import Path

from vivavoce.devices.wav import load
from vivavoce.engine.models.choose import open_recogniser
from vivavoce.engine.pipeline import for_hearing

RECORDINGS = Path(__file__).parents[1] / "tests" / "recordings"


def known() -> dict[Path, str]:
    """The words of each recording."""
    words: dict[Path, str] = {}
    for folder in (RECORDINGS, RECORDINGS / "questions"):
        for line in (folder / "SOURCES.md").read_text(encoding="utf-8").splitlines():
            cells = [cell.strip() for cell in line.split("|")]
            names = re.findall(r"[\w-]+\.wav", cells[1]) if len(cells) > 2 else []
            quoted = re.findall(r'"([^"]+)"', cells[2]) if names else []
            if names and folder.name == "questions":
                quoted = [cells[2]]
            if quoted:  # noise and rooms have no words
                words |= {folder / name: text for name, text in zip(names, quoted, strict=True)}
    return words


def plain(text: str) -> list[str]:
    return re.sub(r"[^a-z0-9' ]", " ", text.lower()).split()


def errors(said: list[str], heard: list[str]) -> int:
    """Words to change, add or take out."""
    row = list(range(len(heard) + 1))
    for number, word in enumerate(said, 1):
        before, row = row, [number]
        for place, other in enumerate(heard):
            row.append(min(before[place + 1] + 1, row[place] + 1, before[place] + (word != other)))
    return row[-1]


def measure(recogniser: str, language: str | None) -> str:
    """A row of the table."""
    hear, wrong, total, times = open_recogniser(recogniser), 0, 0, []
    for path, words in known().items():
        sound = for_hearing(load(path))
        began = time.perf_counter()
        text = hear.hear(sound, language).text
        times.append(time.perf_counter() - began)
        count = errors(plain(words), plain(text))
        wrong, total = wrong + count, total + len(plain(words))
        if count:
            print(f"{recogniser}: {path.name}: {count} of {len(plain(words))}: {text!r}", flush=True)
    return f"| {recogniser} | {len(times)} | {wrong}/{total} | {wrong / total:.1%} | {statistics.median(times):.2f} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recogniser", nargs="+", default=["base", "tiny.en"])
    parser.add_argument("--language", help="a hint such as en; without it, detected")
    args = parser.parse_args()
    rows = [measure(recogniser, args.language) for recogniser in args.recogniser]
    print(f"\nload average {os.getloadavg()[0]:.1f} (1 min) on {os.cpu_count()} cores\n")
    print("| recogniser | recordings | wrong words | rate | s each, median |\n|---|---|---|---|---|")
    print("\n".join(rows))


if __name__ == "__main__":
    main()
