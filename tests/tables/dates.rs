//! Columns of dates: what they become, and what is refused.

use taper::config::FloatType;
use taper::data::{DateOrder, DatePart, RowOptions, RowReader, Table, read_relative};

use crate::{config, file, message, read_csv, x};

const DATES: &[u8] = b"sold,a,y\n2023-12-31T23:15:00,1,1\n2024-02-29T06:00:00+02:00,2,2\nNA,3,3\n\
                       2024-12-31 12:30,4,4\n1969-07-20T20:17:40Z,5,5\n";

/// What pandas 3 says of these dates in UTC: `(t - Timestamp(0)) / Timedelta(days=1)`, `t.year`, the sine and
/// cosine of `2 pi (t.day_of_year - 1) / 365` or 366, `t.day_name()`, and those of `2 pi` the part of the
/// day.
#[test]
fn dates_become_what_pandas_says_of_them() {
    let expected = [
        (
            19_722.968_75,
            2023.,
            [-0.017_213_356_155_835_28, 0.999_851_839_209_116_2],
            "Sunday",
            [-0.195_090_322_016_128_27, 0.980_785_280_403_230_4],
        ),
        (
            19_782.166_666_666_668,
            2024.,
            [0.848_351_197_812_303_8, 0.529_433_891_218_185_3],
            "Thursday",
            [0.866_025_403_784_438_6, 0.5],
        ),
        (
            20_088.520_833_333_332,
            2024.,
            [-0.017_166_329_754_707_492, 0.999_852_647_705_026_6],
            "Tuesday",
            [-0.130_526_192_220_051_77, -0.991_444_861_373_810_4],
        ),
        (
            -164.154_398_148_148_15,
            1969.,
            [-0.296_712_819_273_490_1, -0.954_966_754_855_255_3],
            "Sunday",
            [-0.824_949_121_132_150_6, 0.565_206_995_306_403_1],
        ),
    ];
    let path = file("dates.csv", DATES);
    let config = config(path, "target=y dates=expand missing=mean");
    let table = taper::data::read(&config, FloatType::F64).unwrap();
    let names: Vec<_> = table.features[0].dates.iter().map(|part| part.name()).collect();
    let expected_names = [
        "days",
        "year",
        "season sine",
        "season cosine",
        "Tuesday",
        "Thursday",
        "Sunday",
        "hour sine",
        "hour cosine",
    ];
    assert_eq!(names, expected_names);
    let rows = table.data.x().to_vec2::<f64>().unwrap();
    assert!(rows[2][..9].iter().all(|value| value.is_nan()) && rows[2][9] == 3., "{:?}", rows[2]);
    let mut largest = 0f64;
    for (row, (days, year, season, weekday, hour)) in [0, 1, 3, 4].into_iter().zip(expected) {
        let weekdays = ["Tuesday", "Thursday", "Sunday"].map(|name| f64::from(u8::from(name == weekday)));
        let expected = [&[days, year], &season[..], &weekdays, &hour].concat();
        for (found, expected) in rows[row].iter().zip(expected) {
            let difference = (found - expected).abs();
            largest = if difference <= largest { largest } else { difference };
        }
    }
    println!("largest difference {largest:e}");
    assert!(largest <= 1e-12);
    // In single precision the days keep their digits as the distance from the first.
    let relative = read_relative(&config, FloatType::F32).unwrap();
    let days = relative.data.x().to_vec2::<f32>().unwrap()[1][0];
    let origin = relative.data.origins().unwrap()[0];
    assert_eq!((origin, days), (19_722.968_75, (19_782.166_666_666_668 - 19_722.968_75) as f32));
}

#[test]
fn dates_are_what_the_choice_says() {
    let of = |name: &str, text: &str, flags: &str| {
        read_csv(&format!("dates_{name}"), text.as_bytes(), flags).unwrap()
    };
    let days = "d,a,y\n2024-01-31,1,1\n2024-02-01,2,2\n";
    assert_eq!(of("text", days, "target=y").features[0].categories, ["2024-01-31", "2024-02-01"]);
    let table = of("drop", days, "target=y dates=drop");
    assert_eq!((x(&table), table.left_out), (vec![vec![1.], vec![2.]], vec!["d".to_owned()]));
    let expand = "target=y dates=expand";
    let parts = of("expand", days, expand).features[0].dates.clone();
    assert_eq!(parts[0], DatePart::Days);
    assert!(!parts.contains(&DatePart::Year) && !parts.contains(&DatePart::HourSine), "{parts:?}");
    // What is said to be text is text, and what is a number stays one.
    assert_eq!(of("said", days, "target=y dates=expand text=d").features[0].categories.len(), 2);
    assert!(of("number", "d,y\n2024.01,1\n2024.02,2\n", expand).features[0].is_number());
    assert!(of("mixed", "d,y\n2024-01-31,1\nUlm,2\n", expand).features[0].dates.is_empty());
    assert!(of("no_day", "d,y\n2023-02-29,1\n2024-02-29,2\n", expand).features[0].dates.is_empty());
    // Constant dates are their days, of which the summary warns.
    let table = of("constant", "d,y\n2024-01-31,1\n2024-01-31,2\n", expand);
    assert_eq!(table.features[0].dates, [DatePart::Days]);
    let warnings = table.summary().unwrap().warnings;
    assert!(warnings[0].starts_with("column 'd' is 2024-01-31 in every row"), "{warnings:?}");
}

#[test]
fn dates_that_are_none_get_a_message() {
    let mut text = "d,y\n".to_owned();
    text.extend((0..1000).map(|i| format!("2024-01-{:02},{i}\n", i % 28 + 1)));
    text.push_str("soon,1\n");
    let error = message("dates_late.csv", text.as_bytes(), "target=y dates=expand", FloatType::F32);
    let expected = "FILE:1002:d: 'soon' is not a date such as 2024-01-31 or 2024-01-31 17:30:00, as the first 1000 values of \
                    the column are; `data.text=d` reads all as text, `data.drop=d` leaves the column out";
    assert_eq!(error, expected);
    let missing = b"d,y\n2024-01-31,1\n-,2\n";
    let error = message("dates_missing.csv", missing, "target=y dates=expand", FloatType::F32);
    assert!(error.starts_with("FILE:3:d: '-' is a missing value"), "{error}");
    let error = message("dates_alone.csv", missing, "target=y dates=drop", FloatType::F32);
    assert_eq!(error, "data.dates is drop, which leaves no features: FILE has dates alone");
    let error = message(
        "dates_empty.csv",
        b"d,a,y\n,1,1\n,2,2\n",
        "target=y dates=expand missing=mean",
        FloatType::F32,
    );
    assert_eq!(error, "FILE:d: is missing in every row; `data.drop=d` leaves the column out");
}

/// The features of a column of dates and of the same ones from the year down.
fn features_of(table: &Table) -> (DateOrder, Vec<DatePart>, Vec<Vec<f32>>) {
    let column = &table.features[0];
    (column.date_order, column.dates.clone(), x(table))
}

/// Dates in three orders are the same features, told by the first rows, by a later one, or by nothing but the
/// user.
#[test]
fn the_whole_column_tells_whether_the_day_or_the_month_is_first() {
    let of = |name: &str, dates: &[String], flags: &str| {
        let rows: Vec<_> = dates.iter().enumerate().map(|(i, date)| format!("{date},{i}\n")).collect();
        let text = format!("d,y\n{}", rows.concat());
        read_csv(&format!("order_{name}"), text.as_bytes(), &format!("target=y dates=expand {flags}"))
            .unwrap()
    };
    let days: Vec<_> = (0..1100u32).map(|i| [2001 + i / 144, 1 + i / 12 % 12, 1 + i % 12]).collect();
    let written = |write: &dyn Fn(&[u32; 3]) -> String, last: &str| -> Vec<_> {
        days.iter().map(write).chain([last.to_owned()]).collect()
    };
    let expected = of("year", &written(&|[y, m, d]| format!("{y}-{m:02}-{d:02}"), "2024-01-31"), "");
    let (order, parts, expected) = features_of(&expected);
    assert_eq!(order, DateOrder::YearFirst);
    let day_first = written(&|[y, m, d]| format!("{d:02}.{m:02}.{y}"), "31.01.2024");
    let month_first = written(&|[y, m, d]| format!("{m}/{d}/{y} 0:00"), "1/31/2024 0:00:00");
    // What tells it is the last of 1101 rows, or the first one.
    for is_turned in [false, true] {
        let turned = |mut rows: Vec<String>| {
            if is_turned {
                rows.reverse();
            }
            rows
        };
        let mut expected = expected.clone();
        if is_turned {
            expected.reverse();
        }
        for (rows, order) in [(&day_first, DateOrder::DayFirst), (&month_first, DateOrder::MonthFirst)] {
            let table = of("found", &turned(rows.clone()), "format=auto");
            let found = features_of(&table);
            assert_eq!((found.0, &found.1, found.2 == expected), (order, &parts, true), "{is_turned}");
        }
    }
    // Without the last row nothing tells it but the user, and before there was this choice all were text.
    let doubtful = &day_first[..60];
    for (flags, expected) in [
        ("", None),
        ("format=auto", None),
        ("format=day", Some(DateOrder::DayFirst)),
        ("format=month", Some(DateOrder::MonthFirst)),
    ] {
        let table = of("doubtful", doubtful, flags);
        let found = Some(table.features[0].date_order).filter(|_| !table.features[0].dates.is_empty());
        assert_eq!(found, expected, "{flags}");
        let warnings = table.summary().unwrap().warnings;
        let said = "column 'd' is text, each of its 60 values a feature of zeros and ones, but they look like dates or times, \
                    such as '01.01.2001': none says whether its day or its month is first; `data.date_format=day-first` or \
                    `data.date_format=month-first` makes the day, the season, the weekday and the hour of them; \
                    `data.drop=d` leaves it out";
        assert!(expected.is_some() || warnings == [said], "{warnings:?}");
    }
    assert!(of("text", &day_first[1050..], "").features[0].dates.is_empty());
    // A column that has both, or something else, is text.
    let both = ["31.01.2024", "01.31.2024", "02.01.2024"].map(str::to_owned);
    assert_eq!(of("both", &both, "format=auto").features[0].categories.len(), 3);
    let mut late: Vec<_> = (0..1000).map(|i| doubtful[i % 60].clone()).collect();
    late.push("soon".to_owned());
    assert_eq!(of("late", &late, "format=auto").features[0].categories.len(), 61);
}

/// What stands for a missing number stands for a missing date too, before it is known which is first.
#[test]
fn missing_dates_are_missing_in_every_order() {
    let rows = |write: &dyn Fn(u32) -> String, last: &str| {
        let date = |i| if i % 7 == 3 { "-".to_owned() } else { write(i) };
        let rows: Vec<_> = (0..1100).map(|i| format!("{},{i}\n", date(i))).collect();
        format!("d,y\n{}{last},1\n", rows.concat())
    };
    let year_first = |i: u32| format!("2024-{:02}-{:02}", 1 + i % 12, 1 + i / 12 % 12);
    let day_first = |i: u32| format!("{:02}.{:02}.2024", 1 + i / 12 % 12, 1 + i % 12);
    let of = |name: &str, text: &str, flags: &str| {
        let flags = format!("target=y dates=expand format=auto {flags}");
        read_csv(&format!("gaps_{name}"), text.as_bytes(), &flags).unwrap()
    };
    for flags in ["missing=mean missing_indicator=true", "missing=mean", "missing=drop"] {
        let [expected, found] = [
            of("year", &rows(&year_first, "2024-01-31"), flags),
            of("day", &rows(&day_first, "31.01.2024"), flags),
        ];
        assert_eq!(expected.dropped, found.dropped);
        assert_eq!(expected.features[0].marks_missing, found.features[0].marks_missing);
        let [expected, found] = [&expected, &found].map(features_of);
        assert_eq!((found.0, &found.1), (DateOrder::DayFirst, &expected.1));
        let bits = |x: &[Vec<f32>]| x.concat().iter().map(|value| value.to_bits()).collect::<Vec<_>>();
        assert!(bits(&found.2) == bits(&expected.2), "{flags}");
    }
    // Of a column that remains one of text it is one of the texts, as it will be where the model predicts.
    let table = of("text", &rows(&day_first, "01.01.2024"), "missing=mean");
    assert_eq!((table.features[0].categories.len(), table.features[0].categories[0].as_str()), (145, "-"));
    let warnings = table.summary().unwrap().warnings;
    assert!(warnings[0].contains("none says whether its day or its month is first"), "{warnings:?}");
    let text = rows(&day_first, "01.01.2024");
    let flags = "target=y dates=expand format=auto";
    let error = message("gaps_refused.csv", text.as_bytes(), flags, FloatType::F32);
    assert!(error.starts_with("FILE:5:d: '-' is a missing value"), "{error}");
    // What is no date at all is named.
    let wrong = of("wrong", "d,y\n30.01.2024,1\n31.01.2024,2\n31.02.2024,3\n", "");
    let warnings = wrong.summary().unwrap().warnings;
    let said = "such as '30.01.2024': if '31.02.2024' were one such as 31.01.2024 or 31/01/2024 17:30:00, as most are, they";
    assert!(warnings[0].contains(said), "{warnings:?}");
}

/// The file of a model tells the order, so a file to predict need not.
#[test]
fn dates_to_predict_are_read_in_the_order_of_the_training() {
    let path = file("order_train.csv", b"d,y\n31.01.2024,1\n,2\n02.03.2024 12:00,3\n");
    let flags = "target=y dates=expand format=auto missing=mean missing_indicator=true";
    let table = taper::data::read(&config(path, flags), FloatType::F64).unwrap();
    let path = file("order_predict.csv", b"d\n02.03.2024 12:00\n\"\"\n01.02.2024\n");
    let options = || RowOptions { allow_missing: true, ..RowOptions::default() };
    let read =
        |path| RowReader::open(path, &table.features, FloatType::F32, options()).unwrap().next_block(9);
    let found = read(&path).unwrap().unwrap().x.to_vec2::<f64>().unwrap();
    let trained = table.data.x().to_vec2::<f64>().unwrap();
    assert_eq!(found[0], trained[2]);
    assert!(trained[1].iter().chain(&found[1]).all(|value| value.is_nan()));
    // 2024-02-01 is day 19,754.
    assert_eq!((found[2][0], table.features[0].dates[0]), (19_754., DatePart::Days));
    let other = file("order_other.csv", b"d\n01/31/2024\n");
    let error = read(&other).unwrap_err().to_string();
    let expected = ":2:d: '01/31/2024' is not a date such as 31.01.2024 or 31/01/2024 17:30:00, as the values were that the \
                    model has learnt";
    assert!(error.ends_with(expected), "{error}");
}

#[test]
fn a_date_in_another_order_is_refused_where_the_order_is_known() {
    let mut text = "d,y\n31.01.2024,0\n".to_owned();
    text.extend((0..1000).map(|i| format!("01.02.2024,{i}\n")));
    text.push_str("01.31.2024,1\n");
    let error =
        message("order_late.csv", text.as_bytes(), "target=y dates=expand format=auto", FloatType::F32);
    let expected = "FILE:1003:d: '01.31.2024' is not a date such as 31.01.2024 or 31/01/2024 17:30:00, as the first 1000 values \
                    of the column are; `data.text=d` reads all as text, `data.drop=d` leaves the column out";
    assert_eq!(error, expected);
    // Doubtful dates are dates that are left out.
    let doubtful = b"d,a,y\n01.02.2024,1,1\n02.02.2024,2,2\n";
    let table = read_csv("order_drop", doubtful, "target=y dates=drop format=auto").unwrap();
    assert_eq!((x(&table), table.left_out), (vec![vec![1.], vec![2.]], vec!["d".to_owned()]));
}
