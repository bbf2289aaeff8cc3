#!/bin/sh
# `make bench` in a release of Debian that stands in a folder of this machine, which scripts/homes.sh has made:
#
#   bench_home.sh NAME [OPTION...]    NAME is trixie or another; the options are those of bench/run.lua
#
# What was measured is kept in bench/RESULTS-NAME.md. PEERS is a folder of this machine in which `npm install node@24 bun`
# was run: they are node24 and bun in there. It needs root, for chroot and mount.
set -eu
cd "$(dirname "$0")/.."
name=${1:?"usage: bench_home.sh NAME [OPTION...]"}
homes=${TLS_HOMES:-/var/cache/tls-homes}
peers=${PEERS:-/opt/peers}
home=$homes/$name
results=bench/RESULTS-$name.md

[ -x "$home/usr/bin/apt-get" ] || { echo "bench_home: there is no $home: make homes HOMES=$name" >&2; exit 2; }
# What is mounted is seen by this script alone, and gone at its end.
if [ -z "${TLS_BENCH_ALONE:-}" ]; then
  export TLS_BENCH_ALONE=1
  exec unshare --mount --propagation private sh scripts/bench_home.sh "$@"
fi
shift

exec 9>"$home.lock" # as in homes.sh: what else is at work in there would be measured, too
flock -n 9 || { echo "bench_home: another run is at work in $home" >&2; exit 2; }

mount -t proc proc "$home/proc"
mount --bind /dev "$home/dev"
mkdir -p "$home/luv-tls-bench/bin" "$home/luv-tls-bench/peers" "$home/luv-tls-bench/luv-tls"
[ ! -d "$peers" ] || mount --bind "$peers" "$home/luv-tls-bench/peers"
ln -sfn /luv-tls-bench/peers/node_modules/node/bin/node "$home/luv-tls-bench/bin/node24"
ln -sfn /luv-tls-bench/peers/node_modules/bun/bin/bun.exe "$home/luv-tls-bench/bin/bun"

# The files are new (tar -m), as in homes.sh: what is built of them stays from the last run.
find "$home/luv-tls-bench/luv-tls" -mindepth 1 -maxdepth 1 ! -name build -exec rm -rf {} +
git ls-files -co --exclude-standard | while read -r file; do [ ! -e "$file" ] || echo "$file"; done |
  tar c -T - | tar xm -C "$home/luv-tls-bench/luv-tls"
env -i HOME=/root LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive \
  PATH=/luv-tls-bench/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
  chroot "$home" make -s -C /luv-tls-bench/luv-tls bench OPTIONS="--to $results $*"
[ ! -e "$home/luv-tls-bench/luv-tls/$results" ] || cp "$home/luv-tls-bench/luv-tls/$results" "$results"
