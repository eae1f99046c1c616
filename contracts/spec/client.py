"""A client of `toolwire/1`, written from PROTOCOL.md alone: numbers in comments are sections of that page.

    with pika.BlockingConnection(pika.URLParameters("amqp://localhost")) as connection:
        client = Client(connection, "client-001", "client-001.1", private_key, "mcp-server-001", pinned)
        print(client.call("batch_sum", {"numbers": [1, 2.5]}))
        print(*client.events(client.submit("start_long_task", {"seconds": 5})), sep="\\n")

One thread, one server. Left out: judging keys (2: pin none that is weak, revoked or out of date), the size of
lines sent (4.1), depth and huge integers (4.3), exchanges of others (5.1), named queues (5.2), a deadline for
confirms (5.3), properties that pika dies of (5.4), most checks of fields (6, schemas/), asking
again (5.3, 5.5, 7.1), jobs that others submitted (11.3), watching (13).
"""

import base64
import hashlib
import hmac
import json
import re
import secrets
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4
from weakref import WeakValueDictionary

import pika  # type: ignore[import-untyped]  # pika brings no types
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

Json = dict[str, Any]
Private = Ed25519PrivateKey | bytes  # 2: the key names the algorithm; bytes are a secret of HS256
Public = Ed25519PublicKey | bytes
Pinned = Mapping[str, Public]  # by their kids
MINE = ("response", "event")  # what a reply queue is for
TAIL = re.compile(rb',"signature":"([A-Za-z0-9][A-Za-z0-9._-]{0,63}):([A-Za-z0-9_-]{43,128})"\}\Z')


class Refused(Exception):
    """The server said no: the argument is the error of 6.7."""


class Dropped(Exception):
    """What came is not to be taken: the argument is the word for it, of 8.1 or 9."""


def need(holds: bool, reason: str) -> None:
    if not holds:
        raise Dropped(reason)


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def signed(kind: str, kid: str, text: bytes) -> bytes:  # 4.1, step 2
    return f"toolwire-sig-v1\n{kind}\n{kid}\n".encode() + text


def sign(key: Private, data: bytes) -> str:  # 4.1, step 3
    return base64url(hmac.digest(key, data, "sha256") if isinstance(key, bytes) else key.sign(data))


def verifies(key: Public, data: bytes, signature: str) -> bool:  # 4.2, step 4
    if isinstance(key, bytes):
        return hmac.compare_digest(sign(key, data), signature)
    try:
        key.verify(raw := base64.urlsafe_b64decode(signature + "=="), data)
    except (ValueError, InvalidSignature):
        return False
    return base64url(raw) == signature  # 3: no other spelling


def seal(envelope: Json, kid: str, key: Private) -> bytes:  # 4.1
    text = json.dumps(envelope, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()
    signature = sign(key, signed(envelope["type"], kid, text))
    return text[:-1] + f',"signature":"{kid}:{signature}"}}'.encode()


def unseal(line: bytes, pinned: Pinned) -> Json:
    """4.2, for a reply queue. ValueError, LookupError, RecursionError: invalid, though signed."""
    if (tail := TAIL.search(line)) is None or not line.startswith(b"{"):
        raise Dropped("bad_envelope")
    text, kid, signature = line[: tail.start()] + b"}", tail[1].decode(), tail[2].decode()
    need(kid in pinned, "unknown_key")
    kinds = [kind for kind in MINE if verifies(pinned[kid], signed(kind, kid, text), signature)]
    need(bool(kinds), "bad_signature")
    envelope: Json = json.loads(text.decode(), object_pairs_hook=unique)  # nothing is parsed before this line
    json.dumps(envelope, ensure_ascii=False, allow_nan=False).encode()  # 4.3: NaN, 1e400, lone surrogates
    need((envelope["v"], envelope["type"]) == ("toolwire/1", kinds[0]), "invalid_envelope")
    return envelope


def unique(members: list[tuple[str, Any]]) -> Json:  # 4.3
    need(len(dict(members)) == len(members), "invalid_envelope")
    return dict(members)


@dataclass
class Asked:
    """A request, and the job that it made. What is told of it is taken as long as somebody holds it."""

    request_id: str
    newest: Json  # the snapshot with the greatest `seq`
    news: list[Json] = field(default_factory=list[Json])
    answer: Json | None = None


class Client:
    """Asks one server. `dropped` counts what came and was not taken, by the reason."""

    def __init__(
        self, connection: Any, client_id: str, kid: str, key: Private, server_id: str, pinned: Pinned
    ) -> None:
        self.client_id, self.kid, self.key, self.server_id = client_id, kid, key, server_id
        self.pinned = {**pinned, kid: key} if isinstance(key, bytes) else pinned
        self.asked: WeakValueDictionary[str, Asked] = WeakValueDictionary()  # by the digest of the line
        self.dropped: Counter[str] = Counter()
        self.instance, self.connection, self.channel = secrets.token_hex(8), connection, connection.channel()
        self.channel.confirm_delivery()
        for exchange in ("tw.requests", "tw.replies"):  # 5.1
            self.channel.exchange_declare(exchange, "topic", durable=True)
        queue = f"tw.reply.{client_id}.{self.instance}.{secrets.token_hex(4)}"  # 5.2, the fresh form
        limits: Json = {"x-max-length": 10_000, "x-max-length-bytes": 268_435_456, "x-overflow": "drop-head"}
        limits |= {"x-queue-type": "classic", "x-queue-version": 2}
        self.channel.queue_declare(queue, exclusive=True, arguments=limits)
        self.channel.queue_bind(queue, "tw.replies", f"{client_id}.{self.instance}")
        self.channel.basic_consume(queue, self.receive, auto_ack=True)

    def call(self, tool: str, args: Json, timeout: float = 30) -> Any:
        """A tool's result. `Refused`: the server said no. `TimeoutError`: no answer, and it may have run."""
        return (self.submit(tool, args, timeout, timeout).answer or {})["result"]

    def submit(self, tool: str, args: Json, within: float = 3600, timeout: float = 30) -> Asked:
        """7.1, 5.3: asks for what has to be over `within` seconds. The answer is `accepted`, of a job."""
        now_ms, nonce = time.time_ns() // 1_000_000, base64url(secrets.token_bytes(16))
        request: Json = {"v": "toolwire/1", "type": "request", "tool": tool, "args": args, "nonce": nonce}
        request |= {"client_id": self.client_id, "server_id": self.server_id, "reply_to": self.instance}
        request |= {"ts_ms": now_ms, "deadline_ms": now_ms + int(within * 1000), "request_id": uuid4().hex}
        line = seal(request, self.kid, self.key)
        asked = Asked(request["request_id"], {"seq": 0, "final": False, "poll_after_ms": 5000, **request})
        self.asked[base64url(hashlib.sha256(line).digest())] = asked  # before it is published
        marks = pika.BasicProperties("application/jsonl", delivery_mode=2, type="request", message_id=nonce)
        self.channel.basic_publish("tw.requests", f"{self.server_id}.{tool}", line, marks, mandatory=True)
        self.wait(lambda: asked.answer is not None, timeout)
        if asked.answer is None:
            raise TimeoutError(f"no answer from {tool}; it may have run. Dropped: {dict(self.dropped)}")
        if asked.answer["error"] is not None:
            raise Refused(asked.answer["error"])
        return asked

    def poll(self, job_id: str, timeout: float = 30) -> Json:
        """The snapshot of a job."""
        snapshot: Json = self.call("poll_job", {"job_id": job_id}, timeout)
        if (snapshot["server_id"], snapshot["job_id"]) != (self.server_id, job_id):  # 9.4
            raise ValueError("the answer is about another job")
        return snapshot

    def events(self, job: Asked) -> Iterator[Json]:
        """11.3: the snapshots of a job that was submitted here, as it goes on, the final one last."""
        while job.news or not job.newest["final"]:
            self.wait(lambda: bool(job.news), (job.newest["poll_after_ms"] or 0) / 1000)
            if not job.news:
                polled = self.poll((job.answer or {})["result"]["job_id"])
                if polled["seq"] > job.newest["seq"]:
                    job.newest, job.news = polled, [*job.news, polled]
                elif time.time() * 1000 > job.newest["deadline_ms"] + 60_000:
                    raise TimeoutError("the end of the job was not told")
            if job.news:
                yield job.news.pop(0)

    def wait(self, done: Callable[[], bool], seconds: float) -> None:
        until = time.monotonic() + seconds
        while not done() and (left := until - time.monotonic()) > 0:
            self.connection.process_data_events(left)

    def receive(self, _channel: Any, _method: Any, properties: Any, body: bytes) -> None:
        """5.4: a bad message is dropped whole, a bad line alone."""
        lines = body.split(b"\n")
        try:
            need(properties.content_type == "application/jsonl", "bad_content_type")
            need(properties.content_encoding is None, "bad_content_encoding")
            need(len(body) <= 1_048_576, "too_large")
            need(len(lines) <= 64, "too_many_lines")
            need(b"" not in lines and b"\r" not in body, "bad_lines")
        except Dropped as why:
            self.dropped[str(why)] += 1
            return
        for line in lines:
            try:
                self.take(unseal(line, self.pinned))
            except Dropped as why:
                self.dropped[str(why)] += 1
            except (ValueError, TypeError, LookupError, RecursionError):
                self.dropped["invalid_envelope"] += 1

    def take(self, envelope: Json) -> None:
        """9, in its order."""
        is_event = envelope["type"] == "event"
        need(envelope["server_id"] == self.server_id, "foreign_key")  # all that are pinned are this server's
        need(not is_event or envelope["data"]["server_id"] == self.server_id, "foreign_job")
        need(envelope["client_id"] == self.client_id, "not_mine")
        asked = self.asked.get(envelope["request_digest"])
        if asked is None or (asked.answer and not is_event):
            raise Dropped("not_awaited")
        need(envelope["request_id"] == asked.request_id, "wrong_request")
        if is_event:  # 9.3; it may come before the answer
            need(envelope["data"]["seq"] > asked.newest["seq"], "duplicate")
            asked.newest, asked.news = envelope["data"], [*asked.news, envelope["data"]]
        else:  # 9.2
            error = envelope["error"]
            need(error is None or error["code"] != "wrong_destination", "wrong_destination")
            need(envelope["ok"] is (error is None), "invalid_envelope")
            asked.answer = envelope
