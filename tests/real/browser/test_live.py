"""The live page in a browser, on the real server: writes in one window appear in another.

`make test-real` builds the page and installs the browser driver, if there is npm; Chromium is
that of the machine. Without them the test is skipped.
"""

import asyncio
import shutil
from pathlib import Path

import pytest
import uvicorn

from tests.client import Api
from tests.real.clients.node import told_by
from tests.sockets import address_of
from tests.waiting import PATIENCE_SECONDS

FOLDER = Path(__file__).parent
PAGE = FOLDER.parents[2] / "web" / "dist" / "live" / "index.html"
SCREENSHOTS = FOLDER / "screenshots"
SECONDS = 3 * PATIENCE_SECONDS
"""The limit of a scenario, whose steps wait up to `PATIENCE_SECONDS` each."""
CHROMIUM = shutil.which("chromium")
MISSING = CHROMIUM is None or not PAGE.exists() or not (FOLDER / "node_modules").exists()


async def forget_changes(api: Api) -> None:
    """Deletes the change log, so that subscribers that missed changes can no longer resume."""
    while await api.connection.fetchval("SELECT count(*) FROM changes WHERE position IS NULL"):
        pass
    await api.connection.execute(
        "WITH gone AS (DELETE FROM changes RETURNING position) "
        "INSERT INTO change_horizon (position) SELECT max(position) FROM gone"
    )


@pytest.mark.skipif(MISSING, reason="THE LIVE PAGE WAS NOT TRIED: it needs Node, npm and Chromium")
@pytest.mark.parametrize(
    "scenario",
    [
        "two windows see each other's writes",
        "what others publish, hide and delete comes and goes",
        "pages follow each other while items are added",
        "an answer that comes late undoes no change",
        "a conflict is shown and resolved",
        "a socket that was cut goes on where it was",
        "it is live once nothing can be missed any more",
        "what was missed before the first change is read again",
        "a cursor that is too old is given up",
        "tokens are renewed in time, for all windows",
    ],
)
async def test_live_page_scenario_succeeds(api: Api, server: uvicorn.Server, scenario: str) -> None:
    owner = await api.user()
    for number in range(1, 26):
        await api.item(owner, f"Item {number}")
    SCREENSHOTS.mkdir(exist_ok=True)
    async with told_by(
        FOLDER / "live.mjs",
        FOLDER,
        scenario=scenario,
        url=f"http://{address_of(server)}/live",
        chromium=CHROMIUM,
        token=owner.token,
        screenshots=str(SCREENSHOTS),
    ) as output:
        async with asyncio.timeout(SECONDS):
            told = await output.readline()
            if told == b"forget\n":
                await forget_changes(api)
                await api.item(owner, "Past the log")
                told = await output.readline()
        assert told == b"done\n"
