#!/bin/sh
# Write random secrets for docker-compose.yml to .env, which only its owner may read.
#
# usage: env.sh [FILE]
# Existing secrets stay: without the old secret, you would lose access to the data that it protects.
set -eu
umask 077

file=${1:-.env}
random() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }

if [ -e "$file" ]; then
  chmod 600 "$file"
else
  echo "# Secrets of docker-compose.yml, made by \`make env\`. Without them nobody gets at the stored data: keep this file." >"$file"
fi
# If the last line has no line end, the next one would be appended to it.
[ -z "$(tail -c 1 "$file")" ] || echo >>"$file"

made=
for name in ELASTIC_PASSWORD KIBANA_SYSTEM_PASSWORD KIBANA_ENCRYPTION_KEY ENRICH_TOKEN CONSOLE_TOKEN; do
  if ! grep -q "^$name=." "$file"; then
    printf '%s=%s\n' "$name" "$(random)" >>"$file"
    made="$made $name"
  fi
done

if [ -n "$made" ]; then
  echo "$file:${made} made at random"
else
  echo "$file has every secret; nothing was changed"
fi
echo "next: docker compose up --build --wait; Kibana is then at https://localhost:5601, user elastic, password ELASTIC_PASSWORD"
