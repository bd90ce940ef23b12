#!/usr/bin/python3
"""Makes the golden values beside it: small float64 cases by PyTorch autograd.

    python3 tests/golden/make_golden.py        (Debian: python3-torch, 1.13; activations.json: PyTorch 2.15)

An outside oracle: our reference, our CPU code and our CUDA code share their formulas, so a wrong
formula could pass all of their comparisons. Nothing here is ours but the mapping of names:

  elman tanh and relu, lstm, gru   torch.nn.RNN, LSTM, GRU
  mgu                              its four lines, in torch
  activations                      torch.nn.functional
  the rest                         one line of torch each, differentiated by autograd

Inputs are multiples of 1/64, exact in float32, so that a float32 provider's error is its
arithmetic alone. Outputs have the 17 digits that a float64 needs.
"""

import json
import pathlib

import torch
import torch.nn.functional as F

torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)
HERE = pathlib.Path(__file__).resolve().parent

ACTIVATIONS = {
    "identity": lambda x: x * 1,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "relu": F.relu,
    "leaky_relu": F.leaky_relu,
    "elu": F.elu,
    "selu": F.selu,
    "gelu": F.gelu,
    "gelu_tanh": lambda x: F.gelu(x, approximate="tanh"),
    "silu": F.silu,
    # PyTorch turns linear above x = 20, which is off by 2e-9; above 40 it is off by 4e-18.
    "softplus": lambda x: F.softplus(x, threshold=40),
    "softsign": F.softsign,
    # F.hardsigmoid's derivative is float32's 1/6 here, also for float64: off by 5e-9.
    "hard_sigmoid": lambda x: F.relu6(x + 3) / 6,
    "hard_tanh": F.hardtanh,
    "mish": F.mish,
    # Up to PyTorch 2.6 its slopes at -3 and 3 were -0.5 and 1.5 (pytorch/pytorch#147801).
    "hard_swish": F.hardswish,
}


def draw(generator, *shape, scale=1.0):
    """Multiples of 1/64 in about [-2, 2] · scale."""
    x = torch.randn(*shape, generator=generator).clamp(-2, 2) * scale
    return torch.round(x * 64) / 64


def leaf(x):
    return x.detach().clone().requires_grad_(True)


def as_json(tensors):
    return {
        name: {"shape": list(t.shape), "data": [float(v) for v in t.detach().flatten()]}
        for name, t in tensors.items()
    }


def close(a, b, what):
    error = (a - b).abs().max().item()
    assert error < 1e-12, f"{what}: two ways in PyTorch differ by {error}"


def write(name, cases):
    path = HERE / name
    path.write_text(
        json.dumps({"torch": torch.__version__, "cases": cases}, separators=(",", ":")) + "\n"
    )
    print(f"{path.name}: {len(cases)} cases, {path.stat().st_size // 1024} KB")


# ---- activations ---------------------------------------------------------------------------------


def activation_cases():
    fine = torch.arange(-48, 49) / 8  # -6 … 6, with every kink: 0, ±1, ±3
    large = torch.tensor([-1e4, -800.0, -100.0, -40.0, -20.5, -10.0, 10.0, 20.5, 40.0, 100.0, 800.0, 1e4])
    tiny = torch.tensor([-(2.0**-30), 2.0**-30])
    cases = []
    for name, f in ACTIVATIONS.items():
        x = leaf(torch.cat([large[:6], fine, tiny, large[6:]]))
        y = f(x)
        y.sum().backward()
        cases.append({"act": name, "x": x.tolist(), "y": y.tolist(), "slope": x.grad.tolist()})
    return cases


# ---- recurrent -----------------------------------------------------------------------------------

GATES = {"elman": 1, "lstm": 4, "gru": 3, "mgu": 2}
BIASES = {"elman": 1, "lstm": 4, "gru": 4, "mgu": 3}


def module(cell, act, inputs, H, Wx, Wh, b):
    """PyTorch's module with our weights. Our single bias is its bias_ih; our fourth GRU bias, inside
    the reset product, is the last third of its bias_hh."""
    make = {"elman": torch.nn.RNN, "lstm": torch.nn.LSTM, "gru": torch.nn.GRU}[cell]
    net = make(inputs, H, nonlinearity=act) if cell == "elman" else make(inputs, H)
    with torch.no_grad():
        net.weight_ih_l0.copy_(Wx)
        net.weight_hh_l0.copy_(Wh)
        net.bias_ih_l0.copy_(b[: GATES[cell] * H])
        net.bias_hh_l0.zero_()
        if cell == "gru":
            net.bias_hh_l0[2 * H :] = b[3 * H :]
    return net


def bias_gradient(cell, net, H):
    db = net.bias_ih_l0.grad
    return torch.cat([db, net.bias_hh_l0.grad[-H:]]) if cell in ("gru", "mgu") else db


class Formula(torch.nn.Module):
    """An Elman net with an activation that torch.nn.RNN lacks, with its parameter names."""

    def __init__(self, act, Wx, Wh, b):
        super().__init__()
        self.act = ACTIVATIONS[act]
        self.weight_ih_l0 = torch.nn.Parameter(Wx.clone())
        self.weight_hh_l0 = torch.nn.Parameter(Wh.clone())
        self.bias_ih_l0 = torch.nn.Parameter(b.clone())

    def forward(self, x, h):
        h, y = h[0], []
        for x_t in x:
            h = self.act(F.linear(x_t, self.weight_ih_l0, self.bias_ih_l0) + F.linear(h, self.weight_hh_l0))
            y.append(h)
        return torch.stack(y), h[None]


class MinimalGatedUnit(torch.nn.Module):
    """Zhou et al. 2016, with f after the product; the last third of b stands inside."""

    def __init__(self, H, Wx, Wh, b):
        super().__init__()
        self.H = H
        self.weight_ih_l0 = torch.nn.Parameter(Wx.clone())
        self.weight_hh_l0 = torch.nn.Parameter(Wh.clone())
        self.bias_ih_l0 = torch.nn.Parameter(b[: 2 * H].clone())
        self.bias_hh_l0 = torch.nn.Parameter(b[2 * H :].clone())

    def forward(self, x, h):
        h, y, H = h[0], [], self.H
        for x_t in x:
            a = F.linear(x_t, self.weight_ih_l0, self.bias_ih_l0)
            product = F.linear(h, self.weight_hh_l0)
            f = torch.sigmoid(a[:, :H] + product[:, :H])
            n = torch.tanh(a[:, H:] + f * (product[:, H:] + self.bias_hh_l0))
            h = (1 - f) * h + f * n
            y.append(h)
        return torch.stack(y), h[None]


def make_net(cell, act, inputs, H, Wx, Wh, b):
    if cell == "mgu":
        return MinimalGatedUnit(H, Wx, Wh, b)
    if cell == "elman" and act not in ("tanh", "relu"):
        return Formula(act, Wx, Wh, b)
    return module(cell, act, inputs, H, Wx, Wh, b)


def whole(p, t):
    """All steps in one call of the module (shared weights)."""
    cell, H = p["cell"], p["H"]
    Wx = t["Wx"] if p["project_input"] else torch.eye(H).repeat(GATES[cell], 1)
    net = make_net(cell, p["act"], Wx.shape[1], H, Wx, t["Wh"], t["b"])
    x, h0 = leaf(t["x"]), leaf(t["h0"])
    if cell == "lstm":
        c0 = leaf(t["c0"])
        y, (_, c) = net(x, (h0[None], c0[None]))
        torch.autograd.backward([y, c], [t["dy"], t["dc"][None]])
    else:
        y, _ = net(x, h0[None])
        y.backward(t["dy"])
    out = {"y": y, "dx": x.grad, "dh0": h0.grad, "dWh": net.weight_hh_l0.grad}
    out["db"] = bias_gradient(cell, net, H)
    if p["project_input"]:
        out["dWx"] = net.weight_ih_l0.grad
    if cell == "lstm":
        out["dc0"] = c0.grad
    return out


def stepwise(p, t):
    """The same module called for one step at a time, so that autograd shows what lies between the
    steps. Its input is the pre-activation's input part, one entry per gate with weight I, so that
    the gradient at this input is the gradient at the pre-activations."""
    cell, T, H = p["cell"], p["T"], p["H"]
    G, lstm, clip = GATES[cell], p["cell"] == "lstm", p["clip_value"]
    x, h0 = leaf(t["x"]), leaf(t["h0"])
    Wx = leaf(t["Wx"]) if p["project_input"] else torch.eye(H).repeat(G, 1)

    def net_of(step):
        Wh, b = (t["Wh"], t["b"]) if p["share"] else (t["Wh"][step], t["b"][step])
        return make_net(cell, p["act"], G * H, H, torch.eye(G * H), Wh, b)

    nets = [net_of(0)] * T if p["share"] else [net_of(s) for s in range(T)]
    c0 = leaf(t["c0"]) if lstm else None
    hs, cs, parts = [h0], [c0], []
    h_in, c_in = h0, c0
    for step in range(T):
        a = x[step] @ Wx.T
        a.retain_grad()
        parts.append(a)
        if lstm:
            y, (_, c) = nets[step](a[None], (h_in[None], c_in[None]))
            # c as an independent input of the next map: a copy, beside the path through h.
            c_in = c[0] * 1
            c_in.retain_grad()
            cs.append(c_in)
        else:
            y, _ = nets[step](a[None], h_in[None])
        h_in = y[0]
        h_in.retain_grad()
        hs.append(h_in)

    before = {}  # dL/d state t before it is clipped; hooks see the whole gradient
    for name, states in (("h", hs), ("c", cs if lstm else [])):
        for step, state in enumerate(states):
            def hook(g, key=(name, step)):
                before[key] = g.clone()
                return g.clamp(-clip, clip) if clip > 0 and key[1] > 0 else None
            state.register_hook(hook)
    roots, grads = list(hs[1:]), list(t["dy"])
    if lstm:
        roots.append(cs[-1])
        grads.append(t["dc"])
    torch.autograd.backward(roots, grads)

    def stack(name):
        return torch.stack([before[name, step] for step in range(T + 1)])

    dh = stack("h")
    out = {"y": torch.stack(hs[1:]), "dx": x.grad, "dh0": h0.grad, "h": torch.stack(hs), "dh": dh}
    out["da"] = torch.stack([a.grad for a in parts])
    norm2 = dh.square().sum((1, 2))
    if lstm:
        out.update(dc0=c0.grad, c=torch.stack(cs), dc=stack("c"))
        norm2 = norm2 + out["dc"].square().sum((1, 2))
    out["dh_norm2"] = norm2
    dWh = [net.weight_hh_l0.grad for net in nets]
    db = [bias_gradient(cell, net, H) for net in nets]
    out["dWh"], out["db"] = (dWh[0], db[0]) if p["share"] else (torch.stack(dWh), torch.stack(db))
    if p["project_input"]:
        out["dWx"] = Wx.grad
    return out


def recurrent_case(seed, cell, act="tanh", project_input=True, share=True, clip_value=0.0):
    T, B, H, I = 5, 3, 4, 2
    g = torch.Generator().manual_seed(seed)
    G, inputs = GATES[cell], I if project_input else H
    steps = [] if share else [T]
    t = {
        "x": draw(g, T, B, inputs),
        "h0": draw(g, B, H),
        "Wh": draw(g, *steps, G * H, H, scale=0.7),
        "b": draw(g, *steps, BIASES[cell] * H, scale=0.5),
        "dy": draw(g, T, B, H),  # a loss on every step
    }
    if project_input:
        t["Wx"] = draw(g, G * H, I, scale=0.7)
    if cell == "lstm":
        t.update(c0=draw(g, B, H), dc=draw(g, B, H))
    p = dict(cell=cell, act=act, T=T, B=B, H=H, I=I if project_input else 0, form="two-term",
             project_input=project_input, share=share, clip_value=clip_value)
    out = stepwise(p, t)
    if share and clip_value == 0:
        for name, value in whole(p, t).items():
            close(out[name], value, f"{cell} {act} {name}")
    if clip_value > 0:
        clipped = out["dh"].abs().gt(clip_value).double().mean().item()
        assert 0.1 < clipped < 0.9, "the clip must act on some elements and not on others"
        del out["dh"]  # the norm is defined before the clip; the recorded tensor is not
        out.pop("dc", None)
    label = "".join(["" if share else " fresh W", "" if project_input else " plain x",
                     " clip" if clip_value > 0 else ""])
    return {"name": f"{cell} {act}{label}", "problem": p, "in": as_json(t), "out": as_json(out)}


def additive_case(seed, form, w):
    """two-term f' = w (f + f_prev); sum f' = w (sum of all earlier f)."""
    T, B, H = 5, 3, 4
    g = torch.Generator().manual_seed(seed)
    t = {"h0": draw(g, B, H), "Wh": torch.tensor([w]), "dy": draw(g, T, B, H)}
    h0, W = leaf(t["h0"]), leaf(t["Wh"])
    f = [h0]
    for step in range(T):
        earlier = f if form == "sum" else f[-2:]
        f.append(W * sum(earlier))
        f[-1].retain_grad()
    torch.autograd.backward(f[1:], list(t["dy"]))
    dh = torch.stack([s.grad for s in f])
    out = {"y": torch.stack(f[1:]), "dh0": h0.grad, "dWh": W.grad, "h": torch.stack(f), "dh": dh,
           "dh_norm2": dh.square().sum((1, 2))}
    p = dict(cell="additive", act="identity", T=T, B=B, H=H, I=0, form=form, project_input=False,
             share=True, clip_value=0.0)
    return {"name": f"additive {form}", "problem": p, "in": as_json(t), "out": as_json(out)}


def recurrent_cases():
    return [
        recurrent_case(1, "elman", "tanh"),
        recurrent_case(2, "elman", "relu"),
        recurrent_case(3, "elman", "sigmoid"),
        recurrent_case(4, "elman", "gelu"),
        recurrent_case(5, "elman", "tanh", project_input=False),
        recurrent_case(6, "elman", "tanh", share=False, project_input=False),
        recurrent_case(7, "elman", "tanh", clip_value=0.75),
        recurrent_case(8, "lstm"),
        recurrent_case(9, "lstm", project_input=False),
        recurrent_case(10, "lstm", share=False, project_input=False),
        recurrent_case(11, "lstm", clip_value=0.75),
        recurrent_case(12, "gru"),
        recurrent_case(13, "gru", project_input=False),
        recurrent_case(14, "gru", share=False, project_input=False),
        recurrent_case(15, "gru", clip_value=0.75),
        additive_case(16, "two-term", 0.625),
        additive_case(17, "sum", 0.375),
        recurrent_case(18, "mgu"),
        recurrent_case(19, "mgu", project_input=False),
        recurrent_case(20, "mgu", share=False, project_input=False),
        recurrent_case(21, "mgu", clip_value=0.75),
    ]


# ---- feed-forward --------------------------------------------------------------------------------


def feedforward_case(seed, net, act, residual="plain", scale=1.0, clip_value=0.0):
    L, B, N = (3, 2, 2) if net == "cnn" else (5, 3, 4)
    g = torch.Generator().manual_seed(seed)
    image = (8, 8) if net == "cnn" else ()
    kernel = (3, 3) if net == "cnn" else ()
    t = {
        "h0": draw(g, B, N, *image),
        "W": draw(g, L, N, N, *kernel, scale=0.4 if net == "cnn" else 0.7),
        "b": draw(g, L, N, scale=0.5),
        "dy": draw(g, B, N, *image),
    }
    f = ACTIVATIONS[act]
    h0, W, b = leaf(t["h0"]), leaf(t["W"]), leaf(t["b"])
    hs, das = [h0], []
    for layer in range(L):
        h = hs[-1]
        if net == "cnn":
            a = F.conv2d(F.pad(h, (1, 1, 1, 1), mode="circular"), W[layer], b[layer])
        else:
            a = F.linear(f(h) if net == "residual" and residual == "preact" else h, W[layer], b[layer])
        a.retain_grad()
        das.append(a)
        if net != "residual":
            h = f(a)
        elif residual == "preact":
            h = h + a
        else:
            h = h + (scale if residual == "scaled" else 1) * f(a)
        h.retain_grad()
        hs.append(h)
    before = {}
    for layer, state in enumerate(hs):
        def hook(grad, key=layer):
            before[key] = grad.clone()
            return grad.clamp(-clip_value, clip_value) if clip_value > 0 and key > 0 else None
        state.register_hook(hook)
    hs[-1].backward(t["dy"])
    dh = torch.stack([before[layer] for layer in range(L + 1)])
    out = {"y": hs[-1], "dh0": h0.grad, "dW": W.grad, "db": b.grad, "h": torch.stack(hs), "dh": dh,
           "da": torch.stack([a.grad for a in das]), "dh_norm2": dh.flatten(1).square().sum(1)}
    if clip_value > 0:
        del out["dh"]
    p = dict(net=net, act=act, L=L, B=B, N=N, residual=residual, residual_scale=scale, clip_value=clip_value)
    kind = f" {residual}" if net == "residual" else ""
    return {"name": f"{net}{kind} {act}" + (" clip" if clip_value > 0 else ""), "problem": p,
            "in": as_json(t), "out": as_json(out)}


def feedforward_cases():
    return [
        feedforward_case(21, "mlp", "tanh"),
        feedforward_case(22, "mlp", "relu"),
        feedforward_case(23, "mlp", "sigmoid"),
        feedforward_case(24, "mlp", "silu"),
        feedforward_case(25, "mlp", "tanh", clip_value=0.75),
        feedforward_case(26, "residual", "tanh"),
        feedforward_case(27, "residual", "relu", residual="preact"),
        feedforward_case(28, "residual", "gelu_tanh", residual="scaled", scale=0.25),
        feedforward_case(29, "cnn", "tanh"),
        feedforward_case(30, "cnn", "relu"),
    ]


if __name__ == "__main__":
    write("activations.json", activation_cases())
    write("recurrent.json", recurrent_cases())
    write("feedforward.json", feedforward_cases())
