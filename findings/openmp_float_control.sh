#!/usr/bin/env bash
# The same binary flushes subnormals under GNU's OpenMP runtime and not under LLVM's, or the other way round.
#
# Guess:   the control word of the floating-point unit belongs to a thread: what a thread sets in a parallel
#          region, it still has in the next one, under any OpenMP runtime.
# Is:      so it is under libgomp. libomp hands every team the word that its master had when the region began,
#          and gives the master that word back at the end (KMP_INHERIT_FP_CONTROL, on by default): what was set
#          inside a region is undone in silence. Set by the master outside, it reaches every thread under
#          libomp, and under libgomp only threads that are made afterwards.
# Matters: "set FTZ and DAZ in every thread" is written as a parallel region, and then does nothing where
#          libomp or Intel's runtime, which does the same, takes libgomp's place (clang, MKL).
#          Setting it in the calling thread first and in a region then works under both.
#
# Needs Debian 12's package index, PyPI, g++ and an x86-64 processor.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

version=1:16.0.6-15~deb12u1
apt-get download -qq -o APT::Sandbox::User=root "libomp5-16=$version"
dpkg -x libomp5-16_*.deb root
python3 -m pip download -q --no-deps --only-binary :all: --platform manylinux_2_28_x86_64 intel-openmp==2025.2.1
python3 -m zipfile -e intel_openmp-*.whl root
declare -A runtime=([libgomp]='' [libomp]=$(find "$work/root" -name libomp.so.5 | head -n 1)
                    [libiomp5]=$(find "$work/root" -name libiomp5.so | head -n 1))

cat >probe.cpp <<'CPP'
#include <immintrin.h>
#include <omp.h>
#include <cstdio>
#include <cstring>

namespace {

constexpr unsigned flush = 0x8040;  // FTZ and DAZ

/// How many of a team of four flush 1e-38 / 10.
int flushing() {
  int count = 0;
#pragma omp parallel num_threads(4) reduction(+ : count)
  {
    const volatile float tiny = 1e-38F;
    count += tiny / 10 == 0 ? 1 : 0;
  }
  return count;
}

}  // namespace

int main(int, char** argv) {
  omp_set_dynamic(0);
  flushing();  // the threads are there
  if (std::strcmp(argv[1], "inside") != 0) _mm_setcsr(_mm_getcsr() | flush);
  if (std::strcmp(argv[1], "outside") != 0) {
#pragma omp parallel num_threads(4)
    _mm_setcsr(_mm_getcsr() | flush);
  }
  std::printf("%d of 4\n", flushing());
}
CPP
g++ -O1 -fopenmp -o probe probe.cpp

echo "libomp5-16 $version, intel-openmp 2025.2.1, $(g++ --version | head -n 1)"
# expect RUNTIME WHERE COUNT: of threads that flush
expect() {
  local got
  got=$(LD_PRELOAD=${runtime[$1]} ./probe "$2")
  echo "$1, set $2: $got"
  [ "$got" = "$3 of 4" ] || { echo "changed: expected $3 of 4"; exit 1; }
}
expect libgomp inside 4
expect libgomp outside 1
expect libgomp both 4
for llvm in libomp libiomp5; do
  expect $llvm inside 0
  expect $llvm outside 4
  expect $llvm both 4
done
