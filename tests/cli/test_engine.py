from __future__ import annotations

import asyncio
import os
import signal
import threading
import time

import pytest
from click.testing import CliRunner

from vivavoce.cli.engine import engine, serve_until_told
from vivavoce.engine.serve import Door
from vivavoce.errors import BadSettings
from vivavoce.testing.stages import tone_stages


def test_off_loopback_the_engine_wants_a_token_before_it_loads_anything() -> None:
    outcome = CliRunner().invoke(engine, ["--host", "0.0.0.0"])  # noqa: S104  # that is what must be refused
    assert isinstance(outcome.exception, BadSettings)
    assert "--token-env" in str(outcome.exception)


def test_a_token_variable_that_is_not_set_is_named() -> None:
    outcome = CliRunner().invoke(engine, ["--token-env", "NO_SUCH_TOKEN"], env={"NO_SUCH_TOKEN": None})
    assert isinstance(outcome.exception, BadSettings)
    assert "NO_SUCH_TOKEN" in str(outcome.exception)


@pytest.mark.parametrize(
    ("brain", "says"),
    [("http://127.0.0.1:9/v1", "NO_SUCH_KEY: this variable is not set"), ("small", "--brain URL only")],
)
def test_a_key_for_no_brain_or_in_no_variable_is_refused_before_anything_is_loaded(brain: str, says: str) -> None:
    told = ["--key-env", "NO_SUCH_KEY", "--brain", brain, "--recogniser", "none of this name"]
    outcome = CliRunner().invoke(engine, told, env={"NO_SUCH_KEY": None})
    assert isinstance(outcome.exception, BadSettings)
    assert says in str(outcome.exception)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_and_sigterm_end_the_engine_in_good_order(number: int, capsys: pytest.CaptureFixture[str]) -> None:
    before = {one: signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)}

    def interrupt_when_ready() -> None:
        # SIGTERM is taken over last; `asyncio.run` takes over SIGINT before us and would make a KeyboardInterrupt of it
        while signal.getsignal(signal.SIGTERM) is before[signal.SIGTERM]:
            time.sleep(0.01)
        os.kill(os.getpid(), number)

    threading.Thread(target=interrupt_when_ready, daemon=True).start()
    assert asyncio.run(serve_until_told(tone_stages(), Door(port=0))) == number
    assert capsys.readouterr().out.startswith("Listening on ws://127.0.0.1:")
    assert {one: signal.getsignal(one) for one in before} == before
