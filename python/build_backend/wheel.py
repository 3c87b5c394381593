"""Builds the wheel: `pip install ./python`, or `python3 python/build_backend/wheel.py FOLDER`.

The library is built with the whole workspace, because `cargo build -p` would resolve other features and compile every
dependency again. The wheel holds the library and the programs `homing` and `homing-train`.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent
ROOT = PACKAGE.parent
PROGRAMS = ["homing", "homing-train"]
TAG = "cp310-abi3"
# The same bytes from the same sources: no time of the build in the archive.
MOMENT = (1980, 1, 1, 0, 0, 0)


def target() -> Path:
    return (ROOT / os.environ.get("CARGO_TARGET_DIR", "target")).resolve() / "release"


def version() -> str:
    found = re.search(r'^version = "(.+)"', (ROOT / "Cargo.toml").read_text(), re.M)
    assert found, "the workspace has a version"
    return found.group(1)


def platform() -> str:
    return sysconfig.get_platform().replace("-", "_").replace(".", "_")


def compile_all() -> None:
    """Builds library and programs, unless HOMING_BUILT says that they are built."""
    if os.environ.get("HOMING_BUILT"):
        return
    command = ["cargo", "build", "--release", "--workspace", "--lib", "--bins", "--locked"]
    subprocess.run(command, cwd=ROOT, check=True)


def library() -> Path:
    names = {"darwin": "lib_homing.dylib", "win32": "_homing.dll"}
    return target() / names.get(sys.platform, "lib_homing.so")


def metadata() -> str:
    text = (PACKAGE / "pyproject.toml").read_text()

    def one(name: str) -> str:
        found = re.search(rf'^{name} = "(.+)"', text, re.M)
        assert found, f"pyproject.toml has {name}"
        return found.group(1)

    def several(name: str) -> list[str]:
        found = re.search(rf"^{name} = \[(.+)\]", text, re.M)
        assert found, f"pyproject.toml has {name}"
        return re.findall(r'"(.+?)"', found.group(1))

    lines = ["Metadata-Version: 2.4", "Name: homing", f"Version: {version()}", f"Summary: {one('description')}"]
    lines += [f"Requires-Python: {one('requires-python')}", f"License-Expression: {one('license')}"]
    lines += [f"Keywords: {','.join(several('keywords'))}", "Author: The homing authors"]
    lines += [f"Requires-Dist: {wanted}" for wanted in several("dependencies")]
    extras = re.search(r"^\[project.optional-dependencies\]\n((?:\w+ = .+\n)+)", text, re.M)
    assert extras, "pyproject.toml has optional dependencies"
    for extra in re.findall(r"^(\w+) =", extras.group(1), re.M):
        lines.append(f"Provides-Extra: {extra}")
        lines += [f'Requires-Dist: {wanted}; extra == "{extra}"' for wanted in several(extra)]
    lines.append("Description-Content-Type: text/markdown")
    return "\n".join(lines) + "\n\n" + (PACKAGE / "README.md").read_text()


def stripped(file: Path, work: Path) -> Path:
    """The file without its symbol table, where there is a `strip`."""
    if not (sys.platform.startswith("linux") and shutil.which("strip")):
        return file
    out = work / file.name
    subprocess.run(["strip", "--strip-unneeded", "-o", str(out), str(file)], check=True)
    return out


def build_wheel(wheel_directory: str, config_settings: object = None, metadata_directory: object = None) -> str:
    """PEP 517: builds a wheel into a folder and returns its name."""
    compile_all()
    name = f"homing-{version()}-{TAG}-{platform()}.whl"
    info, data = f"homing-{version()}.dist-info", f"homing-{version()}.data"
    folder = Path(wheel_directory)
    folder.mkdir(parents=True, exist_ok=True)
    work = folder / ".work"
    work.mkdir(exist_ok=True)
    extension = ".exe" if sys.platform == "win32" else ""
    ending = "pyd" if sys.platform == "win32" else "abi3.so"
    files: list[tuple[str, Path]] = [
        (f"homing/{path.name}", path)
        for path in sorted((PACKAGE / "homing").iterdir())
        if path.suffix in {".py", ".pyi"} or path.name == "py.typed"
    ]
    files.append((f"homing/_homing.{ending}", stripped(library(), work)))
    files += [(f"{data}/scripts/{one}{extension}", stripped(target() / f"{one}{extension}", work)) for one in PROGRAMS]
    files.append((f"{info}/licenses/LICENSE", ROOT / "LICENSE"))
    record: list[str] = []
    with zipfile.ZipFile(folder / name, "w", zipfile.ZIP_DEFLATED) as archive:

        def add(path: str, content: bytes, mode: int = 0o644) -> None:
            entry = zipfile.ZipInfo(path, MOMENT)
            entry.external_attr = (0o100000 | mode) << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, content)
            digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
            record.append(f"{path},sha256={digest},{len(content)}")

        for path, file in files:
            add(path, file.read_bytes(), 0o755 if "/scripts/" in path or path.endswith(".so") else 0o644)
        add(f"{info}/METADATA", metadata().encode())
        wheel = f"Wheel-Version: 1.0\nGenerator: homing\nRoot-Is-Purelib: false\nTag: {TAG}-{platform()}\n"
        add(f"{info}/WHEEL", wheel.encode())
        record.append(f"{info}/RECORD,,")
        archive.writestr(zipfile.ZipInfo(f"{info}/RECORD", MOMENT), "\n".join(record) + "\n")
    shutil.rmtree(work)
    return name


def build_sdist(sdist_directory: str, config_settings: object = None) -> str:
    raise SystemExit("homing is built from a clone: git clone the repository, then pip install ./python")


if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        asked = sys.argv[1:] in (["-h"], ["--help"])
        usage = "usage: python3 python/build_backend/wheel.py FOLDER\n\nBuilds the wheel into FOLDER and prints its path."
        print(usage, file=sys.stdout if asked else sys.stderr)
        raise SystemExit(0 if asked else 2)
    print(Path(sys.argv[1]) / build_wheel(sys.argv[1]))
