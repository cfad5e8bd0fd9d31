"""The compose file: what it names is there, what is there is used, and nothing has more rights than it needs.

    compose.py
"""

import re

import yaml

from container import Container, Mount
from findings import DEPLOY, check, check_call, end, seconds

FOLDER = DEPLOY / "compose"
# A worker gives back its tasks after this long.
DRAIN_SECONDS = 60


def load(variables=None):
    """The compose file with its variables; without any, each stands for its own name."""
    def value(match):
        name = match[1]
        return name if variables is None else variables[name]

    return yaml.safe_load(re.sub(r"\$\{(\w+)(?::\?[^}]*)?\}", value, text()))


def text():
    return (FOLDER / "compose.yaml").read_text()


def container(name, compose, folder):
    """A service as it runs in a folder in which `prepare` has run."""
    service = compose["services"][name]
    mounts = []
    for volume in service.get("volumes", []):
        source, target, *mode = volume.split(":")
        mounts.append(Mount(folder / source, target, mode == ["ro"]))
    for secret in service["secrets"]:
        mounts.append(Mount(folder / compose["secrets"][secret]["file"], f"/run/secrets/{secret}", True))
    user = tuple(int(number) for number in service["user"].split(":"))
    tmpfs = [entry.split(":")[0] for entry in service["tmpfs"]]
    return Container(name, list(service.get("command", [])), dict(service["environment"]), user, mounts, tmpfs)


def check_service(name, service, compose):
    where = f"compose.yaml: {name}"
    for key, wanted in {"read_only": True, "cap_drop": ["ALL"], "security_opt": ["no-new-privileges:true"]}.items():
        check(service.get(key) == wanted, f"{where}: `{key}` must be {wanted}")
    check(service.get("user") == "TAMIS_UID:TAMIS_GID", f"{where}: `user` must be the one of .env")
    check(re.search(r":[\w.-]*\d", service["image"]), f"{where}: {service['image']} has no version")
    if "profiles" not in service:
        limits = service.get("deploy", {}).get("resources", {}).get("limits", {})
        check({"cpus", "memory", "pids"} <= limits.keys(), f"{where}: limits of cpus, memory and pids are missing")
    for other, how in service.get("depends_on", {}).items():
        check(other in compose["services"], f"{where}: waits for {other}, which is no service")
        wants_health = how["condition"] == "service_healthy"
        check(not wants_health or "healthcheck" in compose["services"][other], f"{where}: {other} has no health check")
    environment = service.get("environment", {})
    for key, path in environment.items():
        if str(path).startswith("/run/secrets/"):
            check(path.split("/")[-1] in service["secrets"], f"{where}: {key} names {path}, which is not mounted")
    if service["image"].startswith("tamis:") and "command" in service:
        check_call(where, service["command"], environment)
    for argument in service.get("command", []):
        for secret in re.findall(r"/run/secrets/(\S+)", argument):
            check(secret in service["secrets"], f"{where}: {argument} is not mounted")
    if service.get("command", [""])[0] == "worker":
        grace = seconds(service["stop_grace_period"])
        check(grace > DRAIN_SECONDS, f"{where}: is killed {grace} s after SIGTERM, and may drain for {DRAIN_SECONDS}")


def main():
    compose = load()
    used = set()
    for name, service in compose["services"].items():
        check_service(name, service, compose)
        used |= set(service.get("secrets", []))
    declared = compose["secrets"].keys()
    check(used == declared, f"compose.yaml: secrets used and declared differ: {sorted(used ^ declared)}")
    prepare = (FOLDER / "prepare").read_text()
    for variable in set(re.findall(r"\$\{(\w+)", text())):
        check(f"{variable}=" in prepare, f"compose.yaml: prepare makes no {variable}")
    end(f"compose.yaml: {len(compose['services'])} services")


if __name__ == "__main__":
    main()
