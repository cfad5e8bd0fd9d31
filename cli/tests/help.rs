//! The command tells what it can do. (That it has a test here also makes `cargo test` build the binary, which the
//! end-to-end tests start.)

#![expect(clippy::unwrap_used, reason = "tests")]

use std::process::Command;

fn help(args: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_tamis")).args(args).arg("--help").output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn every_command_says_what_it_does() {
    let help = help(&[]);
    for command in [
        "run",
        "try",
        "plan",
        "doctor",
        "filters",
        "completions",
        "coordinator",
        "worker",
        "submit",
        "watch",
        "status",
        "jobs",
        "cancel",
        "report",
        "explain",
        "retry",
        "workers",
        "drain",
        "index",
        "token",
        "certs",
    ] {
        let told = help.lines().find(|line| line.trim_start().starts_with(&format!("{command} ")));
        assert!(told.is_some_and(|line| line.split_whitespace().count() > 2), "{command}:\n{help}");
    }
}

#[test]
fn the_help_tells_of_the_environment_and_fits_a_terminal() {
    let help = help(&[]);
    for variable in
        ["TAMIS_LOG", "TAMIS_TOKEN", "TAMIS_COORDINATOR", "TAMIS_TLS_CA", "NO_COLOR", "AWS_ENDPOINT_URL"]
    {
        assert!(help.contains(variable), "{variable}:\n{help}");
    }
    assert!(help.lines().all(|line| line.chars().count() <= 100), "{help}");
}

#[test]
fn a_wrong_call_ends_with_2() {
    let output = Command::new(env!("CARGO_BIN_EXE_tamis")).arg("rum").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8(output.stderr).unwrap().contains("run"), "names what is near");
}
