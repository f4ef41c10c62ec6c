//! Columns of dates: what they become, and what is refused.

use taper::config::FloatType;
use taper::data::{DatePart, read_relative};

use crate::{config, file, message, read_csv, x};

const DATES: &[u8] = b"sold,a,y\n2023-12-31T23:15:00,1,1\n2024-02-29T06:00:00+02:00,2,2\nNA,3,3\n\
                       2024-12-31 12:30,4,4\n1969-07-20T20:17:40Z,5,5\n";

/// What pandas 3 says of these dates in UTC: `(t - Timestamp(0)) / Timedelta(days=1)`, `t.year`, the sine and
/// cosine of `2 pi (t.day_of_year - 1) / 365` or 366, `t.day_name()`, and those of `2 pi` the part of the day.
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
