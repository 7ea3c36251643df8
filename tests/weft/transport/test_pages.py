"""Built pages and their assets: policy, compression, caching."""

import gzip
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from tests.waiting import PATIENCE_SECONDS
from tests.weft.transport.toy import serving
from weft.transport.browser_page import BrowserPage

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
SCRIPT = b"let x = 1;\n" * 100
ADDRESSES = pytest.mark.parametrize("address", ["/graphql", "/page"])


@pytest.fixture
def built(tmp_path: Path) -> Path:
    """A folder as the build leaves it."""
    assets = tmp_path / "toy" / "assets"
    assets.mkdir(parents=True)
    (assets.parent / "index.html").write_text("<!doctype html><title>Toy</title>")
    (assets / "a-1234.js").write_bytes(SCRIPT)
    (assets / "a-1234.js.br").write_bytes(b"as brotli")
    (assets / "a-1234.js.gz").write_bytes(gzip.compress(SCRIPT))
    (assets / "b-1234.ttf").write_bytes(b"a font")
    return assets.parent


@pytest.fixture
async def pages(built: Path) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a server that has the page."""
    async with (
        serving(page=BrowserPage(built)) as server,
        httpx.AsyncClient(
            timeout=PATIENCE_SECONDS,
            base_url=f"http://{server.address}",
            headers={"accept": BROWSER},
        ) as http,
    ):
        yield http


def directives(response: httpx.Response) -> dict[str, str]:
    (policy,) = response.headers.get_list("content-security-policy")
    parts = (part.strip().partition(" ") for part in policy.split(";"))
    return {name: sources for name, _, sources in parts}


class TestPage:
    @ADDRESSES
    async def test_browsers_are_shown_the_page(
        self, pages: httpx.AsyncClient, address: str
    ) -> None:
        response = await pages.get(address)
        assert response.status_code == 200
        assert response.headers["content-type"] == "text/html; charset=utf-8"
        assert response.text == "<!doctype html><title>Toy</title>"

    @ADDRESSES
    async def test_page_loads_from_this_server_only(
        self, pages: httpx.AsyncClient, address: str
    ) -> None:
        response = await pages.get(address)
        allowed = directives(response)
        assert allowed.pop("img-src") == allowed.pop("font-src") == "'self' data:"
        assert set(allowed.values()) == {"'none'", "'self'"}
        assert allowed["default-src"] == allowed["frame-ancestors"] == "'none'"
        assert response.headers["x-content-type-options"] == "nosniff"
        assert response.headers["referrer-policy"] == "no-referrer"

    @ADDRESSES
    async def test_page_is_revalidated_and_sent_only_if_changed(
        self, pages: httpx.AsyncClient, built: Path, address: str
    ) -> None:
        first = await pages.get(address)
        assert first.headers["cache-control"] == "no-cache"
        known = {"if-none-match": first.headers["etag"]}
        again = await pages.get(address, headers=known)
        assert (again.status_code, again.content) == (304, b"")
        (built / "index.html").write_text("<!doctype html><title>New</title>")
        assert (await pages.get(address, headers=known)).status_code == 200

    @ADDRESSES
    async def test_head_of_a_page_has_no_body(self, pages: httpx.AsyncClient, address: str) -> None:
        got, head = await pages.get(address), await pages.head(address)
        assert (head.status_code, head.content) == (200, b"")
        for name in ("content-type", "content-length", "etag", "content-security-policy"):
            assert head.headers[name] == got.headers[name]
        known = await pages.head(address, headers={"if-none-match": got.headers["etag"]})
        assert known.status_code == 304

    async def test_post_to_a_page_is_405(self, pages: httpx.AsyncClient) -> None:
        assert (await pages.post("/page")).status_code == 405

    async def test_programs_get_json_instead_of_the_page(self, pages: httpx.AsyncClient) -> None:
        response = await pages.get("/graphql?query={hello}", headers={"accept": "application/json"})
        assert response.json() == {"data": {"hello": "world"}}
        assert response.headers["cache-control"] == "no-store"

    async def test_page_can_be_left_out(self) -> None:
        async with (
            serving() as server,
            httpx.AsyncClient(timeout=PATIENCE_SECONDS) as client,
        ):
            response = await client.get(server.url, headers={"accept": "text/html"})
            assert response.status_code == 406

    async def test_policy_may_allow_inline_styles(self, built: Path) -> None:
        page = BrowserPage(built, inline_styles=True)
        async with (
            serving(page=page) as server,
            httpx.AsyncClient(timeout=PATIENCE_SECONDS) as client,
        ):
            response = await client.get(server.url, headers={"accept": "text/html"})
            allowed = directives(response)
        assert [name for name, sources in allowed.items() if "unsafe" in sources] == ["style-src"]

    async def test_page_that_is_not_built_explains_how_to_build_it(self, tmp_path: Path) -> None:
        async with (
            serving(page=BrowserPage(tmp_path / "toy")) as server,
            httpx.AsyncClient(timeout=PATIENCE_SECONDS) as client,
        ):
            response = await client.get(server.url, headers={"accept": "text/html"})
            assert response.status_code == 200
            assert "make web" in response.text
            missing = await client.get(f"http://{server.address}/pages/toy/assets/a-1234.js")
            assert missing.status_code == 404


class TestAssets:
    @pytest.mark.parametrize(
        ("accepted", "coding"),
        [
            ("gzip, deflate, br, zstd", "br"),
            ("gzip, br;q=0", "gzip"),
            ("gzip;q=0.5", "gzip"),
            ("identity", None),
            ("", None),
        ],
    )
    async def test_assets_are_compressed_as_the_client_accepts(
        self, pages: httpx.AsyncClient, accepted: str, coding: str | None
    ) -> None:
        async with pages.stream(
            "GET", "/pages/toy/assets/a-1234.js", headers={"accept-encoding": accepted}
        ) as response:
            raw = b"".join([part async for part in response.aiter_raw()])
        plain = {"br": lambda _: SCRIPT if raw == b"as brotli" else b"", "gzip": gzip.decompress}
        assert response.headers.get("content-encoding") == coding
        assert (plain[coding](raw) if coding else raw) == SCRIPT
        assert response.headers["content-type"].startswith("text/javascript")
        assert "accept-encoding" in response.headers["vary"]

    async def test_head_of_an_asset_has_no_body(self, pages: httpx.AsyncClient) -> None:
        response = await pages.head("/pages/toy/assets/b-1234.ttf")
        assert (response.status_code, response.content) == (200, b"")
        assert response.headers["content-length"] == "6"

    async def test_assets_are_cacheable_for_a_year(self, pages: httpx.AsyncClient) -> None:
        response = await pages.get("/pages/toy/assets/b-1234.ttf")
        assert response.content == b"a font"
        assert response.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert response.headers["x-content-type-options"] == "nosniff"

    async def test_assets_have_the_policy_of_their_page(self, pages: httpx.AsyncClient) -> None:
        """A worker is governed by the policy of its own file."""
        page = await pages.get("/page")
        asset = await pages.get("/pages/toy/assets/a-1234.js", headers={"accept-encoding": ""})
        assert directives(asset) == directives(page)

    @pytest.mark.parametrize(
        "path", ["nothing.js", "", "../index.html", "%2e%2e/index.html", "a%00", "a" * 3000]
    )
    async def test_other_paths_are_404(self, pages: httpx.AsyncClient, path: str) -> None:
        address = pages.base_url.copy_with(raw_path=f"/pages/toy/assets/{path}".encode())
        response = await pages.get(address)
        assert response.status_code == 404
        assert "public" not in response.headers.get("cache-control", "")
