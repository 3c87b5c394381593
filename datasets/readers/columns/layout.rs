//! Where a file has each column, and what its names say about its lines.

use std::collections::BTreeMap;

use super::exports::Export;
use super::synonyms::{
    CUSTOMER_LAST, OCCURRED_LAST, bare, head, is_mail, is_of_payment, like, names, plain, status_like,
    unit_price,
};
use super::{COLUMNS, Column, KNOWN};
use crate::Error;
use crate::readers::forms::status::Status;

/// Columns that a message lists at most.
const LISTED: usize = 40;

/// The position of each column in a file, if it is there.
pub(crate) type Places = [Option<usize>; COLUMNS];

/// Whether the amount is the price of one piece and has to be multiplied by the quantity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Multiply {
    #[default]
    No,
    /// The name of the column says so.
    Sure,
    /// The name says "price", and pieces are counted beside it.
    Likely,
}

impl Multiply {
    /// What the name of an amount says, beside a column of pieces.
    fn of(amount: &str) -> Self {
        match unit_price(amount) {
            Some(true) => Multiply::Sure,
            Some(false) => Multiply::Likely,
            None => Multiply::No,
        }
    }
}

/// How the lines of a file are laid out.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Layout {
    pub(crate) places: Places,
    /// The export that was recognised.
    pub(crate) export: Option<&'static str>,
    pub(crate) multiply: Multiply,
    /// The amount is that of the whole order, which later lines of it repeat or leave blank.
    pub(crate) order_total: bool,
    /// A customer 0 is a guest.
    pub(crate) guest_zero: bool,
    /// Words of the export's status that mean something else elsewhere.
    pub(crate) statuses: &'static [(&'static str, Status)],
    /// The name of the customer's column is that of a mail address.
    pub(crate) mail: bool,
    /// The column of the status has a name that is only like one: its values decide.
    pub(crate) loose_status: bool,
    /// Columns that were found by a common name: their values may show that something else is meant.
    pub(crate) guessed: [bool; COLUMNS],
}

/// The `--columns` entry of a column.
#[derive(Clone, Debug, Default, PartialEq)]
enum Given {
    #[default]
    Nothing,
    LeftOut,
    Own(String),
}

/// The file's own name of each column, as far as the caller gives it.
#[derive(Clone, Debug)]
pub(crate) struct Mapping {
    given: [Given; COLUMNS],
}

impl Mapping {
    /// Takes pairs of a known name and the file's own name. An empty own name leaves the column out.
    pub(crate) fn new(columns: &BTreeMap<String, String>) -> Result<Mapping, Error> {
        let mut given = [const { Given::Nothing }; COLUMNS];
        for (known, own) in columns {
            let Some(column) = Column::ALL.into_iter().find(|column| column.name() == known) else {
                let known_names = Column::ALL.map(Column::name).join(", ");
                return Err(Error::UnknownColumn { name: known.clone(), known: known_names });
            };
            given[column as usize] = if own.is_empty() { Given::LeftOut } else { Given::Own(own.clone()) };
        }
        for first in Column::ALL {
            for second in Column::ALL.into_iter().skip(first as usize + 1) {
                if let (Given::Own(a), Given::Own(b)) = (&given[first as usize], &given[second as usize])
                    && a == b
                {
                    return Err(Error::DoubleMapping {
                        first: first.name(),
                        second: second.name(),
                        name: a.clone(),
                    });
                }
            }
        }
        Ok(Mapping { given })
    }

    /// The own name that was given for a column.
    pub(crate) fn own(&self, column: Column) -> Option<&str> {
        match &self.given[column as usize] {
            Given::Own(own) => Some(own),
            _ => None,
        }
    }

    /// Whether a header has every needed column.
    pub(crate) fn suits(&self, header: &[String]) -> bool {
        self.layout("", header, true).is_ok()
    }

    /// The positions of the columns in a file with this header. `partial`: the header need not name every column, so that
    /// one that was mapped may be missing from it.
    pub(crate) fn layout(&self, path: &str, header: &[String], partial: bool) -> Result<Layout, Error> {
        let (layout, missing) = self.found(path, header, partial)?;
        match missing[..] {
            [] => Ok(layout),
            _ => Err(self.missing_error(path, &missing, Some((&layout, header)), header)),
        }
    }

    /// What is found in a header, and which columns it lacks.
    pub(crate) fn found(
        &self,
        path: &str,
        header: &[String],
        partial: bool,
    ) -> Result<(Layout, Vec<Column>), Error> {
        let plains: Vec<String> = header.iter().map(|name| plain(name)).collect();
        let native = Column::ALL[..3].iter().all(|column| {
            header.iter().any(|own| own == column.name()) && self.given[*column as usize] == Given::Nothing
        });
        let export = if native { None } else { Export::find(&plains) };
        let mut search = Search {
            path,
            header,
            heads: header.iter().map(|name| head(name)).collect(),
            bares: header.iter().map(|name| bare(name)).collect(),
            plains,
            taken: vec![false; header.len()],
        };
        let mut places: Places = [None; COLUMNS];
        let mut guessed = [false; COLUMNS];
        let mut missing = Vec::new();
        for column in Column::ALL {
            let at = column as usize;
            if let Given::Own(own) = &self.given[at] {
                places[at] = search.given(own)?;
                if places[at].is_none() && (column.needed() || !partial) {
                    missing.push(column);
                }
            }
        }
        let wanted = |column: Column| self.given[column as usize] == Given::Nothing;
        for column in Column::ALL.into_iter().filter(|&column| wanted(column)) {
            let own = export.map_or(&[][..], |export| export.names(column));
            places[column as usize] = match search.named(own) {
                // A status of the payment alone is the status.
                None if column != Column::PaymentStatus => search.exact(column.name())?,
                found => found,
            };
        }
        for column in Column::ALL.into_iter().filter(|&column| wanted(column)) {
            let at = column as usize;
            if places[at].is_none() && !(native && column as usize >= KNOWN && !is_telling(column)) {
                places[at] = search.common(column, native);
                guessed[at] = places[at].is_some();
            }
        }
        let loose_status = self.statuses(&mut search, &mut places, &mut guessed, native);
        missing.extend(Column::ALL.into_iter().filter(|&column| {
            column.needed() && places[column as usize].is_none() && self.own(column).is_none()
        }));
        let name = |column: Column| places[column as usize].map_or("", |place| &*header[place]);
        let line_price = export.is_some_and(|export| export.line_price);
        let counted = places[Column::Quantity as usize].is_some() && !line_price;
        let multiply = if counted { Multiply::of(name(Column::Amount)) } else { Multiply::No };
        let order_level = is_order_level(&plain(name(Column::Amount)));
        let mail = is_mail(name(Column::CustomerId));
        // What is left of the order's total says nothing of another amount.
        let same = is_adjusted(&plain(name(Column::Adjusted)), &plain(name(Column::Amount)), order_level);
        if !same && self.own(Column::Adjusted).is_none() {
            places[Column::Adjusted as usize] = None;
        }
        let layout = Layout {
            export: export.map(|export| export.name),
            multiply,
            order_total: export.is_some_and(|export| export.order_total)
                && order_level
                && places[Column::OrderId as usize].is_some(),
            // Shops that keep an address beside the number of a customer sell to guests, who have no number.
            guest_zero: export.is_some_and(|export| export.guest_zero)
                || !mail && !native && header.iter().any(|name| is_mail(name)),
            statuses: export.map_or(&[], |export| export.statuses),
            mail,
            loose_status,
            places,
            guessed,
        };
        Ok((layout, missing))
    }

    /// Finds what became of an order by a name that is only like that of a status, and whether it was paid. Returns whether the
    /// status has such a name.
    fn statuses(
        &self,
        search: &mut Search<'_>,
        places: &mut Places,
        guessed: &mut [bool; COLUMNS],
        native: bool,
    ) -> bool {
        let (status, payment) = (Column::Status as usize, Column::PaymentStatus as usize);
        let wanted = |at: usize| self.given[at] == Given::Nothing && !native;
        let mut loose = false;
        if places[status].is_none() && wanted(status) {
            places[status] = search.like_status();
            guessed[status] = places[status].is_some();
            loose = guessed[status];
        }
        // Beside what became of the order, shops say whether it was paid.
        if let (Some(first), None) = (places[status], places[payment])
            && wanted(payment)
        {
            places[payment] = search.other_status(first);
            guessed[payment] = places[payment].is_some();
        }
        loose
    }

    /// The first column that was mapped and is not there.
    pub(crate) fn missing(&self, there: impl Fn(Column) -> bool) -> Option<Column> {
        Column::ALL.into_iter().find(|&column| self.own(column).is_some() && !there(column))
    }

    /// The error for columns that are not there. `found`: what a header has of the others.
    pub(crate) fn missing_error(
        &self,
        path: &str,
        missing: &[Column],
        found: Option<(&Layout, &[String])>,
        header: &[String],
    ) -> Error {
        let names: Vec<String> = header.iter().map(|name| format!("`{}`", shortened(name))).collect();
        let more = names.len().saturating_sub(LISTED);
        let mut listed = match names.len() {
            0 => "no columns".to_owned(),
            len => names[..len.min(LISTED)].join(", "),
        };
        if more > 0 {
            listed.push_str(&format!(" and {more} more"));
        }
        let path = path.to_owned();
        let mapped: Vec<(&'static str, &str)> =
            missing.iter().filter_map(|&column| Some((column.name(), self.own(column)?))).collect();
        if let Some(&(column, name)) = mapped.first() {
            let others: String = mapped[1..]
                .iter()
                .map(|(column, name)| format!(", no `{name}` (`{column}={name}`)"))
                .collect();
            return Error::MissingMapped { path, column, name: name.to_owned(), others, found: listed };
        }
        let recognised = found.map(|(layout, header)| layout.columns(header)).unwrap_or_default();
        let recognised =
            if recognised.is_empty() { String::new() } else { format!(" Recognised: {recognised}.") };
        let columns: Vec<&'static str> = missing.iter().map(|column| column.name()).collect();
        let pairs: Vec<String> = columns.iter().map(|column| format!("{column}=...")).collect();
        let remedy = format!("Map what is missing with `--columns {}`", pairs.join(","));
        Error::MissingColumn { path, columns, found: listed, recognised, remedy }
    }
}

impl Layout {
    /// The columns that were found, with the file's own names of them.
    pub(crate) fn columns(&self, header: &[String]) -> String {
        let named = |column: Column| {
            let own = &header[self.places[column as usize]?];
            let known = column.name();
            Some(if own == known { known.to_owned() } else { format!("{known} = {}", shortened(own)) })
        };
        Column::ALL.into_iter().filter_map(named).collect::<Vec<_>>().join(", ")
    }
}

/// A name as a message shows it.
fn shortened(name: &str) -> String {
    match name.char_indices().nth(60) {
        Some((end, _)) => format!("{}...", &name[..end]),
        None => name.to_owned(),
    }
}

/// Columns that say how a line is to be understood and are looked for beside homing's own names too.
fn is_telling(column: Column) -> bool {
    matches!(column, Column::Status | Column::Currency | Column::Cancelled)
}

/// Whether one column is what is left of another: `Adjusted Order Total` of `Order Total`.
fn is_adjusted(adjusted: &str, amount: &str, order_level: bool) -> bool {
    let root = ["adjusted", "current", "remaining", "退款后"]
        .iter()
        .find_map(|word| adjusted.strip_prefix(word))
        .or_else(|| adjusted.strip_suffix("s").unwrap_or(adjusted).strip_suffix("afterrefund"))
        .unwrap_or(adjusted);
    root == amount || order_level && !root.is_empty() && (root.ends_with(amount) || amount.ends_with(root))
}

/// Whether an amount of this name is that of a whole order.
fn is_order_level(plain: &str) -> bool {
    const NAMES: [&str; 29] = [
        "total",
        "ordertotal",
        "ordertotalamount",
        "orderamount",
        "ordervalue",
        "grandtotal",
        "grandtotalpurchased",
        "grandtotalbase",
        "basegrandtotal",
        "totalprice",
        "totalpaid",
        "totalpaidtaxincl",
        "ordertotalinctax",
        "ordertotalextax",
        "totalinctax",
        "totalvalue",
        "ordertotalvalue",
        "totalpricewithvat",
        "請求金額",
        "合計金額",
        "买家实际支付金额",
        "买家实付金额",
        "买家应付货款",
        "订单实付金额",
        "实付金额",
        "订单金额",
        "应付金额",
        "结算金额",
        "实付款",
    ];
    NAMES.contains(&plain)
}

/// A header in which columns are looked for, each place for one column only.
struct Search<'a> {
    path: &'a str,
    header: &'a [String],
    plains: Vec<String>,
    heads: Vec<String>,
    bares: Vec<Vec<String>>,
    taken: Vec<bool>,
}

impl Search<'_> {
    fn take(&mut self, found: Option<usize>) -> Option<usize> {
        if let Some(at) = found {
            self.taken[at] = true;
        }
        found
    }

    fn free(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.header.len()).filter(|&at| !self.taken[at])
    }

    /// The place of an own name, letter by letter or else in another spelling.
    fn given(&mut self, own: &str) -> Result<Option<usize>, Error> {
        if let Some(at) = self.exact(own)? {
            return Ok(Some(at));
        }
        let wanted = plain(own);
        let mut found = self.free().filter(|&at| self.plains[at] == wanted && !wanted.is_empty());
        let first = found.next();
        let alone = found.next().is_none();
        drop(found);
        Ok(self.take(first.filter(|_| alone)))
    }

    fn exact(&mut self, name: &str) -> Result<Option<usize>, Error> {
        let name = name.trim();
        let mut found = self.free().filter(|&at| self.header[at] == name);
        let first = found.next();
        if found.next().is_some() {
            return Err(Error::DoubleColumn { path: self.path.to_owned(), name: name.to_owned() });
        }
        drop(found);
        Ok(self.take(first))
    }

    /// The first of these plain names that is there.
    fn named(&mut self, names: &[&str]) -> Option<usize> {
        let found = names.iter().find_map(|name| self.free().find(|&at| self.plains[at] == *name));
        self.take(found)
    }

    /// The place of a column whose name is like that of a status.
    fn like_status(&mut self) -> Option<usize> {
        let likeness = |at: usize| status_like(&self.plains[at]);
        // Of equals the first.
        let best = self
            .free()
            .filter(|&at| likeness(at) > 0)
            .max_by_key(|&at| (likeness(at), std::cmp::Reverse(at)));
        self.take(best)
    }

    /// The place of a second status: that of the payment beside that of the order, or the other way round.
    fn other_status(&mut self, first: usize) -> Option<usize> {
        let of_payment = is_of_payment(&self.plains[first]);
        let found = self
            .free()
            .find(|&at| status_like(&self.plains[at]) > 1 && is_of_payment(&self.plains[at]) != of_payment);
        self.take(found)
    }

    /// The only place whose name is like that of an amount or a date.
    fn only_like(&self, column: Column) -> Option<usize> {
        let mut found = self.free().filter(|&at| like(column, &self.header[at]));
        let first = found.next();
        first.filter(|_| found.next().is_none())
    }

    /// The place of a column by the names that are common for it.
    fn common(&mut self, column: Column, native: bool) -> Option<usize> {
        // Beside homing's own names a `source` or `type` may be anything.
        if native && !is_telling(column) {
            return None;
        }
        let last: &[&str] = match column {
            Column::CustomerId => CUSTOMER_LAST,
            Column::OccurredAt => OCCURRED_LAST,
            _ => &[],
        };
        let all = || names(column).iter().chain(last);
        let by = |own: &[String]| all().find_map(|name| self.free().find(|&at| own[at] == **name));
        let mut found = by(&self.plains).or_else(|| by(&self.heads)).or_else(|| {
            // Words between (`data da venda`) and their order (`Betrag brutto`) do not matter.
            all().find_map(|name| self.free().find(|&at| self.bares[at].iter().any(|bare| bare == name)))
        });
        if found.is_none() && column == Column::Amount {
            let price = |sure| self.free().find(|&at| unit_price(&self.header[at]) == Some(sure));
            found = price(true).or_else(|| price(false));
        }
        if found.is_none() && !native {
            found = self.only_like(column);
        }
        self.take(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mapping(pairs: &[(&str, &str)]) -> Result<Mapping, Error> {
        Mapping::new(&pairs.iter().map(|&(known, own)| (known.to_owned(), own.to_owned())).collect())
    }

    fn layout(pairs: &[(&str, &str)], header: &[&str]) -> Result<Layout, Error> {
        let header: Vec<String> = header.iter().map(|&name| name.to_owned()).collect();
        mapping(pairs).unwrap().layout("f.csv", &header, false)
    }

    #[test]
    fn a_file_is_read_by_its_own_names() {
        let pairs = [("customer_id", "member"), ("amount", "quantity"), ("kind", "")];
        let layout = layout(&pairs, &["kind", "quantity", "occurred_at", "member"]).unwrap();
        assert_eq!(layout.places[Column::CustomerId as usize], Some(3));
        assert_eq!(layout.places[Column::Amount as usize], Some(1));
        assert_eq!(layout.places[Column::Quantity as usize], None, "the column was given another meaning");
        assert_eq!(layout.places[Column::Kind as usize], None, "the column was left out");
    }

    #[test]
    fn common_names_are_known_in_several_languages() {
        for header in [
            ["会员号", "下单时间", "实付金额"],
            ["Kundennummer", "Bestelldatum", "Gesamtbetrag (EUR)"],
            ["N° client", "Date de commande", "Montant TTC"],
            ["ID cliente", "Fecha de compra", "Importe"],
            ["customer.id", "Order Date", "Total, incl. VAT"],
            ["顧客ID", "注文日時", "合計金額"],
        ] {
            let layout = layout(&[], &header).unwrap();
            assert_eq!(layout.places[..3], [Some(0), Some(1), Some(2)], "{header:?}");
        }
    }

    #[test]
    fn a_unit_price_is_multiplied_where_pieces_are_counted() {
        let of = |pairs: &[(&str, &str)], header: &[&str]| layout(pairs, header).unwrap().multiply;
        let uci = ["InvoiceNo", "StockCode", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID"];
        assert_eq!(of(&[], &uci), Multiply::Sure);
        assert_eq!(of(&[("amount", "UnitPrice")], &uci), Multiply::Sure);
        assert_eq!(of(&[("quantity", "")], &uci), Multiply::No);
        assert_eq!(of(&[], &["customer", "date", "price", "qty"]), Multiply::Likely);
        assert_eq!(of(&[], &["customer_id", "occurred_at", "amount", "quantity"]), Multiply::No);
        assert_eq!(of(&[], &["customer", "date", "price", "total", "qty"]), Multiply::No);
    }

    #[test]
    fn a_known_export_keeps_its_meaning_when_columns_are_mapped() {
        let header = [
            "Name",
            "Email",
            "Financial Status",
            "Created at",
            "Total",
            "Lineitem quantity",
            "Lineitem price",
        ];
        let own = layout(&[], &header).unwrap();
        assert_eq!((own.export, own.order_total), (Some("Shopify orders export"), true));
        let pairs = [
            ("customer_id", "Email"),
            ("occurred_at", "Created at"),
            ("amount", "Total"),
            ("order_id", "Name"),
        ];
        assert_eq!(layout(&pairs, &header).unwrap().places, own.places);
        let lines = layout(&[("amount", "Lineitem price")], &header).unwrap();
        assert_eq!((lines.multiply, lines.order_total), (Multiply::Sure, false));
        assert_eq!(lines.places[Column::Status as usize], Some(2));
    }

    #[test]
    fn a_mapping_that_makes_no_sense_is_refused() {
        let message = |pairs: &[(&str, &str)]| mapping(pairs).err().unwrap().to_string();
        assert!(message(&[("customer", "c")]).starts_with("unknown column `customer`"));
        assert!(message(&[("amount", "x"), ("quantity", "x")]).contains("both `amount` and `quantity`"));
    }

    #[test]
    fn what_is_missing_is_named() {
        let message =
            |pairs: &[(&str, &str)], header: &[&str]| layout(pairs, header).unwrap_err().to_string();
        let plain = message(&[], &["id", "occurred_at", "amount"]);
        assert!(
            plain.contains("`f.csv` has no column `customer_id`; it has `id`, `occurred_at`, `amount`"),
            "{plain}"
        );
        assert!(plain.contains("--columns customer_id=..."), "{plain}");
        let all = message(&[], &["Nr", "Order Date", "Wert"]);
        for part in
            ["no column `customer_id` or `amount`", "occurred_at = Order Date", "customer_id=...,amount=..."]
        {
            assert!(all.contains(part), "{part}: {all}");
        }
        let two =
            message(&[("channel", "till"), ("category", "group")], &["customer_id", "occurred_at", "amount"]);
        assert!(two.contains("no column `group`") && two.contains("no `till` (`channel=till`)"), "{two}");
        let mapped = message(&[("channel", "till")], &["customer_id", "occurred_at", "amount"]);
        assert!(mapped.contains("no column `till` (`--columns channel=till`)"), "{mapped}");
        let double = message(&[], &["customer_id", "occurred_at", "amount", "amount"]);
        assert!(double.contains("two columns named `amount`"), "{double}");
    }
}
