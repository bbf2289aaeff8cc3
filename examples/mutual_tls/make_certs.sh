#!/bin/sh
# A CA of one's own, and a certificate each for the server and for a client
# called alice, into the folder that is named. Keep ca.key to yourself.
#
#   sh examples/mutual_tls/make_certs.sh certs
set -eu
mkdir -p "$1"
cd "$1"

key() {
  openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1.key"
}

sign() { # name subject extensions
  key "$1"
  openssl req -new -key "$1.key" -subj "$2" -out "$1.csr"
  printf '%s\n' "$3" >"$1.ext"
  openssl x509 -req -in "$1.csr" -CA ca.crt -CAkey ca.key -CAcreateserial \
    -days 365 -extfile "$1.ext" -out "$1.crt"
  rm "$1.csr" "$1.ext"
}

key ca
openssl req -x509 -new -key ca.key -days 3650 -subj "/CN=our own CA" \
  -addext basicConstraints=critical,CA:TRUE \
  -addext keyUsage=critical,keyCertSign,cRLSign -out ca.crt
sign server /CN=localhost "subjectAltName=DNS:localhost
extendedKeyUsage=serverAuth"
sign client /CN=alice "extendedKeyUsage=clientAuth"
