"""A schema of plain Strawberry, with every kind of type and field that it has."""

import datetime
import decimal
import enum
import uuid
from collections.abc import AsyncIterator
from typing import Annotated, Any, Generic, NewType, TypeVar

import strawberry
from strawberry.extensions import FieldExtension
from strawberry.field_extensions import InputMutationExtension
from strawberry.scalars import JSON
from strawberry.schema.config import StrawberryConfig
from strawberry.schema_directive import Location


@strawberry.enum
class Size(enum.Enum):
    """Sizes."""

    SMALL = "s"
    LARGE = strawberry.enum_value("l", name="HUGE")


@strawberry.interface
class Shape:
    """An interface."""

    name: str


@strawberry.type
class Square(Shape):
    """An object with what no client sees."""

    side: strawberry.Private[int] = 3

    @strawberry.field
    def area(self) -> int:
        return self.side * self.side


@strawberry.type
class Circle(Shape):
    """Another."""

    radius: int = 1


T = TypeVar("T")


@strawberry.type
class Pair(Generic[T]):
    """A generic type."""

    left: T
    right: T


def louder(parent: strawberry.Parent[Shape]) -> str:
    return parent.name.upper()


@strawberry.type
class Loud:
    """Its resolver stands outside."""

    name: str
    loud: str = strawberry.field(resolver=louder)


@strawberry.type
class Later:
    """Its type is named before it is there."""

    last: Annotated["Last", strawberry.lazy("tests.weft.execution.plain_strawberry")]


@strawberry.type
class Last:
    """What is named by `Later`."""

    number: int = 1


@strawberry.input
class Given:
    """An input."""

    number: int
    size: Size = Size.SMALL
    note: str | None = strawberry.UNSET
    maybe: strawberry.Maybe[str]


@strawberry.input(one_of=True)
class Either:
    """One of two."""

    number: strawberry.Maybe[int]
    text: strawberry.Maybe[str]


Money = NewType("Money", int)
MONEY: Any = strawberry.scalar(
    name="Money", serialize=lambda value: f"${value}", parse_value=lambda text: int(text[1:])
)
EPOCH: Any = strawberry.scalar(
    name="Epoch",
    serialize=lambda value: int(value.timestamp()),
    parse_value=lambda value: datetime.datetime.fromtimestamp(value, datetime.UTC),
)


class Denied(strawberry.BasePermission):
    """Refuses."""

    message = "Not for you."

    def has_permission(self, source: Any, info: strawberry.Info, **_: Any) -> bool:
        return False


class Upper(FieldExtension):
    """Writes in capitals."""

    def resolve(self, next_: Any, source: Any, info: strawberry.Info, **arguments: Any) -> Any:
        return next_(source, info, **arguments).upper()


@strawberry.schema_directive(locations=[Location.FIELD_DEFINITION])
class Origin:
    """Says where a value is from."""

    source: str = strawberry.directive_field(name="from")


@strawberry.type
class Query:
    """Reading."""

    @strawberry.field(directives=[Origin(source="nowhere")])
    def now(self) -> str:
        return "now"

    @strawberry.field
    async def soon(self) -> str:
        return "soon"

    @strawberry.field
    def told(self, info: strawberry.Info, a: int = 1) -> list[str]:
        names = [getattr(field, "name", "") for field in info.selected_fields]
        path = info.path.as_list() if info.path else []
        return [*names, info.python_name, str(info.variable_values), str(path), str(info.context)]

    @strawberry.field
    def shapes(self) -> list[Shape]:
        return [Square(name="a"), Circle(name="b")]

    @strawberry.field
    def some(self) -> list[Annotated[Square | Circle, strawberry.union("Some")]]:
        return [Square(name="a"), Circle(name="b")]

    @strawberry.field
    def pair(self) -> Pair[Square]:
        return Pair(left=Square(name="a"), right=Square(name="b"))

    @strawberry.field
    def size(self, size: Size = Size.SMALL) -> Size:
        return Size.LARGE if size is Size.SMALL else Size.SMALL

    @strawberry.field
    def loud(self) -> Loud:
        return Loud(name="loud")

    @strawberry.field
    def later(self) -> Later:
        return Later(last=Last())

    @strawberry.field
    def given(
        self, value: Given, extra: Annotated[int, strawberry.argument(name="more")] = 1
    ) -> str:
        return f"{value} {extra}"

    @strawberry.field
    def either(self, value: Either) -> str:
        return str(value)

    @strawberry.field
    def scalars(self, at: uuid.UUID, on: datetime.date, any: JSON, by: strawberry.ID) -> JSON:
        assert isinstance(at, uuid.UUID)
        assert isinstance(on, datetime.date)
        return JSON({"any": any, "by": by})

    @strawberry.field
    def price(self) -> decimal.Decimal:
        return decimal.Decimal("1.10")

    @strawberry.field
    def paid(self, price: Money) -> Money:
        return Money(price + 1)

    @strawberry.field
    def moment(self, at: datetime.datetime) -> datetime.datetime:
        return at

    @strawberry.field(permission_classes=[Denied])
    def denied(self) -> str | None:
        return "secret"

    @strawberry.field(extensions=[Upper()])
    def upper(self) -> str:
        return "upper"


@strawberry.type
class Mutation:
    """Writing."""

    @strawberry.mutation
    async def write(self, text: str) -> str:
        return text

    @strawberry.mutation(extensions=[InputMutationExtension()])
    def write_input(self, text: str, times: int = 2) -> str:
        return text * times


@strawberry.type
class Subscription:
    """Listening."""

    @strawberry.subscription
    async def count(self, to: int = 3) -> AsyncIterator[int]:
        for number in range(to):
            yield number


def build(schema: type[strawberry.Schema]) -> strawberry.Schema:
    return schema(
        Query,
        Mutation,
        Subscription,
        types=[Square, Circle],
        config=StrawberryConfig(scalar_map={Money: MONEY}),
        scalar_overrides={datetime.datetime: EPOCH},
    )
