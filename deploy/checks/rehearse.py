"""Starts what the compose file and the manifests say, without an engine, and looks at it as Prometheus does.

    rehearse.py TREE PROMETHEUS FOLDER

TREE: the files of the image; PROMETHEUS: its server; FOLDER: an empty one, which gets logs and scrapes. As root, in network,
mount and process namespaces of its own, as deploy/check makes them. moto plays the object store.
"""

import json
import logging
import os
import pathlib
import shutil
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

import boto3
import yaml
from moto.server import ThreadedMotoServer

import compose
import kubernetes
import metrics
from container import stop
from findings import DEPLOY, ROOT, check, end

TREE, PROMETHEUS, FOLDER = pathlib.Path(sys.argv[1]), sys.argv[2], pathlib.Path(sys.argv[3])
USER = 1234
STORE = "http://store:8333"
WORKERS = 3
# Within these seconds anything happens that happens at all.
PATIENCE = 40
EXAMPLE = ROOT / "examples" / "finance-zh"


class Cluster:
    """Processes that end with it."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir()
        folder.chmod(0o755)
        self.scratch = folder / "scratch"
        self.scratch.mkdir()
        self.processes = {}

    def start(self, container):
        log = open(self.folder / f"{container.name}.log", "wb")
        self.processes[container.name] = container.start(TREE, self.scratch, log)
        return self.processes[container.name]

    def call(self, container, *arguments):
        """Runs a command of the container's image to its end. Its exit code."""
        container.name, container.arguments = "-".join([container.name, arguments[0]]), list(arguments)
        return self.start(container).wait(PATIENCE)

    def end(self, name, seconds):
        code = stop(self.processes.pop(name), seconds)
        check(code == 0, f"{name} ended with {code} after SIGTERM: {self.log(name)}")

    def log(self, name):
        return (self.folder / f"{name}.log").read_text()[-2000:]

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        for process in self.processes.values():
            process.kill()
        if error:
            for name in self.processes:
                print(f"--- {name}\n{self.log(name)}", file=sys.stderr)


def get(url, token=None, certificates=None):
    """Status and text of an answer; 0 if there is none."""
    context = None
    if url.startswith("https:"):
        context = ssl.create_default_context(cafile=certificates / "ca.pem" if certificates else None)
        if certificates:
            context.load_cert_chain(certificates / "client.pem", certificates / "client.key")
        else:
            # As the kubelet asks.
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"} if token else {})
    try:
        with urllib.request.urlopen(request, timeout=10, context=context) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError as error:
        return 0, str(error)


def wait(what, happened):
    """Waits until it has happened; ends everything if it does not."""
    deadline = time.monotonic() + PATIENCE
    while not happened():
        if time.monotonic() > deadline:
            raise TimeoutError(what)
        time.sleep(0.1)


def job_in_bucket():
    """Puts the example into the bucket; its spec, which reads and writes there and uses an index."""
    store = boto3.client("s3", endpoint_url=STORE, aws_access_key_id="x", aws_secret_access_key="x", region_name="us-east-1")
    store.create_bucket(Bucket="tamis")
    for path in [EXAMPLE / "tokenizer.json", *(EXAMPLE / "data").rglob("*")]:
        if path.is_file():
            store.upload_file(str(path), "tamis", f"in/{path.relative_to(EXAMPLE)}")
    spec = (EXAMPLE / "job.toml").read_text()
    for place in ("tokenizer.json", "data/reports/", "data/web/*.csv", "data/notes/*.txt"):
        spec = spec.replace(f'"{place}"', f'"s3://tamis/in/{place}"')
    return spec.replace('uri = "out"', 'uri = "s3://tamis/out/finance-zh"') + '\n[dedup]\nindex = "all"\n'


def start_prometheus(cluster, certificates, token):
    """Prometheus with the configuration and the rules of deploy/prometheus, faster and with the paths of here."""
    config = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yaml").read_text())
    config["global"] = {"scrape_interval": "500ms", "evaluation_interval": "500ms"}
    config["rule_files"] = [str(DEPLOY / "prometheus" / "alerts.yaml")]
    text = yaml.safe_dump(config).replace("/etc/prometheus/tamis/read.token", str(token))
    path = cluster.folder / "prometheus.yaml"
    path.write_text(text.replace("/etc/prometheus/tamis", str(certificates)))
    call = [PROMETHEUS, f"--config.file={path}", f"--storage.tsdb.path={cluster.folder}/tsdb", "--log.level=warn"]
    with open(cluster.folder / "prometheus.log", "wb") as log:
        cluster.processes["prometheus"] = subprocess.Popen(call, stdout=log, stderr=subprocess.STDOUT)


def ask_prometheus(call):
    status, text = get(f"http://127.0.0.1:9090/api/v1/{call}")
    return json.loads(text)["data"] if status == 200 else {}


def check_prometheus():
    """Every target is up, every rule can be evaluated, no alert fires, and every query of the dashboard has an answer."""
    def targets():
        return ask_prometheus("targets").get("activeTargets", [])

    wait(f"Prometheus sees all: {[target['lastError'] for target in targets()]}",
         lambda: [target["health"] for target in targets()] == ["up"] * (1 + WORKERS))
    # Counters of the job have two samples, and each rule was evaluated since.
    time.sleep(1.5)
    for group in ask_prometheus("rules")["groups"]:
        for rule in group["rules"]:
            check(rule["health"] == "ok", f"{rule['name']} cannot be evaluated: {rule.get('lastError')}")
            check(rule["state"] != "firing", f"{rule['name']} fires in a healthy cluster: {rule['alerts']}")
    empty = []
    for title, expression, _ in metrics.expressions(metrics.dashboard()):
        query = urllib.parse.quote(metrics.without_variables(expression))
        if not ask_prometheus(f"query?query={query}").get("result"):
            empty.append(title)
    return empty


def rehearse_compose(spec):
    cluster = Cluster(FOLDER / "compose")
    shutil.copy(DEPLOY / "compose" / "prepare", cluster.folder)
    os.chown(cluster.folder, USER, USER)
    prepare = ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups", str(cluster.folder / "prepare")]
    subprocess.run(prepare, check=True, capture_output=True, env={**os.environ, "TAMIS": f"{TREE}/usr/local/bin/tamis"})
    lines = (cluster.folder / ".env").read_text().split()
    services = compose.load(dict(line.split("=") for line in lines))
    run = cluster.folder / "run"
    (run / "jobs" / "job.toml").write_text(spec)
    os.chown(run / "jobs" / "job.toml", USER, USER)

    def container(name):
        return compose.container(name, services, cluster.folder)

    with cluster:
        cluster.start(container("coordinator"))
        probe = services["services"]["coordinator"]["healthcheck"]["test"][2:]
        wait("the coordinator is healthy", lambda: cluster.call(container("coordinator"), *probe) == 0)
        for number in range(1, WORKERS + 1):
            worker = container("worker")
            worker.name = f"worker-{number}"
            # In a network of its own each could have the same address.
            worker.arguments = [one.replace("0.0.0.0", f"127.0.0.1{number}") for one in worker.arguments]
            cluster.start(worker)
        certificates, token = run / "certs", run / "read.token"
        start_prometheus(cluster, certificates, token)
        wait("the workers are ready", lambda: all(get(f"http://worker-{n}:7173/readyz")[0] == 200 for n in range(1, WORKERS + 1)))
        code = cluster.call(container("client"), "submit", "--wait", "/jobs/job.toml")
        check(code == 0, f"the job ended with {code}: {cluster.log('client-submit')} {cluster.log('coordinator')}")
        check(get("https://coordinator:7172/metrics", certificates=certificates)[0] == 401, "metrics need no token")
        for whose, (status, text) in {
            "coordinator": get("https://coordinator:7172/metrics", token.read_text().strip(), certificates),
            "worker": get("http://worker-1:7173/metrics"),
        }.items():
            check(status == 200, f"the metrics of a {whose} are not given: {status} {text}")
            (FOLDER / f"{whose}.prom").write_text(text)
        empty = check_prometheus()
        for number in range(1, WORKERS + 1):
            cluster.end(f"worker-{number}", PATIENCE)
        cluster.end("coordinator", PATIENCE)
        return empty


def rehearse_kubernetes(spec):
    cluster = Cluster(FOLDER / "kubernetes")
    for command in kubernetes.preparation_of_docs():
        call = ["bash", "-c", command.replace("tamis ", f"{TREE}/usr/local/bin/tamis ", 1)]
        subprocess.run(call, check=True, capture_output=True, cwd=cluster.folder)
    objects, secrets = kubernetes.load(), kubernetes.secrets_of_docs()

    def container(name):
        made = kubernetes.container(name, objects, secrets, cluster.folder)
        made.arguments = [one.replace("BUCKET", "tamis") for one in made.arguments]
        made.environment = {key: value.replace("BUCKET", "tamis") for key, value in made.environment.items()}
        made.environment |= {"AWS_ENDPOINT": STORE, "AWS_ALLOW_HTTP": "true"}
        return made

    with cluster:
        coordinator, worker = container("tamis-coordinator"), container("tamis-worker")
        cluster.start(coordinator)
        for probe in ("livez", "readyz"):
            wait(f"/{probe} of the coordinator", lambda: get(f"https://127.0.0.1:7172/{probe}")[0] == 200)
        cluster.start(worker)
        for probe in ("livez", "readyz"):
            wait(f"/{probe} of the worker", lambda: get(f"http://127.0.0.1:7173/{probe}")[0] == 200)
        (cluster.folder / "job.toml").write_text(spec)
        certificates = cluster.folder / "certs"
        call = [f"{TREE}/usr/local/bin/tamis", "submit", "--wait", "--replace", str(cluster.folder / "job.toml")]
        call += ["--coordinator", worker.environment["TAMIS_COORDINATOR"], "--tls-ca", certificates / "ca.pem"]
        call += ["--client-cert", certificates / "client.pem", "--client-key", certificates / "client.key"]
        call += ["--token-file", certificates / "operate.token"]
        done = subprocess.run(call, capture_output=True, text=True, timeout=PATIENCE)
        check(done.returncode == 0, f"the job ended with {done.returncode}: {done.stderr}")
        cluster.end("tamis-worker", PATIENCE)
        cluster.end("tamis-coordinator", PATIENCE)


def main():
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    names = ["localhost", "coordinator", "store", "tamis-coordinator.tamis.svc"]
    hosts = FOLDER / "hosts"
    lines = [f"127.0.0.1 {' '.join(names)}", *(f"127.0.0.1{n} worker-{n}" for n in range(1, WORKERS + 1))]
    hosts.write_text("\n".join(lines) + "\n")
    subprocess.run(["mount", "--bind", hosts, "/etc/hosts"], check=True)
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    store = ThreadedMotoServer("127.0.0.1", 8333, verbose=False)
    store.start()
    try:
        spec = job_in_bucket()
        empty = rehearse_compose(spec)
        rehearse_kubernetes(spec)
    finally:
        store.stop()
    print(f"queries of the dashboard without an answer: {', '.join(empty) or 'none'}")
    end("a job on what the compose file and the manifests start")


if __name__ == "__main__":
    main()
