"""`--help` answers at once, for every command, because what is heavy is imported only when used."""

from __future__ import annotations

import json
import subprocess
import sys

from archwright.cli import BENCHES, COMMANDS

HEAVY = (
    *("torch", "sklearn", "scipy", "git", "docker", "pandas"),
    *("litellm", "openai", "tenacity", "transformers"),
)


def loaded_after(code: str) -> set[str]:
    """Top-level modules that are loaded in a fresh Python after `code`."""
    report = "import json, sys; print(json.dumps(sorted({m.split('.')[0] for m in sys.modules})))"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\n{report}"], check=True, capture_output=True, text=True
    )
    return set(json.loads(done.stdout.splitlines()[-1]))


HELP = """
from archwright.cli import main
try:
    main(["--help"])
except SystemExit as end:
    assert end.code == 0
"""


def test_importing_the_package_loads_nothing_heavy() -> None:
    assert not loaded_after("import archwright") & {*HEAVY, "rich", "numpy"}


def test_help_loads_nothing_heavy() -> None:
    assert not loaded_after(HELP) & {*HEAVY, "rich", "jinja2", "pydantic", "psutil"}


EVERY_HELP = """
import json, sys
from archwright.cli import main
given = json.loads(sys.argv[1])
loaded = {}
for command in given["commands"]:
    try:
        main([*command.split(), "--help"])
    except SystemExit as end:
        assert end.code == 0, command
    for name in given["heavy"]:
        if name in sys.modules:
            loaded.setdefault(name, command)
print(json.dumps(loaded))
"""


def test_no_commands_help_loads_torch_or_its_like() -> None:
    """All in one process: a module's name is followed by the command that loaded it first."""
    commands = [*COMMANDS, *(f"bench {name}" for name in BENCHES)]
    given = json.dumps({"commands": commands, "heavy": HEAVY})
    done = subprocess.run(
        [sys.executable, "-c", EVERY_HELP, given], check=True, capture_output=True, text=True
    )
    assert json.loads(done.stdout.splitlines()[-1]) == {}


def test_help_names_every_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "archwright", "--help"], check=True, capture_output=True, text=True
    )
    for name, (_, summary) in COMMANDS.items():
        assert " " in name or name in done.stdout
        assert " " in name or summary in " ".join(done.stdout.split())
