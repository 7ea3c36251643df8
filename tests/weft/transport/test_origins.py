"""Which pages may call, by their origins in all spellings."""

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.hostile.test_shapes import answers
from tests.waiting import PATIENCE_SECONDS
from tests.weft.transport.toy import Server, serving
from weft.transport.origins import allowed_origins, is_of_host, normalised

HANDSHAKE = (
    "GET /graphql HTTP/1.1\r\nhost: {host}\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
    "sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    "sec-websocket-protocol: graphql-transport-ws\r\norigin: {origin}\r\n\r\n"
)
WRITTEN_SO = ("https://App.Example", "https://app.example/", "HTTPS://app.example:443")
NO_ORIGINS = (
    "http://[",
    "http://[::1",
    "http://[]",
    "http://[:::]",
    "http://",
    "//app.example",
    "app.example",
    "null",
    "NULL",
    "https://app.example/",
    "https://app.example/x",
    "https://app.example?",
    "https://app.example#",
    "https://app.example:",
    "https://app.example:443:443",
    "https://app.example:99999",
    "https://app.example:x",
    "https://app.example, https://app.example",
    "https://app.example https://evil.example",
    "https://app.example\\@evil.example",
    "https://user@app.example",
    "\xff\xfe",
)
OTHERS = ("https://app.example.", "https://app.example.evil", "https://evil.example")


async def status(server: Server, host: str, origin: str) -> bytes:
    """The status with which the server answers a handshake of this origin and host."""
    handshake = HANDSHAKE.format(host=host, origin=origin).encode("latin-1")
    return (await answers(server, handshake, b"\r\n\r\n"))[9:12]


class TestSocket:
    @pytest.mark.parametrize(
        ("origin", "host"),
        [
            ("https://app.example.com", "app.example.com"),
            ("https://app.example.com", "app.example.com:443"),
            ("https://app.example.com:443", "app.example.com"),
            ("http://app.example.com", "app.example.com:80"),
            ("http://app.example.com:8080", "app.example.com:8080"),
            ("https://APP.example.com", "app.EXAMPLE.com"),
            ("http://[::1]:8000", "[::1]:8000"),
            ("http://[::1]", "[0:0::1]:80"),
            ("https://app.example", "api.example"),
            ("https://App.Example:443", "api.example"),
        ],
    )
    async def test_pages_of_this_host_and_of_allowed_origins_may_connect(
        self, server: Server, origin: str, host: str
    ) -> None:
        assert await status(server, host, origin) == b"101"

    @pytest.mark.parametrize(
        ("origin", "host"),
        [
            *((origin, "app.example") for origin in (*NO_ORIGINS, *OTHERS)),
            ("https://app.example.com", "app.example.com:80"),
            ("https://app.example.com", "app.example.com:8443"),
            ("http://app.example.com:8080", "app.example.com"),
            ("http://[::1]", "[::2]"),
        ],
    )
    async def test_pages_of_other_origins_may_not_connect(
        self, server: Server, origin: str, host: str
    ) -> None:
        assert await status(server, host, origin) == b"403"

    @pytest.mark.parametrize("origin", NO_ORIGINS)
    def test_malformed_origin_never_matches_a_host(self, origin: str) -> None:
        assert not is_of_host(origin, origin.partition("//")[2])


class TestAllowedOrigins:
    @pytest.mark.parametrize("written", WRITTEN_SO)
    async def test_setting_may_spell_an_origin_in_many_ways(self, written: str) -> None:
        origin = "https://app.example"
        async with (
            serving(cors_origins=(written,)) as server,
            httpx.AsyncClient(timeout=PATIENCE_SECONDS) as client,
        ):
            assert await status(server, "api.example", origin) == b"101"
            response = await client.get(f"{server.url}?query={{hello}}", headers={"origin": origin})
            assert response.headers["access-control-allow-origin"] == origin
            preflight = {"origin": origin, "access-control-request-method": "POST"}
            assert (await client.options(server.url, headers=preflight)).status_code == 200

    @pytest.mark.parametrize("origin", [*OTHERS, *filter(str.isascii, NO_ORIGINS)])
    async def test_other_origins_are_not_allowed(
        self, client: httpx.AsyncClient, origin: str
    ) -> None:
        response = await client.get("/graphql?query={hello}", headers={"origin": origin})
        assert "access-control-allow-origin" not in response.headers
        preflight = {"origin": origin, "access-control-request-method": "POST"}
        assert (await client.options("/graphql", headers=preflight)).status_code == 400

    def test_allowed_origins_have_one_form(self) -> None:
        assert allowed_origins([*WRITTEN_SO, "*"]) == {"https://app.example", "*"}

    @pytest.mark.parametrize("text", ["app.example", "null", "https://a/b", "https://*.a", ""])
    def test_setting_that_is_no_origin_raises(self, text: str) -> None:
        with pytest.raises(ValueError, match="is no origin"):
            allowed_origins([text])


class TestNormalised:
    @pytest.mark.parametrize(
        ("origin", "form"),
        [
            ("HTTP://A.example:080", "http://a.example"),
            ("https://a.example:80", "https://a.example:80"),
            ("https://a.example:8443", "https://a.example:8443"),
            ("http://[0:0:0::1]:80", "http://[::1]"),
            ("capacitor://localhost", "capacitor://localhost"),
            ("chrome-extension://abc", "chrome-extension://abc"),
        ],
    )
    def test_origin_has_one_normal_form(self, origin: str, form: str) -> None:
        assert normalised(origin) == form
        assert normalised(form) == form

    @given(st.text() | st.from_regex(r"https?://[^/]*", fullmatch=True), st.text(max_size=12))
    @example("http://[", "[")
    @example("http://[::1%25eth0]", "[::1%25eth0]")
    def test_no_text_raises(self, origin: str, host: str) -> None:
        form = normalised(origin)
        assert form is None or normalised(form) == form
        is_of_host(origin, host)
