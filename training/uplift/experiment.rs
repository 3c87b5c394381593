//! An experiment from a table: arms, outcomes, features, and which columns cannot be features.

use homing_datasets::frame::{Frame, Values};
use ndarray::Array2;
use serde::Serialize;
use statrs::distribution::{ContinuousCDF, Normal};

use super::learn::Features;
use crate::Error;

/// Fewest customers an arm may have.
const LEAST_ARM: usize = 100;

/// Most distinct texts a feature may have, as a share of the rows; beyond it the column is an id.
const MOST_DISTINCT: f64 = 0.5;

/// The chance below which an imbalance between arms, or a value that decides the outcome, is no accident.
const NO_ACCIDENT: f64 = 1e-6;

/// Names under which controls are known, where there are two arms.
const CONTROLS: [&str; 12] = [
    "0",
    "false",
    "control",
    "controls",
    "ctrl",
    "none",
    "no",
    "holdout",
    "hold_out",
    "held_out",
    "placebo",
    "对照组",
];

/// What the columns of an experiment are.
#[derive(Clone, Debug, Default)]
pub struct Roles {
    /// The column that holds the arm.
    pub treatment: String,
    /// The arm that was not contacted.
    pub control: Option<String>,
    /// The columns of outcomes.
    pub outcomes: Vec<String>,
    /// The columns of features; empty for all that can be features.
    pub features: Vec<String>,
    /// Columns that are left out.
    pub ignore: Vec<String>,
}

/// A column that is not used as a feature, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LeftOut {
    /// The column.
    pub column: String,
    /// The reason.
    pub reason: String,
}

/// An experiment.
#[derive(Clone, Debug)]
pub struct Experiment {
    /// The arm without contact.
    pub control: String,
    /// The arms with contact.
    pub arms: Vec<String>,
    /// The arm of each row: 0 for the control, else the place in `arms` from 1.
    pub arm: Vec<usize>,
    /// Each outcome's name and values.
    pub outcomes: Vec<(String, Vec<f64>)>,
    /// Names of the features.
    pub names: Vec<String>,
    /// The features.
    pub features: Features,
    /// Columns that are not features.
    pub left_out: Vec<LeftOut>,
    /// Columns that hold ids, for the output.
    pub ids: Vec<String>,
}

fn argument<T>(text: String) -> Result<T, Error> {
    Err(Error::InvalidArgument(text))
}

fn refused<T>(lack: String) -> Result<T, Error> {
    Err(Error::Refused { lacks: vec![lack] })
}

impl Experiment {
    /// Finds arms, outcomes and features.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] for columns that are not there or a control that is not recognised; [`Error::Refused`] for
    /// missing values of arm or outcome, a constant outcome, or too few rows.
    pub fn of(frame: &Frame, roles: &Roles) -> Result<Experiment, Error> {
        let named =
            [&roles.treatment].into_iter().chain(&roles.outcomes).chain(&roles.features).chain(&roles.ignore);
        if let Some(unknown) = named.into_iter().find(|name| frame.column(name).is_none()) {
            let columns: Vec<&str> = frame.names().collect();
            return argument(format!(
                "there is no column `{unknown}`; the columns are {}",
                columns.join(", ")
            ));
        }
        if roles.outcomes.is_empty() || roles.outcomes.contains(&roles.treatment) {
            return argument(
                "give at least one --outcome, a column other than that of the treatment".to_owned(),
            );
        }
        let (control, arms, arm) = arms_of(frame, roles)?;
        let outcomes = roles
            .outcomes
            .iter()
            .map(|name| Ok((name.clone(), outcome_of(frame, name, &arm)?)))
            .collect::<Result<Vec<_>, Error>>()?;
        let mut experiment = Experiment {
            control,
            arms,
            arm,
            outcomes,
            names: Vec::new(),
            features: Features { matrix: Array2::zeros((frame.rows(), 0)), categorical: Vec::new() },
            left_out: Vec::new(),
            ids: Vec::new(),
        };
        experiment.choose_features(frame, roles)?;
        Ok(experiment)
    }

    fn choose_features(&mut self, frame: &Frame, roles: &Roles) -> Result<(), Error> {
        let mut columns: Vec<Vec<f32>> = Vec::new();
        for name in frame.names() {
            let role = *name == roles.treatment || roles.outcomes.iter().any(|outcome| outcome == name);
            let wanted = roles.features.is_empty() || roles.features.iter().any(|own| own == name);
            if role || !wanted || roles.ignore.iter().any(|own| own == name) {
                continue;
            }
            let Some(values) = frame.column(name) else { continue };
            let column = Column::of(values);
            let fault = match roles.features.is_empty() {
                true => column.is_id(name).or_else(|| self.follows_contact(&column)),
                false => None,
            };
            if let Some(fault) = fault {
                if fault == Fault::Id {
                    self.ids.push(name.to_owned());
                }
                self.left_out.push(LeftOut { column: name.to_owned(), reason: fault.to_string() });
                continue;
            }
            if column.categorical {
                self.features.categorical.push(columns.len());
            }
            self.names.push(name.to_owned());
            columns.push(column.values.iter().map(|x| *x as f32).collect());
        }
        if columns.is_empty() {
            return refused(
                "there are no features: the table needs columns that describe the customers before the \
                 contact, such as recency or past spend"
                    .to_owned(),
            );
        }
        self.features.matrix =
            Array2::from_shape_fn((frame.rows(), columns.len()), |(row, at)| columns[at][row]);
        Ok(())
    }

    /// Why a column may be a consequence of the contact: a randomised experiment leaves what came before it balanced between
    /// arms, and what came before does not decide the outcome without fail.
    fn follows_contact(&self, column: &Column) -> Option<Fault> {
        let marked = column.marks();
        for (name, outcome) in &self.outcomes {
            let share = outcome.iter().filter(|y| **y > 0.0).count() as f64 / outcome.len() as f64;
            for marks in &marked {
                for wanted in [true, false] {
                    let rows = marks.iter().zip(outcome).filter(|(mark, _)| **mark == wanted);
                    let (count, positive) =
                        rows.fold((0, 0), |(n, hits), (_, y)| (n + 1, hits + usize::from(*y > 0.0)));
                    let chance = if positive == count {
                        share
                    } else if positive == 0 {
                        1.0 - share
                    } else {
                        continue;
                    };
                    if count < marks.len()
                        && chance.powi(i32::try_from(count).unwrap_or(i32::MAX)) < NO_ACCIDENT
                    {
                        return Some(Fault::Decides(name.clone()));
                    }
                }
            }
        }
        for arm in 1..=self.arms.len() {
            if marked.iter().any(|marks| self.imbalance(marks, arm) < NO_ACCIDENT) {
                return Some(Fault::Differs(self.arms[arm - 1].clone()));
            }
        }
        None
    }

    /// The two-sided p-value of a difference in shares between an arm and the control.
    fn imbalance(&self, marks: &[bool], arm: usize) -> f64 {
        let side = |wanted: usize| {
            let rows = self.arm.iter().zip(marks).filter(|(arm, _)| **arm == wanted);
            rows.fold((0.0, 0.0), |(n, hits), (_, mark)| (n + 1.0, hits + f64::from(u8::from(*mark))))
        };
        let ((n, hits), (n0, hits0)) = (side(arm), side(0));
        let share = (hits + hits0) / (n + n0);
        let error = (share * (1.0 - share) * (1.0 / n + 1.0 / n0)).sqrt();
        if error == 0.0 {
            return 1.0;
        }
        let z = (hits / n - hits0 / n0).abs() / error;
        2.0 * Normal::standard().sf(z)
    }

    /// The rows of an arm and of the control, and whether each was treated.
    #[must_use]
    pub fn rows_of(&self, arm: usize) -> (Vec<usize>, Vec<bool>) {
        let rows: Vec<usize> = (0..self.arm.len()).filter(|row| [0, arm].contains(&self.arm[*row])).collect();
        let treated = rows.iter().map(|row| self.arm[*row] == arm).collect();
        (rows, treated)
    }
}

/// Why a column is not a feature.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
enum Fault {
    #[error("it looks like an id: nearly every row has another value")]
    Id,
    #[error(
        "a value of it decides `{0}` without fail, so it seems to be a consequence of it; if it was known before \
             the contact, name the features with --feature-columns"
    )]
    Decides(String),
    #[error(
        "it differs between `{0}` and the control beyond chance, so it seems to be a consequence of the contact; \
             if it was known before, name the features with --feature-columns"
    )]
    Differs(String),
}

/// A possible feature.
struct Column {
    values: Vec<f64>,
    categorical: bool,
    distinct: usize,
}

impl Column {
    fn of(values: &Values) -> Column {
        match values.numbers() {
            Some(numbers) => {
                let mut sorted: Vec<f64> = numbers.iter().copied().filter(|x| !x.is_nan()).collect();
                sorted.sort_by(f64::total_cmp);
                sorted.dedup();
                Column { values: numbers, categorical: false, distinct: sorted.len() }
            }
            None => {
                let (distinct, codes) = values.texts();
                let values = codes.iter().map(|code| code.map_or(f64::NAN, f64::from)).collect();
                Column { values, categorical: true, distinct: distinct.len() }
            }
        }
    }

    fn is_id(&self, name: &str) -> Option<Fault> {
        let name = name.to_lowercase();
        let rows = self.values.len();
        let named = name == "id" || name.ends_with("_id") || name.ends_with("_no") || name == "customer";
        let many = self.distinct as f64 > MOST_DISTINCT * rows as f64;
        ((self.categorical && many) || (named && self.distinct == rows)).then_some(Fault::Id)
    }

    /// Marks of rows by which the column is compared: each of its most frequent values, and, of ordered values, the half above
    /// the median.
    fn marks(&self) -> Vec<Vec<bool>> {
        let mut known: Vec<f64> = self.values.iter().copied().filter(|x| !x.is_nan()).collect();
        known.sort_by(f64::total_cmp);
        let mut counted: Vec<(usize, f64)> =
            known.chunk_by(|a, b| a == b).map(|run| (run.len(), run[0])).collect();
        counted.sort_by_key(|(count, _)| std::cmp::Reverse(*count));
        let frequent = counted.iter().take(10).filter(|(count, _)| *count >= 20);
        let mut marks: Vec<Vec<bool>> =
            frequent.map(|(_, value)| self.values.iter().map(|x| x == value).collect()).collect();
        if let (false, Some(median)) = (self.categorical, known.get(known.len() / 2)) {
            marks.push(self.values.iter().map(|x| x > median).collect());
        }
        marks
    }
}

/// The control, the other arms, and the arm of each row.
fn arms_of(frame: &Frame, roles: &Roles) -> Result<(String, Vec<String>, Vec<usize>), Error> {
    let column = &roles.treatment;
    let Some(values) = frame.column(column) else {
        return argument(format!("there is no column `{column}`"));
    };
    let (distinct, codes) = values.texts();
    if let Some(row) = codes.iter().position(Option::is_none) {
        let empty = codes.iter().filter(|code| code.is_none()).count();
        return refused(format!(
            "the treatment `{column}` is missing in {empty} rows (first: data row {}); fill it in or remove these rows",
            row + 1
        ));
    }
    if distinct.len() > 50 {
        return argument(format!(
            "the column `{column}` has {} different values; --treatment takes the column that names the arm",
            distinct.len()
        ));
    }
    let listed = distinct.iter().map(|arm| format!("`{arm}`")).collect::<Vec<_>>().join(", ");
    if distinct.len() < 2 {
        return refused(format!(
            "the treatment `{column}` has only the value {listed}; without a control there is nothing to compare with"
        ));
    }
    let control = match &roles.control {
        Some(control) => distinct.iter().position(|arm| arm == control),
        None if distinct.len() == 2 => {
            let known = |arm: &String| CONTROLS.contains(&arm.to_lowercase().as_str());
            let found: Vec<usize> = (0..2).filter(|at| known(&distinct[*at])).collect();
            if found.len() == 1 { Some(found[0]) } else { None }
        }
        None => None,
    };
    let Some(control) = control else {
        let why = match &roles.control {
            Some(control) => format!("`{column}` has no value `{control}`"),
            None => format!("cannot tell which value of `{column}` is the control"),
        };
        return argument(format!("{why}; its values are {listed}; choose one with --control"));
    };
    let arms: Vec<usize> = (0..distinct.len()).filter(|at| *at != control).collect();
    let place = |code: usize| arms.iter().position(|arm| *arm == code).map_or(0, |at| at + 1);
    let rows: Vec<usize> = codes.iter().flatten().map(|code| place(*code as usize)).collect();
    let mut lacks = Vec::new();
    for (at, name) in [control].iter().chain(&arms).map(|code| &distinct[*code]).enumerate() {
        let count = rows.iter().filter(|arm| **arm == at).count();
        if count < LEAST_ARM {
            lacks.push(format!("`{name}` has {count} customers; each arm needs at least {LEAST_ARM}"));
        }
    }
    if !lacks.is_empty() {
        return Err(Error::Refused { lacks });
    }
    let names = arms.iter().map(|at| distinct[*at].clone()).collect();
    Ok((distinct[control].clone(), names, rows))
}

/// The values of an outcome: numbers, or yes and no.
fn outcome_of(frame: &Frame, name: &str, arm: &[usize]) -> Result<Vec<f64>, Error> {
    let Some(values) = frame.column(name) else { return argument(format!("there is no column `{name}`")) };
    let numbers = values.numbers().or_else(|| {
        let (distinct, codes) = values.texts();
        let parsed: Option<Vec<f64>> = distinct
            .iter()
            .map(|text| match text.to_lowercase().as_str() {
                "yes" | "true" | "y" | "是" => Some(1.0),
                "no" | "false" | "n" | "否" => Some(0.0),
                _ => None,
            })
            .collect();
        parsed.map(|parsed| {
            codes.iter().map(|code| code.map_or(f64::NAN, |code| parsed[code as usize])).collect()
        })
    });
    let Some(numbers) = numbers else {
        return argument(format!("the outcome `{name}` holds texts; it must be a number, or yes and no"));
    };
    if let Some(row) = numbers.iter().position(|y| !y.is_finite()) {
        let empty = numbers.iter().filter(|y| !y.is_finite()).count();
        return refused(format!(
            "the outcome `{name}` is missing in {empty} rows (first: data row {}); write 0 where nothing happened, or \
             remove these rows from every arm alike",
            row + 1
        ));
    }
    if numbers.iter().all(|y| *y == numbers[0]) {
        return refused(format!(
            "the outcome `{name}` is {} in every row; there is nothing to learn",
            numbers[0]
        ));
    }
    let arms = arm.iter().copied().max().unwrap_or(0) + 1;
    let rare = |of: usize| {
        let rows = numbers.iter().zip(arm).filter(|(_, own)| **own == of);
        let (positive, all) = rows.fold((0, 0), |(hits, n), (y, _)| (hits + usize::from(*y != 0.0), n + 1));
        positive.min(all - positive) < 10 && numbers.iter().all(|y| *y == 0.0 || *y == 1.0) || positive < 10
    };
    if (0..arms).any(rare) {
        return refused(format!(
            "the outcome `{name}` has fewer than 10 customers with it, or without it, in an arm; wait for more, or use a \
             more frequent outcome"
        ));
    }
    Ok(numbers)
}
