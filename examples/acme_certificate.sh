#!/bin/sh
# The certificate of RFC 8737, 3, that shows an ACME server who holds a name: self-signed, for that name alone, with the
# digest of the key authorization in the critical extension acmeIdentifier. Writes FOLDER/NAME.crt and NAME.key.
#
#   sh examples/acme_certificate.sh NAME FOLDER <key-authorization
#
# The key authorization is TOKEN.THUMBPRINT (RFC 8555, 8.1), as an ACME client gives it to its hooks.
set -eu
name=${1:-} folder=${2:-}
case $name in
  "" | *[!a-zA-Z0-9.-]*) echo "usage: acme_certificate.sh NAME FOLDER <key-authorization" >&2; exit 2 ;;
esac
authorization=$(cat)
case $authorization in
  *[!a-zA-Z0-9_.-]* | .* | *. | *.*.*) echo "acme_certificate.sh: this is no key authorization" >&2; exit 1 ;;
  *.*) ;;
  *) echo "acme_certificate.sh: this is no key authorization" >&2; exit 1 ;;
esac
digest=$(printf %s "$authorization" | openssl dgst -sha256 -r | cut -d' ' -f1)
umask 077
# 04 20: an OCTET STRING of 32 bytes
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "/CN=acme challenge" \
  -addext "subjectAltName=DNS:$name" -addext "1.3.6.1.5.5.7.1.31=critical,DER:0420$digest" \
  -keyout "$folder/$name.key" -out "$folder/$name.crt" 2>/dev/null || {
  echo "acme_certificate.sh: there is no writing to $folder, or openssl cannot do this" >&2
  exit 1
}
