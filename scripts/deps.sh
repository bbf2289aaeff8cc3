#!/bin/sh
# Installs what tls needs and what is missing, by the tool of this system: apt (Debian, Ubuntu), dnf (Fedora), pacman
# (Arch), apk (Alpine), pkg (FreeBSD) or brew (macOS). Where there is none of them it prints what is needed.
#
#   deps.sh build    to build it and to use it; `make demo` runs this
#   deps.sh test     what only the specs need, too; `make deps` and `make test` run this
#   deps.sh hard     and what only `make hard` needs
#   deps.sh bench    libuv's headers, and the servers that `make bench` measures beside ours, but for Node and Bun
#   deps.sh chart    what draws docs/chart.svg; `make chart` runs this
#
# What it is going to run is printed; with sudo, where that is needed. None of it starts a service.
set -eu
cd "$(dirname "$0")/.."
what=${1:-test}

# The packages of each tool: to build; for the specs alone; for `make hard`, `make bench` and `make chart` alone; and how
# luv and busted are installed by hand where they are no packages for this Lua. The specs are run on Debian: elsewhere
# some find that what they want is missing.
packages_of() { # TOOL: sets build, specs, hard, by_hand, bench and chart
  build= specs= hard= by_hand= bench= chart=gnuplot
  case $1 in
    apt)
      build="gcc make pkg-config lua5.4 liblua5.4-dev lua-luv libssl-dev openssl ca-certificates"
      specs="lua-luv-dev lua-busted lua-check luarocks git zip libuv1-dev clang-format curl tinyproxy-bin luajit
        libluajit-5.1-dev neovim python3-aiosmtpd lua5.1 lua-sec lua-ldoc discount
        nghttp2-client mosquitto-clients gnutls-bin"
      hard="clang nodejs sslscan testssl.sh"
      bench="libuv1-dev lua-sec lua-cqueues lua-luaossl"
      chart=gnuplot-nox
      case ${LUA:-} in # another Lua than lua5.4 or LuaJIT, as in make test LUA=lua5.1
        lua5.1) build="$build lua5.1 liblua5.1-0-dev" ;;
        lua5.[23]) build="$build $LUA lib$LUA-dev" ;;
        lua5.5) build="$build $LUA lib$LUA-dev xz-utils" ;;
      esac
      ;;
    dnf)
      build="gcc make pkgconf-pkg-config lua lua-devel lua-luv openssl-devel openssl ca-certificates"
      specs="luarocks curl nodejs luajit"
      by_hand="luarocks install busted"
      chart=gnuplot-minimal
      ;;
    pacman)
      build="gcc make pkgconf cmake lua54 lua54-luarocks openssl ca-certificates"
      specs="curl nodejs luajit"
      by_hand="luarocks --lua-version 5.4 install luv busted"
      ;;
    apk)
      build="build-base linux-headers pkgconf cmake lua5.4 lua5.4-dev luarocks5.4 openssl-dev openssl ca-certificates"
      specs="curl nodejs luajit"
      by_hand="luarocks-5.4 install luv busted"
      ;;
    pkg)
      build="gmake pkgconf cmake lua54 lua54-luarocks ca_root_nss"
      specs="curl node luajit"
      by_hand="luarocks54 install luv busted"
      chart=gnuplot-lite
      ;;
    brew)
      build="pkgconf cmake lua@5.4 luarocks openssl@3"
      specs="curl node luajit"
      by_hand="luarocks --lua-version 5.4 --lua-dir \$(brew --prefix lua@5.4) install luv busted"
      ;;
  esac
}

have() { command -v "$1" >/dev/null 2>&1; }

find_tool() {
  if have dpkg-query && have apt-get; then echo apt
  elif have dnf && have rpm; then echo dnf
  elif have pacman; then echo pacman
  elif have apk; then echo apk
  elif [ "$(uname -s)" = FreeBSD ]; then echo pkg
  elif have brew; then echo brew
  fi
}

installed() { # PACKAGE
  case $tool in
    apt) dpkg-query -W -f='${Status}' "$1" 2>/dev/null | grep -q 'install ok installed' ;;
    dnf) rpm -q "$1" >/dev/null 2>&1 ;;
    pacman) pacman -Q "$1" >/dev/null 2>&1 ;;
    apk) apk info -e "$1" >/dev/null 2>&1 ;;
    pkg) pkg info -e "$1" >/dev/null 2>&1 ;;
    brew) brew list --versions "$1" >/dev/null 2>&1 ;;
  esac
}

missing() { # those of the packages that are not installed
  for p in "$@"; do
    installed "$p" || echo "$p"
  done
}

# Homebrew refuses to run as root; all others need to.
as_root() {
  if [ "$(id -u)" = 0 ] || [ "$tool" = brew ]; then
    "$@"
  elif have sudo; then
    sudo "$@"
  else
    echo "deps: this needs root: $*" >&2
    exit 1
  fi
}

install_packages() {
  echo "deps: installing by $tool: $*"
  case $tool in
    apt)
      as_root apt-get update -qq
      as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
      ;;
    dnf) as_root dnf install -y "$@" ;;
    pacman) as_root pacman -S --needed --noconfirm "$@" ;;
    apk) as_root apk add "$@" ;;
    pkg) as_root pkg install -y "$@" ;;
    brew) brew install "$@" ;;
  esac
}

# Specs want these programs. Their packages would run them as services, now and after each start of the machine: so
# the programs are taken out of the packages, and only the libraries that they need are installed.
system=/usr # where the programs are else
tools=build/tools # programs without their packages
services="haproxy mosquitto redis-server postgres"
[ "$what" != bench ] || services=nginx

there() { # PROGRAM
  for path in $system/sbin $system/bin $tools/usr/sbin $tools/usr/bin $system/lib/postgresql/*/bin \
    $tools/usr/lib/postgresql/*/bin; do
    [ ! -x "$path/$1" ] || return 0
  done
  return 1
}

# What a package needs, by name, without versions and without the second of two.
needs() { # FILE
  dpkg-deb -f "$1" Depends | tr ',' '\n' | sed 's/^ *\([^ (|]*\).*/\1/'
}

unpack() { # PACKAGE: sets needed
  echo "deps: unpacking $1 into $tools"
  (cd "$tools" && apt-get download -qq "$1" && dpkg-deb -x "$1"_*.deb .)
  needed=$(needs "$tools/$1"_*.deb)
  rm -f "$tools/$1"_*.deb
}

unpack_service() { # PROGRAM
  case $1 in
    postgres)
      unpack postgresql # names the release
      for package in $(echo "$needed" | grep '^postgresql-' || true); do unpack "$package"; done
      ;;
    redis-server)
      unpack redis-tools # has the program
      libraries=$needed
      unpack redis-server # is a link to it
      needed=$libraries
      ;;
    *) unpack "$1" ;;
  esac
  # PostgreSQL compiles queries by LLVM if that is there.
  needed=$(missing $(echo "$needed" | grep '^lib' | grep -v '^libllvm' || true))
  [ -z "$needed" ] || install_packages $needed
}

unpack_services() {
  wanted=
  for program in $services; do there "$program" || wanted="$wanted $program"; done
  [ -n "$wanted" ] || return 0
  mkdir -p "$tools"
  as_root apt-get update -qq
  for program in $wanted; do unpack_service "$program"; done
}

[ "$what" != chart ] || ! have gnuplot || exit 0
tool=$(find_tool)
[ "$what$tool" != chart ] || { echo "deps: gnuplot is missing"; exit 1; }
if [ -z "$tool" ]; then
  echo "deps: none of apt, dnf, pacman, apk, pkg and brew is here. Please see that these are: a C compiler, make,"
  echo "deps: pkg-config, Lua and luv, and OpenSSL 3 or later, with the headers of Lua and OpenSSL"
  [ "$what" = build ] || echo "deps: for the specs: busted, curl, Node, LuaJIT, Neovim, tinyproxy, nghttp,"
  [ "$what" = build ] || echo "deps: HAProxy, Mosquitto, Redis, PostgreSQL"
  for program in cc "${LUA:-lua5.4}" openssl; do
    have "$program" || { echo "deps: $program is missing"; exit 1; }
  done
  exit 0
fi

packages_of "$tool"
case $what in
  build) wanted=$build ;;
  hard) wanted="$build $specs $hard" ;;
  bench) wanted=$bench by_hand= ;;
  chart) wanted=$chart by_hand= ;;
  *) wanted="$build $specs" ;;
esac
needed=$(missing $wanted)
[ -z "$needed" ] || install_packages $needed
[ -z "$by_hand" ] || [ -z "$needed" ] || echo "deps: then, what is no package here: $by_hand"
case $tool-$what in
  apt-build | apt-chart) ;;
  apt-*) unpack_services ;;
esac
[ "$tool" != apt ] || [ "${LUA:-}" != lua5.5 ] || sh scripts/luv.sh $LUA
