"""Building the image that containers are made from."""

from __future__ import annotations

import importlib.metadata
import importlib.resources
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from archwright.core import InputError, SandboxError
from archwright.core.settings import IMAGE
from archwright.sandbox.docker.engine import MOUNTED_LABEL, Engine, answering
from archwright.sandbox.inside.jail.libraries import ROOTS

CPU_WHEELS: Final = "https://download.pytorch.org/whl/cpu"
"""Where torch is built without CUDA; the package index has a build of several gigabytes."""

COMPILER: Final = "g++ libc6-dev"
"""Packages of Debian, which the usual base is made of."""

BUILD_ANSWER_SECONDS: Final = 60.0

PYTHON: Final = f"python:{sys.version_info[0]}.{sys.version_info[1]}-slim"
"""The usual base: this environment's version of Python."""


@dataclass(frozen=True, slots=True)
class ImageSpec:
    """What an image is made from."""

    image: str = IMAGE
    base: str = PYTHON
    mount_site_packages: bool = False
    """Leave torch out: it is mounted from this environment, read-only."""
    wheels: Path | None = None
    """A folder of `pip download torch`, in place of the network."""
    compiler: bool = False
    """With a C++ compiler, for tasks that have their networks compiled."""


def build(spec: ImageSpec) -> str:
    """Build the image; what the engine prints goes to standard error. Returns the image's id.

    Raises:
        InputError: the wheels are no folder, or Python in the base is not this one's version.
        SandboxError: no engine, or the build failed.
    """
    if spec.wheels is not None and not spec.wheels.is_dir():
        raise InputError(f"{spec.wheels} is not a folder; make it: pip download torch -d DIR")
    with Engine() as engine, tempfile.TemporaryDirectory(prefix="archwright-image-") as folder:
        engine.version()
        context = Path(folder)
        here = importlib.resources.files("archwright.sandbox.docker")
        (context / "Dockerfile").write_text((here / "Dockerfile").read_text(encoding="utf-8"))
        (context / "wheels").mkdir()
        for wheel in spec.wheels.glob("*.whl") if spec.wheels else ():
            shutil.copyfile(wheel, context / "wheels" / wheel.name)
        with answering("build", BUILD_ANSWER_SECONDS):
            _run_build(engine, spec, context)
        with answering("run", BUILD_ANSWER_SECONDS):
            _check_python(engine, spec)
        with answering("image", engine.answer_seconds):
            return str(engine.client().images.get(spec.image).id)


def _run_build(engine: Engine, spec: ImageSpec, context: Path) -> None:
    pinned = " ".join(f"{name}=={_version(name)}" for name in ROOTS)
    options = f"--extra-index-url {CPU_WHEELS}"
    said = engine.client().api.build(
        path=str(context),
        tag=spec.image,
        buildargs={
            "BASE": spec.base,
            "REQUIREMENTS": "" if spec.mount_site_packages else pinned,
            "PACKAGES": COMPILER if spec.compiler else "",
            "PIP_OPTIONS": "--no-index --find-links /wheels" if spec.wheels else options,
        },
        labels={MOUNTED_LABEL: "mount" if spec.mount_site_packages else "image"},
        network_mode="host",
        rm=True,
        timeout=None,  # a download takes as long as it takes
        decode=True,
    )
    failed = False
    for line in said:  # to its end, lest the connection stay open
        print(line.get("stream") or line.get("error") or "", end="", file=sys.stderr, flush=True)
        failed = failed or "error" in line
    if failed:
        raise SandboxError(
            f"the image could not be built from {spec.base} (docker says why above): "
            "--base IMAGE takes another base, --mount-site-packages downloads no torch"
            + (", --compiler needs a base with apt-get" if spec.compiler else "")
        )


def _version(name: str) -> str:
    """An installed version, without what tells local builds apart."""
    return importlib.metadata.version(name).partition("+")[0]


def _check_python(engine: Engine, spec: ImageSpec) -> None:
    """Compiled packages of this Python fit no other."""
    python, wanted = "/opt/archwright/bin/python", f"{sys.version_info[0]}.{sys.version_info[1]}"
    found = engine.client(BUILD_ANSWER_SECONDS).containers.run(
        spec.image,
        [python, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"],
        network_mode="none",
        read_only=True,
        cap_drop=["ALL"],
        remove=True,
    )
    if spec.mount_site_packages and found.decode().strip() != wanted:
        raise InputError(
            f"{spec.base} has Python {found.decode().strip()}, this environment {wanted}: take a "
            "base with it, or leave out --mount-site-packages"
        )
