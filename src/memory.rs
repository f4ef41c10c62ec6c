//! Memory that is asked for before it is used, so that too little of it is an error and no abort.

use std::hint::black_box;

use sysinfo::System;

/// Nothing is asked for fewer bytes: like every program, this one ends where even these cannot be had.
const SMALL: u64 = 1 << 24;
/// What is left of the memory for everything small that comes after.
const REST: usize = 4 << 20;

/// Refuses `count` elements of the type `T` that cannot be had: more than what is free, or than the limits of
/// the process leave, as `ulimit -v` sets them. The error continues a sentence that begins with what needs
/// them.
///
/// It is called before a library allocates that aborts where it gets nothing.
pub(crate) fn check<T>(count: usize) -> Result<(), String> {
    reserve::<T>(count).map(drop)
}

/// An empty vector with room for `count` elements; the error is as by [`check`].
pub(crate) fn reserve<T>(count: usize) -> Result<Vec<T>, String> {
    let mut values = Vec::new();
    extend(&mut values, count)?;
    Ok(values)
}

/// Makes room in `values` for `more` elements, and for many more if there is memory, so that it is seldom
/// asked. The error is as by [`check`].
pub(crate) fn grow<T>(values: &mut Vec<T>, more: usize) -> Result<(), String> {
    if values.capacity() - values.len() >= more {
        return Ok(());
    }
    let mut step = values.len().max(more);
    while step > more && extend(values, step).is_err() {
        step /= 4;
    }
    extend(values, more)
}

/// Makes room in `values` for exactly `more` elements, if it is not there. The error is as by [`check`].
pub(crate) fn extend<T>(values: &mut Vec<T>, more: usize) -> Result<(), String> {
    if values.capacity() - values.len() >= more {
        return Ok(());
    }
    let bytes = more.checked_mul(size_of::<T>()).ok_or("needs more memory than any machine has")? as u64;
    if bytes > SMALL {
        let free = free();
        if bytes > free {
            return Err(format!("needs {} of memory, {} are free", shown(bytes), shown(free)));
        }
    }
    let before = values.capacity();
    if values.try_reserve_exact(more).is_ok() && has_rest() {
        return Ok(());
    }
    values.shrink_to(before);
    Err(format!("needs {} of memory, more than the limits of the process leave", shown(bytes)))
}

/// Whether there is memory for what comes after.
fn has_rest() -> bool {
    let mut rest = Vec::<u8>::new();
    let is_there = rest.try_reserve_exact(REST).is_ok();
    // A compiler may leave out an allocation that nothing uses, and take it to succeed.
    black_box(&rest);
    is_there
}

/// A number of bytes, for messages.
pub(crate) fn shown(bytes: u64) -> String {
    let gib = bytes as f64 / f64::from(1 << 30);
    if gib < 0.1 { format!("{:.1} MiB", gib * 1024.) } else { format!("{gib:.1} GiB") }
}

/// The memory in bytes that this process can still get, from the machine or from its control group; without
/// end where the machine does not say.
pub(crate) fn free() -> u64 {
    let mut system = System::new();
    system.refresh_memory();
    if system.total_memory() == 0 {
        return u64::MAX;
    }
    let machine = system.available_memory().saturating_add(system.free_swap());
    // Not the group's free memory: it counts the page cache, which is given back when needed, as used.
    system.cgroup_limits().map_or(machine, |group| machine.min(group.total_memory.saturating_sub(group.rss)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_had_is_an_error_that_says_how_much() {
        let message = |count| check::<f64>(count).unwrap_err();
        assert_eq!(message(usize::MAX), "needs more memory than any machine has");
        let exbibyte = message(1 << 57);
        assert!(exbibyte.starts_with("needs 1073741824.0 GiB of memory, "), "{exbibyte}");
        assert_eq!(check::<f64>(1000), Ok(()));
        assert_eq!(reserve::<u8>(1000).map(|values| (values.len(), values.capacity())), Ok((0, 1000)));
        assert_eq!((shown(1 << 20), shown(3 << 29)), ("1.0 MiB".to_owned(), "1.5 GiB".to_owned()));
    }

    #[test]
    fn room_grows_by_more_than_is_asked_for() {
        let mut values = vec![0u8; 100];
        grow(&mut values, 1).unwrap();
        let capacity = values.capacity();
        assert!(capacity >= 200, "{capacity}");
        grow(&mut values, 100).unwrap();
        assert_eq!(values.capacity(), capacity);
        assert!(grow(&mut values, usize::MAX).unwrap_err().contains("of memory"));
        assert_eq!(values.len(), 100);
    }
}
