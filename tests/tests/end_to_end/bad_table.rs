//! The table in `docs/bad-input.md`: what each bad input does, alone and on a cluster, with the words that the user sees.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::process::Output as Ended;
use std::sync::Arc;

use arrow_array::builder::{ListBuilder, StringBuilder};
use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use parquet::arrow::ArrowWriter;
use tamis_tests::output::Output;
use tamis_tests::process::{CoordinatorProcess, command, tamis};
use tamis_tests::{repository, small_tokenizer, spec};

/// A bad input: what it is, its file below `in/` (what else there is, it makes itself), and what its spec says more.
struct Row {
    what: &'static str,
    make: fn(&Path),
    more: &'static str,
}

const fn row(what: &'static str, make: fn(&Path)) -> Row {
    Row { what, make, more: ALL_MAY_BE_BAD }
}

/// Of two records one is bad: more than a job allows by itself.
const ALL_MAY_BE_BAD: &str = "[run]\nmax_bad_share = 1\n";
const GOOD: &str = "{\"id\":\"good\",\"text\":\"a good record\"}\n";

/// A good line, then this one.
fn line(folder: &Path, line: &[u8]) {
    fs::write(folder.join("in/a.jsonl"), [GOOD.as_bytes(), line, b"\n"].concat()).unwrap();
}

fn file(folder: &Path, name: &str, bytes: &[u8]) {
    fs::write(folder.join("in").join(name), bytes).unwrap();
}

fn many_lines() -> Vec<u8> {
    let line =
        |i: u32| format!("{{\"id\":\"{i}\",\"text\":\"line {i} {:x}\"}}\n", i.wrapping_mul(0x9e37_79b9));
    (0..3_000).map(line).collect::<String>().into_bytes()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd_of(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 19).unwrap()
}

/// A frame that asks for a window of 2 GiB, for one good line.
fn huge_window() -> Vec<u8> {
    let header = (GOOD.len() as u32) << 3 | 1;
    let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0x00, 21 << 3];
    frame.extend(&header.to_le_bytes()[..3]);
    frame.extend(GOOD.as_bytes());
    frame
}

fn parquet(columns: Vec<(&str, ArrayRef)>) -> Vec<u8> {
    let batch =
        RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(n, c)| (n, c, true))).unwrap();
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    bytes
}

fn good_parquet() -> Vec<u8> {
    parquet(vec![("text", Arc::new(StringArray::from(vec!["a good record"])) as ArrayRef)])
}

fn nested_parquet() -> Vec<u8> {
    let mut lists = ListBuilder::new(StringBuilder::new());
    lists.values().append_value("in a list");
    lists.append(true);
    parquet(vec![("text", Arc::new(lists.finish()) as ArrayRef)])
}

/// Replaces a part of the spec.
fn edit(folder: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(folder.join("job.toml")).unwrap();
    assert!(text.contains(from), "{text}");
    fs::write(folder.join("job.toml"), text.replace(from, to)).unwrap();
}

#[rustfmt::skip]
const ROWS: &[Row] = &[
    row("JSON: a line that breaks off", |at| line(at, b"{\"id\":\"b\",\"text\":\"bro")),
    row("JSON: something behind the record", |at| line(at, b"{\"id\":\"b\",\"text\":\"t\"} x")),
    row("JSON: no object", |at| line(at, b"[\"text\"]")),
    row("JSON: no text", |at| line(at, b"{\"id\":\"b\"}")),
    row("JSON: a text that is null", |at| line(at, b"{\"id\":\"b\",\"text\":null}")),
    row("JSON: an empty text", |at| line(at, b"{\"id\":\"b\",\"text\":\" \"}")),
    row("JSON: a text that is a number", |at| line(at, b"{\"id\":\"b\",\"text\":3}")),
    row("JSON: the text twice", |at| line(at, b"{\"id\":\"b\",\"text\":\"one\",\"text\":\"two\"}")),
    row("JSON: another key twice", |at| line(at, b"{\"id\":\"b\",\"text\":\"fine\",\"x\":1,\"x\":2}")),
    row("JSON: `NaN`", |at| line(at, b"{\"id\":\"b\",\"text\":\"t\",\"x\":NaN}")),
    row("JSON: 1,000,000 levels", |at| {
        let deep = format!("{{\"id\":\"b\",\"text\":\"t\",\"x\":{}{}}}", "[".repeat(1_000_000), "]".repeat(1_000_000));
        line(at, deep.as_bytes());
    }),
    row("JSON: half a surrogate pair in the text", |at| line(at, b"{\"id\":\"b\",\"text\":\"\\ud800\"}")),
    row("JSON: NUL as an escape", |at| line(at, b"{\"id\":\"b\",\"text\":\"a\\u0000b\"}")),
    row("JSON: NUL as a byte", |at| line(at, b"{\"id\":\"b\",\"text\":\"a\0b\"}")),
    row("a byte-order mark", |at| file(at, "a.jsonl", &[b"\xef\xbb\xbf", GOOD.as_bytes()].concat())),
    row("lines that end in CRLF", |at| file(at, "a.jsonl", GOOD.replace('\n', "\r\n").as_bytes())),
    row("a last line without an end", |at| file(at, "a.jsonl", GOOD.trim_end().as_bytes())),
    row("bytes that are not UTF-8", |at| line(at, b"{\"id\":\"b\",\"text\":\"\xff\xfe\"}")),
    Row {
        what: "a line of 1 GiB (`shard_bytes = \"2GiB\"`)",
        make: |at| {
            let mut file = File::create(at.join("in/a.jsonl")).unwrap();
            // A hole takes no disk and reads as NUL.
            file.set_len(1 << 30).unwrap();
            std::io::Seek::seek(&mut file, std::io::SeekFrom::End(0)).unwrap();
            file.write_all(b"\n").unwrap();
            file.write_all(GOOD.as_bytes()).unwrap();
        },
        more: "[run]\nmax_bad_share = 1\nshard_bytes = \"2GiB\"\n",
    },
    Row { what: "more bad records than 1 %", make: |at| line(at, b"nonsense"), more: "" },
    Row { what: "a bad record under `on_bad_record = \"fail\"`", make: |at| line(at, b"nonsense"), more: "[run]\non_bad_record = \"fail\"\n" },
    row("gzip: truncated", |at| { let whole = gzip(&many_lines()); file(at, "a.jsonl.gz", &whole[..whole.len() / 2]); }),
    row("gzip: several members", |at| file(at, "a.jsonl.gz", &[gzip(GOOD.as_bytes()), gzip(b"{\"id\":\"b\",\"text\":\"another\"}\n")].concat())),
    row("gzip: zeros behind it", |at| file(at, "a.jsonl.gz", &[gzip(GOOD.as_bytes()), vec![0; 512]].concat())),
    row("gzip: other bytes behind it", |at| file(at, "a.jsonl.gz", &[gzip(GOOD.as_bytes()), b"garbage".to_vec()].concat())),
    row("gzip: a bomb", |at| file(at, "a.jsonl.gz", &gzip(&vec![b' '; 256 << 20]))),
    row("zstd: truncated", |at| { let whole = zstd_of(&many_lines()); file(at, "a.jsonl.zst", &whole[..whole.len() / 2]); }),
    row("zstd: many frames", |at| file(at, "a.jsonl.zst", &[zstd_of(GOOD.as_bytes()), zstd_of(b"{\"id\":\"b\",\"text\":\"another\"}\n")].concat())),
    row("zstd: a bomb", |at| file(at, "a.jsonl.zst", &zstd_of(&vec![b' '; 256 << 20]))),
    row("zstd: a window of 2 GiB", |at| file(at, "a.jsonl.zst", &huge_window())),
    row("Parquet: a text of another type", |at| file(at, "a.parquet", &parquet(vec![("text", Arc::new(Int64Array::from(vec![3])) as ArrayRef)]))),
    row("Parquet: a text in a list", |at| file(at, "a.parquet", &nested_parquet())),
    row("Parquet: nulls", |at| file(at, "a.parquet", &parquet(vec![("text", Arc::new(StringArray::from(vec![Some("a good record"), None])) as ArrayRef)]))),
    row("Parquet: no such column", |at| file(at, "a.parquet", &parquet(vec![("content", Arc::new(StringArray::from(vec!["t"])) as ArrayRef)]))),
    row("Parquet: a footer of noise", |at| { let mut bytes = good_parquet(); let end = bytes.len(); bytes[end - 40..end - 8].fill(0xa5); file(at, "a.parquet", &bytes); }),
    row("Parquet: truncated", |at| { let bytes = good_parquet(); file(at, "a.parquet", &bytes[..bytes.len() / 2]); }),
    row("Parquet: encrypted", |at| file(at, "a.parquet", b"PARE\x04\0\0\0noise\x08\0\0\0PARE")),
    row("CSV: a quote that is not closed", |at| file(at, "a.csv", b"id,text\n1,a good record\n2,\"never closed\n")),
    row("CSV: a row with a field too many", |at| file(at, "a.csv", b"id,text\n1,a good record\n2,one,two\n")),
    row("CSV: a row with a field too few", |at| file(at, "a.csv", b"id,text\n1,a good record\n2\n")),
    row("CSV: no such column", |at| file(at, "a.csv", b"id,content\n1,text\n")),
    row("ids that are missing", |at| file(at, "a.jsonl", b"{\"text\":\"one text\"}\n{\"text\":\"another one\"}\n")),
    row("ids that repeat", |at| file(at, "a.jsonl", b"{\"id\":1,\"text\":\"one text\"}\n{\"id\":1,\"text\":\"another one\"}\n")),
    row("a file of another kind than its name says", |at| file(at, "a.parquet", GOOD.as_bytes())),
    row("an empty file beside a good one", |at| { file(at, "a.jsonl", GOOD.as_bytes()); file(at, "b.jsonl", b""); }),
    row("an empty folder", |_| {}),
    row("inputs that are not there", |at| edit(at, "/in\"", "/nothing-here\"")),
    row("a pattern that matches nothing", |at| edit(at, "/in\"", "/in/*.parquet\"")),
    row("a name with spaces and a line end", |at| file(at, "a b\nc.jsonl", GOOD.as_bytes())),
    row("a name that is not UTF-8", |at| fs::write(at.join("in").join(OsStr::from_bytes(b"\xff.jsonl")), GOOD).unwrap()),
    row("a link out of the allowed roots", |at| {
        // Only the working directory is one in this row.
        std::os::unix::fs::symlink("/etc/hostname", at.join("in/a.jsonl")).unwrap();
    }),
    row("a link to a folder above it", |at| { file(at, "a.jsonl", GOOD.as_bytes()); std::os::unix::fs::symlink(at.join("in"), at.join("in/again")).unwrap(); }),
    row("a pipe", |at| rustix::fs::mkfifoat(rustix::fs::CWD, at.join("in/a.jsonl"), rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR).unwrap()),
    Row { what: "all documents dropped", make: |at| file(at, "a.jsonl", GOOD.as_bytes()), more: "[filter.gopher_quality]\n" },
    row("one file in two sources", |at| {
        file(at, "a.jsonl", GOOD.as_bytes());
        edit(at, "[output]", &format!("[[source]]\nname = \"again\"\ninputs = [{:?}]\n[output]", at.join("in/a.jsonl")));
    }),
    row("two sources of one name", |at| {
        file(at, "a.jsonl", GOOD.as_bytes());
        edit(at, "[output]", "[[source]]\nname = \"web\"\ninputs = [\"other\"]\n[output]");
    }),
    row("an output among the inputs", |at| edit(at, "/out\"", "/in/out\"")),
    row("a path that climbs with `..` in a URI", |at| { let to = format!("file://{}/in/../in\"", at.display()); edit(at, &format!("{}/in\"", at.display()), &to); }),
    row("an unknown scheme", |at| edit(at, &format!("{}/in\"", at.display()), "gopher://host/in\"")),
    row("a tokenizer that is none", |at| {
        file(at, "a.jsonl", GOOD.as_bytes());
        fs::write(at.join("tokenizer.json"), "{\"a\": 1}").unwrap();
        edit(at, small_tokenizer().to_str().unwrap(), at.join("tokenizer.json").to_str().unwrap());
    }),
    row("a vocabulary with an id of 2^31", |at| {
        file(at, "a.jsonl", GOOD.as_bytes());
        let text = fs::read_to_string(small_tokenizer()).unwrap();
        let mut tokenizer: serde_json::Value = serde_json::from_str(&text).unwrap();
        tokenizer["model"]["vocab"]["tamis-far"] = (1_u64 << 31).into();
        fs::write(at.join("tokenizer.json"), tokenizer.to_string()).unwrap();
        edit(at, small_tokenizer().to_str().unwrap(), at.join("tokenizer.json").to_str().unwrap());
    }),
    Row {
        what: "a spec with absurd numbers",
        make: |at| edit(at, "[output]", "max_tokens = 99999999999999999999\n[output]\nlevel = 2.5"),
        more: "[run]\nshard_bytes = -5\nmax_attempts = 0\nmax_bad_share = 7\n[dedup]\nk = 4294967296\nthreshold = nan\n",
    },
];

/// What came of it: the exit code, and what the user sees of it.
fn outcome(folder: &Path, ended: &Ended) -> (Option<i32>, String) {
    let said = String::from_utf8(ended.stderr.clone()).unwrap();
    let mut seen: Vec<String> = match ended.status.success() {
        true => vec![published(folder)],
        false => Vec::new(),
    };
    let mut is_error = false;
    for line in said.lines() {
        is_error |= line.starts_with("error: ");
        if is_error && !ended.status.success() {
            seen.push(line.to_owned());
        }
    }
    (ended.status.code(), plain(folder, &seen.join("\n")))
}

/// What was kept, and what was dropped by which rule.
fn published(folder: &Path) -> String {
    let output = Output::new(folder.join("out"));
    output.checked_manifest();
    output.check_sums();
    let mut rules: BTreeMap<String, usize> = BTreeMap::new();
    output.drops().into_iter().for_each(|drop| *rules.entry(drop.rule).or_default() += 1);
    let mut text = format!("kept {}", output.records().len());
    rules.iter().for_each(|(rule, count)| write!(text, ", dropped {count} by `{rule}`").unwrap());
    text
}

/// Without what differs from run to run.
fn plain(folder: &Path, text: &str) -> String {
    let text =
        text.replace(folder.to_str().unwrap(), "/data").replace(repository().to_str().unwrap(), "/tamis");
    let mut plain = String::new();
    for word in text.split_inclusive([' ', '\n', '`']) {
        let end = word.find([' ', '\n', '`']).unwrap_or(word.len());
        let (name, rest) = word.split_at(end);
        let is_job = name
            .strip_prefix("j-")
            .is_some_and(|id| id.len() >= 12 && id.bytes().all(|b| b.is_ascii_alphanumeric()));
        match (is_job, plain.ends_with("on worker ")) {
            (true, _) => plain.push_str("JOB"),
            (_, true) => plain.push_str("WORKER"),
            _ => plain.push_str(name),
        }
        plain.push_str(rest);
    }
    plain
}

/// The table of the rows, as it stands in the document.
fn table(rows: &[(&str, Option<i32>, String)]) -> String {
    let mut table = "| input | what happens | what you see |\n|---|---|---|\n".to_owned();
    for (what, code, seen) in rows {
        let happens = match code {
            Some(0) if seen.contains("dropped") => "dropped",
            Some(0) => "read",
            Some(2) => "refused",
            _ => "the job fails",
        };
        let seen: Vec<String> =
            seen.lines().map(|line| line.replace('|', "\\|").replace('<', "&lt;")).collect();
        writeln!(table, "| {what} | {happens} | {} |", seen.join("<br>")).unwrap();
    }
    table
}

#[test]
fn every_bad_input_does_what_the_table_says_alone_and_on_a_cluster() {
    let base = tempfile::tempdir().unwrap();
    let coordinator = CoordinatorProcess::start(base.path());
    let _worker = coordinator.worker();
    let mut seen = Vec::new();
    for (number, Row { what, make, more }) in ROWS.iter().enumerate() {
        let folder = base.path().join(format!("row-{number}"));
        fs::create_dir_all(folder.join("in")).unwrap();
        let absolute = |name: &str| folder.join(name).to_str().unwrap().to_owned();
        fs::write(folder.join("job.toml"), spec(&absolute("in"), &absolute("out"), more)).unwrap();
        make(&folder);
        // The links of a row lead out of its folder, and only there.
        let narrow = |call: &mut std::process::Command| {
            if what.contains("allowed roots") {
                call.env("TAMIS_ALLOW_READ", repository());
            }
        };
        let mut call = command(&folder);
        call.args(["run", "job.toml"]);
        narrow(&mut call);
        let (code, alone) = outcome(&folder, &call.output().unwrap());
        if !what.contains("allowed roots") {
            let _ = fs::remove_dir_all(folder.join("out"));
            let ended =
                tamis(&folder, &["--coordinator", &coordinator.url(), "submit", "--wait", "job.toml"]);
            assert_eq!(outcome(&folder, &ended), (code, alone.clone()), "{what}: on a cluster it is another");
        }
        seen.push((*what, code, alone));
        fs::remove_dir_all(&folder).unwrap();
    }
    let path = repository().join("docs/bad-input.md");
    let document = fs::read_to_string(&path).unwrap();
    let table = table(&seen);
    let begin = document.find("| input | what happens").expect("the document has the table");
    let end = begin + document[begin..].find("\n\n").map_or(document.len() - begin, |at| at + 1);
    if std::env::var_os("TAMIS_UPDATE_DOCS").is_some() {
        fs::write(&path, format!("{}{table}{}", &document[..begin], &document[end..])).unwrap();
        return;
    }
    assert_eq!(document[begin..end], table, "run with TAMIS_UPDATE_DOCS=1 and read what has changed");
}
