"""The application behind the GraphQL endpoint of the tests."""

from typing import Any

from fastapi import FastAPI, Request

from weft.transport.browser_page import BrowserPage


def fallback(page: BrowserPage | None) -> FastAPI:
    """Routes other than GraphQL, and those of the page if there is one."""
    app = FastAPI()
    if page is not None:
        app.router.routes += page.routes("/page")

    @app.get("/other")
    async def other(request: Request) -> dict[str, str]:  # pyright: ignore[reportUnusedFunction]
        return {"request_id": request.state.request_id}

    @app.post("/other")
    async def post(body: dict[str, Any]) -> int:  # pyright: ignore[reportUnusedFunction]
        return len(body)

    return app
