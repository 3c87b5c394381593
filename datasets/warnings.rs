//! What is odd about data that were read all the same: one [`Warning`] for each [`Code`].
//!
//! Readers and guards note what they meet in [`Warnings`]; the programs show the list and carry it in their `--json`
//! as `warnings`. Collectors of parts are absorbed in the order of the files and rows, so that count and example do
//! not depend on the number of threads.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Serialize, Serializer};

/// Bytes of an example at most.
const EXAMPLE_BYTES: usize = 200;

/// What was noticed. The names are stable: programs filter by them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Code {
    /// Files that no reader knows, in a folder that was given.
    FilesNotRead,
    /// Numbers such as `1.000`, which may be one or one thousand.
    AmbiguousDecimal,
    /// Amounts in several currencies.
    SeveralCurrencies,
    /// Lines of guests and ids that name nobody: `nan`, `NULL`, `guest`.
    NobodysId,
    /// Ids with stars in place of digits.
    MaskedId,
    /// Ids that a spreadsheet rounded: `6.22E+15`.
    RoundedId,
    /// Ids that differ in case, blanks or leading zeros alone.
    SimilarIds,
    /// Orders that were not paid, or were cancelled.
    NotPurchased,
    /// Orders that the shop itself marked as tests.
    TestOrder,
    /// Lines dated ahead of the clock, or far from all others.
    FarDates,
    /// Stored events weeks ahead of all other data.
    AheadOfData,
    /// Lines that several files have alike: an export made twice, months that overlap.
    RepeatedLines,
    /// One customer with an implausible share of the lines.
    GiantCustomer,
    /// Amounts that are many times larger or smaller from some day or file on.
    ScaleJump,
    /// Amounts over a thousand times those of the most expensive hundredth.
    OutlierAmount,
    /// Lines of one order that all carry the same amount: the order's total.
    RepeatedTotal,
    /// Purchases with a negative quantity and a positive amount.
    NegativeQuantity,
    /// More product returns than a shop has: perhaps margins, not amounts.
    ManyReturns,
    /// A week or more without any purchase, where many were to be expected.
    MissingDays,
    /// A last week with far fewer purchases than usual.
    ShortLastWeek,
    /// Ten times as many purchases a week as before, or a tenth.
    VolumeJump,
    /// The last purchase is weeks old.
    OldData,
    /// Amounts far from those that the model has learned from.
    AmountsOutOfRange,
    /// Scores as of an instant that the model has learned beyond.
    AsOfBeforeModel,
    /// A column that the command needs and no line has.
    MissingColumn,
    /// Keys that so many member records share that they are nobody's.
    SharedKey,
    /// Prices that were multiplied by the quantity because of the name "price".
    PriceTakenForOnePiece,
    /// Words for the state of an order that are not known; the lines count as bought.
    UnknownStatus,
    /// A column whose values do not mean what its name says, and which was left out.
    ColumnIgnored,
    /// Texts that are not in the encoding of their file.
    MixedEncoding,
    /// Dates whose order of day and month was assumed.
    AssumedDates,
}

impl Code {
    /// The name in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Code::FilesNotRead => "files_not_read",
            Code::AmbiguousDecimal => "ambiguous_decimal",
            Code::SeveralCurrencies => "several_currencies",
            Code::NobodysId => "nobodys_id",
            Code::MaskedId => "masked_id",
            Code::RoundedId => "rounded_id",
            Code::SimilarIds => "similar_ids",
            Code::NotPurchased => "not_purchased",
            Code::TestOrder => "test_order",
            Code::FarDates => "far_dates",
            Code::AheadOfData => "ahead_of_data",
            Code::RepeatedLines => "repeated_lines",
            Code::GiantCustomer => "giant_customer",
            Code::ScaleJump => "scale_jump",
            Code::OutlierAmount => "outlier_amount",
            Code::RepeatedTotal => "repeated_total",
            Code::NegativeQuantity => "negative_quantity",
            Code::ManyReturns => "many_negative_amounts",
            Code::MissingDays => "missing_days",
            Code::ShortLastWeek => "short_last_week",
            Code::VolumeJump => "volume_jump",
            Code::OldData => "old_data",
            Code::AmountsOutOfRange => "amounts_out_of_range",
            Code::AsOfBeforeModel => "as_of_before_model",
            Code::MissingColumn => "missing_column",
            Code::SharedKey => "shared_key",
            Code::PriceTakenForOnePiece => "price_taken_for_one_piece",
            Code::UnknownStatus => "unknown_status",
            Code::ColumnIgnored => "column_ignored",
            Code::MixedEncoding => "mixed_encoding",
            Code::AssumedDates => "assumed_dates",
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn remedy(self) -> &'static str {
        match self {
            Code::FilesNotRead => "convert them to CSV, or move them out of the folder",
            Code::AmbiguousDecimal => "say which it is with --decimal . or --decimal ,",
            Code::SeveralCurrencies => "convert all amounts to one currency, or read one currency at a time",
            Code::NobodysId => "fill in the customer where it is known; these lines were left out",
            Code::MaskedId => "export the full ids; these lines were left out",
            Code::RoundedId => "export the ids as text, not as numbers; these lines were left out",
            Code::SimilarIds => {
                "write each id in one way in all sources; they were read as different customers"
            }
            Code::NotPurchased => {
                "these lines were left out; --columns status= or --columns cancelled= takes all lines"
            }
            Code::TestOrder => "these lines were left out",
            Code::FarDates => {
                "correct the dates; the lines were set aside, and --accept far_dates takes them in"
            }
            Code::AheadOfData => {
                "they were taken and move their own customers' scores alone; the next batch moves the present for all"
            }
            Code::RepeatedLines => {
                "leave one of the files out; the lines were counted once, and --accept repeated_lines counts them in each file"
            }
            Code::GiantCustomer => {
                "leave the customer empty where the number stands for people who are not known"
            }
            Code::ScaleJump => "bring all amounts to one unit (not cents beside whole amounts)",
            Code::OutlierAmount => "correct the amount if it is mistyped or a placeholder",
            Code::RepeatedTotal => "give each line its own amount, or keep one line an order",
            Code::NegativeQuantity => {
                "if these are product returns, make their amount negative or give them the kind `return`"
            }
            Code::ManyReturns => {
                "negative amounts are read as product returns; map the column of what was paid, not of the margin"
            }
            Code::MissingDays => {
                "check that no file is missing; if the shop was closed, nothing is to be done"
            }
            Code::ShortLastWeek => {
                "if the export was cut short, read up to the last complete day with --as-of"
            }
            Code::VolumeJump => "check that no shop or channel is missing before or after",
            Code::OldData => {
                "check that the export still runs; everything is scored as of the last event unless --as-of says otherwise"
            }
            Code::AmountsOutOfRange => "check currency and unit of the amounts, or fit a model on these data",
            Code::AsOfBeforeModel => {
                "the model knows what came after; use these scores for no judgement of it"
            }
            Code::MissingColumn => "name the column with --columns, e.g. --columns product_id=sku",
            Code::SharedKey => {
                "clear the placeholder in the source; it joins nobody, and --conflicts lists the records"
            }
            Code::PriceTakenForOnePiece => {
                "amounts are price x quantity; if the price is that of the whole line, leave --columns quantity= out"
            }
            Code::UnknownStatus => {
                "these lines count as bought; leave out what was not bought, or the column with --columns status="
            }
            Code::ColumnIgnored => "rename the column, or leave it out with --columns and an empty name",
            Code::MixedEncoding => "save the file in one encoding, best UTF-8, or name it with --encoding",
            Code::AssumedDates => "say which comes first with --dates dmy or --dates mdy",
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// One kind of oddity in all that was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Warning {
    /// What was noticed.
    pub code: Code,
    /// How often.
    pub count: u64,
    /// The first case, as it is in the data.
    pub example: String,
    /// What to do about it.
    pub remedy: &'static str,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}), e.g. {}: {}", self.code, self.count, self.example, self.remedy)
    }
}

/// Gathers warnings: a count and the first example of each code.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Warnings(BTreeMap<Code, (u64, String)>);

impl Warnings {
    /// Counts one more case; the example is asked for the first one only.
    pub fn note(&mut self, code: Code, example: impl FnOnce() -> String) {
        self.add(code, 1, example);
    }

    /// Counts several cases at once. None change nothing.
    pub fn add(&mut self, code: Code, count: u64, example: impl FnOnce() -> String) {
        if count > 0 {
            self.0.entry(code).or_insert_with(|| (0, shortened(example()))).0 += count;
        }
    }

    /// Takes in the warnings of what comes after.
    pub fn absorb(&mut self, other: Warnings) {
        for (code, (count, example)) in other.0 {
            self.add(code, count, || example);
        }
    }

    /// How often a code was noted.
    #[must_use]
    pub fn count(&self, code: Code) -> u64 {
        self.0.get(&code).map_or(0, |(count, _)| *count)
    }

    /// Whether nothing was noted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The warnings, by code.
    #[must_use]
    pub fn list(&self) -> Vec<Warning> {
        let warning = |(&code, (count, example)): (&Code, &(u64, String))| Warning {
            code,
            count: *count,
            example: example.clone(),
            remedy: code.remedy(),
        };
        self.0.iter().map(warning).collect()
    }
}

fn shortened(text: String) -> String {
    if text.len() <= EXAMPLE_BYTES {
        return text;
    }
    let cut = text.floor_char_boundary(EXAMPLE_BYTES);
    format!("{}...", &text[..cut])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_add_up_and_the_first_example_stays() {
        let mut first = Warnings::default();
        first.note(Code::MaskedId, || "138****1234".to_owned());
        first.add(Code::NobodysId, 0, || "none".to_owned());
        let mut second = Warnings::default();
        second.add(Code::MaskedId, 2, || "139****1234".to_owned());
        second.note(Code::FilesNotRead, || "é".repeat(200));
        first.absorb(second);
        let list = first.list();
        assert_eq!(
            list.iter().map(|warning| warning.code.name()).collect::<Vec<_>>(),
            ["files_not_read", "masked_id"]
        );
        assert_eq!((list[1].count, &*list[1].example), (3, "138****1234"));
        assert_eq!(list[0].example.len(), EXAMPLE_BYTES + 3);
        let json = serde_json::to_value(&list[1]).unwrap();
        assert_eq!((&json["code"], &json["count"]), (&"masked_id".into(), &3.into()));
    }
}
