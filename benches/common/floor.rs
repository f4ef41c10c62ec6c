//! The matrix products of a training step by the `gemm` crate and nothing else: what a step would take if all
//! the rest were free.

use candle_core::{Device, Tensor};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

#[path = "gemm.rs"]
mod by_gemm;

use by_gemm::product;

/// The sizes of a network and of its batch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape {
    pub(crate) batch: usize,
    pub(crate) features: usize,
    pub(crate) hidden: usize,
}

/// C (m, n) <- A (m, k) B (k, n), with the strides (row, column) that the operands have in a network.
struct Product {
    sizes: [usize; 3],
    a: (Vec<f32>, [usize; 2]),
    b: (Vec<f32>, [usize; 2]),
    c: Vec<f32>,
}

impl Product {
    /// The operands are row-major, or `true` tells that they are the transpose of what is.
    fn new([m, n, k]: [usize; 3], a_transposed: bool, b_transposed: bool) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let mut operand = |rows: usize, columns: usize, transposed: bool| {
            let values = (0..rows * columns).map(|_| rng.random_range(-1. ..1.)).collect();
            (values, if transposed { [1, rows] } else { [columns, 1] })
        };
        let (a, b) = (operand(m, k, a_transposed), operand(k, n, b_transposed));
        let product = Self { sizes: [m, n, k], a, b, c: vec![0.; m * n] };
        product.checked()
    }

    fn run(&mut self) {
        let Self { sizes, a: (a, a_strides), b: (b, b_strides), c } = self;
        product(*sizes, (a, *a_strides), (b, *b_strides), c);
    }

    /// Panics unless the product is Candle's, up to rounding.
    fn checked(mut self) -> Self {
        self.run();
        let [m, n, k] = self.sizes;
        let matrix = |(values, [row, _]): &(Vec<f32>, [usize; 2]), rows, columns| {
            let dims = if *row == 1 { (columns, rows) } else { (rows, columns) };
            let matrix = Tensor::from_slice(values, dims, &Device::Cpu).unwrap();
            if *row == 1 { matrix.t().unwrap() } else { matrix }
        };
        let product = matrix(&self.a, m, k).matmul(&matrix(&self.b, k, n)).unwrap();
        let expected: Vec<f32> = product.flatten_all().unwrap().to_vec1().unwrap();
        for (c, expected) in self.c.iter().zip(expected) {
            assert!((c - expected).abs() <= 1e-5 * k as f32, "the product is {c}, expected {expected}");
        }
        self
    }
}

/// The products of a step.
pub(crate) struct Floor {
    /// Those that a step makes once, whatever its depth.
    once: Vec<Product>,
    /// Those that it makes at each application of the hidden layer.
    each_depth: Vec<Product>,
}

impl Floor {
    pub(crate) fn new(Shape { batch, features, hidden }: Shape) -> Self {
        // Of a layer: y = x W^T, dW = dy^T x, dx = dy W.
        let forward = |inputs, outputs| Product::new([batch, outputs, inputs], false, true);
        let weight_grad = |inputs, outputs| Product::new([outputs, inputs, batch], true, false);
        let input_grad = |inputs, outputs| Product::new([batch, inputs, outputs], false, false);
        let once = vec![
            forward(features, hidden),
            weight_grad(features, hidden),
            forward(hidden, 1),
            weight_grad(hidden, 1),
            input_grad(hidden, 1),
        ];
        let each_depth =
            vec![forward(hidden, hidden), weight_grad(hidden, hidden), input_grad(hidden, hidden)];
        Self { once, each_depth }
    }

    /// Makes the products of a step at `depth`.
    pub(crate) fn step(&mut self, depth: usize) {
        self.once.iter_mut().for_each(Product::run);
        for _ in 0..depth {
            self.each_depth.iter_mut().for_each(Product::run);
        }
    }

    /// The floating-point operations of a step at `depth`.
    #[allow(dead_code, reason = "not every bench asks for it")]
    pub(crate) fn flop(&self, depth: usize) -> f64 {
        let flop = |products: &[Product]| -> f64 {
            products.iter().map(|p| 2. * p.sizes.iter().product::<usize>() as f64).sum()
        };
        flop(&self.once) + depth as f64 * flop(&self.each_depth)
    }
}
