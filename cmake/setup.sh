# Sourced by bench/run and tests/run: installs what is missing and chooses the preset.
# shellcheck shell=bash

say() { printf '%s\n' "$*" >&2; }

follower=''     # the background process that tells how far a build is
python_setup='' # one that installs beside a build
trap 'for helper in $follower $python_setup; do kill "$helper" 2>/dev/null || true; done' EXIT
trap 'exit 130' INT # also where the program that was interrupted made an end of its own

missing_packages() {
  local wanted installed package
  mapfile -t wanted < <(grep -v '^#' "$root/cmake/packages.txt"; printf '%s' "${more_packages:-}")
  installed=$(dpkg-query -W -f '${Package} ${Status}\n' "${wanted[@]}" 2>/dev/null || true)
  for package in "${wanted[@]}"; do
    grep -q "^$package .*ok installed$" <<<"$installed" || echo "$package"
  done
}

# Debian packages: installed as root, else the exact command is printed.
install_packages() {
  command -v dpkg-query >/dev/null || return 0 # not Debian: CMake will say what it lacks
  local missing install log="$root/build/apt.log"
  mapfile -t missing < <(missing_packages)
  [ ${#missing[@]} -gt 0 ] || return 0
  install="apt-get install -y --no-install-recommends ${missing[*]}"
  if [ "$(id -u)" -ne 0 ]; then
    if command -v sudo >/dev/null; then
      say "Missing Debian packages. Please run:"
      say "  sudo apt-get update && sudo $install"
    else
      say "Missing Debian packages. As root, please run:"
      say "  apt-get update && $install"
    fi
    exit 1
  fi
  say "Reading Debian's package lists (build/apt.log)"
  apt-get update >"$log" 2>&1 || say "apt-get update failed; trying to install all the same"
  say "Installing ${#missing[@]} packages and what they need: ${missing[*]}"
  # shellcheck disable=SC2086
  DEBIAN_FRONTEND=noninteractive $install >>"$log" 2>&1 || {
    grep '^E:' "$log" | sort -u | head -n 10 >&2 || true
    say "apt-get failed; the whole log is build/apt.log"
    exit 1
  }
}

# Python with plotly, for the report only: without it everything else works.
setup_python() {
  local venv="$root/build/venv" stamp
  stamp="$venv/$(sha256sum <"$root/bench/report/requirements.txt" | cut -c1-16)"
  if [ ! -e "$stamp" ]; then
    say "Setting up Python with plotly for the report (build/venv)"
    { /usr/bin/python3 -m venv "$venv" && "$venv/bin/pip" install -q -r "$root/bench/report/requirements.txt" &&
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

# The driver's own word, or its devices where a container has them without nvidia-smi.
gpu_present() {
  if command -v nvidia-smi >/dev/null; then nvidia-smi -L >/dev/null 2>&1; else compgen -G '/dev/nvidia[0-9]*' >/dev/null; fi
}

# CUDA only when a working nvcc and a GPU are there; GRADEPTH_PRESET overrides.
choose_preset() {
  preset=${GRADEPTH_PRESET:-}
  [ -z "$preset" ] || return 0
  preset=cpu
  gpu_present || return 0
  if working_nvcc; then
    preset=cuda
  else
    say "A GPU is here, but no working nvcc: making the CPU build. For the CUDA build install CUDA 12 or 13 with" \
      "cuBLAS and cuDNN 9 (or set CUDACXX to nvcc's path), then run this again."
  fi
}

# follow LOG WHAT: for a build that takes a while: says WHAT, then every 20 s how far ninja's log has come.
# Its sleeps hold no descriptors: whoever reads our output need not wait for them.
follow() {
  sleep 0.7 <&- >&- 2>&-
  say "$2; log: ${1#"$root/"}"
  while sleep 20 <&- >&- 2>&- && kill -0 $$ 2>/dev/null; do
    say "  $(grep -oE '^\[[0-9]+/[0-9]+\]' "$1" | tail -n 1 || true)"
  done
}

# build PRESET TARGETS [CMAKE FLAG…]: configures, builds; output goes to a log, which is shown when it fails.
# CXXFLAGS, CUDAARCHS and GRADEPTH_WERROR hold at once, not only when the build folder is new.
build() {
  local build_preset=$1 targets=$2 log="$root/build/$1.log" first='' status=0
  shift 2
  : >"$log"
  [ -e "$root/build/$build_preset/build.ninja" ] || first=', the first time: a few minutes'
  follow "$log" "Building ${targets// /, } (preset $build_preset)$first" &
  follower=$!
  # shellcheck disable=SC2086
  { cmake -S "$root" --preset "$build_preset" -DGRADEPTH_BATCHES=ON ${CXXFLAGS:+"-DCMAKE_CXX_FLAGS=$CXXFLAGS"} \
    ${CUDAARCHS:+"-DCMAKE_CUDA_ARCHITECTURES=$CUDAARCHS"} ${GRADEPTH_WERROR:+"-DGRADEPTH_WERROR=$GRADEPTH_WERROR"} "$@" &&
    cmake --build "$root/build/$build_preset" -j "$(nproc)" --target $targets; } >"$log" 2>&1 || status=$?
  kill "$follower" 2>/dev/null || true
  wait "$follower" 2>/dev/null || true
  follower=''
  if [ $status -ne 0 ]; then
    grep -E -A3 'error|Error|FAILED' "$log" | head -n 40 >&2 || true
    say "The build failed; the whole log is $log"
    exit 1
  fi
}
