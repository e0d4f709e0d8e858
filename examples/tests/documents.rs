//! Every command of the documents runs as it stands there.
//!
//! A document's blocks marked `sh` are one terminal session, in order, in an empty folder that holds `people.csv`; what a
//! block sets is set in the next. A block ends with 0, or as its mark says (`sh exits=1`: its last command, which is
//! meant to fail). Blocks with another mark (`text`, `json`) show what is printed or what a file holds, and are not run;
//! one marked `file NAME` is written to that file before the session goes on.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

#[test]
fn the_administrators_day_works_as_written() {
    run("docs/administrators.md");
}

#[test]
fn every_case_of_the_runbook_works_as_written() {
    run("docs/runbook.md");
}

fn run(document: &str) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace");
    let text = std::fs::read_to_string(root.join(document)).expect("the document is there");
    let folder = tempfile::tempdir().expect("a folder");
    let people = root.join("examples/data/people.csv");
    std::fs::copy(people, folder.path().join("people.csv")).expect("people.csv is copied");
    std::fs::write(folder.path().join("session.sh"), session(&text)).expect("the session is written");

    let programs = Path::new(env!("CARGO_BIN_EXE_invite")).parent().expect("a folder");
    let path = std::env::var("PATH").unwrap_or_default();
    let ended = Command::new("bash")
        .arg("session.sh")
        .current_dir(folder.path())
        .env_clear()
        .env("PATH", format!("{}:{path}", programs.display()))
        .env("HOME", folder.path())
        .output()
        .expect("bash runs");

    let said = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
    assert!(
        ended.status.success(),
        "{document}: {}\n--- printed\n{}\n--- errors\n{}",
        ended.status,
        said(&ended.stdout),
        said(&ended.stderr)
    );
}

/// The blocks of a document as one script of bash.
fn session(document: &str) -> String {
    let mut script = String::from("set -euo pipefail\n");
    let mut lines = document.lines().enumerate();
    while let Some((at, line)) = lines.next() {
        let Some(mark) = line.strip_prefix("```").filter(|mark| !mark.is_empty()) else { continue };
        let block: Vec<&str> =
            lines.by_ref().map(|(_, line)| line).take_while(|line| *line != "```").collect();
        let (block, at) = (block.join("\n"), at + 1);
        match mark.split_once(' ').unwrap_or((mark, "")) {
            ("sh", "") => {
                let _ = writeln!(script, "echo '== line {at}'\n{block}");
            }
            ("sh", exits) => {
                let code = exits.strip_prefix("exits=").expect("a block of sh says nothing else");
                let _ = writeln!(
                    script,
                    "echo '== line {at}'\nset +e\n{block}\ncode=$?\nset -e\n\
                     [ $code = {code} ] || {{ echo \"line {at}: ended with $code, not {code}\" >&2; exit 90; }}"
                );
            }
            ("file", name) => {
                let _ = writeln!(script, "cat > '{name}' <<'END_OF_FILE'\n{block}\nEND_OF_FILE");
            }
            _ => {}
        }
    }
    script
}

#[test]
fn a_session_keeps_order_files_and_codes() {
    let script =
        session("# A\n```sh\none\n```\n```text\nshown\n```\n```file a.md\nb\n```\n```sh exits=1\ntwo\n```\n");
    let at = |what: &str| script.find(what).unwrap_or_else(|| panic!("{what} in {script}"));
    assert!(at("one") < at("cat > 'a.md'") && at("cat > 'a.md'") < at("two"));
    assert!(script.contains("[ $code = 1 ]") && !script.contains("shown"));
}
