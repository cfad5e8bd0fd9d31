"""TLS and tokens, with a coordinator that demands both."""

from __future__ import annotations

from pathlib import Path

import grpc
import pytest
from cluster import Cluster, example_spec, tamis
from conftest import Secured

from tamis_client import Client, NoAnswerError, PermissionDeniedError, SpecError, Tls


def test_a_job_runs_over_mutual_tls_with_a_token(secured: Secured) -> None:
    for host in ("127.0.0.1", "localhost"):
        url = f"https://{host}:{secured.cluster.address.partition(':')[2]}"
        with Client(url, token_file=secured.token_file("submit"), tls=secured.tls) as client:
            job = client.submit(example_spec(secured.cluster.folder / host)).wait()
            assert job.report().tokens.total > 0


def test_who_may_read_may_read_the_output(secured: Secured, tmp_path: Path) -> None:
    with Client(secured.cluster.url, token_file=secured.token_file("submit"), tls=secured.tls) as client:
        job_id = client.submit(example_spec(secured.cluster.folder / "readable")).wait().id
        assert client.job(job_id).status().submitted_by == "submit"
    with Client(secured.cluster.url, token_file=secured.token_file("read"), tls=secured.tls) as client:
        job = client.job(job_id)
        assert len(job.drops()) == sum(rule.documents for rule in job.figures().drops) == len(list(job.find_drops()))
        assert len(job.download(tmp_path, only="tokens/*").tokens_memmap()) == job.figures().funnel[-1].documents
        assert job.document(source="reports", document_id="r00000").text


def test_roles_bound_what_a_token_may_do(secured: Secured) -> None:
    with Client(secured.cluster.url, token_file=secured.token_file("read"), tls=secured.tls) as client:
        assert len(client.workers()) == 1
        with pytest.raises(PermissionDeniedError) as refused:
            client.submit(example_spec(secured.cluster.folder / "never"))
        assert refused.value.code is grpc.StatusCode.PERMISSION_DENIED
        with pytest.raises(PermissionDeniedError):
            client.drain("nobody")


def test_who_does_not_say_who_calls_is_refused_with_a_hint(secured: Secured) -> None:
    with Client(secured.cluster.url, tls=secured.tls) as client:
        with pytest.raises(PermissionDeniedError) as refused:
            client.jobs()
        assert refused.value.code is grpc.StatusCode.UNAUTHENTICATED
        assert refused.value.hint
    with Client(secured.cluster.url, "tamis_wrong", tls=secured.tls) as client, pytest.raises(PermissionDeniedError):
        client.jobs()


def test_everything_can_stand_in_the_environment(secured: Secured, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAMIS_COORDINATOR", secured.cluster.url)
    monkeypatch.setenv("TAMIS_TLS_CA", str(secured.certs / "ca.pem"))
    monkeypatch.setenv("TAMIS_CLIENT_CERT", str(secured.certs / "client.pem"))
    monkeypatch.setenv("TAMIS_CLIENT_KEY", str(secured.certs / "client.key"))
    monkeypatch.setenv("TAMIS_TOKEN", secured.token_file("read").read_text())
    with Client() as client:
        assert len(client.workers()) == 1


def test_the_authorities_that_this_machine_trusts_are_asked(secured: Secured, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(secured.certs / "ca.pem"))
    shown = Tls(cert=secured.tls.cert, key=secured.tls.key)
    with Client(secured.cluster.url, token_file=secured.token_file("read"), tls=shown) as client:
        assert len(client.workers()) == 1


def test_a_missing_certificate_is_asked_for(secured: Secured) -> None:
    tls = Tls(ca=secured.tls.ca)
    with (
        Client(secured.cluster.url, token_file=secured.token_file("read"), tls=tls) as client,
        pytest.raises(PermissionDeniedError, match="wants to see a certificate") as refused,
    ):
        client.jobs()
    assert "TAMIS_CLIENT_CERT" in refused.value.hint


def test_a_certificate_of_another_authority_is_said_to_be_one(secured: Secured, tmp_path_factory: pytest.TempPathFactory) -> None:
    others = tmp_path_factory.mktemp("others")
    tamis("certs", "init", others)
    token = secured.token_file("read")
    foreign = Tls(ca=secured.tls.ca, cert=others / "client.pem", key=others / "client.key")
    with (
        Client(secured.cluster.url, token_file=token, tls=foreign) as client,
        pytest.raises(PermissionDeniedError, match="does not accept this certificate"),
    ):
        client.jobs()
    with (
        Client(secured.cluster.url, token_file=token, tls=Tls(others / "ca.pem", secured.tls.cert, secured.tls.key)) as client,
        pytest.raises(PermissionDeniedError, match=r"the certificate of `.*` is not accepted") as refused,
    ):
        client.jobs()
    assert "TAMIS_TLS_CA" in refused.value.hint
    with pytest.raises(SpecError, match="cannot be used"):
        Client(secured.cluster.url, tls=Tls(secured.tls.ca, secured.tls.cert, others / "client.key"))


def test_http_to_a_port_of_tls_and_https_to_one_without_are_told_apart(secured: Secured, cluster: Cluster) -> None:
    with Client(secured.cluster.address) as client, pytest.raises(SpecError, match="speaks TLS only") as refused:
        client.jobs()
    assert "https://" in refused.value.hint
    with (
        Client(f"https://{cluster.address}", tls=Tls(ca=secured.tls.ca)) as client,
        pytest.raises(PermissionDeniedError, match="does not speak TLS"),
    ):
        client.jobs()


def test_a_proxy_of_the_environment_gets_nothing(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "grpc_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with Client(cluster.url, "tamis_abc") as client:
        assert client.workers()


def test_nobody_there_is_said_with_the_url_and_what_to_do() -> None:
    with Client("http://127.0.0.1:9") as client, pytest.raises(NoAnswerError, match=r"http://127\.0\.0\.1:9") as refused:
        client.jobs()
    assert "tamis coordinator" in refused.value.hint
    assert refused.value.retryable
