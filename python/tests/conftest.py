"""Clusters and a published job that tests share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from cluster import Cluster, example_spec, tamis

from tamis_client import Client, Job, Tls


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client under test is told everything by its test."""
    for name in [name for name in os.environ if name.startswith("TAMIS_") and name != "TAMIS_TEST_BINARY"]:
        monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A coordinator that asks nobody who they are, and a worker."""
    cluster = Cluster(tmp_path_factory.mktemp("cluster"))
    cluster.start_worker()
    yield cluster
    cluster.stop()


@pytest.fixture(scope="session")
def client(cluster: Cluster) -> Iterator[Client]:
    with Client(cluster.url) as client:
        yield client


@pytest.fixture(scope="session")
def published(client: Client, cluster: Cluster) -> Job:
    """The example, published."""
    return client.submit(example_spec(cluster.folder / "example")).wait()


@dataclass
class Secured:
    """A cluster with mutual TLS and a token for each role."""

    cluster: Cluster
    certs: Path

    @property
    def tls(self) -> Tls:
        return Tls(ca=self.certs / "ca.pem", cert=self.certs / "client.pem", key=self.certs / "client.key")

    def token_file(self, role: str) -> Path:
        return self.certs / f"{role}.token"


@pytest.fixture(scope="session")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    certs = tmp_path_factory.mktemp("certs")
    tamis("certs", "init", certs)
    tokens = certs / "tokens"
    for role in ("read", "submit", "operate", "worker"):
        tamis("token", "new", "--role", role, "--name", role, "--tokens", tokens, "--out", certs / f"{role}.token")
    serve = ("--tls-cert", certs / "server.pem", "--tls-key", certs / "server.key")
    known = ("--tls-client-ca", certs / "ca.pem", "--tokens", tokens)
    cluster = Cluster(tmp_path_factory.mktemp("secured"), scheme="https", serve=[*serve, *known])
    shown = ("--client-cert", certs / "client.pem", "--client-key", certs / "client.key")
    cluster.start_worker("--tls-ca", certs / "ca.pem", *shown, "--token-file", certs / "worker.token")
    yield Secured(cluster, certs)
    cluster.stop()
