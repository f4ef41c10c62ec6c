//! Columns of dates while their rows are read.

use super::{Kind, Row, RowBuilder, TextColumn};
use crate::data::table::cell::Real;
use crate::data::table::date_order::DateOrder;
use crate::error::Result;
use crate::memory;

/// Dates in seconds since 1970, NaN where one is missing.
#[derive(Default)]
pub(in crate::data::table) struct DateColumn {
    pub(in crate::data::table) order: DateOrder,
    pub(super) times: Vec<f64>,
}

/// The dates of a text column as long as none says whether the day or the month is first: in each of the two
/// [orders](DateOrder::YEAR_LAST). If one does not, the column remains one of text.
#[derive(Default)]
pub(super) struct Doubtful([Vec<f64>; 2]);

impl Kind {
    /// A column of dates in this order without values yet.
    pub(in crate::data::table) fn dates(order: DateOrder) -> Self {
        Self::Dates(DateColumn { order, times: Vec::new() })
    }

    /// A column of dates, the day or the month first, without values yet.
    pub(in crate::data::table) fn doubtful_dates() -> Self {
        Self::Text(TextColumn { doubtful: Some(Doubtful::default()), ..TextColumn::default() })
    }

    /// Whether it is a column of dates, whatever their order.
    pub(super) fn has_dates(&self) -> bool {
        matches!(self, Self::Dates(_) | Self::Text(TextColumn { doubtful: Some(_), .. }))
    }
}

impl<T: Real> RowBuilder<'_, T> {
    /// Takes feature `i`, if it is one of doubtful dates, for one of dates where the row tells their order,
    /// and for one of text where it has something else.
    pub(super) fn settle(&mut self, row: &impl Row, i: usize) -> Result<()> {
        let Some(Kind::Text(TextColumn { doubtful: told @ Some(_), .. })) = &mut self.kinds[i] else {
            return Ok(());
        };
        let Some(Doubtful([day_first, month_first])) = told.take() else { return Ok(()) };
        let column = self.choice.features[i];
        if row.is_missing_number(column) {
            // A missing date, and one of the texts if the column remains one of text.
            *told = Some(Doubtful([day_first, month_first]));
            return self.date(row, i, [f64::NAN; 2]);
        }
        match DateOrder::YEAR_LAST.map(|order| row.seconds(column, order)) {
            [None, None] => return Ok(()),
            [Some(_), None] => {
                self.kinds[i] =
                    Some(Kind::Dates(DateColumn { order: DateOrder::DayFirst, times: day_first }));
            }
            [None, Some(_)] => {
                self.kinds[i] =
                    Some(Kind::Dates(DateColumn { order: DateOrder::MonthFirst, times: month_first }));
            }
            [Some(day), Some(month)] => {
                *told = Some(Doubtful([day_first, month_first]));
                self.date(row, i, [day, month])?;
            }
        }
        Ok(())
    }

    /// Notes the date of feature `i`, which is one of dates, in each order if these are doubtful.
    pub(super) fn date(&mut self, row: &impl Row, i: usize, times: [f64; 2]) -> Result<()> {
        let all: &mut [Vec<f64>] = match &mut self.kinds[i] {
            Some(Kind::Dates(dates)) => std::slice::from_mut(&mut dates.times),
            Some(Kind::Text(TextColumn { doubtful: Some(Doubtful(all)), .. })) => all,
            _ => return Ok(()),
        };
        for (all, time) in all.iter_mut().zip(times) {
            if let Err(problem) = memory::grow(all, 1) {
                let problem = format!("does not fit in memory with the dates before it, which {problem}");
                return Err(self.error(row, Some(self.choice.features[i]), &problem));
            }
            all.push(time);
        }
        Ok(())
    }
}
