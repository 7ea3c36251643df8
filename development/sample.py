"""Creates sample rows and accounts, and shows progress and passwords in the terminal."""

import asyncio

import typer
from rich.progress import Progress, TaskID

from db.seed import SeedReport, offer_sample, seed


def seed_with_progress(
    database_url: str, *, users: int, items: int, seed_number: int, accounts: bool
) -> SeedReport:
    """Fills an empty database and shows a progress bar; raises `NotEmpty` if it has rows."""
    tasks: dict[str, TaskID] = {}
    with Progress() as bars:

        def show(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(what, total=total)
            bars.update(tasks[what], completed=done)

        return asyncio.run(
            seed(
                database_url,
                users=users,
                items=items,
                seed=seed_number,
                accounts=accounts,
                progress=show,
            )
        )


def print_sample_accounts(database_url: str, seed_number: int) -> None:
    """Fills the database with the sample if it is empty; prints the accounts with passwords.

    The passwords are published in the source: for development on this machine only.
    """
    for account in asyncio.run(offer_sample(database_url, seed_number)):
        typer.echo(f"{account.role.lower():>8}: {account.email}, password {account.password}")
