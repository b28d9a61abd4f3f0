"""A talk inside a program of your own: typed turns in, what was heard out.

    python examples/embed.py "What is two plus two?"

Any part can be replaced by one of yours: `vivavoce.ports` says what each must do. Here nobody speaks and the speaker is a file.
"""

import asyncio
import os
import sys

from vivavoce import MemoryMicrophone, Parts, Session, Settings, WavSpeaker, run, wire_for
from vivavoce.choose import Choice, choose
from vivavoce.ports import Wire
from vivavoce.script import Script, Typed
from vivavoce.session.happenings import AssistantSaid, Errored, Happening, UserSaid
from vivavoce.session.settings import Timeouts


class Notebook:
    """A screen: it is shown everything that happens, and writes down what was said."""

    def show(self, happening: Happening, t: float, out_ms: int | None) -> None:
        """`t`: seconds since the start; `out_ms`: position of the speaker's clock."""
        match happening:
            case UserSaid():
                print("You:", happening.text)
            case AssistantSaid():
                print("Assistant:", happening.heard_text)
            case Errored():
                print("Error:", happening.message)


def wire_to(choice: Choice) -> Wire:
    """The server of the environment, or the offline engine."""
    if choice.kind == "offline":
        from vivavoce.engine.opening import open_stages
        from vivavoce.wire.offline import OfflineWire

        return OfflineWire(open_stages)
    return wire_for(choice)


async def main() -> None:
    """Type the command line, write down what was said."""
    choice = choose(os.environ, offline_installed=True)
    waits = Timeouts.of(choice.kind)
    settings = Settings(server=choice.kind, transcription_model=choice.transcription_model, timeouts=waits)
    script = Script([Typed(text) for text in sys.argv[1:] or ["Hello, who are you?"]])
    speaker = WavSpeaker("answer.wav")
    parts = Parts(
        Session(settings), wire_to(choice), MemoryMicrophone(ends=False), speaker, Notebook(), performer=script
    )
    outcome = await run(parts)
    print(f"The talk ended ({outcome.reason}); answer.wav holds what was heard.")


if __name__ == "__main__":  # the offline engine runs in a child process, which imports this file once more
    asyncio.run(main())
