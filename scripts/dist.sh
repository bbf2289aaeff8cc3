#!/bin/sh
# Makes what a release is made of, from the commit that is checked out, and tries it out:
#
#   build/dist/luv-tls-VERSION.tar.gz            the sources; the same bytes from the same commit
#   build/dist/luv-tls-VERSION-1.rockspec
#   build/dist/luv-tls-VERSION-1.src.rock        both of them, as LuaRocks wants it
#
# The rock is installed into an empty tree, away from the checkout and without a network; there a client and a server of
# the installed module talk to each other. LUA=lua5.4 names the Lua. `make dist` runs it.
set -eu
cd "$(dirname "$0")/.."

lua=${LUA:-lua5.4}
lua_version=$($lua -e 'io.write((_VERSION:gsub("Lua ", "")))')
version=$($lua -e 'io.write(dofile "lua/tls/support/version.lua")')
name=luv-tls-$version
rockspec=$name-1.rockspec
dist=$PWD/build/dist
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() {
  echo "dist: $*" >&2
  exit 1
}

for tool in git gzip zip luarocks openssl; do
  command -v $tool >/dev/null || fail "$tool is missing"
done

changed=$(git status --porcelain)
[ -z "$changed" ] || fail "these files are not as they were committed:
$changed"
git cat-file -e "HEAD:rockspec/$rockspec" 2>/dev/null || fail "there is no rockspec/$rockspec: make rockspec"
grep -qF "## [$version] - " CHANGELOG.md || fail "CHANGELOG.md has no heading ## [$version]"

# gzip -n: without the time and the name.
archive() { git archive --format=tar --prefix="$name/" HEAD | gzip -n -9 >"$1"; }

rm -rf "$dist"
mkdir -p "$dist"
archive "$dist/$name.tar.gz"
archive "$work/again.tar.gz"
cmp "$dist/$name.tar.gz" "$work/again.tar.gz" || fail "git archive does not make the same bytes twice"
cp "rockspec/$rockspec" "$dist/"
for file in rockspec/luv-tls-scm-1.rockspec "$dist/$rockspec"; do
  luarocks lint "$file" || fail "luarocks lint refuses $file"
done

# LuaRocks fetches what it packs: here from the file that was just made. In the rock is the rockspec that is published.
sed "s,url = \"https://.*/$name.tar.gz\",url = \"file://$dist/$name.tar.gz\"," "rockspec/$rockspec" >"$work/$rockspec"
(cd "$work" && luarocks pack "$rockspec" >pack.log 2>&1) || fail "luarocks pack: $(cat "$work/pack.log")"
cp "$work/$name-1.src.rock" "$dist/"
(cd "$dist" && zip -q -X "$name-1.src.rock" "$rockspec") || fail "zip has failed"

cd "$work"
luarocks --lua-version "$lua_version" install --deps-mode=none --tree "$work/tree" "$dist/$name-1.src.rock" \
  >install.log 2>&1 || fail "luarocks install: $(cat install.log)"
installed=$work/tree/lib/luarocks/rocks-$lua_version/luv-tls/$version-1
for file in docs/api.md examples/echo_server.lua; do
  [ -f "$installed/$file" ] || fail "the rock has no $file"
done

gzip -dc "$dist/$name.tar.gz" | tar xf - "$name/spec/support/smoke.lua"
export LUA_PATH="$work/tree/share/lua/$lua_version/?.lua;$work/tree/share/lua/$lua_version/?/init.lua;;"
export LUA_CPATH="$work/tree/lib/lua/$lua_version/?.so;;"
smoke=$($lua "$name/spec/support/smoke.lua" 2>&1) || fail "the smoke test of the installed rock: $smoke"
case $smoke in
  *"$work/tree/"*) ;;
  *) fail "another module than the installed one was tried: $smoke" ;;
esac
said=$($lua -e 'print(require "tls"._VERSION)')
[ "$said" = "luv-tls $version" ] || fail "the installed module says that it is $said"

echo "dist: $name, installed by LuaRocks for Lua $lua_version and tried:"
ls -l "$dist"
