#!/usr/bin/env bash
# safetensors 0.8.0 for Python writes a transposed NumPy array as another matrix, in silence.
#
# Guess:   save_file writes the array it is given, or refuses one that is not in C order, as it does for PyTorch.
# Is:      the bytes are written as they lie in memory, under the shape of the array. A matrix in Fortran order
#          (x.T, np.asfortranarray, what LAPACK gives back) reads back with the same shape and its entries in
#          other places. 0.7.0 wrote it right. Known there as issue 825.
# Matters: weights that were transposed on the way to a file (Keras and JAX keep W as PyTorch's W.T) are other
#          weights afterwards, and every size still fits: no reader can notice. np.ascontiguousarray before saving
#          helps.
#
# Needs python3 with venv and a package index for pip.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

cat >probe.py <<'PYTHON'
import sys

import numpy as np
from safetensors.numpy import load_file, save_file

w = np.arange(6, dtype=np.float32).reshape(2, 3)
same = {}
for name, array in {"w": w, "w.T": w.T, "asfortranarray(w)": np.asfortranarray(w),
                    "ascontiguousarray(w.T)": np.ascontiguousarray(w.T)}.items():
    save_file({"w": array}, "w.safetensors")
    back = load_file("w.safetensors")["w"]
    same[name] = back.shape == array.shape and bool((back == array).all())
    print(f"  {name}: {array.tolist()} reads back as {back.tolist()}: {'the same' if same[name] else 'ANOTHER MATRIX'}")
sys.exit(list(same.values()) != [letter == "=" for letter in sys.argv[1]])
PYTHON

# expect VERSION SAME: with this version the four arrays read back the same (=) or not (x)
expect() {
  python3 -m venv "$1"
  "$1/bin/pip" install -q --disable-pip-version-check "safetensors==$1" numpy==2.4.6
  echo "safetensors $1, numpy 2.4.6"
  "$1/bin/python" probe.py "$2" || { echo "changed: expected $2"; exit 1; }
}
expect 0.7.0 ====
expect 0.8.0 =xx=
echo "as found"
