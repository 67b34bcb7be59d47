//! The API key is nowhere to be seen.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::thread;

use rustix::process::Signal;

use crate::program::{Folder, Running, answer, flagstaff};

const KEY: &str = "sk-very-secret-0123456789";

/// A server that refuses, and says the key to everybody.
fn talkative() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for mut client in listener.incoming().flatten() {
            let _ = client.read(&mut [0; 4096]);
            let _ = client.write_all(
                format!("HTTP/1.1 401 {KEY}\r\nX-Echo: {KEY}\r\nContent-Length: 0\r\n\r\n").as_bytes(),
            );
        }
    });
    url
}

#[test]
fn the_key_is_in_no_output_and_no_log_whichever_way_it_comes() {
    let folder = Folder::new();
    let url = talkative();
    let key_file = folder.file("key", &format!("{KEY}\n"));
    let key_file = key_file.to_str().unwrap();
    for (arguments, variable) in [
        (&["--api-key", KEY][..], None),
        (&["--api-key-file", key_file], None),
        (&[], Some("FLAGSTAFF_API_KEY")),
        (&[], Some("SOASAP_API_KEY")),
    ] {
        let mut command = folder.flagstaff(["run", "--base-url", &url]);
        command.args(arguments).env("FLAGSTAFF_LOG", "trace");
        if let Some(variable) = variable {
            command.env(variable, KEY);
        }
        let mut run = Running::start(&mut command);
        run.logs("found 401");
        run.signal(Signal::TERM);
        assert!(run.end().success());
        let everything = run.everything();
        assert!(everything.contains("stops after SIGTERM") && !everything.contains(KEY), "{everything}");
    }
    let help = answer(flagstaff(["run", "--help"]).env("FLAGSTAFF_API_KEY", KEY).env("SOASAP_API_KEY", KEY));
    assert!(!help.out.contains(KEY) && help.out.contains("process list"), "{}", help.out);
    for entry in fs::read_dir(folder.path()).unwrap() {
        assert!(!entry.unwrap().file_name().to_str().unwrap().contains(KEY));
    }
}

/// Symptom: rows of hexadecimal bytes with the key in the log. Cause: what keeps the HTTP library quiet was a directive of
/// the filter, and a more specific one beats it. Fix: it is the limit of the `log` crate, which no filter reaches past.
#[test]
fn no_filter_brings_what_goes_over_the_wire_into_the_log() {
    for filter in ["ureq_proto::util=trace", "ureq=trace,ureq_proto=trace", "trace"] {
        let folder = Folder::new();
        let mut command = folder.flagstaff(["run", "--base-url", &talkative(), "--api-key", KEY]);
        let mut run =
            Running::start(command.env("FLAGSTAFF_LOG", format!("flagstaff_publisher=info,{filter}")));
        run.logs("found 401");
        run.signal(Signal::TERM);
        assert!(run.end().success());
        let everything = run.everything();
        // Eight bytes of the key, however their digits are set apart.
        let hex: String = KEY.bytes().take(8).map(|byte| format!("{byte:02x}")).collect();
        let digits: String = everything.to_lowercase().split([' ', ':', ',']).collect();
        assert!(!everything.contains(KEY) && !digits.contains(&hex), "{filter}: {everything}");
        assert!(!everything.contains("TRACE ") && !everything.contains("DEBUG "), "{filter}: {everything}");
    }
}

#[test]
fn a_key_that_does_not_fit_a_header_is_wrong_use_and_not_repeated() {
    let folder = Folder::new();
    // White space around a key is taken off: mounted secrets end in a newline.
    let file = folder.file("key", &format!("{KEY}\n{KEY}\n"));
    for key in
        [format!("{KEY}\r\nX-Evil: 1"), format!("{KEY}\t{KEY}\n"), " ".to_owned(), format!("{KEY}\u{e4}")]
    {
        let answer = answer(folder.flagstaff(["run"]).env("FLAGSTAFF_API_KEY", &key));
        assert_eq!(answer.code, Some(2), "{key:?}: {answer:?}");
        assert!(!answer.err.contains(KEY) && answer.err.contains("api key"), "{}", answer.err);
    }
    let of_file = answer(flagstaff(["status", "--api-key-file"]).arg(file));
    assert_eq!(of_file.code, Some(2));
    assert!(!of_file.err.contains(KEY), "{}", of_file.err);
}
