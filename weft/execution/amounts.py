"""Numbers that may depend on variables; the parts that do not are computed once."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

Amount = int | Callable[["Variables"], int]
"""A constant, or a function from coerced variables to the number."""


class Variables(dict[str, Any]):
    """Coerced variables, with the amounts that were already computed from them."""

    def __init__(self, coerced: Mapping[str, Any]) -> None:
        super().__init__(coerced)
        self.amounts: dict[Amount, int] = {}


def sum_of(amounts: Sequence[Amount]) -> Amount:
    """The sum of the amounts."""
    constant = sum(amount for amount in amounts if isinstance(amount, int))
    varying = [amount for amount in amounts if not isinstance(amount, int)]
    if not varying:
        return constant
    if len(varying) == 1 and not constant:
        return varying[0]
    return lambda variables: constant + sum([amount(variables) for amount in varying])


def product_of(times: Amount, amount: Amount) -> Amount:
    """The product of two amounts."""
    if isinstance(times, int):
        if isinstance(amount, int):
            return times * amount
        return lambda variables: times * amount(variables)
    if isinstance(amount, int):
        return lambda variables: times(variables) * amount
    return lambda variables: times(variables) * amount(variables)


def most_of(amounts: Sequence[Amount]) -> Amount:
    """The greatest of the amounts; 0 if there are none."""
    constant = max((amount for amount in amounts if isinstance(amount, int)), default=0)
    varying = [amount for amount in amounts if not isinstance(amount, int)]
    if not varying:
        return constant
    return lambda variables: max(constant, *[amount(variables) for amount in varying])


def once(amount: Amount) -> Amount:
    """The same amount, evaluated once per request, however often it is used."""
    if isinstance(amount, int):
        return amount

    def evaluate(variables: Variables) -> int:
        known = variables.amounts.get(amount)
        if known is None:
            known = variables.amounts[amount] = amount(variables)
        return known

    return evaluate
