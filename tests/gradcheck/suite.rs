//! Named cases, their table, and the comparison of a device with the CPU.

use std::cell::Cell;

use crate::checker::{Op1, numbers, vector};
use candle_core::{DType, Device, bail};
use taper::gradcheck::{Case, Error, GradCheck, Mode, Verdict, parity, table};

#[test]
fn every_verdict_has_its_row() {
    let x = || vec![vector(&[0.5, -1.5])];
    let panics = Op1::new(f64::sin, |_, _, _| panic!("never mind"));
    let none = Op1::new(f64::sin, |_, _, _| Ok(None));
    let fails = Op1::new(f64::sin, |_, _, _| bail!("out of luck"));
    let shape = Op1::new(f64::sin, |_, _, upstream| upstream.unsqueeze(0).map(Some));
    let image = || vec![numbers(&[1, 1, 2, 2])];
    let cases = [
        (Case::new("sin", x(), |x| x[0].sin()), Verdict::Right),
        (Case::new("sin, fast", x(), |x| x[0].sin()).mode(Mode::Fast), Verdict::Right),
        (Case::new("relu at 0", vec![vector(&[0.0])], |x| x[0].relu()), Verdict::Wrong),
        (Case::new("detach", x(), |x| Ok(x[0].detach())), Verdict::Severed),
        (Case::new("no gradient", x(), move |x| none.apply(&x[0])), Verdict::Severed),
        (Case::new("panics", x(), move |x| panics.apply(&x[0])), Verdict::Panics),
        (Case::new("floor", x(), |x| x[0].floor()), Verdict::NotDifferentiable),
        (Case::new("argmax", x(), |x| x[0].argmax(0)), Verdict::NotDifferentiable),
        (Case::new("backward fails", x(), move |x| fails.apply(&x[0])), Verdict::Fails),
        (Case::new("wrong shape", x(), move |x| shape.apply(&x[0])), Verdict::Fails),
        (Case::new("upsampling", image(), |x| x[0].upsample_bilinear2d(4, 4, false)), Verdict::Unsupported),
        (Case::new("pool", image(), |x| x[0].max_pool2d_with_stride(2, 1)), Verdict::Unsupported),
        (Case::new("log", vec![vector(&[-1.0])], |x| x[0].log()), Verdict::Unchecked),
        (Case::new("fails", x(), |x| x[0].matmul(&x[0])), Verdict::Unchecked),
    ];
    let rows: Vec<_> = cases.iter().map(|(case, _)| case.run()).collect();
    for (row, (case, verdict)) in rows.iter().zip(&cases) {
        assert_eq!(row.verdict, *verdict, "{}: {}", case.name(), row.detail);
    }
    let text = table(&rows);
    for verdict in ["sin, fast", "not differentiable by design", "| fails ", "| unsupported ", "!= stride"] {
        assert!(text.contains(verdict), "{verdict}: {text}");
    }
    assert_eq!(serde_json::to_value(&rows[3]).unwrap()["verdict"], "severed");
    assert!(cases[0].0.on(&Device::Cpu).unwrap().parity(&Device::Cpu).unwrap().passed());
    assert!(cases[0].0.strided().unwrap().run().inputs.contains("strided"));
}

#[test]
fn a_device_agrees_with_itself() {
    let inputs = [numbers(&[2, 3]), numbers(&[2, 3]).t().unwrap()];
    let result = parity(|x| Ok([x[0].matmul(&x[1])?.tanh()?, x[1].sqr()?]), &inputs, &Device::Cpu).unwrap();
    assert!(result.passed() && result.values.len() == 2 && result.gradients.len() == 4);
    for dtype in [DType::F32, DType::F16, DType::BF16] {
        let inputs = inputs.each_ref().map(|x| x.to_dtype(dtype).unwrap());
        parity(|x| x[0].mul(&x[1].t()?), &inputs, &Device::Cpu).unwrap();
    }
}

/// The second run stands for another device that gets it wrong.
#[test]
fn devices_that_disagree_are_caught() {
    let differ = |result: Result<_, Error>| match result {
        Err(Error::Parity(parity)) => parity.to_string(),
        other => panic!("not caught: {other:?}"),
    };
    let calls = Cell::new(0);
    let second_time = || calls.replace(calls.get() + 1) % 2 == 1;
    let inputs = [numbers(&[3])];
    let value = parity(|x| x[0].affine(1.0, if second_time() { 1e-3 } else { 0.0 }), &inputs, &Device::Cpu);
    assert!(differ(value).contains("output 0[0] is"));
    let gradient = |x: &[_]| {
        let factor = if second_time() { 2.0 } else { 1.0 };
        Op1::new(|x| x, move |_, _, g| (g * factor).map(Some)).apply(&x[0])
    };
    assert!(
        differ(GradCheck::new().parity(gradient, &inputs, &Device::Cpu)).contains("the gradient of output 0")
    );
    let severed = parity(
        |x| Ok(if second_time() { x[0].detach() } else { x[0].affine(1.0, 0.0)? }),
        &inputs,
        &Device::Cpu,
    );
    assert!(differ(severed).contains("on one device only"));
    let shape = parity(
        |x| if second_time() { x[0].unsqueeze(0) } else { x[0].affine(1.0, 0.0) },
        &inputs,
        &Device::Cpu,
    );
    assert!(differ(shape).contains("differs in shape or dtype"));
}
