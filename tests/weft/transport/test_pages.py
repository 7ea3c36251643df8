"""Pages that were built, and what they load: policy, compression, caching."""

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
    async def test_is_shown_to_browsers(self, pages: httpx.AsyncClient, address: str) -> None:
        response = await pages.get(address)
        assert response.status_code == 200
        assert response.headers["content-type"] == "text/html; charset=utf-8"
        assert response.text == "<!doctype html><title>Toy</title>"

    @ADDRESSES
    async def test_may_use_nothing_but_this_server(
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
    async def test_is_asked_for_again_and_sent_once(
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
    async def test_has_a_head_without_a_body(self, pages: httpx.AsyncClient, address: str) -> None:
        got, head = await pages.get(address), await pages.head(address)
        assert (head.status_code, head.content) == (200, b"")
        for name in ("content-type", "content-length", "etag", "content-security-policy"):
            assert head.headers[name] == got.headers[name]
        known = await pages.head(address, headers={"if-none-match": got.headers["etag"]})
        assert known.status_code == 304

    async def test_is_not_sent_to(self, pages: httpx.AsyncClient) -> None:
        assert (await pages.post("/page")).status_code == 405

    async def test_is_not_what_programs_get(self, pages: httpx.AsyncClient) -> None:
        response = await pages.get("/graphql?query={hello}", headers={"accept": "application/json"})
        assert response.json() == {"data": {"hello": "world"}}
        assert response.headers["cache-control"] == "no-store"

    async def test_can_be_left_out(self) -> None:
        async with (
            serving() as server,
            httpx.AsyncClient(timeout=PATIENCE_SECONDS) as client,
        ):
            response = await client.get(server.url, headers={"accept": "text/html"})
            assert response.status_code == 406

    async def test_may_have_elements_with_styles_of_their_own(self, built: Path) -> None:
        page = BrowserPage(built, inline_styles=True)
        async with (
            serving(page=page) as server,
            httpx.AsyncClient(timeout=PATIENCE_SECONDS) as client,
        ):
            response = await client.get(server.url, headers={"accept": "text/html"})
            allowed = directives(response)
        assert [name for name, sources in allowed.items() if "unsafe" in sources] == ["style-src"]

    async def test_that_is_not_built_says_how(self, tmp_path: Path) -> None:
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
    async def test_come_compressed_as_the_client_likes(
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

    async def test_have_a_head_without_a_body(self, pages: httpx.AsyncClient) -> None:
        response = await pages.head("/pages/toy/assets/b-1234.ttf")
        assert (response.status_code, response.content) == (200, b"")
        assert response.headers["content-length"] == "6"

    async def test_are_kept_for_ever(self, pages: httpx.AsyncClient) -> None:
        response = await pages.get("/pages/toy/assets/b-1234.ttf")
        assert response.content == b"a font"
        assert response.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert response.headers["x-content-type-options"] == "nosniff"

    async def test_have_the_policy_of_their_page(self, pages: httpx.AsyncClient) -> None:
        """A worker does as its own file's policy says."""
        page = await pages.get("/page")
        asset = await pages.get("/pages/toy/assets/a-1234.js", headers={"accept-encoding": ""})
        assert directives(asset) == directives(page)

    @pytest.mark.parametrize(
        "path", ["nothing.js", "", "../index.html", "%2e%2e/index.html", "a%00", "a" * 3000]
    )
    async def test_are_nothing_else(self, pages: httpx.AsyncClient, path: str) -> None:
        address = pages.base_url.copy_with(raw_path=f"/pages/toy/assets/{path}".encode())
        response = await pages.get(address)
        assert response.status_code == 404
        assert "public" not in response.headers.get("cache-control", "")
