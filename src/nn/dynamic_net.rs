//! The network of dynamic depth.

mod member;
mod statistics;

use std::ops::RangeInclusive;

use candle_core::{DType, Device, Result, Tensor, bail};
use candle_nn::VarBuilder;

use crate::nn::forward::{Eager, Forward};
use crate::nn::{
    DynamicNetSpec, EncodingLayer, Gate, Halting, Layer, LayerKind, ModelConfig, Norm, Weighted,
};
use crate::ops::kernels::MOST_DEPTHS;
use crate::ops::{Activation, Loss};
use member::{Member, State};

/// A regression network whose shared hidden layer is applied a varying number of times.
///
/// ```text
/// h_0 = act(input(x))           x is (n, in), h is (n, hidden)
/// h_d = act(hidden(h_(d-1)))    the same layer at every depth
/// y_d = output(h_d)             y is (n, out)
/// ```
///
/// act is a relu or another [`Nonlinearity`](crate::nn::Nonlinearity). Other [blocks](crate::nn::Block) than
/// the plain one change the second line, with a [`Norm`](crate::nn::Norm) n the hidden layer takes n(h) in
/// place of h, and a linear skip adds V x to the third line, with a matrix V that starts as zeros. The input
/// layer may take an encoding of x instead. In training steps [`dropout`](crate::ops::dropout) may follow act
/// in the second line. A [batch norm](crate::nn::Norm::Batch) goes by the batch there, and else by
/// [statistics](Self::with_statistics).
///
/// In training each step draws a depth d and fits `y_d` ([`forward_at_depth`](Self::forward_at_depth)); the
/// prediction is the mean of `y_d` over all depths ([`predict`](Self::predict)). With [`Halting`] it learns
/// how deep to go instead: each step fits all depths ([`expected_loss`](Self::expected_loss)), and the
/// prediction is a weighted mean of those down to where a row exits. Its parameters are those of its layers,
/// named `input.weight`, `input.bias`, `hidden.weight` and so on
/// ([`named_parameters`](Self::named_parameters)). Several [members](ModelConfig::members) are so many sets
/// of these layers, whose outputs are averaged.
#[derive(Debug, Clone)]
pub struct DynamicNet {
    spec: DynamicNetSpec,
    /// What its features are before the first layer, if they are encoded.
    encoding: Option<EncodingLayer>,
    /// Several sets of layers, whose mean predicts, or one.
    members: Vec<Member>,
}

/// What a forward pass gives.
#[derive(Debug)]
pub(crate) struct Outputs<V> {
    /// The output (n, out) at each depth, shallowest first, and there of each member.
    pub(crate) by_depth: Vec<V>,
    /// Where rows have gates of their own, the gate (n, 1) at each depth but the network's last.
    pub(crate) gates: Vec<V>,
}

impl DynamicNetSpec {
    /// The spec of the network of `model` whose parameters have these shapes, by their names; none if the
    /// names are not those of its parameters, or `model` has another width than they.
    #[cfg(feature = "cli")]
    pub(crate) fn of_parameters<'a>(
        model: &ModelConfig,
        shape: impl Fn(&str) -> Option<&'a [usize]>,
    ) -> Option<Self> {
        let width = model.hidden;
        let (mut members, prefix) = (1, if shape("input.weight").is_some() { "" } else { "members.0." });
        while shape(&format!("members.{members}.input.weight")).is_some() {
            members += 1;
        }
        let of_first = |name: &str| shape(&format!("{prefix}{name}.weight"));
        match (of_first("input")?, of_first("hidden")?, of_first("output")?) {
            (&[a, inputs], &[b, c], &[out_features, d]) if [a, b, c, d] == [width; 4] => {
                let encoded = shape("encoding.scale").map_or(0, |shape| shape.iter().product());
                // Features that are clipped bring a skip that the settings do not name.
                let skip = model.skip || of_first("skip").is_some();
                // Nothing but a skip has a place for each feature where they are encoded.
                let in_features = if skip { *of_first("skip")?.get(1)? } else { inputs };
                let fits = inputs == if encoded > 0 { encoded } else { in_features };
                let model = ModelConfig { members, skip, ..model.clone() };
                fits.then(|| DynamicNetSpec { encoded, ..model.network(in_features, out_features) })
            }
            _ => None,
        }
    }
}

impl DynamicNet {
    /// Creates the network with parameters from `vb`, drawn there in the order input, hidden, output; a norm
    /// starts with ones and zeros, a skip with zeros. The [statistics](Self::with_statistics) of a batch norm
    /// are taken from `vb` if it holds them.
    ///
    /// # Errors
    ///
    /// Fails when the spec has no depth, no rate of dropout below 1 or no exit above 0, when its depths are
    /// learned and they are not 2 to 64, and when `vb` holds one of the names with another shape.
    ///
    /// # Examples
    ///
    /// ```
    /// use candle_core::{DType, Device, Tensor};
    /// use candle_nn::VarMap;
    /// use rand::SeedableRng;
    /// use rand_chacha::ChaCha8Rng;
    /// use taper::nn::{DynamicNet, ModelConfig, seeded_builder};
    ///
    /// let vars = VarMap::new();
    /// let vb = seeded_builder(&vars, ChaCha8Rng::seed_from_u64(1), DType::F32, &Device::Cpu);
    /// // Rows of 8 features and one target.
    /// let spec = ModelConfig { hidden: 16, ..ModelConfig::default() }.network(8, 1);
    /// let net = DynamicNet::new(&spec, vb)?;
    /// let y = net.predict(&Tensor::ones((5, 8), DType::F32, &Device::Cpu)?)?;
    /// assert_eq!(y.dims(), [5, 1]);
    /// # Ok::<(), candle_core::Error>(())
    /// ```
    pub fn new(spec: &DynamicNetSpec, vb: VarBuilder) -> Result<Self> {
        let (&ModelConfig { members, dropout, halting, exit, .. }, depths) = (&spec.model, spec.depths());
        if depths.is_empty() {
            bail!("DynamicNet: the depths {depths:?} are empty, expected start <= end")
        }
        if !(0. ..1.).contains(&dropout) {
            bail!("DynamicNet: the dropout is {dropout}, expected a rate from 0 to below 1")
        }
        if !(exit > 0. && exit <= 1.) {
            bail!("DynamicNet: the exit is {exit}, expected a probability above 0")
        }
        let count = depths.count();
        if halting != Halting::None && !(2..=MOST_DEPTHS).contains(&count) {
            bail!("DynamicNet: there are {count} depths to learn, expected 2 to {MOST_DEPTHS}")
        }
        if members == 0 || (members > 1 && halting != Halting::None) {
            let expected = "expected at least one, and one that learns its depths";
            bail!("DynamicNet: there are {members} members, {expected}")
        }
        let encoded = spec.encoded;
        let member = |number| match members {
            1 => Member::new(spec, number, &vb),
            _ => Member::new(spec, number, &vb.pp(format!("members.{number}"))),
        };
        Ok(Self {
            encoding: (encoded > 0).then(|| EncodingLayer::new(encoded, &vb.pp("encoding"))).transpose()?,
            members: (0..members).map(member).collect::<Result<_>>()?,
            spec: spec.clone(),
        })
    }

    /// The description it was built from.
    pub fn spec(&self) -> &DynamicNetSpec {
        &self.spec
    }

    /// The numbers of applications of the hidden layer that it was built for.
    pub fn depths(&self) -> RangeInclusive<usize> {
        self.spec.depths()
    }

    /// The layers with their names, in the order in which they are applied, and the skip if there is one.
    /// Those of several [members](ModelConfig::members) are called `members.0.input` and so on.
    pub fn named_layers(&self) -> impl Iterator<Item = (String, &Layer)> {
        let count = self.members.len();
        self.members.iter().enumerate().flat_map(move |(number, member)| {
            member.named_layers().map(move |(name, layer)| (name_of(count, number, name), layer))
        })
    }

    /// The parameters with their names, such as `hidden.weight`, in the order of the layers, and those of the
    /// norm and of halting; then the constants of the encoding of features, if there is one. Those of several
    /// [members](ModelConfig::members) are called `members.0.hidden.weight` and so on. PyTorch's equivalent
    /// is `torch.nn.Module.named_parameters`.
    pub fn named_parameters(&self) -> impl Iterator<Item = (String, &Tensor)> {
        let count = self.members.len();
        let of_members = self.members.iter().enumerate().flat_map(move |(number, member)| {
            member.named_parameters().map(move |(name, parameter)| (name_of(count, number, &name), parameter))
        });
        let of_encoding = self.encoding.iter().flat_map(EncodingLayer::named_constants);
        let of_encoding = of_encoding.map(|(name, constant)| (format!("encoding.{name}"), constant));
        of_members.chain(of_encoding)
    }

    /// Whether its input layer takes some features clipped smoothly.
    #[cfg(feature = "cli")]
    pub(crate) fn is_clipped(&self) -> bool {
        self.encoding.as_ref().is_some_and(|encoding| encoding.constants().bend.is_some())
    }

    /// The dtype of its parameters.
    pub fn dtype(&self) -> DType {
        self.weight().dtype()
    }

    /// The device of its parameters.
    pub fn device(&self) -> &Device {
        self.weight().device()
    }

    /// A parameter like all others.
    fn weight(&self) -> &Tensor {
        self.members[0].weight()
    }

    /// The output (n, out) for `x` (n, in) with the hidden layer applied `depth` times.
    ///
    /// # Errors
    ///
    /// Fails when `depth` is not one of the network's depths, or `x` has another number of features, and when
    /// a batch norm has no [statistics](Self::with_statistics).
    pub fn forward_at_depth(&self, x: &Tensor, depth: usize) -> Result<Tensor> {
        self.at_depth(None, x, depth)
    }

    /// The output as [`forward_at_depth`](Self::forward_at_depth) gives it, in a training step: with dropout,
    /// if the network has it, by masks that are a function of `seed`, which should be another in each step,
    /// and with a batch norm by the rows of `x`. [`seed_of`](crate::ops::seed_of) gives such seeds.
    ///
    /// # Errors
    ///
    /// Fails when `depth` is not one of the network's depths, or `x` has another number of features.
    pub fn forward_in_training(&self, x: &Tensor, depth: usize, seed: u64) -> Result<Tensor> {
        self.at_depth(Some(seed), x, depth)
    }

    fn at_depth(&self, dropout_seed: Option<u64>, x: &Tensor, depth: usize) -> Result<Tensor> {
        mean(&self.outputs_at_depth(dropout_seed, x, depth)?)
    }

    /// The output of each member.
    fn outputs_at_depth(&self, dropout_seed: Option<u64>, x: &Tensor, depth: usize) -> Result<Vec<Tensor>> {
        if !self.depths().contains(&depth) {
            bail!("DynamicNet: depth is {depth}, expected one of {:?}", self.depths())
        }
        Ok(self.forward_with(&mut Eager { dropout_seed }, x, depth..=depth)?.by_depth)
    }

    /// The loss of a training step at `depth` on the batch `x`, `y`: the mean of the members' losses, and not
    /// the loss of their mean, which would let them share the work and differ. Masks come from `seed`, as in
    /// [`forward_in_training`](Self::forward_in_training).
    ///
    /// # Errors
    ///
    /// As [`forward_in_training`](Self::forward_in_training), and when `y` has another shape than the
    /// outputs.
    pub fn loss(&self, loss: Loss, x: &Tensor, y: &Tensor, depth: usize, seed: u64) -> Result<Tensor> {
        let outputs = self.outputs_at_depth(Some(seed), x, depth)?;
        mean(&outputs.iter().map(|output| loss.of(output, y)).collect::<Result<Vec<_>>>()?)
    }

    /// The outputs (n, out) for `x` (n, in) at every depth, shallowest first, in one pass down the shared
    /// trunk.
    ///
    /// # Errors
    ///
    /// Fails when `x` has another number of features, and when a batch norm has no
    /// [statistics](Self::with_statistics).
    pub fn forward_all_depths(&self, x: &Tensor) -> Result<Vec<Tensor>> {
        let outputs = self.forward_with(&mut Eager { dropout_seed: None }, x, self.depths())?.by_depth;
        outputs.chunks(self.members.len()).map(mean).collect()
    }

    /// The loss of a training step of a network with [`Halting`] on the batch `x` (n, in), `y` (n, out), and
    /// the squared error that is expected of it, both as scalars.
    ///
    /// With the probabilities `p_d` of stopping at each depth, and |.|^2 for the mean over the targets, the
    /// expected error is the mean over the rows of the sum of `p_d |y - y_d|^2`. The loss adds the divergence
    /// KL(p || prior) times `divergence`. It follows `PonderNet` (Banino and others, 2021); as an evidence
    /// lower bound it has a weight of 2 s^2 / out for residuals of variance s^2. Without a weight the
    /// probabilities are constants, to which gradients are 0, and the loss adds a quarter of the mean of
    /// `|y - y_d|^2` over all depths instead. Dropout masks come from `seed`, as in
    /// [`forward_in_training`](Self::forward_in_training).
    ///
    /// # Errors
    ///
    /// Fails when the network has no halting, and when `x` or `y` have other shapes.
    pub fn expected_loss(
        &self,
        x: &Tensor,
        y: &Tensor,
        divergence: Option<f64>,
        seed: u64,
    ) -> Result<[Tensor; 2]> {
        let Some(gate) = self.gate() else { bail!("DynamicNet: its depths are not learned") };
        let Outputs { by_depth, gates } =
            self.forward_with(&mut Eager { dropout_seed: Some(seed) }, x, self.depths())?;
        if by_depth[0].dims() != y.dims() {
            bail!("DynamicNet: y is {:?}, expected {:?}", y.dims(), by_depth[0].dims())
        }
        gate.expected_loss(&by_depth, &gates, y, divergence)
    }

    /// The prediction (n, out) for `x` (n, in): the mean of the outputs at all depths. With [`Halting`] it is
    /// that of the outputs down to the depth where a row exits, weighted by the probabilities of stopping at
    /// each; a row exits at the first depth by which it has stopped with a probability of at least
    /// [`ModelConfig::exit`].
    ///
    /// It has a graph and can be trained. [`Predictor`](crate::plan::Predictor) is faster without one, and
    /// its memory does not grow with the number of rows.
    ///
    /// # Errors
    ///
    /// Fails when `x` has another number of features, and when a batch norm has no
    /// [statistics](Self::with_statistics).
    pub fn predict(&self, x: &Tensor) -> Result<Tensor> {
        match self.predict_with(x)? {
            (_, Some(weighted)) => Ok(weighted.mean),
            (by_depth, None) => mean(&by_depth),
        }
    }

    /// The outputs for `x` at every depth, and what is predicted from them if the depths are learned.
    pub(crate) fn predict_with(&self, x: &Tensor) -> Result<(Vec<Tensor>, Option<Weighted>)> {
        let Outputs { by_depth, gates } =
            self.forward_with(&mut Eager { dropout_seed: None }, x, self.depths())?;
        let weighted = self.gate().map(|gate| gate.weighted(&by_depth, &gates, self.spec.model.exit));
        let weighted = weighted.transpose()?;
        Ok((by_depth.chunks(self.members.len()).map(mean).collect::<Result<_>>()?, weighted))
    }

    /// What its depths are learned by, if they are.
    pub(crate) fn gate(&self) -> Option<&Gate> {
        self.members[0].gate.as_ref()
    }

    /// A network of linear layers that computes the same, with the functions of weights computed once. Its
    /// parameters are constants.
    fn linear(&self) -> Result<Self> {
        let mut spec = self.spec.clone();
        spec.model.layer = LayerKind::Linear;
        let members = self.members.iter().map(Member::linear).collect::<Result<_>>()?;
        Ok(Self { spec, encoding: self.encoding.as_ref().map(EncodingLayer::detached), members })
    }

    /// The [linear](Self::linear) network with a batch norm taken into the hidden layers of the applications,
    /// and with the outputs of several members divided by their number, so that their sum is the mean: for
    /// prediction.
    pub(crate) fn folded(&self) -> Result<Self> {
        let mut net = self.linear()?;
        let share = 1. / self.members.len() as f64;
        net.members = self.members.iter().map(|member| member.folded(share)).collect::<Result<_>>()?;
        if self.spec.model.norm == Norm::Batch {
            net.spec.model.norm = Norm::None;
        }
        Ok(net)
    }

    /// The network itself: the outputs of all members for `x` at each of `depths`, and the gates there.
    pub(crate) fn forward_with<F: Forward>(
        &self,
        forward: &mut F,
        x: &F::Value,
        depths: RangeInclusive<usize>,
    ) -> Result<Outputs<F::Value>> {
        // Once for all depths, and first, so that the gradients of the other layers stay neighbours.
        let skips = self.members.iter().map(|member| member.skipped(forward, x));
        let skips = skips.collect::<Result<Vec<_>>>()?;
        let mut states = self.begin(forward, x)?;
        let mut outputs = Outputs { by_depth: Vec::new(), gates: Vec::new() };
        for depth in 0..=*depths.end() {
            for ((member, state), skip) in self.members.iter().zip(&mut states).zip(&skips) {
                if let Some(application) = depth.checked_sub(1) {
                    state.h = member.apply(forward, application, state)?;
                }
                if depths.contains(&depth) {
                    outputs.by_depth.push(member.output(forward, &state.h, skip.as_ref())?);
                }
            }
            if let (Some(gate), Some(state)) = (self.gate().and_then(Gate::layer), states.first())
                && depths.contains(&depth)
                && depth < self.spec.model.max_depth
            {
                outputs.gates.push(forward.layer(gate, &state.h, Activation::Identity)?);
            }
        }
        Ok(outputs)
    }

    /// What the first application of each member begins with.
    fn begin<F: Forward>(&self, forward: &mut F, x: &F::Value) -> Result<Vec<State<F::Value>>> {
        let encoded = self.encoding.as_ref().map(|encoding| forward.encode(encoding, x)).transpose()?;
        let x = encoded.as_ref().unwrap_or(x);
        self.members.iter().map(|member| member.begin(forward, x)).collect()
    }
}

/// The name in a network of so many members of what this member calls `name`.
fn name_of(members: usize, member: usize, name: &str) -> String {
    if members == 1 { name.to_owned() } else { format!("members.{member}.{name}") }
}

/// The mean of tensors of one shape, of which a single one is its own.
fn mean(tensors: &[Tensor]) -> Result<Tensor> {
    match tensors {
        [one] => Ok(one.clone()),
        _ => Tensor::stack(tensors, 0)?.mean(0),
    }
}
