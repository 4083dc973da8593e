"""SecurityService: tokens issued, renewed, revoked and explained."""
# ruff: noqa: N802  methods have the names of the contract

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from google.protobuf.message import Message
from vsm.v1 import security_pb2, security_pb2_grpc

from vsm_server.model.call import Call
from vsm_server.rpc import caller
from vsm_server.rpc.access_stage import is_secure
from vsm_server.rpc.errors import Context
from vsm_server.security import claims
from vsm_server.security.claims import Birth
from vsm_server.security.explaining import Attempt, Policy, explain
from vsm_server.security.identity import Identity
from vsm_server.security.key_ring import KeyRing
from vsm_server.security.keys import jwks_json
from vsm_server.security.tokens import sign


class ServerLog(Protocol):
    """The engine of the server's own log."""

    async def submit(self, command: Message, call: Call) -> object:
        """Decide the command; returns once its facts are durable."""
        ...


@dataclass(frozen=True, slots=True)
class Mint:
    """The server's own keys, its clock (seconds since the Unix epoch) and its source of token ids."""

    ring: KeyRing
    now_unix_s: Callable[[], float]
    new_token_id: Callable[[], str]

    def birth(self) -> Birth:
        """Of a token that is made now."""
        return Birth(self.now_unix_s(), self.new_token_id())


class SecurityServicer(security_pb2_grpc.SecurityServiceServicer):
    """Tokens say no more than their issuer's. `revoked` is called once a revocation is durable, to end the streams that it hits.

    `policy`: by which calls are decided, and CheckAccess with them.
    """

    def __init__(self, mint: Mint, log: ServerLog, revoked: Callable[[], None], policy: Policy) -> None:
        self._mint = mint
        self._policy = policy
        self._log = log
        self._revoked = revoked

    async def IssueToken(self, request: security_pb2.IssueTokenRequest, _: Context) -> security_pb2.IssueTokenResponse:
        """A token for somebody else."""
        lifetime_s = request.lifetime.ToNanoseconds() / 1e9 if request.HasField("lifetime") else None
        identity = claims.issue(caller.identity(), request.claims, lifetime_s, self._mint.birth())
        return security_pb2.IssueTokenResponse(token=self._sign(identity), claims=claims.claims_of(identity))

    async def RenewToken(self, request: security_pb2.RenewTokenRequest, _: Context) -> security_pb2.RenewTokenResponse:
        """The caller's own token, with another lifetime."""
        asked = request.claims if request.HasField("claims") else None
        identity = claims.renew(caller.identity(), asked, self._mint.birth())
        return security_pb2.RenewTokenResponse(token=self._sign(identity), claims=claims.claims_of(identity))

    async def RevokeToken(self, request: security_pb2.RevokeTokenRequest, _: Context) -> security_pb2.RevokeTokenResponse:
        """A fact of the server's log; in force when this returns."""
        await self._log.submit(request, Call(actor=caller.identity().subject, priority=caller.priority()))
        self._revoked()
        return security_pb2.RevokeTokenResponse()

    async def CheckAccess(self, request: security_pb2.CheckAccessRequest, context: Context) -> security_pb2.CheckAccessResponse:
        """What would become of a call."""
        given = request.HasField("claims")
        secure = request.secure_channel if request.HasField("secure_channel") else is_secure(context.auth_context(), context.peer())
        identity = claims.identity_of(request.claims) if given else caller.identity()
        return explain(self._policy, Attempt(request.method, request.resource, identity, secure, own=not given))

    async def GetKeys(self, request: security_pb2.GetKeysRequest, _: Context) -> security_pb2.GetKeysResponse:  # noqa: ARG002
        """Public halves of the keys whose tokens are good; that of the key that signs comes first."""
        return security_pb2.GetKeysResponse(jwks_json=jwks_json(self._mint.ring.public.values()))

    async def WhoAmI(self, request: security_pb2.WhoAmIRequest, _: Context) -> security_pb2.WhoAmIResponse:  # noqa: ARG002
        """What the caller's token says."""
        return security_pb2.WhoAmIResponse(claims=claims.claims_of(caller.identity()))

    def _sign(self, identity: Identity) -> str:
        return sign(identity, self._mint.ring.signing)
