#!/usr/bin/env python3
"""What PyTorch, JAX and oneDNN give as slopes where activations are saturated, beside the true ones. By hand:

    python3 tests/studies/framework_slopes.py        with a Python that has torch, jax and mpmath; a g++ and libdnnl

Prints the table of host/growth/README.md. What is not installed is left out, and said.
"""
import os
import subprocess
import sys
import tempfile

import mpmath

mpmath.mp.dps = 60
# activation, argument, format
POINTS = [("tanh", 3.6, "bf16"), ("tanh", 4.6, "f16"), ("tanh", 8.5, "f32"), ("tanh", 9.2, "f32"),
          ("sigmoid", 6.5, "bf16"), ("sigmoid", 8.5, "f16"), ("sigmoid", 17.5, "f32"), ("sigmoid", -80.0, "f32"),
          ("elu", -17.5, "f32"), ("gelu", -4.5, "f32"), ("gelu", -4.9, "f32"), ("gelu", -5.6, "f32"),
          ("gelu_tanh", -5.0, "f32"), ("silu", -80.0, "f32"), ("leaky_relu", 0.0, "f32"), ("relu", 0.0, "f32"),
          ("relu", float("nan"), "f32")]


def true_slope(name, x):
    m = mpmath
    phi = lambda t: m.exp(-t * t / 2) / m.sqrt(2 * m.pi)
    functions = {"tanh": m.tanh, "sigmoid": lambda t: 1 / (1 + m.exp(-t)), "elu": m.expm1,
                 "silu": lambda t: t / (1 + m.exp(-t)),
                 "gelu_tanh": lambda t: t / 2 * (1 + m.tanh(m.sqrt(2 / m.pi) * (t + mpmath.mpf("0.044715") * t**3)))}
    if name in ("relu", "leaky_relu"):
        return None  # a choice, not a limit
    if name == "gelu":
        return m.ncdf(x) + x * phi(x)
    return m.diff(functions[name], m.mpf(x))


def with_torch():
    import torch
    from torch.nn import functional as F

    dtypes = {"f32": torch.float32, "f16": torch.float16, "bf16": torch.bfloat16}
    functions = {"tanh": torch.tanh, "sigmoid": torch.sigmoid, "elu": F.elu, "gelu": F.gelu, "silu": F.silu,
                 "gelu_tanh": lambda t: F.gelu(t, approximate="tanh"), "leaky_relu": F.leaky_relu, "relu": F.relu}

    def slope(name, x, dtype):
        t = torch.tensor([x], dtype=dtypes[dtype], requires_grad=True)
        functions[name](t).backward(torch.ones(1, dtype=dtypes[dtype]))
        return float(t.grad[0]), float(t.detach()[0])

    return f"PyTorch {torch.__version__.split('+')[0]}", slope


def with_jax():
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    import jax
    import jax.numpy as jnp

    dtypes = {"f32": jnp.float32, "f16": jnp.float16, "bf16": jnp.bfloat16}
    n = jax.nn
    functions = {"tanh": jnp.tanh, "sigmoid": n.sigmoid, "elu": n.elu, "silu": n.silu, "leaky_relu": n.leaky_relu,
                 "gelu": lambda t: n.gelu(t, approximate=False), "gelu_tanh": n.gelu, "relu": n.relu}

    def slope(name, x, dtype):
        t = jnp.asarray(x, dtype=dtypes[dtype])
        return float(jax.grad(lambda v: functions[name](v))(t)), float(t)

    return f"JAX {jax.__version__}", slope


KEPT = tempfile.TemporaryDirectory()  # for as long as this runs
ONEDNN = r"""
#include <dnnl.hpp>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
using namespace dnnl;
int main(int argc, char** argv) {
  if (argc == 1) {
    std::printf("%d.%d", dnnl_version()->major, dnnl_version()->minor);
    return 0;
  }
  const std::map<std::string, algorithm> kinds{
      {"tanh", algorithm::eltwise_tanh}, {"sigmoid", algorithm::eltwise_logistic}, {"elu", algorithm::eltwise_elu},
      {"gelu", algorithm::eltwise_gelu_erf}, {"gelu_tanh", algorithm::eltwise_gelu_tanh},
      {"silu", algorithm::eltwise_swish}, {"leaky_relu", algorithm::eltwise_relu}, {"relu", algorithm::eltwise_relu}};
  const std::string name = argv[1];
  const float alpha = name == "elu" || name == "silu" ? 1.0F : name == "leaky_relu" ? 0.01F : 0.0F;
  engine e(engine::kind::cpu, 0);
  stream s(e);
  memory::desc d({16}, memory::data_type::f32, memory::format_tag::a);
  float x[16], dy[16], dx[16];
  for (int i = 0; i < 16; ++i) x[i] = std::strtof(argv[2], nullptr), dy[i] = 1;
  eltwise_forward::primitive_desc f({prop_kind::forward_training, kinds.at(name), d, alpha, 0.0F}, e);
  eltwise_backward::primitive_desc b({kinds.at(name), d, d, alpha, 0.0F}, e, f);
  eltwise_backward(b).execute(s, {{DNNL_ARG_SRC, memory(d, e, x)}, {DNNL_ARG_DIFF_DST, memory(d, e, dy)},
                                  {DNNL_ARG_DIFF_SRC, memory(d, e, dx)}});
  s.wait();
  std::printf("%.9g %.9g", dx[0], x[0]);
}
"""


def with_onednn():
    folder = KEPT.name
    source, program = os.path.join(folder, "slopes.cpp"), os.path.join(folder, "slopes")
    with open(source, "w", encoding="utf-8") as file:
        file.write(ONEDNN)
    subprocess.run(["g++", "-O1", source, "-o", program, "-ldnnl"], check=True, capture_output=True)
    version = subprocess.run([program], check=True, capture_output=True, text=True).stdout

    def slope(name, x, dtype):
        if dtype != "f32":
            return None
        done = subprocess.run([program, name, repr(x)], check=True, capture_output=True, text=True).stdout.split()
        return float(done[0]), float(done[1])

    return f"oneDNN {version} (from x)", slope


def short(x):
    return "0" if x == 0 else f"{x:.4g}"


def main():
    columns = []
    for library in (with_torch, with_jax, with_onednn):
        try:
            columns.append(library())
        except (ImportError, OSError, subprocess.CalledProcessError) as error:
            print(f"{library.__name__[5:]}: left out, {error}", file=sys.stderr)
    print("| f' | at | format | true | " + " | ".join(name for name, _ in columns) + " |")
    print("| --- | --- | --- |" + " --- |" * (1 + len(columns)))
    for name, x, dtype in POINTS:
        answers = [slope(name, x, dtype) for _, slope in columns]
        rounded = next((a[1] for a in answers if a is not None), x)  # the argument as the format has it
        true = true_slope(name, rounded)
        cells = ["a choice" if true is None else short(float(true))]
        cells += ["-" if a is None else short(a[0]) for a in answers]
        print(f"| {name} | {x:g} | {dtype} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
