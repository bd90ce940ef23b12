#!/usr/bin/env bash
# Where OpenMP hands out fewer threads than its maximum says, oneDNN's dnnl_sgemm leaves out work and reports success.
#
# Guess:   a library divides its work among the threads that come, so OMP_THREAD_LIMIT and OMP_DYNAMIC change the speed.
# Is:      it divides by omp_get_max_threads(), which OMP_THREAD_LIMIT and OMP_DYNAMIC do not lower. The shares of
#          threads that never come are not computed: entries of C are wrong, and the status is dnnl_success.
# Matters: both variables are common on shared machines. Ask for the team that really comes, and call
#          omp_set_num_threads() with its size before oneDNN is used.
#
# Needs Debian 12's package index, PyPI, g++ and Python with venv.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

apt-get download -qq -o APT::Sandbox::User=root libdnnl-dev=2.6.3-1 libdnnl2=2.6.3-1 \
  ocl-icd-libopencl1=2.3.1-1
mkdir debian
for package in *.deb; do dpkg -x "$package" debian; done
python3 -m venv wheel
wheel/bin/pip install -q onednn-cpu-gomp==2023.2.0 onednn-devel-cpu-gomp==2023.2.0

cat >probe.cpp <<'CPP'
#include <dnnl.h>
#include <omp.h>
#include <cstdio>
#include <vector>
int main() {
  const long m = 64, n = 256, k = 256;
  std::vector<float> A(m * k), B(k * n), C(m * n, -1.0F);
  for (long i = 0; i < m * k; ++i) A[i] = static_cast<float>(i % 7) - 3;  // whole numbers: sums are exact
  for (long i = 0; i < k * n; ++i) B[i] = static_cast<float>(i % 5) - 2;
  omp_set_num_threads(2);
  const dnnl_status_t status = dnnl_sgemm('N', 'N', m, n, k, 1, A.data(), k, B.data(), n, 0, C.data(), n);
  long wrong = 0;
  for (long i = 0; i < m; ++i) {
    for (long j = 0; j < n; ++j) {
      double sum = 0;
      for (long l = 0; l < k; ++l) sum += static_cast<double>(A[i * k + l]) * B[l * n + j];
      wrong += sum != C[i * n + j];
    }
  }
  int team = 0;
#pragma omp parallel
#pragma omp single
  team = omp_get_num_threads();
  const dnnl_version_t* v = dnnl_version();
  std::printf("oneDNN %d.%d.%d, maximum %d, team %d: status %d, %s\n", v->major, v->minor, v->patch,
              omp_get_max_threads(), team, static_cast<int>(status), wrong == 0 ? "right" : "entries wrong");
}
CPP
# build NAME INCLUDE LIBRARY: the probe against one oneDNN
build() {
  g++ -O1 -fopenmp "-I$2" probe.cpp -o "$1-probe" "$3" \
    "-Wl,-rpath,$(dirname "$3")" "-Wl,-rpath-link,$work/debian/usr/lib/x86_64-linux-gnu"
}
lib=$work/debian/usr/lib/x86_64-linux-gnu
build debian "$work/debian/usr/include" "$lib/libdnnl.so.2"
build wheel "$work/wheel/include" "$work/wheel/lib/libdnnl.so.3"

for probe in debian wheel; do
  for setting in OMP_DYNAMIC=false OMP_THREAD_LIMIT=1; do
    said=$(env -u OMP_NUM_THREADS "$setting" LD_LIBRARY_PATH="$lib" "./$probe-probe")
    echo "$setting: $said"
    case $setting in
      OMP_DYNAMIC=false) expected='team 2: status 0, right' ;;
      *) expected='maximum 2, team 1: status 0, entries wrong' ;;
    esac
    grep -q "$expected" <<<"$said" || { echo "changed: expected '$expected'"; exit 1; }
  done
done
echo "as found: with fewer threads than the maximum, entries are wrong and the status is success"
