//! The grade of a fit, in words.

use super::judged;
use crate::backtest::{Grade, Report};
use homing_locales::{Lang, t};

/// The grade with what it means.
pub(super) struct GradeCard {
    pub name: &'static str,
    pub level: &'static str,
    pub word: &'static str,
    pub text: String,
}

impl GradeCard {
    pub fn of(lang: Lang, report: &Report) -> Self {
        let days = report.horizon;
        let (level, word, verdict) = match report.grade {
            Grade::Poor => ("poor", t!(lang, "grade-poor"), t!(lang, "report-grade-poor", days = days)),
            Grade::Fair => ("fair", t!(lang, "grade-fair"), t!(lang, "report-grade-fair", days = days)),
            Grade::Good => ("good", t!(lang, "grade-good"), t!(lang, "report-grade-good", days = days)),
            Grade::Excellent => {
                ("good", t!(lang, "grade-excellent"), t!(lang, "report-grade-excellent", days = days))
            }
        };
        let against = judged::gain_over_rule(report).map(|(name, gain)| {
            let (rule, gain) = (judged::name_of(lang, &name), lang.signed_percent(gain));
            t!(lang, "report-grade-against", rule = rule, gain = gain)
        });
        let text = format!("{verdict}{}{}", t!(lang, "sentence-gap"), against.unwrap_or_default());
        GradeCard { name: t!(lang, "graded"), level, word, text }
    }
}
