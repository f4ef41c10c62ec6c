//! The gradient checker on CUDA: the crate's own functions held against the CPU and against their numerical
//! derivatives, and gradients that arrive on the wrong device.

use crate::custom_op::{Op1, cube, cube_gradient, failed, numbers};
use crate::parity::gpu;
use crate::second_order::with_second_order;
use candle_core::{DType, Device, Tensor};
use taper::audit;
use taper::gradcheck::{Error, Failure, GradCheck, Mode, Verdict, parity, table};
use taper::ops::{TieGrad, cos, maximum, maximum_with, mul, relu};

/// Operations, layers, the loss, and the network at each depth and in prediction.
#[test]
fn own_functions_agree_with_the_cpu() {
    let gpu = gpu();
    let cases = audit::own_cases().unwrap();
    for case in &cases {
        for (inputs, case) in [("contiguous", case), ("strided", &case.strided().unwrap())] {
            let parity =
                case.parity(&gpu).unwrap_or_else(|error| panic!("{}, {inputs}: {error}", case.name()));
            let entries = || parity.values.iter().chain(&parity.gradients).flatten();
            let worst = entries().map(|entry| entry.absolute).fold(0., f64::max);
            println!(
                "{}, {inputs}: {} compared, largest difference {worst:e}",
                case.name(),
                entries().count()
            );
            assert!(parity.device.contains("Cuda") && parity.gradients.iter().any(Option::is_some));
        }
    }
    assert!(cases.len() > 25, "{} cases", cases.len());
}

#[test]
fn operations_agree_with_the_cpu_in_every_dtype() {
    let gpu = gpu();
    for dtype in [DType::F32, DType::F16, DType::BF16] {
        let [x, y] = [numbers(&[4, 3]), numbers(&[3, 4]).t().unwrap()].map(|x| x.to_dtype(dtype).unwrap());
        let all = |x: &[Tensor]| {
            let second = maximum_with(&x[0], &x[1], TieGrad::Second)?;
            Ok(vec![mul(&x[0], &x[1])?, maximum(&x[0], &x[1])?, second, relu(&x[0])?, cos(&x[1])?])
        };
        let parity = parity(all, &[x, y], &gpu).unwrap_or_else(|error| panic!("{dtype:?}: {error}"));
        assert_eq!((parity.values.len(), parity.gradients.len()), (5, 10));
    }
}

/// Every entry in f64 on the device, contiguous and strided, first and second order.
#[test]
fn every_own_derivative_is_right_on_the_device() {
    with_second_order("gradcheck::every_own_derivative_is_right_on_the_device", || {
        let cases = audit::own_cases().unwrap();
        let rows = audit::run(&cases, "", &gpu()).unwrap();
        println!("{}", table(&rows));
        assert_eq!(rows.len(), 3 * cases.len(), "contiguous, strided and second order");
        for row in &rows {
            let what = format!("{} {} {}", row.name, row.inputs, row.order);
            assert_eq!(row.verdict, Verdict::Right, "{what}: {}", row.detail);
            let worst = row.worst.unwrap();
            assert!(worst <= 1e-8, "{what}: {worst}");
        }
    });
}

#[test]
fn fast_mode_finds_them_right_too() {
    let gpu = gpu();
    for case in audit::own_cases().unwrap() {
        let row = case.on(&gpu).unwrap().mode(Mode::Fast).run();
        assert_eq!(row.verdict, Verdict::Right, "{}: {}", row.name, row.detail);
    }
}

/// A backward that leaves its gradient on another device is told so, and which devices they are.
#[test]
fn gradients_on_another_device_are_caught() {
    let gpu = gpu();
    let x = numbers(&[3]);
    let there = gpu.clone();
    let strays = Op1::new(cube, move |x, _, g| cube_gradient(x, g)?.to_device(&there).map(Some));
    for mode in [Mode::Slow, Mode::Fast] {
        let report = failed(&GradCheck::new().mode(mode), |x| strays.apply(&x[0]), std::slice::from_ref(&x));
        let Failure::WrongDevice { output: 0, message } = &report.failures[0] else { panic!("{report}") };
        assert!(message.contains("Cpu") && message.contains("Cuda"), "{message}");
        let text = report.to_string();
        println!("{text}");
        assert!(text.contains("a gradient on the wrong device"), "{text}");
    }
    // The other way round: the operand is on the device, and its gradient comes back from the host.
    let returns = |x: &[Tensor]| {
        Op1::new(cube, |x, _, g| cube_gradient(x, g).map(Some)).apply(&x[0].to_device(&Device::Cpu)?)
    };
    GradCheck::new().check(returns, &[x.to_device(&gpu).unwrap()]).unwrap();
}

/// A function that is another on the device disagrees, in its value or in its gradient.
#[test]
fn a_device_that_computes_something_else_is_caught() {
    let gpu = gpu();
    let differ = |result: Result<_, Error>| match result {
        Err(Error::Parity(parity)) => parity.to_string(),
        other => panic!("not caught: {other:?}"),
    };
    let value =
        |x: &[Tensor]| if x[0].device().is_cuda() { cos(&x[0])?.affine(1., 1e-6) } else { cos(&x[0]) };
    let text = differ(parity(value, &[numbers(&[3])], &gpu));
    assert!(text.contains("disagrees with the CPU") && text.contains("output 0["), "{text}");
    let tie = |x: &[Tensor]| {
        let tie = if x[0].device().is_cuda() { TieGrad::First } else { TieGrad::Split };
        maximum_with(&x[0], &x[1], tie)
    };
    let text = differ(parity(tie, &[numbers(&[3]), numbers(&[3])], &gpu));
    assert!(text.contains("the gradient of output 0 with respect to input 0[0] is"), "{text}");
}
