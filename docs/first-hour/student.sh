#!/usr/bin/env bash
# A student's first hour: start the demo, look at what the model found, and at what it does not know.
#
#   docs/first-hour/student.sh     in a clone, after `make demo ARGS=--exit`, with .venv/bin in PATH; needs curl
#
# The script stops the demo at its end. To look around in the browser, type the commands yourself and let the demo run.
set -euo pipefail
ENGINE_PORT=${ENGINE_PORT:-9200} CONSOLE_PORT=${CONSOLE_PORT:-8602} EVENTS=${EVENTS:-1000}
export ELASTICSEARCH_URL=http://127.0.0.1:$ENGINE_PORT
stream=$ELASTICSEARCH_URL/logs-oversight.connection-default

say() { printf '\n== %s\n' "$*"; }
search() { # QUERY SORT FIELDS...: the first event that matches
  curl -fsS -G "$stream/_search" -d size=1 --data-urlencode "q=$1" --data-urlencode "sort=$2" \
    --data-urlencode "_source_includes=$3" | python3 -c 'import json, sys
for hit in json.load(sys.stdin)["hits"]["hits"]: print(json.dumps(hit["_source"], indent=1))'
}

say "Start the demo: an engine, the model, and simulated traffic of four users with attacks in it"
oversight demo --engine-port "$ENGINE_PORT" --console-port "$CONSOLE_PORT" --events "$EVENTS" >demo.log 2>&1 &
demo=$!
trap 'kill $demo 2>/dev/null; wait $demo || true' EXIT
until grep -q "In another terminal" demo.log; do
  kill -0 $demo || { cat demo.log; exit 1; } # it ended by itself: its log says why
  sleep 0.5
done
sed -n '/^Predictions by label/,/^ *$/p' demo.log

say "Incidents: alerts of one machine and one family, close in time"
sed -n '/^Incidents, worst first/,/^ *$/p' demo.log
oversight incidents --limit 5

say "How many events have a prediction?"
oversight status

say "The same as pictures: http://127.0.0.1:$CONSOLE_PORT/?from=now-15m"
curl -fsS "http://127.0.0.1:$CONSOLE_PORT/health/live"; echo

say "A flood of connections (neptune): what the model saw, and its reasons"
search 'oversight.prediction.label:neptune' 'event.risk_score:desc' 'source.ip,destination.ip,oversight.prediction'

say "An event unlike anything in the training rows: its label is unknown, and closest is what it resembles most"
search 'oversight.prediction.label:unknown' 'oversight.prediction.novelty:desc' 'oversight.prediction'

say "You disagree? Say so: labels export makes training rows of verdicts."
id=$(curl -fsS "$stream/_search?q=event.kind:alert&size=1&_source=false" |
  python3 -c 'import json, sys; print(json.load(sys.stdin)["hits"]["hits"][0]["_id"])')
oversight verdict "$id" false_positive --label normal --comment "an exercise"
oversight evaluate

say "What the model learned from, and how good it is"
oversight model
