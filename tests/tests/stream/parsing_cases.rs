//! One case or more for each rule of parsing. Data that is JSON can be followed into the flags.

use Seen::{Comment, Event, Retry, TooLarge};

/// A stream, and all that a client sees in it.
pub(crate) struct Case {
    pub(crate) rule: &'static str,
    pub(crate) stream: Vec<u8>,
    pub(crate) seen: Vec<Seen>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Seen {
    /// Type, data, id.
    Event(String, String, String),
    Comment,
    /// In milliseconds.
    Retry(u128),
    TooLarge,
}

fn event(event_type: &str, data: &str, id: &str) -> Seen {
    Event(event_type.to_owned(), data.to_owned(), id.to_owned())
}

fn message(data: &str) -> Seen {
    event("message", data, "")
}

/// The limit of the command.
pub(crate) const LIMIT: usize = 5 << 20;

const TWO: &str = "{\"n\":2}";

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    let mut show = |rule, stream: &[u8], seen: &[Seen]| {
        cases.push(Case { rule, stream: stream.to_vec(), seen: seen.to_vec() });
    };
    let rule = "Bytes are UTF-8; what is invalid becomes U+FFFD, also when a character comes in pieces.";
    let text = "{\"n\":2,\"t\":\"gr\u{fc}n \u{20ac} \u{1f6a9}\"}";
    show(rule, format!("data: {text}\n\n").as_bytes(), &[message(text)]);
    for invalid in [&b"\xff"[..], b"\xf0\x9f\x9a", b"\xe2\x82", b"\xc3\xc3\xa9", b"\xed\xa0\x80", b"\xc0\x80"]
    {
        let stream = [b"data: {\"n\":2,\"t\":\"a", invalid, b"b\"}\n\n"].concat();
        let replaced = String::from_utf8_lossy(invalid);
        show(rule, &stream, &[message(&format!("{{\"n\":2,\"t\":\"a{replaced}b\"}}"))]);
    }

    let rule = "One byte-order mark at the start of a connection is dropped, also when it comes in pieces.";
    show(rule, b"\xef\xbb\xbfdata: {\"n\":2}\n\n", &[message(TWO)]);
    show(rule, b"\xef\xbbdata: {\"n\":666}\n\ndata: {\"n\":2}\n\n", &[message(TWO)]);

    let rule = "A later byte-order mark is data.";
    show(rule, b"\xef\xbb\xbf\xef\xbb\xbfdata: {\"n\":666}\n\ndata: {\"n\":2}\n\n", &[message(TWO)]);
    show(rule, b"\n\xef\xbb\xbfdata: {\"n\":666}\n\ndata: {\"n\":2}\n\n", &[message(TWO)]);
    let marked = "{\"n\":2,\"t\":\"\u{feff}a\"}";
    show(rule, format!("data: {marked}\n\n").as_bytes(), &[message(marked)]);

    let rule = "A line ends at LF, CR or CRLF, mixed freely, also when CR and LF come in different reads.";
    let lines = "{\n\"n\":2,\n\"t\":\n\"x\"}";
    show(rule, b"data:{\r\ndata:\"n\":2,\rdata:\"t\":\ndata:\"x\"}\r\n\n", &[message(lines)]);
    show(rule, b"data: {\"n\":1}\r\n\r\ndata: {\"n\":2}\r\n\r\n", &[message("{\"n\":1}"), message(TWO)]);
    show(rule, b"data: {\"n\":1}\n\rdata: {\"n\":2}\r\r", &[message("{\"n\":1}"), message(TWO)]);

    let rule = "A CR ends its line at once, without waiting for an LF.";
    show(rule, b"data: {\"n\":2}\r\r", &[message(TWO)]);
    show(rule, b"data: {\"n\":2}\n\r", &[message(TWO)]);

    let rule = "A line that starts with a colon is a comment.";
    show(
        rule,
        b": alive\ndata: {\"n\"\n:data: x\ndata: :2}\n\n",
        &[Comment, Comment, message("{\"n\"\n:2}")],
    );

    let rule = "A line without a colon is a field with an empty value.";
    show(rule, b"id: 7\nevent: x\nid\nevent\ndata\ndata: {\"n\":2}\n\n", &[message("\n{\"n\":2}")]);

    let rule = "One space after the colon is dropped, and only one.";
    show(rule, b"data:{\"n\":2,\"t\":\"\ndata:  a\"}\n\n", &[message("{\"n\":2,\"t\":\"\n a\"}")]);
    show(rule, b"data:  {\"n\":2}\ndata:\t\n\n", &[message(" {\"n\":2}\n\t")]);

    let rule = "Later colons belong to the value.";
    show(rule, b"data: {\"n\":2,\"t\":\": ::\"}\n\n", &[message("{\"n\":2,\"t\":\": ::\"}")]);

    let rule = "Names are case-sensitive, and unknown fields are ignored.";
    let odd = "Data: {}\nDATA: {}\n data: {}\ndata : {}\ndatax: {}\ndat: {}\nfoo: {}\n\ndata: {\"n\":2}\n\n";
    show(rule, odd.as_bytes(), &[message(TWO)]);

    let rule = "Each `data` line appends its value and an LF; the last LF goes.";
    show(rule, b"data: {\ndata: \"n\"\ndata\ndata: :2}\n\n", &[message("{\n\"n\"\n\n:2}")]);

    let rule = "The last `event` line wins; the default is `message`, and each blank line goes back to it.";
    let types = "event: a\nevent: b\ndata: {\"n\":1}\n\nevent: c\n\ndata: {\"n\":2}\n\n";
    show(rule, types.as_bytes(), &[event("b", "{\"n\":1}", ""), message(TWO)]);

    let rule = "An `id` lasts across events; an empty one resets it.";
    let ids = "id: 7\ndata: {\"n\":1}\n\ndata: {\"n\":2}\n\n";
    show(rule, ids.as_bytes(), &[event("message", "{\"n\":1}", "7"), event("message", TWO, "7")]);
    let ids = "id: 7\ndata: {\"n\":1}\n\nid\ndata: {\"n\":2}\n\n";
    show(rule, ids.as_bytes(), &[event("message", "{\"n\":1}", "7"), message(TWO)]);

    let rule = "An `id` with NUL is ignored.";
    show(rule, b"id: 7\nid: 8\0\ndata: {\"n\":2}\n\n", &[event("message", TWO, "7")]);

    let rule = "`retry` takes ASCII digits only, and is clamped to 0.1 to 60 s.";
    show(rule, b"retry: 250\ndata: {\"n\":2}\n\nretry:0\n", &[Retry(250), message(TWO), Retry(100)]);
    let wrong =
        "retry\nretry:\nretry: 1s\nretry: -1\nretry:  1\nretry: 1.5\nretry: \u{661}\ndata: {\"n\":2}\n\n";
    show(rule, wrong.as_bytes(), &[message(TWO)]);
    show(rule, b"retry: 99999999999999999999999\nretry: 0070\n", &[Retry(60_000), Retry(100)]);

    let rule = "A blank line without `data` is no event.";
    show(rule, b"\n\r\n\rdata: {\"n\":2}\n\n\n\nevent: x\n\nid: 1\nid\n\n", &[message(TWO)]);

    let rule = "`data` alone is an event with empty data.";
    show(rule, b"data\n\n", &[message("")]);
    show(rule, b"data:\n\n", &[message("")]);

    let rule = "The end of the stream drops what is unfinished.";
    show(rule, b"data: {\"n\":2}\n\ndata: {\"n\":666}\n", &[message(TWO)]);
    show(rule, b"data: {\"n\":2}\n\nid: 9\ndata: {\"n\":666}", &[message(TWO)]);

    let rule = "Data, lines, ids and types are capped before they are complete.";
    for start in ["data: ", ": ", "unknown: ", "id: ", "event: "] {
        let stream = format!("data: {TWO}\n\n{start}{}", "x".repeat(LIMIT + 1));
        show(rule, stream.as_bytes(), &[message(TWO), TooLarge]);
    }
    cases
}
