from __future__ import annotations

import os
import pwd
from pathlib import Path

import pytest

from tuitune.hardware.session import Session, session

USER = pwd.getpwuid(os.geteuid()).pw_name
UID = os.geteuid()
LOGIN = f"0::/user.slice/user-{UID}.slice/session-3.scope"
MANAGER = f"0::/user.slice/user-{UID}.slice/user@{UID}.service/app.slice/tmux.scope"
SERVICE = "0::/system.slice/ssh.service"


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with systemd, a login session, a user manager that answers and systemd-run."""
    program = tmp_path / "bin/systemd-run"
    write(tmp_path, {"bin/systemd-run": "#!/bin/sh", f"run/user/{UID}/systemd/private": "", "proc/self/cgroup": LOGIN})
    program.chmod(0o755)
    (tmp_path / "run/systemd/system").mkdir(parents=True)
    monkeypatch.setenv("PATH", str(program.parent))
    return tmp_path


def write(root: Path, files: dict[str, str]) -> None:
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(f"{content}\n")


def logind(root: Path, *lines: str, name: str = "etc/systemd/logind.conf") -> None:
    """A configuration as one sets it up by hand: with root excluded only where it says so."""
    write(root, {name: "\n".join(["[Login]", *lines])})


def looked_at(root: Path, **environment: str) -> Session:
    return session(root=root, environment=environment)


@pytest.mark.parametrize("kills", [True, False])
@pytest.mark.parametrize("lingers", [True, False])
@pytest.mark.parametrize("manager", [True, False])
def test_what_a_logout_does_and_when_a_unit_helps(root: Path, kills: bool, lingers: bool, manager: bool) -> None:
    logind(root, f"KillUserProcesses={'yes' if kills else 'no'}", "KillExcludeUsers=")
    if lingers:
        write(root, {f"var/lib/systemd/linger/{USER}": ""})
    if not manager:
        (root / f"run/user/{UID}/systemd/private").unlink()
    found = looked_at(root)
    assert (found.login, found.kills, found.lingers, found.manager) == ("session", kills, lingers, manager)
    assert found.wants_unit == (kills and lingers and manager)
    assert found.survives_logout == (not kills or (lingers and manager))


def test_without_systemd_run_there_is_no_unit(root: Path) -> None:
    logind(root, "KillUserProcesses=yes", "KillExcludeUsers=")
    write(root, {f"var/lib/systemd/linger/{USER}": ""})
    assert looked_at(root).wants_unit
    (root / "bin/systemd-run").unlink()
    assert not looked_at(root).wants_unit


def test_programs_of_the_user_manager_end_with_it(root: Path) -> None:
    write(root, {"proc/self/cgroup": MANAGER})
    logind(root, "KillUserProcesses=no")
    found = looked_at(root)
    assert (found.login, found.wants_unit, found.survives_logout) == ("manager", False, False)
    write(root, {f"var/lib/systemd/linger/{USER}": ""})
    assert looked_at(root).survives_logout


@pytest.mark.parametrize("groups", [SERVICE, "0::/", "1:name=systemd:/\n0::/", "nonsense"])
def test_what_belongs_to_no_login_outlives_every_login(root: Path, groups: str) -> None:
    write(root, {"proc/self/cgroup": groups})
    logind(root, "KillUserProcesses=yes", "KillExcludeUsers=")
    found = looked_at(root)
    assert (found.login, found.wants_unit, found.survives_logout) == ("none", False, True)


def test_the_first_version_of_control_groups(root: Path) -> None:
    write(root, {"proc/self/cgroup": f"4:memory:/\n1:name=systemd:/user.slice/user-{UID}.slice/session-9.scope\n0::/"})
    assert looked_at(root).login == "session"


NONE = "KillExcludeUsers="


@pytest.mark.parametrize(
    ("lines", "kills"),
    [
        ((NONE, "KillUserProcesses=yes"), True),
        ((NONE, "KillUserProcesses = On "), True),
        ((NONE, "KillUserProcesses=0"), False),
        ((NONE, "#KillUserProcesses=no"), False),
        ((NONE, "#KillUserProcesses=yes"), True),
        ((NONE, "#KillUserProcesses=no", "KillUserProcesses=yes"), True),
        ((NONE, "KillUserProcesses=yes", "KillUserProcesses=no"), False),
        ((NONE, "KillUserProcesses=perhaps"), None),
        ((NONE,), None),
        (("KillUserProcesses=yes", f"KillExcludeUsers=somebody {USER}"), False),
        (("KillUserProcesses=yes", NONE, "KillOnlyUsers=somebody"), False),
        (("KillUserProcesses=yes", NONE, f"KillOnlyUsers=somebody {USER}"), True),
        (("KillUserProcesses=yes", f"KillOnlyUsers={USER}", f"KillExcludeUsers={USER}"), False),
    ],
)
def test_the_configuration_of_logind(root: Path, lines: tuple[str, ...], kills: bool | None) -> None:
    logind(root, *lines)
    found = looked_at(root)
    assert found.kills is kills
    assert found.survives_logout is (None if kills is None else not kills)


def test_root_is_excluded_unless_the_configuration_says_otherwise(root: Path) -> None:
    logind(root, "KillUserProcesses=yes")
    assert looked_at(root).kills is (USER != "root")


def test_drop_ins_count_in_the_order_of_their_names(root: Path) -> None:
    logind(root, NONE, "KillUserProcesses=no")
    logind(root, "KillUserProcesses=yes", name="usr/lib/systemd/logind.conf.d/20-vendor.conf")
    assert looked_at(root).kills is True
    logind(root, "KillUserProcesses=no", name="etc/systemd/logind.conf.d/10-ours.conf")
    assert looked_at(root).kills is True
    logind(root, "KillUserProcesses=no", name="etc/systemd/logind.conf.d/30-ours.conf")
    assert looked_at(root).kills is False
    (root / "etc/systemd/logind.conf.d/30-ours.conf").unlink()
    (root / "etc/systemd/logind.conf.d/20-vendor.conf").symlink_to("/dev/null")
    assert looked_at(root).kills is False
    logind(root, "KillUserProcesses=yes", name="run/systemd/logind.conf.d/25-now.conf")
    assert looked_at(root).kills is True


def test_the_vendors_file_counts_where_there_is_no_other(root: Path) -> None:
    logind(root, NONE, "#KillUserProcesses=yes", name="usr/lib/systemd/logind.conf")
    assert looked_at(root).kills is True
    logind(root, NONE, "#KillUserProcesses=no")
    assert looked_at(root).kills is False


def test_a_machine_without_systemd_ends_nothing(tmp_path: Path) -> None:
    logind(tmp_path, NONE, "KillUserProcesses=yes")
    found = looked_at(tmp_path)
    assert found == Session()
    assert found.survives_logout


@pytest.mark.parametrize(
    ("file", "environment", "container"),
    [
        (".dockerenv", {}, "Docker"),
        ("run/.containerenv", {}, "Podman"),
        ("run/.containerenv", {"KUBERNETES_SERVICE_HOST": "10.0.0.1"}, "Kubernetes"),
        ("else", {"container": "lxc"}, "lxc"),
        ("else", {}, ""),
    ],
)
def test_containers(tmp_path: Path, file: str, environment: dict[str, str], container: str) -> None:
    write(tmp_path, {file: ""})
    found = session(tmp_path / "not" / "made" / "yet", root=tmp_path, environment=environment)
    assert found.container == container
    assert found.home_is_lost == bool(container)


def test_a_home_on_a_volume_stays(tmp_path: Path) -> None:
    write(tmp_path, {".dockerenv": ""})
    assert not session(Path("/proc"), root=tmp_path, environment={}).home_is_lost


@pytest.mark.parametrize(
    ("told", "ends"),
    [("1795500000", 1795500000.0), ("", None), ("tomorrow", None), ("-1", None), ("9" * 400, None)],
)
def test_a_slurm_job_and_its_end(tmp_path: Path, told: str, ends: float | None) -> None:
    found = looked_at(tmp_path, SLURM_JOB_ID="4711", SLURM_JOB_END_TIME=told)
    assert (found.job, found.job_ends_at) == ("4711", ends)
    assert looked_at(tmp_path).job == ""


def test_the_memory_that_the_control_groups_allow(tmp_path: Path) -> None:
    write(tmp_path, {"proc/self/cgroup": "0::/job", "sys/fs/cgroup/job/memory.max": "2000000000"})
    assert looked_at(tmp_path).memory_limit == 2_000_000_000
    write(tmp_path, {"sys/fs/cgroup/job/memory.max": "max"})
    assert looked_at(tmp_path).memory_limit is None


def test_this_machine_can_be_looked_at() -> None:
    assert session(Path.home()).cpu_seconds is None or session().cpu_seconds
