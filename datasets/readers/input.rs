//! Files whose columns are found and understood, and whose lines wait to be read.

use std::collections::BTreeMap;
use std::sync::Arc;

use rayon::prelude::*;

use super::columns::{Column, KNOWN, Layout, Mapping};
use super::evidence::{Evidence, Order};
use super::files::{self, DataFile};
use super::forms::date_column::Decision;
use super::gather::{Gather, Sink};
use super::join::{self, Join, Joining, Lacking};
use super::lines::{Grouped, Rules};
use super::progress::Progress;
use super::recognised::{Preview, Recognised};
use super::rows::{Take, Wanted};
use super::table::Table;
use super::tally::Tally;
use super::{ReadOptions, ReadSummary, candidates};
use crate::Error;
use crate::warnings::{Code, Warnings};

/// Places in the files from which customers are sampled, and how many at each.
const SAMPLED_PARTS: usize = 64;
const SAMPLED_ROWS: u64 = 2048;
const SAMPLED_BYTES: usize = 1 << 16;

/// Rows of a layout by whose values its columns are understood, and of one file at most.
const EVIDENCE_ROWS: u64 = 20_000;
const EVIDENCE_ROWS_EACH: u64 = 2000;

/// Stretches of a long text that are looked at besides its beginning.
const EVIDENCE_STRETCHES: usize = 8;

/// Lines that are shown as understood, and layouts that are.
const SHOWN_LINES: usize = 3;
const SHOWN_LAYOUTS: usize = 20;

/// Files whose columns are found and whose lines wait to be read.
pub(crate) struct Input {
    pub(crate) files: Vec<DataFile>,
    plans: Vec<Plan>,
    mapping: Mapping,
    warnings: Warnings,
    recognised: Vec<Recognised>,
    /// Files whose rows are parts of the lines of others.
    joined: usize,
    /// Bytes of all files.
    pub(crate) bytes: u64,
}

/// A file and a part of it that can be read on its own.
pub(crate) type Part = (usize, usize);

/// What is known of a file before its lines are read.
struct Plan {
    table: Table,
    /// The names of the columns, those given by the path last.
    header: Vec<String>,
    constants: Vec<(String, String)>,
    layout: Layout,
    wanted: Wanted,
    rules: Rules,
    /// What other tables say of its lines. The names of their columns come last in the header.
    join: Option<Arc<Join>>,
}

/// Why a file has no plan.
enum Refused {
    /// It lacks columns, which other tables may have.
    Lacking(Box<Lacking>),
    Otherwise(Error),
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Refused::Otherwise(error)
    }
}

impl Plan {
    fn new(file: &DataFile, mapping: &Mapping, options: &ReadOptions) -> Result<Plan, Refused> {
        let constants = file.partitions();
        let whole = |own: &[String]| -> (Vec<String>, Vec<(String, String)>) {
            let new = constants.iter().filter(|(name, _)| !own.contains(name));
            let constants: Vec<(String, String)> = new.cloned().collect();
            (own.iter().cloned().chain(constants.iter().map(|(name, _)| name.clone())).collect(), constants)
        };
        let table = Self::open(file, mapping, options, &|own| whole(own).0)?;
        let (header, constants) = whole(&table.header());
        let (layout, missing) = mapping.found(&file.shown, &header, table.is_partial())?;
        let wanted = Wanted::new(&layout.places, &header, &constants);
        let mut plan = Plan { table, header, constants, layout, wanted, rules: Rules::default(), join: None };
        if missing == [Column::CustomerId] && plan.has_headings(file) {
            return Ok(plan);
        }
        if !missing.is_empty() {
            let Plan { table, header, layout, .. } = plan;
            return Err(Refused::Lacking(Box::new(Lacking {
                file: file.clone(),
                table,
                header,
                layout,
                missing,
            })));
        }
        plan.table.check_types(file, &plan.wanted)?;
        Ok(plan)
    }

    /// Finds the columns. Where no line names all that are needed, one that names most of them is the header.
    fn open(
        file: &DataFile,
        mapping: &Mapping,
        options: &ReadOptions,
        whole: &dyn Fn(&[String]) -> Vec<String>,
    ) -> Result<Table, Error> {
        let suits = |own: &[String]| mapping.suits(&whole(own));
        let table = Table::open(file, options, &suits);
        match &table {
            Ok(table) if suits(&table.header()) => {}
            Ok(_) | Err(Error::NoHeaderLine { .. }) => {
                let nearly = |own: &[String]| {
                    let found = mapping.found("", &whole(own), true);
                    found
                        .is_ok_and(|(_, missing)| missing.iter().filter(|column| column.needed()).count() < 2)
                };
                if let Ok(other) = Table::open(file, options, &nearly)
                    && nearly(&other.header())
                {
                    return Ok(other);
                }
            }
            Err(_) => {}
        }
        table
    }

    /// Whether customers stand in headings above their rows: in a column without a name, or alone in a row.
    fn has_headings(&mut self, file: &DataFile) -> bool {
        if !matches!(self.table, Table::Csv(_) | Table::Workbook(_)) {
            return false;
        }
        let unnamed = (0..self.header.len()).filter(|&at| self.header[at].trim().is_empty());
        let places: Vec<Option<usize>> = unnamed.map(Some).chain([None]).collect();
        for place in places {
            self.layout.places[Column::CustomerId as usize] = place;
            self.wanted = Wanted::new(&self.layout.places, &self.header, &self.constants);
            let evidence = self.evidence(file, EVIDENCE_ROWS_EACH);
            if evidence.is_ok_and(|evidence| evidence.headings.grouped(place.is_some()) != Grouped::No) {
                return true;
            }
        }
        self.layout.places[Column::CustomerId as usize] = None;
        false
    }

    /// The columns of the table itself.
    fn wanted(&self) -> Wanted {
        let mut places = self.layout.places;
        if self.join.is_some() {
            let own = self.table.header().len();
            places.iter_mut().for_each(|place| *place = place.filter(|&at| at < own));
        }
        Wanted::new(&places, &self.header, &self.constants)
    }

    /// Whether its lines have no cells but those of the event itself and its currency.
    fn is_plain(&self) -> bool {
        let own = |slot: usize| slot < KNOWN || slot == Column::Currency as usize;
        let Wanted { slots, names, constants } = &self.wanted;
        let all = slots.iter().map(|(slot, _)| slot);
        let all = all.chain(names.iter().map(|(slot, _)| slot)).chain(constants.iter().map(|(slot, _)| slot));
        self.join.is_none() && all.copied().all(own)
    }

    /// Reads the rows of a part.
    fn read<T: Take>(
        &self,
        file: &DataFile,
        part: (u32, usize),
        wanted: &Wanted,
        take: &mut T,
        progress: &Progress,
    ) -> Result<(), Error> {
        match &self.join {
            None => self.table.read(file, part, wanted, take, progress),
            Some(join) => {
                let mut joining = Joining { join, layout: &self.layout, inner: take };
                self.table.read(file, part, wanted, &mut joining, progress)
            }
        }
    }

    /// Reads a stretch of whole lines, as far as it can be read.
    fn read_stretch<T: Take>(
        &self,
        stretch: &[u8],
        file: &DataFile,
        wanted: &Wanted,
        take: &mut T,
    ) -> Result<(), Error> {
        match &self.join {
            None => self.table.read_stretch(stretch, file, wanted, take),
            Some(join) => {
                let mut joining = Joining { join, layout: &self.layout, inner: take };
                self.table.read_stretch(stretch, file, wanted, &mut joining)
            }
        }
    }

    /// Files of one layout are understood together.
    fn key(&self, file: &DataFile) -> String {
        format!("{}\u{1}{}", file.format.name(), self.header.join("\u{1}"))
    }

    fn evidence(&self, file: &DataFile, rows: u64) -> Result<Evidence, Error> {
        let silent = Progress::new(false, "", 0);
        let mut evidence = Evidence::of_rows(rows);
        if self.table.parts() > 0 {
            self.read(file, (0, 0), &self.wanted, &mut evidence, &silent)?;
        }
        if evidence.done() && file.bytes > 8 * SAMPLED_BYTES as u64 {
            for stretch in file.stretches(EVIDENCE_STRETCHES, SAMPLED_BYTES).skip(1) {
                let mut more = Evidence::of_rows(rows / 8);
                // What cannot be read here is reported when it is actually read.
                if self.read_stretch(&stretch, file, &self.wanted, &mut more).is_ok() {
                    evidence.absorb(more);
                }
            }
        }
        Ok(evidence)
    }

    /// Evidence of all lines.
    fn all_evidence(&self, file: &DataFile) -> Result<Evidence, Error> {
        let silent = Progress::new(false, "", 0);
        let mut evidence = Evidence::default();
        for part in 0..self.table.parts() {
            self.read(file, (0, part), &self.wanted, &mut evidence, &silent)?;
        }
        Ok(evidence)
    }
}

/// The error for the first of the files that lack columns: what was recognised, and which of its columns may be meant.
fn missing(lacking: &[Lacking], complete: Option<&DataFile>, mapping: &Mapping) -> Error {
    let Some(Lacking { file, table, header, layout, missing }) = lacking.first() else {
        return Error::NoLines { files: 0 };
    };
    let error = mapping.missing_error(&file.shown, missing, Some((layout, header)), header);
    let Error::MissingColumn { path, columns, found, .. } = error else { return error };
    let named = layout.columns(header);
    let shape = Recognised::new(file, table, header, layout, &Rules::default()).shape();
    let named = if named.is_empty() { "no column".to_owned() } else { named };
    let export = layout.export.map_or(String::new(), |export| format!("{export}, "));
    let mut remedy = candidates::remedy(table, file, header, layout, missing);
    if let Some(complete) = complete {
        remedy += &format!(
            "; `{}` has all that is needed, so leave out `{path}` if it is no list of purchases",
            complete.shown
        );
    }
    Error::MissingColumn {
        path,
        columns,
        found,
        recognised: format!(" Recognised: {export}{shape}; {named}."),
        remedy,
    }
}

impl Input {
    /// What was understood of the files, where that is not plain, for somebody whose run is refused.
    pub(crate) fn recognised(&self) -> impl Iterator<Item = &Recognised> {
        self.recognised.iter().filter(|recognised| !recognised.is_plain())
    }

    /// Finds the files and understands their columns. Columns of all files are checked before any line is read, so that a
    /// wrong name costs no time.
    pub(crate) fn open(paths: &[String], options: &ReadOptions) -> Result<Input, Error> {
        Self::check_options(options)?;
        // A wrong name costs no search for files.
        Mapping::new(&options.columns)?;
        Self::understood(files::expand(paths, options.rejects.as_deref())?, options)
    }

    /// Understands the columns of a frame, as those of a file.
    pub(crate) fn of_frame(frame: DataFile, options: &ReadOptions) -> Result<Input, Error> {
        Self::check_options(options)?;
        Self::understood(files::Expanded { files: vec![frame], ..files::Expanded::default() }, options)
    }

    fn check_options(options: &ReadOptions) -> Result<(), Error> {
        match options.max_reject_share {
            share if (0.0..=1.0).contains(&share) => Ok(()),
            share => Err(Error::BadRejectShare(share)),
        }
    }

    fn understood(expanded: files::Expanded, options: &ReadOptions) -> Result<Input, Error> {
        let mapping = Mapping::new(&options.columns)?;
        let mut warnings = Warnings::default();
        for path in &expanded.not_read {
            warnings.note(Code::FilesNotRead, || path.clone());
        }
        let opened: Vec<(DataFile, Result<Plan, Refused>)> = expanded
            .files
            .into_par_iter()
            .map(|file| {
                let plan = Plan::new(&file, &mapping, options);
                (file, plan)
            })
            .collect();
        let (mut files, mut plans, mut lacking, mut refused) = (Vec::new(), Vec::new(), Vec::new(), None);
        for (file, plan) in opened {
            match plan {
                Ok(plan) => {
                    files.push(file);
                    plans.push(plan);
                }
                // Neither its name nor its columns say that it is a table.
                Err(error) if file.tentative => {
                    warnings.note(Code::FilesNotRead, || file.shown.clone());
                    refused.get_or_insert(error);
                }
                Err(Refused::Lacking(file)) => lacking.push(*file),
                Err(Refused::Otherwise(error)) => return Err(error),
            }
        }
        let mut joined = (0, 0);
        if !lacking.is_empty() {
            let found = if files.is_empty() { join::find(&lacking, &mapping)? } else { None };
            let Some(found) = found else { return Err(missing(&lacking, files.first(), &mapping)) };
            for &at in &found.unused {
                warnings.note(Code::FilesNotRead, || lacking[at].file.shown.clone());
            }
            for other in &found.other_amounts {
                warnings.note(Code::OtherAmounts, || other.clone());
            }
            joined = (found.join.files, found.join.bytes);
            let join = Arc::new(found.join);
            for (at, Lacking { file, table, .. }) in lacking.into_iter().enumerate() {
                if found.amounts.contains(&at) {
                    let mut plan = Plan {
                        table,
                        header: found.header.clone(),
                        constants: Vec::new(),
                        layout: found.layout.clone(),
                        wanted: Wanted::default(),
                        rules: Rules::default(),
                        join: Some(join.clone()),
                    };
                    plan.wanted = plan.wanted();
                    plan.table.check_types(&file, &plan.wanted)?;
                    files.push(file);
                    plans.push(plan);
                }
            }
        }
        if let (true, Some(error)) = (files.is_empty(), refused) {
            return Err(match error {
                Refused::Lacking(file) => missing(&[*file], None, &mapping),
                Refused::Otherwise(error) => error,
            });
        }
        let bytes = files.iter().map(|file| file.bytes).sum::<u64>() + joined.1;
        let mut input =
            Input { files, plans, mapping, warnings, recognised: Vec::new(), bytes, joined: joined.0 };
        input.understand(options)?;
        Ok(input)
    }

    /// Decides by the values of the columns how their lines are to be read.
    fn understand(&mut self, options: &ReadOptions) -> Result<(), Error> {
        let mut groups: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (at, (file, plan)) in self.files.iter().zip(&self.plans).enumerate() {
            groups.entry(plan.key(file)).or_default().push(at);
        }
        // In the order of the files, so that the first of them is reported first.
        let mut groups: Vec<Vec<usize>> = groups.into_values().collect();
        groups.sort_by_key(|group| group[0]);
        let evidence = groups
            .iter()
            .map(|group| {
                let rows = (EVIDENCE_ROWS / group.len() as u64).clamp(100, EVIDENCE_ROWS_EACH);
                self.gather(group, |plan, file| plan.evidence(file, rows))
            })
            .collect::<Result<Vec<_>, Error>>()?;
        let mut decisions = Vec::with_capacity(groups.len());
        for (group, evidence) in groups.iter().zip(&evidence) {
            let mut orders = evidence.orders();
            let undecided = |decision: &Decision| !matches!(decision, Decision::Settled(_));
            if options.dates.is_none() && orders.iter().any(undecided) {
                // The sample leaves it open: all lines may decide it.
                orders = self.gather(group, Plan::all_evidence)?.orders();
            }
            decisions.push(orders);
        }
        for (at, group) in groups.iter().enumerate() {
            let order = Order {
                occurred_at: self.order(Column::OccurredAt, at, group, &decisions, &evidence[at], options)?,
                recorded_at: self.order(Column::RecordedAt, at, group, &decisions, &evidence[at], options)?,
            };
            for &file in group {
                let plan = &mut self.plans[file];
                evidence[at].correct(&mut plan.layout, &plan.header, &mut self.warnings);
                plan.wanted = plan.wanted();
                if plan.table.is_partial() {
                    // A row may have a column that none of the first ones has.
                    for column in Column::ALL {
                        if let (None, Some(own)) =
                            (plan.layout.places[column as usize], self.mapping.own(column))
                        {
                            plan.wanted.names.push((column as usize, own.to_owned()));
                        }
                    }
                }
                plan.rules = evidence[at].rules(&plan.layout, options, plan.table.is_typed(), order);
                plan.rules.plain = plan.is_plain();
            }
            if self.recognised.len() < SHOWN_LAYOUTS {
                self.recognise(group, options)?;
            }
        }
        Ok(())
    }

    fn gather(
        &self,
        group: &[usize],
        of: impl Fn(&Plan, &DataFile) -> Result<Evidence, Error> + Sync,
    ) -> Result<Evidence, Error> {
        let all: Vec<Evidence> =
            group.par_iter().map(|&at| of(&self.plans[at], &self.files[at])).collect::<Result<_, _>>()?;
        Ok(all.into_iter().fold(Evidence::default(), |mut all, more| {
            all.absorb(more);
            all
        }))
    }

    /// The order of day and month in the dates of a group of files.
    fn order(
        &mut self,
        column: Column,
        at: usize,
        group: &[usize],
        decisions: &[[Decision; 2]],
        evidence: &Evidence,
        options: &ReadOptions,
    ) -> Result<Option<super::DateOrder>, Error> {
        let of = |decisions: &[Decision; 2]| decisions[usize::from(column == Column::RecordedAt)].clone();
        let path = self.files[group[0]].shown.clone();
        let example = evidence.occurred_at.example.clone().unwrap_or_default();
        let decision = of(&decisions[at]);
        if let (Some(order), false) = (options.dates, matches!(decision, Decision::Settled(None))) {
            return Ok(Some(order));
        }
        match decision {
            Decision::Settled(order) => Ok(order),
            Decision::Assumed(order) => {
                self.warnings
                    .note(Code::AssumedDates, || format!("`{example}` in {path} was read as {order}"));
                Ok(Some(order))
            }
            Decision::Open(possible) => {
                // Other files of the same shop may show it.
                let mut told: Vec<_> = decisions
                    .iter()
                    .filter_map(|other| match of(other) {
                        Decision::Settled(order) => order,
                        _ => None,
                    })
                    .collect();
                told.dedup();
                match told[..] {
                    [order] if possible.contains(&order) => Ok(Some(order)),
                    _ => Err(Error::AmbiguousDates {
                        path,
                        column: column.name(),
                        example,
                        orders: possible.iter().map(|order| order.name()).collect::<Vec<_>>().join(" or "),
                    }),
                }
            }
            Decision::Contradictory => Err(Error::ContradictoryDates { path, column: column.name() }),
        }
    }

    /// Notes how a group of files was understood.
    fn recognise(&mut self, group: &[usize], options: &ReadOptions) -> Result<(), Error> {
        let (file, plan) = (&self.files[group[0]], &self.plans[group[0]]);
        let mut recognised = Recognised::new(file, &plan.table, &plan.header, &plan.layout, &plan.rules);
        recognised.files = group.len();
        recognised.joined = plan.join.as_ref().map(|join| join.shown.clone());
        if options.preview && plan.table.parts() > 0 {
            let mut preview = Preview::new(&plan.rules, options.zone, SHOWN_LINES);
            let silent = Progress::new(false, "", 0);
            plan.read(file, (0, 0), &plan.wanted, &mut preview, &silent)?;
            recognised.first_lines = preview.lines;
        }
        self.recognised.push(recognised);
        Ok(())
    }

    /// All parts, in the order of the files and their rows.
    pub(crate) fn parts(&self) -> Vec<Part> {
        let plans = self.plans.iter().enumerate();
        plans.flat_map(|(at, plan)| (0..plan.table.parts()).map(move |part| (at, part))).collect()
    }

    /// Reads a part.
    pub(crate) fn read<S: Sink>(
        &self,
        (at, part): Part,
        gather: &mut Gather<S>,
        progress: &Progress,
    ) -> Result<(), Error> {
        let plan = &self.plans[at];
        gather.begin(&plan.rules, plan.table.is_partial());
        plan.read(&self.files[at], (at as u32, part), &plan.wanted, gather, progress)?;
        gather.end();
        Ok(())
    }

    /// Writes the rejects and holds what was read against what was asked for.
    pub(crate) fn check(&self, tally: &Tally, options: &ReadOptions) -> Result<(), Error> {
        self.check_json_columns(tally)?;
        super::check(tally, &self.files, options)
    }

    /// JSON objects leave out what is empty, so a mapped optional column must occur in one of the files only.
    fn check_json_columns(&self, tally: &Tally) -> Result<(), Error> {
        let mut json =
            self.plans.iter().zip(&self.files).filter(|(plan, _)| plan.table.is_partial()).peekable();
        let Some((first, file)) = json.peek().copied() else { return Ok(()) };
        let placed: Vec<&Plan> = json.map(|(plan, _)| plan).collect();
        let there = |column: Column| {
            let at = column as usize;
            tally.seen_in_json[at] || placed.iter().any(|plan| plan.layout.places[at].is_some())
        };
        match self.mapping.missing(there) {
            Some(column) => Err(self.mapping.missing_error(&file.shown, &[column], None, &first.header)),
            None => Ok(()),
        }
    }

    /// What was read, but for the events themselves.
    pub(crate) fn summary(&self, tally: &Tally) -> ReadSummary {
        let mut warnings = self.warnings.clone();
        for file in self.files.iter().filter(|file| file.has_changed()) {
            warnings.note(Code::FileChanged, || file.shown.clone());
        }
        warnings.absorb(tally.all_warnings());
        let recognised = self.recognised.clone();
        ReadSummary {
            warnings,
            recognised,
            ..super::summary(tally, self.files.len() + self.joined, self.bytes)
        }
    }

    /// A guess at the number of lines.
    pub(crate) fn lines_guessed(&self) -> u64 {
        self.files.iter().zip(&self.plans).map(|(file, plan)| plan.table.rows_guessed(file)).sum()
    }

    /// Customers of some lines from all over the files: a guess at how lines are spread over customers. What
    /// cannot be read here is reported when it is actually read.
    pub(crate) fn sample(&self) -> Vec<Box<str>> {
        let parts = self.parts();
        let step = parts.len().div_ceil(SAMPLED_PARTS).max(1);
        let picked: Vec<Part> = parts.into_iter().step_by(step).collect();
        let stretches = (SAMPLED_PARTS / picked.len().max(1)).max(1);
        let silent = Progress::new(false, "", 0);
        let mut ids = Vec::new();
        for (at, part) in picked {
            let (file, plan) = (&self.files[at], &self.plans[at]);
            let only = |wanted: &Wanted| {
                let mut wanted = wanted.clone();
                // The receipt tells the customer where tables are joined.
                let column = if plan.join.is_some() { Column::OrderId } else { Column::CustomerId };
                wanted.slots.retain(|(slot, _)| *slot == column as usize);
                wanted.names.retain(|(slot, _)| *slot == column as usize);
                wanted
            };
            let wanted = only(&plan.wanted);
            let mut evidence = Evidence::of_customers(SAMPLED_ROWS);
            let _ = plan.read(file, (0, part), &wanted, &mut evidence, &silent);
            ids.extend(evidence.customers.take().into_iter().flatten());
            for stretch in file.stretches(stretches, SAMPLED_BYTES).skip(1) {
                let mut evidence = Evidence::of_customers(SAMPLED_ROWS);
                let _ = plan.read_stretch(&stretch, file, &wanted, &mut evidence);
                ids.extend(evidence.customers.take().into_iter().flatten());
            }
        }
        ids
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_changes_while_it_is_read_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        std::fs::write(&path, "customer_id,occurred_at,amount\na,2023-05-01,5\n").unwrap();
        let input = Input::open(&[path.display().to_string()], &ReadOptions::default()).unwrap();
        let changes = || input.summary(&Tally::new(false)).warnings.count(Code::FileChanged);
        assert_eq!(changes(), 0);
        std::fs::write(&path, "customer_id,occurred_at,amount\na,2023-05-01,5\nb,2023-05-02,6\n").unwrap();
        assert_eq!(changes(), 1);
        std::fs::remove_file(&path).unwrap();
        assert_eq!(changes(), 1);
    }
}
