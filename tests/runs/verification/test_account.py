"""The account of test evaluations on a sealed split."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from archwright.core import RunError
from archwright.knowledge.shared.directory import DirectoryStore
from archwright.runs.training.data import split_key
from archwright.runs.verification.account import Account, share
from archwright.runs.verification.statistics import ALPHA


@pytest.fixture(params=["own", "shared"])
def account(request: pytest.FixtureRequest, tmp_path: Path) -> Account:
    shared = DirectoryStore(tmp_path).change_looks if request.param == "shared" else None
    return Account(tmp_path / "looks.json", shared)


def test_each_look_has_less_and_all_together_have_the_whole(account: Account) -> None:
    given = []
    for night in range(10):
        look = account.open("digits", "digits", f"run-{night}", 0)
        account.close(look, 0)
        given.append(look.level)
    assert given[0] == pytest.approx(ALPHA / 2)
    assert given == sorted(given, reverse=True)
    assert sum(given) < ALPHA
    assert sum(share(n) for n in range(1, 10_000)) == pytest.approx(1.0, abs=1e-3)
    assert account.next_level("digits") == pytest.approx(ALPHA / (11 * 12))


def test_a_discovery_earns_the_looks_after_it_a_larger_level(account: Account) -> None:
    account.close(account.open("digits", "digits", "first", 0), 2)
    assert account.next_level("digits") == pytest.approx(2 * ALPHA * share(2))
    # While it is open, a test evaluation has found nothing.
    second = account.open("digits", "digits", "second", 0)
    assert account.next_level("digits") == pytest.approx(2 * ALPHA * share(3))
    account.close(second, 1)
    assert account.next_level("digits") == pytest.approx(3 * ALPHA * share(3))


def test_a_round_that_goes_on_pays_once(account: Account) -> None:
    look = account.open("digits", "digits", "run", 0)
    assert account.open("digits", "digits", "run", 0) == look
    account.close(look, 1)
    account.close(look, 0)  # what was found stays found
    assert [found.discoveries for found in account.looks("digits")] == [1]
    assert account.open("digits", "digits", "run", 1).number == 2


def test_splits_are_told_apart_by_their_content(account: Account) -> None:
    x, y = np.arange(12.0).reshape(4, 3), np.array([0, 1, 0, 1])
    assert split_key((x, y)) == split_key((x.copy(), y.copy()))
    assert split_key((x, y)) != split_key((x, y[::-1]))
    assert split_key((x, y)) != split_key((x.reshape(3, 4), y))
    account.open("one", "digits", "run", 0)
    assert account.next_level("other") == pytest.approx(ALPHA / 2)
    assert account.open("other", "digits", "run", 0).number == 1
    assert len(account.looks()) == 2


def test_runs_at_once_are_entered_one_after_the_other(account: Account) -> None:
    with ThreadPoolExecutor(8) as pool:
        looks = list(pool.map(lambda n: account.open("s", "t", f"run-{n}", 0), range(24)))
    assert sorted(look.number for look in looks) == list(range(1, 25))


def test_a_broken_account_is_said_and_not_begun_anew(account: Account, tmp_path: Path) -> None:
    (tmp_path / "looks.json").write_text("{")
    with pytest.raises(
        RunError, match=r"looks\.json is not readable as the account of test evaluations"
    ):
        account.open("s", "t", "run", 0)


def test_workspaces_that_share_a_place_have_one_account(tmp_path: Path) -> None:
    """Also of what they had looked at before they came to it."""
    place = DirectoryStore(tmp_path)
    for name in ("one", "two"):
        earlier = Account(tmp_path / name)
        earlier.close(earlier.open("split", "digits", f"before-{name}", 0), 1)
    one, two = (Account(tmp_path / name, place.change_looks) for name in ("one", "two"))
    assert one.open("split", "digits", "a", 0).number == 2
    assert [look.run for look in two.looks("split")] == ["before-one", "a", "before-two"]
    last = two.open("split", "digits", "b", 0)
    assert (last.number, last.level) == (4, pytest.approx(3 * ALPHA * share(4)))
    assert one.looks() == two.looks()
    own = Account(tmp_path / "one")
    assert own.take_in(two.looks()) == 3
    assert own.take_in(two.looks()) == 0
    assert len(own.looks("split")) == 4


def test_an_evaluation_that_nobody_can_read_is_said(tmp_path: Path) -> None:
    place = DirectoryStore(tmp_path)
    place.change_looks(lambda looks: looks.append({"number": 1}))
    with pytest.raises(RunError, match="shared knowledge base is not readable"):
        Account(tmp_path / "own", place.change_looks).open("s", "t", "run", 0)
