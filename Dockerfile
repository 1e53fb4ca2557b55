# Serves over HTTP with a bearer token; compose.yaml says how it is run. What it passes on is GPL-3.0 as a whole:
# docs/licences.md.
FROM python:3.13-slim-bookworm AS build
WORKDIR /build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/whatsapp
COPY requirements.lock pyproject.toml README.md LICENSE ./
COPY src src
# The lock file has the extra `media` too; `pip uninstall av` in a stage of your own makes the image 100 MB smaller.
RUN /opt/whatsapp/bin/pip install --require-hashes --only-binary :all: --requirement requirements.lock \
    && /opt/whatsapp/bin/pip install --no-deps . \
    && /opt/whatsapp/bin/python -m compileall -q /opt/whatsapp/lib

FROM python:3.13-slim-bookworm
RUN groupadd --gid 10001 whatsapp \
    && useradd --uid 10001 --gid whatsapp --home-dir /data --no-create-home --shell /usr/sbin/nologin whatsapp \
    && install --directory --owner whatsapp --group whatsapp --mode 0700 /data \
    # The base image has Python's own modules without their bytecode: each process would compile them, 0.6 s of a core.
    && python -m compileall -q -x site-packages /usr/local/lib
COPY --from=build /opt/whatsapp /opt/whatsapp
ENV PATH=/opt/whatsapp/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    HOME=/data \
    WHATSAPP_MCP_DATA_DIR=/data \
    WHATSAPP_MCP_SESSION_LINGER=0 \
    WHATSAPP_MCP_SCHEDULE_STAY_HOURS=0
# With these two the session process ends with the server, which waits until it has stored everything: nothing outlives
# the first process of a container.
USER 10001:10001
VOLUME /data
EXPOSE 8765
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8765/health', timeout=4)"]
ENTRYPOINT ["whatsapp-mcp"]
CMD ["serve", "--host", "0.0.0.0", "--allow-remote", "--allowed-host", "127.0.0.1", "--allowed-host", "localhost"]
