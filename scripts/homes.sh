#!/bin/sh
# Runs the suite, and the smoke test of the rock, in releases of Debian that stand in folders of this machine:
#
#   homes.sh [NAME...]      all of them: bookworm trixie sid openssl4
#
# openssl4 is sid with the OpenSSL 4.0 of experimental. A folder is made once, by debootstrap from the mirror that this
# machine uses, into TLS_HOMES; each run copies the checkout in. It needs root, and starts no service.
#
#   LUAS="lua5.4"  the Luas; another may be luajit, lua5.1, lua5.2 or lua5.3
#   SPEC=, JOBS=   as for make test
#
# The table of docs/homes.md gets a line for each home and Lua; what was printed is in TLS_HOMES/NAME.LUA.log.
set -eu
cd "$(dirname "$0")/.."

homes=${TLS_HOMES:-/var/cache/tls-homes}
luas=${LUAS:-lua5.4}
page=docs/homes.md

# Beside what `make deps` installs: to build other Luas, and what the specs use.
packages="make ca-certificates procps iproute2 git nodejs haproxy lua5.1 liblua5.1-0-dev lua5.2 liblua5.2-dev lua5.3
liblua5.3-dev"

fail() {
  echo "homes: $*" >&2
  exit 1
}

suite_of() {
  case $1 in
    openssl4) echo sid ;;
    bookworm | trixie | sid) echo "$1" ;;
    *) fail "there is no home '$1': bookworm trixie sid openssl4" ;;
  esac
}

# The first of the machine's own, without those of others than Debian.
mirror() {
  cat /etc/apt/sources.list /etc/apt/sources.list.d/*.sources /etc/apt/sources.list.d/*.list 2>/dev/null |
    sed -n 's/^URIs: *//p; s/^deb \(\[[^]]*\] \)\{0,1\}\([^ ]*\).*/\2/p' | grep '/debian/*$' | head -n 1
}

inside() { # NAME COMMAND...: run in the home
  home=$homes/$1
  shift
  env -i HOME=/root LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive \
    PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin chroot "$home" "$@"
}

mount_in() { # NAME: what programs expect to be there
  home=$homes/$1
  mkdir -p "$home/dev" "$home/proc"
  mountpoint -q "$home/proc" || mount -t proc proc "$home/proc"
  mountpoint -q "$home/dev" || mount --bind /dev "$home/dev"
  mountpoint -q "$home/dev/pts" || mount -t devpts devpts "$home/dev/pts"
}

settle() { # NAME: this machine's network, and no services
  home=$homes/$1
  printf '#!/bin/sh\nexit 101\n' >"$home/usr/sbin/policy-rc.d"
  chmod +x "$home/usr/sbin/policy-rc.d"
  cp /etc/resolv.conf /etc/hosts "$home/etc/"
  apt-config dump Acquire | grep -E '::(Proxy|Check-|AllowReleaseInfoChange)' >"$home/etc/apt/apt.conf.d/90machine" || :
}

bootstrap() { # NAME
  suite=$(suite_of "$1")
  from=$(mirror)
  command -v debootstrap >/dev/null || fail "debootstrap is missing: apt-get install debootstrap"
  echo "homes: making $1 from ${from:=http://deb.debian.org/debian}"
  debootstrap --variant=minbase "$suite" "$homes/$1.new" "$from" >"$homes/$1.boot.log" 2>&1 ||
    fail "debootstrap has failed, see $homes/$1.boot.log"
  mv "$homes/$1.new" "$homes/$1"
}

add_openssl4() {
  from=$(mirror)
  echo "deb ${from:-http://deb.debian.org/debian} experimental main" \
    >"$homes/openssl4/etc/apt/sources.list.d/experimental.list"
  inside openssl4 apt-get update -qq
  inside openssl4 apt-get install -y -qq --no-install-recommends -t experimental libssl-dev openssl
}

# Only what is not there yet. A home is what its release was when the folder was made: remove the folder for a new one.
make_home() { # NAME
  [ -x "$homes/$1/usr/bin/apt-get" ] || bootstrap "$1"
  mount_in "$1"
  settle "$1"
  [ -e "$homes/$1/installed" ] && return
  echo "homes: installing packages in $1"
  {
    inside "$1" apt-get update -qq
    inside "$1" apt-get install -y -qq --no-install-recommends $packages
    [ "$1" != openssl4 ] || add_openssl4
  } >"$homes/$1.apt.log" 2>&1 || fail "apt-get has failed, see $homes/$1.apt.log"
  touch "$homes/$1/installed"
}

# Builds are kept, all else is as in the checkout.
copy_checkout() { # NAME
  to=$homes/$1/luv-tls
  mkdir -p "$to"
  find "$to" -mindepth 1 -maxdepth 1 ! -name build -exec rm -rf {} +
  git ls-files -co --exclude-standard | while read -r file; do [ -e "$file" ] && echo "$file"; done |
    tar c -T - | tar x -C "$to"
}

ask() { # NAME LUA CODE: what Lua prints
  inside "$1" "$2" -e "$3" 2>/dev/null || echo '?'
}

rock() { # NAME LUA: ok, failed, or - for a Lua that luarocks is not asked about
  [ "$2" = lua5.4 ] || { echo '-'; return; }
  inside "$1" sh -c 'set -e; cd /luv-tls; tree=$(mktemp -d); trap "rm -rf $tree" EXIT
    luarocks --lua-version 5.4 make --deps-mode=none --tree "$tree" rockspec/luv-tls-scm-1.rockspec
    cd "$tree"; LUA_PATH="$tree/share/lua/5.4/?.lua;$tree/share/lua/5.4/?/init.lua;;" \
    LUA_CPATH="$tree/lib/lua/5.4/?.so;;" timeout 60 lua5.4 /luv-tls/spec/support/smoke.lua' \
    >"$homes/$1.rock.log" 2>&1 && echo ok || echo failed
}

line_of() { # NAME LUA: the line of the table
  openssl=$(inside "$1" openssl version | cut -d' ' -f2)
  luv=$(ask "$1" "$2" 'local uv = require "luv" io.write(uv.version_string())')
  totals=$(grep -E '^[0-9]+ success' "$homes/$1.$2.log" | tail -n 1)
  counts=$(echo "$totals" | sed -n 's/^\([0-9]*\) .* \/ \([0-9]*\) failure.* \/ \([0-9]*\) error.* \/ \([0-9]*\) pend.*/\1 \2 \3 \4/p')
  set -- "$1" "$2" $counts
  echo "| $1 | $openssl | $luv | $2 | ${3:-did not run} | $((${4:-0} + ${5:-0})) | ${6:-0} | $(rock "$1" "$2") | $(date +%F) |"
}

run() { # NAME LUA
  echo "homes: $1, $2"
  inside "$1" env JOBS="${JOBS:-$(nproc)}" sh -c 'cd /luv-tls && umask 022 && make test LUA="$1" SPEC="$2"' \
    sh "$2" "${SPEC:-}" >"$homes/$1.$2.log" 2>&1 || sed -n 's/^failed: /homes: failed: /p' "$homes/$1.$2.log"
  if [ -n "${SPEC:-}" ]; then line_of "$1" "$2"; else line_of "$1" "$2" | tee "$homes/$1.$2.line"; fi
}

table() { # put the lines of all homes into the page
  {
    sed '/<!-- table -->/q' $page
    echo '| home | OpenSSL | libuv | Lua | passed | failed | pending | rock | date |'
    echo '|---|---|---|---|---|---|---|---|---|'
    for name in bookworm trixie sid openssl4; do cat "$homes/$name."*.line 2>/dev/null || :; done
    sed -n '/<!-- end -->/,$p' $page
  } >"$homes/page"
  cat "$homes/page" >$page
}

[ "$(id -u)" = 0 ] || fail "debootstrap and chroot need root"
# What is mounted here is seen by this script alone, and gone at its end: whoever removes a folder removes no devices.
if [ -z "${TLS_HOMES_ALONE:-}" ]; then
  export TLS_HOMES_ALONE=1
  exec unshare --mount --propagation private sh scripts/homes.sh "$@"
fi
mkdir -p "$homes"
for name in ${*:-bookworm trixie sid openssl4}; do
  suite_of "$name" >/dev/null
  (
    flock 9 # one run at a time in a home
    make_home "$name"
    copy_checkout "$name"
    for lua in $luas; do run "$name" "$lua"; done
  ) 9>"$homes/$name.lock"
done
[ -n "${SPEC:-}" ] || table
