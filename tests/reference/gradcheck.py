"""What torch.autograd.gradcheck and gradgradcheck say of the functions that tests/gradcheck/ check.

Writes tests/reference/gradcheck.json: for each function the verdicts of slow mode, fast mode and
gradgradcheck ("passes", "fails" or "error": an exception other than GradcheckError), and the first line
of the message. Made with PyTorch 2.7.1 on the CPU: python tests/reference/gradcheck.py
"""

import json
import pathlib
import warnings

import torch
from torch.autograd import Function, gradcheck, gradgradcheck

warnings.simplefilter("ignore")
torch.set_default_dtype(torch.float64)


def vector(*values):
    return torch.tensor(values, requires_grad=True)


def numbers(*shape):
    n = 1
    for length in shape:
        n *= length
    i = torch.arange(n, dtype=torch.float64)
    return (((i * 0.754877 + 0.37) % 1) * 1.8 - 0.9).reshape(shape).requires_grad_()


def op(forward, backward):
    """A function whose backward takes (x, upstream gradient)."""

    class Op(Function):
        @staticmethod
        def forward(ctx, *x):
            ctx.save_for_backward(*x)
            return forward(*x)

        @staticmethod
        def backward(ctx, g):
            return backward(*ctx.saved_tensors, g)

    return Op.apply


def cube(backward):
    return op(lambda x: x**3, backward)


def right(x, g):
    return 3 * x**2 * g


def stale(latest):
    kept = []

    def forward(x):
        if latest or not kept:
            kept[:] = [x.detach().clone()]
        return x**3

    return op(forward, lambda x, g: right(kept[0], g))


def jitter():
    calls = [0]

    def backward(x, g):
        calls[0] += 1
        return right(x, g) * (1 + (calls[0] % 7) * 1e-9)

    return cube(backward)


def random_forward():
    calls = [0]

    def f(x):
        calls[0] += 1
        return x + (calls[0] % 2) * 1e-3

    return f


def raises(x, g):
    raise ValueError("out of luck")


def careless(x, g):
    start = x.storage_offset()
    flat = torch.tensor(list(x.untyped_storage()), dtype=torch.uint8).view(torch.float64)
    return right(torch.cat([flat[start:], flat])[: x.numel()].reshape(x.shape), g)


# x^3 with the right first derivative and, by a detached x, the wrong second one.
detached = cube(lambda x, g: 3 * x.detach() ** 2 * g)
# The same, where the backward is an operation of its own whose gradient by x is off by a factor of 2.
factor = op(right, lambda x, g, h: (12 * x * g * h, right(x, h)))
product = op(lambda x, y: x * y * y, lambda x, y, g: (y * y * g, 2 * x * y * g))
swapped = op(lambda x, y: x * y * y, lambda x, y, g: (2 * x * y * g, y * y * g))
extra = torch.zeros(40)
extra[7] = 5e-3
x = vector(0.5, -1.5, 2.0, 0.8)
xy = (vector(0.5, 1.5, -2.0), vector(0.7, -1.1, 0.4))

CASES = {
    "right_cube": (cube(right), x),
    "wrong_sign": (cube(lambda x, g: -right(x, g)), x),
    "factor_two": (cube(lambda x, g: 2 * right(x, g)), x),
    "right_product": (product, xy),
    "swapped_operands": (swapped, xy),
    "missing_term": (op(lambda x: x * x.sin(), lambda x, g: x.sin() * g), x),
    "overwritten": (op(lambda x: x**2 + x**3, lambda x, g: right(x, g)), x),
    "wrong_shape": (cube(lambda x, g: right(x, g).sum()), x),
    "wrong_dtype": (cube(lambda x, g: right(x, g).float()), x),
    "upstream_ignored": (cube(lambda x, g: 3 * x**2), x),
    "constant_added": (cube(lambda x, g: right(x, g) + 0.1), x),
    "not_linear": (cube(lambda x, g: right(x, g * g.abs())), x),
    "stale_first": (stale(False), x),
    "stale_latest": (stale(True), x),
    "random_backward": (jitter(), x),
    "random_forward": (random_forward(), x),
    "careless_contiguous": (cube(careless), numbers(2, 3)),
    "careless_transposed": (cube(careless), numbers(3, 2).detach().t().requires_grad_()),
    "ones_only": (cube(lambda x, g: 3 * x**2 * g.mean()), x),
    "nan_entry": (cube(lambda x, g: right(x, g) + torch.tensor([0, torch.nan, 0, 0])), x),
    "severed": (lambda x: x.detach() ** 3, x),
    "severed_output": (lambda x: (x**2, x.detach() ** 2), x),
    "severed_path": (lambda x: x**2 + x.detach(), x),
    "missing_gradient": (cube(lambda x, g: None), x),
    "backward_fails": (cube(raises), x),
    "tie": (torch.relu, vector(1.0, 0.0)),
    "near_tie": (torch.relu, vector(1.0, -4e-7)),
    "one_small_error": (cube(lambda x, g: right(x, g) + g * extra), numbers(40)),
    "independent": (torch.floor, numbers(3)),
    "empty": (torch.exp, numbers(0)),
    "pole_1e-3": (torch.reciprocal, vector(1e-3, -1e-2, 1e3)),
    "pole_5e-6": (torch.reciprocal, vector(5e-6)),
    "sqrt_2e-6": (torch.sqrt, vector(2e-6)),
    "scale_1e8": (torch.square, vector(1e8, -1e6, 1.0)),
    "beside_1e7": (lambda x: (x.sin() + 1e7) - 1e7, vector(0.3, 1.2)),
    "softmax": (lambda x: x.softmax(-1), numbers(2, 3)),
    "matmul": (torch.matmul, (numbers(2, 3), numbers(3, 2))),
    "second_detached": (detached, x),
    "second_factor": (cube(factor), x),
}


def verdict(check, f, inputs, **options):
    inputs = inputs if isinstance(inputs, tuple) else (inputs,)
    try:
        check(f, inputs, **options)
        return {"verdict": "passes"}
    except Exception as error:
        kind = "fails" if type(error).__name__ == "GradcheckError" else "error"
        return {"verdict": kind, "message": str(error).strip().splitlines()[0]}


def main():
    result = {"torch": torch.__version__}
    for name, (f, inputs) in CASES.items():
        result[name] = {
            "slow": verdict(gradcheck, f, inputs),
            "fast": verdict(gradcheck, f, inputs, fast_mode=True),
            "second": verdict(gradgradcheck, f, inputs),
        }
    path = pathlib.Path(__file__).with_suffix(".json")
    path.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
