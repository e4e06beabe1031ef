# One image for the API and the worker: what uv.lock names, without the tools that put it there.

# Python 3.11.16. By its digest, so that each build is of the same base: docs/security.md says how to take a newer one.
ARG BASE=python:3.11-slim-bookworm@sha256:a36c24f9cbdf4fd0f52d67f0823eeac19c2028c637cecc392d97f980d4fec56b

FROM ${BASE} AS build
ENV UV_PYTHON_DOWNLOADS=never UV_SYSTEM_CERTS=true UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy UV_NO_CACHE=1
WORKDIR /build
COPY .ci/uv-of-lock pyproject.toml uv.lock ./
RUN sh uv-of-lock pip uv.lock

# The dependencies are a layer of their own, made again only when the lock changes (docs/adr/0002 says why not `uv sync`).
RUN uv export --quiet --frozen --no-dev --no-emit-project --output-file requirements.txt >/dev/null \
 && uv venv --quiet /opt/venv \
 && uv pip sync --quiet --python /opt/venv/bin/python --require-hashes requirements.txt

# What is in it, with licences (CycloneDX): written by tools that stay behind here.
RUN uv export --quiet --frozen --only-group sbom --output-file sbom.txt >/dev/null \
 && uv venv --quiet /opt/sbom \
 && uv pip sync --quiet --python /opt/sbom/bin/python --require-hashes sbom.txt \
 && /opt/sbom/bin/cyclonedx-py environment /opt/venv/bin/python --pyproject pyproject.toml --output-reproducible -o sbom.cdx.json

COPY README.md LICENSE ./
COPY app app
COPY workers workers
COPY migrations migrations
RUN uv export --quiet --frozen --only-group build --output-file build.txt >/dev/null \
 && uv pip install --quiet --python /opt/venv/bin/python --no-deps --build-constraints build.txt .


FROM ${BASE}
RUN groupadd --system --gid 10001 bulk-cancel \
 && useradd --system --uid 10001 --gid bulk-cancel --home-dir /srv --no-create-home --shell /usr/sbin/nologin bulk-cancel \
 && install --directory --owner=bulk-cancel --group=bulk-cancel /srv /srv/var
COPY --from=build /opt/venv /opt/venv
COPY --from=build /build/sbom.cdx.json /srv/sbom.cdx.json
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 BULK_CANCEL_LOG_JSON=true
# Without a BULK_CANCEL_DATABASE_URL, SQLite is kept in /srv/var.
WORKDIR /srv
USER 10001:10001
EXPOSE 8000

# For the API; whatever runs another command in this image turns it off or has its own (compose.yaml does).
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 \
  CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/livez', timeout=2)"]

ENTRYPOINT ["bulk-cancel"]
CMD ["api", "--host", "0.0.0.0", "--port", "8000"]
