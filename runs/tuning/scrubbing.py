"""Takes secrets and what names a person or a machine out of texts that are handed on.

Code is gone through with more care than prose: `q@k.mean` is not an address there, and a variable
may be called `token`.
"""

from __future__ import annotations

import getpass
import os
import re
import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self

from archwright.agents.backends.keys import KEPT_OUT, redact

ADDRESS, PERSON, MACHINE, FOLDER = "[address]", "[person]", "[machine]", "[folder]"
# Names that many machines and texts share say nothing of anybody.
_COMMON: Final = frozenset({
    "root", "user", "users", "admin", "ubuntu", "debian", "runner", "worker", "nobody", "guest",
    "home", "default", "test", "main", "docker", "localhost", "model", "train", "local", "data",
    "work", "shared", "public", "archwright", "system", "server", "node",
})  # fmt: skip
_SHORTEST: Final = 3
_HOME: Final = re.compile(
    r"(?:file://)?(?:/home/|/Users/|/var/home/|/export/home/|[A-Za-z]:\\+(?:Users|home)\\+)"
    r"(?P<name>[^/\\\s\"'`:,;)\]}]+)"
)
_ROOT_HOME: Final = re.compile(r"(?<![\w/.~])/root(?=/|\b)")
_KEYS: Final = re.compile(
    r"""-----BEGIN[ A-Z]*PRIVATE\ KEY-----.*?(?:-----END[ A-Z]*PRIVATE\ KEY-----|\Z)
    | (?<![\w-])(?:
        sk-[\w-]{16,} | gh[oprsu]_\w{20,} | github_pat_\w{20,} | glpat-[\w-]{16,} | hf_\w{16,}
        | (?:AKIA|ASIA)[A-Z0-9]{16} | AIza[\w-]{30,} | xox[abprs]-[\w-]{10,} | npm_\w{30,}
        | (?:pk|rk|sk)_(?:live|test)_\w{16,} | gsk_\w{20,} | r8_\w{30,} | pypi-[\w-]{40,}
        | SG\.[\w-]{16,}\.[\w-]{16,}
        | eyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]+
    )(?![\w-])
    | (?<=://)[^\s/:@]+:[^\s/@]+(?=@)
    | (?<=\bBearer\ )[\w.~+/-]{12,}=* | (?<=\bBasic\ )[\w+/]{12,}=*""",
    re.VERBOSE | re.DOTALL,
)
_NAMED: Final = re.compile(
    r"(?P<name>\b\w*(?:api[_-]?key|access[_-]?key|secret|passw(?:or)?d|token|credential)s?\w*"
    r"[\"']?\s*[:=]\s*)"
    r"(?P<value>\"[^\"\s]{6,}\"|'[^'\s]{6,}'|(?=[^\s]*\d)[A-Za-z0-9_+/=-]{16,}(?![\w.(\[]))",
    re.I,
)
_MAIL: Final = re.compile(
    r"(?<![\w.+-])[\w.+-]+@(?=[\w.-]*[A-Za-z])(?:[\w-]{2,}(?:\.[\w-]+)*|[\w-](?:\.[\w-]+)+)"
)
_MAIL_IN_CODE: Final = re.compile(
    r"(?<![\w.+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)*\.(?:com|org|net|edu|gov|io|ai|dev|de|uk|fr|ch|eu)\b"
    r"(?![(\[.])"
)
_NUMERIC_ADDRESS: Final = re.compile(r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w.])")
_CODE: Final = re.compile(r"^(?P<fence>`{3,})(?:python|diff)\n.*?^(?P=fence)[ ]*$", re.M | re.S)


@dataclass(frozen=True, slots=True)
class Scrubber:
    """Takes out secrets, addresses, home folders and the names that it was told."""

    folders: tuple[str, ...] = ()
    """Absolute paths that stand for themselves, the longest first."""
    names: Mapping[str, str] = field(default_factory=dict)
    """What stands in the place of a name."""

    @classmethod
    def of(cls, folders: Iterable[str | Path], people: Iterable[str], texts: Iterable[str]) -> Self:
        """For this machine and user.

        Args:
            folders: paths of the workspace and its tasks.
            people: names of persons that are known.
            texts: all that will be handed on: whoever has a home folder in one is a person in all.
        """
        users = {_user(), Path.home().name, *(m["name"] for t in texts for m in _HOME.finditer(t))}
        hosts = {socket.gethostname(), socket.gethostname().partition(".")[0]}
        names = dict.fromkeys(filter(_is_telling, hosts), MACHINE)
        names |= dict.fromkeys(filter(_is_telling, {*users, *people}), PERSON)
        paths = {str(f) for f in folders if Path(f).is_absolute() and len(Path(f).parts) > 1}
        return cls(tuple(sorted(paths, key=len, reverse=True)), names)

    def clean(self, text: str) -> str:
        """`text` without them; Python in fences keeps its meaning."""
        parts: list[str] = []
        position = 0
        for code in _CODE.finditer(text):
            parts += [self._clean(text[position : code.start()]), self.clean_code(code[0])]
            position = code.end()
        return "".join([*parts, self._clean(text[position:])])

    def clean_code(self, text: str) -> str:
        """Source without them."""
        return self._common(_MAIL_IN_CODE.sub(ADDRESS, text))

    def clean_all(self, value: Any) -> Any:
        """Plain data with each of its texts cleaned."""
        if isinstance(value, str):
            return self.clean(value)
        if isinstance(value, dict):
            return {key: self.clean_all(inner) for key, inner in value.items()}
        return [self.clean_all(v) for v in value] if isinstance(value, list | tuple) else value

    def _clean(self, text: str) -> str:
        # Keys first: a password in a URL stands before an `@`.
        text = _MAIL.sub(ADDRESS, _KEYS.sub(KEPT_OUT, redact(text)))
        return self._common(_NUMERIC_ADDRESS.sub(ADDRESS, text))

    def _common(self, text: str) -> str:
        text = _NAMED.sub(_without_value, _KEYS.sub(KEPT_OUT, redact(text)))
        for folder in self.folders:
            text = re.sub(rf"{re.escape(folder)}(?![\w-])", FOLDER, text)
        text = _ROOT_HOME.sub("~", _HOME.sub("~", text))
        for name, instead in self.names.items():
            text = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", instead, text, flags=re.I)
        return text


def _without_value(found: re.Match[str]) -> str:
    quote = found["value"][0] if found["value"][0] in "\"'" else ""
    return f"{found['name']}{quote}{KEPT_OUT}{quote}"


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # A container's user may have no name.
        return os.environ.get("USER", "")


def _is_telling(name: str) -> bool:
    return len(name) >= _SHORTEST and name.lower() not in _COMMON and not name.isdecimal()
