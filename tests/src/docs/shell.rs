//! One bash, to which the commands of a page are given.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use rustix::process::{Pid, Signal, kill_process_group};

use crate::PATIENCE;

/// A running bash, with all that it starts in one process group; killed with it.
pub(super) struct Shell {
    child: Child,
    stdin: ChildStdin,
    lines: Receiver<String>,
}

/// Stands before the exit code that the shell prints behind each command: a control character that no command prints.
const END: char = '\u{1e}';

impl Shell {
    /// Starts one; `call` has its folder and environment.
    pub(super) fn start(mut call: Command) -> Self {
        call.stdin(Stdio::piped()).stdout(Stdio::piped()).process_group(0);
        let mut child = call.spawn().expect("bash runs the commands of pages");
        let stdin = child.stdin.take().unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let (send, lines) = channel();
        thread::spawn(move || {
            let mut line = Vec::new();
            while output.read_until(b'\n', &mut line).is_ok_and(|length| length > 0) {
                if send.send(String::from_utf8_lossy(&line).into_owned()).is_err() {
                    break;
                }
                line.clear();
            }
        });
        let mut shell = Self { child, stdin, lines };
        // What people see on a terminal is both, in the order in which it comes.
        writeln!(shell.stdin, "exec 2>&1").unwrap();
        shell
    }

    /// Runs a command to its end; what it printed, and its exit code.
    ///
    /// # Panics
    /// If it does not end, or ends the shell.
    pub(super) fn run(&mut self, command: &str) -> (String, i32) {
        let quoted = command.replace('\'', r"'\''");
        writeln!(self.stdin, "eval '{quoted}' </dev/null\nprintf '\\036%d\\n' $?").unwrap();
        let mut printed = String::new();
        loop {
            let line = self.lines.recv_timeout(PATIENCE);
            let line =
                line.unwrap_or_else(|e| panic!("`{command}` does not end ({e}); it printed:\n{printed}"));
            match line.split_once(END) {
                // A last line without an end stands before the mark.
                Some((rest, code)) => {
                    printed.push_str(rest);
                    return (printed, code.trim_end().parse().unwrap());
                }
                None => printed.push_str(&line),
            }
        }
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        // Ended already, or ended now.
        let _ = kill_process_group(Pid::from_child(&self.child), Signal::KILL);
        let _ = self.child.wait();
    }
}
