#!/usr/bin/env bash
# torch.set_flush_denormal(True) flushes in the calling thread alone once PyTorch has computed anything large.
#
# Guess:   it holds for an operation as a whole: all of a tensor's subnormal results are 0 afterwards, or none.
# Is:      it sets the control word of the thread that calls it. Threads of the pool that exist by then keep theirs, so
#          of one product the first share is flushed and the others are not; False leaves as much behind, the other
#          way round. Called before anything else it holds, as threads that are made later inherit it.
# Matters: gradients below 2^-126 are 0 in some rows of a tensor and not in others, by the number of threads; a timing
#          "with subnormals flushed" still pays for them in all threads but one.
#
# Needs python3 with venv, a package index for pip, an x86-64 processor.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

cat >probe.py <<'PYTHON'
import sys
import warnings

warnings.filterwarnings("ignore")  # there is no NumPy
import torch

THREADS = 4
torch.set_num_threads(THREADS)
order, wanted = sys.argv[1], [float(x) for x in sys.argv[2].split(",")]


def threads_compute():
    torch.ones(1 << 20).mul(2)


def flushed():
    """Of 2e-38 / 10: the share of zeros in each thread's part, by their bits."""
    tiny = torch.full((1 << 20,), 2e-38).mul(0.1)  # 2e-38 itself is a normal number
    return [(part == 0).double().mean().item() for part in tiny.view(torch.int32).chunk(THREADS)]


if order == "set, compute":
    torch.set_flush_denormal(True)
    threads_compute()
elif order == "compute, set":
    threads_compute()
    torch.set_flush_denormal(True)
else:  # set, compute, unset
    torch.set_flush_denormal(True)
    threads_compute()
    torch.set_flush_denormal(False)
print(f"  {order}: flushed in each thread's part: {flushed()}")
sys.exit(flushed() != wanted)
PYTHON

python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check torch==2.15.0
echo "torch $(venv/bin/python -W ignore -c 'import torch; print(torch.__version__)' 2>/dev/null), 4 threads"
# expect ORDER SHARES
expect() { venv/bin/python probe.py "$1" "$2" 2>/dev/null || { echo "changed: expected $2"; exit 1; }; }
expect 'set, compute' 1,1,1,1
expect 'compute, set' 1,0,0,0
expect 'set, compute, unset' 0,1,1,1
echo "as found"
