#!/usr/bin/env python3
"""Makes weights/inputs.npz and inputs_expected.json: PyTorch's layers of weights/ run on inputs of their own.

    python3 tests/golden/make_inputs.py        (pip install torch numpy safetensors)

x [T, B, I] = [9, 2, 3]. h0 (and c0) = 0.5 everywhere, float64, a gradient of ones on the last h. `norms` are
|dL/d state T - d|, d = 0 ... T, over the batch; an LSTM's state is the pair (h, c), differentiated step by step.
"""

import json
import pathlib

import numpy as np
import safetensors.torch
import torch

FOLDER = pathlib.Path(__file__).resolve().parent / "weights"
T, B, I, H = 9, 2, 3, 5
LAYERS = [("rnn_tanh.safetensors", torch.nn.RNN, {}), ("rnn_relu.npz", torch.nn.RNN, {"nonlinearity": "relu"}),
          ("lstm.npz", torch.nn.LSTM, {}), ("gru.safetensors", torch.nn.GRU, {})]


def state_dict(name):
    if name.endswith(".npz"):
        return {k: torch.from_numpy(v) for k, v in np.load(FOLDER / name).items()}
    return safetensors.torch.load_file(FOLDER / name)


def main():
    x = torch.from_numpy(np.random.default_rng(7).normal(size=(T, B, I)).astype(np.float32)).double()
    np.savez(FOLDER / "inputs.npz", x=x.numpy().astype(np.float32))
    cases = []
    for name, kind, more in LAYERS:
        layer = kind(I, H, **more).double()
        with torch.no_grad():
            for parameter, value in state_dict(name).items():
                if parameter.endswith("_l0"):
                    dict(layer.named_parameters())[parameter].copy_(value)
        lstm = kind is torch.nn.LSTM

        def step(t, state):
            _, after = layer(x[t : t + 1], state if lstm else state[0])
            return after if lstm else (after,)

        states = [tuple(torch.full((1, B, H), 0.5, dtype=torch.float64) for _ in range(2 if lstm else 1))]
        for t in range(T):
            states.append(tuple(s.detach() for s in step(t, states[-1])))
        gradient = (torch.ones(1, B, H, dtype=torch.float64),) + ((torch.zeros(1, B, H, dtype=torch.float64),) if lstm else ())
        norms = [torch.cat(gradient).norm().item()]
        for t in reversed(range(T)):
            before = tuple(s.clone().requires_grad_(True) for s in states[t])
            gradient = torch.autograd.grad(step(t, before), before, gradient)
            norms.append(torch.cat(gradient).norm().item())
        cases.append({"file": name, "relu": bool(more), "norms": norms})
    text = json.dumps({"torch": torch.__version__, "cases": cases}, indent=1)
    (FOLDER / "inputs_expected.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
