"""What a call costs: dollars per million tokens, from litellm's list or as the user says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from archwright.core import InputError

MILLION: Final = 1e6


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars per million tokens sent, answered, and sent but found in the provider's cache."""

    sent: float
    answered: float
    cached: float | None = None

    def usd(self, sent: int, answered: int, cached: int = 0) -> float:
        """The cost of a call; `cached` tokens are part of `sent`."""
        less = self.sent if self.cached is None else self.cached
        total = (sent - cached) * self.sent + cached * less + answered * self.answered
        return total / MILLION


def parse_prices(words: Iterable[str]) -> dict[str, Price]:
    """Prices by model name from `IN,OUT` (for every model, under the name "") or `NAME=IN,OUT`;
    a third number is the price of what was sent but found in the provider's cache.

    Raises:
        InputError: it is no such thing.
    """
    prices = {}
    for word in words:
        name, _, numbers = word.rpartition("=")
        try:
            price = Price(*(float(n) for n in numbers.split(",")))
        except (ValueError, TypeError):
            raise InputError(
                f"--price {word} is not IN,OUT or NAME=IN,OUT (or IN,OUT,CACHED), "
                "in dollars per million tokens"
            ) from None
        numbers_said = (price.sent, price.answered, price.cached or 0.0)
        if not all(0 <= number < float("inf") for number in numbers_said):
            raise InputError(f"--price {word}: a price is a number from 0 up")
        prices[name] = price
    return prices


def price_of(model: str, said: Mapping[str, Price], listed: bool) -> Price | None:
    """The price of a model: what was said of it, else what litellm lists, else None.

    Args:
        listed: whether the model is litellm's, so that its list may be believed. A server that is
            named by its URL sets its own prices.
    """
    if (price := said.get(model) or said.get("")) is not None:
        return price
    return _listed_price(model) if listed else None


def _listed_price(model: str) -> Price | None:
    from archwright.agents.backends.client import import_litellm

    litellm = import_litellm()
    try:
        info = litellm.get_model_info(model)
    # litellm raises a bare Exception for a model that is not on its list.
    except Exception:  # noqa: BLE001
        return None
    sent, answered = info.get("input_cost_per_token"), info.get("output_cost_per_token")
    if sent is None or answered is None:
        return None
    cached = info.get("cache_read_input_token_cost")
    return Price(sent * MILLION, answered * MILLION, None if cached is None else cached * MILLION)
