# One image for all our parts: `serve`, `watch`, `provision`, ... are commands of one program.
#
#   build   the locked packages and the program, into /opt/venv
#   (last)  /opt/venv and the scripts of docker/, for a user without privileges
#
# docs/docker.md says how to use it; a test runs these steps in a clean folder.
FROM python:3.11.15-slim-bookworm AS build

ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /opt/source

RUN python3 -m venv /opt/venv
COPY requirements/image.txt requirements/image.txt
RUN /opt/venv/bin/python -m pip install --require-hashes -r requirements/image.txt

COPY pyproject.toml README.md LICENSE NOTICE ./
COPY contract contract
COPY common common
COPY sensor sensor
COPY es_pipelines es_pipelines
COPY enrich_service enrich_service
COPY watcher watcher
COPY converter converter
COPY training training
COPY kibana kibana
COPY console console
COPY oversight oversight
COPY models models
RUN /opt/venv/bin/python -m pip install --no-deps --no-build-isolation .

FROM python:3.11.15-slim-bookworm

ENV PATH=/opt/venv/bin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/state OVERSIGHT_STATE=/state \
    PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 MALLOC_ARENA_MAX=1 \
    MALLOC_MMAP_THRESHOLD_=4194304

# A new volume gets the owner of the folder that it is mounted on. Elasticsearch and Kibana run as other users of group 0,
# so they can read their certificates.
RUN useradd --system --uid 10001 --gid 0 --no-create-home --home-dir /state oversight \
 && install -d -o oversight -g root -m 750 /state /logs \
    /certs /certs/authority /certs/public /certs/elasticsearch /certs/kibana /certs/enrich /certs/console \
    /keys /keys/shipper /keys/watcher /keys/dashboards /keys/console

COPY --from=build /opt/venv /opt/venv
COPY docker /opt/docker

USER 10001:0
WORKDIR /state
ENTRYPOINT ["oversight"]
CMD ["--help"]
