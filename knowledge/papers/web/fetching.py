"""One request at a time, within limits of size, time and redirects, and with the sites' pauses."""

from __future__ import annotations

import ipaddress
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urljoin, urlsplit

from archwright.core import InputError
from archwright.core.files import locked
from archwright.knowledge.papers.paper import FILE_BYTES

if TYPE_CHECKING:
    import httpx

PAUSE: Final = 1.0
"""Seconds between two requests, where a site asks for no longer ones."""
_REDIRECTS: Final = 5
BY_HAND: Final = "download it in a browser and add the file"


class AbsentError(InputError):
    """The site says that there is nothing at this address."""


@dataclass(frozen=True, slots=True)
class WebReply:
    """What a site gave: the address that it came from in the end, its type, its bytes."""

    url: str
    type: str
    body: bytes

    @property
    def is_page(self) -> bool:
        """Whether it is HTML, whatever the site calls it."""
        begins = self.body[:1024].lstrip().lower()
        return begins.startswith((b"<!doctype html", b"<html", b"<head", b"<?xml"))


def resolve(host: str) -> list[str]:
    """The addresses of a host; none where nobody knows it."""
    try:
        return [str(found[4][0]) for found in socket.getaddrinfo(host, None)]
    except (OSError, UnicodeError):
        return []


@dataclass(frozen=True, slots=True)
class Fetcher:
    """Fetches for a workspace; processes take turns, by a lock in `folder`.

    A private address (loopback, local network, a cloud's metadata) is fetched when the user names
    it. A public site that sends there is refused. The check is of names as they resolve before the
    request, so it does not stop a site that changes what its name resolves to in between.

    Args:
        folder: exists; holds the lock and the time of the last request.
        wait: sleeps for that many seconds.
        resolve: as `resolve`.
        seconds: for one file, redirects included.
        silence: seconds without a byte.
    """

    folder: Path
    wait: Callable[[float], object] = time.sleep
    resolve: Callable[[str], Sequence[str]] = resolve
    most: int = FILE_BYTES
    seconds: float = 300.0
    silence: float = 30.0
    agent: str = field(default_factory=lambda: f"archwright/{version('archwright')} (paper add)")

    def get(self, url: str, pause: float = PAUSE, origin: str | None = None) -> WebReply:
        """What is at an address.

        Args:
            origin: the address that named this one, where it was not the user.

        Raises:
            AbsentError: nothing is there.
            InputError: it cannot be had; one line that names the address and the fix.
            OSError: the folder cannot be written.
        """
        import httpx

        start = origin or url
        public = not self._is_private(start)
        deadline = time.monotonic() + self.seconds
        limits = httpx.Timeout(self.silence, connect=min(self.silence, 10.0))
        headers = {"User-Agent": self.agent, "Accept-Encoding": "identity"}
        with (
            locked(self.folder / "lock"),
            httpx.Client(timeout=limits, headers=headers, follow_redirects=False) as client,
        ):
            for _ in range(_REDIRECTS + 1):
                private = self._is_private(url)
                if public and private:
                    raise InputError(
                        f"{_shown(start)}: it sends to a private address ({_shown(url)}), which "
                        "is refused: name that address yourself if you trust it"
                    )
                reply = self._request(client, url, pause, deadline)
                if isinstance(reply, WebReply):
                    return reply
                url = _joined(url, reply)
                if urlsplit(url).scheme not in ("http", "https"):
                    raise InputError(f"{_shown(start)}: it sends to {_shown(url)}: {BY_HAND}")
        raise InputError(f"{_shown(start)}: it redirects over {_REDIRECTS} times: {BY_HAND}")

    def _request(
        self, client: httpx.Client, url: str, pause: float, deadline: float
    ) -> WebReply | str:
        """The reply, or where it redirects to."""
        import httpx

        self._pause(pause)
        try:
            with client.stream("GET", url) as response:
                if response.is_redirect:
                    return response.headers["location"]
                _check_status(url, response)
                body = bytearray()
                for part in response.iter_bytes():
                    body += part
                    if len(body) > self.most:
                        size = f"{self.most >> 20} MB"
                        raise InputError(f"{_shown(url)}: it is larger than {size}: {BY_HAND}")
                    if time.monotonic() > deadline:
                        raise httpx.ReadTimeout("")
                said = response.headers.get("content-type", "")
                return WebReply(url, said.partition(";")[0].strip(), bytes(body))
        except httpx.TimeoutException:
            raise InputError(f"{_shown(url)}: it takes too long: try again, or {BY_HAND}") from None
        except httpx.ConnectError:
            host = _host(url)
            raise InputError(
                f"{_shown(url)}: {host} cannot be reached: is there a network? "
                "without one, add the file itself"
            ) from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            why = " ".join(str(error).split())[:200] or type(error).__name__
            raise InputError(
                f"{_shown(url)}: the transfer failed ({why}): try again, or {BY_HAND}"
            ) from None
        finally:
            (self.folder / "last").touch()

    def _is_private(self, url: str) -> bool:
        host = _host(url)
        try:
            found: Sequence[str] = [str(ipaddress.ip_address(host))]
        except ValueError:
            found = self.resolve(host)
        return any(not ipaddress.ip_address(ip.partition("%")[0]).is_global for ip in found)

    def _pause(self, seconds: float) -> None:
        """Wait until the last request, of whatever process, is so long ago."""
        last = self.folder / "last"
        if last.exists() and (left := seconds - (time.time() - last.stat().st_mtime)) > 0:
            self.wait(min(left, seconds))


def _host(url: str) -> str:
    try:
        parts = urlsplit(url)
        if parts.hostname and (parts.port is None or parts.port > 0):
            return parts.hostname
    except ValueError:
        pass
    raise _no_address(url)


def _joined(url: str, target: str) -> str:
    try:
        return urljoin(url, target)
    except ValueError:
        raise _no_address(target) from None


def _no_address(url: str) -> InputError:
    return InputError(f"{url[:200]}: it is not an address: write it as https://host/path")


def _check_status(url: str, response: httpx.Response) -> None:
    status = response.status_code
    if status in (404, 410):
        raise AbsentError(f"{_shown(url)}: there is nothing (status {status}): check the address")
    if status in (401, 402, 403, 407):
        raise InputError(f"{_shown(url)}: it is refused (status {status}; a login?): {BY_HAND}")
    if status in (429, 503):
        after = response.headers.get("retry-after", "")
        when = f"in {after} seconds" if after.isdigit() else "later"
        raise InputError(f"{_shown(url)}: the site asks to wait (status {status}): try {when}")
    if status != 200:
        raise InputError(f"{_shown(url)}: the site answers {status}: try later, or {BY_HAND}")


def _shown(url: str) -> str:
    """An address without what may be secret in it."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"[:200]
