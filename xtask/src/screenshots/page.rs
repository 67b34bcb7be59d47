//! The page of the flag server: light, dark, and on a phone.

use std::path::Path;

use crate::binary::Binary;
use crate::browser::Browser;
use crate::step::Steps;

/// Answers the names of the pictures.
pub(super) fn take(steps: &mut Steps, folder: &Path, command: &Binary) -> &'static [&'static str] {
    let browser = match Browser::find() {
        Ok(browser) => browser,
        Err(missing) => {
            steps.fail(format!("pictures of the page cannot be taken, {missing}"));
            return &[];
        }
    };
    let Some(mut python) = browser.python(steps, command) else { return &[] };
    python.arg("screenshots.py").arg(folder);
    if !steps.run("pictures of the page", &mut python) {
        return &[];
    }
    &["page-light.png", "page-dark.png", "page-phone.png"]
}
