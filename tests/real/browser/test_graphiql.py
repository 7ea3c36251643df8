"""GraphiQL in a browser, on the real server; the page sends no request to other hosts.

`make test-real` builds the page and installs the browser driver, if there is npm; Chromium is
that of the machine. Without them the tests are skipped.
"""

import asyncio
import shutil
from pathlib import Path

import pytest
import uvicorn

from db.seed import seed
from settings import Settings
from tests.client import Api
from tests.real.clients.node import told_by
from tests.sockets import address_of
from tests.waiting import PATIENCE_SECONDS

FOLDER = Path(__file__).parent
PAGE = FOLDER.parents[2] / "web" / "dist" / "graphiql" / "index.html"
SCREENSHOTS = FOLDER / "screenshots"
SECONDS = 3 * PATIENCE_SECONDS
"""The limit of a scenario, whose steps wait up to `PATIENCE_SECONDS` each."""
CHROMIUM = shutil.which("chromium")
MISSING = CHROMIUM is None or not PAGE.exists() or not (FOLDER / "node_modules").exists()

pytestmark = pytest.mark.skipif(
    MISSING, reason="GRAPHIQL WAS NOT TRIED: that needs Node, npm and Chromium"
)


async def try_out(server: uvicorn.Server, scenario: str) -> None:
    """Runs the scenario in a new browser."""
    SCREENSHOTS.mkdir(exist_ok=True)
    async with told_by(
        FOLDER / "graphiql.mjs",
        FOLDER,
        scenario=scenario,
        url=f"http://{address_of(server)}/graphql",
        chromium=CHROMIUM,
        screenshots=str(SCREENSHOTS),
    ) as output:
        assert await asyncio.wait_for(output.readline(), SECONDS) == b"done\n"


@pytest.mark.parametrize(
    "scenario",
    [
        "the documentation opens",
        "names are completed",
        "a query runs",
        "one signs in, is remembered, and signs out",
        "signing in by an operation counts",
        "a subscription tells what others change",
        "a socket that was cut goes on where it was",
    ],
)
async def test_graphiql_scenario_succeeds(server: uvicorn.Server, scenario: str) -> None:
    await try_out(server, scenario)


class TestShortTokens:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(update={"access_token_seconds": 10})

    async def test_tokens_are_renewed_on_the_open_socket(self, server: uvicorn.Server) -> None:
        await try_out(server, "a socket outlives its token")


class TestSchemaForAdmins:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(update={"introspection": "admins"})

    @pytest.fixture
    async def api(self, api: Api) -> Api:
        await seed(api.settings.database_url or "", users=1, items=0, seed=7, accounts=True)
        return api

    async def test_graphiql_fetches_the_schema_again_after_sign_in(
        self, server: uvicorn.Server
    ) -> None:
        await try_out(server, "an admin who signs in is shown the schema")


class TestExplain:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        # Operations executed by graphql-core have no explanation.
        return settings.model_copy(update={"executor": "compiled"})

    @pytest.fixture
    async def api(self, api: Api) -> Api:
        await seed(api.settings.database_url or "", users=50, items=1_000, seed=7)
        return api

    async def test_explain_pane_shows_the_last_response(self, server: uvicorn.Server) -> None:
        await try_out(server, "an answer is explained")

    async def test_screenshots_are_taken(self, server: uvicorn.Server) -> None:
        await try_out(server, "it looks well")
        assert len(list(SCREENSHOTS.glob("graphiql-*.png"))) == 3
