//! What takes an allocator that counts: that a training step allocates nothing, and that no file, however
//! damaged, takes more memory than it should.

// Clippy takes what is outside test functions for production code. An allocator is unsafe by its trait.
#![allow(clippy::unwrap_used, clippy::panic, unsafe_code, unreachable_pub, reason = "test code")]

mod fuzz;
mod steps;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// What a thread has allocated.
#[derive(Clone, Copy)]
struct Count {
    /// How often.
    times: usize,
    /// The bytes that it has more than it has given back.
    bytes: isize,
    /// The most of them so far.
    peak: isize,
}

thread_local! {
    static COUNT: Cell<Count> = const { Cell::new(Count { times: 0, bytes: 0, peak: 0 }) };
}

impl Count {
    /// What this thread has allocated.
    fn of_thread() -> Self {
        COUNT.get()
    }

    /// Counts the peak of this thread anew.
    fn reset_peak() {
        let count = COUNT.get();
        COUNT.set(Self { peak: count.bytes, ..count });
    }

    fn add(size: usize, times: usize) {
        let count = COUNT.get();
        let bytes = count.bytes + size.cast_signed();
        COUNT.set(Self { times: count.times + times, bytes, peak: count.peak.max(bytes) });
    }

    fn remove(size: usize) {
        let count = COUNT.get();
        COUNT.set(Self { bytes: count.bytes - size.cast_signed(), ..count });
    }
}

/// Counts what each thread allocates.
struct Counting;

// SAFETY: the system's allocator does all the work.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        Count::add(layout.size(), 1);
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        Count::add(layout.size(), 1);
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        Count::remove(layout.size());
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        Count::add(size, 1);
        Count::remove(layout.size());
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;
