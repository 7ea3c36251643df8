"""Numbers that may depend on variables: worked out once as far as they do not."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

Amount = int | Callable[["Variables"], int]
"""A number, or what makes it of the coerced variables."""


class Variables(dict[str, Any]):
    """Coerced variables, with the amounts that were made of them."""

    def __init__(self, coerced: Mapping[str, Any]) -> None:
        super().__init__(coerced)
        self.amounts: dict[Amount, int] = {}


def sum_of(amounts: Sequence[Amount]) -> Amount:
    """All of them together."""
    constant = sum(amount for amount in amounts if isinstance(amount, int))
    varying = [amount for amount in amounts if not isinstance(amount, int)]
    if not varying:
        return constant
    if len(varying) == 1 and not constant:
        return varying[0]
    return lambda variables: constant + sum([amount(variables) for amount in varying])


def product_of(times: Amount, amount: Amount) -> Amount:
    """The amount, so many times."""
    if isinstance(times, int):
        if isinstance(amount, int):
            return times * amount
        return lambda variables: times * amount(variables)
    if isinstance(amount, int):
        return lambda variables: times(variables) * amount
    return lambda variables: times(variables) * amount(variables)


def most_of(amounts: Sequence[Amount]) -> Amount:
    """The greatest of them; 0 of none."""
    constant = max((amount for amount in amounts if isinstance(amount, int)), default=0)
    varying = [amount for amount in amounts if not isinstance(amount, int)]
    if not varying:
        return constant
    return lambda variables: max(constant, *[amount(variables) for amount in varying])


def once(amount: Amount) -> Amount:
    """The same, evaluated once for each request, at however many places it stands."""
    if isinstance(amount, int):
        return amount

    def evaluate(variables: Variables) -> int:
        known = variables.amounts.get(amount)
        if known is None:
            known = variables.amounts[amount] = amount(variables)
        return known

    return evaluate
