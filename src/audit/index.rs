//! Reading and writing by index; every list of indices repeats one.

use candle_core::Result;

use super::inputs::{ids, numbers};
use crate::gradcheck::Case;

pub(super) fn cases() -> Result<Vec<Case>> {
    let x = || numbers(&[3, 2], 0);
    let rows = || ids(&[2, 0, 2, 1], &[4]);
    let per_element = || ids(&[2, 0, 2, 1, 0, 0], &[3, 2]);
    // Each column names each row at most once, so that the written values are defined.
    let distinct = || ids(&[2, 0, 0, 1], &[2, 2]);
    Ok(vec![
        Case::new("index_select(0)", vec![x()?, rows()?], |x| x[0].index_select(&x[1], 0)),
        Case::new("index_select(1)", vec![x()?, ids(&[1, 1, 0], &[3])?], |x| x[0].index_select(&x[1], 1)),
        Case::new("embedding", vec![x()?, rows()?], |x| x[0].embedding(&x[1])),
        Case::new("gather(0)", vec![x()?, per_element()?], |x| x[0].gather(&x[1], 0)),
        Case::new("gather(1)", vec![x()?, ids(&[0, 0, 1, 0, 1, 1], &[3, 2])?], |x| x[0].gather(&x[1], 1)),
        Case::new("index_add(0)", vec![x()?, rows()?, numbers(&[4, 2], 1)?], |x| {
            x[0].index_add(&x[1], &x[2], 0)
        }),
        Case::new("index_add(1)", vec![x()?, ids(&[1, 1, 0], &[3])?, numbers(&[3, 3], 1)?], |x| {
            x[0].index_add(&x[1], &x[2], 1)
        }),
        Case::new("scatter(0)", vec![x()?, distinct()?, numbers(&[2, 2], 1)?], |x| {
            x[0].scatter(&x[1], &x[2], 0)
        }),
        Case::new("scatter(1)", vec![x()?, ids(&[0, 1, 0], &[3, 1])?, numbers(&[3, 1], 1)?], |x| {
            x[0].scatter(&x[1], &x[2], 1)
        }),
        Case::new("scatter_add(0)", vec![x()?, per_element()?, numbers(&[3, 2], 1)?], |x| {
            x[0].scatter_add(&x[1], &x[2], 0)
        }),
        Case::new("scatter_add(1)", vec![x()?, ids(&[0, 1, 0], &[3, 1])?, numbers(&[3, 1], 1)?], |x| {
            x[0].scatter_add(&x[1], &x[2], 1)
        }),
    ])
}
