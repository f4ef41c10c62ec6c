//! What the outcomes of a study say.

use serde::Serialize;

use super::description::Match;
use super::merge::Merged;
use super::outcome::{Scores, TaskResult};
use super::plan::{MOST_UNEVEN, Plan, Task};
use crate::compare::{Comparison, Measurements, Rules, Score, compare};
use crate::error::{Error, Result};
use crate::stats::mean;
use crate::text::number;

/// What the outcomes of a study say: the comparison of its arms by the rules that its file had before it ran,
/// and what the arms cost.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Findings {
    /// The comparison.
    #[serde(flatten)]
    pub comparison: Comparison,
    /// What each of its arms costs, in their order.
    pub costs: Vec<Cost>,
    /// How each arm learns, in their order.
    #[serde(skip)]
    pub courses: Vec<Vec<Course>>,
}

/// What an arm costs beside the reference.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Cost {
    /// The arm.
    pub arm: String,
    /// The epochs of its networks on each data set.
    pub epochs: Vec<usize>,
    /// The floating-point operations of training a network over those of the reference, the geometric mean
    /// over the data sets.
    pub operations: f64,
    /// The time of training and testing a network over that of the reference, the geometric mean over the
    /// data sets, on the machines on which the tasks happened to run.
    pub seconds: f64,
}

/// How an arm learns on a data set.
#[derive(Debug, Clone, PartialEq)]
pub struct Course {
    /// The data set.
    pub set: String,
    /// The mean training loss over the folds after each epoch.
    pub train_loss: Vec<f64>,
}

impl Findings {
    /// Those of a study whose outcomes are `merged`. Arms of which a task failed are left out with a warning.
    /// Where tasks are missing, with `partial` the repetitions that are whole are compared.
    ///
    /// # Errors
    ///
    /// Fails with [`Error::Settings`] when tasks are missing that `partial` does not allow for, or the
    /// reference has failed, and as [`compare`](compare()).
    pub fn new(plan: &Plan, merged: &Merged, partial: bool) -> Result<Self> {
        let missing = merged.missing();
        if missing > 0 && !partial {
            let problem = format!(
                "{missing} of {} tasks have no outcome yet; `partial` compares the repetitions that are whole",
                merged.outcomes.len()
            );
            return Err(Error::settings(problem));
        }
        let (kept, mut warnings) = kept_arms(plan, merged)?;
        let whole = whole_repetitions(plan, merged);
        let in_it = |task: &Task| kept.contains(&task.arm) && whole[task.set].contains(&task.repeat);
        let tasks: Vec<_> = plan.tasks().zip(&merged.outcomes).filter(|(task, _)| in_it(task)).collect();
        if tasks.is_empty() {
            let problem = format!(
                "{missing} of {} tasks are missing, and no repetition is whole yet",
                merged.outcomes.len()
            );
            return Err(Error::settings(problem));
        }
        if missing > 0 {
            warnings.push(format!("{missing} tasks are missing, and {} are compared", tasks.len()));
        }
        for (set, _) in plan.sets.iter().zip(&whole).filter(|(_, repeats)| repeats.is_empty()) {
            warnings
                .push(format!("the data set '{}' is left out, of which no repetition is whole", set.name));
        }
        let done = tasks.into_iter().filter_map(|(task, outcome)| {
            let outcome = outcome.as_ref()?;
            let TaskResult::Done(scores) = &outcome.result else { return None };
            Some(Done { task, scores, seconds: outcome.seconds })
        });
        let done: Vec<Done> = done.collect();
        let scores: Vec<_> = done.iter().map(|done| done.score(plan)).collect();
        let measured = Measurements::from_scores(plan.study.metric.name(), &scores)?;
        let name = &plan.study.reference;
        let reference = measured.arms.iter().position(|arm| arm.name == *name);
        let Some(reference) = reference else { return Err(Error::NoRows) };
        let rules = Rules { reference, rope: plan.study.rope, seed: plan.study.seed, ..Rules::default() };
        let mut comparison = compare(&measured, &rules)?;
        let costs = costs(plan, &measured, &done);
        let (equally, uneven) = equally(plan.study.matched, &costs);
        warnings.extend(uneven);
        comparison.answer = within_sentence(equally, &comparison.answer);
        comparison.warnings.splice(..0, warnings);
        let courses = measured.arms.iter().map(|arm| courses(plan, &arm.name, &done)).collect();
        Ok(Self { comparison, costs, courses })
    }
}

/// A task that was done.
struct Done<'a> {
    task: Task,
    scores: &'a Scores,
    seconds: f64,
}

impl Done<'_> {
    fn score(&self, plan: &Plan) -> Score {
        Score {
            arm: plan.arms[self.task.arm].clone(),
            data: plan.sets[self.task.set].name.clone(),
            repeat: self.task.repeat,
            fold: self.task.fold,
            error: self.scores.error,
            rows: Some([self.scores.train_rows, self.scores.test_rows]),
        }
    }
}

/// The answer with `beginning` before it. Names of arms stay as they are.
fn within_sentence(beginning: &str, answer: &str) -> String {
    let lower = [("None of ", "none of "), ("Whether ", "whether ")];
    let found = lower.into_iter().filter(|_| !beginning.is_empty()).find_map(|(upper, lower)| {
        answer.strip_prefix(upper).map(|rest| format!("{beginning}{lower}{rest}"))
    });
    found.unwrap_or_else(|| format!("{beginning}{answer}"))
}

/// What is equal, at the beginning of the answer, or a warning that it is not.
fn equally(matched: Match, costs: &[Cost]) -> (&'static str, Option<String>) {
    let (words, what, most, ratio): (_, _, _, fn(&Cost) -> f64) = match matched {
        Match::Flops => ("At equal compute, ", "computed", MOST_UNEVEN, |cost| cost.operations),
        Match::Seconds => ("In equal time, ", "took", 2. * MOST_UNEVEN, |cost| cost.seconds),
        Match::Epochs => return ("", None),
    };
    let off = |cost: &&Cost| ratio(cost).ln().abs();
    match costs.iter().max_by(|a, b| off(a).total_cmp(&off(b))) {
        // A ratio that is not a number is not equal either.
        Some(cost) if off(&cost) > most || off(&cost).is_nan() => {
            let warning = format!(
                "the arms are not matched: '{}' {what} {} times what the reference did",
                cost.arm,
                number(ratio(cost))
            );
            ("", Some(warning))
        }
        _ => (words, None),
    }
}

/// The arms of which no task failed, and warnings of the others.
fn kept_arms(plan: &Plan, merged: &Merged) -> Result<(Vec<usize>, Vec<String>)> {
    let mut failed: Vec<Vec<&str>> = vec![Vec::new(); plan.arms.len()];
    for (task, outcome) in plan.tasks().zip(&merged.outcomes) {
        if let Some(TaskResult::Failed(problem)) = outcome.as_ref().map(|outcome| &outcome.result) {
            failed[task.arm].push(problem);
        }
    }
    let (mut kept, mut warnings) = (Vec::new(), Vec::new());
    for (i, (arm, failed)) in plan.arms.iter().zip(failed).enumerate() {
        match failed[..] {
            [] => kept.push(i),
            [first, ..] if *arm == plan.study.reference => {
                let count = failed.len();
                return Err(Error::settings(format!(
                    "{count} tasks of the reference '{arm}' failed, so there is nothing to compare with: {first}"
                )));
            }
            [first, ..] => {
                let count = failed.len();
                warnings
                    .push(format!("the arm '{arm}' is left out, since {count} of its tasks failed: {first}"));
            }
        }
    }
    if kept.len() < 2 {
        return Err(Error::settings(format!(
            "there is no arm to compare with the reference: {}",
            warnings.join("; ")
        )));
    }
    Ok((kept, warnings))
}

/// Of each data set the repetitions of which no task is missing.
fn whole_repetitions(plan: &Plan, merged: &Merged) -> Vec<Vec<usize>> {
    let mut whole: Vec<Vec<usize>> = plan.sets.iter().map(|set| (0..set.repeats).collect()).collect();
    for (task, _) in plan.tasks().zip(&merged.outcomes).filter(|(_, outcome)| outcome.is_none()) {
        whole[task.set].retain(|repeat| *repeat != task.repeat);
    }
    whole
}

/// What the arms of `measured` cost.
fn costs(plan: &Plan, measured: &Measurements, done: &[Done]) -> Vec<Cost> {
    let sets: Vec<_> = (0..plan.sets.len())
        .filter(|set| measured.sets.iter().any(|of| of.name == plan.sets[*set].name))
        .collect();
    let place = |name: &str| plan.arms.iter().position(|arm| arm == name).unwrap_or_default();
    let seconds = |set: usize, arm: usize| {
        let of = done.iter().filter(|done| (done.task.set, done.task.arm) == (set, arm));
        mean(&of.map(|done| done.seconds).collect::<Vec<_>>())
    };
    // Of a network that stopped early those of its epochs.
    let operations = |set: usize, arm: usize| {
        let epochs = plan.sets[set].configs[arm].train.epochs as f64;
        let of = done.iter().filter(|done| (done.task.set, done.task.arm) == (set, arm));
        let trained = mean(&of.map(|done| done.scores.train_loss.len() as f64).collect::<Vec<_>>());
        plan.sets[set].operations[arm] * (trained / epochs).min(1.)
    };
    let reference = place(&plan.study.reference);
    let cost = |name: &String| {
        let arm = place(name);
        let ratio = |of: &dyn Fn(usize, usize) -> f64| {
            mean(&sets.iter().map(|set| (of(*set, arm) / of(*set, reference)).ln()).collect::<Vec<_>>()).exp()
        };
        Cost {
            arm: name.clone(),
            epochs: sets.iter().map(|set| plan.sets[*set].configs[arm].train.epochs).collect(),
            operations: ratio(&operations),
            seconds: ratio(&seconds),
        }
    };
    measured.arms.iter().map(|arm| cost(&arm.name)).collect()
}

/// How the arm `name` learns on each data set.
fn courses(plan: &Plan, name: &str, done: &[Done]) -> Vec<Course> {
    let of_arm =
        |set: usize| done.iter().filter(move |done| done.task.set == set && plan.arms[done.task.arm] == name);
    let course = |(i, set): (usize, &super::plan::DataSet)| {
        let curves: Vec<_> = of_arm(i).map(|done| &done.scores.train_loss).collect();
        let epochs = curves.iter().map(|curve| curve.len()).min().unwrap_or(0);
        let mean_of =
            |epoch: usize| mean(&curves.iter().map(|curve| f64::from(curve[epoch])).collect::<Vec<_>>());
        Course { set: set.name.clone(), train_loss: (0..epochs).map(mean_of).collect() }
    };
    let courses = plan.sets.iter().enumerate().map(course);
    courses.filter(|course| !course.train_loss.is_empty()).collect()
}
