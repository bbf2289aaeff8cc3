#!/bin/sh
# Certificates for a first try, into a folder (here, if none is named): a CA of one's own, a server's for localhost,
# and a client's for alice. They last a year. Who has ca-key.pem can make more: keep it to yourself.
#
#   sh scripts/certs.sh certs
set -eu
mkdir -p "${1:-.}"
cd "${1:-.}"

for name in ca server client; do
  for file in $name-key.pem $name-cert.pem; do
    [ ! -e $file ] || { echo "certs: $(pwd)/$file is there already; remove it first" >&2; exit 1; }
  done
done

config=$(mktemp "${TMPDIR:-/tmp}/luv-tls.XXXXXX")
trap 'rm -f "$config"' EXIT
cat >"$config" <<CONFIG
[req]
distinguished_name = subject
[subject]
[ca]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[server]
basicConstraints = critical, CA:FALSE
subjectAltName = DNS:localhost, IP:127.0.0.1, IP:::1
extendedKeyUsage = serverAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
[client]
basicConstraints = critical, CA:FALSE
extendedKeyUsage = clientAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
CONFIG

make_one() { # name subject issuer's options
  name=$1 subject=$2
  shift 2
  openssl req -x509 -config "$config" -extensions "$name" -subj "$subject" -days 365 -newkey ec \
    -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$name-key.pem" -out "$name-cert.pem" "$@" 2>"$config.log" || {
    cat "$config.log" >&2
    rm -f "$config.log"
    exit 1
  }
  rm -f "$config.log"
}

make_one ca "/CN=Test CA"
make_one server /CN=localhost -CA ca-cert.pem -CAkey ca-key.pem
make_one client /CN=alice -CA ca-cert.pem -CAkey ca-key.pem
echo "certs: $(pwd): ca, server and client, each with -key.pem and -cert.pem"
