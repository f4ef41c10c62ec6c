"""Makes the reference values beside this file: `pip install torch==2.7.1 numpy mpmath && python make.py`.

Floats are written with all their digits; NaN and infinities, which JSON lacks, as the strings "nan", "inf", "-inf".
"""

import itertools
import json
import math
from pathlib import Path

import mpmath
import torch

HERE = Path(__file__).parent


def plain(value):
    """A tensor, or nested lists of floats, as JSON can hold it."""
    if isinstance(value, torch.Tensor):
        value = value.detach().tolist()
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value


def write(name, value):
    (HERE / name).write_text(json.dumps(plain(value), indent=None, separators=(",", ":")) + "\n")


def split(value):
    """A number of many digits as a sum of two doubles: the value rounded, and the rest."""
    high = float(value)
    return [high, float(value - mpmath.mpf(high))]


def generator(seed):
    return torch.Generator().manual_seed(seed)


def normal(*shape, seed, dtype=torch.float64):
    """Standard normal numbers; every value here is drawn so, each from a seed of its own."""
    return torch.randn(shape, generator=generator(seed), dtype=dtype)


# --- operations and their gradients ---

SPECIAL = [0.0, -0.0, 1.0, -1.0, 2.5, -2.5, 1e-3, 1e4, math.inf, -math.inf, math.nan]


def differentiate(function, *inputs):
    """The output, a random upstream gradient and the gradients of the inputs."""
    leaves = [x.clone().requires_grad_() for x in inputs]
    output = function(*leaves)
    upstream = normal(*output.shape, seed=99).to(output.dtype)
    output.backward(upstream)
    return {
        "inputs": [{"shape": list(x.shape), "values": x.flatten()} for x in inputs],
        "output": {"shape": list(output.shape), "values": output.flatten()},
        "upstream": upstream.flatten(),
        "grads": [x.grad.flatten() for x in leaves],
    }


SMOOTH = {name: getattr(torch.nn.functional, name) for name in ("silu", "mish", "gelu")}


def operations():
    functions = {"mul": torch.mul, "maximum": torch.maximum, "cos": torch.cos, "relu": torch.relu} | SMOOTH
    shapes = [((5,), (5,)), ((3, 4), (4,)), ((3, 1), (1, 4)), ((), (2, 3)), ((2, 1, 3), (4, 1)), ((0, 3), (3,))]
    pairs = torch.tensor([(a, b) for a in SPECIAL for b in SPECIAL], dtype=torch.float64)
    cases = []
    for name in ("mul", "maximum"):
        for i, (left, right) in enumerate(shapes):
            x, y = normal(*left, seed=i), normal(*right, seed=50 + i)
            cases.append({"op": name, "about": f"broadcast {left} {right}"} | differentiate(functions[name], x, y))
        cases.append({"op": name, "about": "special values"} | differentiate(functions[name], pairs[:, 0], pairs[:, 1]))
    ties = torch.tensor([1.0, 2.0, 3.0, -4.0], dtype=torch.float64)
    cases.append({"op": "maximum", "about": "ties"} | differentiate(torch.maximum, ties, ties.clone()))
    for name in ("cos", "relu", *SMOOTH):
        special = torch.tensor(SPECIAL, dtype=torch.float64)
        cases.append({"op": name, "about": "special values"} | differentiate(functions[name], special))
        cases.append({"op": name, "about": "matrix"} | differentiate(functions[name], normal(4, 6, seed=7)))
    cases += layers()
    cases += softmaxes()
    write("operations.json", cases)


def layers():
    """Layers with a bias and without, after a relu and not, on no, one and two leading axes; and the losses."""
    linear = torch.nn.functional.linear
    functions = {
        "linear": linear,
        "linear_relu": lambda *x: torch.relu(linear(*x)),
        "cos_linear": lambda x, w, *bias: linear(x, torch.cos(w), *bias),
        "cos_linear_relu": lambda x, w, *bias: torch.relu(linear(x, torch.cos(w), *bias)),
    }
    cases = []
    for name, function in functions.items():
        for i, shape in enumerate([(3,), (5, 3), (2, 4, 3)]):
            operands = [normal(*shape, seed=200 + i), normal(6, 3, seed=210 + i), normal(6, seed=220 + i)]
            for some in (operands, operands[:2]):
                about = " ".join(str(tuple(x.shape)) for x in some)
                cases.append({"op": name, "about": about} | differentiate(function, *some))
    layer_norm = lambda x, w, b: torch.nn.functional.layer_norm(x, w.shape, w, b)
    rms_norm = lambda x, w: x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-5) * w
    for i, shape in enumerate([(7,), (5, 3), (2, 4, 33)]):
        x, w, b = normal(*shape, seed=250 + i), normal(shape[-1], seed=260 + i), normal(shape[-1], seed=270 + i)
        cases.append({"op": "rms_norm", "about": str(shape)} | differentiate(rms_norm, x, w))
        cases.append({"op": "layer_norm", "about": str(shape)} | differentiate(layer_norm, x, w, b))
    # torch.nn.functional.batch_norm refuses one row, and has the columns of more axes elsewhere.
    batch_norm = lambda x, w, b: torch.nn.functional.batch_norm(x.flatten(0, -2), None, None, w, b, True).view_as(x)
    for i, shape in enumerate([(2, 1), (5, 3), (9, 33), (2, 4, 40)]):
        x, w, b = normal(*shape, seed=280 + i), normal(shape[-1], seed=285 + i), normal(shape[-1], seed=290 + i)
        cases.append({"op": "batch_norm", "about": str(shape)} | differentiate(batch_norm, x, w, b))
    losses = {
        "mse": torch.nn.functional.mse_loss,
        "mae": torch.nn.functional.l1_loss,
        "huber": lambda x, y: torch.nn.functional.huber_loss(x, y, delta=0.7),
    }
    for i, shape in enumerate([(), (7,), (5, 3)]):
        x, y = normal(*shape, seed=230 + i), normal(*shape, seed=240 + i)
        for name, loss in losses.items():
            cases.append({"op": name, "about": str(shape)} | differentiate(loss, x, y))
    for i, shape in enumerate([(1,), (7,), (5, 2)]):
        x, y = normal(*shape[:-1], 3 * shape[-1], seed=250 + i), normal(*shape, seed=260 + i)
        cases.append({"op": "pinball", "about": str(shape)} | differentiate(pinball, x, y))
    # Where the slope changes: no difference, and one of the delta of huber.
    x, y = torch.tensor([1.0, 2.0, 0.7, -0.7], dtype=torch.float64), torch.tensor([1.0, -3.0, 0.0, 0.0], dtype=torch.float64)
    for name, loss in losses.items():
        cases.append({"op": name, "about": "edges"} | differentiate(loss, x, y))
    return cases


def softmaxes():
    """Along every kind of axis; rows with elements of -infinity, infinity and NaN, and of numbers far apart."""
    inf, nan = math.inf, math.nan
    special = [[0.0, -inf, 1.0], [-inf, -inf, 2.0], [-inf] * 3, [1e4, 0.0, -1e4], [inf, 0.0, 1.0], [nan, 0.0, 1.0], [-0.0, 0.0, 0.0]]
    special = torch.tensor(special, dtype=torch.float64)
    cases = []
    for name, function in {"softmax": torch.softmax, "log_softmax": torch.log_softmax}.items():
        for i, (shape, dims) in enumerate([((7,), (0, -1)), ((5, 3), (0, 1)), ((2, 37, 3), (0, 1, -1)), ((2, 3, 33), (0, 1, -1))]):
            for dim in dims:
                along = lambda x: function(x, dim)
                cases.append({"op": f"{name}({dim})", "about": str(shape)} | differentiate(along, normal(*shape, seed=300 + i)))
        for dim, x in ((1, special), (0, special.t().contiguous())):
            cases.append({"op": f"{name}({dim})", "about": "special values"} | differentiate(lambda x: function(x, dim), x))
    return cases


def pinball(prediction, target):
    """The mean pinball loss of the quantiles 0.1, 0.5 and 0.9, those of a target side by side."""
    levels = torch.tensor([0.1, 0.5, 0.9], dtype=prediction.dtype)
    below = target.unsqueeze(-1) - prediction.unflatten(-1, (-1, 3))
    return torch.maximum(levels * below, (levels - 1) * below).mean()


def cosines():
    """cos and sin to more digits than f64 has, where they are hard: large arguments, and close to multiples of pi/2."""
    mpmath.mp.prec = 2400
    xs = [0.0, 5e-324, 1e-300, 1e-8, 0.5, 1.0, 1e5, 1e22, 1.7976931348623157e308]
    # The double whose distance to a multiple of pi/2 is the smallest of all (Muller et al., Handbook of
    # Floating-Point Arithmetic).
    xs += [6381956970095103.0 * 2.0**797]
    for k in (1, 2, 3, 10, 101, 12345, 10**6 + 1, 10**12 + 1):
        multiple = float(mpmath.mpf(k) * mpmath.pi / 2)
        xs += [multiple, math.nextafter(multiple, 0), math.nextafter(multiple, math.inf)]
    xs += normal(200, seed=3).mul(10).tolist()
    xs += torch.exp(normal(200, seed=4) * 100).tolist()
    write("cosines.json", [{"x": x, "cos": split(mpmath.cos(x)), "sin": split(mpmath.sin(x))} for x in xs])


def gelu():
    """x P(x) and its derivative to more digits than f64 has, from the left tail on, and PyTorch's."""
    mpmath.mp.prec = 2400
    xs = [0.0, 5e-324, -5e-324, 1e-310, -1e-310, 1e-300, -1e-8, -0.75]
    grid = torch.arange(-160, 160, dtype=torch.float64) + torch.rand(320, generator=generator(5), dtype=torch.float64)
    xs += (grid / 4).tolist()
    cases = []
    for x in xs:
        distribution, density = mpmath.ncdf(x), mpmath.npdf(x)
        leaf = torch.tensor(x, dtype=torch.float64, requires_grad=True)
        output = torch.nn.functional.gelu(leaf)
        output.backward()
        exact = {"gelu": split(x * distribution), "grad": split(distribution + x * density)}
        cases.append({"x": x} | exact | {"torch": [output.item(), leaf.grad.item()]})
    write("gelu.json", cases)


# --- layers, network, loss ---


class CosLinear(torch.nn.Linear):
    def forward(self, x):
        return torch.nn.functional.linear(x, torch.cos(self.weight), self.bias)


def splitmix64(seed, position):
    """The number at `position` of Vigna's splitmix64.c, as taper's dropout counts them."""
    ones = 2**64 - 1
    z = (seed + 0x9E3779B97F4A7C15 * (position + 1)) & ones
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & ones
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & ones
    return z ^ (z >> 31)


def mask(rate, seed, shape):
    kept = [splitmix64(seed, i) >= rate * 2**64 for i in range(math.prod(shape))]
    return torch.tensor(kept, dtype=torch.float64).reshape(shape) / (1 - rate)


class RmsNorm(torch.nn.Module):
    """torch.nn.RMSNorm of PyTorch 2.4, by its formula."""

    def __init__(self, width):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(width))

    def forward(self, x):
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-5) * self.weight


class BatchNorm(torch.nn.Module):
    """One weight and bias for all applications, each of which has statistics of its own: in training those of the
    batch, else those of the last training pass, taken as a part of it."""

    def __init__(self, width):
        super().__init__()
        self.weight, self.bias = torch.nn.Parameter(torch.ones(width)), torch.nn.Parameter(torch.zeros(width))
        self.statistics = {}

    def forward(self, x, application):
        if self.training:
            self.statistics[application] = x.mean(0).detach(), x.var(0, unbiased=False).detach()
            return torch.nn.functional.batch_norm(x, None, None, self.weight, self.bias, training=True)
        return torch.nn.functional.batch_norm(x, *self.statistics[application], self.weight, self.bias, training=False)


class DynamicNet(torch.nn.Module):
    def __init__(self, layer, features, hidden, seed, dtype, block="plain", activation="relu", skip=False, norm="none", dropout=0.0):
        super().__init__()
        self.input, self.hidden, self.output = layer(features, hidden), layer(hidden, hidden), layer(hidden, 1)
        self.skip = torch.nn.Linear(features, 1, bias=False) if skip else None
        self.norm = {"none": lambda width: None, "rms": RmsNorm, "layer": torch.nn.LayerNorm, "batch": BatchNorm}[norm](hidden)
        self.block, self.dropout = block, dropout
        self.act = getattr(torch.nn.functional, activation)
        self.to(dtype)
        with torch.no_grad():
            for i, (_, p) in enumerate(sorted(self.named_parameters())):
                p.copy_(normal(*p.shape, seed=seed + i) / math.sqrt(p.shape[-1]))
                if layer is CosLinear and p.dim() == 2 and p is not getattr(self.skip, "weight", None):
                    p += math.pi / 2

    def forward(self, x, depth, seed=None):
        """At a depth; with a seed in a training step, whose masks come from it."""
        injected = self.input(x)
        h = self.act(injected)
        for application in range(depth):
            n = h if self.norm is None else self.norm(h, application) if isinstance(self.norm, BatchNorm) else self.norm(h)
            y = self.act(self.hidden(n) + injected if self.block == "injection" else self.hidden(n))
            if seed is not None:
                y = y * mask(self.dropout, splitmix64(seed, application), y.shape)
            h = h + y if self.block == "residual" else y
        return self.output(h) if self.skip is None else self.output(h) + self.skip(x)

    def parameters_by_name(self):
        return {name: {"shape": list(p.shape), "values": p.detach().flatten().clone()} for name, p in self.named_parameters()}


LAYERS = {"linear": torch.nn.Linear, "cos": CosLinear}


def networks():
    cases = []
    blocks = ("plain", "residual", "injection")
    models = [(name, {"block": block}) for block, name in itertools.product(blocks, LAYERS)]
    models += [("linear", {"block": block, "activation": name}) for block, name in zip(blocks, SMOOTH)]
    models += [("linear", {"skip": True}), ("cos", {"block": "injection", "activation": "silu", "skip": True})]
    models += [("linear", {"block": block, "norm": norm}) for block, norm in itertools.product(blocks, ("rms", "layer"))]
    models += [("linear", {"block": block, "dropout": 0.3}) for block in blocks]
    models += [("cos", {"block": "residual", "norm": "layer", "dropout": 0.5})]
    models += [("linear", {"block": block, "norm": "batch"}) for block in blocks]
    models += [("cos", {"block": "residual", "norm": "batch", "activation": "silu", "skip": True, "dropout": 0.5})]
    for name, model in models:
        net = DynamicNet(LAYERS[name], 5, 7, seed=10, dtype=torch.float64, **model)
        x, y = normal(6, 5, seed=30), normal(6, 1, seed=31)
        depths = []
        seed = 2**63 + 99 if net.dropout else None
        for depth in range(5):
            net.zero_grad()
            output = net(x, depth, seed)
            loss = torch.nn.functional.mse_loss(output, y)
            loss.backward()
            grads = {n: p.grad.flatten().clone() for n, p in net.named_parameters() if p.grad is not None}
            depths.append({"depth": depth, "output": output.flatten(), "loss": loss.item(), "grads": grads})
            net.zero_grad(set_to_none=True)
        statistics = {}
        if model.get("norm") == "batch":
            # Of other rows than those that are predicted.
            net(rows := normal(50, 5, seed=32), 4)
            of_norm = [torch.stack(both) for both in zip(*(net.norm.statistics[i] for i in range(4)))]
            statistics = {"rows": rows.flatten(), "mean": of_norm[0].flatten(), "variance": of_norm[1].flatten()}
            net.eval()
        predict = torch.stack([net(x, depth) for depth in range(1, 5)]).mean(0).flatten()
        cases.append(
            {
                "model": {"layer": name, **model},
                "seed": str(seed),
                "parameters": net.parameters_by_name(),
                "x": x.flatten(),
                "y": y.flatten(),
                "depths": depths,
                "predict_1_to_4": predict,
            }
            | ({"statistics": statistics} if statistics else {})
        )
    write("networks.json", cases)


def halting():
    """The loss that is expected over depths 1 to 4, from torch's distributions, and predictions row by row."""
    cases = []
    depths = range(1, 5)
    for kind, prior, divergence, exit in [
        ("shared", "uniform", 0.3, 0.5),
        ("adaptive", "uniform", 2.0, 0.8),
        ("adaptive", "geometric", 0.05, 0.5),
        ("adaptive", "geometric", 0.3, 1.0),
        # Not trained yet.
        ("shared", "geometric", None, 0.5),
        ("adaptive", "uniform", None, 0.5),
    ]:
        net = DynamicNet(LAYERS["linear"], 5, 7, seed=10, dtype=torch.float64, block="injection")
        x, y = normal(6, 5, seed=30), normal(6, 1, seed=31)
        gate = {"halting.bias": normal(3, seed=32).requires_grad_()}
        if kind == "adaptive":
            gate["halting.weight"] = normal(1, 7, seed=33).requires_grad_()
        pi = torch.tensor([1.0 if prior == "uniform" else 0.8**d for d in range(4)], dtype=torch.float64)
        pi = pi / pi.sum()
        # What the output layer is given.
        activations = []
        net.output.register_forward_pre_hook(lambda _, inputs: activations.append(inputs[0]))
        outputs = torch.cat([net(x, depth) for depth in depths], 1)
        going_on, p = torch.ones(6, dtype=torch.float64), []
        for d in range(4):
            hazard = pi[d] / pi[d:].sum()
            if d < 3:
                z = torch.logit(hazard) + gate["halting.bias"][d]
                if kind == "adaptive":
                    z = z + (activations[d] @ gate["halting.weight"].t()).squeeze(1)
                hazard = torch.sigmoid(z)
            p.append(going_on * hazard)
            going_on = going_on * (1 - hazard)
        p = torch.stack(p, 1)
        errors = (outputs - y) ** 2
        categorical = torch.distributions.Categorical
        kl = torch.distributions.kl_divergence(categorical(p), categorical(pi.expand(6, 4)))
        expected = (p * errors).sum(1).mean()
        loss = expected + divergence * kl.mean() if divergence else (p.detach() * errors).sum(1).mean() + 0.25 * errors.mean()
        loss.backward()
        parameters = [*net.named_parameters(), *gate.items()]
        grads = {n: torch.zeros(v.numel()) if v.grad is None else v.grad.flatten() for n, v in parameters}
        predictions, exits = [], []
        for row_p, row_y in zip(p.tolist(), outputs.tolist()):
            last = next(d for d in depths if d == 4 or sum(row_p[:d]) >= exit)
            predictions.append(sum(a * b for a, b in zip(row_p[:last], row_y)) / sum(row_p[:last]))
            exits.append(last)
        cases.append(
            {
                "model": {"block": "injection", "halting": kind, "prior": prior, "exit": exit},
                "divergence": divergence,
                "parameters": {
                    **net.parameters_by_name(),
                    **{n: {"shape": list(v.shape), "values": v.detach().flatten()} for n, v in gate.items()},
                },
                "x": x.flatten(),
                "y": y.flatten(),
                "expected": expected.item(),
                "loss": loss.item(),
                "grads": grads,
                "predictions": predictions,
                "exits": exits,
                "probabilities": p.detach().flatten(),
            }
        )
    write("halting.json", cases)


def cos_linear():
    cases = []
    for bias in (True, False):
        layer = CosLinear(4, 3, bias=bias).double()
        with torch.no_grad():
            layer.weight.copy_(normal(3, 4, seed=40))
            if bias:
                layer.bias.copy_(normal(3, seed=41))
        x = normal(2, 5, 4, seed=42).requires_grad_()
        output = layer(x)
        upstream = normal(2, 5, 3, seed=43)
        output.backward(upstream)
        cases.append(
            {
                "weight": layer.weight.flatten(),
                "bias": layer.bias if bias else None,
                "x": x.flatten(),
                "output": output.flatten(),
                "upstream": upstream.flatten(),
                "grad_x": x.grad.flatten(),
                "grad_weight": layer.weight.grad.flatten(),
                "grad_bias": layer.bias.grad if bias else None,
            }
        )
    write("cos_linear.json", cases)


# --- optimiser and training ---


def adamw():
    """100 steps on given gradients; the second parameter gets none in every third step."""
    cases = []
    for decay in (0.0, 0.1):
        a, b = (torch.nn.Parameter(normal(3, 4, seed=60)), torch.nn.Parameter(normal(5, seed=61)))
        start = [a.detach().flatten().clone(), b.detach().flatten().clone()]
        optimizer = torch.optim.AdamW([a, b], lr=1e-2, weight_decay=decay)
        grads_a, grads_b = normal(100, 12, seed=62), normal(100, 5, seed=63)
        for step in range(100):
            a.grad = grads_a[step].reshape(3, 4)
            b.grad = None if step % 3 == 2 else grads_b[step]
            optimizer.step()
        state = [optimizer.state[p] for p in (a, b)]
        cases.append(
            {
                "weight_decay": decay,
                "start": start,
                "grads": [grads_a.flatten(), grads_b.flatten()],
                "end": [a.flatten(), b.flatten()],
                "steps": [int(s["step"]) for s in state],
                "first_moment": [s["exp_avg"].flatten() for s in state],
                "second_moment": [s["exp_avg_sq"].flatten() for s in state],
            }
        )
    adam = torch.optim.Adam([p := torch.nn.Parameter(cases[0]["start"][1].clone())], lr=1e-2)
    for step in (s for s in range(100) if s % 3 != 2):
        p.grad = cases[0]["grads"][1].reshape(100, 5)[step]
        adam.step()
    assert torch.equal(p, cases[0]["end"][1]), "without decay AdamW is Adam"
    write("adamw.json", cases)


def updates():
    """20 steps on given gradients with clipping, penalties and an average, in the order of taper's `Updates`."""
    cases = []
    for settings in (
        {"clip_value": 0.5},
        {"clip_norm": 1.0},
        {"clip_norm": 1e3},
        {"clip_value": 0.7, "clip_norm": 2.0},
        {"l2": 0.3},
        {"l2": 0.3, "penalised": "all"},
        {"weight_decay": 2.0},
        {"weight_decay": 2.0, "penalised": "all"},
        {"l1": 3.0},
        {"averaging": 0.6},
        {"clip_norm": 1.0, "weight_decay": 1.0, "l2": 0.1, "l1": 1.0, "averaging": 0.99},
    ):
        a, b = (torch.nn.Parameter(normal(3, 4, seed=90)), torch.nn.Parameter(normal(5, seed=91)))
        start = [a.detach().flatten().clone(), b.detach().flatten().clone()]
        penalised = [a, b] if settings.get("penalised") == "all" else [a]
        decay, l1, l2 = (settings.get(name, 0.0) for name in ("weight_decay", "l1", "l2"))
        if l2 and not decay:
            # PyTorch's own coupled penalty.
            groups = [{"params": [p], "weight_decay": l2 if any(p is q for q in penalised) else 0.0} for p in (a, b)]
            optimizer, l2 = torch.optim.Adam(groups, lr=1e-2), 0.0
        else:
            groups = [{"params": [p], "weight_decay": decay if any(p is q for q in penalised) else 0.0} for p in (a, b)]
            optimizer = torch.optim.AdamW(groups, lr=1e-2)
        gamma = settings.get("averaging", 0.0)
        both = torch.nn.ParameterList([a, b])
        average = torch.optim.swa_utils.AveragedModel(
            both, avg_fn=lambda mean, p, n: mean + max(1 - gamma, 10 / (int(n) + 10)) * (p - mean)
        )
        grads_a, grads_b = normal(20, 12, seed=92), normal(20, 5, seed=93)
        for step in range(20):
            a.grad, b.grad = grads_a[step].reshape(3, 4).clone(), grads_b[step].clone()
            if "clip_value" in settings:
                torch.nn.utils.clip_grad_value_([a, b], settings["clip_value"])
            if "clip_norm" in settings:
                torch.nn.utils.clip_grad_norm_([a, b], settings["clip_norm"])
            if l2:
                for p in penalised:
                    p.grad = p.grad + l2 * p.detach()
            optimizer.step()
            for p in penalised if l1 else []:
                p.data = torch.nn.functional.softshrink(p.data, 1e-2 * l1)
            average.update_parameters(both)
        cases.append(
            {
                **settings,
                "start": start,
                "grads": [grads_a.flatten(), grads_b.flatten()],
                "end": [a.flatten(), b.flatten()],
                "average": [p.flatten() for p in average.module],
            }
        )
    write("updates.json", cases)


def trajectories():
    """50 steps of training with given data, initial parameters, batches and depths, or with weights at all depths up to
    that of the step."""
    cases = []
    for (name, layer), weights in [*itertools.product(LAYERS.items(), [None]), (("linear", LAYERS["linear"]), [1.0, 0.5, 2.0, 4.0])]:
        net = DynamicNet(layer, 8, 16, seed=70, dtype=torch.float32)
        x = normal(64, 8, seed=80, dtype=torch.float32)
        y = x @ normal(8, 1, seed=81, dtype=torch.float32) + 0.1 * normal(64, 1, seed=82, dtype=torch.float32)
        start = net.parameters_by_name()
        optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
        batches = [torch.randperm(64, generator=generator(900 + s))[:16] for s in range(50)]
        depths = torch.randint(1, 5, (50,), generator=generator(83)).tolist()
        losses = []
        for batch, depth in zip(batches, depths):
            optimizer.zero_grad()
            if weights:
                terms = [w * torch.nn.functional.mse_loss(net(x[batch], d + 1), y[batch]) for d, w in enumerate(weights[:depth])]
                loss = sum(terms) / sum(weights[:depth])
            else:
                loss = torch.nn.functional.mse_loss(net(x[batch], depth), y[batch])
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        cases.append(
            {
                "layer": name,
                **({"depth_weights": weights} if weights else {}),
                "x": x.flatten(),
                "y": y.flatten(),
                "start": start,
                "batches": batches,
                "depths": depths,
                "lr": 1e-2,
                "losses": losses,
                "end": net.parameters_by_name(),
            }
        )
    write("trajectories.json", cases)


if __name__ == "__main__":
    torch.set_num_threads(1)
    operations()
    cosines()
    gelu()
    cos_linear()
    networks()
    halting()
    adamw()
    updates()
    trajectories()
