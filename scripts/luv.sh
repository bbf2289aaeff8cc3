#!/bin/sh
# Builds luv for Lua 5.5, for which Debian has none, from Debian's source package:
#
#   build/lua5.5/luv/luv.so       what `require "luv"` finds
#   build/lua5.5/luv/libluv.a     the same for the programs of the specs; and luv's headers
#
# Only the lists of apt and a package are fetched, into build; nothing is installed, and no root is needed.
set -eu
cd "$(dirname "$0")/.."

root=$PWD
lua=${1:-lua5.5}
to=build/$lua
work=$to/luv-source

[ ! -e "$to/luv/libluv.a" ] || exit 0
for file in /usr/lib/*/lua/"${lua#lua}"/luv.so; do
  [ ! -e "$file" ] || exit 0 # Debian has it by now
done

# apt with the machine's sources as sources of source packages, and all that it keeps in the folder.
own_apt() {
  mkdir -p "$work/lists" "$work/state/lists/partial" "$work/cache/archives/partial"
  for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources; do
    [ -e "$file" ] || continue
    sed 's/^deb /deb-src /; s/^Types:.*/Types: deb-src/' "$file" >"$work/lists/of-${file##*/}"
  done
}

apt() {
  apt-get -qq -o Dir::Etc::sourcelist=/dev/null -o Dir::Etc::sourceparts="$root/$work/lists" \
    -o Dir::State="$root/$work/state" -o Dir::State::status=/var/lib/dpkg/status -o Dir::Cache="$root/$work/cache" \
    -o APT::Sandbox::User=root "$@"
}

compile() { # SOURCE
  mkdir -p "$to/luv/luv"
  cp "$1"/src/*.h "$to/luv/luv"
  ${CC:-gcc} -O2 -g -fPIC -D_GNU_SOURCE $(pkg-config --cflags "$lua" libuv) -I"$1/src" -c -o "$work/luv.o" "$1/src/luv.c"
  ${CC:-gcc} -shared -o "$to/luv/luv.so" "$work/luv.o" $(pkg-config --libs libuv)
  ar rcs "$to/luv/libluv.a" "$work/luv.o"
}

echo "deps: building luv for $lua"
rm -rf "$work"
own_apt
apt update
(cd "$work" && apt source --download-only lua-luv)
mkdir "$work/luv"
tar x -C "$work/luv" --strip-components=1 -f "$work"/lua-luv_*.orig.tar.*z
compile "$work/luv"
rm -rf "$work"
