#!/bin/sh
# Secrets of docker-compose.yml, made at random into .env, which only its owner may read.
#
# usage: env.sh [FILE]
# What the file has already stays as it is: a secret that is replaced would lock out of the data that is stored under it.
set -eu
umask 077

file=${1:-.env}
random() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }

if [ -e "$file" ]; then
  chmod 600 "$file"
else
  echo "# Secrets of docker-compose.yml, made by \`make env\`. Without them nobody gets at the stored data: keep this file." >"$file"
fi
# A last line without its end would swallow the next one.
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
