//! On a terminal it shows the plan, asks, and hides what is typed. `script` gives it one.

use std::io::Write;
use std::process::Stdio;

use crate::house::House;

/// Runs the program on a terminal, where these lines are typed.
fn typed(house: &House, words: &str, lines: &str) -> (i32, String) {
    let program = format!("{} {words}", env!("CARGO_BIN_EXE_invite"));
    let mut command = house.command();
    let mut terminal = std::process::Command::new("script");
    terminal.args(["-q", "-e", "-c", &program, "/dev/null"]).current_dir(house.path(""));
    terminal.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?)))).env("TERM", "xterm");
    command.args(["--version"]);
    terminal.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child =
        terminal.spawn().expect("`script` gives a terminal: install util-linux (Debian: bsdutils)");
    let mut keyboard = child.stdin.take().unwrap();
    for line in lines.lines() {
        std::thread::sleep(std::time::Duration::from_millis(1_500));
        writeln!(keyboard, "{line}").unwrap();
    }
    let output = child.wait_with_output().unwrap();
    drop(keyboard);
    (output.status.code().unwrap_or(-1), String::from_utf8_lossy(&output.stdout).into_owned())
}

#[test]
fn the_plan_is_shown_and_asked_about() {
    let house = House::with_people();
    let (code, said) = typed(&house, "invite --all", "n");
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("skipped: you yourself") && said.contains("Send 3 invitations? [y/N]"), "{said}");
    assert!(said.contains("Nothing is sent."), "{said}");
    let (code, said) = typed(&house, "invite --all", "y");
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("Confirmed: 3 people get a message"), "{said}");
    assert_eq!(house.run("work --until-idle --json").ok().json()["sent"], 3);
}

#[test]
fn a_typed_password_is_not_shown() {
    let house = House::invited();
    let (password, new) = (house.password("anna@acme.test"), "rain over the fjord");
    let lines = format!("{password}\n{new}\n{new}\n");
    let (code, said) = typed(&house, "sign-in anna", &lines);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("Choose your own") && said.contains("Signed in."), "{said}");
    assert!(!said.contains(&password) && !said.contains(new), "{said}");
}
