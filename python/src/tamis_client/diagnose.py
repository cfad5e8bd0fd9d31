"""Why TLS with a coordinator fails, where the connection itself does not tell (`proto/src/diagnose.rs`).

In TLS 1.3 a client learns that its certificate is refused only after the handshake. By then HTTP/2 is writing, and what it
reports is often only that the connection was closed. A handshake that is followed by nothing but a read gets the reason.
The same handshake tells whether a port that does not understand plain HTTP/2 speaks TLS.
"""

from __future__ import annotations

import socket
import ssl

from tamis_client.access import Access
from tamis_client.errors import NoAnswerError, PermissionDeniedError, SpecError, TamisError

# Somebody waits for the error already.
_PATIENCE_SECONDS = 3.0


def diagnosed(access: Access, error: TamisError) -> TamisError:
    """A clearer error for calls that failed with `error`, if TLS is why; else `error` itself."""
    if not isinstance(error, NoAnswerError):
        return error
    try:
        context = access.context() if access.encrypted else _trusting_nobody()
        with socket.create_connection((access.host, access.port), timeout=_PATIENCE_SECONDS) as plain:
            context.set_alpn_protocols(["h2"])
            with context.wrap_socket(plain, server_hostname=access.host) as encrypted:
                encrypted.recv(1)
    except ssl.SSLError as refusal:
        return _refusal_of(access, refusal) or error
    except OSError:
        return error
    return error


def _refusal_of(access: Access, said: ssl.SSLError) -> TamisError | None:
    if isinstance(said, ssl.SSLCertVerificationError):
        if not access.encrypted:
            return SpecError(
                f"the port of `{access.url}` speaks TLS only",
                hint="write https://, and name the authority of its certificate in Tls(ca=...) or TAMIS_TLS_CA",
            )
        return PermissionDeniedError(
            f"TLS: the certificate of `{access.url}` is not accepted: {said.verify_message}",
            hint="Tls(ca=...) or TAMIS_TLS_CA must name the authority that signed the coordinator's certificate, which "
            "must be valid now and hold the host of the URL",
        )
    reason = said.reason or ""
    if not access.encrypted:
        return None
    if "CERTIFICATE_REQUIRED" in reason:
        return PermissionDeniedError(
            "TLS: the coordinator wants to see a certificate",
            hint="give one in Tls(cert=..., key=...) or TAMIS_CLIENT_CERT and TAMIS_CLIENT_KEY",
        )
    if "ALERT" in reason:
        return PermissionDeniedError(
            f"TLS: the coordinator does not accept this certificate: {reason}",
            hint="it must be valid now and signed by the authority of the coordinator's --tls-client-ca",
        )
    if reason in ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE"):
        return PermissionDeniedError("TLS: the other side does not speak TLS", hint="write http:// in the URL")
    return None


def _trusting_nobody() -> ssl.SSLContext:
    """Who trusts nobody is told the server's certificate before anything else."""
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
