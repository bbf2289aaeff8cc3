#!/bin/sh
# Writes what runs of scripts/homes.sh have found into a page, between its marks <!-- table --> and <!-- end -->:
#
#   homes_page.sh RESULTS PAGE
#
# RESULTS has NAME.LUA.line, a line of the table, and NAME.LUA.log, what `make test` has printed.
set -eu
results=$1
page=$2

runs() { # in the order of the table
  for name in bookworm trixie sid openssl4; do
    for lua in lua5.4 luajit lua5.1 lua5.2 lua5.3 lua5.5 nvim; do
      [ ! -e "$results/$name.$lua.line" ] || echo "$name.$lua"
    done
  done
}

# Every pending test of a log: why. Every failed one: its place, and what has failed; a file that has not come to its end.
told() { # NAME.LUA
  awk -v where="${1%%.*} ${1#*.}" '
    function tell(kind, text) { gsub(/\|/, "\\|", text); print kind "\t" text "\t" where }
    function waits() { if (waiting != "") tell("pending", waiting); waiting = "" }
    /^pending: / { waits(); waiting = $0; sub(/^pending: [0-9]+ /, "", waiting) }
    /^because: / { waiting = ""; tell("pending", substr($0, 10)) }
    /^alone: make test SPEC=/ {
      place = substr($0, 23)
      for (at = NR - 1; at > 0 && index(line[at], place " ") != 1; at--);
      if (at > 0) tell("failed", line[at] (at + 1 < NR && line[at + 1] != "" ? ": " line[at + 1] : ""))
      told_of[place] = 1; sub(/:[0-9]+$/, "", place); told_of[place] = 1
    }
    /^failed: / { for (i = 2; i <= NF; i++) if (!($i in told_of)) tell("failed", $i) }
    /^[0-9]+ success.* pending : / { counted = 1 }
    { line[NR] = $0 }
    END { waits(); if (!counted) tell("failed", "did not run: " line[NR]) }
  ' "$results/$1.log"
}

# A row for each text of a kind: how many tests, and where.
rows() { # KIND <told
  awk -F '\t' -v kind="$1" '
    $1 == kind {
      if (!($2 in tests)) order[++n] = $2
      tests[$2]++
      if (index(where[$2] ",", " " $3 ",") == 0) where[$2] = where[$2] (where[$2] == "" ? "" : ",") " " $3
    }
    END { for (i = 1; i <= n; i++) print "| " order[i] " | " tests[order[i]] " |" where[order[i]] " |" }
  '
}

kind_table() { # KIND HEADING <told
  found=$(rows "$1")
  [ -n "$found" ] || return 0
  printf '\n| %s | tests | where |\n|---|---|---|\n%s\n' "$2" "$found"
}

told=$(mktemp)
new=$(mktemp)
trap 'rm -f "$told" "$new"' EXIT
for run in $(runs); do told "$run"; done >"$told"
{
  sed '/<!-- table -->/q' "$page"
  echo '| home | OpenSSL | luv | libuv | Lua | passed | failed | pending | rock | time | commit | date |'
  echo '|---|---|---|---|---|---|---|---|---|---|---|---|'
  for run in $(runs); do cat "$results/$run.line"; done
  kind_table failed 'what failed' <"$told"
  kind_table pending 'why tests are pending' <"$told"
  sed -n '/<!-- end -->/,$p' "$page"
} >"$new"
cat "$new" >"$page"
