//! Elementwise operations as Candle's custom operations, whatever their arity.
//!
//! An operation implements [`Elementwise`], and [`Op`] makes it a `CustomOp1`, `CustomOp2` or `CustomOp3`
//! with a forward on every device.

use std::env;

#[cfg(feature = "cuda")]
use candle_core::CudaStorage;
use candle_core::{CpuStorage, CustomOp1, CustomOp2, CustomOp3, Layout, Result, Shape, Tensor};

use crate::ops::elementwise::{self, Map};
#[cfg(feature = "cuda")]
use crate::ops::launch::{self, Kernel};

/// A differentiable function of the elements at one position of `N` operands of one shape and dtype.
pub(super) trait Elementwise<const N: usize>: Map<N> + Send + Sync + 'static {
    /// The operation's name in error messages.
    const NAME: &'static str;

    /// The same scalar math as CUDA kernels.
    #[cfg(feature = "cuda")]
    fn kernel(&self) -> Kernel;

    /// The gradient of each operand, from the operands and the gradient of the result; `None` for those
    /// operands, and only those, that are not tracked.
    fn bwd(&self, operands: [&Tensor; N], grad: &Tensor) -> Result<[Option<Tensor>; N]>;
}

thread_local! {
    /// Whether Candle keeps the graph of a backward, decided by the same rule and at the same time as Candle
    /// does.
    static KEEPS_GRAPH: bool =
        env::var("CANDLE_GRAD_DO_NOT_DETACH").is_ok_and(|value| !value.is_empty() && value != "0");
}

/// Detaches `grad` from its graph where Candle would not use that. The graph holds every tensor on the way to
/// the gradient, and freed memory, which is still in the cache, is faster than new memory.
pub(super) fn without_graph(grad: Option<Tensor>) -> Option<Tensor> {
    grad.map(|grad| if KEEPS_GRAPH.with(|&keeps| keeps) { grad } else { grad.detach() })
}

/// An [`Elementwise`] function as Candle's custom operation.
pub(super) struct Op<F>(pub(super) F);

impl<F: Elementwise<1>> CustomOp1 for Op<F> {
    fn name(&self) -> &'static str {
        F::NAME
    }

    fn cpu_fwd(&self, x: &CpuStorage, x_layout: &Layout) -> Result<(CpuStorage, Shape)> {
        elementwise::map(F::NAME, &self.0, [(x, x_layout)])
    }

    #[cfg(feature = "cuda")]
    fn cuda_fwd(&self, x: &CudaStorage, x_layout: &Layout) -> Result<(CudaStorage, Shape)> {
        launch::map(F::NAME, self.0.kernel(), [(x, x_layout)])
    }

    fn bwd(&self, x: &Tensor, _z: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        let [x] = self.0.bwd([x], grad)?.map(without_graph);
        Ok(x)
    }
}

impl<F: Elementwise<2>> CustomOp2 for Op<F> {
    fn name(&self) -> &'static str {
        F::NAME
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        y: &CpuStorage,
        y_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        elementwise::map(F::NAME, &self.0, [(x, x_layout), (y, y_layout)])
    }

    #[cfg(feature = "cuda")]
    fn cuda_fwd(
        &self,
        x: &CudaStorage,
        x_layout: &Layout,
        y: &CudaStorage,
        y_layout: &Layout,
    ) -> Result<(CudaStorage, Shape)> {
        launch::map(F::NAME, self.0.kernel(), [(x, x_layout), (y, y_layout)])
    }

    fn bwd(
        &self,
        x: &Tensor,
        y: &Tensor,
        _z: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        Ok(self.0.bwd([x, y], grad)?.map(without_graph).into())
    }
}

impl<F: Elementwise<3>> CustomOp3 for Op<F> {
    fn name(&self) -> &'static str {
        F::NAME
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        y: &CpuStorage,
        y_layout: &Layout,
        w: &CpuStorage,
        w_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        elementwise::map(F::NAME, &self.0, [(x, x_layout), (y, y_layout), (w, w_layout)])
    }

    #[cfg(feature = "cuda")]
    fn cuda_fwd(
        &self,
        x: &CudaStorage,
        x_layout: &Layout,
        y: &CudaStorage,
        y_layout: &Layout,
        w: &CudaStorage,
        w_layout: &Layout,
    ) -> Result<(CudaStorage, Shape)> {
        launch::map(F::NAME, self.0.kernel(), [(x, x_layout), (y, y_layout), (w, w_layout)])
    }

    fn bwd(
        &self,
        x: &Tensor,
        y: &Tensor,
        w: &Tensor,
        _z: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        Ok(self.0.bwd([x, y, w], grad)?.map(without_graph).into())
    }
}
