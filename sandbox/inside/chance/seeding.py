"""The trial owns all randomness: a seed that a candidate sets is mixed with the trial's seed.

While `owned` is entered, the ways to seed torch, numpy and `random` that have a name are replaced.
The same seed still gives the same numbers within one trial, so that a candidate may repeat itself;
in a trial of another seed it gives others, so that no seed can be lucky. A state that was read in
the trial is put back as it is. What gets past this is found by `randomness.py`.
"""

from __future__ import annotations

import functools
import hashlib
import multiprocessing
import random
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Final

import numpy as np
import torch

from ..faults import FILE

_EVERY_DEVICE: Final = torch.manual_seed
_PYTHON_SEED: Final = random.Random.seed
_PYTHON_RESTORE: Final = random.Random.setstate
_PYTHON_SHARED: Final = random.seed.__self__  # type: ignore[attr-defined]
_NUMPY_SHARED: Final = np.random.mtrand._rand
_TORCH_GENERATOR: Final = torch.Generator
_FRAMES_SEEN: Final = 3  # the call itself, and a constructor or two between
_BIT_GENERATORS: Final = ("PCG64", "PCG64DXSM", "MT19937", "Philox", "SFC64")


class _Trial:
    """The seed that all is mixed with, the states that were read, and the seeds that were set."""

    def __init__(self) -> None:
        self.seed = self.count = 0
        self.thread: int | None = None
        self.read: set[bytes] = set()
        self.calls: set[str] = set()

    def start(self, seed: int) -> None:
        self.seed, self.count = seed, 0
        self.read.clear()

    @property
    def here(self) -> bool:
        """Whether this thread is the one that the trial runs in."""
        return self.thread == threading.get_ident()

    def note(self, call: str) -> None:
        """Remember `call` if a line of the candidate's made it."""
        frame = sys._getframe(2)
        for _ in range(_FRAMES_SEEN):
            if frame.f_code.co_filename == FILE:
                self.calls.add(call)
            if frame.f_back is None:
                return
            frame = frame.f_back

    def mixed(self, given: object, bits: int = 63) -> int:
        """What a seed becomes in this trial; without one, the next of the trial's own."""
        if given is None:
            self.count += 1
        words = repr((self.seed, self.count if given is None else "", _plain(given)))
        digest = hashlib.blake2b(words.encode(errors="replace"), digest_size=8).digest()
        return int.from_bytes(digest, "big") >> (64 - bits)


_TRIAL: Final = _Trial()


def seed_torch(seed: int) -> torch.Generator:
    """`torch.manual_seed`, which where there is no GPU formats the whole stack each time, to have
    one seeded later: a tenth of the time of the checks."""
    if torch.cuda.is_available():
        return _EVERY_DEVICE(seed)
    return torch.default_generator.manual_seed(int(seed))


def seed_everything(seed: int) -> None:
    """Seed every generator that a candidate is likely to use, and what its own seeds become."""
    _TRIAL.start(seed)
    seed_torch(seed)
    _PYTHON_SEED(_PYTHON_SHARED, seed)
    _NUMPY_SHARED.seed(seed % 2**32)


def random_states() -> dict[str, bytes]:
    """A digest of the state of each shared generator, by name."""
    return {
        "torch": _digest(_TORCH_GENERATOR.get_state(torch.default_generator)),
        "random": _digest(_PYTHON_SHARED.getstate()),
        "numpy": _digest(_NUMPY_SHARED.get_state()),
    }


def seeds_set() -> list[str]:
    """The calls by which lines of the candidate's have set seeds, in the order of their names."""
    return sorted(_TRIAL.calls)


@contextmanager
def owned(seed: int) -> Iterator[None]:
    """While it is entered, this thread's seeds are mixed with `seed`, or the latest one set by
    `seed_everything`, and `torch.compile` leaves alone what it is given: there is no compiler in a
    jail, and it changes no result.
    """
    with ExitStack() as undo:
        for owner, name, put in _replacements():
            undo.callback(setattr, owner, name, getattr(owner, name))
            setattr(owner, name, put)
        undo.callback(setattr, _TRIAL, "thread", _TRIAL.thread)
        _TRIAL.thread = threading.get_ident()
        _TRIAL.start(seed)
        _TRIAL.calls.clear()
        yield


def _plain(given: object) -> object:
    """A seed as something whose `repr` says all of it."""
    if isinstance(given, np.random.SeedSequence):
        return "sequence", _plain(given.entropy), given.spawn_key
    if isinstance(given, (np.ndarray, torch.Tensor)):
        return given.tolist()
    if isinstance(given, (list, tuple)):
        return [_plain(item) for item in given]
    return int(given) if isinstance(given, np.integer) else given


def _digest(state: Any) -> bytes:
    if isinstance(state, torch.Tensor):
        return hashlib.blake2b(state.cpu().numpy().tobytes()).digest()
    if isinstance(state, np.ndarray):
        return hashlib.blake2b(state.tobytes()).digest()
    if isinstance(state, dict):
        return _digest(tuple(state.values()))
    if isinstance(state, (list, tuple)) and len(state) < 100:
        return hashlib.blake2b(b"".join(map(_digest, state))).digest()
    return hashlib.blake2b(repr(state).encode()).digest()


# --- what stands in for the ways to seed ----------------------------------------------------------


def _seeding(name: str, real: Callable[..., Any], bits: int = 63) -> Callable[..., Any]:
    """`real`, which takes a seed first, given a mixed one."""

    @functools.wraps(real)
    def seed(given: Any = None, *rest: Any, **named: Any) -> Any:
        if not _TRIAL.here:
            return real(given, *rest, **named)
        _TRIAL.note(name)
        given = named.pop("seed", named.pop("a", given))
        return real(_TRIAL.mixed(given, bits), *rest, **named)

    return seed


def _reading(real: Callable[..., Any]) -> Callable[..., Any]:
    """`real`, which gives a state, with the state remembered."""

    @functools.wraps(real)
    def read(*args: Any, **named: Any) -> Any:
        state = real(*args, **named)
        if _TRIAL.here:
            _TRIAL.read.add(_digest(state))
        return state

    return read


def _restoring(
    name: str, real: Callable[..., Any], reseed: Callable[[int], Any], bits: int = 63
) -> Callable[..., Any]:
    """`real`, which takes a state, as it is for one that was read, and a mixed seed for another."""

    @functools.wraps(real)
    def restore(state: Any, *rest: Any, **named: Any) -> Any:
        digest = _digest(state) if _TRIAL.here else b""
        if not digest or digest in _TRIAL.read:
            return real(state, *rest, **named)
        _TRIAL.note(name)
        return reseed(_TRIAL.mixed(digest, bits))

    return restore


class _AnyGenerator(type(torch.Generator)):  # type: ignore[misc]
    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, _TORCH_GENERATOR)


class _Generator(torch.Generator, metaclass=_AnyGenerator):
    """A generator of torch's whose seeds are mixed, the one it is born with included."""

    def __init__(self, *_: Any, **__: Any) -> None:
        super().__init__()
        if _TRIAL.here:
            super().manual_seed(_TRIAL.mixed(None))

    def manual_seed(self, seed: int) -> torch.Generator:
        if not _TRIAL.here:
            return super().manual_seed(seed)
        _TRIAL.note("Generator.manual_seed")
        super().manual_seed(_TRIAL.mixed(seed))
        return self

    def seed(self) -> int:
        self.manual_seed(_TRIAL.mixed(None))
        return self.initial_seed()

    def get_state(self) -> torch.Tensor:
        state: torch.Tensor = _reading(super().get_state)()
        return state

    def set_state(self, new_state: torch.Tensor) -> None:  # type: ignore[override]
        _restoring("Generator.set_state", super().set_state, super().manual_seed)(new_state)


class _RandomState(np.random.RandomState):
    """A generator of numpy's older kind whose seeds are mixed."""

    def __init__(self, seed: Any = None) -> None:
        ready = isinstance(seed, np.random.BitGenerator)
        _TRIAL.note("numpy.random.RandomState")
        super().__init__(seed if ready or not _TRIAL.here else _TRIAL.mixed(seed, 32))

    def seed(self, seed: Any = None) -> None:
        super().seed(_TRIAL.mixed(seed, 32) if _TRIAL.here else seed)

    def get_state(self, *args: Any, **named: Any) -> Any:
        return _reading(super().get_state)(*args, **named)

    def set_state(self, state: Any) -> None:
        _restoring("RandomState.set_state", super().set_state, super().seed, 32)(state)


class _SeedSequence(np.random.SeedSequence):
    """A sequence of seeds whose entropy is mixed."""

    def __init__(self, entropy: Any = None, **named: Any) -> None:
        super().__init__(_TRIAL.mixed(entropy) if _TRIAL.here else entropy, **named)


def _bit_generator(name: str) -> type:
    """A source of numpy's random bits whose seeds are mixed."""
    real: Any = getattr(np.random, name)

    class Mixed(real):  # type: ignore[misc]
        def __init__(self, seed: Any = None, **named: Any) -> None:
            _TRIAL.note(f"numpy.random.{name}")
            key = named.pop("key", None)  # of Philox, in place of a seed
            given = seed if key is None else (seed, key)
            super().__init__(_TRIAL.mixed(given) if _TRIAL.here else given, **named)

        @property
        def state(self) -> Any:
            return _reading(lambda: real.state.__get__(self))()

        @state.setter
        def state(self, value: Any) -> None:
            def reseed(seed: int) -> None:
                real.state.__set__(self, real(seed).state)

            _restoring(f"{name}.state", lambda v: real.state.__set__(self, v), reseed)(value)

    Mixed.__name__ = Mixed.__qualname__ = name
    return Mixed


def _default_rng(seed: Any = None) -> np.random.Generator:
    """`numpy.random.default_rng` with a mixed seed."""
    if not _TRIAL.here or isinstance(seed, (np.random.Generator, np.random.BitGenerator)):
        return _DEFAULT_RNG(seed)
    _TRIAL.note("numpy.random.default_rng")
    return _DEFAULT_RNG(_TRIAL.mixed(seed))


_DEFAULT_RNG: Final = np.random.default_rng


def _seed_method(self: random.Random, a: Any = None, version: int = 2) -> None:
    """`random.Random.seed` with a mixed seed; every instance is made by it."""
    if not _TRIAL.here:
        _PYTHON_SEED(self, a, version)
        return
    _TRIAL.note("random.Random")
    _PYTHON_SEED(self, _TRIAL.mixed(a))


def _restore_method(self: random.Random, state: Any) -> None:
    reseed = functools.partial(_PYTHON_SEED, self)
    _restoring("random.setstate", functools.partial(_PYTHON_RESTORE, self), reseed)(state)


def _as_it_is(model: Any = None, *_: Any, **__: Any) -> Any:
    """What a compiler gives back here: the thing itself, or a decorator that does so."""
    return (lambda thing: thing) if model is None else model


@functools.cache
def _replacements() -> tuple[tuple[Any, str, Any], ...]:
    """Owner, name, and what is put there."""
    seed = _seeding("torch.manual_seed", seed_torch)
    restore = _restoring("torch.set_rng_state", torch.set_rng_state, seed_torch)
    read, numpy, old = _reading(torch.get_rng_state), np.random, _NUMPY_SHARED
    found: list[tuple[Any, str, Any]] = []
    for owner in (torch, torch.random):
        found += [(owner, "manual_seed", seed), (owner, "seed", lambda: seed().initial_seed())]
        found += [(owner, "get_rng_state", read), (owner, "set_rng_state", restore)]
    found += [(owner, "Generator", _Generator) for owner in (torch, torch._C)]
    found += list(_device_replacements())
    found += [(random.Random, "seed", _seed_method), (random.Random, "setstate", _restore_method)]
    found += [(random, "seed", _seeding("random.seed", random.seed))]
    found += [(random, "getstate", _reading(random.getstate))]
    found += [(random, "setstate", functools.partial(_restore_method, _PYTHON_SHARED))]
    for place in (numpy, numpy.mtrand):
        found += [(place, "seed", _seeding("numpy.random.seed", old.seed, 32))]
        found += [(place, "get_state", _reading(old.get_state))]
        put = _restoring("numpy.random.set_state", old.set_state, old.seed, 32)
        found += [(place, "set_state", put), (place, "RandomState", _RandomState)]
    found += [(place, "SeedSequence", _SeedSequence) for place in (numpy, numpy.bit_generator)]
    found += [(numpy, name, _bit_generator(name)) for name in _BIT_GENERATORS]
    found += [(numpy, "default_rng", _default_rng)]
    return (*found, *_compilers(), *_said_once())


def _device_replacements() -> Iterator[tuple[Any, str, Any]]:
    """The same for the generators of accelerators."""
    for device in (torch.cuda, torch.cuda.random, torch.mps, torch.xpu):
        for name in ("manual_seed", "manual_seed_all"):
            if hasattr(device, name):
                call = f"torch.{device.__name__.split('.')[1]}.{name}"
                yield device, name, _seeding(call, getattr(device, name))
    for place in (torch.cuda, torch.cuda.random):
        yield place, "get_rng_state", _reading(torch.cuda.get_rng_state)
        put = _restoring("torch.cuda.set_rng_state", torch.cuda.set_rng_state, seed_torch)
        yield place, "set_rng_state", put


def _said_once() -> Iterator[tuple[Any, str, Any]]:
    """What a process may say once: the checks run a candidate's file several times."""
    yield torch, "set_num_interop_threads", lambda *_: None
    for place in (multiprocessing, torch.multiprocessing):
        yield place, "set_start_method", lambda *_, **__: None


def _compilers() -> Iterator[tuple[Any, str, Any]]:
    import torch._dynamo

    yield torch, "compile", _as_it_is
    yield torch.compiler, "compile", _as_it_is
    yield torch.nn.Module, "compile", lambda *_, **__: None
    yield torch._dynamo, "optimize", lambda *_, **__: _as_it_is
