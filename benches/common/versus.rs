//! Measures taper next to Candle and to a plain copy, and prints the ratios.

use std::hint::black_box;
use std::mem::MaybeUninit;

use std::sync::Mutex;
use std::time::Duration;

use candle_core::utils::barrier_pool;
use candle_core::{DType, Tensor};
use criterion::{BenchmarkId, Criterion, Throughput};

use crate::common::Place;

/// What is measured.
pub(crate) struct Case {
    pub(crate) group: String,
    pub(crate) size: String,
    /// The elements of the result.
    pub(crate) len: usize,
    /// The bytes that have to be read and written for each; 0 if there is no such figure.
    pub(crate) bytes: usize,
}

/// Runs cases by criterion and keeps the least time of each.
pub(crate) struct Runner {
    place: Place,
    criterion: Criterion,
    rows: Vec<String>,
}

impl Runner {
    pub(crate) fn new(place: Place, criterion: Criterion) -> Self {
        Self { place, criterion, rows: Vec::new() }
    }

    pub(crate) fn place(&self) -> &Place {
        &self.place
    }

    /// Measures a case in taper and in Candle, and the copy of as many bytes.
    pub(crate) fn run<A, B>(&mut self, case: &Case, ours: impl FnMut() -> A, theirs: impl FnMut() -> B) {
        let ours = self.time(case, "taper", ours);
        let theirs = self.time(case, "candle", theirs);
        let copied = case.len * case.bytes / 2;
        let copy = if copied == 0 {
            None
        } else if self.place.device.is_cpu() {
            let source = vec![1u8; copied];
            self.time(case, "copy", || copy(&source))
        } else {
            let source = Tensor::ones(copied, DType::U8, &self.place.device).unwrap();
            self.time(case, "copy", || source.copy().unwrap())
        };
        // A part of the benches may have been asked for by name.
        let (Some(ours), Some(theirs)) = (ours, theirs) else { return };
        let per_second = |amount: usize| amount as f64 / ours;
        let memory = match (case.bytes, copy) {
            (1.., Some(copy)) => {
                format!("{:.1} | {:.2}", per_second(case.len * case.bytes) / 1e9, ours / copy)
            }
            _ => "- | -".into(),
        };
        self.rows.push(format!(
            "| {} | {} | {:.0} | {:.0} | {:.2} | {memory} |",
            case.group,
            case.size,
            per_second(case.len) / 1e6,
            case.len as f64 / theirs / 1e6,
            theirs / ours,
        ));
    }

    /// The least time of an iteration in seconds, over all samples, or nothing if it was not asked for.
    fn time<T>(&mut self, case: &Case, who: &str, mut routine: impl FnMut() -> T) -> Option<f64> {
        let mut least = None;
        let mut group = self.criterion.benchmark_group(self.place.group(&case.group));
        group.throughput(Throughput::Elements(case.len as u64)).sample_size(20);
        group.warm_up_time(Duration::from_secs(1)).measurement_time(Duration::from_secs(2));
        group.bench_function(BenchmarkId::new(who, &case.size), |bencher| {
            bencher.iter_custom(|iterations| {
                let time = self.place.time(iterations, &mut routine);
                let each = time.as_secs_f64() / iterations as f64;
                least = Some(least.map_or(each, |least: f64| least.min(each)));
                time
            });
        });
        group.finish();
        least
    }

    /// Prints the table of all cases.
    pub(crate) fn finish(self) {
        self.criterion.final_summary();
        println!("\nThe least time of each case, as million elements per second:\n");
        println!("| case | size | taper | candle | taper/candle | GB/s | time/copy |");
        println!("|---|---|---|---|---|---|---|");
        for row in self.rows {
            println!("{row}");
        }
    }
}

/// A copy of `source` in new memory, by the threads of Candle's pool where the operations take them.
fn copy(source: &[u8]) -> Vec<u8> {
    const PIECE: usize = 1 << 16;
    let mut copy = Vec::with_capacity(source.len());
    let space = &mut copy.spare_capacity_mut()[..source.len()];
    if source.len() < 4 * PIECE {
        write(space, source);
    } else {
        let pieces: Vec<_> = space.chunks_mut(PIECE).map(Mutex::new).collect();
        barrier_pool().execute_chunked(pieces.len(), |range| {
            for i in range {
                let mut piece = pieces[i].lock().unwrap();
                let from = &source[i * PIECE..][..piece.len()];
                write(&mut piece, from);
            }
        });
    }
    // SAFETY: the pieces cover the space, and all were written.
    #[allow(unsafe_code)]
    unsafe {
        copy.set_len(source.len());
    }
    black_box(copy)
}

/// The compiler makes one `memcpy` of it.
fn write(space: &mut [MaybeUninit<u8>], source: &[u8]) {
    for (to, &from) in space.iter_mut().zip(source) {
        to.write(from);
    }
}
