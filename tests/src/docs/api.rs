//! The reference of the gRPC API, from the comments of the `.proto` files.

use std::collections::BTreeSet;
use std::fmt::Write as _;

/// One service, message or enumeration.
struct Item {
    kind: &'static str,
    name: String,
    comment: String,
    rows: Vec<Row>,
}

/// A method, a field or a value.
struct Row {
    name: String,
    /// Of a method: request and answer; of a field: its type; of a value: nothing.
    types: Vec<String>,
    number: String,
    comment: String,
}

/// The reference of these `.proto` files: services first, then messages, then enumerations, each in the order of the files.
///
/// # Panics
/// If a file holds what this reader does not know, with the line.
pub fn reference(files: &[(String, String)]) -> String {
    let items: Vec<Item> = files.iter().flat_map(|(name, text)| items(name, text)).collect();
    let named: BTreeSet<&str> = items.iter().map(|item| item.name.as_str()).collect();
    let mut page = String::new();
    for (kind, head, columns) in [
        ("service", "Services", "| method | request | answer | what it does |\n|---|---|---|---|\n"),
        ("message", "Messages", "| field | type | number | meaning |\n|---|---|---|---|\n"),
        ("enum", "Enumerations", "| value | number | meaning |\n|---|---|---|\n"),
    ] {
        writeln!(page, "## {head}\n").unwrap();
        for item in items.iter().filter(|item| item.kind == kind) {
            writeln!(page, "### {}\n", item.name).unwrap();
            match (item.comment.as_str(), item.rows.is_empty()) {
                ("", true) => page.push_str("Empty.\n\n"),
                ("", false) => {}
                (comment, _) => writeln!(page, "{}\n", escaped(comment)).unwrap(),
            }
            if item.rows.is_empty() {
                continue;
            }
            page.push_str(columns);
            for row in &item.rows {
                let mut cells = vec![format!("`{}`", row.name)];
                cells.extend(row.types.iter().map(|name| linked(name, &named)));
                if kind != "service" {
                    cells.push(row.number.clone());
                }
                cells.push(escaped(&row.comment));
                writeln!(page, "| {} |", cells.join(" | ")).unwrap();
            }
            page.push('\n');
        }
    }
    page.truncate(page.trim_end().len());
    page.push('\n');
    page
}

/// A type, linked where it stands on the page.
fn linked(name: &str, named: &BTreeSet<&str>) -> String {
    let (before, last) = name.rsplit_once(' ').unwrap_or(("", name));
    let space = if before.is_empty() { "" } else { " " };
    match named.contains(last) {
        true => format!("{before}{space}[{last}](#{})", last.to_lowercase()),
        false => format!("{before}{space}{last}"),
    }
}

fn escaped(text: &str) -> String {
    text.replace('|', "\\|").replace('<', "&lt;")
}

fn items(file: &str, text: &str) -> Vec<Item> {
    let mut items = Vec::new();
    let mut comment: Vec<&str> = Vec::new();
    let mut open: Option<Item> = None;
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        let unknown = || -> ! { panic!("{file}:{}: the reader of docs does not know `{line}`", number + 1) };
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            ["//", rest @ ..] => {
                comment.extend(rest);
                continue;
            }
            // What stands apart from what follows is about neither.
            [] => {}
            ["syntax" | "package" | "import" | "reserved", ..] => {}
            ["}"] => items.push(open.take().unwrap_or_else(|| unknown())),
            [kind @ ("service" | "message" | "enum"), name, brace @ ("{" | "{}")] if open.is_none() => {
                let kind = match *kind {
                    "service" => "service",
                    "message" => "message",
                    _ => "enum",
                };
                let item =
                    Item { kind, name: (*name).to_owned(), comment: comment.join(" "), rows: Vec::new() };
                match *brace {
                    "{}" => items.push(item),
                    _ => open = Some(item),
                }
            }
            words => {
                let Some(item) = &mut open else { unknown() };
                let row = match item.kind {
                    "service" => method(line),
                    "message" => field(words),
                    _ => value(words),
                };
                let mut row = row.unwrap_or_else(|| unknown());
                row.comment = comment.join(" ");
                item.rows.push(row);
            }
        }
        comment.clear();
    }
    items
}

/// `rpc NAME(REQUEST) returns (ANSWER);`, each perhaps a stream.
fn method(line: &str) -> Option<Row> {
    let (name, rest) = line.strip_prefix("rpc ")?.split_once('(')?;
    let (request, rest) = rest.split_once(") returns (")?;
    let answer = rest.strip_suffix(");")?;
    let types = vec![request.to_owned(), answer.to_owned()];
    Some(Row { name: name.to_owned(), types, number: String::new(), comment: String::new() })
}

/// `TYPE NAME = NUMBER;`, perhaps repeated or optional.
fn field(words: &[&str]) -> Option<Row> {
    let (kind, rest) = match words {
        [label @ ("repeated" | "optional"), kind, rest @ ..] => (format!("{label} {kind}"), rest),
        [kind, rest @ ..] => ((*kind).to_owned(), rest),
        [] => return None,
    };
    let mut row = value(rest)?;
    row.types.push(kind);
    Some(row)
}

/// `NAME = NUMBER;`
fn value(words: &[&str]) -> Option<Row> {
    let [name, "=", number] = words else { return None };
    let number = number.strip_suffix(';')?.to_owned();
    Some(Row { name: (*name).to_owned(), types: Vec::new(), number, comment: String::new() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_become_the_words_of_a_table() {
        let text = "syntax = \"proto3\";\n\n// Apart.\n\n// Things.\nservice Things {\n  // Gives\n  // one.\n  rpc Get(Ask) \
                    returns (stream Thing);\n}\nmessage Ask {}\nmessage Thing {\n  repeated Kind kinds = 2;\n}\nenum Kind {\n  \
                    // a | b\n  KIND_ONE = 1;\n}\n";
        let page = reference(&[("a.proto".to_owned(), text.to_owned())]);
        assert!(page.contains("### Things\n\nThings.\n\n"), "{page}");
        assert!(page.contains("| `Get` | [Ask](#ask) | stream [Thing](#thing) | Gives one. |\n"), "{page}");
        assert!(page.contains("### Ask\n\nEmpty.\n"), "{page}");
        assert!(page.contains("| `kinds` | repeated [Kind](#kind) | 2 |  |\n"), "{page}");
        assert!(page.ends_with("| `KIND_ONE` | 1 | a \\| b |\n"), "{page}");
    }

    #[test]
    #[should_panic(expected = "a.proto:2: the reader of docs does not know `oneof x {`")]
    fn what_is_not_known_is_named() {
        reference(&[("a.proto".to_owned(), "message A {\n  oneof x {\n".to_owned())]);
    }
}
