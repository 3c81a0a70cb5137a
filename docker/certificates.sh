#!/bin/sh
# Create certificates for TLS between the containers, with an authority that is created here and stays here.
#
#   FOLDER/authority/  ca.crt ca.key            the authority; no other container mounts it
#   FOLDER/NAME/       ca.crt tls.crt tls.key   one server each, reached as NAME and as localhost
#   FOLDER/NAME/       transport.crt .key       for a name with `+transport`: for the node's transport layer
#   FOLDER/public/     ca.crt                   the authority that clients trust
#
# A server's certificate has only `serverAuth`: it identifies the server and cannot be used to sign in. Elasticsearch's
# transport layer treats every holder of a trusted certificate as a node with all rights. So the node trusts only
# its own certificate there, which is self-signed.
#
# usage: certificates.sh FOLDER NAME[+transport]...
# Another run replaces what is missing, expires within 30 days or could sign a client in, and keeps the rest. An
# interrupted run leaves no half-written file and no pair that does not match: a file gets its name when it is complete,
# and an old certificate is removed before its key is replaced.
set -eu
umask 027

authority_days=3650
server_days=730
renew_before_s=2592000

folder=${1:?usage: certificates.sh FOLDER NAME[+transport]...}
shift
authority=$folder/authority
mkdir -p "$authority" "$folder/public"

lasts() { [ -s "$1" ] && openssl x509 -in "$1" -noout -checkend "$renew_before_s" >/dev/null; }
# Certificates of an earlier version also had `clientAuth`.
signs_clients_in() { openssl x509 -in "$1" -noout -ext extendedKeyUsage 2>/dev/null | grep -q "Client Authentication"; }
# Several containers read one copy. Renaming it ensures that none reads a half-written file.
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

transport() {
  if lasts "$1/transport.crt" && [ -s "$1/transport.key" ]; then
    echo "kept $1/transport.crt"
    return
  fi
  openssl req -x509 -newkey rsa:2048 -sha256 -nodes -days "$server_days" -subj "/CN=$name transport" \
    -addext "basicConstraints=critical,CA:FALSE" -addext "keyUsage=critical,digitalSignature,keyEncipherment" \
    -addext "extendedKeyUsage=serverAuth,clientAuth" \
    -keyout "$1/transport.key.new" -out "$1/transport.crt.new" 2>/dev/null
  chmod 640 "$1/transport.key.new"
  rm -f "$1/transport.crt"
  mv "$1/transport.key.new" "$1/transport.key"
  mv "$1/transport.crt.new" "$1/transport.crt"
  echo "made $1/transport.crt"
}

for wanted in "$@"; do
  name=${wanted%+transport}
  server=$folder/$name
  mkdir -p "$server"
  [ "$name" = "$wanted" ] || transport "$server"
  if lasts "$server/tls.crt" && [ -s "$server/tls.key" ] && ! signs_clients_in "$server/tls.crt" &&
    openssl verify -CAfile "$authority/ca.crt" "$server/tls.crt" >/dev/null 2>&1; then
    put "$authority/ca.crt" "$server/ca.crt"
    echo "kept $server/tls.crt"
    continue
  fi
  openssl req -newkey rsa:2048 -sha256 -nodes -subj "/CN=$name" -keyout "$server/tls.key.new" -out "$server/tls.csr" 2>/dev/null
  printf '%s\n' "subjectAltName=DNS:$name,DNS:localhost,IP:127.0.0.1" "basicConstraints=critical,CA:FALSE" \
    "keyUsage=critical,digitalSignature,keyEncipherment" "extendedKeyUsage=serverAuth" >"$server/tls.ext"
  openssl x509 -req -sha256 -days "$server_days" -in "$server/tls.csr" -CA "$authority/ca.crt" -CAkey "$authority/ca.key" \
    -CAcreateserial -extfile "$server/tls.ext" -out "$server/tls.crt.new" 2>/dev/null
  chmod 640 "$server/tls.key.new" # the server runs as another user of group 0
  rm -f "$server/tls.crt"
  mv "$server/tls.key.new" "$server/tls.key"
  mv "$server/tls.crt.new" "$server/tls.crt"
  rm -f "$server/tls.csr" "$server/tls.ext"
  put "$authority/ca.crt" "$server/ca.crt"
  echo "made $server/tls.crt"
done
