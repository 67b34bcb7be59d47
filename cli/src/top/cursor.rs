//! The position in a list.

/// A line that is selected, and the first one that is shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Cursor {
    pub(crate) selected: usize,
    pub(crate) first: usize,
}

/// A move in a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    Up,
    Down,
    PageUp,
    PageDown,
    Home,
    End,
}

impl Cursor {
    /// Moves in a list of `len` lines, of which `page` are shown.
    pub(crate) fn step(&mut self, step: Step, len: usize, page: usize) {
        let page = page.max(1);
        self.selected = match step {
            Step::Up => self.selected.saturating_sub(1),
            Step::Down => self.selected.saturating_add(1),
            Step::PageUp => self.selected.saturating_sub(page),
            Step::PageDown => self.selected.saturating_add(page),
            Step::Home => 0,
            Step::End => usize::MAX,
        };
        self.keep_in(len, page);
    }

    /// Moves selection and scroll position so that the selected line exists and is shown.
    pub(crate) fn keep_in(&mut self, len: usize, page: usize) {
        self.selected = self.selected.min(len.saturating_sub(1));
        let least = (self.selected + 1).saturating_sub(page.max(1));
        let most = self.selected.min(len.saturating_sub(page));
        self.first = self.first.max(least).min(most.max(least));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_selected_line_is_always_shown() {
        let mut cursor = Cursor::default();
        for (step, expected) in [
            (Step::Up, (0, 0)),
            (Step::Down, (1, 0)),
            (Step::PageDown, (5, 2)),
            (Step::End, (9, 6)),
            (Step::PageDown, (9, 6)),
            (Step::PageUp, (5, 5)),
            (Step::Up, (4, 4)),
            (Step::Home, (0, 0)),
        ] {
            cursor.step(step, 10, 4);
            assert_eq!((cursor.selected, cursor.first), expected, "{step:?}");
        }
        cursor.step(Step::End, 10, 4);
        cursor.keep_in(3, 4);
        assert_eq!((cursor.selected, cursor.first), (2, 0));
        cursor.keep_in(0, 0);
        assert_eq!((cursor.selected, cursor.first), (0, 0));
    }
}
