#!/usr/bin/env bash
# A data scientist's first hour: from a model in a notebook to a prediction on every new document.
#
#   export ELASTICSEARCH_URL=http://localhost:9200      a cluster, or `oversight demo --engine-port 9200` in another terminal
#   docs/first-hour/data-scientist.sh                   in a clone, after `make venv`, with .venv/bin in PATH
#
# docs/notebook-to-elasticsearch.md explains each step. The script works in the current folder and stops what it started.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)

say() { printf '\n== %s\n' "$*"; }

say "Train a random forest, and save it with rows that it did not see"
python "$here/tumours.py"

say "Make an artifact of it, and compare it with guessing"
oversight try --model tumours.onnx --data tumours.csv --label diagnosis --harmless benign

say "Score a file, without a cluster"
oversight predict --model build/tumours/model.onnx --data tumours.csv --output scored.csv
oversight evaluate --model build/tumours/model.onnx --data tumours.csv --label diagnosis
head -n 3 scored.csv

say "Create a stream for this model in Elasticsearch, and serve the model"
export OVERSIGHT_MODEL=build/tumours/model.onnx
ENRICH_PORT=${ENRICH_PORT:-8600}
export OVERSIGHT_ENRICH_URL=http://127.0.0.1:$ENRICH_PORT
oversight provision
oversight serve --bind "127.0.0.1:$ENRICH_PORT" >serve.log 2>&1 & serve=$!
trap 'kill $serve 2>/dev/null; wait || true' EXIT

say "Ship the rows as documents, and add a prediction to each"
oversight ship tumours.csv
oversight watch --once
oversight status

say "A document that alerts"
curl -fsS "$ELASTICSEARCH_URL/logs-oversight.tumours-${OVERSIGHT_NAMESPACE:-default}/_search?q=event.kind:alert&size=1" | python -m json.tool
