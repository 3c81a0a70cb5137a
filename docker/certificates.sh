#!/bin/sh
# Certificates for TLS between the containers, by an authority that is made here and stays here.
#
#   FOLDER/authority/  ca.crt ca.key            the authority; mounted by no other container
#   FOLDER/NAME/       ca.crt tls.crt tls.key   one server each, reached as NAME and as localhost
#   FOLDER/public/     ca.crt                   what clients trust
#
# usage: certificates.sh FOLDER NAME...
# Run again, it makes what is missing or ends within 30 days, and leaves the rest. An interrupted run leaves nothing half:
# a file gets its name when it is whole, and an old certificate goes before its key is replaced: both fit, or one is missing.
set -eu
umask 027

authority_days=3650
server_days=730
renew_before_s=2592000

folder=${1:?usage: certificates.sh FOLDER NAME...}
shift
authority=$folder/authority
mkdir -p "$authority" "$folder/public"

lasts() { [ -s "$1" ] && openssl x509 -in "$1" -noout -checkend "$renew_before_s" >/dev/null; }
# Several readers of one copy: a reader never sees a file that is being written.
put() { cp "$1" "$2.new" && mv "$2.new" "$2"; }

if ! lasts "$authority/ca.crt" || ! [ -s "$authority/ca.key" ]; then
  openssl req -x509 -newkey rsa:2048 -sha256 -nodes -days "$authority_days" -subj "/CN=Oversight authority" \
    -addext "basicConstraints=critical,CA:TRUE,pathlen:0" -addext "keyUsage=critical,keyCertSign,cRLSign" \
    -keyout "$authority/ca.key.new" -out "$authority/ca.crt.new" 2>/dev/null
  rm -f "$authority/ca.crt"
  mv "$authority/ca.key.new" "$authority/ca.key"
  mv "$authority/ca.crt.new" "$authority/ca.crt"
  echo "made the authority, $authority/ca.crt"
fi
put "$authority/ca.crt" "$folder/public/ca.crt"

for name in "$@"; do
  server=$folder/$name
  mkdir -p "$server"
  if lasts "$server/tls.crt" && [ -s "$server/tls.key" ] &&
    openssl verify -CAfile "$authority/ca.crt" "$server/tls.crt" >/dev/null 2>&1; then
    put "$authority/ca.crt" "$server/ca.crt"
    echo "kept $server/tls.crt"
    continue
  fi
  openssl req -newkey rsa:2048 -sha256 -nodes -subj "/CN=$name" -keyout "$server/tls.key.new" -out "$server/tls.csr" 2>/dev/null
  printf '%s\n' "subjectAltName=DNS:$name,DNS:localhost,IP:127.0.0.1" "basicConstraints=critical,CA:FALSE" \
    "keyUsage=critical,digitalSignature,keyEncipherment" "extendedKeyUsage=serverAuth,clientAuth" >"$server/tls.ext"
  openssl x509 -req -sha256 -days "$server_days" -in "$server/tls.csr" -CA "$authority/ca.crt" -CAkey "$authority/ca.key" \
    -CAcreateserial -extfile "$server/tls.ext" -out "$server/tls.crt.new" 2>/dev/null
  chmod 640 "$server/tls.key.new" # its server runs as another user of group 0
  rm -f "$server/tls.crt"
  mv "$server/tls.key.new" "$server/tls.key"
  mv "$server/tls.crt.new" "$server/tls.crt"
  rm -f "$server/tls.csr" "$server/tls.ext"
  put "$authority/ca.crt" "$server/ca.crt"
  echo "made $server/tls.crt"
done
