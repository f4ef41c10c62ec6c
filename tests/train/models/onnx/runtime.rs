//! A runtime of ONNX, as far as taper uses it, in double precision: an operator is a line or a few of
//! Candle's operations.

#![allow(clippy::cast_sign_loss, clippy::cast_possible_wrap, reason = "sizes are signed in ONNX")]

use std::collections::{BTreeMap, HashMap};

use candle_core::{D, DType, Device, Result, Tensor};

use super::file::{Message, Node};

/// What a name of a graph stands for; whole numbers and truth values are numbers too.
#[derive(Clone, Debug)]
pub(super) enum Value {
    Numbers(Tensor),
    Texts(Vec<String>),
}

/// The constants of the graph in a file of these bytes, by name.
pub(super) fn constants(bytes: &[u8]) -> BTreeMap<String, Tensor> {
    let graph = &Message::new(bytes).messages(7)[0];
    let constant = |tensor: &Message| {
        let (raw, of) = (tensor.bytes(9), tensor.int(2));
        let values: Vec<f64> = match of {
            1 => raw.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes).into()).collect(),
            7 => raw.as_chunks().0.iter().map(|bytes| i64::from_le_bytes(*bytes) as f64).collect(),
            11 => raw.as_chunks().0.iter().map(|bytes| f64::from_le_bytes(*bytes)).collect(),
            of => panic!("a constant of type {of}"),
        };
        let shape: Vec<_> = tensor.ints(1).iter().map(|&size| size as usize).collect();
        (tensor.text(8), Tensor::from_vec(values, shape, &Device::Cpu).unwrap())
    };
    graph.messages(5).iter().map(constant).collect()
}

/// The outputs of the graph in a file of these bytes for the columns `inputs`, by name; or what a node
/// refuses.
pub(super) fn run(bytes: &[u8], inputs: HashMap<String, Value>) -> Result<BTreeMap<String, Tensor>> {
    let graph = &Message::new(bytes).messages(7)[0];
    let mut values = inputs;
    values.extend(constants(bytes).into_iter().map(|(name, tensor)| (name, Value::Numbers(tensor))));
    for node in graph.messages(1).iter().map(Node::new) {
        let result = apply(&node, &values)?;
        values.insert(node.outputs[0].clone(), Value::Numbers(result));
    }
    let output = |output: &Message| {
        let Value::Numbers(y) = &values[&output.text(1)] else { panic!("an output of texts") };
        (output.text(1), y.clone())
    };
    Ok(graph.messages(12).iter().map(output).collect())
}

fn apply(node: &Node, values: &HashMap<String, Value>) -> Result<Tensor> {
    if let Value::Texts(texts) = &values[&node.inputs[0]] {
        return label(node, texts);
    }
    let x: Vec<_> = node
        .inputs
        .iter()
        .map(|name| match &values[name] {
            Value::Numbers(tensor) => tensor.clone(),
            Value::Texts(_) => panic!("{} takes texts", node.op),
        })
        .collect();
    let integers = |x: &Tensor| x.flatten_all()?.to_dtype(DType::I64)?.to_vec1::<i64>();
    let truth = |x: Tensor| x.to_dtype(DType::F64);
    match node.op.as_str() {
        "Add" => x[0].broadcast_add(&x[1]),
        "Sub" => x[0].broadcast_sub(&x[1]),
        "Mul" => x[0].broadcast_mul(&x[1]),
        "Div" => x[0].broadcast_div(&x[1]),
        "Max" => x[0].broadcast_maximum(&x[1]),
        "Min" => x[0].broadcast_minimum(&x[1]),
        "Equal" => truth(x[0].broadcast_eq(&x[1])?),
        "Greater" => truth(x[0].broadcast_gt(&x[1])?),
        "IsNaN" => truth(x[0].ne(&x[0])?),
        "Relu" => x[0].relu(),
        "Tanh" => x[0].tanh(),
        "Erf" => x[0].erf(),
        "Neg" => x[0].neg(),
        "Abs" => x[0].abs(),
        "Exp" => x[0].exp(),
        "Log" => x[0].log(),
        "Sqrt" => x[0].sqrt(),
        "Floor" => x[0].floor(),
        "Sin" => x[0].sin(),
        "Cos" => x[0].cos(),
        "Sigmoid" => (x[0].neg()?.exp()? + 1.)?.recip(),
        "Softplus" => x[0].relu()? + (x[0].abs()?.neg()?.exp()? + 1.)?.log()?,
        "Where" => {
            let shape = x[0].shape().broadcast_shape_binary_op(x[1].shape(), "where")?;
            let shape = shape.broadcast_shape_binary_op(x[2].shape(), "where")?;
            let [condition, yes, no] = [0, 1, 2].map(|i| x[i].broadcast_as(&shape));
            condition?.ne(0.)?.where_cond(&yes?, &no?)
        }
        "Cast" if node.number("to") == 1 => x[0].to_dtype(DType::F32)?.to_dtype(DType::F64),
        "Cast" | "Identity" => Ok(x[0].clone()),
        "Concat" => Tensor::cat(&x, node.number("axis") as usize),
        // A matrix of indices has a single column, which is reshaped.
        "Gather" => {
            let axis = node.number("axis") as usize;
            x[0].index_select(&x[1].flatten_all()?.to_dtype(DType::U32)?, axis)
        }
        "Reshape" => {
            let mut shape = integers(&x[1])?;
            let known: i64 = shape.iter().filter(|size| **size >= 0).product();
            shape
                .iter_mut()
                .filter(|size| **size < 0)
                .for_each(|size| *size = x[0].elem_count() as i64 / known);
            x[0].reshape(shape.iter().map(|&size| size as usize).collect::<Vec<_>>())
        }
        "ReduceMean" => x[0].mean_keepdim(node.ints["axes"][0] as usize),
        "ReduceMax" => x[0].max_keepdim(node.ints["axes"][0] as usize),
        "TopK" => {
            assert_eq!(
                (node.number("largest"), integers(&x[1])?),
                (0, vec![*x[0].dims().last().unwrap() as i64])
            );
            Ok(x[0].contiguous()?.sort_last_dim(true)?.0)
        }
        "Gemm" => {
            let factor = |x: &Tensor, name| if node.number(name) == 1 { x.t() } else { Ok(x.clone()) };
            let product = factor(&x[0], "transA")?.matmul(&factor(&x[1], "transB")?)?;
            x.get(2).map_or(Ok(product.clone()), |c| product.broadcast_add(c))
        }
        "OneHotEncoder" => {
            let places: Vec<f64> = node.ints["cats_int64s"].iter().map(|&place| place as f64).collect();
            let places = Tensor::new(places, &Device::Cpu)?;
            let ones = truth(x[0].unsqueeze(D::Minus1)?.broadcast_eq(&places)?)?;
            let known = ones.sum_all()?.to_scalar::<f64>()? as usize;
            if node.number("zeros") == 0 && known < x[0].elem_count() {
                candle_core::bail!("an unknown category")
            }
            Ok(ones)
        }
        op => panic!("there is no operator {op}"),
    }
}

/// The number of each of `texts`.
fn label(node: &Node, texts: &[String]) -> Result<Tensor> {
    assert_eq!(node.op, "LabelEncoder");
    let (keys, numbers) = (&node.texts["keys_strings"], &node.ints["values_int64s"]);
    assert_eq!(keys.len(), numbers.len());
    let of = |text: &String| {
        let at = keys.iter().position(|key| key == text);
        at.map_or(node.number("default_int64"), |at| numbers[at]) as f64
    };
    let numbers: Vec<f64> = texts.iter().map(of).collect();
    Tensor::from_vec(numbers, (texts.len(), 1), &Device::Cpu)
}
