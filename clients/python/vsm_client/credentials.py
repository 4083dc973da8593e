"""What a client proves itself by, and whom it believes: TLS from PEM files."""

import ssl
from pathlib import Path

import grpc


def tls_credentials(ca: Path | str | None = None, cert: Path | str | None = None, key: Path | str | None = None) -> grpc.ChannelCredentials:
    """For `ClientOptions.credentials`.

    `ca`: the authorities that may vouch for the server; None: those of this machine. `cert` and `key`, both or neither: the client's own
    certificate, with what leads to its root, and its private key. Read once. Raises OSError when a file cannot be read, ValueError when it
    is not PEM or one of the pair is missing.
    """
    if (cert is None) != (key is None):
        raise ValueError("cert and key belong together")
    roots = _machine_roots() if ca is None else _pem(Path(ca), "CERTIFICATE")
    chain = None if cert is None else _pem(Path(cert), "CERTIFICATE")
    return grpc.ssl_channel_credentials(roots, None if key is None else _pem(Path(key), "PRIVATE KEY"), chain)


def _pem(path: Path, what: str) -> bytes:
    body = path.read_bytes()
    if f"{what}-----".encode() not in body:
        raise ValueError(f"{path} holds no {what.lower()} in PEM form")
    return body


def _machine_roots() -> bytes | None:
    """Of the file or directory where OpenSSL has them, or SSL_CERT_FILE and SSL_CERT_DIR say; None: the library's own."""
    places = ssl.get_default_verify_paths()
    if places.cafile and Path(places.cafile).is_file():
        return Path(places.cafile).read_bytes()
    if places.capath and Path(places.capath).is_dir():
        found = {path.resolve() for path in Path(places.capath).iterdir() if path.is_file()}
        return b"\n".join(path.read_bytes() for path in sorted(found)) or None
    return None
