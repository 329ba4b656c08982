//! Where secrets come from on this machine: the environment, files and programs.

use std::io::{self, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use super::clock;
use crate::config::Keeper;
use crate::model::time::SECOND;

/// How long a program may take to print a secret, in microseconds.
const PATIENCE: i64 = 30 * SECOND;
/// The longest secret that a program may print, in bytes.
const LONGEST: u64 = 64 << 10;
/// How often a program is asked whether it has ended.
const TURN: Duration = Duration::from_millis(10);

/// Fetches secrets from this process's environment, from files, and from programs that it starts.
#[must_use]
pub fn system() -> Keeper<'static> {
    Keeper { env: &variable, read: &text, run: &printed }
}

/// Leaves this process's memory, in which secrets and records stand, out of core dumps. Only Linux can do that; a
/// core file then holds registers and little else.
pub fn keep_out_of_dumps() {
    if cfg!(target_os = "linux")
        && let Err(error) = std::fs::write("/proc/self/coredump_filter", "0")
    {
        tracing::warn!("a core dump would hold this process's memory ({error}): forbid core dumps for the service");
    }
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn text(path: &Path) -> io::Result<String> {
    std::fs::read_to_string(path)
}

/// What a program prints on standard output. Nothing else of it is read, and no shell stands between.
fn printed(program: &Path, arguments: &[String]) -> Result<String, String> {
    run_within(program, arguments, PATIENCE)
}

fn run_within(program: &Path, arguments: &[String], patience: i64) -> Result<String, String> {
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| format!("cannot be started ({error})"))?;
    let outcome = wait_for(&mut child, patience);
    if outcome.is_err() {
        // One that has ended cannot be killed; either way nothing is left of it.
        let _ = child.kill();
        let _ = child.wait();
    }
    outcome
}

fn wait_for(child: &mut Child, patience: i64) -> Result<String, String> {
    let until = clock::elapsed() + patience;
    let late = || format!("took longer than {} s", patience / SECOND);
    let (sender, said) = mpsc::channel();
    if let Some(output) = child.stdout.take() {
        // A thread of its own, because a read cannot be given up. It ends with whoever holds the other end.
        thread::spawn(move || {
            let mut bytes = Vec::new();
            let read = output.take(LONGEST + 1).read_to_end(&mut bytes).map(|_| bytes);
            // Nobody waits any more when the time is over.
            let _ = sender.send(read);
        });
    }
    let left = Duration::from_micros(u64::try_from(patience).unwrap_or(0));
    let bytes = said.recv_timeout(left).map_err(|_| late())?;
    let bytes = bytes.map_err(|error| format!("cannot be read ({error})"))?;
    if bytes.len() as u64 > LONGEST {
        return Err(format!("printed more than {} KiB", LONGEST >> 10));
    }
    let status = loop {
        match child.try_wait().map_err(|error| format!("cannot be waited for ({error})"))? {
            Some(status) => break status,
            None if clock::elapsed() >= until => return Err(late()),
            None => thread::sleep(TURN),
        }
    };
    match status.code() {
        Some(0) => String::from_utf8(bytes).map_err(|_| "printed something that is not UTF-8".to_owned()),
        Some(code) => Err(format!("ended with exit code {code}")),
        None => Err("was ended by a signal".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    fn shell(script: &str, patience: i64) -> Result<String, String> {
        run_within(Path::new("/bin/sh"), &["-c".to_owned(), script.to_owned()], patience)
    }

    #[cfg(unix)]
    #[test]
    fn a_program_gives_what_it_prints() {
        assert_eq!(shell("echo a secret", PATIENCE).unwrap(), "a secret\n");
    }

    #[cfg(unix)]
    #[test]
    fn a_program_that_fails_is_named_by_its_code_and_never_by_its_words() {
        assert_eq!(shell("echo hunter2; echo hunter2 >&2; exit 3", PATIENCE).unwrap_err(), "ended with exit code 3");
    }

    #[test]
    fn a_program_that_is_not_there_is_not_waited_for() {
        let missing = run_within(Path::new("/nonexistent/vault"), &[], PATIENCE).unwrap_err();
        assert!(missing.starts_with("cannot be started ("), "{missing}");
    }

    #[cfg(unix)]
    #[test]
    fn a_program_that_hangs_is_ended() {
        assert_eq!(shell("exec sleep 60", SECOND).unwrap_err(), "took longer than 1 s");
        assert_eq!(shell("exec >&-; exec sleep 60", SECOND).unwrap_err(), "took longer than 1 s");
    }

    #[cfg(unix)]
    #[test]
    fn a_program_that_prints_without_end_is_ended() {
        assert_eq!(shell("exec yes", PATIENCE).unwrap_err(), "printed more than 64 KiB");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn memory_stays_out_of_core_dumps() {
        keep_out_of_dumps();
        assert_eq!(std::fs::read_to_string("/proc/self/coredump_filter").unwrap().trim(), "00000000");
    }
}
