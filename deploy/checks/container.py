"""Runs a container as an engine would, without one: the files of the image, read-only, with its mounts, as a user without
rights. It needs root, and a mount namespace of its own.
"""

import dataclasses
import pathlib
import shlex
import shutil
import signal
import subprocess

ENTRYPOINT = "/usr/local/bin/tamis"
DEVICES = ["null", "zero", "random", "urandom"]


@dataclasses.dataclass
class Mount:
    """A file or folder of this machine at a path of the container."""

    source: pathlib.Path
    target: str
    read_only: bool


@dataclasses.dataclass
class Container:
    """What an engine is told."""

    name: str
    arguments: list
    environment: dict
    user: tuple
    mounts: list
    tmpfs: list

    def start(self, tree, scratch, log):
        """Starts it in the network of the caller, who has its process; what it prints goes to the file `log`."""
        scratch = scratch / self.name
        scratch.mkdir(exist_ok=True)
        uid, gid = self.user
        lines = [
            "set -e",
            f"mount -t tmpfs tmpfs {scratch}",
            f"cd {scratch}; mkdir upper work root",
            f"mount -t overlay overlay -o lowerdir={tree},upperdir=upper,workdir=work root",
            "mkdir -p root/proc root/dev; mount -t proc proc root/proc; mount -t tmpfs tmpfs root/dev",
            *(f"touch root/dev/{device}; mount --bind /dev/{device} root/dev/{device}" for device in DEVICES),
            "cp /etc/hosts root/etc/hosts",
        ]
        for mount in self.mounts:
            kind = "mkdir -p" if mount.source.is_dir() else "touch"
            target = shlex.quote(f"root{mount.target}")
            lines += [f'mkdir -p "$(dirname {target})"; {kind} {target}', f"mount --bind {mount.source} {target}"]
            lines += [f"mount -o remount,bind,ro {target}"] if mount.read_only else []
        for path in self.tmpfs:
            lines += [f"mkdir -p root{path}; mount -t tmpfs -o mode=1777 tmpfs root{path}"]
        # Nothing of this machine's environment comes in, not even a PATH.
        call = ["env", "-i", *(f"{key}={value}" for key, value in self.environment.items())]
        call += [shutil.which("setpriv"), "--no-new-privs"]
        call += [shutil.which("chroot"), f"--userspec={uid}:{gid}", "--groups=", "root"]
        lines += ["mount -o remount,bind,ro root", f"exec {shlex.join([*call, ENTRYPOINT, *self.arguments])}"]
        return subprocess.Popen(
            ["unshare", "--mount", "bash", "-c", "\n".join(lines)], stdout=log, stderr=subprocess.STDOUT
        )


def stop(process, seconds):
    """SIGTERM; its exit code, or none if it is still there after these seconds."""
    process.send_signal(signal.SIGTERM)
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        return None
