# One image for every role: `binder`, `worker`, `simulator`, `send`, ... are arguments of its entry point.
ARG PYTHON=3.11.13-slim-bookworm

FROM python:${PYTHON} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PYTHONDONTWRITEBYTECODE=1
RUN ["python", "-m", "venv", "/opt/smsfleet"]
WORKDIR /src
# The lock holds the hash of every file that may be installed, the build back end included.
COPY requirements.lock ./
RUN ["/opt/smsfleet/bin/python", "-m", "pip", "install", "--require-hashes", "--only-binary=:all:", "-r", "requirements.lock"]
# .dockerignore lets in the packages, pyproject.toml, README.md and LICENSE, and nothing else.
COPY . .
RUN /opt/smsfleet/bin/python -m pip install --no-deps --no-build-isolation . \
 && /opt/smsfleet/bin/python -m compileall -q /opt/smsfleet/lib

FROM python:${PYTHON}
LABEL org.opencontainers.image.title="smsfleet" org.opencontainers.image.licenses="MIT"
RUN groupadd --gid 10001 smsfleet \
 && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin smsfleet \
 && install -d -o smsfleet -g smsfleet -m 0700 /run/smsfleet
COPY --from=build /opt/smsfleet /opt/smsfleet
# Nothing is written but the binder's lock in /run/smsfleet: the root file system may be read-only.
ENV PATH=/opt/smsfleet/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    SMSFLEET_RUN_DIR=/run/smsfleet
WORKDIR /run/smsfleet
USER 10001:10001
# SIGTERM is the clean end of every role: the binder unbinds, the worker gives back what it has not admitted.
STOPSIGNAL SIGTERM
# Health depends on the role: docker-compose.yml has a check for each.
HEALTHCHECK NONE
ENTRYPOINT ["smsfleet"]
CMD ["--help"]
