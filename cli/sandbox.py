"""`archwright sandbox build`: the image that containers are made from."""

from __future__ import annotations

import argparse
from pathlib import Path

from archwright.cli.output import emit, say
from archwright.sandbox.docker.engine import IMAGE
from archwright.sandbox.docker.image import PYTHON, Recipe, build


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `archwright sandbox`."""
    commands = parser.add_subparsers(metavar="ACTION", dest="action", required=True)
    command = commands.add_parser("build", help="build the image", description="build the image")
    command.add_argument(
        "--base",
        metavar="IMAGE",
        help="image with Python 3 and its venv module (default: python:3.X-slim, X as here)",
    )
    command.add_argument(
        "--mount-site-packages",
        action="store_true",
        help="leave torch out: containers mount it from this environment, read-only; no download",
    )
    command.add_argument(
        "--wheels", metavar="DIR", help="install from this folder of `pip download torch`"
    )
    command.add_argument("--image", metavar="NAME", default=IMAGE, help=f"default: {IMAGE}")
    command.add_argument("--json", action="store_true", help="print one JSON document")


def run(args: argparse.Namespace) -> int:
    """Build, with the engine's own words on stderr."""
    recipe = Recipe(
        image=args.image,
        base=args.base or PYTHON,
        mount_site_packages=args.mount_site_packages,
        wheels=Path(args.wheels) if args.wheels else None,
    )
    say(f"building {recipe.image} from {recipe.base} ...")
    identity = build(recipe)
    torch = "mounted" if recipe.mount_site_packages else "inside"
    document = {"image": recipe.image, "id": identity, "base": recipe.base, "torch": torch}
    emit(args, document, lambda: print(f"{recipe.image}: {identity} (torch {torch})"))
    return 0
