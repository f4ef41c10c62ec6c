//! The inputs of the function under check, and the points at which it is evaluated.

use candle_core::{DType, Device, Result, Tensor, Var};

use super::error::Error;
use super::jacobian::max_difference;
use super::view::{Unviewable, View, strided};

/// How the check treats an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// Differentiated by both methods.
    Differentiated,
    /// Tracked, but must not receive a gradient.
    Stopped,
    /// Passed to the function unchanged.
    Constant,
}

/// An input: its values, and the memory layout in which the function gets them.
#[derive(Debug, Clone)]
pub(super) struct Input {
    pub(super) role: Role,
    pub(super) tensor: Tensor,
    /// The elements in row-major order; empty for a constant.
    pub(super) values: Vec<f64>,
    view: View,
    positions: Vec<usize>,
    /// Whether the function gets the result of an operation instead of a leaf or a view of one.
    intermediate: bool,
    /// Whether the function gets it only as a leaf, in its own layout.
    leaf_only: bool,
}

/// Where the function is evaluated: contiguous variables, and the views of them that the function gets.
pub(super) struct Point {
    pub(super) leaves: Vec<Tensor>,
    pub(super) inputs: Vec<Tensor>,
}

impl Input {
    /// Input number `index`. Integers are constants whatever `role` says.
    pub(super) fn new(index: usize, tensor: &Tensor, role: Role) -> std::result::Result<Self, Error> {
        let role = if tensor.dtype().is_float() { role } else { Role::Constant };
        let tensor = tensor.detach();
        if role == Role::Constant {
            let view = View::of(Tensor::zeros(0, DType::U8, &Device::Cpu)?.layout())
                .map_err(|_| Error::Overlapping { input: index })?;
            let (values, positions) = (vec![], vec![]);
            return Ok(Self { role, tensor, values, view, positions, intermediate: false, leaf_only: true });
        }
        let view = View::of(tensor.layout()).map_err(|reason| match reason {
            Unviewable::Broadcast => Error::Broadcast { input: index },
            Unviewable::Overlapping => Error::Overlapping { input: index },
        })?;
        let (values, positions) = (elements(&tensor)?, view.positions()?);
        Ok(Self { role, tensor, values, view, positions, intermediate: false, leaf_only: false })
    }

    /// Whether the check differentiates with respect to this input.
    pub(super) fn is_differentiated(&self) -> bool {
        self.role == Role::Differentiated
    }

    /// The variable beneath the view, and the view, at `values`.
    ///
    /// Elements of the variable that the view skips are NaN, so that reading them shows.
    fn leaf_and_view(&self, values: &[f64]) -> Result<(Tensor, Tensor)> {
        if self.role == Role::Constant {
            return Ok((self.tensor.clone(), self.tensor.clone()));
        }
        let mut base = vec![f64::NAN; self.view.base().iter().product()];
        for (&position, &value) in self.positions.iter().zip(values) {
            base[position] = value;
        }
        let base = tensor_like(base, self.view.base(), &self.tensor)?;
        let leaf = Var::from_tensor(&base)?.into_inner();
        let view = self.view.apply(&leaf)?;
        let view = if self.intermediate { view.copy()? } else { view };
        Ok((leaf, view))
    }

    /// The same input, which no context may change.
    pub(super) fn into_leaf_only(self) -> Self {
        Self { leaf_only: true, ..self }
    }

    /// Whether the function may get it as another view or as the result of an operation.
    pub(super) fn is_movable(&self) -> bool {
        !self.leaf_only
    }

    /// Whether the elements lie in row-major order from the start of their storage.
    pub(super) fn is_contiguous(&self) -> bool {
        self.tensor.is_contiguous() && self.tensor.layout().start_offset() == 0
    }

    /// The same input, contiguous.
    pub(super) fn contiguous(&self) -> std::result::Result<Self, Error> {
        Self::new(0, &self.tensor.force_contiguous()?, self.role)
    }

    /// The same input, as far from contiguous as a view can be.
    pub(super) fn strided(&self) -> std::result::Result<Self, Error> {
        Self::new(0, &strided(&self.tensor)?, self.role)
    }

    /// The same input as the result of an operation.
    pub(super) fn intermediate(&self) -> Self {
        Self { intermediate: true, ..self.clone() }
    }

    /// The same input as a constant.
    pub(super) fn untracked(&self) -> Self {
        Self { role: Role::Constant, ..self.clone() }
    }

    /// The part of a gradient of the variable that belongs to the view, differentiable.
    pub(super) fn view(&self, leaf_gradient: &Tensor) -> Result<Tensor> {
        self.view.apply(leaf_gradient)
    }
}

impl Point {
    /// The point at which every input has its own values.
    pub(super) fn new(inputs: &[Input]) -> Result<Self> {
        Self::from_pairs(inputs.iter().map(|input| input.leaf_and_view(&input.values)))
    }

    /// A point well away from the inputs.
    ///
    /// Every value is scaled down, which stays inside cones and balls; zeros become 0.25 or -0.25 in turn.
    pub(super) fn decoy(inputs: &[Input]) -> Result<Self> {
        Self::from_pairs(inputs.iter().map(|input| {
            let elsewhere = |(index, &value): (usize, &f64)| match (value == 0.0, index % 2 == 0) {
                (false, _) => 0.75 * value,
                (true, true) => 0.25,
                (true, false) => -0.25,
            };
            let values: Vec<f64> = input.values.iter().enumerate().map(elsewhere).collect();
            input.leaf_and_view(&values)
        }))
    }

    /// This point with other values for input number `index`.
    pub(super) fn with_values(&self, inputs: &[Input], index: usize, values: &[f64]) -> Result<Self> {
        let mut moved = Self { leaves: self.leaves.clone(), inputs: self.inputs.clone() };
        (moved.leaves[index], moved.inputs[index]) = inputs[index].leaf_and_view(values)?;
        Ok(moved)
    }

    /// The inputs that no longer have their own values, and by how much they differ.
    pub(super) fn overwritten(&self, inputs: &[Input]) -> Result<Vec<(usize, f64)>> {
        let mut overwritten = vec![];
        for (index, (input, x)) in inputs.iter().zip(&self.inputs).enumerate() {
            if input.role != Role::Constant {
                let difference = max_difference(&elements(x)?, &input.values);
                overwritten.extend((difference != 0.0).then_some((index, difference)));
            }
        }
        Ok(overwritten)
    }

    fn from_pairs(pairs: impl Iterator<Item = Result<(Tensor, Tensor)>>) -> Result<Self> {
        let (leaves, inputs) = pairs.collect::<Result<Vec<_>>>()?.into_iter().unzip();
        Ok(Self { leaves, inputs })
    }
}

/// The elements of a float tensor in row-major order.
///
/// An empty tensor is not read: Candle 0.11 panics if an empty view begins past the end of its storage.
pub(super) fn elements(tensor: &Tensor) -> Result<Vec<f64>> {
    if tensor.elem_count() == 0 {
        return Ok(vec![]);
    }
    tensor.to_dtype(DType::F64)?.flatten_all()?.to_vec1()
}

/// A tensor of `values`, with the dtype and device of `like`.
pub(super) fn tensor_like(values: Vec<f64>, shape: &[usize], like: &Tensor) -> Result<Tensor> {
    Tensor::from_vec(values, shape, &Device::Cpu)?.to_dtype(like.dtype())?.to_device(like.device())
}
