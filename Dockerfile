# One program for all parts: `serve`, `watch`, `provision`, ... are its commands. Two images:
#
#   serve     every command but `console`, which needs the library of its charts
#   console   every command
#
#   docker build --target serve -t oversight .
#
# docs/docker.md says how to use them, and what to do behind a proxy. No step needs BuildKit.
ARG BASE_IMAGE=python:3.11.15-slim-bookworm

FROM ${BASE_IMAGE} AS packages
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /opt/source

RUN python3 -m venv /opt/venv
COPY requirements/serve.txt requirements/serve.txt
RUN /opt/venv/bin/python -m pip install --require-hashes -r requirements/serve.txt

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

FROM packages AS installed
RUN /opt/venv/bin/python -m pip uninstall --yes setuptools pip

FROM ${BASE_IMAGE} AS serve

ENV PATH=/opt/venv/bin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/state OVERSIGHT_STATE=/state \
    PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 MALLOC_ARENA_MAX=1 \
    MALLOC_MMAP_THRESHOLD_=4194304

# A new volume gets the owner of the folder that it is mounted on. Elasticsearch and Kibana run as other users of group 0,
# so they can read their certificates.
RUN useradd --system --uid 10001 --gid 0 --no-create-home --home-dir /state oversight \
 && install -d -o oversight -g root -m 750 /state /logs \
    /certs /certs/authority /certs/public /certs/elasticsearch /certs/kibana /certs/enrich /certs/console \
    /keys /keys/shipper /keys/watcher /keys/dashboards /keys/console /keys/analyst

COPY --from=installed /opt/venv /opt/venv
COPY docker /opt/docker

USER 10001:0
WORKDIR /state
ENTRYPOINT ["oversight"]
CMD ["--help"]

FROM packages AS charts
COPY requirements/image.txt requirements/image.txt
RUN /opt/venv/bin/python -m pip install --require-hashes -r requirements/image.txt
# Only what `serve` lacks, so that both images share all other layers.
RUN cd /opt/venv && mkdir /opt/charts && cp -a --parents lib/python3*/site-packages/vl_convert* /opt/charts

FROM serve AS console
COPY --from=charts /opt/charts /opt/venv
