from collections.abc import Sequence
from typing import Any

import pytest

from weft.declare.fields import Argument, Guard, event, field, mutation, root
from weft.declare.info import Info
from weft.declare.pagination import PageArgs, take_page
from weft.errors import DeclarationError, Forbidden

SIZE = {"size": Argument(int, "How many.")}
OPTIONAL_SIZE = {"size": Argument(int | None, "How many.")}
PAGING = {
    name: Argument(type_ | None, "Paging.")
    for name, type_ in {"first": int, "last": int, "after": str, "before": str}.items()
}


class Context:
    def __init__(self) -> None:
        self.forgotten = 0

    def forget_loaded(self) -> None:
        self.forgotten += 1


async def sized(info: Info, size: int) -> list[int]:
    """Of a size."""
    return list(range(size))


async def maybe_sized(info: Info, size: int | None = None) -> list[int]:
    """Of a size, or of none."""
    return list(range(size or 0))


async def paged(info: Info, page: PageArgs) -> list[int]:
    """A page."""
    return list(range(page.size))


async def sized_below(parents: Sequence[Any], info: Info, size: int) -> list[int]:
    """Of a size, for each."""
    return [size for _ in parents]


def undescribed(info: Info) -> None:
    pass


def described() -> None:
    """Takes nothing."""


DECLARE = pytest.mark.parametrize("declare", [root, mutation, event])


class TestResolver:
    @DECLARE
    def test_resolver_takes_exactly_the_declared_arguments(self, declare: Any):
        declare(sized, arguments=SIZE)
        with pytest.raises(DeclarationError, match=r"sized and its arguments differ in \['size'\]"):
            declare(sized)
        with pytest.raises(DeclarationError, match=r"differ in \['colour'\]"):
            declare(sized, arguments={**SIZE, "colour": Argument(str, "Which.")})

    def test_resolver_of_an_object_type_takes_arguments_after_parents_and_info(self):
        field(sized_below, arguments=SIZE)
        with pytest.raises(DeclarationError, match=r"sized_below .* differ in \['size'\]"):
            field(sized_below)

    @DECLARE
    def test_resolver_needs_a_default_for_an_optional_argument(self, declare: Any):
        declare(maybe_sized, arguments=OPTIONAL_SIZE)
        with pytest.raises(DeclarationError, match="sized needs a default for size"):
            declare(sized, arguments=OPTIONAL_SIZE)
        declare(sized, arguments={"size": Argument(int | None, "How many.", default=3)})

    def test_resolver_takes_one_page_for_the_four_arguments_of_paging(self):
        root(paged, arguments=PAGING, prepare=take_page)
        with pytest.raises(DeclarationError, match="differ in"):
            root(paged, arguments=PAGING)
        with pytest.raises(DeclarationError, match=r"differ in \['page'\]"):
            root(sized, arguments={**PAGING, **SIZE}, prepare=take_page)

    @DECLARE
    def test_resolver_needs_a_docstring(self, declare: Any):
        with pytest.raises(DeclarationError, match="undescribed has no docstring"):
            declare(undescribed)

    @DECLARE
    def test_resolver_takes_info(self, declare: Any):
        with pytest.raises(DeclarationError, match="must take 1 leading"):
            declare(described)


class TestMutation:
    async def test_mutation_clears_the_loaders_even_when_it_fails(self):
        async def fail(info: Info) -> None:
            """Fails."""
            raise ZeroDivisionError

        info = Info(Context(), "Mutation.any")
        await mutation(maybe_sized, arguments=OPTIONAL_SIZE).spec.resolve(info, size=1)
        assert info.context.forgotten == 1
        with pytest.raises(ZeroDivisionError):
            await mutation(fail).spec.resolve(info)
        assert info.context.forgotten == 2


class TestGuard:
    """A field that only even parents may read."""

    even = Guard(lambda rows, info: [row % 2 == 0 for row in rows], "Even ones only.")

    async def answers(self, resolver: Any, parents: list[int]) -> list[Any]:
        return await field(resolver, guard=self.even).spec.resolve(parents, Info(None, "T.f"))

    async def test_guard_keeps_the_order_and_hides_refused_parents_from_the_resolver(self):
        seen: list[Any] = []

        async def double(parents: Sequence[int], info: Info) -> list[int]:
            """Twice the parent."""
            seen.extend(parents)
            return [2 * parent for parent in parents]

        answers = await self.answers(double, [1, 2, 3, 4])
        assert seen == [2, 4]
        assert [answers[1], answers[3]] == [4, 8]
        assert [type(answers[0]), type(answers[2])] == [Forbidden, Forbidden]
        assert answers[0].message == "Even ones only."
        assert answers[0] is not answers[2]

    async def test_guard_accepts_a_synchronous_resolver(self):
        def double(parents: Sequence[int], info: Info) -> list[int]:
            """Twice the parent."""
            return [2 * parent for parent in parents]

        assert await self.answers(double, [2]) == [4]

    async def test_resolver_is_not_called_if_all_parents_are_refused(self):
        async def fail(parents: Sequence[int], info: Info) -> list[int]:
            """Fails."""
            raise ZeroDivisionError

        (answer,) = await self.answers(fail, [1])
        assert isinstance(answer, Forbidden)
