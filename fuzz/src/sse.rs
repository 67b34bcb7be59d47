//! A stream for the parser, in one piece, byte by byte and split as the first bytes say, against the rules written down plainly.

use flagstaff_publisher::sse::{Item, Parser, Part, RETRY_MAX, RETRY_MIN};

#[path = "../../publisher/src/sse/plain_rules.rs"]
mod plain_rules;

/// Runs the target. The first byte chooses the limit, the second the split.
pub fn run(data: &[u8]) {
    let [limit, split, stream @ ..] = data else { return };
    let limit = if limit % 2 == 0 { 1 << 20 } else { 8 + usize::from(*limit) % 64 };
    let expected = plain_rules::items(limit, stream);
    for step in [stream.len().max(1), 1, usize::from(*split) % 16 + 1] {
        let mut parser = Parser::new(limit);
        let mut items = Vec::new();
        for mut chunk in stream.chunks(step) {
            while let Some(item) = parser.next_item(&mut chunk) {
                items.push(plain_rules::plain(item));
            }
            assert!(chunk.is_empty(), "{} bytes were left", chunk.len());
        }
        assert_eq!(items, expected, "in steps of {step}, limit {limit}");
    }
}
