//! Host threads, streams, several devices or none, and the statistics. Each case is a process of its own.
use anyhow::{Result, bail, ensure};
use candle_core::cuda_backend::CudaDevice;
use candle_core::cuda_backend::cudarc::cublas::{Gemm, GemmConfig, sys::cublasOperation_t};
use candle_core::cuda_backend::cudarc::driver::{CudaFunction, DevicePtr, LaunchConfig, sys};
use candle_core::{DType, Device, Tensor};
use cuda_emulator_selftest::{SELFTEST, cuda, launch, run_child};
use std::{collections::HashMap, thread};

const THREADS: usize = 4;
const ROUNDS: usize = 25;

fn device(ordinal: usize) -> Result<CudaDevice> {
    Ok(cuda(&Device::new_cuda(ordinal)?).clone())
}

fn kernel(device: &CudaDevice, name: &str) -> Result<CudaFunction> {
    Ok(device.get_or_load_custom_func(name, "selftest", SELFTEST)?.into_cuda_function())
}

fn config(grid: u32, block: u32, shared: u32) -> LaunchConfig {
    LaunchConfig { grid_dim: (grid, 1, 1), block_dim: (block, 1, 1), shared_mem_bytes: shared }
}

/// What one thread does over and over: kernels with barriers and both kinds of shared memory, a product,
/// copies.
fn work(device: &Device, seed: usize) -> Result<()> {
    let d = cuda(device);
    for round in 0..ROUNDS {
        let x: Vec<f32> = (0..1000).map(|i| ((i + seed + round) % 97) as f32).collect();
        let (gpu, sums) = (d.clone_htod(&x)?, d.alloc_zeros::<f32>(4)?);
        launch!(d.cuda_stream(), kernel(d, "row_sum")?, config(4, 256, 0), &gpu, &sums, &250u32)?;
        let expected: Vec<f32> = x.chunks(250).map(|row| row.iter().sum()).collect();
        ensure!(d.clone_dtoh(&sums)? == expected, "row sums");
        let (reversed, count) = (d.alloc_zeros::<f32>(1000)?, d.alloc_zeros::<u32>(1)?);
        launch!(d.cuda_stream(), kernel(d, "reverse_block")?, config(10, 100, 400), &gpu, &reversed, &count)?;
        let reversed = d.clone_dtoh(&reversed)?;
        ensure!((0..1000).all(|i| reversed[i] == x[i / 100 * 100 + 99 - i % 100]), "reversed blocks");
        let a = Tensor::from_vec(x[..6].to_vec(), (2, 3), device)?;
        let product = a.matmul(&a.t()?)?.to_vec2::<f32>()?;
        ensure!(product[0][1] == (0..3).map(|i| x[i] * x[3 + i]).sum::<f32>(), "product");
    }
    device.synchronize()?;
    Ok(())
}

fn in_threads(f: impl Fn(usize) -> Result<()> + Sync) -> Result<()> {
    thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|t| {
                scope.spawn({
                    let f = &f;
                    move || f(t)
                })
            })
            .collect();
        threads.into_iter().try_for_each(|t| t.join().unwrap())
    })
}

fn case(name: &str) -> Result<()> {
    match name {
        "a device for each thread" => in_threads(|t| work(&Device::new_cuda(0)?, t))?,
        "a stream for each thread" => in_threads(|t| work(&Device::new_cuda_with_stream(0)?, t))?,
        "one device for all threads" => {
            let d = Device::new_cuda(0)?;
            in_threads(|t| work(&d, t))?;
        }
        "read by another thread" | "read by another thread, synchronised" => {
            let d = device(0)?;
            let x = d.clone_htod(&[1f32; 64])?;
            if name.ends_with("synchronised") {
                d.cuda_stream().synchronize()?;
            }
            in_threads(|_| {
                let y = d.alloc_zeros::<f32>(64)?;
                launch!(d.cuda_stream(), kernel(&d, "copy")?, config(1, 64, 0), &x, &y, &64u32)?;
                ensure!(d.clone_dtoh(&y)? == [1.0; 64]);
                Ok(())
            })?;
        }
        "freed by another thread" => {
            let d = Device::new_cuda(0)?;
            let x = Tensor::ones(64, DType::F32, &d)?;
            let y = (&x + &x)?;
            // The context is not current there, so the memory is not freed, and the next call reports it.
            thread::spawn(move || drop(y)).join().unwrap();
            ensure!(
                (&x + &x).unwrap_err().to_string().contains("INVALID_CONTEXT"),
                "a free without a context"
            );
            let y = (&x + &x)?;
            thread::scope(|s| {
                s.spawn(|| {
                    let own = Tensor::ones(1, DType::F32, &d);
                    drop(y);
                    own
                });
            });
        }
        "two streams" | "two streams and an event" => {
            let context = device(0)?.cuda_stream().context().clone();
            unsafe { context.disable_event_tracking() };
            let (a, b) = (context.new_stream()?, context.new_stream()?);
            let (x, y) = (a.clone_htod(&[1f32; 64])?, b.alloc_zeros::<f32>(64)?);
            if name.ends_with("event") {
                b.join(&a)?;
            }
            launch!(b, kernel(&device(0)?, "copy")?, config(1, 64, 0), &x, &y, &64u32)?;
            if name.ends_with("event") {
                context.synchronize()?;
            }
        }
        "two devices" => {
            ensure!(Device::new_cuda(2).is_err(), "device 2");
            in_threads(|t| work(&Device::new_cuda(t % 2)?, t))?;
            let (a, b) = (Device::new_cuda_with_stream(0)?, Device::new_cuda_with_stream(1)?);
            let x = (Tensor::new(&[1f32, 2., 3.], &a)? + 1.0)?;
            ensure!((x.to_device(&b)? * 2.0)?.to_vec1::<f32>()? == [4., 6., 8.], "a copy between devices");
            let free = |d: &Device| cuda(d).cuda_stream().context().mem_get_info();
            let before = (free(&a)?, free(&b)?);
            let _held = Tensor::zeros(1000, DType::F32, &b)?;
            ensure!(free(&a)? == before.0 && free(&b)?.0 == before.1.0 - 4000, "memory of each device");
        }
        "a kernel on memory of another device" => {
            let (a, b) = (device(0)?, device(1)?);
            let x = a.alloc_zeros::<f32>(10)?;
            let p = x.device_ptr(&a.cuda_stream()).0;
            launch!(b.cuda_stream(), kernel(&b, "write_at")?, config(1, 32, 0), &p, &0i64)?;
        }
        "a product on memory of another device" | "a product in another context" => {
            let (a, b) = (device(0)?, device(1)?);
            let (x, mut y) = (a.alloc_zeros::<f32>(4)?, b.alloc_zeros::<f32>(4)?);
            if name.ends_with("context") {
                a.cuda_stream().context().bind_to_thread()?;
            }
            let n = cublasOperation_t::CUBLAS_OP_N;
            let product = GemmConfig {
                transa: n,
                transb: n,
                m: 2,
                n: 2,
                k: 2,
                alpha: 1.0,
                lda: 2,
                ldb: 2,
                beta: 0.0,
                ldc: 2,
            };
            unsafe { b.cublas_handle().gemm(product, &x, &x, &mut y) }?;
        }
        "a copy between devices on default streams" => {
            let (a, b) = (Device::new_cuda(0)?, Device::new_cuda(1)?);
            (Tensor::new(&[1f32, 2., 3.], &a)?.to_device(&b)? * 2.0)?;
        }
        "no device" => {
            let message = Device::new_cuda(0).unwrap_err().to_string();
            ensure!(message.contains("no CUDA-capable device is detected"), "unexpected message: {message}");
            let mut n = 1;
            ensure!(unsafe { sys::cuDeviceGetCount(&mut n) } == sys::CUresult::CUDA_ERROR_NOT_INITIALIZED);
        }
        "one device" => ensure!(Device::new_cuda(0).is_ok() && Device::new_cuda(1).is_err()),
        _ => bail!("no such case"),
    }
    Ok(())
}

#[test]
#[ignore = "run by the other tests in a child process"]
fn child() -> Result<()> {
    case(&std::env::var("SELFTEST_CASE")?)
}

fn succeeds(case: &str, env: &[(&str, &str)]) -> Result<()> {
    let (ok, text) = run_child(case, env)?;
    ensure!(ok, "{case}: {text}");
    Ok(())
}

fn is_caught(case: &str, env: &[(&str, &str)], expected: &str) -> Result<()> {
    let (ok, text) = run_child(case, env)?;
    ensure!(!ok && text.contains(expected), "{case}: not caught, or with another message: {text}");
    Ok(())
}

/// Runs a case and returns what it counted.
fn statistics(case: &str) -> Result<HashMap<String, usize>> {
    let file =
        std::env::temp_dir().join(format!("cuda-emulator-{}-{}", std::process::id(), case.replace(' ', "-")));
    succeeds(case, &[("CUDA_EMU_STATS", file.to_str().unwrap())])?;
    let text = std::fs::read_to_string(&file)?;
    std::fs::remove_file(&file)?;
    text.lines()
        .map(|line| match line.split_once(' ').map(|_| line.trim().split_once(' ')) {
            Some(Some((n, name))) => Ok((name.to_owned(), n.parse()?)),
            _ => bail!("not a line of statistics: {line}"),
        })
        .collect()
}

#[test]
fn threads_and_statistics() -> Result<()> {
    for case in ["a device for each thread", "a stream for each thread", "one device for all threads"] {
        let counted = statistics(case)?;
        let all = THREADS * ROUNDS;
        let expected = [
            ("row_sum", all),
            ("reverse_block", all),
            ("gemm", all),
            ("memcpy_htod", 2 * all),
            ("memcpy_htod_bytes", 4024 * all),
            ("memcpy_dtoh", 3 * all),
            ("memcpy_dtoh_bytes", 4032 * all),
            ("memset", 3 * all),
            ("memcpy_peer", 0),
            ("random", 0),
        ];
        for (name, n) in expected {
            ensure!(counted.get(name) == Some(&n), "{case}: {name} is {:?}, not {n}", counted.get(name));
        }
        ensure!(counted["synchronize"] >= THREADS && counted["launch"] >= 2 * all, "{case}: {counted:?}");
        ensure!(counted["malloc"] == counted["free"], "{case}: memory is not freed: {counted:?}");
    }
    Ok(())
}

#[test]
fn streams() -> Result<()> {
    let unordered = "cuda-emulator: unordered streams: copy on ";
    is_caught("read by another thread", &[], unordered)?;
    is_caught("two streams", &[], unordered)?;
    is_caught(
        "freed by another thread",
        &[],
        "unordered streams: cuMemFreeAsync on the default stream of host thread",
    )?;
    for case in ["read by another thread, synchronised", "two streams and an event"] {
        succeeds(case, &[])?;
    }
    for case in ["read by another thread", "two streams", "freed by another thread"] {
        succeeds(case, &[("CUDA_EMU_LENIENT_STREAMS", "1")])?;
    }
    Ok(())
}

#[test]
fn several_devices() -> Result<()> {
    let two = [("CUDA_EMU_DEVICES", "2")];
    succeeds("two devices", &two)?;
    is_caught(
        "a kernel on memory of another device",
        &two,
        "is memory of device 0, and the kernel runs on device 1",
    )?;
    is_caught(
        "a product on memory of another device",
        &two,
        "cublas gemm, matrix A is memory of device 0, used on device 1",
    )?;
    is_caught(
        "a product in another context",
        &two,
        "cublas gemm: its handle was made in another context than the current one",
    )?;
    // cudarc 0.19 copies on the other device's stream, because the last context it made current was that
    // one's.
    is_caught("a copy between devices on default streams", &two, "unordered streams: ")
}

#[test]
fn visible_devices() -> Result<()> {
    for (all, visible) in [("0", None), ("1", Some("")), ("1", Some("-1")), ("2", Some("2,0"))] {
        let mut env = vec![("CUDA_EMU_DEVICES", all)];
        env.extend(visible.map(|v| ("CUDA_VISIBLE_DEVICES", v)));
        succeeds("no device", &env)?;
    }
    for (all, visible) in [("1", "0"), ("2", "1"), ("2", "0,0"), ("3", "2,-1,0")] {
        succeeds("one device", &[("CUDA_EMU_DEVICES", all), ("CUDA_VISIBLE_DEVICES", visible)])?;
    }
    Ok(())
}
