//! The values of one column of a Parquet file.

use half::f16;
use parquet::basic::{ConvertedType, LogicalType, TimeUnit, Type};
use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::DataType;
use parquet::errors::ParquetError;
use parquet::schema::types::ColumnDescriptor;

/// A field.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Null,
    /// A number, NaN too.
    Number(f64),
    /// Exact, since an integer may be the name of a group.
    Integer(i128),
    Text(String),
    /// A date or a time, in parts of a day of which there are `per_day`: since 1970 or midnight.
    Time {
        ticks: i128,
        per_day: i128,
    },
}

/// How the stored values of a column are interpreted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Number,
    /// Unsigned integers, stored in the bits of signed ones.
    Unsigned,
    /// Integers with this number of digits after the decimal point.
    Decimal(i32),
    Text,
    /// Dates or times as whole numbers since 1970 or midnight, in parts of a day of which there are so many.
    Time(i128),
}

const MILLISECONDS: i128 = 86_400_000;
const MICROSECONDS: i128 = 1000 * MILLISECONDS;
const NANOSECONDS: i128 = 1000 * MICROSECONDS;

impl Kind {
    /// The kind of a column, or what it has instead of numbers or text.
    pub(super) fn of(column: &ColumnDescriptor) -> Result<Self, String> {
        if column.max_rep_level() > 0 || column.path().parts().len() > 1 {
            return Err("nested values".to_owned());
        }
        let (physical, converted) = (column.physical_type(), column.converted_type());
        let scale = column.type_scale();
        match (column.logical_type_ref(), converted) {
            (Some(LogicalType::Date), _) | (_, ConvertedType::DATE) => return Ok(Self::Time(1)),
            (Some(LogicalType::Time(time) | LogicalType::Timestamp(time)), _) => {
                return Ok(Self::Time(match time.unit {
                    TimeUnit::MILLIS => MILLISECONDS,
                    TimeUnit::MICROS => MICROSECONDS,
                    TimeUnit::NANOS => NANOSECONDS,
                }));
            }
            (_, ConvertedType::TIME_MILLIS | ConvertedType::TIMESTAMP_MILLIS) => {
                return Ok(Self::Time(MILLISECONDS));
            }
            (_, ConvertedType::TIME_MICROS | ConvertedType::TIMESTAMP_MICROS) => {
                return Ok(Self::Time(MICROSECONDS));
            }
            // More than 16 bytes do not fit in an i128.
            (Some(LogicalType::Decimal(_)), _) | (_, ConvertedType::DECIMAL)
                if column.type_length() <= 16 =>
            {
                return Ok(Self::Decimal(scale));
            }
            _ => {}
        }
        match (physical, column.logical_type_ref(), converted) {
            (Type::INT32 | Type::INT64, Some(LogicalType::Integer(integer)), _) if !integer.is_signed => {
                Ok(Self::Unsigned)
            }
            (
                Type::INT32 | Type::INT64,
                _,
                ConvertedType::UINT_8
                | ConvertedType::UINT_16
                | ConvertedType::UINT_32
                | ConvertedType::UINT_64,
            ) => Ok(Self::Unsigned),
            (Type::BOOLEAN | Type::INT32 | Type::INT64 | Type::FLOAT | Type::DOUBLE, ..)
            | (Type::FIXED_LEN_BYTE_ARRAY, Some(LogicalType::Float16), _) => Ok(Self::Number),
            (Type::BYTE_ARRAY, Some(LogicalType::String | LogicalType::Enum) | None, _) => Ok(Self::Text),
            (Type::INT96, ..) => Ok(Self::Time(NANOSECONDS)),
            (physical, ..) => Err(format!("values of type {physical}")),
        }
    }
}

/// Reads the next `count` values of a column of this `kind`, or the rest of the row group.
pub(super) fn read(reader: &mut ColumnReader, kind: Kind, count: usize) -> Result<Vec<Value>, ParquetError> {
    let integer = |value: i128| match kind {
        Kind::Decimal(scale) => Value::Number(value as f64 / 10f64.powi(scale)),
        Kind::Time(per_day) => Value::Time { ticks: value, per_day },
        _ => Value::Integer(value),
    };
    match reader {
        ColumnReader::BoolColumnReader(reader) => {
            next(reader, count, |value| Ok(Value::Integer(value.into())))
        }
        ColumnReader::Int32ColumnReader(reader) => next(reader, count, |value| {
            Ok(integer(if kind == Kind::Unsigned { value.cast_unsigned().into() } else { value.into() }))
        }),
        ColumnReader::Int64ColumnReader(reader) => next(reader, count, |value| {
            Ok(integer(if kind == Kind::Unsigned { value.cast_unsigned().into() } else { value.into() }))
        }),
        ColumnReader::FloatColumnReader(reader) => {
            next(reader, count, |value| Ok(Value::Number(value.into())))
        }
        ColumnReader::DoubleColumnReader(reader) => next(reader, count, |value| Ok(Value::Number(value))),
        ColumnReader::ByteArrayColumnReader(reader) => next(reader, count, |value| match kind {
            Kind::Text => String::from_utf8(value.data().to_vec())
                .map(Value::Text)
                .map_err(|_| ParquetError::General("a text is not UTF-8".to_owned())),
            _ => big_endian(value.data()).map(integer),
        }),
        ColumnReader::FixedLenByteArrayColumnReader(reader) => {
            next(reader, count, |value| match (kind, value.data()) {
                (Kind::Number, &[low, high]) => Ok(Value::Number(f16::from_le_bytes([low, high]).into())),
                (_, bytes) => big_endian(bytes).map(integer),
            })
        }
        ColumnReader::Int96ColumnReader(reader) => next(reader, count, |value| Ok(nanoseconds(value.data()))),
    }
}

/// The nanoseconds of an old timestamp: those of the day in the first two numbers, the low one first, and the
/// day.
fn nanoseconds(parts: &[u32]) -> Value {
    /// The day 1970-01-01, of those since 4713 BC that are counted.
    const EPOCH: i128 = 2_440_588;
    let part = |i: usize| i128::from(parts.get(i).copied().unwrap_or_default());
    let ticks = (part(2) - EPOCH) * NANOSECONDS + (part(1) << 32) + part(0);
    Value::Time { ticks, per_day: NANOSECONDS }
}

/// A signed integer of at most 16 bytes.
fn big_endian(bytes: &[u8]) -> Result<i128, ParquetError> {
    let first = *bytes.first().filter(|_| bytes.len() <= 16).ok_or_else(|| {
        ParquetError::General(format!("a decimal number has {} bytes, expected 1 to 16", bytes.len()))
    })?;
    let sign = if first >= 0x80 { -1 } else { 0 };
    Ok(bytes.iter().fold(sign, |value, &byte| (value << 8) | i128::from(byte)))
}

/// The next `count` values of a typed column, or all that are left.
fn next<D: DataType>(
    reader: &mut ColumnReaderImpl<D>,
    count: usize,
    value_of: impl Fn(D::T) -> Result<Value, ParquetError>,
) -> Result<Vec<Value>, ParquetError> {
    let (mut levels, mut stored) = (Vec::new(), Vec::new());
    let mut records = 0;
    while records < count {
        let (more, ..) = reader.read_records(count - records, Some(&mut levels), None, &mut stored)?;
        if more == 0 {
            break;
        }
        records += more;
    }
    // A column that is never null has no levels.
    if levels.is_empty() {
        return stored.into_iter().map(value_of).collect();
    }
    let mut stored = stored.into_iter();
    let mut values = Vec::with_capacity(levels.len());
    for level in levels {
        let value = if level == 0 { None } else { stored.next() };
        values.push(value.map_or(Ok(Value::Null), &value_of)?);
    }
    Ok(values)
}
