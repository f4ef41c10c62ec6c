//! What outputs and inputs are called.

/// Names by number; without any they are `output 0` and `input 0`.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Names {
    outputs: Vec<String>,
    inputs: Vec<String>,
}

impl Names {
    /// Those of a check of second derivatives, whose outputs are the gradients of the `differentiated` of so many
    /// `inputs`, and whose inputs are these and an upstream gradient for each of the `differentiable` outputs.
    pub(super) fn second(inputs: usize, differentiated: &[usize], differentiable: &[usize]) -> Self {
        let upstream =
            differentiable.iter().map(|output| format!("the upstream gradient of output {output}"));
        Self {
            outputs: differentiated.iter().map(|input| format!("the gradient of input {input}")).collect(),
            inputs: (0..inputs).map(|input| format!("input {input}")).chain(upstream).collect(),
        }
    }

    /// The name of output number `number`.
    pub(super) fn output(&self, number: usize) -> String {
        self.outputs.get(number).cloned().unwrap_or_else(|| format!("output {number}"))
    }

    /// The name of input number `number`.
    pub(super) fn input(&self, number: usize) -> String {
        self.inputs.get(number).cloned().unwrap_or_else(|| format!("input {number}"))
    }
}
