//! The rules of an event stream written down as plainly as possible: all of it decoded first, then line by line. For tests: this file is a
//! module of the parser's random test and of its fuzz target.

use std::time::Duration;

use super::{Item, Part, RETRY_MAX, RETRY_MIN};

/// What the parser finds, in types that anybody can make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Plain {
    Event { event_type: String, data: String, id: String },
    Comment,
    Retry(Duration),
    TooLarge { part: Part, limit: usize },
}

/// An item of the parser.
pub(super) fn plain(item: Item) -> Plain {
    match item {
        Item::Event(event) => {
            let id = event.last_event_id.to_string();
            Plain::Event { event_type: event.event_type.into_owned(), data: event.data, id }
        }
        Item::Comment => Plain::Comment,
        Item::Retry(delay) => Plain::Retry(delay),
        Item::TooLarge { part, limit } => Plain::TooLarge { part, limit },
        #[allow(unreachable_patterns, reason = "only outside of the parser's crate may there be others")]
        other => panic!("the rules do not know {other:?}"),
    }
}

/// The items of a stream. Limits count bytes, so the undecoded lines go along. A line without end only counts for the limits.
/// Names and ids are shorter than their own limit.
pub(super) fn items(limit: usize, stream: &[u8]) -> Vec<Plain> {
    let stream = stream.strip_prefix(b"\xef\xbb\xbf").unwrap_or(stream);
    let text = String::from_utf8_lossy(stream);
    let raw_lines = lines(stream, |byte| *byte);
    let characters: Vec<char> = text.chars().collect();
    let lines = lines(&characters, |c| u8::try_from(*c).unwrap_or(b'?'));
    assert_eq!(raw_lines.len(), lines.len());
    let complete = lines.len() - 1;
    let mut items = Vec::new();
    let (mut data, mut raw_data_bytes) = (None::<String>, 0);
    let (mut event_type, mut id) = (String::new(), String::new());
    for (number, (raw, line)) in raw_lines.iter().zip(&lines).enumerate() {
        let line: String = line.iter().collect();
        let is_complete = number < complete;
        if line.is_empty() {
            if !is_complete {
                break;
            }
            if let Some(data) = data.take() {
                if data.len() > limit {
                    items.push(Plain::TooLarge { part: Part::Data, limit });
                    return items;
                }
                let event_type = if event_type.is_empty() { "message" } else { &event_type }.to_owned();
                items.push(Plain::Event { event_type, data, id: id.clone() });
            }
            event_type.clear();
            raw_data_bytes = 0;
            continue;
        }
        if !is_complete && !line.contains(':') && line.len() <= 5 {
            break;
        }
        let (name, value) = line.split_once(':').unwrap_or((&line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        let too_large = match name {
            "data" => {
                let raw_value = raw.get(5..).unwrap_or(b"");
                let raw_value = raw_value.strip_prefix(b" ").unwrap_or(raw_value);
                raw_data_bytes += raw_value.len() + usize::from(data.is_some());
                (raw_data_bytes > limit).then_some(Part::Data)
            }
            "event" | "id" => None,
            _ => (raw.len() > limit).then_some(Part::Line),
        };
        if let Some(part) = too_large {
            items.push(Plain::TooLarge { part, limit });
            return items;
        }
        if !is_complete {
            break;
        }
        match name {
            "" => items.push(Plain::Comment),
            "data" => {
                data = Some(match data {
                    Some(earlier) => earlier + "\n" + value,
                    None => value.to_owned(),
                });
            }
            "event" => event_type = value.to_owned(),
            "id" if !value.contains('\0') => id = value.to_owned(),
            "retry" if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) => {
                let delay = Duration::from_millis(value.parse().unwrap_or(u64::MAX));
                items.push(Plain::Retry(delay.clamp(RETRY_MIN, RETRY_MAX)));
            }
            _ => {}
        }
    }
    items
}

/// Lines without their ends; the last one has none.
fn lines<T: Copy>(text: &[T], ascii: impl Fn(&T) -> u8) -> Vec<Vec<T>> {
    let mut lines = vec![Vec::new()];
    let mut after_cr = false;
    for part in text {
        match ascii(part) {
            b'\n' if after_cr => after_cr = false,
            end @ (b'\n' | b'\r') => {
                after_cr = end == b'\r';
                lines.push(Vec::new());
            }
            _ => {
                after_cr = false;
                if let Some(line) = lines.last_mut() {
                    line.push(*part);
                }
            }
        }
    }
    lines
}
