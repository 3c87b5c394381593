//! The grade of a fit, in words.

use super::judged;
use super::lang::Lang;
use super::numbers::signed_percent;
use crate::backtest::{Grade, Report};

/// The grade with what it means.
pub(super) struct GradeCard {
    pub name: &'static str,
    pub level: &'static str,
    pub word: &'static str,
    pub text: String,
}

impl GradeCard {
    pub fn of(lang: Lang, report: &Report) -> Self {
        let (level, word, zh, en) = match report.grade {
            Grade::Poor => (
                "poor",
                lang.pick("较差", "Poor"),
                "不比简单规则更好，请先用规则",
                "no better than a rule of thumb: use the rule",
            ),
            Grade::Fair => {
                ("fair", lang.pick("一般", "Fair"), "略好于简单规则", "a little better than a rule of thumb")
            }
            Grade::Good => {
                ("good", lang.pick("良好", "Good"), "明显好于简单规则", "clearly better than a rule of thumb")
            }
            Grade::Excellent => {
                ("good", lang.pick("优秀", "Excellent"), "远好于简单规则", "far better than a rule of thumb")
            }
        };
        let gain = judged::gain_over_rule(report);
        let by = |text: &str| {
            gain.as_ref().map(|(name, gain)| {
                text.replace("{rule}", &judged::name_of(lang, name)).replace("{gain}", &signed_percent(*gain))
            })
        };
        let text = lang.pick(
            format!(
                "在最近 {} 天的检验中，模型{zh}。{}",
                report.horizon,
                by("与最好的规则（{rule}）相比，预测误差（对数损失）的变化为 {gain}。减少不到 2% 为较差，不到 6% 为一般，不到 12% 为良好，其余为优秀。").unwrap_or_default()
            ),
            format!(
                "Tested on {} days that it had not seen, the model is {en}. {}",
                report.horizon,
                by("Against the best rule ({rule}) its error (log loss) changes by {gain}. Less than 2% off is Poor, less than 6% Fair, less than 12% Good, more is Excellent.").unwrap_or_default()
            ),
        );
        GradeCard { name: lang.pick("等级", "Grade"), level, word, text }
    }
}
