#!/usr/bin/env bash
# JAX's gradient of elu, celu, selu and expm1 is that of expm1 + 1: in float32 it is 0 from -17.4 on.
#
# Guess:   elu'(x) = e^x for x < 0, with float32's digits down to its range: 2.5e-8 at -17.5, as PyTorch gives.
# Is:      the derivative of expm1 is taken from its result, (e^x - 1) + 1, which has absolute digits alone: off by 3 %
#          at -15, by 40 % at -17, and 0 at -17.5.
# Matters: a unit of elu or selu that is far below 0 still has a gradient on paper, and in PyTorch; in JAX it has none.
#          Who compares the two, or checks a kernel against JAX's autograd, meets it.
#
# Needs python3 with venv and a package index for pip.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

cat >probe.py <<'PYTHON'
import math
import sys

import jax

print(f"jax {jax.__version__}, {jax.default_backend()}")
found = {}
for function in (jax.numpy.expm1, jax.nn.elu, jax.nn.celu, jax.nn.selu):
    scale = 1.0507009873554805 * 1.6732632423543772 if function is jax.nn.selu else 1.0
    slope = jax.grad(function)
    ratios = [float(slope(jax.numpy.float32(x))) / (scale * math.exp(x)) for x in (-5.0, -15.0, -17.0, -17.5)]
    found[function.__name__] = ratios
    print(f"  {function.__name__}: slope / e^x at -5, -15, -17, -17.5:", ", ".join(f"{r:.3f}" for r in ratios))
as_found = all(abs(r[0] - 1) < 1e-4 and 0.01 < abs(r[1] - 1) < 0.1 and abs(r[2] - 1) > 0.2 and r[3] == 0
               for r in found.values())
sys.exit(not as_found)
PYTHON

python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check jax==0.10.2 jaxlib==0.10.2
JAX_PLATFORMS=cpu venv/bin/python probe.py || { echo "changed"; exit 1; }
echo "as found"
