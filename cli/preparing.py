"""`archwright init` and `sandbox build`: what is made once, before the first run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from archwright.cli.options import HERE, AsJson, open_knowledge
from archwright.cli.output import emit, say
from archwright.core.settings import IMAGE
from archwright.knowledge.notes.shelf import seed_notes
from archwright.runs.workspace.workspace import init as make_workspace


def init(
    folder: Annotated[str, Parameter(name="DIR")] = HERE,
    /,
    *,
    notes: bool = False,
    json: AsJson = False,
) -> None:
    """Make the folder a git repository and a workspace; what is there already stays.

    Args:
        folder: The workspace (default: this folder).
        notes: Fill the knowledge base with notes on known architectures, as `knowledge seed` does.
    """
    paths = make_workspace(folder).paths
    document: dict[str, object] = {"workspace": str(paths.root), "settings": str(paths.settings)}
    if notes:
        with open_knowledge(str(paths.root)) as knowledge:
            document["notes"] = sum(seed_notes(knowledge))

    def render() -> None:
        print(f"workspace {paths.root}, settings in {paths.settings.name}")
        if notes:
            print(f"{document['notes']} notes on known architectures in the knowledge base")
        else:
            print("`archwright knowledge seed` fills in notes on known architectures")
        print("next: `archwright run digits` in it discovers architectures for a built-in task")

    emit(json, document, render)


def build_image(
    *,
    base: str | None = None,
    mount_site_packages: bool = False,
    wheels: Path | None = None,
    compiler: bool = False,
    image: str = IMAGE,
    json: AsJson = False,
) -> None:
    """Build, with the engine's own words on stderr.

    Args:
        base: Image with Python 3 and its venv module (default: python:3.X-slim, X as here).
        mount_site_packages: Leave torch out: containers mount it from this environment, read-only;
            no download.
        wheels: Install from this folder of `pip download torch`.
        compiler: With a C++ compiler, for tasks with `compile = true` in their [training].
        image: The image's name (default: archwright-sandbox).
    """
    from archwright.sandbox.docker.image import PYTHON, ImageSpec, build

    spec = ImageSpec(
        image=image,
        base=base or PYTHON,
        mount_site_packages=mount_site_packages,
        wheels=wheels,
        compiler=compiler,
    )
    say(f"building {spec.image} from {spec.base} ...")
    identity = build(spec)
    torch = "mounted" if spec.mount_site_packages else "inside"
    document: dict[str, str | bool] = {"image": spec.image, "id": identity, "base": spec.base}
    document |= {"torch": torch, "compiler": spec.compiler}
    emit(json, document, lambda: print(f"{spec.image}: {identity} (torch {torch})"))
