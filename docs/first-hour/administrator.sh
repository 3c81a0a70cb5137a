#!/usr/bin/env bash
# An administrator's first hour: Oversight on a cluster with security, each part with a key of its own.
#
#   export ELASTICSEARCH_URL=https://elasticsearch.example:9200 ELASTICSEARCH_CA_CERTS=/etc/oversight/ca.pem
#   export ELASTICSEARCH_USERNAME=elastic ELASTICSEARCH_PASSWORD=...      a user who may manage security
#   docs/first-hour/administrator.sh                                      with `oversight` in PATH
#
# It works in the current folder and stops what it started. docs/services.md makes services of the last steps.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)

say() { printf '\n== %s\n' "$*"; }
as() { # PART: the words in front of a command that runs with the part's key instead of your password
  instead=(env -u ELASTICSEARCH_USERNAME -u ELASTICSEARCH_PASSWORD "ELASTICSEARCH_API_KEY_FILE=keys/$1/key.env")
}

say "What would change in the cluster? Nothing is written."
oversight provision --plan

say "Create pipelines, templates, the stream, roles, and a key for each part"
oversight provision --keys keys
ls -l keys/*/key.env

say "Is everything as it should be? Exit code 1 would say no."
oversight provision --check

say "Start the enrich service and the watcher"
ENRICH_PORT=${ENRICH_PORT:-8600}
export OVERSIGHT_ENRICH_URL=http://127.0.0.1:$ENRICH_PORT
oversight serve --bind "127.0.0.1:$ENRICH_PORT" >serve.log 2>&1 & serve=$!
as watcher
"${instead[@]}" oversight watch >watch.log 2>&1 & watch=$!
trap 'kill $serve $watch 2>/dev/null; wait || true' EXIT

say "Ship some lines with the shipper's key, which can add events and nothing else"
oversight simulate --output sensor-logs --events 200
as shipper
"${instead[@]}" oversight ship sensor-logs/*.csv

say "Filebeat needs a configuration, and the same key as id:key"
cp "$here/../../es_pipelines/shippers/filebeat.yml" .
(. keys/shipper/key.env; printf '%s' "$ELASTICSEARCH_API_KEY" | base64 -d | sed 's/:.*/:.../')

say "Wait until every event has its prediction"
until [ "$(oversight status --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["pending"])')" = 0 ]; do
  kill -0 $serve && kill -0 $watch || { tail -n 20 serve.log watch.log; exit 1; }
  sleep 0.5
done
oversight status

say "Does every part work with the others?"
oversight check

if command -v systemd-analyze >/dev/null; then
  say "How far are the systemd units confined? (docs/services.md installs them)"
  systemd-analyze security --offline=true --no-pager "$here"/../../deploy/systemd/oversight-watch.service | tail -n 1
fi
