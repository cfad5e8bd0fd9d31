"""How a coordinator is reached: where, with which certificates, and with which token.

The rules are those of the `tamis` command (`proto/src/connect.rs`, `cli/src/access.rs`).
"""

from __future__ import annotations

import ipaddress
import logging
import os
import re
import ssl
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias
from urllib.parse import urlsplit

import grpc

from tamis_client.errors import NotFoundError, PermissionDeniedError, SpecError, StorageError

PathLike: TypeAlias = str | os.PathLike[str]

DEFAULT_URL = "http://127.0.0.1:7171"
# Keys and tokens are smaller; a wrong path shall not fill the memory.
_MOST_BYTES = 1 << 20
_OTHERS_READ = stat.S_IRGRP | stat.S_IROTH
_PORTS = {"https": 443, "http": 80}
# Where systems keep the authorities that they trust, for a Python whose OpenSSL was built for another place.
_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)

_log = logging.getLogger("tamis_client")


@dataclass(frozen=True)
class Tls:
    """The files of TLS, all PEM. What is not named is taken from the environment.

    `ca`: the authorities, one of which signed the coordinator's certificate (`TAMIS_TLS_CA`; without it those that this
    machine trusts). `cert` and `key`: what is shown to the coordinator (`TAMIS_CLIENT_CERT`, `TAMIS_CLIENT_KEY`).
    """

    ca: PathLike | None = None
    cert: PathLike | None = None
    key: PathLike | None = None


@dataclass(frozen=True)
class _Pem:
    """What the files of TLS hold."""

    ca: str | None
    cert: str | None
    key: str | None = field(repr=False)


@dataclass(frozen=True)
class Access:
    """With what a coordinator is reached. Shows no secret when it is printed."""

    url: str
    encrypted: bool
    host: str
    port: int
    token: str | None = field(repr=False)
    pem: _Pem
    tls: Tls

    @classmethod
    def of(
        cls,
        url: str | None = None,
        token: str | None = None,
        token_file: PathLike | None = None,
        tls: Tls | None = None,
        *,
        insecure: bool = False,
        environ: Mapping[str, str] = os.environ,
    ) -> Access:
        """What the caller gives, completed by the environment.

        Raises `SpecError` for a URL that is none, for certificates or a token that would travel unencrypted and for files
        that do not hold what they should, and `NotFoundError` or `PermissionDeniedError` for files that cannot be read.
        """
        url = url if url is not None else environ.get("TAMIS_COORDINATOR", DEFAULT_URL)
        encrypted, host, port = _place_of(url)
        secret = _token_of(token, token_file, environ)
        given = tls or Tls()
        files = Tls(
            ca=given.ca if given.ca is not None else environ.get("TAMIS_TLS_CA"),
            cert=given.cert if given.cert is not None else environ.get("TAMIS_CLIENT_CERT"),
            key=given.key if given.key is not None else environ.get("TAMIS_CLIENT_KEY"),
        )
        if not encrypted:
            _check_plain(url, host, secret, files, insecure)
        access = cls(url, encrypted, host, port, secret, _read(files), files)
        if encrypted:
            access.context()
        return access

    @property
    def target(self) -> str:
        """The coordinator as gRPC names it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"dns:///{host}:{self.port}"

    @property
    def metadata(self) -> tuple[tuple[str, str], ...]:
        """What each call carries."""
        return (("authorization", f"Bearer {self.token}"),) if self.token else ()

    def credentials(self) -> grpc.ChannelCredentials:
        """The certificates for gRPC."""
        return grpc.ssl_channel_credentials(
            root_certificates=_bytes(self.pem.ca) or _trusted_here(),
            private_key=_bytes(self.pem.key),
            certificate_chain=_bytes(self.pem.cert),
        )

    def context(self) -> ssl.SSLContext:
        """The certificates for a handshake by hand; that they can be used is seen here.

        Raises `SpecError` if they cannot.
        """
        try:
            context = ssl.create_default_context(cadata=self.pem.ca)
        except ssl.SSLError as error:
            raise SpecError(f"the authorities in `{self.tls.ca}` cannot be used: {error.reason or error}") from error
        try:
            if self.tls.cert is not None and self.tls.key is not None:
                # An encrypted key must not ask at the terminal.
                context.load_cert_chain(self.tls.cert, self.tls.key, password="")
        except ssl.SSLError as error:
            raise SpecError(
                f"the client certificate `{self.tls.cert}` cannot be used: {error.reason or error}",
                hint="the key must fit the certificate and must not be encrypted",
            ) from error
        return context


def _place_of(url: str) -> tuple[bool, str, int]:
    """Whether a URL encrypts, and its host and port. `host:port` stands for `http://host:port`."""
    try:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise SpecError(f"`{url}` is no URL of a coordinator: {error}") from error
    if parts.scheme not in _PORTS:
        raise SpecError(f"`{url}` must begin with http:// or https://")
    more = parts.path.strip("/") or parts.query or parts.fragment or "@" in parts.netloc
    if more or not _is_host(host):
        raise SpecError(f"`{url}` is no URL of a coordinator", hint="write https://HOST:PORT")
    return parts.scheme == "https", host, port if port is not None else _PORTS[parts.scheme]


def _is_host(host: str) -> bool:
    """Nothing that gRPC could take for another host than is judged here."""
    if ":" in host:
        try:
            return ipaddress.IPv6Address(host).scope_id is None
        except ValueError:
            return False
    return re.fullmatch(r"[A-Za-z0-9._-]+", host) is not None


def _is_loopback(host: str) -> bool:
    """Whether a host of a URL can only be this machine."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _check_plain(url: str, host: str, token: str | None, tls: Tls, insecure: bool) -> None:
    if tls != Tls():
        raise SpecError(
            f"`{url}` is not encrypted, but certificates are given for it",
            hint="write https://, or leave Tls, TAMIS_TLS_CA, TAMIS_CLIENT_CERT and TAMIS_CLIENT_KEY out",
        )
    if token and not insecure and not _is_loopback(host):
        raise SpecError(
            f"a token is not sent to `{url}`: unencrypted, it could be read on its way to another machine",
            hint="write https://; or say insecure=True if the network between is trusted",
        )


def _token_of(token: str | None, token_file: PathLike | None, environ: Mapping[str, str]) -> str | None:
    if token is not None and token_file is not None:
        raise SpecError("give `token` or `token_file`, not both")
    if token is not None:
        whence = "`token`"
    elif token_file is not None or "TAMIS_TOKEN_FILE" in environ:
        path = token_file if token_file is not None else environ["TAMIS_TOKEN_FILE"]
        token, whence = _read_private("the token", path), f"`{os.fspath(path)}`"
    elif "TAMIS_TOKEN" in environ:
        token, whence = environ["TAMIS_TOKEN"], "TAMIS_TOKEN"
    else:
        return None
    token = token.strip()
    if not token:
        raise SpecError(
            f"{whence} holds no token",
            hint="`tamis token new` makes one; to call without a token, unset what names this one",
        )
    if not (token.isascii() and token.isprintable()):
        # Without the value, which is a secret.
        raise SpecError(
            "the token holds characters that no token has",
            hint="a token is one line, as `tamis token new` printed it",
        )
    return token


def _read(tls: Tls) -> _Pem:
    if (tls.cert is None) != (tls.key is None):
        given, missing = ("cert", "key") if tls.key is None else ("key", "cert")
        raise SpecError(f"Tls.{given} needs Tls.{missing}, too")
    key = None if tls.key is None else _read_private("the private key", tls.key)
    if key is not None and "PRIVATE KEY-----" not in key:
        raise SpecError(
            f"`{tls.key}` holds no private key in PEM", hint="a private key begins with `-----BEGIN PRIVATE KEY-----`"
        )
    return _Pem(ca=_certificates(tls.ca), cert=_certificates(tls.cert), key=key)


def _certificates(path: PathLike | None) -> str | None:
    if path is None:
        return None
    pem = _read_text("the certificate", path)
    if "-----BEGIN CERTIFICATE-----" not in pem:
        raise SpecError(
            f"`{os.fspath(path)}` holds no certificate in PEM",
            hint="a certificate begins with `-----BEGIN CERTIFICATE-----`",
        )
    return pem


def _read_private(what: str, path: PathLike) -> str:
    """The text of a file that only its owner should read; a warning is logged if others may."""
    text = _read_text(what, path)
    if os.stat(path).st_mode & _OTHERS_READ:
        _log.warning("others than its owner may read %s `%s`: chmod 600 %s", what, path, path)
    return text


def _read_text(what: str, path: PathLike) -> str:
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read(_MOST_BYTES + 1)
    except FileNotFoundError as error:
        raise NotFoundError(f"cannot read {what} `{os.fspath(path)}`: there is no such file") from error
    except PermissionError as error:
        raise PermissionDeniedError(f"cannot read {what} `{os.fspath(path)}`: {error.strerror}") from error
    except OSError as error:
        raise StorageError(f"cannot read {what} `{os.fspath(path)}`: {error.strerror}", retryable=False) from error
    except UnicodeDecodeError as error:
        raise SpecError(f"{what} `{os.fspath(path)}` is no text") from error
    if len(text) > _MOST_BYTES:
        raise SpecError(f"{what} `{os.fspath(path)}` must have at most {_MOST_BYTES} bytes")
    return text


def _trusted_here() -> bytes | None:
    """The authorities that this machine trusts, which gRPC would not ask; `None` leaves the choice to gRPC."""
    for bundle in (ssl.get_default_verify_paths().cafile, *_BUNDLES):
        if bundle and Path(bundle).is_file():
            return Path(bundle).read_bytes()
    return None


def _bytes(pem: str | None) -> bytes | None:
    return None if pem is None else pem.encode()
