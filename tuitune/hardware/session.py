"""What would end a run on this machine without its owner wanting it: the end of the login, a container, a job, a limit.

Everything is read from files and the environment; nothing is asked of a service that might not answer.
"""

from __future__ import annotations

import os
import pwd
import re
import resource
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tuitune import plain
from tuitune.hardware.cgroups import cgroup_paths, memory_limits
from tuitune.hardware.host import nearest

_CONFIGURED = ("etc", "run", "usr/local/lib", "usr/lib", "lib")
_ASSIGNMENT = re.compile(r"\s*(#?)\s*(Kill\w+)\s*=\s*(.*?)\s*")
_SIZE_LIMIT = 1 << 20


@dataclass(frozen=True)
class Session:
    """What is known about where this process runs; the defaults are a machine on which nothing ends a run."""

    login: Literal["session", "manager", "none"] = "none"
    """How systemd counts this process: as part of a login session, of the user's manager, or of no login."""
    kills: bool | None = False
    """Whether a logout ends what the login session started (logind's KillUserProcesses); None where that is unknown."""
    lingers: bool = False
    """Whether the user's manager goes on after the last logout (`loginctl enable-linger`)."""
    manager: bool = False
    """Whether the user's manager can be reached and `systemd-run` is there."""
    container: str = ""
    """What kind of container this is, "" for none."""
    home_is_lost: bool = False
    """Whether the home goes when the container does, because it lies on no volume."""
    job: str = ""
    """The id of the Slurm job that this process is part of."""
    job_ends_at: float | None = None
    """When that job's time is up, seconds since the epoch."""
    memory_limit: int | None = None
    """Bytes above which the kernel ends processes of ours, below the machine's own memory."""
    cpu_seconds: int | None = None
    """Processor time after which the kernel ends a process of ours (`ulimit -t`)."""

    @property
    def survives_logout(self) -> bool | None:
        """Whether a run started now goes on after its owner has logged out; None where that is unknown."""
        if self.login == "none" or self.wants_unit:
            return True
        if self.login == "manager":
            return self.lingers
        return None if self.kills is None else not self.kills

    @property
    def wants_unit(self) -> bool:
        """Whether a run outlives the login as a unit of the user's manager, and might not as a plain process."""
        return self.login == "session" and self.kills is not False and self.lingers and self.manager


def session(
    home: Path | None = None, *, root: Path = Path("/"), environment: Mapping[str, str] | None = None
) -> Session:
    """Look at this process's surroundings; `home` is where runs lie. Takes a millisecond, never raises.

    The files looked at are those under `root`.
    """
    environment = os.environ if environment is None else environment
    user, uid = _user(environment), os.geteuid()
    groups = cgroup_paths(root)
    container, end = _container(root, environment), environment.get("SLURM_JOB_END_TIME", "")
    cpu_seconds, _ = resource.getrlimit(resource.RLIMIT_CPU)
    return Session(
        login=_login(groups),
        kills=_kills_at_logout(user, root),
        lingers=(root / "var/lib/systemd/linger" / user).exists(),
        manager=(root / f"run/user/{uid}/systemd/private").exists() and shutil.which("systemd-run") is not None,
        container=container,
        home_is_lost=bool(container) and home is not None and _lies_on(home, root),
        job=environment.get("SLURM_JOB_ID", ""),
        job_ends_at=float(end) if end.isdecimal() and len(end) < 12 else None,
        memory_limit=min((group.limit for group in memory_limits(groups, root)), default=None),
        cpu_seconds=None if cpu_seconds == resource.RLIM_INFINITY else cpu_seconds,
    )


def _user(environment: Mapping[str, str]) -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return environment.get("USER", "")


def _login(groups: Mapping[str, str]) -> Literal["session", "manager", "none"]:
    """`/user.slice/user-1000.slice/session-3.scope` is a session, `…/user@1000.service/…` the user's manager."""
    parts = next((path.split("/") for kind, path in groups.items() if kind in ("", "name=systemd")), [])
    if any(part.startswith("user@") and part.endswith(".service") for part in parts):
        return "manager"
    return "session" if any(part.startswith("session-") and part.endswith(".scope") for part in parts) else "none"


def _kills_at_logout(user: str, root: Path) -> bool | None:
    """Whether a logout of `user` ends everything that the login session started (KillUserProcesses).

    False where no logind runs; None where its configuration does not tell: what it was built with is known only
    from the comments of the file that came with it.
    """
    if not (root / "run/systemd/system").is_dir():
        return False
    settings, built_in = _logind_settings(root)
    kills = {"yes": True, "true": True, "on": True, "1": True, "no": False, "false": False, "off": False, "0": False}
    told = kills.get(settings.get("KillUserProcesses", built_in).lower())
    if user in settings.get("KillExcludeUsers", "root").split():
        return False
    only = settings.get("KillOnlyUsers", "").split()
    return False if only and user not in only else told


def _logind_settings(root: Path) -> tuple[dict[str, str], str]:
    """The Kill… settings in force, and the KillUserProcesses that the file says logind was built with ("" for none)."""
    settings: dict[str, str] = {}
    built_in = ""
    for file in _logind_files(root):
        try:
            text = plain.head(file, _SIZE_LIMIT).decode("utf-8", "replace")
        except OSError:
            continue
        for line in text.splitlines():
            matched = _ASSIGNMENT.fullmatch(line)
            if matched and not matched[1]:
                settings[matched[2]] = matched[3]
            elif matched and matched[2] == "KillUserProcesses":
                built_in = built_in or matched[3]
    return settings, built_in


def _logind_files(root: Path) -> Iterator[Path]:
    """logind.conf, then the drop-ins in the order of their names; of two with one name the first folder's counts."""
    folders = [root / folder / "systemd" for folder in _CONFIGURED]
    yield from [file for folder in folders if (file := folder / "logind.conf").is_file()][:1]
    drop_ins: dict[str, Path] = {}
    for folder in folders:
        for file in (folder / "logind.conf.d").glob("*.conf"):
            drop_ins.setdefault(file.name, file)
    yield from (drop_ins[name] for name in sorted(drop_ins))


def _container(root: Path, environment: Mapping[str, str]) -> str:
    if "KUBERNETES_SERVICE_HOST" in environment:
        return "Kubernetes"
    marks = {"run/.containerenv": "Podman", ".dockerenv": "Docker", ".singularity.d": "Apptainer"}
    named = next((name for mark, name in marks.items() if (root / mark).exists()), "")
    return named or environment.get("container", "")


def _lies_on(home: Path, root: Path) -> bool:
    """Whether a folder, or where it would be made, lies on the file system of `root`, and so on no volume."""
    try:
        return nearest(home).stat().st_dev == root.stat().st_dev
    except OSError:
        return False
