use std::time::Duration;

use super::*;

const LIMIT: usize = 1024;

/// Feeds the chunks to one parser.
pub(super) fn parse_chunks<'a>(limit: usize, chunks: impl IntoIterator<Item = &'a [u8]>) -> Vec<Item> {
    let mut parser = Parser::new(limit);
    let mut items = Vec::new();
    for mut chunk in chunks {
        while let Some(item) = parser.next_item(&mut chunk) {
            items.push(item);
        }
        assert!(chunk.is_empty());
    }
    items
}

/// The items of a stream, which must be the same in one piece and byte by byte.
fn parse(bytes: impl AsRef<[u8]>) -> Vec<Item> {
    let whole = parse_chunks(LIMIT, [bytes.as_ref()]);
    assert_eq!(parse_chunks(LIMIT, bytes.as_ref().chunks(1)), whole);
    whole
}

pub(super) fn event(event_type: &str, data: &str, id: &str) -> Item {
    Item::Event(Event {
        event_type: event_type.to_owned().into(),
        data: data.to_owned(),
        last_event_id: id.into(),
    })
}

fn message(data: &str) -> Item {
    event("message", data, "")
}

#[test]
fn a_character_split_between_reads_is_whole() {
    assert_eq!(parse("data: gr\u{fc}n \u{1f6a9}\n\n"), [message("gr\u{fc}n \u{1f6a9}")]);
}

#[test]
fn invalid_utf8_is_replaced_as_for_the_whole_stream() {
    for bytes in [
        &b"a\xffb"[..],
        b"\xf0\x9f\x9a",
        b"\xe2\x82",
        b"\xc3\xc3\xa9",
        b"\xed\xa0\x80",
        b"\xc0\x80",
        b"\xf0\x9fa\x80",
    ] {
        let stream = [b"data:", bytes, b"\n\n"].concat();
        assert_eq!(parse(stream), [message(&String::from_utf8_lossy(bytes))]);
    }
}

#[test]
fn one_byte_order_mark_at_the_start_is_dropped() {
    assert_eq!(parse("\u{feff}data: a\n\n"), [message("a")]);
}

#[test]
fn a_second_or_later_byte_order_mark_is_data() {
    assert_eq!(parse("\u{feff}\u{feff}data: a\n\n"), []);
    assert_eq!(parse("data: \u{feff}a\n\n"), [message("\u{feff}a")]);
    assert_eq!(parse("\n\u{feff}data: a\n\n"), []);
}

#[test]
fn the_beginning_of_a_byte_order_mark_is_no_mark() {
    assert_eq!(parse(b"\xef\xbbdata: a\n\ndata: b\n\n"), [message("b")]);
    assert_eq!(parse(b"\xef\n\ndata: b\n\n"), [message("b")]);
}

#[test]
fn lines_end_at_lf_cr_and_crlf_mixed() {
    assert_eq!(parse("data: a\r\ndata: b\rdata: c\n\r\n"), [message("a\nb\nc")]);
    assert_eq!(parse("data: a\n\rdata: b\r\r"), [message("a"), message("b")]);
    assert_eq!(parse("data: a\r\n\r\ndata: b\r\n\r\n"), [message("a"), message("b")]);
}

#[test]
fn a_cr_dispatches_at_once_and_an_lf_in_the_next_read_belongs_to_it() {
    let mut parser = Parser::new(LIMIT);
    assert_eq!(parser.next_item(&mut &b"data: a\r\r"[..]), Some(message("a")));
    assert_eq!(parser.next_item(&mut &b"\ndata: b\n\n"[..]), Some(message("b")));
}

#[test]
fn a_line_that_starts_with_a_colon_is_a_comment() {
    assert_eq!(parse(":\n: hello\n:data: x\n\n"), [Item::Comment, Item::Comment, Item::Comment]);
}

#[test]
fn a_comment_inside_an_event_does_not_disturb_it() {
    assert_eq!(parse("data: a\n: alive\ndata: b\n\n"), [Item::Comment, message("a\nb")]);
}

#[test]
fn a_line_without_colon_is_a_field_with_an_empty_value() {
    assert_eq!(parse("data\n\n"), [message("")]);
    assert_eq!(parse("id: 1\nevent: x\nid\nevent\ndata\n\n"), [message("")]);
}

#[test]
fn one_space_after_the_colon_is_dropped_and_only_one() {
    assert_eq!(parse("data:a\ndata: b\ndata:  c\ndata:\td\ndata: \n\n"), [message("a\nb\n c\n\td\n")]);
}

#[test]
fn later_colons_belong_to_the_value() {
    assert_eq!(parse("data: {\"a\":1}\ndata::\n\n"), [message("{\"a\":1}\n:")]);
}

#[test]
fn names_are_case_sensitive_and_unknown_fields_are_ignored() {
    assert_eq!(parse("Data: a\nDATA: b\n data: c\ndata : d\ndatax: e\ndat: f\nfoo: g\nretry2: 5\n\n"), []);
}

#[test]
fn a_data_line_alone_is_an_event_with_empty_data() {
    assert_eq!(parse("data:\n\n"), [message("")]);
    assert_eq!(parse("data\ndata\n\n"), [message("\n")]);
}

#[test]
fn the_last_event_type_wins_and_a_blank_line_resets_it() {
    assert_eq!(
        parse("event: a\nevent: b\ndata: 1\n\ndata: 2\n\nevent: c\n\ndata: 3\n\n"),
        [event("b", "1", ""), message("2"), message("3")]
    );
}

#[test]
fn a_blank_line_without_data_is_no_event() {
    assert_eq!(parse("\n\n\r\n\revent: a\n\nid: 1\n\n"), []);
}

#[test]
fn an_id_lasts_across_events_and_an_empty_one_resets_it() {
    assert_eq!(
        parse("id: 7\ndata: a\n\ndata: b\n\nid\ndata: c\n\n"),
        [event("message", "a", "7"), event("message", "b", "7"), message("c")]
    );
}

#[test]
fn an_id_with_nul_is_ignored() {
    assert_eq!(parse("id: 7\nid: 8\0\ndata: a\n\n"), [event("message", "a", "7")]);
}

#[test]
fn an_id_counts_for_the_next_connection_at_the_blank_line_also_without_data() {
    let mut parser = Parser::with_last_event_id(LIMIT, "old");
    assert_eq!(parser.next_item(&mut &b"data: a\n\n"[..]), Some(event("message", "a", "old")));
    assert_eq!(parser.next_item(&mut &b"id: new\n"[..]), None);
    assert_eq!(&**parser.last_event_id(), "old");
    assert_eq!(parser.next_item(&mut &b"\n"[..]), None);
    assert_eq!(&**parser.last_event_id(), "new");
}

#[test]
fn retry_takes_ascii_digits_only_and_is_clamped() {
    let retry = |milliseconds| Item::Retry(Duration::from_millis(milliseconds));
    assert_eq!(
        parse("retry: 2500\nretry:0\nretry: 99999999999999999999999\nretry: 007000\n"),
        [retry(2500), retry(100), retry(60_000), retry(7000)]
    );
    assert_eq!(
        parse(
            "retry\nretry:\nretry: \nretry: 1s\nretry: -1\nretry: +1\nretry:  1\nretry: 1.5\nretry: \u{0661}\n"
        ),
        []
    );
}

#[test]
fn the_end_of_the_stream_drops_what_is_unfinished() {
    assert_eq!(parse("data: a\n\ndata: b\n"), [message("a")]);
    assert_eq!(parse("data: a\n\ndata: b"), [message("a")]);
}

#[test]
fn data_of_exactly_the_limit_is_taken_and_one_byte_more_is_not() {
    let full = "x".repeat(LIMIT);
    assert_eq!(parse(format!("data: {full}\n\n")), [message(&full)]);
    for stream in
        [format!("data: {full}x\n\n"), format!("data: {full}\ndata\n\n"), "data\n".repeat(LIMIT + 2)]
    {
        assert_eq!(parse(stream), [Item::TooLarge { part: Part::Data, limit: LIMIT }]);
    }
}

#[test]
fn data_that_grows_over_the_limit_by_replacement_is_refused() {
    let invalid = [b"data:".to_vec(), vec![0xff; LIMIT / 2], b"\n\n".to_vec()].concat();
    assert_eq!(parse(invalid), [Item::TooLarge { part: Part::Data, limit: LIMIT }]);
}

#[test]
fn lines_without_end_are_reported_before_they_end() {
    for start in [": ", "unknown: ", "unknown", "retry: "] {
        let line = format!("{start}{}", "1".repeat(2 * LIMIT));
        assert_eq!(parse(line), [Item::TooLarge { part: Part::Line, limit: LIMIT }], "{start}");
    }
}

#[test]
fn ids_and_event_types_have_a_limit_of_their_own() {
    let long = "x".repeat(MAX_NAME_BYTES);
    let limits = |text: String| parse_chunks(1 << 20, [text.as_bytes()]);
    assert_eq!(limits(format!("id: {long}\nevent: {long}\ndata\n\n")), [event(&long, "", &long)]);
    let limit = MAX_NAME_BYTES;
    assert_eq!(limits(format!("id: {long}x")), [Item::TooLarge { part: Part::EventId, limit }]);
    assert_eq!(limits(format!("event: {long}x")), [Item::TooLarge { part: Part::EventType, limit }]);
}

#[test]
fn after_something_too_large_the_parser_stays_closed() {
    let stream = format!("data: a\n\ndata: {}\n\ndata: b\n\n", "x".repeat(LIMIT + 1));
    assert_eq!(parse(stream), [message("a"), Item::TooLarge { part: Part::Data, limit: LIMIT }]);
}

#[test]
fn ignored_lines_and_finished_events_keep_no_memory() {
    let mut parser = Parser::new(1 << 20);
    for mut chunk in std::iter::repeat_n(&b"x"[..], 10_000) {
        assert_eq!(parser.next_item(&mut chunk), None);
    }
    assert_eq!(parser.data.capacity() + parser.id_line.capacity() + parser.event_type.capacity(), 0);
}

#[test]
fn a_recycled_buffer_is_used_again_and_growth_stays_below_the_limit() {
    let mut parser = Parser::new(1000);
    let stream = format!("data: {}\n\n", "x".repeat(900));
    let mut next = |recycled: Option<String>| {
        if let Some(data) = recycled {
            parser.recycle(data);
        }
        let mut found = None;
        for mut chunk in stream.as_bytes().chunks(100) {
            if let Some(Item::Event(event)) = parser.next_item(&mut chunk) {
                found = Some(event.data);
            }
        }
        found.unwrap()
    };
    let first = next(None);
    let (address, capacity) = (first.as_ptr(), first.capacity());
    assert!(capacity <= 1000, "{capacity}");
    let second = next(Some(first));
    assert_eq!((second.as_ptr(), second.capacity()), (address, capacity));
    let third = next(Some(second));
    assert_eq!(third.as_ptr(), address);
}

#[test]
fn a_buffer_recycled_while_an_event_is_read_serves_the_one_after_it() {
    let mut parser = Parser::new(1000);
    let mut chunk = &b"data: a\n\ndata: b"[..];
    let Some(Item::Event(first)) = parser.next_item(&mut chunk) else { panic!("no event") };
    assert_eq!(parser.next_item(&mut chunk), None);
    let address = first.data.as_ptr();
    parser.recycle(first.data);
    assert_eq!(parser.next_item(&mut &b"\n\n"[..]), Some(message("b")));
    let Some(Item::Event(third)) = parser.next_item(&mut &b"data: c\n\n"[..]) else { panic!("no event") };
    assert_eq!((third.data.as_str(), third.data.as_ptr()), ("c", address));
}

#[test]
fn line_ends_are_found_at_every_place() {
    for length in 0..200 {
        let mut bytes = vec![b'x'; length];
        assert_eq!(line_end(&bytes), None);
        for place in (0..length).rev() {
            bytes[place] = if place % 2 == 0 { b'\n' } else { b'\r' };
            assert_eq!(line_end(&bytes), Some(place));
        }
    }
}
