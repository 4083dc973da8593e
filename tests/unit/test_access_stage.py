"""What the chain reads off a call before it knows the caller: header, id, channel and certificate."""

import hashlib
import ssl

import pytest

from vsm_server.refusal import Refusal
from vsm_server.rpc.access_stage import bearer, certificate_sha256, is_secure
from vsm_server.rpc.incident import read_headers

DER = bytes(range(200))


@pytest.mark.parametrize("header", ["Bearer x.y.z", "bearer x.y.z", "BEARER x.y.z"])
def test_scheme_is_read_in_any_case(header: str) -> None:
    """The word Bearer may be written in any case."""
    assert bearer(header) == "x.y.z"


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer ", "Basic x", "x.y.z", "Bearerx.y.z"])
def test_other_headers_are_refused(header: str | None) -> None:
    """Without a header, with another scheme or without a token the call is refused."""
    with pytest.raises(Refusal):
        bearer(header)


@pytest.mark.parametrize(
    ("security", "peer", "secure"),
    [
        ([b"ssl"], "ipv4:203.0.113.7:4711", True),
        ([b"insecure"], "ipv4:203.0.113.7:4711", False),
        ([b"insecure"], "ipv6:%5B2001:db8::1%5D:4711", False),
        ([b"insecure"], "ipv4:127.0.0.1:4711", True),
        ([b"insecure"], "ipv6:%5B::1%5D:4711", True),
        ([b"insecure"], "unix:", True),
        ([b"insecure"], "ipv6:%5B::127.0.0.1%5D:4711", False),
        ([b"insecure"], "ipv4:12.7.0.1:4711", False),
        ([b"ssl", b"insecure"], "ipv4:203.0.113.7:4711", False),
        ([], "", False),
    ],
)
def test_channel_is_secure_by_tls_or_on_this_machine(security: list[bytes], peer: str, secure: bool) -> None:
    """Only TLS and the loopback count; a channel that says it is insecure does not count for saying something."""
    assert is_secure({"transport_security_type": security}, peer) is secure


def test_certificate_is_hashed_in_its_der_form() -> None:
    """A token is bound to the SHA-256 of the certificate's DER form, as RFC 8705 has it."""
    assert certificate_sha256({"x509_pem_cert": [ssl.DER_cert_to_PEM_cert(DER).encode()]}) == hashlib.sha256(DER).digest()
    assert certificate_sha256({"transport_security_type": [b"ssl"]}) == b""


@pytest.mark.parametrize(
    ("metadata", "authorization", "trace"),
    [
        ((), None, "new"),
        ((("authorization", "a"),), "a", "new"),
        ((("authorization", "a"), ("authorization", "b")), "", "new"),
        ((("authorization", "a"), ("authorization", "b"), ("authorization", "c")), "", "new"),
        ((("x-request-id", "abc-123"),), None, "abc-123"),
        ((("x-request-id", "x" * 65),), None, "new"),
        ((("x-request-id", 'a"b'),), None, "new"),
        ((("x-request-id", "a\nb"),), None, "new"),
        ((("x-request-id", ""),), None, "new"),
        ((("x-request-id", "ä"),), None, "new"),
        ((("x-request-id", b"abc"),), None, "new"),
    ],
)
def test_headers(metadata: tuple[tuple[str, str | bytes], ...], authorization: str | None, trace: str) -> None:
    """Several authorizations are as bad as an empty one; a caller's own id is kept when it is a plain word."""
    assert read_headers(metadata, lambda: "new") == (authorization, trace)
