"""The manifests for Kubernetes against each other, against the command line, and against the secrets of docs/operations.md.

    kubernetes.py
"""

import os
import re

import yaml

from container import Container, Mount
from findings import DEPLOY, OPERATIONS, check, check_call, end

FOLDER = DEPLOY / "kubernetes"
DRAIN_SECONDS = 60
# Ports outside of tamis: DNS, HTTPS of the object store, OTLP.
FOREIGN_PORTS = {53, 443, 4317}


def load():
    """All objects by kind and name."""
    objects = {}
    for path in sorted(FOLDER.glob("*.yaml")):
        for item in yaml.safe_load_all(path.read_text()):
            if item["kind"] != "Kustomization":
                objects[item["kind"], item["metadata"]["name"]] = item
    return objects


def secrets_of_docs():
    """The secrets that docs/operations.md makes: of each its keys, with the file or value that each takes."""
    lines = OPERATIONS.read_text().replace("\\\n", " ")
    made = re.findall(r"create secret generic (\S+)(.*)", lines)
    return {name: dict(re.findall(r"--from-(?:file|literal)=([\w.]+)=(\S+)", rest)) for name, rest in made}


def preparation_of_docs():
    """The commands of docs/operations.md that make what the secrets hold."""
    return re.findall(r"^    (tamis (?:certs init|token new) .*certs.*)$", OPERATIONS.read_text(), re.M)


def pods(objects):
    """Name and object of each workload."""
    return {name: item for (kind, name), item in objects.items() if kind in ("StatefulSet", "Deployment")}


def selects(selector, labels):
    """Whether a label selector takes an object with these labels."""
    exact = selector.get("matchLabels", {} if "matchExpressions" in selector else selector)
    if any(labels.get(key) != value for key, value in exact.items()):
        return False
    return all(labels.get(one["key"]) in one["values"] for one in selector.get("matchExpressions", []))


def check_security(where, spec, container):
    pod = spec["securityContext"]
    check(pod["runAsNonRoot"] and pod["runAsUser"] > 0, f"{where}: must not run as root")
    check(pod["seccompProfile"]["type"] == "RuntimeDefault", f"{where}: no seccomp profile")
    check(spec["automountServiceAccountToken"] is False, f"{where}: mounts a token of the cluster")
    own = container["securityContext"]
    check(own["readOnlyRootFilesystem"] and not own["allowPrivilegeEscalation"], f"{where}: may write or escalate")
    check(own["capabilities"]["drop"] == ["ALL"], f"{where}: keeps capabilities")
    check({"requests", "limits"} <= container["resources"].keys(), f"{where}: resources are missing")


def environment_of(container, objects, where, secrets):
    """The variables of a container."""
    found = {entry["name"]: entry["value"] for entry in container.get("env", [])}
    for source in container.get("envFrom", []):
        if "configMapRef" in source:
            name = source["configMapRef"]["name"]
            check(("ConfigMap", name) in objects, f"{where}: there is no ConfigMap {name}")
            found |= objects.get(("ConfigMap", name), {}).get("data", {})
        else:
            name = source["secretRef"]["name"]
            check(name in secrets, f"{where}: docs/operations.md makes no secret {name}")
            found |= secrets.get(name, {})
    return found


def check_files(where, spec, container, environment, secrets):
    """Each file that a flag or variable names is a key of a secret that is mounted there."""
    volumes = {volume["name"]: volume for volume in spec["volumes"]}
    mounts = {mount["mountPath"]: mount["name"] for mount in container["volumeMounts"]}
    check(set(mounts.values()) == volumes.keys(), f"{where}: volumes and mounts differ: {mounts}, {list(volumes)}")
    files = [arg.split("=", 1)[1] for arg in container["args"] if "=/etc/" in arg]
    files += [value for value in environment.values() if value.startswith("/etc/")]
    for file in files:
        folder, key = file.rsplit("/", 1)
        secret = volumes.get(mounts.get(folder), {}).get("secret", {}).get("secretName")
        check(secret in secrets, f"{where}: {file} lies in no secret that docs/operations.md makes")
        check(key in secrets.get(secret, ()), f"{where}: the secret {secret} has no key {key}")
    for volume in spec["volumes"]:
        if "secret" in volume:
            mode = volume["secret"]["defaultMode"]
            check(mode & 0o7 == 0, f"{where}: others may read the secret {volume['name']}: mode {mode:o}")
            check("fsGroup" in spec["securityContext"], f"{where}: the user cannot read secrets without fsGroup")


def check_pod(name, item, objects, secrets):
    where = f"kubernetes: {name}"
    labels, spec = item["spec"]["template"]["metadata"]["labels"], item["spec"]["template"]["spec"]
    check(selects(item["spec"]["selector"], labels), f"{where}: its selector does not take its own pods")
    check(("ServiceAccount", spec["serviceAccountName"]) in objects, f"{where}: there is no such ServiceAccount")
    (container,) = spec["containers"]
    check_security(where, spec, container)
    environment = environment_of(container, objects, where, secrets)
    arguments = container["args"]
    for variable in re.findall(r"\$\((\w+)\)", " ".join(arguments)):
        check(variable in environment, f"{where}: $({variable}) is not set")
    # A ConfigMap may hold what only the other side's flags are called by; TAMIS_WORK stands for a flag.
    check_call(where, arguments, environment.keys() - {"TAMIS_WORK"})
    claimed = {claim["metadata"]["name"] for claim in item["spec"].get("volumeClaimTemplates", [])}
    mounted = [mount for mount in container["volumeMounts"] if mount["name"] not in claimed]
    check_files(where, spec, {**container, "volumeMounts": mounted}, environment, secrets)
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        if probe in container:
            get = container[probe]["httpGet"]
            check(get["port"] in ports, f"{where}: {probe} asks a port that there is not")
            encrypted = any(argument.startswith("--tls-cert") for argument in arguments)
            check((get.get("scheme") == "HTTPS") == encrypted, f"{where}: {probe} must ask by HTTPS if there is TLS")
    annotations = item["spec"]["template"]["metadata"]["annotations"]
    check(int(annotations["prometheus.io/port"]) == ports["http"], f"{where}: prometheus.io/port is not that of HTTP")
    listens = {int(argument.rsplit(":", 1)[1]) for argument in arguments if re.match(r"--(listen|http)=", argument)}
    check(listens == set(ports.values()), f"{where}: it listens on {listens}, its ports are {ports}")
    if arguments[0] == "worker":
        grace = spec["terminationGracePeriodSeconds"]
        check(grace > DRAIN_SECONDS, f"{where}: is killed {grace} s after SIGTERM, and may drain for {DRAIN_SECONDS}")
        called = re.match(r"https://([^:]+):(\d+)", environment["TAMIS_COORDINATOR"])
        service = ("Service", called[1].split(".")[0])
        check(service in objects, f"{where}: calls {called[1]}, which is no Service")
        open_ports = {port["port"] for port in objects.get(service, {"spec": {"ports": []}})["spec"]["ports"]}
        check(int(called[2]) in open_ports, f"{where}: {called[1]} has no port {called[2]}")
        docs = OPERATIONS.read_text()
        check(f"--host {called[1]}" in docs, f"docs/operations.md makes no certificate for {called[1]}")
    return labels, ports


def container(name, objects, secrets, folder):
    """A pod as the kubelet starts it: secrets belong to root and the pod's group, volumes to its group."""
    spec = pods(objects)[name]["spec"]["template"]["spec"]
    context, (pod,) = spec["securityContext"], spec["containers"]
    environment = environment_of(pod, objects, name, secrets)
    arguments = [re.sub(r"\$\((\w+)\)", lambda variable: environment[variable[1]], one) for one in pod["args"]]
    volumes = {volume["name"]: volume for volume in spec["volumes"]}
    mounts, tmpfs = [], []
    for mount in pod["volumeMounts"]:
        volume, place = volumes.get(mount["name"], {}), folder / f"{name}-{mount['name']}"
        if "emptyDir" in volume:
            tmpfs.append(mount["mountPath"])
            continue
        place.mkdir()
        os.chown(place, 0, context["fsGroup"])
        place.chmod(0o2775)
        for key, file in secrets[volume["secret"]["secretName"]].items() if volume else ():
            (place / key).write_bytes((folder / file).read_bytes())
            os.chown(place / key, 0, context["fsGroup"])
            (place / key).chmod(volume["secret"]["defaultMode"])
        mounts.append(Mount(place, mount["mountPath"], mount.get("readOnly", False)))
    return Container(name, arguments, environment, (context["runAsUser"], context["runAsGroup"]), mounts, tmpfs)


def check_network(objects, known):
    """Policies and services speak of pods and ports that there are."""
    labels_of = [labels for labels, _ in known] + [{**known[0][0], "app.kubernetes.io/component": "client"}]
    all_ports = {port for _, ports in known for port in ports.values()} | FOREIGN_PORTS
    for (kind, name), item in objects.items():
        where, spec = f"kubernetes: {kind} {name}", item.get("spec", {})
        if kind == "NetworkPolicy":
            rules = spec.get("ingress", []) + spec.get("egress", [])
            peers = [peer for rule in rules for peer in rule.get("to", []) + rule.get("from", [])]
            for selector in [spec["podSelector"], *(peer["podSelector"] for peer in peers if "podSelector" in peer)]:
                check(any(selects(selector, labels) for labels in labels_of), f"{where}: takes no pod: {selector}")
            for port in (port["port"] for rule in rules for port in rule["ports"]):
                check(port in all_ports, f"{where}: nobody listens on {port}")
        elif kind == "Service":
            (ports,) = [ports for labels, ports in known if selects(spec["selector"], labels)]
            for port in spec["ports"]:
                check(port["port"] == ports.get(port["targetPort"]), f"{where}: port {port['port']} is not that of the pod")
        elif kind in ("PodDisruptionBudget", "ServiceMonitor", "PodMonitor"):
            check(any(selects(spec["selector"], labels) for labels, _ in known), f"{where}: takes no pod")
    denies = objects["NetworkPolicy", "default-deny"]["spec"]
    check(denies == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}, "kubernetes: default-deny does not deny all")


def check_monitors(objects, secrets):
    service = objects["Service", "tamis-coordinator"]
    monitor = objects["ServiceMonitor", "tamis-coordinator"]["spec"]
    check(selects(monitor["selector"], service["metadata"]["labels"]), "kubernetes: the ServiceMonitor takes no Service")
    (endpoint,) = monitor["endpoints"]
    check(endpoint["port"] in {port["name"] for port in service["spec"]["ports"]}, "kubernetes: the ServiceMonitor's port")
    tls = endpoint["tlsConfig"]
    for one in (endpoint["authorization"]["credentials"], tls["ca"]["secret"], tls["cert"]["secret"], tls["keySecret"]):
        check(one["key"] in secrets.get(one["name"], ()), f"kubernetes: ServiceMonitor: no key {one['key']} in {one['name']}")


def main():
    objects, secrets = load(), secrets_of_docs()
    known = [check_pod(name, item, objects, secrets) for name, item in pods(objects).items()]
    check_network(objects, known)
    check_monitors(objects, secrets)
    listed = yaml.safe_load((FOLDER / "kustomization.yaml").read_text())["resources"]
    files = {path.name for path in FOLDER.glob("*.yaml")} - {"kustomization.yaml", "monitors.yaml"}
    check(set(listed) == files, f"kubernetes: kustomization.yaml lists {listed}, there are {sorted(files)}")
    for (kind, name), item in objects.items():
        namespaced = item["metadata"].get("namespace") == "tamis" or kind == "Namespace"
        check(namespaced, f"kubernetes: {kind} {name} is in another namespace")
    end(f"kubernetes: {len(objects)} objects, {len(secrets)} secrets")


if __name__ == "__main__":
    main()
