//! Every instruction against Candle in f64, and fused plans against what they were fused from.

use std::f64::consts::FRAC_1_SQRT_2;

use candle_core::{DType, Device as CandleDevice, Tensor, Var};
use candle_nn::VarMap;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::Plan;
use super::cpu::Cpu;
use super::device::Device;
use super::execute::{Memory, execute};
use super::graph::{Graph, Stored, parameters};
use super::instruction::{Epilogue, Factor, Instruction, Rows, Value};
use super::rewrite::{fuse, transpose_right_factors};
use crate::nn::{
    Block, CosInit, DynamicNet, Halting, LayerKind, ModelConfig, Nonlinearity, Norm, named_vars,
    seeded_builder,
};
use crate::ops::kernels::Write;
use crate::ops::{
    Activation, Loss, MapKind, NormKind, Prior, Quantiles, batch_norm, dropout, layer_norm, rms_norm, seed_of,
};
use crate::optim::{AdamWConfig, OptimizerConfig};

/// A device of the plan with its own, as Candle knows it.
fn on_every_device(test: impl Fn(&mut dyn Machine)) {
    test(&mut Runner { device: Cpu::<f64>::new(), candle: CandleDevice::Cpu });
    #[cfg(feature = "cuda")]
    {
        let candle = CandleDevice::new_cuda(0).unwrap();
        let CandleDevice::Cuda(cuda) = &candle else { panic!("not CUDA") };
        let device = super::cuda::Cuda::<f64>::new(cuda, 1, &adamw()).unwrap();
        test(&mut Runner { device, candle });
    }
}

/// AdamW as it is by default.
fn adamw() -> OptimizerConfig {
    OptimizerConfig::AdamW(AdamWConfig::default())
}

/// Executes instructions on tensors.
trait Machine {
    /// The contents of buffers with `inputs` in the first ones and zeros in those after them, of `sizes`
    /// elements, when `instructions` have run for `rows` rows.
    fn run(
        &mut self,
        inputs: &[Tensor],
        sizes: &[usize],
        instructions: &[Instruction],
        rows: usize,
    ) -> Vec<Vec<f64>>;

    /// The loss that the status has.
    fn loss(&self) -> f64;

    /// Sets the weight of the divergence in expected losses.
    fn set_divergence(&mut self, weight: Option<f64>);

    /// How weights are stored.
    fn stored(&self) -> Stored;
}

struct Runner<D> {
    device: D,
    candle: CandleDevice,
}

impl<D: Device> Machine for Runner<D> {
    fn run(
        &mut self,
        inputs: &[Tensor],
        sizes: &[usize],
        instructions: &[Instruction],
        rows: usize,
    ) -> Vec<Vec<f64>> {
        self.device.reset_status(0.).unwrap();
        let lens = inputs.iter().map(Tensor::elem_count).chain(sizes.iter().copied());
        let mut buffers: Vec<_> =
            lens.clone().map(|len| Some(Box::new(self.device.zeros(len).unwrap()))).collect();
        for (input, buffer) in inputs.iter().zip(&mut buffers) {
            let input = input.to_device(&self.candle).unwrap();
            self.device.load(&input, Stored::Plain, buffer.as_mut().unwrap()).unwrap();
        }
        let mut memory = Memory { parameters: &[], others: &mut buffers };
        execute(&mut self.device, instructions, rows, 1, &mut memory).unwrap();
        let read = |(buffer, len): (&Option<Box<D::Buffer>>, usize)| {
            let copy = Tensor::zeros(len, DType::F64, &self.candle).unwrap();
            self.device.store(buffer.as_ref().unwrap(), Stored::Plain, &copy).unwrap();
            copy.to_vec1().unwrap()
        };
        buffers.iter().zip(lens).map(read).collect()
    }

    fn loss(&self) -> f64 {
        self.device.status().unwrap().loss
    }

    fn set_divergence(&mut self, weight: Option<f64>) {
        self.device.set_divergence(weight);
    }

    fn stored(&self) -> Stored {
        D::WEIGHTS
    }
}

fn random(rng: &mut ChaCha8Rng, rows: usize, columns: usize) -> Tensor {
    let elements: Vec<f64> = (0..rows * columns).map(|_| rng.random_range(-2. ..2.)).collect();
    Tensor::from_vec(elements, (rows, columns), &CandleDevice::Cpu).unwrap()
}

fn value(number: usize, tensor: &Tensor) -> Value {
    let (rows, columns) = tensor.dims2().unwrap();
    Value { number, rows: Rows::Fixed(rows), columns }
}

/// Panics unless all are within 1e-12 of what is expected.
fn assert_same(what: &str, ours: &[f64], expected: &Tensor) {
    let expected: Vec<f64> = expected.flatten_all().unwrap().to_vec1().unwrap();
    assert_eq!(ours.len(), expected.len(), "{what}");
    let largest = ours.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0., f64::max);
    let all = ours.iter().zip(&expected).all(|(a, b)| (a - b).abs() <= 1e-12);
    assert!(all, "{what}: largest difference {largest:e}, {ours:?} and {expected:?}");
}

/// 1 where x > 0.
fn positive(x: &Tensor) -> Tensor {
    x.gt(0.).unwrap().to_dtype(DType::F64).unwrap()
}

#[test]
fn products_with_every_epilogue_are_candles() {
    on_every_device(|machine| {
        let rng = &mut ChaCha8Rng::seed_from_u64(1);
        for (m, n, k) in [(1, 1, 1), (5, 3, 7), (8, 33, 16), (17, 1, 40)] {
            for transposed in [false, true] {
                let [a, b, c, bias, output] = [(m, k), (k, n), (m, n), (1, n), (m, n)]
                    .map(|(rows, columns)| random(rng, rows, columns));
                let product = a.matmul(&b).unwrap();
                // The left factor may be stored as its transpose.
                let a = if transposed { a.t().unwrap().contiguous().unwrap() } else { a };
                let inputs = [a, b, c, bias, output];
                let [va, vb, vc, vbias, voutput] = std::array::from_fn(|i| value(i, &inputs[i]));
                let [_, _, c, bias, output] = &inputs;
                let affine = product.broadcast_add(bias).unwrap();
                let masked = (&product * positive(output)).unwrap();
                let sums = masked.sum_keepdim(0).unwrap();
                let bias_activation = |activation| Epilogue::BiasActivation { bias: vbias, activation };
                let backward = |write| Epilogue::ReluBackward { output: voutput, bias_grad: vbias, write };
                for (epilogue, expected, expected_bias) in [
                    (Epilogue::Set, &product, bias),
                    (Epilogue::Add, &(c + &product).unwrap(), bias),
                    (bias_activation(Activation::Identity), &affine, bias),
                    (bias_activation(Activation::Relu), &affine.relu().unwrap(), bias),
                    (backward(Write::Set), &masked, &sums),
                    (backward(Write::Add), &masked, &(bias + &sums).unwrap()),
                ] {
                    let gemm = Instruction::Gemm {
                        a: Factor { matrix: va, transposed },
                        b: Factor::plain(vb),
                        epilogue,
                        out: vc,
                    };
                    let buffers = machine.run(&inputs, &[], &[gemm], 0);
                    let what = format!("{m} x {k} x {n}, transposed {transposed}, {epilogue:?}");
                    assert_same(&what, &buffers[2], expected);
                    assert_same(&what, &buffers[3], expected_bias);
                }
            }
        }
    });
}

#[test]
fn functions_and_their_gradients_are_autograds() {
    on_every_device(|machine| {
        let rng = &mut ChaCha8Rng::seed_from_u64(2);
        let (x, grad) = (random(rng, 9, 13), random(rng, 9, 13));
        let mish = |x: &Tensor| x * ((x.exp()? + 1.)?.log()?.tanh())?;
        let gelu = |x: &Tensor| (x * 0.5)? * ((x * FRAC_1_SQRT_2)?.erf()? + 1.)?;
        for (function, by_candle) in [
            (MapKind::Relu, Tensor::relu as fn(&Tensor) -> _),
            (MapKind::Cos, Tensor::cos),
            (MapKind::Silu, Tensor::silu),
            (MapKind::Mish, mish),
            (MapKind::Gelu, gelu),
        ] {
            let var = Var::from_tensor(&x).unwrap();
            let y = by_candle(&var).unwrap();
            let grads = (&y * &grad).unwrap().sum_all().unwrap().backward().unwrap();
            let inputs = [x.clone(), grad.clone()];
            let [vx, vgrad, out, x_grad] = std::array::from_fn(|i| Value { number: i, ..value(0, &x) });
            let saved = match function.saves() {
                crate::ops::Saved::Operand => vx,
                crate::ops::Saved::Result => out,
            };
            let instructions = [
                Instruction::Map { function, x: vx, out },
                Instruction::MapBackward { function, saved, grad: vgrad, out: x_grad },
            ];
            let buffers = machine.run(&inputs, &[9 * 13; 2], &instructions, 0);
            assert_same(function.name(), &buffers[2], &y);
            assert_same(function.name(), &buffers[3], grads.get(&var).unwrap());
        }
    });
}

#[test]
fn sums_and_the_losses_are_candles() {
    on_every_device(|machine| {
        let rng = &mut ChaCha8Rng::seed_from_u64(3);
        let (x, y, sums) = (random(rng, 6, 5), random(rng, 6, 5), random(rng, 1, 5));
        let inputs = [x.clone(), y.clone(), sums.clone()];
        let [vx, vy, vsums] = std::array::from_fn(|i| value(i, &inputs[i]));
        let out = Value { number: 3, ..vx };
        let run = |machine: &mut dyn Machine, instruction| machine.run(&inputs, &[30], &[instruction], 6);
        let buffers = run(machine, Instruction::Add { x: vx, y: vy, out });
        assert_same("sum", &buffers[3], &(&x + &y).unwrap());
        let column_sums = x.sum_keepdim(0).unwrap();
        for (write, expected) in [(Write::Set, &column_sums), (Write::Add, &(&sums + &column_sums).unwrap())]
        {
            let buffers = run(machine, Instruction::ColumnSums { x: vx, write, out: vsums });
            assert_same("column sums", &buffers[2], expected);
        }
        let prediction = Var::from_tensor(&x).unwrap();
        for loss in Loss::ALL {
            let expected = match loss {
                Loss::Mse => candle_nn::loss::mse(&prediction, &y),
                Loss::Mae => (prediction.as_tensor() - &y).unwrap().abs().unwrap().mean_all(),
                Loss::Huber { delta } => candle_nn::loss::huber(&prediction, &y, delta),
                // Below, of several outputs for each target.
                Loss::Quantile(_) => continue,
            }
            .unwrap();
            let grads = expected.backward().unwrap();
            let buffers =
                run(machine, Instruction::Loss { loss, share: 1., prediction: vx, target: vy, grad: out });
            assert_same("gradient of the loss", &buffers[3], grads.get(&prediction).unwrap());
            // Weighted by the rows.
            assert_same(loss.name(), &[machine.loss() / 6.], &expected);
            let share = Instruction::Loss { loss, share: 0.25, prediction: vx, target: vy, grad: out };
            let buffers = run(machine, share);
            let quarter = (grads.get(&prediction).unwrap() * 0.25).unwrap();
            assert_same("a share of the gradient", &buffers[3], &quarter);
            assert_same("a share of the loss", &[machine.loss() / 1.5], &expected);
        }
    });
    on_every_device(|machine| {
        // Three quantiles of each of two targets in four rows: those of a target are side by side.
        let rng = &mut ChaCha8Rng::seed_from_u64(5);
        let inputs = [random(rng, 4, 6), random(rng, 4, 2)];
        let [vx, vy] = std::array::from_fn(|i| value(i, &inputs[i]));
        let prediction = Var::from_tensor(&inputs[0]).unwrap();
        let d = prediction.reshape((4, 2, 3)).unwrap();
        let d = d.broadcast_sub(&inputs[1].reshape((4, 2, 1)).unwrap()).unwrap();
        let levels = Tensor::new(Quantiles::DECILES.levels(), &CandleDevice::Cpu).unwrap();
        // q (t - p) + the positive part of p - t.
        let expected = (d.relu().unwrap() - d.broadcast_mul(&levels).unwrap()).unwrap().mean_all().unwrap();
        let grads = expected.backward().unwrap();
        let (loss, grad) = (Loss::Quantile(Quantiles::DECILES), Value { number: 2, ..vx });
        let instruction = Instruction::Loss { loss, share: 1., prediction: vx, target: vy, grad };
        let buffers = machine.run(&inputs, &[24], &[instruction], 4);
        assert_same("gradient of the quantiles", &buffers[2], grads.get(&prediction).unwrap());
        assert_same("quantiles", &[machine.loss() / 4.], &expected);
    });
    let rng = &mut ChaCha8Rng::seed_from_u64(4);
    let x = random(rng, 6, 5);
    let transposed = x.t().unwrap().contiguous().unwrap();
    let [from, to] = [value(0, &x), Value { number: 1, ..value(0, &transposed) }];
    let mut cpu = Runner { device: Cpu::<f64>::new(), candle: CandleDevice::Cpu };
    let buffers = cpu.run(&[x], &[30], &[Instruction::Transpose { x: from, out: to }], 0);
    assert_same("transpose", &buffers[1], &transposed);
}

#[test]
fn dropout_and_its_gradient_are_the_operation() {
    on_every_device(|machine| {
        let rng = &mut ChaCha8Rng::seed_from_u64(9);
        let (x, grad) = (random(rng, 9, 33), random(rng, 9, 33));
        let var = Var::from_tensor(&x).unwrap();
        // The runner's seed is 1.
        let y = dropout(&var, 0.3, seed_of(1, 2)).unwrap();
        let grads = (&y * &grad).unwrap().sum_all().unwrap().backward().unwrap();
        let [vx, vgrad, out, x_grad] = std::array::from_fn(|i| Value { number: i, ..value(0, &x) });
        let instruction = |x, out| Instruction::Dropout { rate: 0.3, application: 2, x, out };
        let instructions = [instruction(vx, out), instruction(vgrad, x_grad)];
        let buffers = machine.run(&[x.clone(), grad.clone()], &[9 * 33; 2], &instructions, 0);
        assert_same("dropout", &buffers[2], &y);
        assert_same("its gradient", &buffers[3], grads.get(&var).unwrap());
    });
}

#[test]
fn norms_and_their_gradients_are_autograds() {
    on_every_device(|machine| {
        let rng = &mut ChaCha8Rng::seed_from_u64(8);
        for (rows, columns) in [(1, 1), (9, 13), (4, 300), (300, 33)] {
            let [x, grad] = [(); 2].map(|()| random(rng, rows, columns));
            let [scale, shift] = [(); 2].map(|()| random(rng, 1, columns));
            for kind in NormKind::ALL {
                let vars = [&x, &scale, &shift].map(|x| Var::from_tensor(x).unwrap());
                let [of_x, of_scale, of_shift] = &vars;
                let (flat_scale, flat_shift) =
                    (of_scale.flatten_all().unwrap(), of_shift.flatten_all().unwrap());
                let y = match kind {
                    NormKind::Rms => rms_norm(of_x, &flat_scale).unwrap(),
                    NormKind::Layer => layer_norm(of_x, &flat_scale, &flat_shift).unwrap(),
                    NormKind::Batch => batch_norm(of_x, &flat_scale, &flat_shift).unwrap(),
                };
                let grads = (&y * &grad).unwrap().sum_all().unwrap().backward().unwrap();
                let inputs = [x.clone(), scale.clone(), shift.clone(), grad.clone()];
                let [vx, vscale, vshift, vgrad] = std::array::from_fn(|i| value(i, &inputs[i]));
                let [out, x_grad, terms] = [4, 5, 6].map(|number| Value { number, ..vx });
                let sums = Value { number: 7, ..vscale };
                let shift = kind.is_centred().then_some(vshift);
                let instructions = [
                    Instruction::Norm { kind, x: vx, scale: vscale, shift, out },
                    Instruction::NormBackward { kind, x: vx, scale: vscale, grad: vgrad, out: x_grad, terms },
                    Instruction::ColumnSums { x: terms, write: Write::Set, out: sums },
                ];
                let len = rows * columns;
                let buffers = machine.run(&inputs, &[len, len, len, columns], &instructions, 0);
                assert_same(kind.name(), &buffers[4], &y);
                assert_same(kind.name(), &buffers[5], grads.get(of_x).unwrap());
                assert_same(kind.name(), &buffers[7], grads.get(of_scale).unwrap());
            }
        }
    });
}

fn network(model: &ModelConfig) -> DynamicNet {
    let vb = seeded_builder(&VarMap::new(), ChaCha8Rng::seed_from_u64(5), DType::F64, &CandleDevice::Cpu);
    DynamicNet::new(&model.network(7, 2), vb).unwrap()
}

/// The gradients of a plan before and after it is fused, and as the CPU and CUDA store weights.
#[test]
fn rewrites_do_not_change_the_gradients() {
    let cos = LayerKind::Cos(CosInit::Centred);
    let plain = ModelConfig { hidden: 5, ..ModelConfig::default() };
    let residual = ModelConfig { block: Block::Residual, ..plain.clone() };
    let injection = ModelConfig { block: Block::Injection, ..plain.clone() };
    let (silu, mish, gelu) = (Nonlinearity::Silu, Nonlinearity::Mish, Nonlinearity::Gelu);
    for (stored, model) in [
        (Stored::Transposed, plain.clone()),
        (Stored::Transposed, ModelConfig { layer: cos, ..plain.clone() }),
        (Stored::Plain, plain.clone()),
        (Stored::Transposed, residual.clone()),
        (Stored::Transposed, injection.clone()),
        (Stored::Plain, ModelConfig { layer: cos, ..injection.clone() }),
        (Stored::Transposed, ModelConfig { activation: silu, ..residual.clone() }),
        (Stored::Plain, ModelConfig { activation: mish, layer: cos, ..plain.clone() }),
        (Stored::Plain, ModelConfig { activation: gelu, ..injection.clone() }),
        (Stored::Transposed, ModelConfig { skip: true, ..plain.clone() }),
        (Stored::Plain, ModelConfig { skip: true, activation: gelu, ..injection.clone() }),
        (Stored::Transposed, ModelConfig { norm: Norm::Rms, ..plain.clone() }),
        (Stored::Plain, ModelConfig { norm: Norm::Batch, ..plain }),
        (Stored::Transposed, ModelConfig { norm: Norm::Layer, activation: silu, ..residual }),
        (Stored::Plain, ModelConfig { norm: Norm::Layer, skip: true, ..injection.clone() }),
        (Stored::Transposed, ModelConfig { norm: Norm::Batch, activation: mish, ..injection }),
        (
            Stored::Transposed,
            ModelConfig { dropout: 0.3, ..ModelConfig { hidden: 5, ..ModelConfig::default() } },
        ),
    ] {
        for depth in 1..=4 {
            let net = network(&model);
            let parameters = parameters(&net, stored);
            let mut graph = Graph::new(&net, &parameters, stored, true);
            let outputs = graph.forward(&net, depth..=depth).unwrap();
            graph.backward(Loss::Mse, &outputs.by_depth, &[1.]);
            let (computed, next) = (graph.first_computed(), graph.next_number());
            let plain = transpose_right_factors(graph.instructions.clone(), next);
            let fused = transpose_right_factors(fuse(graph.instructions, computed), next);
            // Of each application its relu, forward and backward, and its sums. A relu of a sum stays, as do
            // the gradients that a residual connection reads twice; of other activations the sums go,
            // and through a norm or dropout the gradient of the relu before it stays.
            let gone = match (model.block, model.activation, model.norm) {
                _ if model.dropout > 0. => depth,
                (Block::Plain, Nonlinearity::Relu, Norm::None) => 3 * depth + 1,
                (_, Nonlinearity::Relu, Norm::None) => depth + 1,
                _ => depth - 1,
            };
            assert!(
                fused.len() + gone <= plain.len(),
                "{}: {} and {}",
                model.layers(),
                fused.len(),
                plain.len()
            );
            let [plain, fused] = [plain, fused].map(|list| gradients(&net, list));
            assert_eq!(plain.len(), net.named_parameters().count());
            for ((name, ours), (_, expected)) in fused.iter().zip(&plain) {
                let expected = Tensor::from_slice(expected, expected.len(), &CandleDevice::Cpu).unwrap();
                assert_same(name, ours, &expected);
            }
        }
    }
}

/// The gradients of the loss that is expected over depths, with gates that are nearly sure and others,
/// against those of its definition in Candle's operations.
#[test]
fn expected_losses_and_their_gradients_are_autograds() {
    on_every_device(|machine| {
        let rng = &mut ChaCha8Rng::seed_from_u64(11);
        for (case, (halting, prior, scale)) in [
            (Halting::Shared, Prior::Uniform, 1.),
            (Halting::Adaptive, Prior::Uniform, 0.),
            (Halting::Adaptive, Prior::Geometric, 1.),
            (Halting::Adaptive, Prior::Geometric, 30.),
        ]
        .into_iter()
        .enumerate()
        {
            let model =
                ModelConfig { hidden: 5, max_depth: 3 + case, halting, prior, ..ModelConfig::default() };
            let vars = VarMap::new();
            let vb = seeded_builder(&vars, rng.clone(), DType::F64, &CandleDevice::Cpu);
            let net = DynamicNet::new(&model.network(7, 2), vb).unwrap();
            let vars = named_vars(&vars);
            for (name, var) in &vars {
                if name.starts_with("halting") {
                    let elements = random(rng, 1, var.elem_count()).reshape(var.dims()).unwrap();
                    var.set(&(elements * scale).unwrap()).unwrap();
                }
            }
            let (x, y) = (random(rng, 11, 7), random(rng, 11, 2));
            for divergence in [None, Some(0.3)] {
                let [loss, expected] = net.expected_loss(&x, &y, divergence, 0).unwrap();
                let grads = loss.backward().unwrap();
                let stored = machine.stored();
                let parameters = parameters(&net, stored);
                let mut graph = Graph::new(&net, &parameters, stored, true);
                let outputs = graph.forward(&net, net.depths()).unwrap();
                graph.backward_expected(net.gate().unwrap(), &outputs).unwrap();
                let mut instructions = fuse(graph.instructions.clone(), graph.first_computed());
                if stored == Stored::Transposed {
                    instructions = transpose_right_factors(instructions, graph.next_number());
                }
                machine.set_divergence(divergence);
                let ours = gradients_on(machine, &net, instructions, [x.clone(), y.clone()]);
                assert_same("expected error", &[machine.loss() / 11.], &expected);
                assert_eq!(ours.len(), vars.len());
                for (name, ours) in ours {
                    let (_, var) = vars.iter().find(|(other, _)| *other == name).unwrap();
                    let expected = match grads.get(var) {
                        Some(grad) if stored == Stored::Transposed && grad.rank() == 2 => grad.t().unwrap(),
                        Some(grad) => grad.clone(),
                        None => var.zeros_like().unwrap(),
                    };
                    assert_same(&format!("{name} of case {case}"), &ours, &expected);
                }
            }
        }
    });
}

/// The gradient of each parameter by `instructions` that have not been given buffers.
fn gradients(net: &DynamicNet, instructions: Vec<Instruction>) -> Vec<(String, Vec<f64>)> {
    let rng = &mut ChaCha8Rng::seed_from_u64(6);
    let batch = [random(rng, 11, 7), random(rng, 11, 2)];
    let mut cpu = Runner { device: Cpu::<f64>::new(), candle: CandleDevice::Cpu };
    gradients_on(&mut cpu, net, instructions, batch)
}

fn gradients_on(
    machine: &mut dyn Machine,
    net: &DynamicNet,
    instructions: Vec<Instruction>,
    batch: [Tensor; 2],
) -> Vec<(String, Vec<f64>)> {
    let stored = if instructions.iter().any(|i| matches!(i, Instruction::Transpose { .. })) {
        Stored::Transposed
    } else {
        Stored::Plain
    };
    let parameters = parameters(net, stored);
    let mut inputs: Vec<_> = parameters.iter().map(|p| p.tensor.detach()).collect();
    for (input, parameter) in inputs.iter_mut().zip(&parameters) {
        if parameter.stored == Stored::Transposed {
            *input = input.t().unwrap().contiguous().unwrap();
        }
    }
    inputs.extend(batch);
    let mut sizes = vec![0; 200];
    let mut updates = Vec::new();
    let mut passes = Vec::new();
    for instruction in instructions {
        for (value, _) in instruction.operands() {
            if let Some(size) = value.number.checked_sub(inputs.len()) {
                sizes[size] = value.len(11);
            }
        }
        match instruction {
            Instruction::Update { parameter, grad } => updates.push((parameter, grad)),
            other => passes.push(other),
        }
    }
    let buffers = machine.run(&inputs, &sizes, &passes, 11);
    let gradient = |&(parameter, grad): &(Value, Value)| {
        (parameters[parameter.number].name.clone(), buffers[grad.number].clone())
    };
    updates.iter().map(gradient).collect()
}

/// The step of the default network, instruction for instruction as one would write it by hand.
#[test]
fn the_default_step_has_no_instruction_too_many() {
    let vb = seeded_builder(&VarMap::new(), ChaCha8Rng::seed_from_u64(7), DType::F32, &CandleDevice::Cpu);
    let net = DynamicNet::new(&ModelConfig::default().network(64, 1), vb).unwrap();
    let plan = Plan::training_step(&net, 2, 64, Loss::Mse, &adamw()).unwrap();
    let lines: Vec<_> = plan.lines.iter().map(|line| line.instruction.as_str()).collect();
    let expected = [
        "v0 = relu(x input.weight^T + input.bias)",
        "v1 = relu(v0 hidden.weight^T + hidden.bias)",
        "v2 = relu(v1 hidden.weight^T + hidden.bias)",
        "v3 = v2 output.weight^T + output.bias",
        "v4 = mse'(v3, t), loss += mse(v3, t)",
        "grad(output.bias) = sums of v4",
        "grad(output.weight)^T = v2^T v4",
        "v5 = transpose of output.weight^T",
        "v6 = (v4 v5) [v2 > 0], grad(hidden.bias) = sums of v6",
        "grad(hidden.weight)^T = v1^T v6",
        "v7 = transpose of hidden.weight^T",
        "v8 = (v6 v7) [v1 > 0], grad(hidden.bias) += sums of v8",
        "grad(hidden.weight)^T += v0^T v8",
        "v9 = (v8 v7) [v0 > 0], grad(input.bias) = sums of v9",
        "grad(input.weight)^T = x^T v9",
        "update hidden.bias with grad(hidden.bias)",
        "update hidden.weight^T with grad(hidden.weight)^T",
        "update input.bias with grad(input.bias)",
        "update input.weight^T with grad(input.weight)^T",
        "update output.bias with grad(output.bias)",
        "update output.weight^T with grad(output.weight)^T",
    ];
    assert_eq!(lines, expected, "{plan}");
    // 2 m n k for each product; bias and relu, or mask and sum, of the three hidden activations; the output's
    // bias, the loss and its sums; one sum of two gradients; 14 for each parameter.
    let products = 2 * 64 * (2 * 64 * 32 + 2 * 3 * 32 * 32 + 3 * 32);
    let elementwise = 2 * 3 * (2 * 64 * 32) + 64 * (1 + 4 + 1) + 32 * 32;
    assert_eq!(plan.flops, products + elementwise + 14 * 3169);
}
