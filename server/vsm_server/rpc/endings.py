"""The streams that are open, and the moments at which each must end."""

import asyncio
from collections import Counter
from collections.abc import Callable, Container
from dataclasses import dataclass, field

from vsm.v1 import access_pb2, errors_pb2

from vsm_server.refusal import Refusal, limit_reached
from vsm_server.rpc.caller import Caller
from vsm_server.rpc.peer import network
from vsm_server.security.authentication import Revocations
from vsm_server.security.identity import Identity

GRACE_S = 0.2
STREAMS_PER_SUBJECT_MAX = 1_000  # open streams of one subject; without a token, of one host (of IPv6: one /64)
STREAMS_MAX = 10_000  # open streams of a server; those of algedonic priority and health are always taken
STREAMS_WITHOUT_TOKEN_MAX = 2_000  # open streams without a token of a server: strangers leave room for callers
# Longest sleep towards the end of a token: the clock may be set meanwhile.
_SLEEP_MAX_S = 3_600.0


def running_task() -> "asyncio.Task[object]":
    """The task that runs this very code."""
    task = asyncio.current_task()
    if task is None:
        raise RuntimeError("no task is running")
    return task


@dataclass(eq=False, slots=True)
class Stream:
    """One open stream: whose it is, the task that serves it, and its end. `cut` when its handler had to be cancelled.

    `owner`: the subject, or the host of a caller without a token.
    """

    identity: Identity
    owner: tuple[str, str]
    task: "asyncio.Task[object]"
    ending: "asyncio.Future[Refusal]"
    age: asyncio.TimerHandle | None = field(default=None, init=False)
    expiry: asyncio.TimerHandle | None = field(default=None, init=False)
    deadline: asyncio.TimerHandle | None = field(default=None, init=False)
    cut: bool = field(default=False, init=False)


def _draining() -> Refusal:
    return Refusal(errors_pb2.ERROR_REASON_DRAINING, "the server is going")


def _aged() -> Refusal:
    return Refusal(errors_pb2.ERROR_REASON_DRAINING, "the stream has lasted as long as one may; go on in a new one", retry_after_s=0.0)


class Endings:
    """Ends streams: at the end of their token, at its revocation or its key's, at the age that one may have, and when the server goes.

    `stream_age_s` 0: streams may have any age.
    """

    def __init__(self, now_unix_s: Callable[[], float], stream_age_s: float = 0.0) -> None:
        self._now_unix_s = now_unix_s
        self._stream_age_s = stream_age_s
        self._streams: set[Stream] = set()
        self._count_by_owner: Counter[tuple[str, str]] = Counter()
        self._without_token = 0
        self._draining = False

    def __len__(self) -> int:
        """How many are open."""
        return len(self._streams)

    def begin(self, caller: Caller, peer: str, task: "asyncio.Task[object]") -> Stream:
        """Enter a stream; an identity whose `expires_unix_s` is 0 has no end of its own.

        Refuses with DRAINING when the server is going, with LIMIT_REACHED when the subject (or the host of a caller without a token) has
        STREAMS_PER_SUBJECT_MAX already, or the server STREAMS_MAX, or STREAMS_WITHOUT_TOKEN_MAX for a caller without one.
        """
        if self._draining:
            raise _draining()
        identity = caller.identity
        owner = (identity.subject, "") if identity.subject else ("", network(peer))
        if self._count_by_owner[owner] >= STREAMS_PER_SUBJECT_MAX:
            raise limit_reached("streams_per_subject_max", STREAMS_PER_SUBJECT_MAX)
        if not identity.subject and self._without_token >= STREAMS_WITHOUT_TOKEN_MAX:
            raise limit_reached("streams_without_token_max", STREAMS_WITHOUT_TOKEN_MAX)
        if len(self._streams) >= STREAMS_MAX and caller.priority < access_pb2.PRIORITY_ALGEDONIC:
            raise limit_reached("streams_max", STREAMS_MAX)
        self._count_by_owner[owner] += 1
        self._without_token += not identity.subject
        stream = Stream(identity, owner, task, task.get_loop().create_future())
        self._streams.add(stream)
        if identity.expires_unix_s:
            self._watch_expiry(stream)
        if self._stream_age_s:
            stream.age = task.get_loop().call_later(self._stream_age_s, self._end, stream, _aged())
        caller.ending = stream.ending
        return stream

    def finish(self, stream: Stream) -> None:
        """Forget a stream that is over; once for each that began."""
        self._streams.remove(stream)
        self._count_by_owner[stream.owner] -= 1
        self._without_token -= not stream.identity.subject
        if not self._count_by_owner[stream.owner]:
            del self._count_by_owner[stream.owner]
        for timer in (stream.age, stream.expiry, stream.deadline):
            if timer is not None:
                timer.cancel()

    def revoke(self, revocations: Revocations) -> None:
        """End the streams whose tokens are revoked."""
        for stream in tuple(self._streams):
            who = stream.identity
            if who.token_id and revocations.revoked(who.token_id, who.subject, who.issued_unix_s):
                self._end(stream, Refusal(errors_pb2.ERROR_REASON_TOKEN_REVOKED, "the token was revoked", metadata={"problem": "revoked"}))

    def distrust(self, key_ids: Container[str]) -> None:
        """End the streams whose tokens are of none of these keys."""
        for stream in tuple(self._streams):
            if stream.identity.token_id and stream.identity.key_id not in key_ids:
                self._end(
                    stream, Refusal(errors_pb2.ERROR_REASON_TOKEN_REVOKED, "the token's key was revoked", metadata={"problem": "key"})
                )

    def drain(self) -> None:
        """End all, and let no new one begin."""
        self._draining = True
        for stream in tuple(self._streams):
            self._end(stream, _draining())

    def _watch_expiry(self, stream: Stream) -> None:
        left_s = stream.identity.expires_unix_s - self._now_unix_s()
        if left_s <= 0:
            self._end(stream, Refusal(errors_pb2.ERROR_REASON_TOKEN_EXPIRED, "the token has expired", metadata={"problem": "expired"}))
        else:
            stream.expiry = stream.task.get_loop().call_later(min(left_s, _SLEEP_MAX_S), self._watch_expiry, stream)

    def _end(self, stream: Stream, refusal: Refusal) -> None:
        if not stream.ending.done():
            stream.ending.set_result(refusal)
            stream.deadline = stream.task.get_loop().call_later(GRACE_S, self._cut, stream)

    @staticmethod
    def _cut(stream: Stream) -> None:
        stream.cut = True
        stream.task.cancel()
