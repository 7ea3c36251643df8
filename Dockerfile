FROM node:22-slim AS pages
WORKDIR /srv/weft
COPY schema/schema.graphql schema/
COPY web web
RUN for page in web/*/package.json; do \
        npm --prefix "${page%/package.json}" ci --no-audit --no-fund \
        && npm --prefix "${page%/package.json}" run build || exit 1; \
    done

FROM python:3.13-slim AS build
ENV UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never
RUN pip install --no-cache-dir "uv==0.13.*"
WORKDIR /srv/weft
# Dependencies first: they change less often than the code and stay in the cache.
COPY pyproject.toml uv.lock README.md ./
RUN uv sync --locked --no-dev --no-group embedded --no-install-project
COPY . .
RUN uv sync --locked --no-dev --no-group embedded

FROM python:3.13-slim
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin weft
WORKDIR /srv/weft
COPY --from=build /srv/weft /srv/weft
COPY --from=pages /srv/weft/web/dist /srv/weft/web/dist
ENV PATH=/srv/weft/.venv/bin:$PATH PYTHONUNBUFFERED=1 ENVIRONMENT=production
USER weft
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s CMD ["python", "-c", \
    "from urllib.request import urlopen; urlopen('http://127.0.0.1:8000/health/live', timeout=2)"]
CMD ["weft", "serve", "--host", "0.0.0.0", "--port", "8000"]
