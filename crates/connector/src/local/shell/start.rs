//! Which file a program is, and why it did not start.

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use flow_engine::run::{Done, Failure, FailureKind};

/// How long one argument or variable may be: the system takes 32 pages, with the zero byte at its end.
pub(super) const WORD_BYTES_MAX: usize = (128 << 10) - 1;

/// Finds a program: a path as it is, a name in the folders of `PATH`. That is done here, not by the system: only a program
/// with a path can be started without copying this process first.
pub(super) fn find(program: &str, folder: &Path, path: Option<&str>) -> Result<PathBuf, Failure> {
    if program.contains('/') {
        let file = folder.join(program);
        return match kind(&file) {
            Found::Program => Ok(file),
            other => Err(other.failure(program)),
        };
    }
    let mut best = Found::Nothing;
    for place in path.unwrap_or("/usr/bin:/bin").split(':') {
        let file = folder.join(place).join(program);
        match kind(&file) {
            Found::Program => return Ok(file),
            Found::File => best = Found::File,
            Found::Folder | Found::Nothing => {}
        }
    }
    Err(best.failure(program))
}

enum Found {
    Program,
    /// A file that may not be executed.
    File,
    Folder,
    Nothing,
}

fn kind(file: &Path) -> Found {
    match file.metadata() {
        Err(_) => Found::Nothing,
        Ok(found) if found.is_dir() => Found::Folder,
        Ok(found) if found.permissions().mode() & 0o111 == 0 => Found::File,
        Ok(_) => Found::Program,
    }
}

impl Found {
    fn failure(&self, program: &str) -> Failure {
        match self {
            Found::Folder => Failure::permanent(
                "shell.is_folder",
                format!("`{program}` is a folder, not a program"),
            )
            .help(
                "name a program in it, or run a command there: `cwd:` names the folder to run in",
            ),
            Found::Program | Found::File => not_executable(program),
            Found::Nothing => not_found(program),
        }
    }
}

/// Why a program that was found did not start.
pub(super) fn failure(program: &str, error: &io::Error) -> Failure {
    match error.kind() {
        io::ErrorKind::NotFound => not_found(program),
        io::ErrorKind::PermissionDenied => not_executable(program),
        io::ErrorKind::ArgumentListTooLong => too_long("arguments and environment together are"),
        io::ErrorKind::WouldBlock | io::ErrorKind::OutOfMemory => no_room(program, error),
        // Too many open files, in this process or on this machine; ENOEXEC.
        _ => match error.raw_os_error() {
            Some(23 | 24) => no_room(program, error),
            Some(8) => Failure::permanent(
                "shell.not_executable",
                format!("`{program}` is neither a program of this machine nor a script that names its interpreter"),
            )
            .help("begin a script with a line such as `#!/bin/sh`, or start it with its interpreter: `run: [sh, script]`"),
            _ => Failure::permanent(
                "shell.not_executable",
                format!("`{program}` cannot be started: {error}"),
            ),
        },
    }
}

fn not_found(program: &str) -> Failure {
    Failure::permanent(
        "shell.not_found",
        format!("the program `{program}` is not there, or the folder it should run in is not"),
    )
    .help("a program of the project needs its path, as in `run: [./build.sh]`; others are looked for in `PATH`")
}

fn not_executable(program: &str) -> Failure {
    Failure::permanent(
        "shell.not_executable",
        format!("`{program}` may not be executed"),
    )
    .help(format!(
        "`chmod +x {program}`, or start it with its interpreter, as in `run: [sh, {program}]`"
    ))
}

/// What is too long for the system to hand over.
pub(super) fn too_long(what: &str) -> Failure {
    Failure::permanent(
        "shell.too_long",
        format!("{what} too long for this system to hand over"),
    )
    .help("hand the data over by `stdin:`, or as a file by `place:`")
}

fn no_room(program: &str, error: &io::Error) -> Failure {
    Failure::of(
        FailureKind::Transient,
        Done::NotDone,
        "shell.no_room",
        format!("the system has no room for another process, so `{program}` did not start: {error}"),
    )
    .help("let fewer steps run at once with `concurrency:`, or raise the limits that `ulimit -u` and `ulimit -n` show")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_system_says_has_a_code() {
        let code = |number| {
            let failure = failure("x", &io::Error::from_raw_os_error(number));
            (failure.code, failure.kind, failure.done)
        };
        let permanent = |code: &str| (code.to_owned(), FailureKind::Permanent, Done::NotDone);
        assert_eq!(code(2), permanent("shell.not_found"));
        assert_eq!(code(13), permanent("shell.not_executable"));
        assert_eq!(code(8), permanent("shell.not_executable"));
        assert_eq!(code(7), permanent("shell.too_long"));
        for number in [11, 12, 23, 24] {
            let expected = (
                "shell.no_room".to_owned(),
                FailureKind::Transient,
                Done::NotDone,
            );
            assert_eq!(code(number), expected, "{number}");
        }
    }
}
