#!/usr/bin/env bash
# Highway 1.0.3 (Debian 12) does not compile for a processor with AVX-512 and AVX-VNNI.
#
# Guess:   -march=sapphirerapids or newer compiles as -march=icelake-server does, or picks a lesser target.
# Is:      the header stops with an #error of its own. It takes AVX3_DL for the baseline, but lists that target
#          only when asked to, or when HWY_BASELINE has it: a name that is defined nowhere (HWY_ENABLED_BASELINE
#          is meant), and a name that is not defined counts as 0.
# Matters: -march=native fails on every recent Xeon, with nothing in the message that says what to do.
#          -DHWY_WANT_AVX3_DL compiles it.
#
# Needs Debian 12's package index and g++ 12. Compiles only, so it runs on any x86-64.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

apt-get download -qq -o APT::Sandbox::User=root libhwy-dev=1.0.3-3+deb12u1
dpkg -x libhwy-dev_*.deb root
cat >probe.cpp <<'CPP'
#define HWY_TARGET_INCLUDE "probe.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>
CPP

echo "libhwy-dev 1.0.3-3+deb12u1, $(g++ --version | head -n 1)"
# compile FLAG…: the first error, or "compiles"
compile() {
  local said
  if said=$(g++ -std=c++17 -fsyntax-only -I root/usr/include -I . "$@" probe.cpp 2>&1); then
    echo compiles
  else
    grep -m 1 -o 'error: .*' <<<"$said"
  fi
}
# expect PATTERN FLAG…
expect() {
  local got
  got=$(compile "${@:2}")
  echo "${*:2}: $got"
  # shellcheck disable=SC2053 # a pattern is meant
  [[ $got == $1 ]] || { echo "changed: expected $1"; exit 1; }
}
expect compiles -march=icelake-server
expect '*best baseline should be included in dynamic targets*' -march=sapphirerapids
expect '*best baseline should be included in dynamic targets*' -march=icelake-server -mavxvnni
expect compiles -march=sapphirerapids -DHWY_WANT_AVX3_DL
if grep -rnE 'define +HWY_BASELINE\b' root/usr/include; then echo "changed: HWY_BASELINE is defined"; exit 1; fi
echo "as found: HWY_BASELINE is asked $(grep -rwE HWY_BASELINE root/usr/include | wc -l) time, and defined nowhere"
