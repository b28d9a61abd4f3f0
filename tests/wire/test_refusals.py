from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from tests.wire.servers import REFERENCE
from websockets.datastructures import Headers

from vivavoce.errors import (
    DeploymentNotFound,
    KeyRefused,
    ModelRetired,
    NotARealtimeModel,
    QuotaExceeded,
    Refused,
    ServerGone,
    TooManyRequests,
    VivaError,
)
from vivavoce.wire.refusals import Advice, clean, masked, refusal, retry_after_s

ADVICE = Advice(model="my-model", named_by="THE_VARIABLE", key="check THE_KEY", address="THE_ADDRESS")
NOT_REALTIME = (REFERENCE / "http-400.azure.OpperationNotSupported.json").read_text()
NO_DEPLOYMENT = (REFERENCE / "http-404.azure.DeploymentNotFound.json").read_text()


@pytest.mark.parametrize(
    ("status", "body", "error", "retry", "says"),
    [
        (401, "", KeyRefused, "never", "check THE_KEY"),
        (401, '{"error":{"code":"PermissionDenied"}}', KeyRefused, "never", "check THE_KEY"),
        (403, '{"error":"no"}', KeyRefused, "never", 'says: "no"'),
        (404, NO_DEPLOYMENT, DeploymentNotFound, "once", "'my-model'"),
        (404, '{"error":{"code":"model_not_found"}}', DeploymentNotFound, "never", "THE_VARIABLE"),
        (404, "<html>", Refused, "never", "THE_ADDRESS"),
        (400, NOT_REALTIME, NotARealtimeModel, "never", "THE_VARIABLE"),
        (400, NOT_REALTIME.replace("Opperation", "Operation"), NotARealtimeModel, "never", "'my-model'"),
        (400, '{"error":{"code":"other","message":"why"}}', Refused, "never", 'says: "why"'),
        (410, "", ModelRetired, "never", "gpt-realtime-2.1"),
        (429, '{"code":"429","message":"slow"}', TooManyRequests, "backoff", "Too many requests"),
        (429, '{"error":{"code":"insufficient_quota"}}', QuotaExceeded, "never", "no money left"),
        (429, '{"error":{"code":"project_spend_limit_exceeded"}}', QuotaExceeded, "never", "spending limit"),
        (500, "", ServerGone, "never", "fault of its own (500)"),
        (503, "[]", ServerGone, "never", "try again"),
        (302, "", Refused, "never", "another address"),
        (200, "<html>", Refused, "never", "THE_ADDRESS"),
    ],
)
def test_each_refusal_says_what_to_do_next(
    status: int, body: str, error: type[VivaError], retry: str, says: str
) -> None:
    verdict = refusal(status, Headers(), body, ADVICE)
    assert type(verdict.error) is error
    assert verdict.retry == retry
    assert says in str(verdict.error)
    if isinstance(verdict.error, Refused):
        assert verdict.error.status == status
        assert verdict.error.body == clean(body, ())


def test_foreign_text_is_shown_without_our_secrets_and_without_control_characters() -> None:
    shown = clean("key abcdefghij\x1b[31m and sk-proj-abc*****wxyz, ek_1", ["abcdefghij", "k"])
    assert shown == "key ** [31m and sk-**, ek_1"
    assert len(clean("x" * 5000, ())) == 2000


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "7"}, 7.0),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after-ms": "250", "Retry-After": "9"}, 0.25),
        ({"Retry-After": "Mon, 23 Nov 2026 12:00:30 GMT"}, 30.0),
        ({"Retry-After": "Mon, 23 Nov 2026 11:00:00 GMT"}, 0.0),
        ({"Retry-After": "soon"}, None),
        ({"retry-after-ms": "soon"}, None),
        ({}, None),
    ],
)
def test_the_servers_own_pause_is_read(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after_s(Headers(headers), datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)) == seconds


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    ("headers", "body", "after_s"),
    [
        ({"Retry-After": "7"}, "", 7.0),
        ({}, '{"error":{"message":"Limit reached. Please try again in 1m26.4s."}}', 86.4),
        ({"retry-after-ms": "250"}, '{"error":{"message":"Please retry after 9 seconds."}}', 0.25),
        ({}, "", None),
    ],
)
def test_the_pause_the_server_asks_for_goes_with_the_error(
    status: int, headers: dict[str, str], body: str, after_s: float | None
) -> None:
    verdict = refusal(status, Headers(headers), body, ADVICE)
    assert verdict.error.after_s == after_s
    assert verdict.after_s == after_s


def test_no_other_refusal_asks_for_a_pause() -> None:
    assert refusal(401, Headers({"Retry-After": "7"}), "", ADVICE).error.after_s is None


def test_a_pause_the_server_asks_for_is_told() -> None:
    verdict = refusal(429, Headers({"Retry-After": "90"}), "", ADVICE)
    assert verdict.after_s == 90
    assert "wait 90 s" in str(verdict.error)


@pytest.mark.parametrize(
    "spelled",
    ["kf83-Hq/0zT+secret", r"kf83-Hq\/0zT+secret", r"kf83-Hq/0zT\u002Bsecret", r"\u006bf83-Hq\/0zT\u002bsecret"],
)
def test_a_secret_is_masked_however_json_spells_it(spelled: str) -> None:
    said = masked(f'{{"message": "the key {spelled} is wrong\\n"}}', ["kf83-Hq/0zT+secret"])
    assert json.loads(said) == {"message": "the key ** is wrong\n"}
