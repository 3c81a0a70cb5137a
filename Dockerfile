# One image for every long-running part: `serve`, `watch`, `provision` are commands of the same program.
FROM python:3.12-slim

ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /opt/oversight

COPY requirements/serve.txt requirements/serve.txt
RUN python -m pip install --require-hashes -r requirements/serve.txt

COPY pyproject.toml README.md ./
COPY contract contract
COPY sensor sensor
COPY es_pipelines es_pipelines
COPY enrich_service enrich_service
COPY watcher watcher
COPY converter converter
COPY training training
COPY oversight oversight
COPY models models
RUN python -m pip install --no-deps --no-build-isolation --editable . \
 && useradd --system --create-home --uid 10001 oversight

USER oversight
ENTRYPOINT ["oversight"]
CMD ["--help"]
