#!/bin/sh
# Install what building and testing tls need: on Debian and Ubuntu by apt, and
# only what is missing; elsewhere say what is needed.
set -eu

packages="gcc make pkg-config lua5.4 liblua5.4-dev lua-luv lua-luv-dev
lua-busted lua-check luarocks libuv1-dev libssl-dev openssl ca-certificates
clang-format curl haproxy tinyproxy-bin luajit libluajit-5.1-dev neovim"

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
  echo "deps: this is no Debian; please see that these are there:" $packages
  for tool in cc lua5.4 openssl; do
    command -v $tool >/dev/null || { echo "deps: $tool is missing"; exit 1; }
  done
  exit 0
fi

missing=
for p in $packages; do
  dpkg-query -W -f='${Status}' "$p" 2>/dev/null | grep -q 'install ok installed' ||
    missing="$missing $p"
done
[ -n "$missing" ] || exit 0

echo "deps: installing$missing"
sudo=
[ "$(id -u)" = 0 ] || sudo=sudo
$sudo apt-get update -qq
DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq \
  --no-install-recommends $missing >/dev/null
