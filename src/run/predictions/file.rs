//! The file of predictions.

use std::fmt::Debug;
use std::io::{self, Read, Write};
use std::str::FromStr;

use csv::{ByteRecord, Reader, ReaderBuilder, Writer};

use super::Predictions;
use crate::error::{Error, Result};
use crate::text::quote;

impl Predictions {
    /// Writes the header and the rows; floats in the shortest text that is read as the same bits.
    ///
    /// # Errors
    ///
    /// Fails when writing does.
    pub fn write_csv(&self, to: impl Write) -> io::Result<()> {
        let mut writer = Writer::from_writer(to);
        writer.write_record(self.header())?;
        let mut cell = Vec::new();
        let mut write = |writer: &mut Writer<_>, value: &dyn Debug| {
            cell.clear();
            write!(cell, "{value:?}")?;
            writer.write_field(&cell).map_err(io::Error::from)
        };
        for (i, (row, fold)) in self.rows.iter().zip(&self.folds).enumerate() {
            write(&mut writer, row)?;
            write(&mut writer, fold)?;
            for value in &self.values[i * self.width()..][..self.width()] {
                write(&mut writer, value)?;
            }
            if let Some(exits) = &self.exits {
                write(&mut writer, &exits[i])?;
            }
            writer.write_record(None::<&[u8]>)?;
        }
        writer.flush()
    }

    fn header(&self) -> Vec<String> {
        let mut header = vec!["row".to_owned(), "fold".to_owned()];
        for target in &self.targets {
            let of = if self.targets.len() == 1 { String::new() } else { format!(":{target}") };
            header.extend([target.clone(), format!("prediction{of}")]);
            header.extend(self.depths.iter().map(|depth| format!("depth_{depth}{of}")));
            header.extend(self.quantiles.iter().map(|quantile| quantile_column(target, *quantile)));
            header.extend(self.has_bounds.then(|| interval_columns(target)).into_iter().flatten());
        }
        header.extend(self.exits.is_some().then(|| EXIT.to_owned()));
        header
    }

    /// Reads what [`write_csv`](Self::write_csv) wrote. `place` is what messages call it, for example its
    /// file's name.
    ///
    /// # Errors
    ///
    /// Fails with [`Error::Data`] when it cannot be read or has other columns, and at the first row with more
    /// or fewer fields or one that is no finite number.
    pub fn read_csv(place: &str, from: impl Read) -> Result<Self> {
        Lines::new(place, from).read()
    }
}

/// The name of the column of the exits.
const EXIT: &str = "exit";

/// The name of the column of a quantile, such as `price_q0.1`.
pub(crate) fn quantile_column(target: &str, quantile: f64) -> String {
    format!("{target}_q{quantile}")
}

/// The names of the columns of an interval, `price_lower` and `price_upper`.
pub(crate) fn interval_columns(target: &str) -> [String; 2] {
    ["lower", "upper"].map(|end| format!("{target}_{end}"))
}

/// The lines of a file of predictions.
struct Lines<'a, R> {
    place: &'a str,
    reader: Reader<R>,
    record: ByteRecord,
    header: Vec<String>,
    /// The line of the next record, counted from 1.
    line: usize,
}

impl<'a, R: Read> Lines<'a, R> {
    fn new(place: &'a str, from: R) -> Self {
        let reader = ReaderBuilder::new().has_headers(false).flexible(true).from_reader(from);
        Self { place, reader, record: ByteRecord::new(), header: Vec::new(), line: 1 }
    }

    fn read(mut self) -> Result<Predictions> {
        let mut predictions = self.read_header()?;
        while self.next()? {
            if self.record.len() != self.header.len() {
                let problem = format!("has {} fields, expected {}", self.record.len(), self.header.len());
                return Err(Error::data(format!("{}:{}", self.place, self.line), problem));
            }
            predictions.rows.push(self.number(0, "a whole number from 0 on")?);
            predictions.folds.push(self.number(1, "a whole number from 0 on")?);
            let end = 2 + predictions.width();
            for column in 2..end {
                predictions.values.push(self.finite(column)?);
            }
            if let Some(exits) = &mut predictions.exits {
                exits.push(self.number(end, "a depth")?);
            }
            self.line += 1;
        }
        Ok(predictions)
    }

    /// Reads the header, from which the targets and depths follow.
    fn read_header(&mut self) -> Result<Predictions> {
        if !self.next()? {
            return Err(Error::data(self.place, "is empty, expected predictions"));
        }
        let header: Vec<_> =
            self.record.iter().map(|name| String::from_utf8_lossy(name).into_owned()).collect();
        let refused = |problem| Err(Error::data(format!("{}:1", self.place), problem));
        let Some([first, prediction, ..]) = header.get(2..) else {
            return refused(
                "has too few columns, expected row, fold, the target, prediction and the depths".to_owned(),
            );
        };
        // Of one target the columns have no suffix, of several they end in its name.
        let is_one = prediction == "prediction";
        let suffix = if is_one { String::new() } else { format!(":{first}") };
        let depth_of = |name: &String| name.strip_prefix("depth_")?.strip_suffix(&suffix)?.parse().ok();
        let depths: Vec<usize> = header[4..].iter().map_while(depth_of).collect();
        // A target may be called like a quantile of the one before it, but then has a prediction.
        let is_target =
            |i: usize| header.get(i + 1).is_some_and(|next| *next == format!("prediction:{}", header[i]));
        let quantile_of = |i: usize| header[i].strip_prefix(first)?.strip_prefix("_q")?.parse().ok();
        let quantiles: Vec<f64> =
            (4 + depths.len()..header.len()).take_while(|&i| !is_target(i)).map_while(quantile_of).collect();
        let behind = 4 + depths.len() + quantiles.len();
        let ends = interval_columns(first);
        let has_bounds = header.get(behind..behind + 2) == Some(&ends[..]) && !is_target(behind);
        let stride = behind - 2 + 2 * usize::from(has_bounds);
        // A last target has a prediction behind it, so what is left over is no target.
        let has_exits = (header.len() - 2) % stride == 1 && header.last().is_some_and(|last| last == EXIT);
        let targets = header[2..header.len() - usize::from(has_exits)].iter().step_by(stride);
        let targets: Vec<_> = targets.take(if is_one { 1 } else { usize::MAX }).cloned().collect();
        let predictions = Predictions::new(targets, depths).with_quantiles(quantiles).with_exits(has_exits);
        let predictions = Predictions { has_bounds, ..predictions };
        let expected = predictions.header();
        if let Some(i) = (0..header.len().max(expected.len())).find(|&i| header.get(i) != expected.get(i)) {
            let name = |names: &[String]| names.get(i).map_or("none".to_owned(), |name| quote(name));
            let (is, expected) = (name(&header), name(&expected));
            return refused(format!("column {} is {is}, expected {expected}", i + 1));
        }
        self.line += 1 + header.iter().flat_map(|name| name.bytes()).filter(|&byte| byte == b'\n').count();
        self.header = header;
        Ok(predictions)
    }

    /// Reads the next record; false when there is none.
    fn next(&mut self) -> Result<bool> {
        let read = self.reader.read_byte_record(&mut self.record);
        read.map_err(|error| Error::data(self.place, format!("cannot be read: {}", io::Error::from(error))))
    }

    fn finite(&self, column: usize) -> Result<f64> {
        const EXPECTED: &str = "a finite number";
        let value: f64 = self.number(column, EXPECTED)?;
        if value.is_finite() { Ok(value) } else { Err(self.refused(column, EXPECTED)) }
    }

    fn number<T: FromStr>(&self, column: usize, expected: &str) -> Result<T> {
        let number = str::from_utf8(&self.record[column]).ok().and_then(|text| text.parse().ok());
        number.ok_or_else(|| self.refused(column, expected))
    }

    fn refused(&self, column: usize, expected: &str) -> Error {
        let place = format!("{}:{}:{}", self.place, self.line, self.header[column].escape_debug());
        let is = quote(&String::from_utf8_lossy(&self.record[column]));
        Error::data(place, format!("is {is}, expected {expected}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::predictions::Predicted;
    use crate::run::predictions::tests::{of, of_quantiles};

    fn file(predictions: &Predictions) -> Vec<u8> {
        let mut file = Vec::new();
        predictions.write_csv(&mut file).unwrap();
        file
    }

    #[test]
    fn intervals_come_behind_the_quantiles_of_their_target() {
        for targets in [&["y"][..], &["y", "y_lower"], &["y", "prediction"]] {
            let targets: Vec<_> = targets.iter().map(|&name| name.to_owned()).collect();
            for quantiles in [&[][..], &[0.25, 0.5]] {
                let empty = Predictions::new(targets.clone(), vec![1]).with_quantiles(quantiles.to_vec());
                let mut predictions = empty.with_exits(true);
                for row in 0..3 {
                    let of = |each: usize| vec![row as f64; each * targets.len()];
                    let numbers = [&of(1)[..], &of(1), &of(1), &of(quantiles.len())];
                    predictions.push_all(row, row % 2, numbers, Some(1)).unwrap();
                }
                let predictions =
                    predictions.with_bounds(|target, fold| 1. + target as f64 + 10. * fold as f64);
                let file = file(&predictions);
                let header = String::from_utf8_lossy(&file).lines().next().unwrap().to_owned();
                assert!(header.contains(",y_lower,y_upper,"), "{header}");
                assert_eq!(Predictions::read_csv("p.csv", &file[..]).unwrap(), predictions, "{header}");
                let last = targets.len() - 1;
                let upper: Vec<_> = predictions.values(last, Predicted::Upper).collect();
                assert_eq!(upper, [0., 11., 2.].map(|mean| mean + 1. + last as f64));
            }
        }
    }

    #[test]
    fn a_file_is_read_as_it_was_written() {
        let strange: &[&str] = &["a,b", "\"<script>\"\n", "prediction", "depth_1", "", "prediction:x", "ä"];
        let kinds: [(&[&str], &[usize]); 6] = [
            (&["y"], &[1, 2, 3, 4]),
            (&["y"], &[]),
            (&["prediction"], &[0]),
            (&["a", "b"], &[2, 3]),
            (&["a", "a"], &[]),
            (strange, &[1, 7]),
        ];
        for (targets, depths) in kinds {
            for rows in [0, 1, 9] {
                let written = of(targets, depths, rows);
                let read = Predictions::read_csv("p.csv", &file(&written)[..]).unwrap();
                assert_eq!(read, written);
                let bits = |p: &Predictions| p.values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
                assert_eq!(bits(&read), bits(&written));
            }
        }
        // Where depths are learned, also of targets that are called so.
        for targets in [["y"].as_slice(), &["exit"], &["a", "exit"], &["a", "b", "exit"]] {
            for rows in [0, 9] {
                let mut written = of(targets, &[1, 2, 3], rows).with_exits(true);
                written.exits = Some((0..rows).map(|row| 1 + row % 3).collect());
                let read = Predictions::read_csv("p.csv", &file(&written)[..]).unwrap();
                assert_eq!(read, written, "{targets:?}");
            }
        }
        // Targets that are called like quantiles, too.
        let alike = ["a", "a_q0.1", "a_q0.1_q0.5"].map(str::to_owned);
        for (targets, depths) in [(&alike[..1], [].as_slice()), (&alike, &[1, 2]), (&alike, &[])] {
            for quantiles in [[].as_slice(), &[0.5], &[1e-7, 0.1, 0.999_999_9]] {
                let written = of_quantiles(targets, depths, quantiles, 3);
                let read = Predictions::read_csv("p.csv", &file(&written)[..]).unwrap();
                assert_eq!(read, written, "{targets:?} {quantiles:?}");
            }
        }
    }

    #[test]
    fn the_columns_are_the_promised_ones() {
        let header = |predictions: &Predictions| {
            String::from_utf8(file(predictions)).unwrap().lines().next().unwrap().to_owned()
        };
        assert_eq!(header(&of(&["y"], &[1, 2], 1)), "row,fold,y,prediction,depth_1,depth_2");
        let two = "row,fold,y,prediction:y,depth_1:y,z,prediction:z,depth_1:z";
        assert_eq!(header(&of(&["y", "z"], &[1], 1)), two);
        let quantiles = of_quantiles(&["y".to_owned()], &[1], &[0.1, 0.5], 1);
        assert_eq!(header(&quantiles), "row,fold,y,prediction,depth_1,y_q0.1,y_q0.5");
        let learned = of(&["y"], &[1, 2], 0).with_exits(true);
        assert_eq!(header(&learned), "row,fold,y,prediction,depth_1,depth_2,exit");
    }

    #[test]
    fn damage_is_named_by_line_and_column() {
        for (text, message) in [
            ("", "p.csv: is empty, expected predictions"),
            (
                "row,fold,y\n",
                "p.csv:1: has too few columns, expected row, fold, the target, prediction and the depths",
            ),
            ("row,f,y,prediction\n", "p.csv:1: column 2 is 'f', expected 'fold'"),
            ("row,fold,y,guess\n", "p.csv:1: column 4 is 'guess', expected 'prediction'"),
            ("row,fold,y,prediction,depth\n", "p.csv:1: column 5 is 'depth', expected none"),
            ("row,fold,y,prediction\n1,0,2\n", "p.csv:2: has 3 fields, expected 4"),
            (
                "row,fold,y,prediction\n1,0,2,3\n1,0,2,x\n",
                "p.csv:3:prediction: is 'x', expected a finite number",
            ),
            ("row,fold,y,prediction\n1,0,2,inf\n", "p.csv:2:prediction: is 'inf', expected a finite number"),
            ("row,fold,y,prediction\n-1,0,2,3\n", "p.csv:2:row: is '-1', expected a whole number from 0 on"),
            ("row,fold,y,prediction\n1,,2,3\n", "p.csv:2:fold: is '', expected a whole number from 0 on"),
            ("row,fold,y,prediction,depth_1,exit\n1,0,2,3,4,x\n", "p.csv:2:exit: is 'x', expected a depth"),
            ("row,fold,\"a\nb\",prediction\n1,0,?,3\n", "p.csv:3:a\\nb: is '?', expected a finite number"),
        ] {
            let error = Predictions::read_csv("p.csv", text.as_bytes()).unwrap_err().to_string();
            assert_eq!(error, message);
        }
        let error = Predictions::read_csv("p.csv", &b"row,fold,y,prediction\n1,0,2,\xff\n"[..]).unwrap_err();
        assert_eq!(error.to_string(), "p.csv:2:prediction: is '\u{fffd}', expected a finite number");
    }
}
