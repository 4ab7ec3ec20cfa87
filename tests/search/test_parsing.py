"""Parsing beside threads that parse without asking."""

from __future__ import annotations

import ast
import sys
import threading

from archwright.search.grammar import draw
from archwright.search.parsing import parse
from archwright.tasks.loading import load_task


def test_other_threads_that_parse_do_no_harm() -> None:
    from random import Random

    source = draw(load_task("digits").spec.problem, Random(0)).source
    wanted = ast.dump(ast.parse(source))
    done = threading.Event()

    def disturb() -> None:
        while not done.is_set():
            try:
                ast.parse(source)
            except SystemError:
                continue  # the fault that is guarded against, in the other thread

    before = sys.getswitchinterval()
    others = [threading.Thread(target=disturb) for _ in range(3)]
    try:
        sys.setswitchinterval(1e-5)
        for other in others:
            other.start()
        assert all(ast.dump(parse(source)) == wanted for _ in range(100))
    finally:
        done.set()
        sys.setswitchinterval(before)
        for other in others:
            other.join()
