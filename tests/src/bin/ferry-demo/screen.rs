//! What the reader sees: short lines, and colours only on a terminal.

use std::io::{IsTerminal, Write};

/// The widest line, where it can be chosen.
const WIDTH: usize = 78;
const INDENT: &str = "   ";

/// The terminal, or what stands in for it.
pub struct Screen {
    colours: bool,
}

/// A colour of a word.
#[derive(Clone, Copy)]
pub enum Colour {
    Plain,
    Green,
    Red,
    Yellow,
    Bold,
    Dim,
    Cyan,
}

impl Screen {
    /// Standard output.
    pub fn new() -> Screen {
        let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Screen {
            colours: wanted && std::io::stdout().is_terminal(),
        }
    }

    /// `text` in this colour.
    pub fn coloured(&self, colour: Colour, text: &str) -> String {
        let code = match colour {
            Colour::Plain => return text.to_owned(),
            Colour::Green => "32",
            Colour::Red => "31",
            Colour::Yellow => "33",
            Colour::Bold => "1",
            Colour::Dim => "2",
            Colour::Cyan => "36",
        };
        match self.colours {
            true => format!("\x1b[{code}m{text}\x1b[0m"),
            false => text.to_owned(),
        }
    }

    /// A heading.
    pub fn heading(&self, text: &str) {
        self.put(&self.coloured(Colour::Bold, text));
        self.blank();
    }

    /// Sentences, wrapped.
    pub fn say(&self, text: &str) {
        for line in wrap(text, WIDTH - INDENT.len()) {
            self.line(&line);
        }
    }

    /// `text`, wrapped behind `lead`.
    pub fn hang(&self, lead: &str, text: &str) {
        for line in wrap(text, WIDTH - INDENT.len() - lead.chars().count()) {
            self.line(&format!("{lead}{line}"));
        }
    }

    /// A command to repeat.
    pub fn command(&self, text: &str) {
        for line in text.lines() {
            self.line(&self.coloured(Colour::Cyan, line));
        }
    }

    /// One line.
    pub fn line(&self, text: &str) {
        self.put(&format!("{INDENT}{text}"));
    }

    /// One line of less weight.
    pub fn dim(&self, text: &str) {
        self.line(&self.coloured(Colour::Dim, text));
    }

    /// An empty line.
    pub fn blank(&self) {
        self.put("");
    }

    fn put(&self, line: &str) {
        // Nobody may be reading any more (`make demo | head`); the story ends all the same.
        let mut out = std::io::stdout().lock();
        writeln!(out, "{line}").ok();
        out.flush().ok();
    }
}

/// Breaks `text` between words; a word longer than `width` has a line of its own.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}
