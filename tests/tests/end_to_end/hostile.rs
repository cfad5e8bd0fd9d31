//! Documents of strangers are shown, and do nothing: no script, no command to a terminal, no mark that hides or turns
//! text; and none of them stands in a log.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::path::Path;

use serde_json::json;
use tamis_tests::process::{CoordinatorProcess, command, tamis_ok};
use tamis_tests::spec;

/// Stands in every text, so that a log that holds a text holds it.
const PLANTED: &str = "PLANTED7391";

/// What a page or a terminal could take for something else than text.
const HOSTILE: &[&str] = &[
    "<script>alert(document.domain)</script>",
    "</td></table><script src=//evil.example/x.js></script>",
    "\"><img src=x onerror=alert(1)>",
    "<svg/onload=alert(1)>",
    "<iframe srcdoc='<script>alert(1)</script>'>",
    "<style>*{display:none}</style>",
    "<!-- --!><b>bold</b> ]]> <![CDATA[",
    "&lt;script&gt;alert(1)&lt;/script&gt; &#60;script&#62;",
    "{{7*7}} ${7*7} <%= 7*7 %> #{7*7} {% raw %}",
    "javascript:alert(1) data:text/html,<script>alert(1)</script>",
    "\u{1b}[2J\u{1b}[H\u{1b}[31mred\u{1b}[0m \u{1b}]0;title\u{7} \u{9b}31m \u{90}q\u{9c}",
    "\u{8}\u{8}\u{8}\rover\u{c}\u{b}\u{7f}",
    "\u{202e}gnp.exe\u{202c} \u{2066}isolated\u{2069} \u{200f}\u{200e}\u{061c}",
    "zero\u{200b}width\u{2060}\u{feff}\u{ad} \u{e0001}\u{e0041}",
    "nul\u{0}byte \u{fff9}\u{fffb} \u{2028}line\u{2029}",
];

/// Texts and ids that are hostile: such that stay, that filters drop (and the report samples), and that are duplicates.
fn write_corpus(folder: &Path) {
    let mut lines = String::new();
    let mut add =
        |id: String, text: String| lines.push_str(&format!("{}\n", json!({"id": id, "text": text, "x": id})));
    let sentence = |number: usize| {
        let words = (0..90).map(|word| format!("word{}", (word * 7 + number * 31) % 97)).collect::<Vec<_>>();
        format!("{PLANTED} number {number} of the documents, which goes on: {}.", words.join(" "))
    };
    for (number, hostile) in HOSTILE.iter().enumerate() {
        add(format!("keep{number} {hostile}"), format!("{hostile} {}\n{hostile}", sentence(number)));
        add(format!("near{number} {hostile}"), format!("{hostile} {}\n{hostile} again", sentence(number)));
        add(format!("drop{number} {hostile}"), format!("{PLANTED} {hostile}"));
    }
    add("long".to_owned(), format!("{PLANTED} {}", "W".repeat(300_000)));
    let name = "a <b>&\u{1b}[31m\u{202e}.jsonl";
    fs::create_dir_all(folder.join("in")).unwrap();
    fs::write(folder.join("in").join(name), lines).unwrap();
}

/// Whether a terminal would do something at this character, or not show it.
fn is_command(c: char) -> bool {
    c != '\n'
        && (c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{61c}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}'))
}

fn check_terminal(what: &str, text: &str) {
    if let Some(at) = text.find(is_command) {
        let around: String =
            text[..at].chars().rev().take(60).collect::<Vec<_>>().into_iter().rev().collect();
        panic!("{what} prints {:?} behind {around:?}", text[at..].chars().next().unwrap());
    }
}

fn check_page(what: &str, html: &str) {
    assert!(html.contains("Content-Security-Policy") && html.contains("default-src 'none'"), "{what}");
    let lower = html.to_lowercase();
    for tag in ["<script", "<img", "<svg/onload", "<iframe", "<b>bold", "<!-- --!>", "<style>*", "<![cdata["]
    {
        assert!(!lower.contains(tag), "{what} holds {tag}");
    }
    // A tab and a line end are white space of the page.
    check_terminal(what, &html.replace('\t', " "));
}

#[test]
fn hostile_documents_do_nothing_in_reports_and_on_terminals_and_stand_in_no_log() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    write_corpus(path);
    // Nothing is cleaned: what is hostile stays so.
    fs::write(path.join("job.toml"), spec("in", "out", "[filter]\npreset = \"recommended\"\n")).unwrap();
    let mut call = command(path);
    let ended =
        call.env("TAMIS_LOG", "trace").args(["run", "job.toml", "--data-dir", "data"]).output().unwrap();
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    let (printed, logged) =
        (String::from_utf8(ended.stdout).unwrap(), String::from_utf8(ended.stderr).unwrap());
    check_terminal("tamis run", &printed);
    assert!(logged.len() > 10_000, "there is a log");
    assert!(!logged.contains(PLANTED), "a text stands in the log");

    let report = fs::read_to_string(path.join("out/report.json")).unwrap();
    assert!(report.contains(PLANTED), "the report has samples of texts");
    let page = fs::read_to_string(path.join("out/report.html")).unwrap();
    assert!(page.contains(PLANTED));
    check_page("report.html", &page);
    check_terminal("tamis try", &tamis_ok(path, &["try", "job.toml", "--html", "try.html"]));
    check_page("try.html", &fs::read_to_string(path.join("try.html")).unwrap());

    let coordinator = CoordinatorProcess::start(path);
    let jobs = coordinator.call(&["jobs"]);
    let job = jobs[0]["job_id"].as_str().unwrap();
    let url = coordinator.url();
    let plain = |args: &[&str]| {
        let mut call = command(path);
        let ended = call.args(["--coordinator", &url]).args(args).output().unwrap();
        for said in [ended.stdout, ended.stderr] {
            check_terminal(args[0], &String::from_utf8(said).unwrap());
        }
    };
    for args in [vec!["jobs"], vec!["status", job], vec!["report", job], vec!["workers"]] {
        plain(&args);
    }
    for (number, hostile) in HOSTILE.iter().enumerate().filter(|(_, hostile)| !hostile.contains('\0')) {
        for kind in ["keep", "near", "drop"] {
            plain(&["explain", job, &format!("{kind}{number} {hostile}")]);
        }
    }
    plain(&["explain", job, "\u{1b}[31mnobody\u{202e}"]);
    fs::write(path.join("\u{1b}[31m.toml"), "name = \"\u{202e}\"\n\"\u{202e}key\" = 1\n").unwrap();
    plain(&["submit", "\u{1b}[31m.toml"]);
}

/// Header and name of a file that would take over a terminal if they came to it as they are.
#[test]
fn logs_escape_what_inputs_are_called_and_hold() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let evil = "\u{1b}]0;owned\u{7}\u{1b}[41m\u{202e}";
    fs::create_dir(path.join("in")).unwrap();
    fs::write(path.join(format!("in/a{evil}b.csv")), format!("id,bo{evil}dy\n1,x\n")).unwrap();
    fs::write(path.join("job.toml"), spec("in", "out", "")).unwrap();
    for format in ["text", "json"] {
        let mut call = command(path);
        call.env("TAMIS_LOG", "trace").args([
            "--log-format",
            format,
            "run",
            "job.toml",
            "--data-dir",
            format,
        ]);
        let output = call.output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains("an attempt failed") && said.contains("owned"), "{said}");
        for raw in ['\u{1b}', '\u{7}', '\u{202e}'] {
            assert!(!said.contains(raw), "{format}: {raw:?} is raw in what was logged");
        }
        if format == "json" {
            let lines = said.lines().filter(|line| line.starts_with('{'));
            let logged: Vec<serde_json::Value> =
                lines.map(|line| serde_json::from_str(line).unwrap()).collect();
            assert!(
                logged.iter().any(|line| line["error"].as_str().is_some_and(|error| error.contains(evil))),
                "{said}"
            );
        }
    }
    // What is data says the same, and nothing of it is raw either.
    let doctored = command(path).args(["--json", "plan", "job.toml"]).output().unwrap();
    assert!(!String::from_utf8_lossy(&doctored.stdout).contains('\u{202e}'));
}
