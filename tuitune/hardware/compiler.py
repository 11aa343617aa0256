"""Whether Triton can build its launchers here: a small C file with Python.h, compiled when a kernel first runs.

Slim container images have no compiler, or one without Python's headers.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sysconfig
import tempfile
from pathlib import Path

_SOURCE = "#include <Python.h>\n#include <stdio.h>\nint main(void) { return 0; }\n"
_SECONDS = 30


def compiler() -> str | None:
    """The C compiler that Triton would use, in its order: CC, gcc, clang. None where there is none."""
    return os.environ.get("CC") or shutil.which("gcc") or shutil.which("clang")


def why_not_compiled() -> str | None:
    """Why Triton's launchers cannot be compiled here, with the remedy; None where they can. Compiles one to see."""
    if (cc := compiler()) is None:
        return "there is no C compiler; install gcc, or set CC to one"
    include = Path(sysconfig.get_path("include", _scheme()))
    if not (include / "Python.h").is_file():
        return f"Python's headers are missing ({include / 'Python.h'}); install python3-dev or python3-devel"
    with tempfile.TemporaryDirectory(prefix="tuitune-cc-") as folder:
        source = Path(folder, "probe.c")
        source.write_text(_SOURCE)
        command = [cc, str(source), "-shared", "-fPIC", "-o", str(source.with_suffix(".so")), f"-I{include}"]
        try:
            done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=_SECONDS)
        except (OSError, subprocess.TimeoutExpired) as error:
            return f"the C compiler {cc} cannot be run ({error}); install gcc, or set CC to one that runs"
    if done.returncode == 0:
        return None
    said = next((line for line in done.stderr.splitlines() if "error" in line), f"exit code {done.returncode}")
    return f"the C compiler {cc} fails ({said.strip()}); install gcc with libc's headers (build-essential)"


def _scheme() -> str:
    """Triton's choice, too: Debian's own scheme names a folder that holds no headers."""
    default = sysconfig.get_default_scheme()
    return "posix_prefix" if default == "posix_local" else default
