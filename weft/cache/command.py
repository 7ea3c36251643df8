"""The command `weft cache`: lists, shows and drops cached values."""

import sys
from collections.abc import Awaitable, Callable
from typing import Annotated, Protocol, TypeVar

import typer
from redis.exceptions import RedisError

from weft.cache.contents import CacheContents

AnswerT = TypeVar("AnswerT")

Coordinate = Annotated[str, typer.Argument(help="The field, such as Author.bookCount.")]


class Run(Protocol):
    """Opens the contents of the cache, runs `work` on them and returns its result."""

    def __call__(self, work: Callable[[CacheContents], Awaitable[AnswerT]]) -> AnswerT: ...


def cache_commands(run: Run) -> typer.Typer:
    """Returns the commands `fields`, `values` and `drop`."""
    commands = typer.Typer(help="Look into the cache, or drop what is in it.", no_args_is_help=True)

    def told(work: Callable[[CacheContents], Awaitable[AnswerT]]) -> AnswerT:
        try:
            return run(work)
        except (RedisError, OSError) as error:
            sys.exit(f"Redis could not be reached: {error}")

    @commands.command()
    def fields() -> None:  # pyright: ignore[reportUnusedFunction]
        """List the fields of which values are kept, with their number and bytes."""
        for coordinate, found in told(lambda contents: contents.fields()).items():
            typer.echo(f"{coordinate:<32} {found.values:>9,} values {found.bytes:>13,} bytes")

    @commands.command()
    def values(  # pyright: ignore[reportUnusedFunction]
        field: Coordinate,
        limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 20,
    ) -> None:
        """Show values of a field: of what, for whom, how old, and what was written since."""
        for value in told(lambda contents: contents.values(field, limit)):
            since = "".join(f"  written since: {tag}" for tag in value.written_since)
            typer.echo(
                f"{value.key}  {value.viewer or 'everybody'}  {value.age_seconds:.0f} s old, "
                f"{value.expires_seconds:.0f} s left  {value.value}{since}"
            )

    @commands.command()
    def drop(  # pyright: ignore[reportUnusedFunction]
        field: Annotated[str | None, typer.Argument(help="The field, unless --all.")] = None,
        everything: Annotated[bool, typer.Option("--all", help="Of all fields.")] = False,
    ) -> None:
        """Drop the values of a field, or all, from Redis and from what servers remember."""
        if (field is None) != everything:
            sys.exit("Name a field, or say --all.")
        count = told(lambda contents: contents.drop(field))
        typer.echo(f"{count:,} values dropped.")

    return commands
