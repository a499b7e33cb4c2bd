# The service and the worker. The database is a PostgreSQL of its own (compose.yaml); a deployment folder is mounted.
FROM python:3.12-slim-bookworm AS build
WORKDIR /build
COPY pyproject.toml constraints.txt README.md ./
COPY src src
COPY connectors connectors
COPY migrations migrations
COPY sample_data sample_data
COPY container container
RUN container/install /opt/cdi

FROM python:3.12-slim-bookworm
# A number that belongs to no account of the host; nothing in the image is its own.
RUN useradd --uid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin cdi
COPY --from=build /opt/cdi /opt/cdi
ENV PATH=/opt/cdi/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    CDI_HOST=0.0.0.0 \
    NUMBA_CACHE_DIR=/tmp/cdi-numba
USER 10001
WORKDIR /srv/cdi
EXPOSE 8000
# What is in flight when the container is stopped has 25 seconds to be answered: stop_grace_period must be longer.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/readyz', timeout=4)"]
ENTRYPOINT ["cdi"]
CMD ["serve", "--workers", "2"]
