"""Answers while there is no broker: tried for a while, and never for longer than anybody waits."""

import time

import pytest

from toolwire.broker.errors import Away
from toolwire.contracts.encoding import sendable
from toolwire.services.requests import answers as answers_module
from toolwire.services.requests.answers import Answers
from toolwire.services.requests.plans import Reply
from toolwire.services.requests.seals import Seals
from toolwire.services.store.port import Address, RecordKey
from toolwire.services.telling import post as post_module
from toolwire.services.telling.post import Post

HOME = Address("instance-1", "d" * 43, "kid-1", asked_ms=0)
SEVEN = sendable(7)
ASKED = RecordKey("client-1", "request-1")


@pytest.fixture
def answers(seals: Seals, post: Post, monkeypatch: pytest.MonkeyPatch) -> Answers:
    monkeypatch.setattr(post_module, "TIMEOUT_S", 0.01)
    monkeypatch.setattr(answers_module, "AGAIN_S", 0.01)
    monkeypatch.setattr(answers_module, "PATIENCE_S", 0.05)
    return Answers(seals, post)


async def test_an_answer_that_nobody_waits_for_is_given_up(
    answers: Answers, caplog: pytest.LogCaptureFixture
) -> None:
    await answers.send(ASKED, HOME, Reply("ok", SEVEN), deadline_ms=0)
    assert "was given up" in caplog.text


@pytest.mark.promise("P8")
async def test_an_answer_in_vain_gives_its_delivery_back(answers: Answers) -> None:
    """Held for hours it would meet the broker's consumer timeout; the next one finds the stored answer."""
    with pytest.raises(Away):
        await answers.send(ASKED, HOME, Reply("ok", SEVEN), deadline_ms=round(time.time() * 1000) + 60_000)
