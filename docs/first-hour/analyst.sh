#!/usr/bin/env bash
# An analyst's first hour: look at the incidents of the last day, and record verdicts that the next training can use.
#
#   export ELASTICSEARCH_URL=https://elasticsearch.example:9200 ELASTICSEARCH_CA_CERTS=/etc/oversight/ca.pem
#   export ELASTICSEARCH_API_KEY_FILE=keys/analyst/key.env     the key that `oversight provision --keys` made for you
#   docs/first-hour/analyst.sh                                 with `oversight` in PATH; needs curl
#
# It judges all alerts of the two worst incidents, as your user. Try it on an installation for tests.
# `oversight verdict ID --clear` removes the verdict on one event.
set -euo pipefail
CONSOLE_PORT=${CONSOLE_PORT:-8602}
console=http://127.0.0.1:$CONSOLE_PORT

say() { printf '\n== %s\n' "$*"; }
incident() { # NUMBER: the id of an incident, counted from the worst
  oversight incidents --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["incidents"][int(sys.argv[1])]["id"])' "$1"
}

say "What happened in the last day? One line for each incident, and not for each alert."
oversight incidents --limit 5

say "The worst one: what it did, why the model thinks so, what else the machine did. Paste it into a ticket."
worst=$(incident 0)
oversight incidents "$worst"

say "It is real: judge all its alerts at once"
oversight verdict --incident "$worst" true_positive --comment "confirmed with the owner" --yes

say "The next one is harmless: say what it is, so that the next model learns it"
oversight verdict --incident "$(incident 1)" false_positive --label normal --comment "the backup at night" --yes

say "The same by clicks: people sign in to the console with a token of their own"
token=$(oversight console --add-person "${ANALYST:-ann}" | tail -n 1)
oversight console --bind "127.0.0.1:$CONSOLE_PORT" --verdicts >console.log 2>&1 & server=$!
trap 'kill $server 2>/dev/null; wait || true' EXIT
until curl -fs "$console/health/live" >/dev/null; do
  kill -0 $server || { cat console.log; exit 1; }
  sleep 0.5
done
curl -fsS -H "Authorization: Bearer $token" "$console/api/login"; echo
echo "open $console"

say "How often was the model right, by your verdicts?"
oversight evaluate

say "Rows for the next training"
oversight labels export --output verdicts.csv
wc -l verdicts.csv
