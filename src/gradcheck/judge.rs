//! The verdict on one Jacobian.

use super::analytical::Arrived;
use super::check::Check;
use super::compare::{Place, Survey, Tolerance};
use super::diagnosis::{self, Suspect};
use super::domain::Dependence;
use super::numerical::Ladder;
use super::point::Role;
use super::probe::Probe;
use super::report::{Gradient, Matrix, Pair};
use super::{Failure, Mode};

/// Both sides of the Jacobian of an output by an input.
pub(super) struct Sides<'a> {
    pub(super) output: usize,
    pub(super) input: usize,
    pub(super) mode: Mode,
    /// Those of the output by every input.
    pub(super) numerical: &'a [&'a Matrix],
    /// That of the output by the input.
    pub(super) analytical: Matrix,
    pub(super) tolerance: Tolerance,
    /// Along what the output and the input are probed.
    pub(super) rows: &'a Probe,
    pub(super) columns: &'a Probe,
}

impl Check<'_> {
    /// Holds the two sides against each other, and records what is wrong. `None` if nothing is due.
    pub(super) fn judge(&mut self, sides: Sides, arrived: &Arrived) -> Option<Pair> {
        let Sides { output, input, mode, tolerance, .. } = sides;
        match self.inputs[input].role {
            Role::Constant => return None,
            Role::Stopped => {
                if arrived.values().is_some_and(|gradient| gradient.iter().any(|&g| g != 0.0)) {
                    self.failures.push(Failure::UnexpectedGradient { output, input });
                }
                return None;
            }
            Role::Differentiated => {}
        }
        let shapes = [self.graph.outputs[output].dims().to_vec(), self.inputs[input].tensor.dims().to_vec()];
        let shapes = (mode == Mode::Slow).then_some((shapes[0].as_slice(), shapes[1].as_slice()));
        let place = Place { output, input, shapes };

        let mut numerical = sides.numerical[input].clone();
        if mode == Mode::Slow && arrived.values().is_some() {
            self.look_again(place, &mut numerical, &sides.analytical, tolerance);
        }
        let survey = Survey::of(&numerical, &sides.analytical, tolerance);
        let largest = numerical.largest();
        let undefined = || {
            let odd = |(n, a): (&f64, &f64)| !n.is_finite() && n != a;
            let at = numerical.data.iter().zip(&sides.analytical.data).position(odd)?;
            let (row, column) = (at / numerical.columns, at % numerical.columns);
            let origin = shapes.map(|_| (input, column));
            Some(self.undefined_at((output, shapes.map(|_| row)), origin))
        };
        let (gradient, failure) = match (arrived, undefined()) {
            (Arrived::Values(_), Some(failure)) => (Gradient::Present, Some(failure)),
            (_, Some(failure)) => (Gradient::Absent, Some(failure)),
            (Arrived::Values(_), None) => {
                let suspect = Suspect { numerical: &numerical, sides: &sides };
                (Gradient::Present, self.difference(survey, place, &suspect))
            }
            (_, None) => match (self.depends(&sides, &numerical), arrived) {
                (Dependence::None, _) => (Gradient::Independent, None),
                (Dependence::Noise, _) => {
                    self.notes.push(format!(
                        "{} changes with {} by no more than rounding noise (numerical derivative {largest:.3e}), which \
                         is taken for none",
                        self.names.output(output),
                        self.names.input(input)
                    ));
                    (Gradient::Independent, None)
                }
                (Dependence::Real, Arrived::Missing) => {
                    (Gradient::Absent, Some(Failure::MissingGradient { output, input, numerical: largest }))
                }
                (Dependence::Real, _) => {
                    (Gradient::Absent, Some(Failure::Severed { output, input, numerical: largest }))
                }
            },
        };
        self.failures.extend(failure);
        let worst = survey.worst.map(|at| place.entry(&numerical, &sides.analytical, at, tolerance));
        Some(Pair { output, input, gradient, numerical, analytical: sides.analytical, worst })
    }

    /// What is wrong with the entries, if anything is.
    fn difference(&self, survey: Survey, place: Place, suspect: &Suspect) -> Option<Failure> {
        let Suspect { numerical, sides } = suspect;
        let entry = |at| place.entry(numerical, &sides.analytical, at, sides.tolerance);
        if let Some(at) = survey.broken {
            return Some(Failure::NonFinite { entry: Box::new(entry(at)) });
        }
        let at = survey.worst.filter(|_| survey.wrong > 0)?;
        let entry = entry(at);
        let wrong = (survey.wrong, numerical.data.len());
        // A projection of fast mode shows neither place nor pattern.
        let hint = place.shapes.and_then(|_| {
            diagnosis::bend(&self.sampler, &entry, at).or_else(|| diagnosis::pattern(suspect, &self.names))
        });
        Some(Failure::Mismatch { entry: Box::new(entry), wrong, hint })
    }

    /// Replaces numerical entries that disagree by ones at another step where two steps bear `analytical` out.
    ///
    /// The first column where none does settles it: the derivative is wrong, and looking on costs time.
    fn look_again(&self, place: Place, numerical: &mut Matrix, analytical: &Matrix, tolerance: Tolerance) {
        let Tolerance { atol, rtol } = tolerance;
        for column in 0..numerical.columns {
            let disagree: Vec<usize> = (0..numerical.rows)
                .filter(|&row| !place.entry(numerical, analytical, (row, column), tolerance).agrees())
                .collect();
            if disagree.is_empty() {
                continue;
            }
            let direction = Probe::Each(numerical.columns).vector(column);
            let ladder = Ladder::climb(&self.sampler, place.input, &direction);
            let mut helped = false;
            for row in disagree {
                let at = row * numerical.columns + column;
                if let Some(value) = ladder.confirm(place.output, row, analytical.data[at], atol, rtol) {
                    numerical.data[at] = value;
                    helped = true;
                }
            }
            if !helped {
                return;
            }
        }
    }
}
