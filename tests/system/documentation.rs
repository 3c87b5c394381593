//! What the docs tell readers to type is what the programs take.

use std::path::{Path, PathBuf};

use homing::cli::programs;

/// README, docs and the files beside them.
fn pages() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut pages = Vec::new();
    for folder in [root.to_owned(), root.join("docs"), root.join("examples")] {
        let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        pages.extend(files.filter(|path| path.extension().is_some_and(|e| e == "md")));
    }
    pages.sort();
    pages
}

/// The lines of the code blocks of a page, those that end in a backslash joined with the next. Of a console only what is typed.
fn lines_of_blocks(text: &str) -> Vec<String> {
    let (mut lines, mut inside, mut open): (Vec<String>, bool, bool) = (Vec::new(), false, false);
    let mut console = false;
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            (inside, open) = (!inside, false);
            console = line.trim() == "```console";
        } else if inside && (open || !console || line.starts_with("$ ")) {
            let (part, goes_on) = match line.trim_end().strip_suffix('\\') {
                Some(part) => (part, true),
                None => (line, false),
            };
            match lines.last_mut() {
                Some(last) if open => last.push_str(part),
                _ => lines.push(part.to_owned()),
            }
            open = goes_on;
        }
    }
    lines
}

/// The words of a command, as a shell would split them; a comment ends it.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote): (Vec<String>, Option<String>, Option<char>) =
        (Vec::new(), None, None);
    for c in line.chars() {
        match (quote, c) {
            (Some(open), c) if open == c => quote = None,
            (Some(_), c) => word.get_or_insert_default().push(c),
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, '#') if word.is_none() => break,
            (None, '>' | '|' | '&' | ';') => break,
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            (None, c) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

/// The command of homing in a line of a block, if it has one: after a prompt, an assignment, or a path of the job.
fn command(line: &str) -> Option<Vec<String>> {
    let mut words = words(line.trim_start().trim_start_matches("$ "));
    // The last one: a crontab names a user before the command.
    let program = words.iter().rposition(|word| {
        matches!(word.rsplit('/').next(), Some("homing" | "homing-train")) && !word.starts_with('/') || {
            word.starts_with("/usr") && word.rsplit('/').next().is_some_and(|name| name.starts_with("homing"))
        }
    })?;
    let is_prefix = |word: &String| {
        word.contains('=') || word.starts_with('*') || word.chars().all(|c| c.is_ascii_digit())
    };
    words[..program].iter().all(is_prefix).then(|| words.split_off(program))
}

#[test]
fn every_command_in_the_docs_is_one_that_the_programs_take() {
    let (programs, mut seen, mut wrong) = (programs(), 0, Vec::new());
    for page in pages() {
        let text = std::fs::read_to_string(&page).unwrap();
        for line in lines_of_blocks(&text) {
            let Some(mut words) = command(&line) else { continue };
            // `list | show` and `...` stand for what the reader fills in.
            let is_path = words.get(1).is_some_and(|word| word.ends_with('/'));
            if words.len() < 2 || is_path || words.iter().any(|word| word.contains("...")) {
                continue;
            }
            let name = words[0].rsplit('/').next().unwrap().to_owned();
            let program = programs.iter().find(|program| program.get_name() == name).unwrap();
            // `[--json]` is optional.
            words.iter_mut().for_each(|word| *word = word.trim_matches(['[', ']']).to_owned());
            let parsed = program.clone().try_get_matches_from(&words);
            seen += 1;
            if let Err(error) = parsed {
                use clap::error::ErrorKind::{DisplayHelp, DisplayVersion, MissingRequiredArgument};
                // The file may give what is missing.
                if !matches!(error.kind(), DisplayHelp | DisplayVersion | MissingRequiredArgument) {
                    wrong.push(format!("{}: {line}\n{error}", page.display()));
                }
            }
        }
    }
    assert!(seen > 40, "only {seen} commands found");
    assert!(wrong.is_empty(), "{} of {seen}:\n{}", wrong.len(), wrong.join("\n"));
}

/// Links between pages lead somewhere.
#[test]
fn every_link_between_the_docs_leads_to_a_file() {
    let mut dead = Vec::new();
    for page in pages() {
        let text = std::fs::read_to_string(&page).unwrap();
        for part in text.split("](").skip(1) {
            let target = part.split([')', '#', ' ']).next().unwrap();
            if target.is_empty() || target.contains("://") || target.starts_with("mailto:") {
                continue;
            }
            if !page.parent().unwrap().join(target).exists() {
                dead.push(format!("{}: {target}", page.display()));
            }
        }
    }
    assert!(dead.is_empty(), "{}", dead.join("\n"));
}

#[test]
fn words_are_split_as_a_shell_does() {
    assert_eq!(
        words("homing tags try 'a > 2' --json  # comment"),
        ["homing", "tags", "try", "a > 2", "--json"]
    );
    assert_eq!(command("0 3 * * * homing score --json").unwrap(), ["homing", "score", "--json"]);
    assert_eq!(command("cd cluster && cargo build"), None);
}
