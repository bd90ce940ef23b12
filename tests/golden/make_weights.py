#!/usr/bin/env python3
"""Makes weights/: files of PyTorch's own RNN, LSTM and GRU, and expected.json, how gradients go back
through them by PyTorch's autograd; and a few files that must be refused.

    python3 tests/golden/make_weights.py        (pip install torch numpy safetensors)

Width 5, two layers. Each expected case is one layer, run alone for T = 9 steps in float64 with input
0, h0 (and c0) = 0.5 everywhere, and a gradient of ones on the last state; weights and biases are
the file's float32 (or 16-bit) numbers. `norms` are |dL/d state T - d|, d = 0 ... T. An LSTM's state
is the pair (h, c), as independent inputs of the next step: so each step is differentiated by itself.
"""

import io
import json
import pathlib
import zipfile

import numpy as np
import safetensors.torch
import torch

FOLDER = pathlib.Path(__file__).resolve().parent / "weights"
T, H, INPUTS = 9, 5, 3


def step(module, state):
    """One step of a one-layer module from a state (h,) or (h, c), input 0."""
    x = torch.zeros(1, INPUTS, dtype=torch.float64)
    state = tuple(s.unsqueeze(0) for s in state)
    _, after = module(x, state if len(state) == 2 else state[0])
    return tuple(s.squeeze(0) for s in (after if isinstance(after, tuple) else (after,)))


def alone(module, layer):
    """The layer (`1`, `0_reverse`) as a module of one layer, in float64."""
    relu = {"nonlinearity": "relu"} if module.mode == "RNN_RELU" else {}
    one = type(module)(INPUTS, H, bias=module.bias, **relu).double()
    values = dict(module.named_parameters())
    with torch.no_grad():
        for name, parameter in one.named_parameters():
            if "weight_ih" not in name:  # the input is 0
                parameter.copy_(values[name.replace("_l0", f"_l{layer}")])
    return one


def norms(module, layer, loss_on):
    one = alone(module, layer)
    lstm = module.mode == "LSTM"
    states = [tuple(torch.full((H,), 0.5, dtype=torch.float64) for _ in range(2 if lstm else 1))]
    for _ in range(T):
        states.append(tuple(s.detach() for s in step(one, states[-1])))
    ones = torch.ones(H, dtype=torch.float64)
    gradient = (ones,)
    if lstm:
        gradient = tuple(ones * (on in loss_on) for on in "hc")
    by_depth = [torch.cat(gradient).norm().item()]
    for state in reversed(states[:-1]):
        before = tuple(s.clone().requires_grad_(True) for s in state)
        gradient = torch.autograd.grad(step(one, before), before, gradient)
        by_depth.append(torch.cat(gradient).norm().item())
    return by_depth


class Model(torch.nn.Module):
    """Two recurrent modules, and tensors of other kinds."""

    def __init__(self):
        super().__init__()
        self.embedding = torch.nn.Embedding(7, INPUTS)
        self.encoder = torch.nn.ModuleDict({"lstm": torch.nn.LSTM(INPUTS, H, 2)})
        self.decoder = torch.nn.GRU(INPUTS, H, 2, bidirectional=True)
        self.register_buffer("steps", torch.tensor(3))


def save(module, name, numpy_save=np.savez):
    state = {k: v.contiguous() for k, v in module.state_dict().items()}
    path = FOLDER / name
    if name.endswith(".npz"):
        numpy_save(path, **{k: v.numpy() for k, v in state.items()})
    else:
        safetensors.torch.save_file(state, path)
    cases = []
    for prefix, part in module.named_modules():
        if not isinstance(part, torch.nn.RNNBase):
            continue
        suffixes = ["", "_reverse"] if part.bidirectional else [""]
        for layer in [f"{k}{s}" for k in range(part.num_layers) for s in suffixes]:
            for loss_on in ["c", "h", "hc"] if part.mode == "LSTM" else ["h"]:
                cases.append(
                    {"file": name, "module": prefix, "layer": layer, "mode": part.mode,
                     "loss_on": "both" if loss_on == "hc" else loss_on,
                     "norms": norms(part, layer, loss_on)}
                )
    return cases


def main():
    torch.manual_seed(1)
    torch.set_num_threads(1)
    FOLDER.mkdir(exist_ok=True)
    nn = torch.nn
    cases = [
        *save(nn.RNN(INPUTS, H, 2), "rnn_tanh.safetensors"),
        *save(nn.RNN(INPUTS, H, 2, nonlinearity="relu"), "rnn_relu.npz"),
        *save(nn.LSTM(INPUTS, H, 2), "lstm.npz", np.savez_compressed),
        *save(nn.LSTM(INPUTS, H, 2, bias=False).double(), "lstm_no_bias.safetensors"),
        *save(nn.GRU(INPUTS, H, 2), "gru.safetensors"),
        *save(nn.GRU(INPUTS, H, 2).half(), "gru_f16.npz"),
        *save(nn.GRU(INPUTS, H, 2).bfloat16(), "gru_bf16.safetensors"),
        *save(Model(), "model.safetensors"),
    ]
    lstm = nn.LSTM(INPUTS, H, proj_size=2)
    safetensors.torch.save_file(lstm.state_dict(), FOLDER / "projected.safetensors")
    np.savez(FOLDER / "pickled.npz", weight_hh_l0=np.array([{"a": 1}], dtype=object))
    fields = np.zeros((H, H), dtype=[("a", "<f4"), ("b", "<f4")])
    big_endian = np.asfortranarray(np.arange(25.0).reshape(H, H) / 64).astype(">f8")
    np.savez(FOLDER / "foreign.npz", weight_hh_l0=big_endian, weight_hh_l1=fields)
    with zipfile.ZipFile(FOLDER / "bomb.npz", "w") as archive:
        array = io.BytesIO()
        np.save(array, np.zeros((H, H), dtype="f4"))
        member = zipfile.ZipInfo("weight_hh_l0.npy")  # of 1980, whatever the clock says
        member.compress_type = zipfile.ZIP_DEFLATED
        archive.writestr(member, array.getvalue() + bytes(1_000_000))
    torch.save(nn.RNN(INPUTS, H).state_dict(), FOLDER / "pickled.pt")
    expected = {"torch": torch.__version__, "numpy": np.__version__,
                "safetensors": safetensors.__version__, "T": T, "cases": cases}
    (FOLDER / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")
    print(f"{len(cases)} cases")


main()
