//! Rows of JSON: one object a line, an array of objects, or one object after the other.

mod object;

use std::io::{self, BufRead, Read};

use object::{Fields, Tree, parse};
use serde::de::IgnoredAny;
use serde_json::Value;

use super::columns::COLUMNS;
use super::encoding::Encoding;
use super::files::DataFile;
use super::lines::Cell;
use super::progress::Progress;
use super::rejects::{Cause, Place};
use super::rows::{Take, Wanted};
use crate::{Error, ReadOptions};

/// Bytes of an object at most.
const OBJECT_BYTES: u64 = 16 << 20;

/// Bytes at the beginning of a file whose objects give the columns, and objects at most.
const START_BYTES: usize = 1 << 18;
const START_OBJECTS: usize = 1000;

/// Names at most, and how deep an object in an object is looked into.
const NAMES: usize = 2000;
const DEPTH: usize = 5;

/// A JSON file whose columns are known.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) encoding: Encoding,
    layout: Objects,
    header: Vec<String>,
}

/// How the objects follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Objects {
    Lines,
    /// From a byte on, set off by commas or blanks, until a bracket closes.
    From(usize),
}

impl Table {
    /// Finds how the objects follow each other, and the names of their values; a value in an object in an object is
    /// named with a point, as in `customer.id`.
    pub(crate) fn open(
        file: &DataFile,
        options: &ReadOptions,
        suits: &dyn Fn(&[String]) -> bool,
    ) -> Result<Table, Error> {
        let (start, whole) = file.start(START_BYTES)?;
        let encoding = match &options.encoding {
            Some(name) => Encoding::named(name, &start)?,
            None => Encoding::candidates(&start, whole)[0],
        };
        let text = encoding.decode(&start, true);
        let of = |layout: Objects| Table { encoding, layout, header: names(&text, layout) };
        let trimmed = text.trim_start();
        let at = text.len() - trimmed.len();
        if trimmed.is_empty() {
            return Err(Error::EmptyFile { path: file.shown.clone() });
        }
        if trimmed.starts_with('[') {
            return Ok(of(Objects::From(at + 1)));
        }
        let first = trimmed.lines().next().unwrap_or_default().trim();
        if trimmed.starts_with('{') {
            let complete = serde_json::from_str::<IgnoredAny>(first).is_ok();
            let lines = of(Objects::Lines);
            if complete && suits(&lines.header) {
                return Ok(lines);
            }
            if let Some(inner) = wrapped(trimmed.as_bytes()) {
                let table = of(Objects::From(at + inner));
                if suits(&table.header) {
                    return Ok(table);
                }
            }
            // An object that is not whole in its first line goes on in the next.
            let opened = !first.contains("}") && first.len() < trimmed.len();
            let table = if complete || !opened { lines } else { of(Objects::From(at)) };
            // Nothing of it parses: an object that is cut off, not a table without columns.
            if !complete && table.header.is_empty() {
                let reason = "the object is not closed".to_owned();
                return Err(Error::NotNdjson { path: file.shown.clone(), line: 1, reason });
            }
            return Ok(table);
        }
        let line = text[..at].lines().count().max(1) as u64;
        let begins: String = first.chars().take(20).collect();
        Err(Error::NotNdjson { path: file.shown.clone(), line, reason: format!("it begins with `{begins}`") })
    }

    pub(crate) fn header(&self) -> &[String] {
        &self.header
    }

    pub(crate) fn read<T: Take>(
        &self,
        file: &DataFile,
        at: u32,
        wanted: &Wanted,
        take: &mut T,
        progress: &Progress,
    ) -> Result<(), Error> {
        let unreadable = |reason| file.unreadable(reason);
        let mut text = self.encoding.text(file.unpacked(Some(progress))?).map_err(unreadable)?;
        let tree = Tree::new(wanted);
        match self.layout {
            Objects::Lines => read_lines(&mut text, file, at, (&tree, wanted), take),
            Objects::From(from) => {
                io::copy(&mut text.by_ref().take(from as u64), &mut io::sink()).map_err(unreadable)?;
                read_objects(&mut text, file, at, (&tree, wanted), take)
            }
        }
    }

    /// The rows of a stretch of whole lines.
    pub(crate) fn read_stretch<T: Take>(
        &self,
        stretch: &[u8],
        wanted: &Wanted,
        take: &mut T,
    ) -> Result<(), Error> {
        if self.layout != Objects::Lines || !self.encoding.is_utf8() {
            return Ok(());
        }
        let tree = Tree::new(wanted);
        for line in stretch.split(|&byte| byte == b'\n') {
            if let Ok(fields) = parse(line.trim_ascii(), &tree) {
                take.take(Place { file: 0, row: 0, span: 1 }, &cells(&fields, wanted))?;
                if take.done() {
                    break;
                }
            }
        }
        Ok(())
    }
}

fn cells<'a>(fields: &'a Fields<'_>, wanted: &'a Wanted) -> [Cell<'a>; COLUMNS] {
    let mut cells = wanted.constants();
    for (slot, _) in &wanted.names {
        cells[*slot] = fields[*slot].cell();
    }
    cells
}

fn read_lines<T: Take>(
    text: &mut dyn BufRead,
    file: &DataFile,
    at: u32,
    (tree, wanted): (&Tree, &Wanted),
    take: &mut T,
) -> Result<(), Error> {
    let mut line = Vec::new();
    let (mut row, mut objects) = (0, 0u64);
    loop {
        line.clear();
        let read = text.take(OBJECT_BYTES).read_until(b'\n', &mut line);
        let read = read.map_err(|reason| file.unreadable(reason))?;
        if read == 0 {
            break;
        }
        row += 1;
        let content = line.trim_ascii();
        if content.is_empty() {
            continue;
        }
        let place = Place { file: at, row, span: 1 };
        let not_json = |reason: String| Error::NotNdjson { path: file.shown.clone(), line: row, reason };
        if read as u64 == OBJECT_BYTES && !line.ends_with(b"\n") {
            return Err(not_json("it is longer than 16 MiB".to_owned()));
        }
        match parse(content, tree) {
            Ok(fields) => {
                objects += 1;
                take.take(place, &cells(&fields, wanted))?;
                if take.done() {
                    return Ok(());
                }
            }
            // What begins wrong is another format; what goes wrong later is a bad line.
            Err(reason) if objects == 0 => return Err(not_json(reason)),
            Err(_) => {
                let utf8 = std::str::from_utf8(content).is_ok();
                let cause = if utf8 { Cause::BadJson } else { Cause::NotUtf8 };
                take.refuse(place, cause, || String::from_utf8_lossy(content).into_owned());
            }
        }
    }
    if objects == 0 { Err(Error::EmptyFile { path: file.shown.clone() }) } else { Ok(()) }
}

fn read_objects<T: Take>(
    text: &mut dyn BufRead,
    file: &DataFile,
    at: u32,
    (tree, wanted): (&Tree, &Wanted),
    take: &mut T,
) -> Result<(), Error> {
    let mut scanner = Scanner::default();
    let mut row = 0;
    loop {
        let next = scanner.next(text).map_err(|reason| file.unreadable(reason))?;
        let not_json = |reason: &str| Error::NotNdjson {
            path: file.shown.clone(),
            line: scanner.line,
            reason: reason.to_owned(),
        };
        match next {
            Next::Object => {
                row += 1;
                let place = Place { file: at, row, span: 1 };
                match parse(&scanner.object, tree) {
                    Ok(fields) => take.take(place, &cells(&fields, wanted))?,
                    Err(reason) if row == 1 => return Err(not_json(&reason)),
                    Err(_) => take.refuse(place, Cause::BadJson, || {
                        String::from_utf8_lossy(&scanner.object).into_owned()
                    }),
                }
                if take.done() {
                    return Ok(());
                }
            }
            Next::End => return if row == 0 { Err(Error::NoLines { files: 1 }) } else { Ok(()) },
            Next::Cut => return Err(not_json("the file ends in the middle of it")),
            Next::Other => return Err(not_json("something else stands between the objects")),
            Next::TooLong => return Err(not_json("it is longer than 16 MiB")),
        }
    }
}

enum Next {
    Object,
    End,
    /// The file ends within an object.
    Cut,
    /// There is something other than objects between them.
    Other,
    TooLong,
}

/// Cuts a text into its objects.
#[derive(Default)]
struct Scanner {
    object: Vec<u8>,
    /// Line, from where the objects begin.
    line: u64,
}

impl Scanner {
    fn next(&mut self, text: &mut dyn BufRead) -> io::Result<Next> {
        self.object.clear();
        let (mut depth, mut quoted, mut escaped) = (0u32, false, false);
        loop {
            let bytes = text.fill_buf()?;
            if bytes.is_empty() {
                return Ok(if depth == 0 { Next::End } else { Next::Cut });
            }
            let mut used = 0;
            let mut found = None;
            for &byte in bytes {
                used += 1;
                self.line += u64::from(byte == b'\n');
                if depth == 0 {
                    match byte {
                        b'{' => {
                            depth = 1;
                            self.object.push(byte);
                        }
                        b']' => found = Some(Next::End),
                        b',' | b' ' | b'\n' | b'\r' | b'\t' | 0x1e => {}
                        _ => found = Some(Next::Other),
                    }
                    if found.is_some() {
                        break;
                    }
                    continue;
                }
                self.object.push(byte);
                if quoted {
                    quoted = escaped || byte != b'"';
                    escaped = !escaped && byte == b'\\';
                    continue;
                }
                match byte {
                    b'"' => quoted = true,
                    b'{' => depth += 1,
                    b'}' => {
                        depth -= 1;
                        if depth == 0 {
                            found = Some(Next::Object);
                            break;
                        }
                    }
                    _ => {}
                }
            }
            text.consume(used);
            if let Some(found) = found {
                return Ok(found);
            }
            if self.object.len() as u64 > OBJECT_BYTES {
                return Ok(Next::TooLong);
            }
        }
    }
}

/// Where the array of objects begins that an object holds, as in `{"orders": [{...}, ...]}`: behind its bracket.
fn wrapped(text: &[u8]) -> Option<usize> {
    let (mut depth, mut quoted, mut escaped) = (0, false, false);
    for (at, &byte) in text.iter().enumerate() {
        if quoted {
            quoted = escaped || byte != b'"';
            escaped = !escaped && byte == b'\\';
            continue;
        }
        match byte {
            b'"' => quoted = true,
            b'{' => depth += 1,
            b'}' => depth -= 1,
            b'[' if depth == 1 && text[at + 1..].trim_ascii_start().starts_with(b"{") => return Some(at + 1),
            b'[' => depth += 1,
            b']' => depth -= 1,
            _ => {}
        }
    }
    None
}

/// The names of the values in the first objects, in the order in which they are met.
fn names(text: &str, layout: Objects) -> Vec<String> {
    let mut names = Vec::new();
    match layout {
        Objects::Lines => {
            for line in text.lines().take(START_OBJECTS) {
                if let Ok(value) = serde_json::from_str(line.trim()) {
                    add_names(&value, "", DEPTH, &mut names);
                }
            }
        }
        Objects::From(from) => {
            let mut rest = text.as_bytes().get(from..).unwrap_or_default();
            let mut scanner = Scanner::default();
            for _ in 0..START_OBJECTS {
                let Ok(Next::Object) = scanner.next(&mut rest) else { break };
                if let Ok(value) = serde_json::from_slice(&scanner.object) {
                    add_names(&value, "", DEPTH, &mut names);
                }
            }
        }
    }
    names
}

fn add_names(value: &Value, before: &str, depth: usize, names: &mut Vec<String>) {
    let Value::Object(object) = value else { return };
    for (key, value) in object {
        let name = if before.is_empty() { key.clone() } else { format!("{before}.{key}") };
        match value {
            Value::Object(_) if depth > 1 => add_names(value, &name, depth - 1, names),
            _ if names.len() < NAMES && !names.contains(&name) => names.push(name),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_are_cut_out_of_an_array() {
        let mut text = &br#" {"a": "}]\"{"}, {"b": {"c": 1}}
            ] x"#[..];
        let mut scanner = Scanner::default();
        let mut found = Vec::new();
        while let Next::Object = scanner.next(&mut text).unwrap() {
            found.push(String::from_utf8(scanner.object.clone()).unwrap());
        }
        assert_eq!(found, [r#"{"a": "}]\"{"}"#, r#"{"b": {"c": 1}}"#]);
        assert!(matches!(Scanner::default().next(&mut &b"{\"a\": 1"[..]).unwrap(), Next::Cut));
        assert_eq!(wrapped(br#"{"count": 1, "tags": [1], "orders": [ {"id": 1}]}"#), Some(37));
    }
}
