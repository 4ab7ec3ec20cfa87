"""Building the image that containers are made from."""

from __future__ import annotations

import importlib.metadata
import importlib.resources
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from archwright.core import InputError, SandboxError
from archwright.core.settings import IMAGE
from archwright.sandbox.docker import engine
from archwright.sandbox.inside.libraries import ROOTS

CPU_WHEELS: Final = "https://download.pytorch.org/whl/cpu"
"""Where torch is built without CUDA; the package index has a build of several gigabytes."""


PYTHON: Final = f"python:{sys.version_info[0]}.{sys.version_info[1]}-slim"
"""The usual base: this environment's version of Python."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """What an image is made from."""

    image: str = IMAGE
    base: str = PYTHON
    mount_site_packages: bool = False
    """Leave torch out: it is mounted from this environment, read-only."""
    wheels: Path | None = None
    """A folder of `pip download torch`, in place of the network."""


def build(recipe: Recipe) -> str:
    """Build the image; what the engine prints goes to standard error. Returns the image's id.

    Raises:
        InputError: the wheels are no folder, or Python in the base is not this one's version.
        SandboxError: no engine, or the build failed.
    """
    engine.engine_version()
    if recipe.wheels is not None and not recipe.wheels.is_dir():
        raise InputError(f"{recipe.wheels} is no folder; make it: pip download torch -d DIR")
    with tempfile.TemporaryDirectory(prefix="archwright-image-") as folder:
        context = Path(folder)
        here = importlib.resources.files("archwright.sandbox.docker")
        (context / "Dockerfile").write_text((here / "Dockerfile").read_text(encoding="utf-8"))
        (context / "wheels").mkdir()
        for wheel in recipe.wheels.glob("*.whl") if recipe.wheels else ():
            shutil.copyfile(wheel, context / "wheels" / wheel.name)
        _run_build(recipe, context)
    _check_python(recipe)
    return engine.ask("image", "inspect", "--format", "{{.Id}}", recipe.image)


def _run_build(recipe: Recipe, context: Path) -> None:
    pinned = " ".join(f"{name}=={_version(name)}" for name in ROOTS)
    options = (
        "--no-index --find-links /wheels" if recipe.wheels else f"--extra-index-url {CPU_WHEELS}"
    )
    where = "mount" if recipe.mount_site_packages else "image"
    command = [
        *("docker", "build", "--network=host", f"--tag={recipe.image}"),
        f"--build-arg=BASE={recipe.base}",
        f"--build-arg=REQUIREMENTS={'' if recipe.mount_site_packages else pinned}",
        f"--build-arg=PIP_OPTIONS={options}",
        f"--label={engine.MOUNTED_LABEL}={where}",
        str(context),
    ]
    if subprocess.run(command, stdout=sys.stderr, check=False).returncode:
        raise SandboxError(
            f"the image could not be built from {recipe.base} (docker says why above): "
            "--base IMAGE takes another base, --mount-site-packages downloads no torch"
        )


def _version(name: str) -> str:
    """An installed version, without what tells local builds apart."""
    return importlib.metadata.version(name).partition("+")[0]


def _check_python(recipe: Recipe) -> None:
    """Compiled packages of this Python fit no other."""
    python, wanted = "/opt/archwright/bin/python", f"{sys.version_info[0]}.{sys.version_info[1]}"
    code = "import sys; print('%d.%d' % sys.version_info[:2])"
    closed = ("run", "--rm", "--network=none", "--read-only", "--cap-drop=ALL")
    found = engine.ask(*closed, recipe.image, python, "-c", code, seconds=60)
    if recipe.mount_site_packages and found != wanted:
        raise InputError(
            f"{recipe.base} has Python {found}, this environment {wanted}: take a base with it, "
            "or leave out --mount-site-packages"
        )
