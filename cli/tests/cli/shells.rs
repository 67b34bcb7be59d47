//! `help`, `completions`, `man`: what shells and packages need.

use std::fs;
use std::process::Command;

use crate::program::{Folder, answer, flagstaff};

#[test]
fn help_is_a_command_as_well() {
    let help = answer(&mut flagstaff(["help"]));
    assert_eq!(help.code, Some(0));
    assert_eq!(help.out, answer(&mut flagstaff(["--help"])).out);
    let get = answer(&mut flagstaff(["help", "get"]));
    assert_eq!((get.code, get.out), (Some(0), answer(&mut flagstaff(["get", "--help"])).out));
}

#[test]
fn completions_need_no_home_and_make_nothing_in_it() {
    let home = Folder::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let mut command = flagstaff(["completions", shell]);
        let completions = answer(command.env("HOME", home.path()).env_remove("XDG_DATA_HOME"));
        assert_eq!((completions.code, completions.err.as_str()), (Some(0), ""), "{shell}");
        assert!(completions.out.contains("publish"), "{shell}");
        assert_eq!(
            answer(flagstaff(["completions", shell]).env_remove("HOME")).out,
            completions.out,
            "{shell}"
        );
    }
    assert_eq!(fs::read_dir(home.path()).unwrap().count(), 0);
}

#[test]
fn the_way_to_install_completions_that_help_names_works_in_a_fresh_home() {
    let home = Folder::new();
    let help = answer(&mut flagstaff(["completions", "--help"])).out;
    let commands: Vec<_> = help
        .lines()
        .map(str::trim)
        .filter(|line| line.starts_with("mkdir ") || line.contains(" > ~/"))
        .collect();
    assert_eq!(commands.len(), 6, "{help}");
    let folder = std::path::Path::new(env!("CARGO_BIN_EXE_flagstaff")).parent().unwrap();
    let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap_or_default());
    let shell = |script: &str| {
        Command::new("bash")
            .args(["-ec", script])
            .env("HOME", home.path())
            .env("PATH", &path)
            .output()
            .unwrap()
    };
    let output = shell(&commands.join("\n"));
    assert!(output.status.success(), "{output:?}");
    for (file, start) in [
        (".local/share/bash-completion/completions/flagstaff", "_flagstaff()"),
        (".zfunc/_flagstaff", "#compdef flagstaff"),
        (".config/fish/completions/flagstaff.fish", "#"),
    ] {
        let script = fs::read_to_string(home.path().join(file)).unwrap();
        assert!(script.starts_with(start), "{file}: {}", &script[..80]);
    }
    // What bash-completion does with it when somebody presses Tab.
    let output = shell(
        ". ~/.local/share/bash-completion/completions/flagstaff; COMP_WORDS=(flagstaff pub); COMP_CWORD=1; \
         _flagstaff flagstaff pub flagstaff; echo ${COMPREPLY[0]}",
    );
    assert_eq!(String::from_utf8_lossy(&output.stdout), "publish\n", "{output:?}");
}

#[test]
fn every_command_has_a_manual_page_that_renders() {
    let folder = Folder::new();
    let made = answer(flagstaff(["man"]).arg(folder.path()));
    assert_eq!((made.code, made.out.as_str(), made.err.as_str()), (Some(0), "", ""));
    let help = answer(&mut flagstaff(["--help"])).out;
    let commands = help.split("Commands:").nth(1).unwrap().split("Options:").next().unwrap();
    let commands: Vec<_> = commands
        .lines()
        .filter_map(|line| line.strip_prefix("  ")?.split(' ').next().filter(|word| !word.is_empty()))
        .filter(|word| *word != "help")
        .collect();
    assert!(commands.contains(&"get") && !commands.contains(&"man"), "{commands:?}");
    let has_groff =
        Command::new("groff").arg("--version").output().is_ok_and(|output| output.status.success());
    let pages = commands.iter().map(|command| format!("flagstaff-{command}.1"));
    for name in pages.chain(["flagstaff.1".to_owned()]) {
        let page = folder.path().join(&name);
        let text = fs::read_to_string(&page).unwrap_or_else(|error| panic!("{name}: {error}"));
        for part in [".TH", ".SH NAME", ".SH SYNOPSIS", ".SH OPTIONS"] {
            assert!(text.contains(part), "{part} in {name}");
        }
        if has_groff {
            let rendered =
                Command::new("groff").args(["-man", "-Tutf8", "-wall"]).arg(&page).output().unwrap();
            assert!(rendered.status.success() && rendered.stderr.is_empty(), "{name}: {rendered:?}");
            assert!(String::from_utf8_lossy(&rendered.stdout).contains("General Commands Manual"), "{name}");
        }
    }
}
