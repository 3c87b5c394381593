//! Any table as columns of numbers or texts, whatever its columns are called: experiments, not purchases.

use std::collections::HashMap;
use std::io;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;

use crate::Error;
use crate::readers::files::{DataFile, expand};
use crate::readers::rows::{Take, Wanted};
use crate::readers::table::Table;
use crate::readers::{Cause, Cell, Cells, KNOWN_COLUMNS, Place, Progress, ReadOptions};

/// Texts that stand for a missing value.
const MISSING: [&str; 8] = ["", "NA", "N/A", "NaN", "nan", "NULL", "null", "None"];

/// A table whose columns are as long as each other.
///
/// ```
/// use homing_datasets::frame::Frame;
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("experiment.csv");
/// std::fs::write(&path, "group,age,city\na,31,Oslo\nb,,Bergen\n")?;
/// let frame = Frame::read(&[path.display().to_string()])?;
/// assert_eq!(frame.rows(), 2);
/// assert_eq!(frame.column("age").and_then(|age| age.numbers()).map(|ages| ages[0]), Some(31.0));
/// assert_eq!(frame.column("city").map(|city| city.text(1)), Some(Some("Bergen".to_owned())));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Frame {
    columns: Vec<(String, Values)>,
    rows: usize,
}

/// The values of a column.
#[derive(Clone, Debug)]
pub enum Values {
    /// Numbers as the file declares them; NaN where there is none.
    Numbers(Vec<f64>),
    /// Texts: the place of each value among the distinct ones, `None` where there is none.
    Texts {
        /// The distinct values, in the order of their first occurrence.
        distinct: Vec<String>,
        /// One code a row.
        codes: Vec<Option<u32>>,
    },
}

impl Values {
    /// The column as numbers, NaN where a value is missing; `None` if a value is a text that is no number.
    #[must_use]
    pub fn numbers(&self) -> Option<Vec<f64>> {
        match self {
            Values::Numbers(numbers) => Some(numbers.clone()),
            Values::Texts { distinct, codes } => {
                let parsed: Option<Vec<f64>> =
                    distinct.iter().map(|text| text.parse().ok().filter(|x: &f64| x.is_finite())).collect();
                let parsed = parsed?;
                Some(codes.iter().map(|code| code.map_or(f64::NAN, |code| parsed[code as usize])).collect())
            }
        }
    }

    /// The distinct values as texts in the order of their first occurrence, and the code of each row.
    #[must_use]
    pub fn texts(&self) -> (Vec<String>, Vec<Option<u32>>) {
        match self {
            Values::Texts { distinct, codes } => (distinct.clone(), codes.clone()),
            Values::Numbers(numbers) => {
                let mut known = Dictionary::default();
                let codes =
                    numbers.iter().map(|x| (!x.is_nan()).then(|| known.code(&x.to_string()))).collect();
                (known.distinct, codes)
            }
        }
    }

    /// The value of a row as text; `None` where it is missing.
    #[must_use]
    pub fn text(&self, row: usize) -> Option<String> {
        match self {
            Values::Numbers(numbers) => numbers.get(row).filter(|x| !x.is_nan()).map(f64::to_string),
            Values::Texts { distinct, codes } => {
                codes.get(row).copied().flatten().map(|code| distinct[code as usize].clone())
            }
        }
    }
}

impl Frame {
    /// Reads tables of any format that homing reads (paths, globs, folders). The first file gives the columns; each
    /// other file must have them too.
    ///
    /// # Errors
    /// [`Error`]: a file that cannot be read, a row that does not fit its header, or a missing column.
    pub fn read(paths: &[String]) -> Result<Frame, Error> {
        Frame::of_files(expand(paths, None)?.files)
    }

    /// A table in memory; `shown` is what errors call it.
    ///
    /// # Errors
    /// Those of [`Frame::read`].
    pub fn of_batches(schema: SchemaRef, batches: Vec<RecordBatch>, shown: &str) -> Result<Frame, Error> {
        Frame::of_files(vec![DataFile::of_frame(schema, batches, shown)])
    }

    fn of_files(files: Vec<DataFile>) -> Result<Frame, Error> {
        let mut frame: Option<Frame> = None;
        for file in files {
            let table = Table::open(&file, &ReadOptions::default(), &|header| header.len() > 1)?;
            let header = table.header();
            let known = frame.get_or_insert_with(|| Frame {
                columns: header.iter().map(|name| (name.clone(), Values::Numbers(Vec::new()))).collect(),
                rows: 0,
            });
            known.append(&file, &table, &header)?;
        }
        Ok(frame.unwrap_or_default())
    }

    fn append(&mut self, file: &DataFile, table: &Table, header: &[String]) -> Result<(), Error> {
        let places: Option<Vec<usize>> =
            self.columns.iter().map(|(name, _)| header.iter().position(|column| column == name)).collect();
        let Some(places) = places else {
            let lacking: Vec<&str> = self
                .columns
                .iter()
                .map(|(name, _)| name.as_str())
                .filter(|name| !header.iter().any(|column| column == name))
                .collect();
            return Err(
                file.unreadable(io::Error::other(format!("it lacks the columns {}", lacking.join(", "))))
            );
        };
        let silent = Progress::new(false, "", 0);
        let mut rows = self.rows;
        // A row has room for as many cells as an event has columns, so a wide table is read several times.
        for (slots, columns) in
            places.chunks(KNOWN_COLUMNS.len()).zip(self.columns.chunks_mut(KNOWN_COLUMNS.len()))
        {
            let slots: Vec<Option<usize>> = slots.iter().map(|place| Some(*place)).collect();
            let wanted = Wanted::new(&slots, header, &[]);
            let builders = columns.iter_mut().map(|(_, values)| Builder::of(values)).collect();
            let mut take = Columns { builders, fault: None };
            for part in 0..table.parts() {
                table.read(file, (0, part), &wanted, &mut take, &silent)?;
            }
            if let Some(fault) = take.fault {
                return Err(file.unreadable(io::Error::other(fault)));
            }
            for (builder, (_, values)) in take.builders.into_iter().zip(columns) {
                *values = builder.values();
                rows = values.len();
            }
        }
        self.rows = rows;
        Ok(())
    }

    /// A table of columns that are as long as each other.
    #[must_use]
    pub fn of(columns: Vec<(String, Values)>) -> Frame {
        let rows = columns.first().map_or(0, |(_, values)| values.len());
        Frame { columns, rows }
    }

    /// Number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The names of the columns in the order of the file.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(|(name, _)| name.as_str())
    }

    /// The column of a name.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<&Values> {
        self.columns.iter().find(|(own, _)| own == name).map(|(_, values)| values)
    }
}

impl Values {
    fn len(&self) -> usize {
        match self {
            Values::Numbers(numbers) => numbers.len(),
            Values::Texts { codes, .. } => codes.len(),
        }
    }
}

/// Distinct texts and their codes.
#[derive(Default)]
struct Dictionary {
    distinct: Vec<String>,
    codes: HashMap<String, u32>,
}

impl Dictionary {
    fn code(&mut self, text: &str) -> u32 {
        if let Some(code) = self.codes.get(text) {
            return *code;
        }
        let code = self.distinct.len() as u32;
        self.distinct.push(text.to_owned());
        self.codes.insert(text.to_owned(), code);
        code
    }
}

/// A column that grows: of numbers until the first text comes.
enum Builder {
    Numbers(Vec<f64>),
    Texts(Dictionary, Vec<Option<u32>>),
}

impl Builder {
    fn of(values: &mut Values) -> Builder {
        match std::mem::replace(values, Values::Numbers(Vec::new())) {
            Values::Numbers(numbers) => Builder::Numbers(numbers),
            Values::Texts { distinct, codes } => {
                let known = distinct.iter().enumerate().map(|(at, text)| (text.clone(), at as u32)).collect();
                Builder::Texts(Dictionary { distinct, codes: known }, codes)
            }
        }
    }

    fn values(self) -> Values {
        match self {
            Builder::Numbers(numbers) => Values::Numbers(numbers),
            Builder::Texts(dictionary, codes) => Values::Texts { distinct: dictionary.distinct, codes },
        }
    }

    fn push(&mut self, cell: &Cell<'_>) {
        let number = match *cell {
            Cell::Int(x) => Some(x as f64),
            Cell::UInt(x) => Some(x as f64),
            Cell::Float(x) => Some(x),
            Cell::Bool(x) => Some(f64::from(u8::from(x))),
            Cell::Instant(at) | Cell::Local(at) => Some(at as f64),
            Cell::Null => Some(f64::NAN),
            Cell::Text(text) if MISSING.contains(&text.trim()) => Some(f64::NAN),
            Cell::Text(_) | Cell::Other => None,
        };
        if let (Builder::Numbers(numbers), None) = (&*self, number) {
            let (distinct, codes) = Values::Numbers(numbers.clone()).texts();
            let known = distinct.iter().enumerate().map(|(at, text)| (text.clone(), at as u32)).collect();
            *self = Builder::Texts(Dictionary { distinct, codes: known }, codes);
        }
        match self {
            Builder::Numbers(numbers) => numbers.push(number.unwrap_or(f64::NAN)),
            Builder::Texts(_, codes) if number.is_some_and(f64::is_nan) => codes.push(None),
            Builder::Texts(dictionary, codes) => {
                let text = number.map_or_else(|| cell.to_string().trim().to_owned(), |x| x.to_string());
                codes.push(Some(dictionary.code(&text)));
            }
        }
    }
}

/// Takes rows into columns.
struct Columns {
    builders: Vec<Builder>,
    fault: Option<String>,
}

impl Take for Columns {
    fn take(&mut self, _: Place, cells: &Cells<'_>) -> Result<(), Error> {
        self.builders.iter_mut().zip(cells).for_each(|(builder, cell)| builder.push(cell));
        Ok(())
    }

    fn refuse(&mut self, place: Place, cause: Cause, _: impl FnOnce() -> String) {
        self.fault.get_or_insert_with(|| format!("line {}: {cause}", place.row));
    }

    fn done(&self) -> bool {
        self.fault.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt::Write as _;

    fn read(name: &str, text: &str) -> Result<Frame, Error> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        Frame::read(&[path.display().to_string()])
    }

    #[test]
    fn numbers_texts_and_what_is_missing_are_told_apart() {
        let frame = read("a.csv", "arm,x,y\na,1,NA\nb,,2.5\nb,07,z\n").unwrap();
        assert_eq!(frame.names().collect::<Vec<_>>(), ["arm", "x", "y"]);
        let x = frame.column("x").unwrap();
        assert_eq!((x.text(0), x.text(1), x.text(2)), (Some("1".to_owned()), None, Some("07".to_owned())));
        assert!(x.numbers().unwrap()[1].is_nan() && x.numbers().unwrap()[2] == 7.0);
        assert!(frame.column("y").unwrap().numbers().is_none());
        assert_eq!(
            frame.column("arm").unwrap().texts(),
            (vec!["a".into(), "b".into()], vec![Some(0), Some(1), Some(1)])
        );
    }

    #[test]
    fn json_and_tables_wider_than_an_event_are_read_whole() {
        let frame = read("a.ndjson", "{\"arm\":1,\"x\":\"p\"}\n{\"arm\":0,\"x\":\"q\"}\n").unwrap();
        assert_eq!(frame.column("arm").unwrap().text(1), Some("0".to_owned()));
        let names: Vec<String> = (0..60).map(|i| format!("f{i}")).collect();
        let mut text = names.join(",") + "\n";
        for row in 0..3 {
            let cells: Vec<String> = (0..60).map(|i| (row * 100 + i).to_string()).collect();
            writeln!(text, "{}", cells.join(",")).unwrap();
        }
        let frame = read("wide.csv", &text).unwrap();
        assert_eq!((frame.rows(), frame.column("f59").unwrap().text(2)), (3, Some("259".to_owned())));
    }

    #[test]
    fn a_row_that_does_not_fit_is_refused_with_its_line() {
        let error = read("a.csv", "arm,x\na,1\nb,2,3,4\n").unwrap_err().to_string();
        assert!(error.contains("line 3"), "{error}");
    }
}
