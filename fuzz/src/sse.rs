//! A stream for the parser, in one piece, byte by byte and split as the first bytes say, against a plain model.

use flagstaff_publisher::sse::{Item, Parser};

use crate::sse::model::Plain;

#[path = "sse_model.rs"]
mod model;

/// Runs the target. The first byte chooses the limit, the second the split.
pub fn run(data: &[u8]) {
    let [limit, split, stream @ ..] = data else { return };
    let limit = if limit % 2 == 0 { 1 << 20 } else { 8 + usize::from(*limit) % 64 };
    let expected = model::items(limit, stream);
    for step in [stream.len().max(1), 1, usize::from(*split) % 16 + 1] {
        let mut parser = Parser::new(limit);
        let mut items = Vec::new();
        for mut chunk in stream.chunks(step) {
            while let Some(item) = parser.next_item(&mut chunk) {
                items.push(plain(item));
            }
            assert!(chunk.is_empty(), "{} bytes were left", chunk.len());
        }
        assert_eq!(items, expected, "in steps of {step}, limit {limit}");
    }
}

fn plain(item: Item) -> Plain {
    match item {
        Item::Event(event) => {
            let id = event.last_event_id.to_string();
            Plain::Event { event_type: event.event_type.into_owned(), data: event.data, id }
        }
        Item::Comment => Plain::Comment,
        Item::Retry(delay) => Plain::Retry(delay),
        Item::TooLarge { part, limit } => Plain::TooLarge { part, limit },
        other => panic!("the model does not know {other:?}"),
    }
}
