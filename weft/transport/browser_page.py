"""Pages for browsers: each is built from `web/<name>/` into a folder of its name.

Pages load nothing from other servers, and their Content-Security-Policy enforces it.
"""

import re
from pathlib import Path

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send

from weft.transport.answer import NOSNIFF, HttpAnswer, send_answer
from weft.transport.headers import headers_of
from weft.transport.http_caching import etag, knows
from weft.transport.negotiation import HTML

UNBUILT = Path(__file__).with_name("unbuilt.html")
POLICY = (
    "default-src 'none'; script-src 'self'; worker-src 'self'; style-src {styles}; "
    "img-src 'self' data:; font-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
FOR_EVER = "public, max-age=31536000, immutable"
CODINGS = (("br", ".br"), ("gzip", ".gz"))
"""Content codings, best first, and the suffix of the compressed file that the build puts beside an
asset where compression makes it smaller."""

REFUSED = re.compile(r";\s*q=0(\.0*)?$")


class BrowserPage:
    """The HTML of one page, as an ASGI application; before the build, a page on how to build it.

    - `folder`: where the build puts `index.html` beside `assets/`. The page loads the latter from
      `/pages/<name of the folder>/assets/`.
    - `inline_styles`: whether the policy allows inline styles.
    """

    def __init__(self, folder: Path, *, inline_styles: bool = False) -> None:
        self._html = folder / "index.html"
        styles = "'self' 'unsafe-inline'" if inline_styles else "'self'"
        self.policy = POLICY.format(styles=styles)
        self._assets = Mount(f"/pages/{folder.name}/assets", Assets(folder / "assets", self.policy))

    def routes(self, *addresses: str) -> list[BaseRoute]:
        """Routes of the page, at each of the addresses, and of its assets."""
        return [self._assets, *(Route(address, self, methods=["GET"]) for address in addresses)]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request."""
        await send_answer(send, self.answer(headers_of(scope)))

    def answer(self, headers: dict[bytes, bytes]) -> HttpAnswer:
        """The page; 304 without a body if the client has it already."""
        html = (self._html if self._html.exists() else UNBUILT).read_bytes()
        tag = etag(html)
        known = knows(headers, tag)
        common = (
            (b"content-security-policy", self.policy.encode()),
            (b"referrer-policy", b"no-referrer"),
            (b"cross-origin-opener-policy", b"same-origin"),
            (b"cache-control", b"no-cache"),
            (b"etag", tag),
            (b"vary", b"accept"),
            *NOSNIFF,
        )
        return HttpAnswer(304 if known else 200, HTML, b"" if known else html, common=common)


class Assets(StaticFiles):
    """The files that a page loads. Their names contain a hash, so browsers cache them for a year.

    They need `policy` because a worker is governed by the policy of its own file's response.
    """

    def __init__(self, folder: Path, policy: str) -> None:
        super().__init__(directory=folder, check_dir=False)
        self.config_checked = True  # the folder is missing until the page is built
        self._headers = {
            "cache-control": FOR_EVER,
            "content-security-policy": policy,
            "vary": "accept-encoding",
        }

    async def get_response(self, path: str, scope: Scope) -> Response:
        """The file, in the first of `CODINGS` that the client accepts and the build has made."""
        response = await self._compressed(path, scope) or await super().get_response(path, scope)
        response.headers.update(self._headers)
        return response

    async def _compressed(self, path: str, scope: Scope) -> Response | None:
        given = Headers(scope=scope).get("accept-encoding", "").split(",")
        accepted = {one.split(";")[0].strip() for one in given if not REFUSED.search(one.strip())}
        for coding, suffix in CODINGS:
            if coding in accepted:
                try:
                    response = await super().get_response(path + suffix, scope)
                except HTTPException:
                    continue
                response.headers["content-encoding"] = coding
                return response
        return None
