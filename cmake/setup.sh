# Sourced by bench/run and tests/run: installs what is missing and chooses the preset.
# shellcheck shell=bash

say() { printf '%s\n' "$*" >&2; }

missing_packages() {
  local package
  grep -v '^#' "$root/cmake/packages.txt" | while read -r package; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || echo "$package"
  done
}

# Debian packages: installed as root, else the exact command is printed.
install_packages() {
  command -v dpkg-query >/dev/null || return 0 # not Debian: CMake will say what it lacks
  local missing
  missing=$(missing_packages | tr '\n' ' ')
  [ -n "$missing" ] || return 0
  if [ "$(id -u)" -ne 0 ]; then
    say "Missing Debian packages. Please run:"
    say "  sudo apt-get install -y $missing"
    exit 1
  fi
  say "Installing: $missing"
  # shellcheck disable=SC2086
  { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $missing; } \
    >"$root/build/apt.log" 2>&1 || { say "apt-get failed; see build/apt.log"; exit 1; }
}

# Python with plotly, for the report only: without it everything else works.
setup_python() {
  local venv="$root/build/venv" stamp
  stamp="$venv/$(sha256sum <"$root/bench/requirements.txt" | cut -c1-16)"
  if [ ! -e "$stamp" ]; then
    say "Setting up Python with plotly for the report (build/venv)"
    { /usr/bin/python3 -m venv "$venv" && "$venv/bin/pip" install -q -r "$root/bench/requirements.txt" &&
      touch "$stamp"; } >"$root/build/venv.log" 2>&1 ||
      { say "No report: plotly could not be installed; see build/venv.log"; return 0; }
  fi
  GRADEPTH_PYTHON="$venv/bin/python"
  export GRADEPTH_PYTHON
}

working_nvcc() {
  local nvcc=${CUDACXX:-$(command -v nvcc || echo /usr/local/cuda/bin/nvcc)} probe status=1
  probe=$(mktemp -d)
  echo '__global__ void k() {}' >"$probe/k.cu"
  "$nvcc" -c "$probe/k.cu" -o "$probe/k.o" >/dev/null 2>&1 && status=0
  rm -r "$probe"
  return $status
}

gpu_present() { command -v nvidia-smi >/dev/null && nvidia-smi -L >/dev/null 2>&1; }

# CUDA only when a working nvcc and a GPU are there; GRADEPTH_PRESET overrides.
choose_preset() {
  preset=${GRADEPTH_PRESET:-}
  [ -z "$preset" ] || return 0
  if gpu_present && working_nvcc; then preset=cuda; else preset=cpu; fi
}

# build PRESET TARGETS [CMAKE FLAG…]: configures, builds; output goes to a log and is shown when it fails.
build() {
  local build_preset=$1 targets=$2 log="$root/build/$1.log"
  shift 2
  # shellcheck disable=SC2086
  if ! { cmake -S "$root" --preset "$build_preset" "$@" &&
    cmake --build "$root/build/$build_preset" -j "$(nproc)" --target $targets; } >"$log" 2>&1; then
    grep -E -A3 'error|Error|FAILED' "$log" | head -n 40 >&2 || true
    say "The build failed; the whole log is $log"
    exit 1
  fi
}
