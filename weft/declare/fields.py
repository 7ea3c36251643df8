"""The functions by which all fields are declared: column, derived, batched, root, mutation, event.

Only `field()` and the others here fix the order guard -> cache -> resolver, check the declaration
at import, and put what the executors need into a `FieldSpec`.
"""

import enum
import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import Any, get_args

from strawberry.annotation import StrawberryAnnotation
from strawberry.types.arguments import StrawberryArgument
from strawberry.types.field import StrawberryField
from strawberry.types.unset import UNSET

from weft.cache.field import cached, cached_root
from weft.cache.policy import CachePolicy
from weft.declare.info import Info
from weft.declare.weight import Weight
from weft.errors import DeclarationError, Forbidden

MUTATION_WEIGHT = 10

MAX_MEMBERS = 100
"""Most members of a list that a client sends, unless declared otherwise."""
MOST = "weft-most"
"""The key, in the metadata of an argument or input field, of the most members of its list."""

Prepare = Callable[[dict[str, Any]], dict[str, Any]]
"""Returns the arguments of a resolver for those of a field, both by Python name. It must take None
for each of them: it is called so at import, to find the names that it returns."""


class Kind(enum.Enum):
    """How a field is resolved."""

    COLUMN = "read off the row: `attribute`"
    DERIVED = "computed from one row alone, without waiting: `resolve(row)`"
    BATCHED = "computed for all parents at once: `resolve(parents, info, **arguments)`"
    ROOT = "a field of a root type: `resolve(info, **arguments)`"
    EVENT = "a subscription: `resolve(info, **arguments)` gives an async iterator of events"


@dataclass(frozen=True, slots=True)
class Guard:
    """The condition to read a field: `allows(rows, info)` returns one bool per row, in order."""

    allows: Callable[[Sequence[Any], Info], Sequence[bool]]
    message: str


@dataclass(frozen=True, slots=True)
class ListSize:
    """The most members of a list, known before it is loaded: for the cost of an operation.

    `count` takes the values of `arguments`, None for those not given, in this order. On a field
    whose type is no list it is about the lists directly below, as in a page.
    """

    arguments: tuple[str, ...]
    count: Callable[..., int]


@dataclass(frozen=True, slots=True)
class FieldSpec:
    """What the executors know of a field beyond its GraphQL type.

    `resolve` is called as its `kind` says. A BATCHED one returns, or awaits to, one result for each
    parent, in order; an element that is an `Exception` is that parent's error. `prepare` turns the
    coerced arguments (by Python name) into the resolver's; what it raises is the field's error.
    `resume` names the argument of an EVENT that does nothing but set the cursor to begin after.
    `weight` and `size` are for the cost of operations: see `weft.execution.cost`. `is_cached`: only
    the cache decides whether the resolver is called.
    """

    kind: Kind
    attribute: str = ""
    resolve: Callable[..., Any] | None = None
    prepare: Prepare | None = None
    resume: str | None = None
    weight: int | Weight | None = None
    size: ListSize | None = None
    is_cached: bool = False


@dataclass(frozen=True, slots=True)
class Argument:
    """A GraphQL argument: its type, its description, its default (UNSET: none).

    `most`: how many members it may have if it is a list; those of nested lists count together.
    """

    type: Any
    description: str
    default: Any = UNSET
    most: int = MAX_MEMBERS


class WeftField(StrawberryField):
    """A Strawberry field that carries its `FieldSpec`; Strawberry itself never resolves it."""

    spec: FieldSpec

    def __copy__(self) -> "WeftField":
        copied = super().__copy__()
        copied.spec = self.spec
        return copied


def _declare(
    spec: FieldSpec,
    *,
    description: str | None,
    arguments: Mapping[str, Argument],
    subscription: bool = False,
    deprecation_reason: str | None = None,
) -> Any:
    declared = WeftField(
        description=description,
        is_subscription=subscription,
        deprecation_reason=deprecation_reason,
    )
    declared.spec = spec
    declared.arguments = [
        StrawberryArgument(
            python_name=name,
            graphql_name=None,
            type_annotation=StrawberryAnnotation(argument.type),
            description=argument.description,
            default=argument.default,
            metadata={MOST: argument.most},
        )
        for name, argument in arguments.items()
    ]
    return declared


def column(description: str, *, deprecation_reason: str | None = None) -> Any:
    """A field that is read off the row, under its own Python name."""
    spec = FieldSpec(Kind.COLUMN)
    return _declare(
        spec, description=description, arguments={}, deprecation_reason=deprecation_reason
    )


def derived(compute: Callable[[Any], Any], description: str) -> Any:
    """A field computed from its row alone, synchronously and without I/O."""
    return _declare(FieldSpec(Kind.DERIVED, resolve=compute), description=description, arguments={})


def field(
    resolver: Callable[..., Any],
    *,
    arguments: Mapping[str, Argument] | None = None,
    prepare: Prepare | None = None,
    guard: Guard | None = None,
    cache: CachePolicy | None = None,
    weight: int | Weight = 1,
    size: ListSize | None = None,
) -> Any:
    """A field of an object type: `resolver(parents, info, **arguments)`, all parents at once.

    The resolver's docstring is the field's description. A `guard` is checked first: parents that it
    refuses are answered FORBIDDEN and never reach the resolver. The field must be nullable then, or
    one refusal would null the whole parent. With `cache`, parents with a cached value do not reach
    the resolver either.
    """
    _check_parameters(resolver, arguments, prepare, leading=2)
    behind_cache = resolver if cache is None else cached(resolver, cache)
    spec = FieldSpec(
        Kind.BATCHED,
        resolve=_guarded(behind_cache, guard),
        prepare=prepare,
        weight=weight,
        size=size,
        is_cached=cache is not None and guard is None,
    )
    declared = _declare(spec, description=inspect.getdoc(resolver), arguments=arguments or {})
    declared.metadata = {"guard": guard}
    return declared


def root(
    resolver: Callable[..., Any],
    *,
    arguments: Mapping[str, Argument] | None = None,
    prepare: Prepare | None = None,
    cache: CachePolicy | None = None,
    weight: int | Weight = 1,
    size: ListSize | None = None,
) -> Any:
    """A field of `Query`: `resolver(info, **arguments)`, called unless `cache` has the value."""
    _check_parameters(resolver, arguments, prepare, leading=1)
    behind_cache = resolver if cache is None else cached_root(resolver, cache)
    spec = FieldSpec(
        Kind.ROOT,
        resolve=behind_cache,
        prepare=prepare,
        weight=weight,
        size=size,
        is_cached=cache is not None,
    )
    return _declare(spec, description=inspect.getdoc(resolver), arguments=arguments or {})


def mutation(
    resolver: Callable[..., Awaitable[Any]],
    *,
    arguments: Mapping[str, Argument] | None = None,
    weight: int = MUTATION_WEIGHT,
) -> Any:
    """A field of `Mutation`; the loaders' memory is cleared once it has run."""
    _check_parameters(resolver, arguments, leading=1)

    @wraps(resolver)
    async def resolve(info: Info, **given: Any) -> Any:
        try:
            return await resolver(info, **given)
        finally:
            info.context.forget_loaded()

    spec = FieldSpec(Kind.ROOT, resolve=resolve, weight=weight)
    return _declare(spec, description=inspect.getdoc(resolver), arguments=arguments or {})


def event(
    source: Callable[..., Any],
    *,
    arguments: Mapping[str, Argument] | None = None,
    resume: str | None = None,
) -> Any:
    """A field of `Subscription`: `source(info, **arguments)` is an async iterator of its values.

    If that is a `weft.feed.Feed`, identical subscriptions share it; `resume` then names the
    argument that takes the cursor to begin after, and that must not mean anything else.
    """
    _check_parameters(source, arguments, leading=1)
    if resume is not None and resume not in (arguments or {}):
        raise DeclarationError(f"{source.__qualname__} has no argument {resume} to resume by.")
    spec = FieldSpec(Kind.EVENT, resolve=source, resume=resume)
    return _declare(
        spec,
        description=inspect.getdoc(source),
        arguments=arguments or {},
        subscription=True,
    )


def _guarded(resolver: Callable[..., Any], guard: Guard | None) -> Callable[..., Any]:
    if guard is not None and inspect.iscoroutinefunction(guard.allows):
        raise DeclarationError("A guard answers at once: what it would await is true to Python.")
    if guard is None:
        return resolver

    @wraps(resolver)
    async def resolve(parents: Sequence[Any], info: Info, **arguments: Any) -> list[Any]:
        allowed = [answer is True for answer in guard.allows(parents, info)]
        answers: list[Any] = [None if yes else Forbidden(guard.message) for yes in allowed]
        places = [place for place, yes in enumerate(allowed) if yes]
        if places:
            found = resolver([parents[place] for place in places], info, **arguments)
            if inspect.isawaitable(found):
                found = await found
            for place, value in zip(places, found, strict=True):
                answers[place] = value
        return answers

    return resolve


def _check_parameters(
    resolver: Callable[..., Any],
    arguments: Mapping[str, Argument] | None,
    prepare: Prepare | None = None,
    *,
    leading: int,
) -> None:
    """Raises unless the resolver has a docstring and takes exactly the arguments it will get."""
    name = getattr(resolver, "__qualname__", repr(resolver))
    if not inspect.getdoc(resolver):
        raise DeclarationError(f"{name} has no docstring: it is the field's description.")
    parameters = list(inspect.signature(resolver).parameters.values())
    if len(parameters) < leading:
        raise DeclarationError(f"{name} must take {leading} leading parameters.")
    declared = dict(arguments or {})
    given = set(declared if prepare is None else prepare(dict.fromkeys(declared)))
    taken = {parameter.name: parameter for parameter in parameters[leading:]}
    if given != set(taken):
        raise DeclarationError(f"{name} and its arguments differ in {sorted(given ^ set(taken))}.")
    for argument in given & set(declared):
        may_be_left_out = declared[argument].default is UNSET and _is_nullable(declared[argument])
        if may_be_left_out and taken[argument].default is inspect.Parameter.empty:
            raise DeclarationError(f"{name} needs a default for {argument}: it may be left out.")


def _is_nullable(argument: Argument) -> bool:
    return type(None) in get_args(argument.type)
