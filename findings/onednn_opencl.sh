#!/usr/bin/env bash
# Debian 12's oneDNN cannot be found by CMake when it is installed without recommended packages.
#
# Guess:   a -dev package depends on all that its own CMake files require.
# Is:      libdnnl-dev 2.6.3 is built with the OpenCL runtime, and its dnnl-config.cmake calls find_package(OpenCL
#          REQUIRED); but the package only recommends ocl-icd-opencl-dev.
# Matters: containers are usually built with --no-install-recommends. There find_package(dnnl) fails, also for a
#          program that uses the processor alone. ocl-icd-opencl-dev has to be named beside libdnnl-dev.
#
# Needs Debian 12's package index, cmake and g++. What else is installed is hidden from CMake.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

download() { apt-get download -qq -o APT::Sandbox::User=root "$@"; }
unpack() { for package in "$@"; do dpkg -x "$package" root; done; }
download libdnnl-dev=2.6.3-1 libdnnl2=2.6.3-1
unpack ./*.deb
cat >CMakeLists.txt <<'CMAKE'
cmake_minimum_required(VERSION 3.18)
project(probe CXX)
find_package(dnnl CONFIG REQUIRED)
message(STATUS "found dnnl ${dnnl_VERSION}")
CMAKE
# configure FOLDER: what CMake says, with nothing to be found but the unpacked packages
configure() {
  cmake -S . -B "$1" "-DCMAKE_FIND_ROOT_PATH=$work/root" "-DCMAKE_PREFIX_PATH=/usr" \
    -DCMAKE_FIND_ROOT_PATH_MODE_PACKAGE=ONLY -DCMAKE_FIND_ROOT_PATH_MODE_LIBRARY=ONLY \
    -DCMAKE_FIND_ROOT_PATH_MODE_INCLUDE=ONLY 2>&1
}

echo "libdnnl-dev 2.6.3-1, $(cmake --version | head -n 1)"
dpkg -f libdnnl-dev_*.deb Depends Recommends
if said=$(configure alone); then echo "changed: found without OpenCL"; exit 1; fi
grep -m 1 'Could NOT find OpenCL' <<<"$said" || { echo "changed:"; echo "$said"; exit 1; }

mkdir more && cd more
download ocl-icd-opencl-dev=2.3.1-1 ocl-icd-libopencl1=2.3.1-1 opencl-c-headers=3.0~2023.02.06-1
cd .. && unpack more/*.deb
said=$(configure together) || { echo "changed: not found with OpenCL either:"; echo "$said"; exit 1; }
grep 'found dnnl 2.6.3' <<<"$said"
echo "as found: with ocl-icd-opencl-dev, which is only recommended, it is found"
