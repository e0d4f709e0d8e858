//! A file of `invite-core` imports only from its own floor or below.
//!
//! `ARCHITECTURE.md` says what a floor is. What counts is a mention of another module in code: in a `use` or anywhere
//! else; documentation may point upwards, and tests may use everything.

use std::fs;
use std::path::{Path, PathBuf};

use crate::cargo::{Answer, workspace};
use crate::rust_code::{is_identifier, shipped_code};

/// The modules of `invite-core` and their floors.
const FLOORS: [(&str, u8); 11] = [
    ("model", 0),
    ("policy", 0),
    ("credential", 1),
    ("decision", 1),
    ("machine", 1),
    ("people_file", 1),
    ("template", 1),
    ("port", 2),
    ("conformance", 3),
    ("memory", 3),
    ("service", 4),
];

/// Holds that no file looks up, and that every module has a floor.
pub(crate) fn check() -> Answer {
    let source = workspace().join("invite-core").join("src");
    let files = rust_files(&source).map_err(|error| format!("{}: {error}", source.display()))?;
    let mut faults = Vec::new();
    for file in files {
        let text = fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
        let module = module_of(file.strip_prefix(&source).expect("it was found there"));
        let found = faults_in(&module, &text);
        faults.extend(found.into_iter().map(|fault| format!("{}:{fault}", file.display())));
    }
    if faults.is_empty() { Ok(()) } else { Err(faults.join("\n")) }
}

/// What is wrong in a file, each with its line: `12: model is on floor 0 and mentions port of floor 2`.
fn faults_in(module: &[String], text: &str) -> Vec<String> {
    // The crate's root lists the modules, and tests use what they like.
    let Some(own) = module.first().filter(|_| module.last().is_some_and(|last| last != "tests")) else {
        return Vec::new();
    };
    let Some(own_floor) = floor(own) else {
        return vec![format!("1: the module {own} has no floor; give it one in xtask/src/floors.rs")];
    };
    let code = shipped_code(text);
    let mut faults = Vec::new();
    for (at, name) in mentions(module, &code) {
        let line = code[..at].matches('\n').count() + 1;
        match floor(name) {
            None => faults.push(format!(
                "{line}: crate::{name} is no module with a floor; name the module that has it"
            )),
            Some(floor) if floor > own_floor => {
                faults.push(format!(
                    "{line}: {own} is on floor {own_floor} and mentions {name} of floor {floor}"
                ));
            }
            Some(_) => {}
        }
    }
    faults
}

fn floor(module: &str) -> Option<u8> {
    FLOORS.iter().find(|(name, _)| *name == module).map(|(_, floor)| *floor)
}

/// The top-level modules that code names, with their places: after `crate::`, or after as many `super::` as lead to
/// the crate's root.
fn mentions<'a>(module: &[String], code: &'a str) -> Vec<(usize, &'a str)> {
    let to_the_root = "super::".repeat(module.len());
    ["crate::", &to_the_root]
        .into_iter()
        .flat_map(|root| code.match_indices(root).map(move |(at, _)| (at, at + root.len())))
        .filter(|(at, _)| {
            let before = &code[..*at];
            !before.ends_with(is_identifier) && !before.ends_with("super::")
        })
        .flat_map(|(at, end)| names_at(&code[end..]).into_iter().map(move |name| (at, name)))
        .collect()
}

/// The names with which a path goes on: one, or the heads of a group `{a::b, c}`.
fn names_at(path: &str) -> Vec<&str> {
    let Some(group) = path.strip_prefix('{') else { return head(path).into_iter().collect() };
    let mut depth = 1;
    let end = group.find(|c| {
        depth += nesting(c);
        depth == 0
    });
    let mut depth = 0;
    let members = group[..end.unwrap_or(group.len())].split(|c| {
        depth += nesting(c);
        c == ',' && depth == 0
    });
    members.filter_map(|member| head(member.trim())).collect()
}

fn nesting(c: char) -> i32 {
    match c {
        '{' => 1,
        '}' => -1,
        _ => 0,
    }
}

fn head(path: &str) -> Option<&str> {
    let end = path.find(|c| !is_identifier(c)).unwrap_or(path.len());
    Some(&path[..end]).filter(|name| !name.is_empty() && *name != "self")
}

/// `model/contact.rs` is the module `model::contact`, `model/mod.rs` is `model`, `lib.rs` is the root.
fn module_of(file: &Path) -> Vec<String> {
    let mut module: Vec<_> =
        file.with_extension("").iter().map(|part| part.to_string_lossy().into_owned()).collect();
    module.pop_if(|last| last == "mod" || last == "lib");
    module
}

fn rust_files(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            files.extend(rust_files(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_may_use_its_own_floor_and_those_below() {
        let text = "use crate::model::id::UserId;\nuse crate::{decision::decide, machine};\nuse super::super::policy::Policy;";
        assert_eq!(faults("decision/decide.rs", text), [""; 0]);
    }

    #[test]
    fn a_file_that_looks_up_is_named_with_line_and_floors() {
        let found = faults("model/user.rs", "//! A user.\n\nuse crate::port::Accounts;\n");
        assert_eq!(found, ["3: model is on floor 0 and mentions port of floor 2"]);
    }

    #[test]
    fn every_way_to_name_a_module_is_seen() {
        for text in [
            "use crate::{model::{a, b}, service::Invites};",
            "fn f(invites: &crate::service::Invites) {}",
            "pub(crate) use crate::service;",
            "use super::super::service::Invites;",
            "macro_rules! m { () => { $crate::service::Invites } }",
            "const C: char = '\"'; use crate::service::Invites; const S: &str = \"\";",
        ] {
            assert_eq!(
                faults("port/queue.rs", text),
                ["1: port is on floor 2 and mentions service of floor 4"],
                "{text}"
            );
        }
        assert_eq!(faults("port/mod.rs", "use super::service::Invites;").len(), 1);
    }

    #[test]
    fn documentation_tests_and_strings_may_point_upwards() {
        for text in [
            "/// See [`Invites`](crate::service::Invites).\npub struct S;",
            "/* crate::service /* nested */ crate::service */",
            "const S: &str = r#\"crate::service \" \"#;",
            "#[cfg(test)]\nmod tests {\n    use crate::service::Invites;\n    fn f() { {} }\n}",
            "#[cfg(test)]\nuse crate::service::Invites;",
            "use my_crate::service;",
            "use super::service::Page;",
        ] {
            assert_eq!(faults("port/queue.rs", text), [""; 0], "{text}");
        }
        assert_eq!(faults("port/tests.rs", "use crate::service::Invites;"), [""; 0]);
    }

    #[test]
    fn code_after_a_test_module_is_looked_at() {
        let text = "#[cfg(test)]\nmod tests { fn f() {} }\nuse crate::service::Invites;";
        assert_eq!(faults("port/queue.rs", text), ["3: port is on floor 2 and mentions service of floor 4"]);
    }

    #[test]
    fn a_module_without_a_floor_is_a_fault() {
        assert!(faults("utils.rs", "")[0].contains("the module utils has no floor"));
        assert!(faults("port/queue.rs", "use crate::Invites;")[0].contains("crate::Invites is no module"));
    }

    #[test]
    fn the_root_lists_the_modules_and_has_no_floor() {
        assert_eq!(faults("lib.rs", "pub mod service;\npub use crate::service::Invites;"), [""; 0]);
    }

    fn faults(file: &str, text: &str) -> Vec<String> {
        faults_in(&module_of(Path::new(file)), text)
    }
}
