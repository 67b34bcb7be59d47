//! What a source file says about modules: which it declares, and which paths it names. Comments, strings and test code are left out.

use std::collections::BTreeSet;
use std::iter::once;

/// One file.
#[derive(Debug, Default)]
pub(crate) struct Source {
    /// Modules in files of their own.
    pub(crate) children: Vec<String>,
    /// Names that `use` declarations bring into the file.
    pub(crate) imports: Vec<Import>,
    /// Paths of at least two names outside of `use` declarations.
    pub(crate) paths: Vec<Path>,
    /// All names outside of `use` declarations.
    pub(crate) names: BTreeSet<String>,
    /// Names of the items of this file.
    pub(crate) items: BTreeSet<String>,
}

/// A path, as it is written.
#[derive(Debug, Clone)]
pub(crate) struct Path {
    /// Its names; the first may be `crate`, `self` or `super`.
    pub(crate) names: Vec<String>,
    /// The inline modules around it, from the outermost one on.
    pub(crate) inside: Vec<String>,
    pub(crate) line: usize,
}

/// A name that stands for a path.
#[derive(Debug)]
pub(crate) struct Import {
    pub(crate) path: Path,
    /// The name; `*` for all names of a module.
    pub(crate) name: String,
    /// Others may name it by way of this file.
    pub(crate) is_public: bool,
}

#[derive(Debug, Clone, PartialEq)]
struct Token {
    text: String,
    line: usize,
}

pub(crate) fn scan(text: &str) -> Source {
    let tokens = without_tests(&tokens(text));
    let mut source = Source::default();
    // For each open brace the inline module that it begins, if it does.
    let mut braces: Vec<Option<String>> = Vec::new();
    let mut at = 0;
    let text_at = |at: usize| tokens.get(at).map_or("", |token| token.text.as_str());
    while at < tokens.len() {
        let before = if at == 0 { "" } else { text_at(at - 1) };
        let inside = || braces.iter().flatten().cloned().collect::<Vec<_>>();
        match text_at(at) {
            "{" => braces.push(None),
            "}" => drop(braces.pop()),
            "mod" if text_at(at + 2) == ";" => source.children.push(text_at(at + 1).to_owned()),
            "mod" if text_at(at + 2) == "{" => {
                source.items.insert(text_at(at + 1).to_owned());
                braces.push(Some(text_at(at + 1).to_owned()));
                at += 2;
            }
            // Not the `use<'a>` of a return type.
            "use" if text_at(at + 1) != "<" => {
                let is_public = before == "pub" || before == ")";
                let mut found = Vec::new();
                at = use_tree(&tokens, at + 1, &[], &mut found);
                source.imports.extend(found.into_iter().map(|(names, name, line)| Import {
                    path: Path { names, inside: inside(), line },
                    name,
                    is_public,
                }));
            }
            word @ ("fn" | "struct" | "enum" | "union" | "trait" | "type" | "const" | "static"
            | "macro_rules") => {
                let name = at + if word == "macro_rules" { 2 } else { 1 };
                source.items.insert(text_at(name).to_owned());
            }
            name if is_name(name) && before != "::" => {
                let mut names = vec![name.to_owned()];
                let line = tokens[at].line;
                while text_at(at + 1) == "::" && is_name(text_at(at + 2)) {
                    names.push(text_at(at + 2).to_owned());
                    at += 2;
                }
                source.names.extend(names.iter().cloned());
                if names.len() > 1 {
                    source.paths.push(Path { names, inside: inside(), line });
                }
            }
            _ => {}
        }
        at += 1;
    }
    source
}

/// The paths of a `use` declaration, each with the name that it gets. Returns where the tree ends.
fn use_tree(
    tokens: &[Token],
    mut at: usize,
    before: &[String],
    found: &mut Vec<(Vec<String>, String, usize)>,
) -> usize {
    let mut names = before.to_vec();
    while let Some(token) = tokens.get(at) {
        match token.text.as_str() {
            "{" => {
                while tokens.get(at).is_some_and(|token| token.text != "}") {
                    at = use_tree(tokens, at + 1, &names, found);
                }
                return at + 1;
            }
            "*" => {
                found.push((names, "*".to_owned(), token.line));
                return at + 1;
            }
            "::" => at += 1,
            "," | "}" | ";" => {
                if names.len() > before.len() {
                    add(names, None, token.line, found);
                }
                return at;
            }
            "as" => {
                add(names, tokens.get(at + 1).map(|token| token.text.clone()), token.line, found);
                return at + 2;
            }
            name => {
                names.push(name.to_owned());
                at += 1;
            }
        }
    }
    at
}

fn add(
    mut names: Vec<String>,
    name: Option<String>,
    line: usize,
    found: &mut Vec<(Vec<String>, String, usize)>,
) {
    // `use a::{self}` is `use a`.
    if names.len() > 1 && names.last().is_some_and(|last| last == "self") {
        names.pop();
    }
    if let Some(last) = names.last().cloned() {
        found.push((names, name.unwrap_or(last), line));
    }
}

fn is_name(text: &str) -> bool {
    text.starts_with(|first: char| first.is_alphabetic() || first == '_')
}

/// Without the items behind `#[cfg(test)]` and `#[cfg(all(test, ..))]`, and without attributes.
fn without_tests(tokens: &[Token]) -> Vec<Token> {
    let text = |at: usize| tokens.get(at).map_or("", |token: &Token| token.text.as_str());
    let mut kept = Vec::new();
    let mut at = 0;
    let mut is_test = false;
    while at < tokens.len() {
        let open = at + if text(at + 1) == "!" { 2 } else { 1 };
        if text(at) == "#" && text(open) == "[" {
            let end = past_group(tokens, open);
            let words: String = (open + 1..end).map(text).collect();
            is_test |= words.starts_with("cfg(test") || words.starts_with("cfg(all(test");
            at = end;
        } else if is_test {
            // Up to the end of the item: its `;`, or the brace that closes it.
            while at < tokens.len() && text(at) != ";" && text(at) != "{" {
                at = if text(at) == "(" || text(at) == "[" { past_group(tokens, at) } else { at + 1 };
            }
            at = if text(at) == "{" { past_group(tokens, at) } else { at + 1 };
            is_test = false;
        } else {
            kept.push(tokens[at].clone());
            at += 1;
        }
    }
    kept
}

/// Behind the bracket that closes the one at `at`.
fn past_group(tokens: &[Token], mut at: usize) -> usize {
    let mut depth = 0;
    while let Some(token) = tokens.get(at) {
        at += 1;
        match token.text.as_str() {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    at
}

/// Names, `::`, and single characters.
fn tokens(text: &str) -> Vec<Token> {
    let chars: Vec<char> = text.chars().collect();
    let mut found = Vec::new();
    let (mut at, mut line) = (0, 1);
    while at < chars.len() {
        let start = at;
        let next = chars.get(at + 1).copied();
        let token = match chars[at] {
            '/' if next == Some('/') => {
                at = position(&chars, at, |i| chars[i] == '\n');
                None
            }
            '/' if next == Some('*') => {
                let mut depth = 0;
                while at < chars.len() {
                    match (chars[at], chars.get(at + 1)) {
                        ('/', Some('*')) => (depth, at) = (depth + 1, at + 1),
                        ('*', Some('/')) => (depth, at) = (depth - 1, at + 1),
                        _ => {}
                    }
                    at += 1;
                    if depth == 0 {
                        break;
                    }
                }
                None
            }
            '"' => {
                at = past_string(&chars, at);
                None
            }
            // A lifetime, or a character.
            '\'' => {
                let is_lifetime =
                    next.is_some_and(|c| c.is_alphabetic() || c == '_') && chars.get(at + 2) != Some(&'\'');
                at += if is_lifetime {
                    2
                } else if next == Some('\\') {
                    3
                } else {
                    2
                };
                if !is_lifetime {
                    at = position(&chars, at, |i| chars[i] == '\'') + 1;
                }
                None
            }
            c if c.is_alphanumeric() || c == '_' => {
                at = position(&chars, at, |i| !(chars[i].is_alphanumeric() || chars[i] == '_'));
                let word: String = chars[start..at].iter().collect();
                let hashes = position(&chars, at, |i| chars[i] != '#') - at;
                match (word.as_str(), chars.get(at + hashes)) {
                    ("r" | "br" | "cr", Some('"')) => {
                        let end: Vec<char> = once('"').chain((0..hashes).map(|_| '#')).collect();
                        at = position(&chars, at + hashes + 1, |i| chars[i..].starts_with(&end)) + end.len();
                        None
                    }
                    ("b" | "c", Some('"')) if hashes == 0 => {
                        at = past_string(&chars, at);
                        None
                    }
                    // `b'x'` goes on with a character; `r#type` is a name.
                    ("b", Some('\'')) => None,
                    ("r", Some(_)) if hashes == 1 => {
                        at += 1;
                        None
                    }
                    _ => Some(word),
                }
            }
            ':' if next == Some(':') => {
                at += 2;
                Some("::".to_owned())
            }
            c => {
                at += 1;
                (!c.is_whitespace()).then(|| c.to_string())
            }
        };
        found.extend(token.map(|text| Token { text, line }));
        line += chars[start..at.min(chars.len())].iter().filter(|c| **c == '\n').count();
    }
    found
}

fn past_string(chars: &[char], mut at: usize) -> usize {
    at += 1;
    while at < chars.len() && chars[at] != '"' {
        at += if chars[at] == '\\' { 2 } else { 1 };
    }
    at + 1
}

/// The first position from `at` on for which `is_end` holds, or the end.
fn position(chars: &[char], at: usize, is_end: impl Fn(usize) -> bool) -> usize {
    (at..chars.len()).find(|i| is_end(*i)).unwrap_or(chars.len())
}
