use std::iter::Peekable;
use std::str::Chars;

use doorbell_messages::text::{is_unsafe_in_line, quote};

/// A part of a pattern.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Node {
    /// One character of a set.
    Set(CharSet),
    /// One part after the other; never empty.
    Sequence(Vec<Node>),
    /// One of the parts; never empty.
    Either(Vec<Node>),
    /// The part, `min` to `max` times; no `max`: without an end.
    Repeat { node: Box<Node>, min: u32, max: Option<u32> },
}

/// A set of characters. Unsafe ones are in none, a negated one included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CharSet {
    pub(super) ranges: Vec<(char, char)>,
    pub(super) is_negated: bool,
}

impl CharSet {
    pub(super) fn contains(&self, c: char) -> bool {
        let is_listed = self.ranges.iter().any(|(first, last)| (*first..=*last).contains(&c));
        is_listed != self.is_negated && !is_unsafe_in_line(c)
    }
}

/// Parses a pattern. `^` at its start and `$` at its end change nothing: a pattern always covers the whole value.
pub(super) fn parse(text: &str) -> Result<Node, String> {
    if let Some(c) = text.chars().find(|c| is_unsafe_in_line(*c)) {
        return Err(format!(
            "a pattern has no control, bidi or zero-width character, and {} is one",
            quote(&c.to_string())
        ));
    }
    let text = text.strip_prefix('^').unwrap_or(text);
    let ends_escaped = text.strip_suffix('$').is_some_and(|rest| count_trailing_backslashes(rest) % 2 == 1);
    let text = text.strip_suffix('$').filter(|_| !ends_escaped).unwrap_or(text);
    let mut parser = Parser { rest: text.chars().peekable() };
    let node = parser.alternatives()?;
    match parser.rest.next() {
        None => Ok(node),
        Some(_) => Err("a ) has no (".to_owned()),
    }
}

fn count_trailing_backslashes(text: &str) -> usize {
    text.chars().rev().take_while(|c| *c == '\\').count()
}

struct Parser<'a> {
    rest: Peekable<Chars<'a>>,
}

impl Parser<'_> {
    fn alternatives(&mut self) -> Result<Node, String> {
        let mut all = vec![self.sequence()?];
        while self.rest.next_if_eq(&'|').is_some() {
            all.push(self.sequence()?);
        }
        Ok(Node::Either(all))
    }

    fn sequence(&mut self) -> Result<Node, String> {
        let mut parts = Vec::new();
        while let Some(c) = self.rest.next_if(|c| !matches!(c, '|' | ')')) {
            let part = self.part(c)?;
            parts.push(self.quantified(part)?);
        }
        if parts.is_empty() {
            return Err("an alternative or a group is empty; write ? after what may be missing".to_owned());
        }
        Ok(Node::Sequence(parts))
    }

    fn part(&mut self, first: char) -> Result<Node, String> {
        match first {
            '(' => {
                let group = self.alternatives()?;
                self.rest.next_if_eq(&')').map(|_| group).ok_or_else(|| "a ( has no )".to_owned())
            }
            '[' => self.set().map(Node::Set),
            '.' => Ok(Node::Set(CharSet { ranges: Vec::new(), is_negated: true })),
            '\\' => Ok(Node::Set(CharSet { ranges: self.escape()?, is_negated: false })),
            '?' | '*' | '+' | '{' => Err(format!("there is nothing before {first} that it could repeat")),
            '^' | '$' => Err(format!("{first} stands inside; a pattern always covers the whole value")),
            ']' | '}' => Err(format!("write \\{first} for a literal {first}")),
            c => Ok(Node::Set(CharSet { ranges: vec![(c, c)], is_negated: false })),
        }
    }

    fn quantified(&mut self, node: Node) -> Result<Node, String> {
        let (min, max) = match self.rest.next_if(|c| matches!(c, '?' | '*' | '+' | '{')) {
            None => return Ok(node),
            Some('?') => (0, Some(1)),
            Some('*') => (0, None),
            Some('+') => (1, None),
            Some(_) => self.bounds()?,
        };
        if self.rest.peek().is_some_and(|c| matches!(c, '?' | '*' | '+' | '{')) {
            return Err("two repetitions follow each other; put the first into a group".to_owned());
        }
        Ok(Node::Repeat { node: Box::new(node), min, max })
    }

    /// The rest of `{m}`, `{m,}` or `{m,n}`.
    fn bounds(&mut self) -> Result<(u32, Option<u32>), String> {
        const MAX_REPEATS: u32 = 1000;
        const RULE: &str = "a repetition is {m}, {m,} or {m,n} with m at most n, and n from 1 to 1000";
        let mut text = String::new();
        loop {
            match self.rest.next() {
                Some('}') => break,
                Some(c) => text.push(c),
                None => return Err(RULE.to_owned()),
            }
        }
        let number = |digits: &str| -> Option<u32> {
            let is_plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
            digits.parse().ok().filter(|number| is_plain && *number <= MAX_REPEATS)
        };
        let (min, max) = match text.split_once(',') {
            None => (number(&text), Some(number(&text))),
            Some((min, "")) => (number(min), None),
            Some((min, max)) => (number(min), Some(number(max))),
        };
        match (min, max) {
            (Some(min), None) => Ok((min, None)),
            (Some(min), Some(Some(max))) if min <= max && max > 0 => Ok((min, Some(max))),
            _ => Err(RULE.to_owned()),
        }
    }

    /// The rest of `[...]`.
    fn set(&mut self) -> Result<CharSet, String> {
        const UNCLOSED: &str = "a [ has no ]";
        let is_negated = self.rest.next_if_eq(&'^').is_some();
        let mut ranges = Vec::new();
        loop {
            match self.rest.next().ok_or(UNCLOSED)? {
                ']' if ranges.is_empty() => return Err("a set [] is empty".to_owned()),
                ']' => return Ok(CharSet { ranges, is_negated }),
                '[' => return Err("write \\[ for a literal [ in a set".to_owned()),
                '\\' => ranges.extend(self.escape()?),
                first => ranges.push(self.range(first)?),
            }
        }
    }

    /// `a`, or `a-z`. A `-` at a set's start or end is itself.
    fn range(&mut self, first: char) -> Result<(char, char), String> {
        let mut ahead = self.rest.clone();
        let is_range = first != '-' && ahead.next() == Some('-') && !matches!(ahead.next(), Some(']') | None);
        if !is_range {
            return Ok((first, first));
        }
        self.rest.next();
        match self.rest.next() {
            Some(last) if last >= first && !matches!(last, '\\' | '[') => Ok((first, last)),
            _ => Err("a range in a set begins with the smaller character, and ends with a plain one".to_owned()),
        }
    }

    fn escape(&mut self) -> Result<Vec<(char, char)>, String> {
        match self.rest.next() {
            Some('d') => Ok(vec![('0', '9')]),
            Some('w') => Ok(vec![('0', '9'), ('A', 'Z'), ('_', '_'), ('a', 'z')]),
            Some(c) if c.is_ascii_punctuation() => Ok(vec![(c, c)]),
            _ => Err("after \\ comes d, w or the punctuation that is meant".to_owned()),
        }
    }
}
