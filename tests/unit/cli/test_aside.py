"""What is put aside is shown without being believed, and replayed only where that is wanted."""

import io
import json
import os
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from toolwire.broker.consume import Delivery
from toolwire.cli import exits
from toolwire.cli.aside import audit, showing
from toolwire.cli.aside.letters import Letter, letters_in
from toolwire.cli.aside.plan import Errand, Wish, plan
from toolwire.cli.aside.reasons import DEAD, JUNK, UNKNOWN, reason_of
from toolwire.cli.aside.replaying import agreed
from toolwire.cli.aside.shelf import Pile, Shelf
from toolwire.cli.commands import app
from toolwire.cli.running import exit_code_of
from toolwire.client.home import Home
from toolwire.contracts.envelopes import Request
from toolwire.contracts.errors import ConfigurationError, UsageError
from toolwire.contracts.sealing import seal
from toolwire.services.homes.provision import add_client, add_server, change_allowed, create_home, revoke

SERVER, CLIENT, OPERATOR = "server-1", "client-1", "operator-1"
NOW = 1_800_000_000_000
CONTRACTS = Path(__file__).parents[3] / "contracts"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = create_home(tmp_path / "home")
    add_server(home, SERVER)
    add_client(home, CLIENT, allow=["add"])
    return home


def a_line(home: Home, **changes: Any) -> bytes:
    fields: dict[str, Any] = {
        "ts_ms": NOW,
        "server_id": SERVER,
        "request_id": "order-17",
        "nonce": "n" * 22,
        "deadline_ms": NOW + 1000,
        "client_id": CLIENT,
        "tool": "add",
        "args": {"item": "tea"},
        "reply_to": "main",
    }
    return seal(Request(**{**fields, **changes}), home.client_signer(CLIENT))


def a_letter(home: Home, body: bytes, headers: dict[str, object] | None = None) -> Letter:
    return pile_of(home, Delivery(body, "request", False, "tw.dead", SERVER, headers=headers or {})).letters[
        0
    ]


def pile_of(home: Home, *messages: Delivery) -> Pile:
    return Pile(letters_in(messages, home.client_keys_here(SERVER), NOW), 0)


def errands(home: Home, body: bytes, client: str = OPERATOR, **wish: Any) -> list[Errand]:
    pile = Pile([a_letter(home, body)], 0)
    return plan(pile, Shelf("dead", SERVER, home, (), client), Wish(all=True, **wish))


@pytest.mark.parametrize("kind", ["dead", "junk"])
@pytest.mark.parametrize("command", ["list", "show", "replay", "purge"])
def test_every_command_has_help_with_the_exit_codes(
    kind: str, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_code_of(app, [kind, command, "--help"]) == exits.OK
    assert "Exit codes: 0 it went well" in capsys.readouterr().out


# --- who signed it, and why it is there ---


def test_every_reason_to_refuse_a_line_is_explained() -> None:
    source = "".join(file.read_text() for file in (CONTRACTS / "toolwire" / "contracts").glob("*.py"))
    raised = set(re.findall(r'Unverified\("(\w+)"\)', source)) | {"revoked_key", "key_out_of_date"}
    assert {"unknown_key", "bad_lines"} <= raised <= set(JUNK)
    assert reason_of("delivery_limit") is DEAD["delivery_limit"]
    assert reason_of("never heard of") is UNKNOWN


def test_each_line_is_judged_by_the_keys_that_are_good_now(home: Home) -> None:
    good, bad = a_line(home), a_line(home).replace(b"tea", b"rum")
    letter = a_letter(home, b"\n".join([good, bad, b"{}", a_line(home, client_id="client-2")]))
    assert [line.refusal for line in letter.lines] == [None, "bad_signature", "bad_envelope", "forbidden"]
    assert [request.args for request in letter.requests] == [{"item": "tea"}]
    revoke(home, f"{CLIENT}.1")
    assert a_letter(home, good).lines[0].refusal == "revoked_key"


def test_a_secret_that_is_not_here_makes_its_lines_unverified_and_no_others(home: Home) -> None:
    kid = add_client(home, CLIENT, hmac_for=SERVER)
    body = seal(a_letter(home, a_line(home)).requests[0], home.client_signer(CLIENT, kid))
    assert a_letter(home, body).lines[0].refusal is None
    home.secret_file(kid).unlink()
    assert a_letter(home, body).lines[0].refusal == "unknown_key"
    assert a_letter(home, a_line(home)).lines[0].refusal is None


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ({"x-toolwire-reason": "broken", "x-toolwire-time": str(NOW)}, "broken"),
        ({"x-death": [{"reason": "expired"}, {"reason": "rejected"}], "x-toolwire-reason": "lie"}, "expired"),
        ({"x-toolwire-reason": "\x1b[2J"}, "unknown"),
        ({"x-toolwire-reason": 7, "x-toolwire-time": "yesterday"}, "unknown"),
        ({"x-death": "none"}, "unknown"),
        ({"x-death": [7]}, "unknown"),
        ({"x-death": [{"time": "soon", "reason": ["x"]}]}, "unknown"),
        ({}, "unknown"),
    ],
)
def test_headers_are_read_with_care(home: Home, headers: dict[str, object], reason: str) -> None:
    letter = a_letter(home, a_line(home), headers)
    assert letter.reason == reason
    assert letter.when_ms == (NOW if headers.get("x-toolwire-time") == str(NOW) else None)


def test_names_are_short_and_find_one_message(home: Home) -> None:
    messages = [Delivery(f"{number}".encode(), None, False, "", "") for number in range(50)]
    pile = pile_of(home, *messages, messages[0])
    assert len(pile.letters) == 50
    assert len(pile.letters[0].copies) == 2
    assert all(pile.find(name).digest == digest for digest, name in pile.names.items())
    for name in ("", pile.letters[0].digest[:1], "zz"):
        with pytest.raises(UsageError):
            pile.find(name)
    assert pile.names is pile.names, "to make them takes long where the pile is big"


# --- what is shown ---


def test_unverified_content_is_shown_escaped_and_bounded() -> None:
    shown = showing.escaped(b'\x1b]0;owned\x07\xff{"a": "\xe2\x80\xae"}\r\n' + b"x" * 100_000)
    assert shown.isascii()
    assert shown.isprintable()
    assert len(shown) < showing.MOST_SHOWN + 50
    assert shown.endswith(" more bytes)")


def test_a_time_after_the_year_9999_is_shown(home: Home) -> None:
    letter = a_letter(home, a_line(home), {"x-toolwire-reason": "broken", "x-toolwire-time": "9" * 15})
    assert showing.document(letter, Pile([letter], 0))["time"] == f"{'9' * 15} ms"


# --- what is replayed ---


def test_a_verified_request_is_replayed_under_an_id_of_its_line(home: Home) -> None:
    (errand,) = errands(home, a_line(home))
    assert errand.obstacle is None
    assert errand.request_id == f"replay-{errand.line.digest}"
    assert errand.told() == (
        f'{errand.name} line 1: add {{"item": "tea"}} of client-1, as replay-{errand.line.digest}'
    )


@pytest.mark.parametrize(
    ("changes", "obstacle"),
    [
        ({"server_id": "server-2"}, "it is for the server server-2"),
        ({"tool": "mul"}, "client-1 may not use mul: toolwire keys allow client-1 mul"),
    ],
)
def test_what_the_service_would_not_have_run_stays(
    home: Home, changes: dict[str, Any], obstacle: str
) -> None:
    (errand,) = errands(home, a_line(home, **changes))
    assert errand.obstacle == obstacle


@pytest.mark.promise("P1")
def test_nothing_unverified_is_read_without_being_asked_to(home: Home) -> None:
    body = a_line(home).replace(b"tea", b"rum")
    (errand,) = errands(home, body)
    assert errand.request is None
    assert errand.obstacle is not None
    assert errand.obstacle.startswith("not verified (bad_signature). ")
    (insisting,) = errands(home, body, unverified=True)
    assert insisting.request is not None
    assert insisting.obstacle is None
    assert "NOT VERIFIED (bad_signature), says it is of client-1" in insisting.told()


@pytest.mark.parametrize(
    "body", [b"{}", b"\r", b"", b"x" * 2_000_000, b'{"a":1,"signature":"x.1:' + b"A" * 86 + b'"}']
)
def test_what_cannot_be_read_stays_whoever_insists(home: Home, body: bytes) -> None:
    (errand,) = errands(home, body, unverified=True)
    assert errand.obstacle == "it cannot be read as a request"


def entry(errand: Errand) -> dict[str, str]:
    return {"line": errand.line.digest, "request_id": errand.request_id, "client_id": OPERATOR}


def test_what_was_answered_is_only_removed_and_what_failed_waits_for_a_word(home: Home) -> None:
    body = a_line(home)
    (first,) = errands(home, body)
    for outcome in ("begun", "undelivered", "no_answer", "refused"):
        audit.record(home, outcome, entry(first))
        (errand,) = errands(home, body)
        assert (errand.obstacle, errand.done, errand.request_id) == (None, None, first.request_id)
    audit.record(home, "failed", entry(first) | {"code": "tool_error"})
    (errand,) = errands(home, body)
    assert errand.obstacle is not None
    assert errand.obstacle.endswith("failed (tool_error). --again runs it once more")
    (second,) = errands(home, body, again=True)
    assert (second.obstacle, second.request_id) == (None, f"{first.request_id}-2")
    audit.record(home, "answered", entry(second))
    (errand,) = errands(home, body)
    assert errand.done is not None
    (third,) = errands(home, body, again=True)
    assert (third.done, third.request_id) == (None, f"{first.request_id}-3")
    change_allowed(home, CLIENT, remove=["add"])


def test_what_another_client_has_begun_waits_for_that_client_or_for_a_word(home: Home) -> None:
    """The service tells repetitions by client and request id: to another client it would run it again."""
    body = a_line(home)
    (first,) = errands(home, body)
    for outcome in ("begun", "undelivered", "no_answer", "refused"):
        audit.record(home, outcome, entry(first))
        (errand,) = errands(home, body, "operator-2")
        assert errand.obstacle == "begun as operator-1: repeat with --client operator-1, or --again"
        (again,) = errands(home, body, "operator-2", again=True)
        assert (again.obstacle, again.request_id) == (None, f"{first.request_id}-2")
    audit.record(home, "answered", entry(first))
    (errand,) = errands(home, body, "operator-2")
    assert errand.obstacle is None
    assert errand.done is not None


def test_what_is_to_be_replayed_is_named_or_all_of_it() -> None:
    for wish in ({}, {"names": ("a",), "all": True}):
        with pytest.raises(UsageError, match="which messages"):
            Wish(**wish)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] - one dict for both


class Terminal(io.StringIO):
    """A person who types that."""

    def isatty(self) -> bool:
        """It is a terminal."""
        return True


def test_a_person_is_asked_and_a_script_has_to_say_yes(monkeypatch: pytest.MonkeyPatch) -> None:
    assert agreed("sure?", yes=True)
    for typed, answer in (("y\n", True), ("n\n", False), ("\n", False)):
        monkeypatch.setattr(sys, "stdin", Terminal(typed))
        assert agreed("sure?", yes=False) is answer
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    with pytest.raises(UsageError, match="--yes"):
        agreed("sure?", yes=False)


# --- the audit ---


def test_the_audit_is_a_line_for_each_in_a_file_of_ones_own(
    home: Home, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO", "toolwire.audit"):
        audit.record(home, "begun", {"line": "a", "n": 1})
        audit.record(home, "answered", {"line": "a", "n": 2})
    file = audit.audit_file(home)
    lines = [json.loads(text) for text in file.read_text().splitlines()]
    assert [(line["outcome"], line["n"]) for line in lines] == [("begun", 1), ("answered", 2)]
    assert all(line["user"] and line["time"] for line in lines)
    assert file.stat().st_mode & 0o777 == 0o600
    assert [record.name for record in caplog.records] == ["toolwire.audit"] * 2
    with file.open("a") as stream:
        stream.write('7\nnull\n["line"]\n"line"\n{"line": []}\n{"a piece of a li')
    assert audit.last_replays(home)["a"]["n"] == 2
    audit.record(home, "begun", {"line": "a", "n": 3})
    assert audit.last_replays(home)["a"]["n"] == 3


def test_an_audit_that_takes_only_a_part_of_a_line_stops_what_was_to_be_done(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that is nearly full takes a part, and says how much."""
    write = os.write

    def write_a_part(file: int, line: bytes) -> int:
        return write(file, line[:5])

    monkeypatch.setattr(os, "write", write_a_part)
    with pytest.raises(ConfigurationError, match="nothing is replayed or purged without it"):
        audit.record(home, "begun", {"line": "a"})


def test_without_an_audit_nothing_is_done(home: Home) -> None:
    audit.audit_file(home).mkdir()
    with pytest.raises(ConfigurationError, match="nothing is replayed or purged without it"):
        audit.record(home, "begun", {})
