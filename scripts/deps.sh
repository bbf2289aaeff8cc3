#!/bin/sh
# Install what building and testing tls need: on Debian and Ubuntu by apt, and
# only what is missing; elsewhere say what is needed. None of it starts a service.
set -eu
cd "$(dirname "$0")/.."

packages="gcc make pkg-config lua5.4 liblua5.4-dev lua-luv lua-luv-dev
lua-busted lua-check luarocks libuv1-dev libssl-dev openssl ca-certificates
clang-format curl tinyproxy-bin luajit libluajit-5.1-dev neovim"
case ${LUA:-} in # another Lua than lua5.4 or LuaJIT, as in make test LUA=lua5.1
  lua5.1) packages="$packages lua5.1 liblua5.1-0-dev" ;;
  lua5.[23]) packages="$packages $LUA lib$LUA-dev" ;;
  lua5.5) packages="$packages $LUA lib$LUA-dev xz-utils" ;;
esac
tools=build/tools # programs without their packages

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
  echo "deps: this is no Debian; please see that these are there:" $packages haproxy
  for tool in cc lua5.4 openssl; do
    command -v $tool >/dev/null || { echo "deps: $tool is missing"; exit 1; }
  done
  exit 0
fi

sudo=
[ "$(id -u)" = 0 ] || sudo=sudo

install_packages() {
  echo "deps: installing $*"
  $sudo apt-get update -qq
  $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

missing() { # those of the packages that are not installed
  for p in "$@"; do
    dpkg-query -W -f='${Status}' "$p" 2>/dev/null | grep -q 'install ok installed' || echo "$p"
  done
}

# A spec wants HAProxy's program. Its package would run it as a service, now and after each start of the machine: so
# the program is taken out of the package, and only the libraries that it needs are installed.
unpack_haproxy() {
  echo "deps: unpacking haproxy into $tools"
  mkdir -p "$tools"
  $sudo apt-get update -qq
  (cd "$tools" && apt-get download -qq haproxy && dpkg-deb -x haproxy_*.deb .)
  needed=$(dpkg-deb -f "$tools"/haproxy_*.deb Depends | tr ',' '\n' |
    sed 's/^ *\([^ (|]*\).*/\1/' | grep '^lib' || true)
  rm -f "$tools"/haproxy_*.deb
  needed=$(missing $needed)
  [ -z "$needed" ] || install_packages $needed
}

needed=$(missing $packages)
[ -z "$needed" ] || install_packages $needed
[ -x /usr/sbin/haproxy ] || [ -x $tools/usr/sbin/haproxy ] || unpack_haproxy
[ "${LUA:-}" != lua5.5 ] || sh scripts/luv.sh $LUA
