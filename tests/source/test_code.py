"""Parsing beside threads that parse without asking; what is asked of trees."""

from __future__ import annotations

import ast
import gc
import sys
import threading
import time
from random import Random

import pytest

from archwright.search.grammar import draw
from archwright.source.code import alike, parse, walk
from archwright.tasks.loading import load_task


class _Litter:
    """Waits for the collector, and runs Python code when it comes: there threads can change."""

    def __init__(self) -> None:
        self.itself = self

    def __del__(self) -> None:
        for _ in range(20):
            pass


def test_other_threads_that_parse_do_no_harm() -> None:
    source = draw(load_task("digits").spec.problem, Random(0)).source
    wanted = ast.dump(parse(source))
    done = threading.Event()

    def disturb() -> None:
        while not done.is_set():
            try:
                ast.parse(source)
            except SystemError:
                continue  # the fault that is guarded against, in the other thread

    def litter() -> None:
        while not done.is_set():
            for _ in range(50):
                _Litter()
            time.sleep(0)

    switch, thresholds = sys.getswitchinterval(), gc.get_threshold()
    others = [threading.Thread(target=work) for work in (disturb, disturb, disturb, litter)]
    try:
        sys.setswitchinterval(1e-5)
        gc.set_threshold(50, 5, 5)
        for other in others:
            other.start()
        trees = [parse(source) for _ in range(300)]
    finally:
        done.set()
        gc.set_threshold(*thresholds)
        sys.setswitchinterval(switch)
        for other in others:
            other.join()
    assert all(ast.dump(tree) == wanted for tree in trees)


def test_the_collector_is_left_as_it_was() -> None:
    assert gc.isenabled()
    parse("x = 1")
    assert gc.isenabled()
    gc.disable()
    try:
        parse("x = 1")
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_all_nodes_are_found_in_pythons_own_order() -> None:
    tree = parse(draw(load_task("recall").spec.problem, Random(1)).source)
    assert walk(tree) == list(ast.walk(tree))


@pytest.mark.parametrize(
    ("other", "same"),
    [
        ("x = f( 1,2 )  # said", True),
        ("x = f(1, 3)", False),
        ("x = f(1, 2.0)", False),
        ("x = f(1)", False),
        ("x: int = f(1, 2)", False),
        ("y = f(1, 2)", False),
    ],
)
def test_trees_are_alike_wherever_their_nodes_stand(other: str, same: bool) -> None:
    assert alike(parse("x = f(1, 2)"), parse(other)) is same
