#!/bin/sh
# Write the digests of the images that docker-compose.yml uses to .env, so that every later build and start uses the same.
#
# usage: pins.sh [FILE]
# Docker pulls each image and reports the digest of its tag. Another run moves every digest to what the tag is then. If a
# registry does not answer, the file stays as it is. The lines: BASE_IMAGE, ELASTICSEARCH_IMAGE, KIBANA_IMAGE.
set -eu
umask 077

file=${1:-.env}
folder=$(dirname "$0")/..

# The value in the file, without its digest; otherwise the default: TAG of the Dockerfile, or of the compose file.
of_file() { sed -n "s/^$1=//p" "$file" 2>/dev/null | tail -n 1 | sed 's/@sha256:.*//'; }
version=$(of_file STACK_VERSION)
[ -n "$version" ] || version=$(sed -n 's/.*{STACK_VERSION:-\([^}]*\)}.*/\1/p' "$folder/docker-compose.yml" | head -n 1)
default() {
  case $1 in
  BASE_IMAGE) sed -n 's/^ARG BASE_IMAGE=//p' "$folder/Dockerfile" ;;
  ELASTICSEARCH_IMAGE) echo "elasticsearch:$version" ;;
  KIBANA_IMAGE) echo "kibana:$version" ;;
  esac
}

lines=
for name in BASE_IMAGE ELASTICSEARCH_IMAGE KIBANA_IMAGE; do
  image=$(of_file "$name")
  [ -n "$image" ] || image=$(default "$name")
  if ! docker pull --quiet "$image" >/dev/null; then
    echo "$name: $image could not be pulled; $file is unchanged" >&2
    exit 1
  fi
  repository=${image%:*}@ # an image may have digests of several repositories
  digests=$(docker image inspect --format '{{range .RepoDigests}}{{println .}}{{end}}' "$image")
  digest=$(printf '%s\n' "$digests" | grep -F "$repository" | head -n 1 | sed 's/.*@//')
  if [ -z "$digest" ]; then
    echo "$name: the registry gave no digest of $image; $file is unchanged" >&2
    exit 1
  fi
  lines="$lines$name=$image@$digest
"
done

touch "$file"
{
  grep -vE '^(BASE_IMAGE|ELASTICSEARCH_IMAGE|KIBANA_IMAGE)=' "$file" || true
  printf '%s' "$lines"
} >"$file.new"
mv "$file.new" "$file"
printf '%s' "$lines"
