"""How often the engine's language model calls the right function, and calls none where none is wanted.

    python bench/functions.py [--brain small|medium|PATH|URL] [--sets dev,held,results] [--verbose]

The cases are in bench/functions.json, written by the authors of this project: `dev` was looked at while the decision was made,
`held` has other functions and was not. A case is right when the function is the expected one and every expected argument is in
the call (numbers and booleans equal, words contained, case aside), or when none was expected and none came. `results` gives the
output of a function and looks whether the spoken answer holds what it must (each a pattern). Temperature is 0: two runs differ in
time only. Needs the extra `offline`.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vivavoce.engine.models.choose import open_brain
from vivavoce.engine.stages import Asked, Prompt, Think, Words

CASES: dict[str, Any] = json.loads(Path(__file__).with_suffix(".json").read_text(encoding="utf-8"))
INSTRUCTIONS = "You are a helpful assistant."


@dataclass(frozen=True)
class Answer:
    """What the model did, and after how many seconds it began."""

    words: str
    call: Asked | None
    first_s: float


def ask(brain: Think, tools: str, messages: list[dict[str, Any]]) -> Answer:
    words, call, first_s = "", None, 0.0
    began = time.perf_counter()
    for piece in brain.think(Prompt(INSTRUCTIONS, messages, CASES["tools"][tools]), threading.Event()):
        first_s = first_s or time.perf_counter() - began
        if isinstance(piece, Words):
            words += piece.text
        elif isinstance(piece, Asked):
            call = piece
    return Answer(words, call, first_s)


def agrees(given: Any, expected: Any) -> bool:
    """Whether an argument is what was expected."""
    if isinstance(expected, str):
        return expected in str(given).lower()
    if isinstance(expected, bool) or isinstance(given, bool):
        return given is expected
    try:
        return float(given) == float(expected)
    except (TypeError, ValueError):
        return False


def verdict(case: dict[str, Any], call: Asked | None) -> str:
    """right, missed, wrong or false."""
    if case["call"] is None:
        return "right" if call is None else "false"
    if call is None:
        return "missed"
    arguments = json.loads(call.arguments)
    fits = all(agrees(arguments.get(name), expected) for name, expected in case["arguments"].items())
    return "right" if call.name == case["call"] and fits else "wrong"


def decisions(brain: Think, name: str, verbose: bool) -> str:
    """A row of the table."""
    cases, verdicts, times, tools = CASES[name], [], [], ""
    for case in cases:
        if case["tools"] != tools:
            tools = case["tools"]
            brain.warm(Prompt(INSTRUCTIONS, [], CASES["tools"][tools]), threading.Event())
        answer = ask(brain, tools, [{"role": "user", "content": case["said"]}])
        verdicts.append(verdict(case, answer.call))
        times.append(answer.first_s)
        if verbose or verdicts[-1] != "right":
            print(f"{verdicts[-1]}: {tools}: {case['said']} -> {answer.call or answer.words!r}", flush=True)
    wanted = sum(case["call"] is not None for case in cases)
    count = verdicts.count
    return (
        f"| {name} | {count('right')}/{len(cases)} | {count('missed')}/{wanted} | {count('wrong')}/{wanted} "
        f"| {count('false')}/{len(cases) - wanted} | {statistics.median(times):.2f} |"
    )


def results(brain: Think, verbose: bool) -> str:
    """A row of the table."""
    right, times = 0, []
    for case in CASES["results"]:
        call = {"name": case["call"], "arguments": case["arguments"], "call_id": "call_1"}
        messages = [
            {"role": "user", "content": case["said"]},
            {"role": "assistant", "content": "", "calls": [call]},
            {"role": "tool", "call_id": "call_1", "content": case["output"]},
        ]
        answer = ask(brain, case["tools"], messages)
        good = answer.call is None and all(re.search(one, answer.words.lower()) for one in case["spoken"])
        right += good
        times.append(answer.first_s)
        if verbose or not good:
            print(f"{'right' if good else 'wrong'}: {case['output']} -> {answer.call or answer.words!r}", flush=True)
    return f"| results | {right}/{len(CASES['results'])} | | | | {statistics.median(times):.2f} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--brain", default="small")
    parser.add_argument("--sets", default="dev,held,results")
    parser.add_argument("--verbose", action="store_true", help="every case, not only those that are not right")
    args = parser.parse_args()
    brain = open_brain(args.brain)
    names = args.sets.split(",")
    rows = [
        results(brain, args.verbose) if name == "results" else decisions(brain, name, args.verbose) for name in names
    ]
    print(f"\n{args.brain}, load average {os.getloadavg()[0]:.1f} (1 min) on {os.cpu_count()} cores\n")
    print("| set | right | missed | wrong function or argument | called for nothing | begins after, s, median |")
    print("|---|---|---|---|---|---|")
    print("\n".join(rows))


if __name__ == "__main__":
    main()
