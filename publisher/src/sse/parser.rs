//! The parser of the event stream format. It does no input or output and knows no clock.
//!
//! Lines are split as bytes and decoded afterwards. That equals decoding the whole stream first, as the standard says it,
//! because LF, CR, colon and space never are part of a longer character: an unfinished character before one of them becomes
//! a replacement character either way. So the data of an event is checked once, in one piece, and not copied if it is valid.

use std::borrow::Cow;
use std::mem;
use std::sync::Arc;

use super::event::{Event, Item, Part};
use super::retry::Retry;

/// Longest event type and event id, in bytes. Both stay in memory, and the id goes into a request header.
pub(super) const MAX_NAME_BYTES: usize = 4 * 1024;

const BYTE_ORDER_MARK: [u8; 3] = [0xEF, 0xBB, 0xBF];
/// Length of `event` and `retry`, the longest known names. A longer name is unknown, whatever follows.
const LONGEST_FIELD: usize = 5;

/// Turns bytes, split in any way, into [`Item`]s.
///
/// # Memory
/// At most the event being read, one spare buffer, and twice `MAX_NAME_BYTES`. An event takes its data buffer along.
/// [`recycle`](Parser::recycle) gives one back; then a steady stream allocates nothing for data.
#[derive(Debug)]
pub struct Parser {
    limit: usize,
    closed: bool,
    /// Bytes of the byte-order mark seen so far at the start; 3 also when it turned out not to be there.
    mark: usize,
    /// The line before ended with CR, so an LF that follows belongs to it.
    after_cr: bool,
    line: Line,
    /// Bytes of the current line, its end excluded.
    line_bytes: usize,
    name: [u8; LONGEST_FIELD],
    name_bytes: usize,
    /// The colon was the last byte, so one space may be dropped.
    after_colon: bool,
    data: Vec<u8>,
    has_data: bool,
    spare: Vec<u8>,
    event_type: Vec<u8>,
    id_line: Vec<u8>,
    retry: Retry,
    /// The id of the event being read; it counts at the next blank line.
    id: Arc<str>,
    last_event_id: Arc<str>,
}

/// Where in a line the parser is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Line {
    Name,
    Value(Field),
    Comment,
    Unknown,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    Data,
    Event,
    Id,
    Retry,
}

impl Parser {
    /// A parser at the start of a stream. No event may have more than `max_event_bytes` of data.
    #[must_use]
    pub fn new(max_event_bytes: usize) -> Parser {
        Parser::with_last_event_id(max_event_bytes, "")
    }

    /// A parser at the start of a stream that goes on after an earlier one.
    ///
    /// Events without an id of their own then carry this one, as in browsers.
    #[must_use]
    pub fn with_last_event_id(max_event_bytes: usize, id: &str) -> Parser {
        let id: Arc<str> = Arc::from(id);
        Parser {
            limit: max_event_bytes,
            closed: false,
            mark: 0,
            after_cr: false,
            line: Line::Name,
            line_bytes: 0,
            name: [0; LONGEST_FIELD],
            name_bytes: 0,
            after_colon: false,
            data: Vec::new(),
            has_data: false,
            spare: Vec::new(),
            event_type: Vec::new(),
            id_line: Vec::new(),
            retry: Retry::Empty,
            last_event_id: Arc::clone(&id),
            id,
        }
    }

    /// The id to send as `Last-Event-ID` with the next connection; empty when there is none.
    #[must_use]
    pub fn last_event_id(&self) -> &Arc<str> {
        &self.last_event_id
    }

    /// Gives the buffer of an event back, for the next event or the one after it. Of several buffers the larger ones stay.
    pub fn recycle(&mut self, data: String) {
        let mut bytes = data.into_bytes();
        if self.closed || bytes.capacity() > self.limit {
            return;
        }
        bytes.clear();
        let place = if self.has_data { &mut self.spare } else { &mut self.data };
        if bytes.capacity() > place.capacity() {
            *place = bytes;
        }
    }

    /// The next item in `input`, which is advanced behind it. `None` means that all of it was read: give the next bytes.
    ///
    /// There is no call for the end of a stream: what is unfinished then goes away with the parser.
    ///
    /// ```
    /// # use flagstaff_publisher::sse::{Item, Parser};
    /// let mut parser = Parser::new(1024);
    /// let mut events = Vec::new();
    /// for mut chunk in [&b"data: one\ndata: t"[..], b"wo\r", b"\n\n: alive\n"] {
    ///     while let Some(item) = parser.next_item(&mut chunk) {
    ///         if let Item::Event(event) = item {
    ///             events.push(event.data);
    ///         }
    ///     }
    /// }
    /// assert_eq!(events, ["one\ntwo"]);
    /// ```
    pub fn next_item(&mut self, input: &mut &[u8]) -> Option<Item> {
        while let Some((&first, rest)) = input.split_first() {
            if self.closed {
                *input = &[];
                return None;
            }
            if self.mark < BYTE_ORDER_MARK.len() {
                if first == BYTE_ORDER_MARK[self.mark] {
                    self.mark += 1;
                    *input = rest;
                    continue;
                }
                // Not a mark: the bytes held back are the start of a name.
                let held = mem::replace(&mut self.mark, BYTE_ORDER_MARK.len());
                if let Err(part) = self.read_text(&BYTE_ORDER_MARK[..held]) {
                    return Some(self.close(part));
                }
            }
            if mem::take(&mut self.after_cr) && first == b'\n' {
                *input = rest;
                continue;
            }
            let end = line_end(input);
            let (text, rest) = input.split_at(end.unwrap_or(input.len()));
            *input = rest;
            if let Err(part) = self.read_text(text) {
                return Some(self.close(part));
            }
            if let Some((&end, rest)) = rest.split_first() {
                self.after_cr = end == b'\r';
                *input = rest;
                match self.end_line() {
                    Ok(None) => {}
                    Ok(item) => return item,
                    Err(part) => return Some(self.close(part)),
                }
            }
        }
        None
    }

    fn close(&mut self, part: Part) -> Item {
        self.closed = true;
        self.data = Vec::new();
        self.spare = Vec::new();
        let limit = match part {
            Part::Data | Part::Line => self.limit,
            Part::EventType | Part::EventId => MAX_NAME_BYTES,
        };
        Item::TooLarge { part, limit }
    }

    /// Reads a piece of a line, without its end.
    fn read_text(&mut self, mut text: &[u8]) -> Result<(), Part> {
        self.line_bytes = self.line_bytes.saturating_add(text.len());
        while self.line == Line::Name {
            let Some((&byte, rest)) = text.split_first() else {
                return Ok(());
            };
            text = rest;
            if byte == b':' {
                self.after_colon = true;
                self.line = if self.name_bytes == 0 { Line::Comment } else { self.begin_value()? };
            } else if let Some(place) = self.name.get_mut(self.name_bytes) {
                *place = byte;
                self.name_bytes += 1;
            } else {
                self.line = Line::Unknown;
            }
        }
        if self.after_colon && !text.is_empty() {
            self.after_colon = false;
            text = text.strip_prefix(b" ").unwrap_or(text);
        }
        match self.line {
            Line::Value(Field::Data) => append(&mut self.data, text, self.limit, Part::Data),
            Line::Value(Field::Event) => append(&mut self.event_type, text, MAX_NAME_BYTES, Part::EventType),
            Line::Value(Field::Id) => append(&mut self.id_line, text, MAX_NAME_BYTES, Part::EventId),
            Line::Value(Field::Retry) => {
                self.retry = text.iter().fold(self.retry, |retry, &byte| retry.push(byte));
                self.check_line()
            }
            Line::Comment | Line::Unknown => self.check_line(),
            Line::Name => Ok(()),
        }
    }

    /// What is not kept is counted all the same: a line without end would hide a broken server for ever.
    fn check_line(&self) -> Result<(), Part> {
        if self.line_bytes > self.limit { Err(Part::Line) } else { Ok(()) }
    }

    /// The name is complete: decides what the value is for and makes room for it.
    fn begin_value(&mut self) -> Result<Line, Part> {
        let field = match &self.name[..self.name_bytes] {
            b"data" => Field::Data,
            b"event" => Field::Event,
            b"id" => Field::Id,
            b"retry" => Field::Retry,
            _ => return Ok(Line::Unknown),
        };
        match field {
            Field::Data if self.has_data => append(&mut self.data, b"\n", self.limit, Part::Data)?,
            Field::Data => self.has_data = true,
            Field::Event => self.event_type.clear(),
            Field::Id => self.id_line.clear(),
            Field::Retry => self.retry = Retry::Empty,
        }
        Ok(Line::Value(field))
    }

    fn end_line(&mut self) -> Result<Option<Item>, Part> {
        if self.line_bytes == 0 {
            return self.dispatch();
        }
        if self.line == Line::Name {
            self.line = self.begin_value()?;
        }
        let item = match self.line {
            Line::Comment => Some(Item::Comment),
            Line::Value(Field::Retry) => self.retry.delay().map(Item::Retry),
            Line::Value(Field::Id) => {
                if !self.id_line.contains(&0) && self.id_line != self.id.as_bytes() {
                    self.id = Arc::from(String::from_utf8_lossy(&self.id_line));
                }
                None
            }
            _ => None,
        };
        self.line = Line::Name;
        self.line_bytes = 0;
        self.name_bytes = 0;
        self.after_colon = false;
        Ok(item)
    }

    /// A blank line: the event is complete, if there is one.
    fn dispatch(&mut self) -> Result<Option<Item>, Part> {
        self.last_event_id = Arc::clone(&self.id);
        let event_type = match self.event_type.as_slice() {
            b"" => Cow::Borrowed("message"),
            name => Cow::Owned(String::from_utf8_lossy(name).into_owned()),
        };
        self.event_type.clear();
        if !mem::take(&mut self.has_data) {
            return Ok(None);
        }
        let bytes = mem::replace(&mut self.data, mem::take(&mut self.spare));
        let data = match String::from_utf8(bytes) {
            Ok(data) => data,
            // Replacement characters are longer than what they replace, so the limit can be broken only now.
            Err(invalid) => match String::from_utf8_lossy(invalid.as_bytes()).into_owned() {
                data if data.len() > self.limit => return Err(Part::Data),
                data => data,
            },
        };
        Ok(Some(Item::Event(Event { event_type, data, last_event_id: Arc::clone(&self.last_event_id) })))
    }
}

/// Appends whole slices. Growth doubles as usual, but never past the limit: a doubled 5 MiB buffer would waste half.
fn append(buffer: &mut Vec<u8>, text: &[u8], limit: usize, part: Part) -> Result<(), Part> {
    let wanted = buffer.len().saturating_add(text.len());
    if wanted > limit {
        return Err(part);
    }
    if wanted > buffer.capacity() {
        let capacity = buffer.capacity().saturating_mul(2).clamp(wanted, limit);
        buffer.reserve_exact(capacity - buffer.len());
    }
    buffer.extend_from_slice(text);
    Ok(())
}

/// Index of the first LF or CR. Whole blocks are looked at without branches, so that the compiler uses vector instructions:
/// the data of an event is one line of megabytes.
fn line_end(bytes: &[u8]) -> Option<usize> {
    const BLOCK: usize = 64;
    let is_end = |byte: u8| (byte == b'\n') | (byte == b'\r');
    let (blocks, _) = bytes.as_chunks::<BLOCK>();
    let clean = blocks
        .iter()
        .take_while(|block| block.iter().fold(0, |found, byte| found | u8::from(is_end(*byte))) == 0)
        .count();
    let start = clean * BLOCK;
    let index = bytes[start..].iter().position(|byte| is_end(*byte))?;
    Some(start + index)
}

#[cfg(test)]
#[path = "parser_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "parser_model.rs"]
mod model;
