//! What the outcomes of a study say.

use serde::Serialize;

use super::description::Match;
use super::merge::Merged;
use super::outcome::{Scores, TaskResult};
use super::plan::{Plan, Task};
use crate::compare::{Comparison, Measurements, Rules, Score, compare};
use crate::error::{Error, Result};
use crate::stats::mean;

/// What the outcomes of a study say: the comparison of its arms by the rules that its file had before it ran, and what
/// the arms cost.
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
    /// The floating-point operations of training a network over those of the reference, the geometric mean over the
    /// data sets.
    pub operations: f64,
    /// The time of training and testing a network over that of the reference, the geometric mean over the data sets, on
    /// the machines on which the tasks happened to run.
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
    /// Those of a study whose outcomes are `merged`. Arms of which a task failed are left out with a warning. Where
    /// tasks are missing, with `partial` the repetitions that are whole are compared.
    ///
    /// # Errors
    ///
    /// Fails with [`Error::Settings`] when tasks are missing that `partial` does not allow for, or the reference has
    /// failed, and as [`compare`](compare()).
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
        if missing > 0 {
            warnings.push(format!("{missing} tasks are missing, and {} are compared", tasks.len()));
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
        comparison.answer = within_sentence(equally(plan.study.matched), &comparison.answer);
        comparison.warnings.splice(..0, warnings);
        let costs = costs(plan, &measured, &done);
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
        let (set, tested) = (&plan.sets[self.task.set], self.scores.rows);
        Score {
            arm: plan.arms[self.task.arm].clone(),
            data: set.name.clone(),
            repeat: self.task.repeat,
            fold: self.task.fold,
            error: self.scores.error,
            rows: Some([set.rows.saturating_sub(tested), tested]),
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

/// What is made equal, at the beginning of the answer.
fn equally(matched: Match) -> &'static str {
    match matched {
        Match::Flops => "At equal compute, ",
        Match::Seconds => "In equal time, ",
        Match::Epochs => "",
    }
}

/// The arms of which no task failed, and warnings of the others.
fn kept_arms(plan: &Plan, merged: &Merged) -> Result<(Vec<usize>, Vec<String>)> {
    let mut failed = vec![0; plan.arms.len()];
    for (task, outcome) in plan.tasks().zip(&merged.outcomes) {
        let is_failed = outcome.as_ref().is_some_and(|of| matches!(of.result, TaskResult::Failed(_)));
        failed[task.arm] += usize::from(is_failed);
    }
    let (mut kept, mut warnings) = (Vec::new(), Vec::new());
    for (i, (arm, failed)) in plan.arms.iter().zip(failed).enumerate() {
        match failed {
            0 => kept.push(i),
            failed if *arm == plan.study.reference => {
                let problem = format!(
                    "{failed} tasks of the reference '{arm}' failed, so there is nothing to compare with"
                );
                return Err(Error::settings(problem));
            }
            failed => {
                warnings.push(format!("the arm '{arm}' is left out, since {failed} of its tasks failed"));
            }
        }
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
    let reference = place(&plan.study.reference);
    let cost = |name: &String| {
        let arm = place(name);
        let ratio = |of: &dyn Fn(usize, usize) -> f64| {
            mean(&sets.iter().map(|set| (of(*set, arm) / of(*set, reference)).ln()).collect::<Vec<_>>()).exp()
        };
        Cost {
            arm: name.clone(),
            epochs: sets.iter().map(|set| plan.sets[*set].configs[arm].train.epochs).collect(),
            operations: ratio(&|set, arm| plan.sets[set].operations[arm]),
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
