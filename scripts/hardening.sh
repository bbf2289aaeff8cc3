#!/bin/sh
# Prints those of the flags that this compiler, its linker and the system's headers take without a warning.
#
#   hardening.sh CC CFLAGS FLAG...
#
# -D_FORTIFY_SOURCE needs an optimizer, and does not go with a sanitizer, which has functions of its own in place of the
# checked ones. Where its level is too high for the compiler or the C library, it is one lower. CFLAGS that set it are
# left alone.
set -eu
cc=$1 cflags=$2
shift 2

takes() { # FLAG...
  $cc $cflags -Werror "$@" -x c -o "$out" - 2>/dev/null <<'END'
#include <string.h>
#if defined __has_feature
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif
#if defined _FORTIFY_SOURCE && (!defined __OPTIMIZE__ || defined __SANITIZE_ADDRESS__ || defined SANITIZED)
#error not here
#endif
int main(int argc, char **argv) { char text[8]; memset(text, argc, sizeof text); return text[0] + !argv; }
END
}

fortify() { # FLAG
  case $cflags in *_FORTIFY_SOURCE*) return ;; esac
  for level in $(seq "${1#*=}" -1 2); do
    if takes -U_FORTIFY_SOURCE "${1%=*}=$level"; then
      echo "-U_FORTIFY_SOURCE ${1%=*}=$level"
      return
    fi
  done
}

out=$(mktemp)
trap 'rm -f "$out"' EXIT
for flag in "$@"; do
  case $flag in
    -D_FORTIFY_SOURCE=*) fortify "$flag" ;;
    *) if takes "$flag"; then echo "$flag"; fi ;;
  esac
done
