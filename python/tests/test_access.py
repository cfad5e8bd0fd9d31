"""How a coordinator is reached: the rules of the `tamis` command."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from tamis_client import Client, NotFoundError, SpecError, Tls
from tamis_client.access import Access

TOKEN = "tamis_abc"


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "http://localhost:1", "http://[::1]:1", "127.9.9.9:1", "LOCALHOST:1"])
def test_a_token_goes_unencrypted_to_this_machine(url: str) -> None:
    assert Access.of(url, TOKEN).metadata == (("authorization", f"Bearer {TOKEN}"),)


@pytest.mark.parametrize("url", ["http://10.0.0.1:1", "http://example.com", "host:7171", "http://127.0.0.1.example.com:1"])
def test_a_token_goes_unencrypted_to_no_other_machine_unless_it_is_said(url: str) -> None:
    with pytest.raises(SpecError, match="a token is not sent to") as refused:
        Access.of(url, TOKEN)
    assert TOKEN not in str(refused.value)
    assert Access.of(url, TOKEN, insecure=True).token == TOKEN
    assert Access.of(url).metadata == ()


@pytest.mark.parametrize(
    "url",
    [
        "ftp://127.0.0.1:1",
        "http://127.0.0.1:1@evil.example:1",
        "http://[::1%25evil]:1",
        "http://127.0.0.1%2eevil:1",
        "http://127.0.0.1:1/path",
        "http://127.0.0.1:1?x=1",
        "http://127.0.0.1:999999",
        "http://[::1",
        "http://",
        "",
        "unix:///run/tamis",
    ],
)
def test_what_is_no_url_of_a_coordinator_is_refused(url: str) -> None:
    with pytest.raises(SpecError):
        Access.of(url)


def test_the_target_has_host_and_port_of_the_url() -> None:
    assert Access.of("http://[::1]:7171").target == "dns:///[::1]:7171"
    assert Access.of("example.com").target == "dns:///example.com:80"
    assert Access.of("https://example.com").target == "dns:///example.com:443"
    assert Access.of("https://example.com").encrypted


def test_certificates_are_not_forgotten_over_plain_http() -> None:
    with pytest.raises(SpecError, match="is not encrypted, but certificates are given"):
        Access.of("http://127.0.0.1:1", tls=Tls(ca="ca.pem"))
    with pytest.raises(SpecError, match="is not encrypted"):
        Access.of("http://127.0.0.1:1", environ={"TAMIS_TLS_CA": "ca.pem"})
    with pytest.raises(NotFoundError, match=r"`ca\.pem`: there is no such file"):
        Access.of("https://127.0.0.1:1", tls=Tls(ca="ca.pem"))


def test_a_certificate_needs_its_key(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"Tls\.cert needs Tls\.key"):
        Access.of("https://127.0.0.1:1", tls=Tls(cert="c"))
    with pytest.raises(SpecError, match=r"Tls\.key needs Tls\.cert"):
        Access.of("https://127.0.0.1:1", environ={"TAMIS_CLIENT_KEY": "k"})
    wrong = tmp_path / "wrong.pem"
    wrong.write_text("hello")
    with pytest.raises(SpecError, match="holds no certificate in PEM"):
        Access.of("https://127.0.0.1:1", tls=Tls(ca=wrong))
    broken = tmp_path / "broken.pem"
    broken.write_text("-----BEGIN CERTIFICATE-----\nhello\n-----END CERTIFICATE-----\n")
    with pytest.raises(SpecError, match=r"the authorities in `.*broken\.pem` cannot be used"):
        Access.of("https://127.0.0.1:1", tls=Tls(ca=broken))
    wrong.chmod(0o600)
    with pytest.raises(SpecError, match="holds no private key in PEM"):
        Access.of("https://127.0.0.1:1", tls=Tls(cert=wrong, key=wrong))


def test_the_environment_completes_what_is_not_given(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    file.chmod(0o600)
    environ = {"TAMIS_COORDINATOR": "http://127.0.0.1:9", "TAMIS_TOKEN": "tamis_env", "TAMIS_TOKEN_FILE": str(file)}
    access = Access.of(environ=environ)
    assert (access.url, access.token) == ("http://127.0.0.1:9", TOKEN), "the file goes before the variable"
    assert Access.of("http://127.0.0.1:8", "tamis_x", environ=environ).token == "tamis_x"
    assert Access.of(environ={"TAMIS_TOKEN": "tamis_env"}).token == "tamis_env"
    assert Access.of(environ={}).url == "http://127.0.0.1:7171"


def test_a_client_asks_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAMIS_COORDINATOR", "http://127.0.0.1:9")
    with Client() as client:
        assert repr(client) == "Client('http://127.0.0.1:9')"


def test_what_is_no_token_is_refused_without_being_shown(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="TAMIS_TOKEN holds no token"):
        Access.of(environ={"TAMIS_TOKEN": " \n"})
    for token in ("tamis_abc\nx", "tamis_äbc", "tamis_\x00"):
        with pytest.raises(SpecError, match="holds characters that no token has") as refused:
            Access.of(token=token)
        assert "abc" not in str(refused.value)
    with pytest.raises(SpecError, match="not both"):
        Access.of(token="x", token_file="y")
    huge = tmp_path / "huge"
    huge.write_text("x" * ((1 << 20) + 1))
    with pytest.raises(SpecError, match="must have at most 1048576 bytes"):
        Access.of(token_file=huge)
    with pytest.raises(NotFoundError, match="cannot read the token"):
        Access.of(token_file=tmp_path / "none")


def test_a_token_that_others_may_read_is_warned_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / "token"
    file.write_text(TOKEN)
    file.chmod(0o644)
    with caplog.at_level(logging.WARNING, "tamis_client"):
        Access.of(token_file=file)
    assert "others than its owner may read the token" in caplog.text
    assert TOKEN not in caplog.text
    caplog.clear()
    file.chmod(0o600)
    Access.of(token_file=file)
    assert not caplog.text


def test_no_secret_is_shown() -> None:
    assert TOKEN not in repr(Access.of("http://127.0.0.1:1", TOKEN))
    with Client("http://127.0.0.1:1", TOKEN) as client:
        assert TOKEN not in repr(client)
