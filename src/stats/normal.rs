//! The standard normal distribution.

/// Below this distance from 1/2 the quantile is a quotient of polynomials in the level itself.
const CENTRE: f64 = 0.425;

/// The number below which a standard normal number is with this probability, from 0 to 1: infinite at its ends.
///
/// Algorithm AS 241 (Wichura 1988, Applied Statistics 37), whose relative error is about 1e-16.
pub(crate) fn normal_quantile(level: f64) -> f64 {
    let distance = level - 0.5;
    if distance.abs() <= CENTRE {
        let r = CENTRE * CENTRE - distance * distance;
        return distance * quotient(&CENTRAL, r);
    }
    let tail = if distance < 0. { level } else { 1. - level };
    let r = (-tail.ln()).sqrt();
    let beyond = match () {
        () if tail <= 0. => f64::INFINITY,
        () if r <= 5. => quotient(&MIDDLE, r - 1.6),
        () => quotient(&FAR, r - 5.),
    };
    beyond.copysign(distance)
}

/// The quotient of two polynomials, each from the constant on.
fn quotient([above, below]: &[[f64; 8]; 2], x: f64) -> f64 {
    let of =
        |coefficients: &[f64]| coefficients.iter().rev().fold(0., |sum, coefficient| sum * x + coefficient);
    of(above) / of(below)
}

const CENTRAL: [[f64; 8]; 2] = [
    [
        3.387_132_872_796_366_5,
        133.141_667_891_784_38,
        1_971.590_950_306_551_3,
        13_731.693_765_509_46,
        45_921.953_931_549_87,
        67_265.770_927_008_7,
        33_430.575_583_588_13,
        2_509.080_928_730_122_7,
    ],
    [
        1.,
        42.313_330_701_600_91,
        687.187_007_492_057_9,
        5_394.196_021_424_751,
        21_213.794_301_586_597,
        39_307.895_800_092_71,
        28_729.085_735_721_943,
        5_226.495_278_852_545,
    ],
];
const MIDDLE: [[f64; 8]; 2] = [
    [
        1.423_437_110_749_683_5,
        4.630_337_846_156_546,
        5.769_497_221_460_691,
        3.647_848_324_763_204_5,
        1.270_458_252_452_368_4,
        0.241_780_725_177_450_6,
        0.022_723_844_989_269_184,
        7.745_450_142_783_414e-4,
    ],
    [
        1.,
        2.053_191_626_637_759,
        1.676_384_830_183_803_8,
        0.689_767_334_985_1,
        0.148_103_976_427_480_08,
        0.015_198_666_563_616_457,
        5.475_938_084_995_345e-4,
        1.050_750_071_644_416_9e-9,
    ],
];
const FAR: [[f64; 8]; 2] = [
    [
        6.657_904_643_501_103,
        5.463_784_911_164_114,
        1.784_826_539_917_291_3,
        0.296_560_571_828_504_87,
        0.026_532_189_526_576_124,
        0.001_242_660_947_388_078_4,
        2.711_555_568_743_487_6e-5,
        2.010_334_399_292_288_1e-7,
    ],
    [
        1.,
        0.599_832_206_555_888,
        0.136_929_880_922_735_8,
        0.014_875_361_290_850_615,
        7.868_691_311_456_133e-4,
        1.846_318_317_510_054_7e-5,
        1.421_511_758_316_446e-7,
        2.044_263_103_389_939_8e-15,
    ],
];

#[cfg(test)]
mod tests {
    use super::*;

    /// `scipy.stats.norm.ppf` of scipy 1.17.1.
    #[test]
    fn quantiles_are_scipys() {
        let expected = [
            (1e-300, -37.047_096_299_361_2),
            (1e-20, -9.262_340_089_798_409),
            (1e-7, -5.199_337_582_192_816_5),
            (0.001, -3.090_232_306_167_813),
            (0.07, -1.475_791_028_179_170_6),
            (0.076, -1.432_502_720_825_811_6),
            (0.2, -0.841_621_233_572_914_2),
            (0.49, -0.025_068_908_258_711_06),
            (0.6, 0.253_347_103_135_799_7),
            (0.924, 1.432_502_720_825_812),
            (0.93, 1.475_791_028_179_171),
            (0.999, 3.090_232_306_167_813),
            (0.999_999_9, 5.199_337_582_290_661),
        ];
        let mut largest = 0f64;
        for (level, expected) in expected {
            let difference = (normal_quantile(level) / expected - 1.).abs();
            largest = if difference <= largest { largest } else { difference };
        }
        println!("largest relative difference {largest:e}");
        assert!(largest <= 5e-16);
        assert_eq!([0., 0.5, 1.].map(normal_quantile), [f64::NEG_INFINITY, 0., f64::INFINITY]);
        assert!(normal_quantile(f64::NAN).is_nan());
    }
}
