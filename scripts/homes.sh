#!/bin/sh
# Runs the suite, and the smoke test of the rock, in releases of Debian that stand in folders of this machine:
#
#   homes.sh [NAME...]      all of them: bookworm trixie sid openssl4
#
# openssl4 is sid with the OpenSSL 4.0 of experimental. A folder is made once, by debootstrap from the mirror that this
# machine uses, into TLS_HOMES; each run copies the checkout in. It needs root, and starts no service. Its status is 1
# when anything has failed anywhere, else 2 when something that it needs was missing.
#
#   LUAS="lua5.4 nvim"  instead of all that a home has: lua5.4 luajit lua5.1 lua5.2 lua5.3 lua5.5 nvim
#   SPEC=, JOBS=        as for make test; a part of the suite leaves docs/homes.md as it is
#   NEW=1               what was found before, in other runs, does not stay in docs/homes.md
#
# What was printed is in TLS_HOMES/results/NAME.LUA.log; what of it is in docs/homes.md.
set -eu
cd "$(dirname "$0")/.."

homes=${TLS_HOMES:-/var/cache/tls-homes}
results=$homes/results
part=${SPEC:+.part} # what is said of a part of the suite stands by itself

# Beside what `make deps` installs: to build other Luas, and what the specs use.
packages="make ca-certificates procps iproute2 git nodejs haproxy lua5.1 liblua5.1-0-dev lua5.2 liblua5.2-dev lua5.3
liblua5.3-dev"

fail() {
  echo "homes: $*" >&2
  exit 2
}

suite_of() {
  case $1 in
    openssl4) echo sid ;;
    bookworm | trixie | sid) echo "$1" ;;
    *) fail "there is no home '$1': bookworm trixie sid openssl4" ;;
  esac
}

luas_of() { # NAME: Debian has had luv for Lua 5.2 until trixie, and Lua 5.5 since
  case $1 in
    bookworm | trixie) echo lua5.4 luajit lua5.1 lua5.2 lua5.3 nvim ;;
    *) echo lua5.4 luajit lua5.1 lua5.3 lua5.5 nvim ;;
  esac
}

# === a home ===

# The first of the machine's own, without those of others than Debian.
mirror() {
  from=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/*.sources /etc/apt/sources.list.d/*.list 2>/dev/null |
    sed -n 's/^URIs: *//p; s/^deb \(\[[^]]*\] \)\{0,1\}\([^ ]*\).*/\2/p' | grep '/debian/*$' | head -n 1)
  echo "${from:-http://deb.debian.org/debian}"
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
  { mountpoint -q "$home/proc" || mount -t proc proc "$home/proc"; } &&
    { mountpoint -q "$home/dev" || mount --bind /dev "$home/dev"; } &&
    { mountpoint -q "$home/dev/pts" || mount -t devpts devpts "$home/dev/pts"; } ||
    fail "/dev and /proc cannot be mounted in $home"
}

settle() { # NAME: this machine's network, and no services
  home=$homes/$1
  printf '#!/bin/sh\nexit 101\n' >"$home/usr/sbin/policy-rc.d"
  chmod +x "$home/usr/sbin/policy-rc.d"
  cp /etc/resolv.conf /etc/hosts "$home/etc/"
  {
    ! command -v apt-config >/dev/null || apt-config dump Acquire | grep -E '::(Proxy|Check-|AllowReleaseInfoChange)' || :
    echo 'DPkg::Lock::Timeout "600";'
  } >"$home/etc/apt/apt.conf.d/90machine"
}

bootstrap() { # NAME
  suite=$(suite_of "$1")
  from=$(mirror)
  command -v debootstrap >/dev/null ||
    fail "there is no folder $homes/$1, and no debootstrap to make it: apt-get install debootstrap"
  echo "homes: making $1 from $from"
  rm -rf "$homes/$1.new"
  debootstrap --variant=minbase "$suite" "$homes/$1.new" "$from" >"$homes/$1.boot.log" 2>&1 || {
    tail -n 3 "$homes/$1.boot.log" >&2
    fail "debootstrap could not make $suite from the mirror $from, see $homes/$1.boot.log"
  }
  mv "$homes/$1.new" "$homes/$1"
}

aptly() { # NAME COMMAND...: print what it says when it fails
  name=$1
  shift
  inside "$name" "$@" >"$homes/$name.apt.log" 2>&1 || {
    tail -n 3 "$homes/$name.apt.log" >&2
    fail "$name lacks packages that could not be installed, see $homes/$name.apt.log: is $(mirror) there?"
  }
}

add_openssl4() {
  echo "deb $(mirror) experimental main" >"$homes/openssl4/etc/apt/sources.list.d/experimental.list"
  aptly openssl4 apt-get update -qq
  aptly openssl4 apt-get install -y -qq --no-install-recommends -t experimental libssl-dev openssl
}

# Only what is not there yet. A home is what its release was when the folder was made: remove the folder for a new one.
make_home() { # NAME
  [ -x "$homes/$1/usr/bin/apt-get" ] || bootstrap "$1"
  mount_in "$1"
  settle "$1"
  [ -e "$homes/$1/installed" ] && return
  echo "homes: installing packages in $1"
  aptly "$1" apt-get update -qq
  aptly "$1" apt-get install -y -qq --no-install-recommends $packages
  [ "$1" != openssl4 ] || add_openssl4
  touch "$homes/$1/installed"
}

# Builds are kept, all else is as in the checkout.
copy_checkout() { # NAME
  to=$homes/$1/luv-tls
  mkdir -p "$to"
  find "$to" -mindepth 1 -maxdepth 1 ! -name build -exec rm -rf {} +
  git ls-files -co --exclude-standard | while read -r file; do [ ! -e "$file" ] || echo "$file"; done |
    tar c -T - | tar x -C "$to"
}

# === a run ===

version_of() { # NAME LUA
  case $2 in
    nvim) inside "$1" nvim --version | sed -n '1s/NVIM v//p' ;;
    *) inside "$1" "$2" -v 2>&1 | sed -n '1s/^[^ ]* \([^ ]*\).*/\1/p' ;;
  esac
}

libuv_of() { # NAME LUA: Lua 5.5's luv is one that `make deps` has built
  case $2 in
    nvim) inside "$1" nvim --headless -u NONE --cmd 'lua io.write(vim.loop.version_string())' +q 2>/dev/null ;;
    *) inside "$1" env LUA_CPATH="/luv-tls/build/$2/luv/?.so;;" "$2" -e 'local uv = require "luv" io.write(uv.version_string())' 2>/dev/null ;;
  esac
}

package_of() { # NAME PACKAGE: its version, without Debian's part
  inside "$1" dpkg-query -W -f '${Version}' "$2" 2>/dev/null | sed 's/^[0-9]*://; s/-.*//'
}

rock() { # NAME LUA: ok, failed, or - where there is no luarocks for it, or no luv
  case $2 in
    nvim) version= ;;
    luajit) version=5.1 ;;
    *) version=${2#lua} ;;
  esac
  [ -n "$version" ] && inside "$1" sh -c "command -v luarocks-$version" >/dev/null && libuv_of "$1" "$2" >/dev/null ||
    { echo '-'; return; }
  inside "$1" sh -c 'set -e; cd /luv-tls; tree=$(mktemp -d); trap "rm -rf $tree" EXIT; headers=
    [ "$2" != luajit ] || headers=LUA_INCDIR=$(pkg-config --variable=includedir luajit)
    luarocks --lua-version $1 make --deps-mode=none --tree "$tree" rockspec/luv-tls-scm-1.rockspec $headers
    cd "$tree"; LUA_PATH="$tree/share/lua/$1/?.lua;$tree/share/lua/$1/?/init.lua;;" \
    LUA_CPATH="$tree/lib/lua/$1/?.so;/luv-tls/build/$2/luv/?.so;;" timeout 60 $2 /luv-tls/spec/support/smoke.lua' sh "$version" "$2" \
    >"$results/$1.$2.rock.log" 2>&1 && echo ok || echo failed
}

line_of() { # NAME LUA TOOK: the line of the table; all is well when its status is 0
  luv=$(package_of "$1" lua-luv)
  libuv=$(libuv_of "$1" "$2") || luv=- libuv=-
  counts=$(sed -n 's/^\([0-9]*\) success.* \/ \([0-9]*\) failure.* \/ \([0-9]*\) error.* \/ \([0-9]*\) pend.*/\1 \2 \3 \4/p' \
    "$results/$1.$2$part.log" | tail -n 1)
  openssl=$(inside "$1" openssl version | cut -d' ' -f2)
  lua="$2 $(version_of "$1" "$2")"
  rock=$(rock "$1" "$2")
  set -- "$1" "$3" $counts
  failed=$((${4:-0} + ${5:-0}))
  echo "| $1 | $openssl | $luv | $libuv | $lua | ${3:-did not run} | $failed | ${6:-0} | $rock | $2 | $commit | $(date +%F) |"
  [ -n "${3:-}" ] && [ "$failed" = 0 ] && [ "$rock" != failed ]
}

run() { # NAME LUA
  echo "homes: $1, $2"
  aptly "$1" env LUA="$2" sh /luv-tls/scripts/deps.sh test
  began=$(date +%s)
  inside "$1" env JOBS="${JOBS:-$(nproc)}" sh -c 'cd /luv-tls && umask 022 && make test LUA="$1" SPEC="$2"' \
    sh "$2" "${SPEC:-}" >"$results/$1.$2$part.log" 2>&1 || sed -n 's/^failed: /homes: failed: /p' "$results/$1.$2$part.log"
  line_of "$1" "$2" "$(($(date +%s) - began)) s" >"$results/$1.$2$part.line" || echo "$1 $2" >>"$failed_in"
  cat "$results/$1.$2$part.line"
}

[ "$(id -u)" = 0 ] || fail "this needs root, for debootstrap, chroot and mount"
for tool in chroot unshare mountpoint flock git tar awk; do
  command -v $tool >/dev/null || fail "$tool is missing"
done
git rev-parse --git-dir >/dev/null 2>&1 || fail "this is no checkout of git's, of which only its own files would be copied"
# What is mounted here is seen by this script alone, and gone at its end: whoever removes a folder removes no devices.
if [ -z "${TLS_HOMES_ALONE:-}" ]; then
  export TLS_HOMES_ALONE=1
  unshare --mount --propagation private true || fail "this root may not mount (a container?)"
  exec unshare --mount --propagation private sh scripts/homes.sh "$@"
fi

# All of this is read before the first run begins, which takes hours in which the file may change.
main() {
  mkdir -p "$results"
  failed_in=$(mktemp)
  trap 'rm -f "$failed_in"' EXIT
  [ -z "${NEW:-}" ] || rm -f "$results"/*
  commit=$(git rev-parse --short HEAD)
  [ -z "$(git status --porcelain -- . ':!docs/homes.md')" ] || commit="$commit+"
  for name in ${*:-bookworm trixie sid openssl4}; do
    suite_of "$name" >/dev/null
  done
  for name in ${*:-bookworm trixie sid openssl4}; do
    (
      flock -n 9 || fail "another run is at work in $homes/$name"
      make_home "$name"
      copy_checkout "$name" || fail "the checkout could not be copied into $homes/$name"
      for lua in ${LUAS:-$(luas_of "$name")}; do run "$name" "$lua"; done
    ) 9>"$homes/$name.lock" || missing="${missing:-} $name"
  done
  [ -n "$part" ] || sh scripts/homes_page.sh "$results" docs/homes.md
  if [ -s "$failed_in" ]; then
    echo "homes: failed in: $(paste -sd, "$failed_in")" >&2
    exit 1
  fi
  [ -z "${missing:-}" ] || fail "not run, or not all of it:$missing"
}

main "$@"
exit
