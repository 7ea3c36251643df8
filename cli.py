"""The command `weft`: each command opens what it needs, does one thing and closes it again.

Imports that only one command needs are made inside it: importing the whole server takes a second
or two, and `weft settings` should not wait for that.
"""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Generator
from contextlib import aclosing, contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from pydantic import ValidationError

import serving
from development.generated import CHECKOUT, SDL, write_tables
from settings import Settings, settings_table
from weft.cache.command import cache_commands
from weft.cache.contents import CacheContents, open_contents
from weft.embedded import EmbeddedError, embedded_servers
from weft.errors import Unavailable

SAMPLE_SEED = 7

commands = typer.Typer(
    name="weft",
    help="A GraphQL API server for users and items.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

documents = typer.Typer(help="The documents that clients may run by name.", no_args_is_help=True)
commands.add_typer(documents, name="documents")

AnswerT = TypeVar("AnswerT")

Host = Annotated[str, typer.Option(help="The address to listen on.")]
Port = Annotated[int, typer.Option(help="The port to listen on; 0 takes any that is free.")]
Reload = Annotated[
    bool, typer.Option("--reload", help="Replace the server when a Python file changes.")
]
Workers = Annotated[int, typer.Option(min=1, help="Processes that serve, one core each.")]


def main() -> None:
    """Runs the command line; errors that the user can fix end it with a message, no traceback."""
    serving.collect_garbage_less_often()
    serving.leave_on_signals()
    try:
        commands()
    except (EmbeddedError, Unavailable) as error:
        sys.exit(str(error))
    except ValidationError as error:
        problems = (
            f"{'.'.join(map(str, problem['loc'])).upper()} {_said(problem['msg'])}".strip()
            for problem in error.errors()
        )
        sys.exit("\n".join(problems))


def _said(message: str) -> str:
    # Pydantic puts this prefix before the message of a ValueError; it says nothing to the user.
    return message.removeprefix("Value error, ")


def _print_version(requested: bool) -> None:
    if requested:
        typer.echo(f"weft {version('weft')}")
        raise typer.Exit


@commands.callback()
def _options(  # pyright: ignore[reportUnusedFunction]
    _: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None: ...


@commands.command()
def run(host: Host = "127.0.0.1", port: Port = 8000, reload: Reload = False) -> None:
    """Serve with everything set up: servers, tables, sample data in an empty database."""
    if sys.stderr.isatty():
        os.environ.setdefault("LOG_FORMAT", "console")
    given = serving.read_settings()
    with serving.listening(host, port, given) as listener, _servers(given) as settings:
        _migrate(settings)
        is_private = serving.is_loopback(listener.getsockname()[0])
        if settings.environment == "development" and is_private:
            from development.sample import print_sample_accounts

            print_sample_accounts(_database(settings), SAMPLE_SEED)
        if reload:
            from development.reload import serve_reloading

            urls = {"DATABASE_URL": _database(settings), "REDIS_URL": str(settings.redis_url)}
            serve_reloading(listener, urls)
        serving.serve_on(listener, settings, workers=1)


@commands.command()
def serve(
    host: Host = "127.0.0.1",
    port: Port = 8000,
    workers: Workers = 1,
    migrate: Annotated[bool, typer.Option("--migrate", help="Migrate first.")] = False,
) -> None:
    """Serve. Migrates first where the embedded servers are used, or with --migrate."""
    given = serving.read_settings()
    with serving.listening(host, port, given) as listener, _servers(given) as settings:
        if migrate or given.database_url is None:
            _migrate(settings)
        serving.serve_on(listener, settings, workers=workers)


@commands.command()
def migrate(revision: Annotated[str, typer.Argument(help="Where to go.")] = "head") -> None:
    """Bring the database to a revision."""
    with _servers(serving.read_settings(), redis=False) as settings:
        _migrate(settings, revision)


@commands.command()
def seed(
    users: Annotated[int, typer.Option(min=1)] = 1_000,
    items: Annotated[int, typer.Option(min=0)] = 20_000,
    seed: Annotated[int, typer.Option(help="The same seed gives the same rows.")] = SAMPLE_SEED,
) -> None:
    """Fill the database with users and items."""
    from db.seed import NotEmpty
    from development.sample import seed_with_progress

    with _servers(serving.read_settings(), redis=False) as settings:
        _migrate(settings)
        accounts = settings.environment == "development"
        try:
            report = seed_with_progress(
                _database(settings), users=users, items=items, seed_number=seed, accounts=accounts
            )
        except NotEmpty as error:
            sys.exit(str(error))
    typer.echo(f"{report.users:,} users and {report.items:,} items in {report.seconds:.1f} s.")


@commands.command()
def create_admin(
    name: Annotated[str, typer.Option(prompt=True)],
    email: Annotated[str, typer.Option(prompt=True)],
    password: Annotated[str, typer.Option(prompt=True, hide_input=True, confirmation_prompt=True)],
) -> None:
    """Make a user who is an admin. Asks for what is not given."""
    from db.accounts.admin import insert_admin
    from resolvers.accounts.account import check_password, checked_email, checked_name
    from weft.auth.passwords import Passwords
    from weft.problem import Problems

    problems = Problems()
    name, email = checked_name(problems, name), checked_email(problems, email)
    check_password(problems, password)
    if problems.errors:
        sys.exit("\n".join(problem.message for problem in problems.errors))

    async def insert(database_url: str) -> bool:
        passwords = Passwords()
        password_hash = await passwords.hash(password)
        passwords.close()
        dsn = database_url.replace("+asyncpg", "", 1)
        return bool(await insert_admin(dsn, name=name, email=email, password_hash=password_hash))

    with _servers(serving.read_settings(), redis=False) as settings:
        _migrate(settings)
        if not asyncio.run(insert(_database(settings))):
            sys.exit(f"{email} is somebody's address already.")
    typer.echo(f"{email} is an admin.")


@commands.command()
def schema(
    write: Annotated[bool, typer.Option("--write", help="Write schema/schema.graphql.")] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Fail if schema/schema.graphql is not up to date.")
    ] = False,
) -> None:
    """Print the schema in GraphQL's schema definition language."""
    from schema import build_schema

    text = build_schema().as_str() + "\n"
    if write:
        SDL.write_text(text)
    elif check:
        if not SDL.exists() or SDL.read_text() != text:
            sys.exit("schema/schema.graphql is not what the code says: run make schema.")
    else:
        typer.echo(text, nl=False)


@documents.command("add")
def add_documents(
    manifests: Annotated[list[Path], typer.Argument(help="Manifests of a client's documents.")],
) -> None:
    """Register documents: manifests of the Relay compiler, graphql-codegen or Apollo."""
    from schema import build_schema
    from weft.documents.manifest import BadManifest, read_manifests
    from weft.postgres.document_table import insert_documents

    given = serving.read_settings()
    engine = build_schema(limits=given.limits).engine
    try:
        found = read_manifests(manifests)
    except BadManifest as error:
        sys.exit(str(error))
    problems = {id_: engine.problems(text) for id_, text in found.items()}
    if any(problems.values()):
        sys.exit("\n".join(f"{id_}: {line}" for id_, told in problems.items() for line in told))
    with _servers(given, redis=False) as settings:
        _migrate(settings)
        added = asyncio.run(insert_documents(_database(settings).replace("+asyncpg", "", 1), found))
    typer.echo(f"{added} documents are new, {len(found) - added} were registered before.")


@commands.command()
def restored() -> None:
    """Make servers forget all they remember of the database, whose past is another now."""
    from weft.postgres.history import begin_another

    with _servers(serving.read_settings(), redis=False) as settings:
        asyncio.run(begin_another(_database(settings).replace("+asyncpg", "", 1)))


@commands.command()
def settings(
    write: Annotated[bool, typer.Option("--write", help="Write the tables of docs/.")] = False,
) -> None:
    """Print all settings, with defaults and meaning, as a Markdown table."""
    if write:
        write_tables()
    else:
        typer.echo(settings_table(), nl=False)


def _with_cache(work: Callable[[CacheContents], Awaitable[AnswerT]]) -> AnswerT:
    async def run(settings: Settings) -> AnswerT:
        contents = await open_contents(str(settings.redis_url), settings.redis_prefix)
        async with aclosing(contents):
            return await work(contents)

    with _servers(serving.read_settings()) as settings:
        return asyncio.run(run(settings))


commands.add_typer(cache_commands(_with_cache), name="cache")


@contextmanager
def _servers(settings: Settings, *, redis: bool = True) -> Generator[Settings]:
    """Gives the settings with both URLs set, starting embedded servers where a URL is missing.

    With `redis=False`, only the database URL is required.
    """
    if settings.database_url is not None and (settings.redis_url is not None or not redis):
        yield settings
        return
    with embedded_servers(CHECKOUT / settings.embedded_directory) as embedded:
        yield settings.model_copy(
            update={
                "database_url": settings.database_url or embedded.database_url,
                "redis_url": settings.redis_url or embedded.redis_url,
            }
        )


def _migrate(settings: Settings, revision: str = "head") -> None:
    from weft.postgres.revision import MigrationError, is_at_head

    try:
        if revision == "head" and asyncio.run(is_at_head(_database(settings))):
            return
        from weft.postgres.migration import upgrade

        upgrade(_database(settings), revision)
    except MigrationError as error:
        sys.exit(str(error))


def _database(settings: Settings) -> str:
    assert settings.database_url is not None
    return settings.database_url
