//! Warnings about data that are readable but suspicious: one [`Warning`] for each [`Code`].
//!
//! Readers and guards collect them in [`Warnings`]. The programs print the list and return it in `--json` as `warnings`.
//! Partial collections are merged in the order of files and rows, so count and example do not depend on the number of
//! threads.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Serialize, Serializer};

/// Bytes of an example at most.
const EXAMPLE_BYTES: usize = 200;

/// Declares the codes: variant, stable name, what was noticed, what to do.
macro_rules! codes {
    ($($variant:ident, $name:literal, $meaning:literal, $remedy:literal;)*) => {
        /// What was noticed. The names are stable: programs filter by them.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code {
            $(#[doc = concat!($meaning, ".")] $variant,)*
        }

        impl Code {
            /// Every code.
            pub const ALL: &[Code] = &[$(Code::$variant,)*];

            /// The name in JSON.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Code::$variant => $name,)* }
            }

            /// What was noticed, in a few words.
            #[must_use]
            pub fn meaning(self) -> &'static str {
                match self { $(Code::$variant => $meaning,)* }
            }

            /// What to do about it.
            #[must_use]
            pub fn remedy(self) -> &'static str {
                match self { $(Code::$variant => $remedy,)* }
            }
        }
    };
}

codes! {
    FilesNotRead, "files_not_read", "Files of an unknown type in a folder",
        "convert them to CSV, or move them out of the folder";
    FileChanged, "file_changed", "A file was written to, or removed, while it was read",
        "the figures may be incomplete; run again when the export is complete";
    AmbiguousDecimal, "ambiguous_decimal", "Numbers such as `1.000`, which can mean one or one thousand",
        "choose with --decimal . or --decimal ,";
    SeveralCurrencies, "several_currencies", "Amounts in more than one currency",
        "convert all amounts to one currency, or read one currency at a time";
    NobodysId, "nobodys_id", "Guest orders and ids that identify nobody, such as `nan`, `NULL`, `guest`",
        "these lines are left out; fill in the customer where it is known";
    MaskedId, "masked_id", "Ids partly replaced by asterisks",
        "these lines are left out; export the full ids";
    RoundedId, "rounded_id", "Ids rounded by a spreadsheet, such as `6.22E+15`",
        "these lines are left out; export the ids as text, not as numbers";
    SimilarIds, "similar_ids", "Ids that differ only in case, spaces or leading zeros",
        "they count as different customers; write each id the same way in all sources";
    NotPurchased, "not_purchased", "Orders that were not paid, or were cancelled",
        "these lines are left out; --columns status= or --columns cancelled= keeps them";
    TestOrder, "test_order", "Orders marked as tests by the shop",
        "these lines are left out";
    FarDates, "far_dates", "Lines dated in the future, or far from all other dates",
        "these lines are set aside; correct the dates, or keep them with --accept far_dates";
    AheadOfData, "ahead_of_data", "Events weeks later than all other data",
        "they affect only their own customers until the next batch; check the dates";
    RepeatedLines, "repeated_lines", "The same lines in several files: a double export, or overlapping months",
        "they are counted once; remove one of the files, or count them in each with --accept repeated_lines";
    RepeatedRows, "repeated_rows", "Rows repeated within one file, far from each other: an export appended to itself, or overlapping months",
        "they are counted each time; remove the second copy, or export again";
    GiantCustomer, "giant_customer", "One customer with an implausible share of all lines",
        "if the id stands for unknown buyers, leave the customer empty";
    ScaleJump, "scale_jump", "Amounts many times larger or smaller from some day or file on",
        "use one unit for all amounts (do not mix cents and whole units)";
    OutlierAmount, "outlier_amount", "Amounts more than a thousand times the 99th percentile",
        "correct the amount if it is a typing error or a placeholder";
    RepeatedTotal, "repeated_total", "All lines of a receipt carry the same amount, probably its total",
        "give each line its own amount, or keep one line per receipt";
    NegativeQuantity, "negative_quantity", "Purchases with a negative quantity and a positive amount",
        "if these are product returns, make the amount negative or set the kind to `return`";
    ManyReturns, "many_negative_amounts", "Implausibly many negative amounts, perhaps margins",
        "negative amounts count as product returns; map `amount` to the price paid, not the margin";
    MissingDays, "missing_days", "A week or more without purchases where many were expected",
        "check that no file is missing; ignore this if the shop was closed";
    ShortLastWeek, "short_last_week", "Far fewer purchases than usual in the last week",
        "if the export was cut off, set --as-of to the last complete day";
    VolumeJump, "volume_jump", "Weekly purchases rose or fell by a factor of ten",
        "check that no store or channel is missing before or after";
    OldData, "old_data", "The last purchase is weeks old",
        "check that the export still runs; scores are as of the last event unless you set --as-of";
    AmountsOutOfRange, "amounts_out_of_range", "Amounts far outside those that the model was trained on",
        "check currency and unit of the amounts, or fit a model on these data";
    AsOfBeforeModel, "as_of_before_model", "Scores as of an instant before the end of the model's training data",
        "the model has seen what came after; do not use these scores to evaluate it";
    MissingColumn, "missing_column", "A column that the command needs is missing or empty",
        "map it with --columns, e.g. --columns product_id=sku";
    SharedKey, "shared_key", "Keys shared by implausibly many member records",
        "they match nobody; clear the placeholder in the source (--conflicts lists the records)";
    PriceTakenForOnePiece, "price_taken_for_one_piece", "A price column was multiplied by the quantity",
        "if the price is that of the whole line, turn this off with --columns quantity=";
    UnknownStatus, "unknown_status", "Order status words that homing does not know",
        "these lines count as purchases; remove what was not bought, or ignore the column with --columns status=";
    ColumnIgnored, "column_ignored", "A column whose values do not fit its name, or that another column overrules",
        "it is ignored; map the right column with --columns, or leave it out with an empty name";
    MixedEncoding, "mixed_encoding", "Text that is not in the encoding of its file",
        "save the file in one encoding, preferably UTF-8, or set --encoding";
    OtherAmounts, "other_amounts", "Prices of goods beside payments for the same orders",
        "the payments count; to count the goods, pass their table and that of the orders to --purchases without the payments";
    AssumedDates, "assumed_dates", "Dates whose order of day and month was assumed",
        "set it with --dates dmy or --dates mdy";
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

/// One kind of problem, over everything that was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Warning {
    /// What was noticed.
    pub code: Code,
    /// How often.
    pub count: u64,
    /// The first case, as in the data.
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
///
/// ```
/// use homing_datasets::Warnings;
/// use homing_datasets::warnings::Code;
///
/// let mut warnings = Warnings::default();
/// warnings.note(Code::MaskedId, || "138****1234".to_owned());
/// assert_eq!(warnings.list()[0].code.name(), "masked_id");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Warnings(BTreeMap<Code, (u64, String)>);

impl Warnings {
    /// Counts one more case. `example` is called for the first one only.
    pub fn note(&mut self, code: Code, example: impl FnOnce() -> String) {
        self.add(code, 1, example);
    }

    /// Counts several cases at once; zero cases change nothing.
    pub fn add(&mut self, code: Code, count: u64, example: impl FnOnce() -> String) {
        if count > 0 {
            self.0.entry(code).or_insert_with(|| (0, shortened(example()))).0 += count;
        }
    }

    /// Adds the warnings of what comes after.
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

    /// The table in docs/warnings.md is this list; with UPDATE_DOCS set, the test writes it.
    #[test]
    fn the_docs_list_every_code() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/warnings.md");
        let text = std::fs::read_to_string(&path).unwrap();
        let head = text.split("| code |").next().unwrap();
        let mut table = "| code | what was noticed | what happens, what to do |\n|---|---|---|\n".to_owned();
        for code in Code::ALL {
            table += &format!("| `{code}` | {} | {} |\n", code.meaning(), code.remedy());
        }
        let whole = format!("{head}{table}");
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::write(&path, &whole).unwrap();
            return;
        }
        assert_eq!(text, whole, "run UPDATE_DOCS=1 cargo test -p homing-datasets the_docs_list_every_code");
    }
}
