//! What the parser takes and the application's reader does not: YAML 1.2 is wider than
//! 1.1 in what an anchor may be called, in where a tab may stand, and within brackets.
//!
//! Promises to look only at how a node is written, never at what it means. The rules are
//! those of libyaml's scanner that random changes to configs have shown to matter
//! (`tests/providers`).

/// The longest key.
const LONGEST_KEY: usize = 1024;

/// A node as it is written.
pub struct Written<'a> {
    /// What has come since the node before.
    pub gap: &'a [char],
    /// From its tag and anchor to its end; of a collection only up to its first bracket.
    pub text: &'a [char],
    /// What follows, to the end of the whole.
    pub rest: &'a [char],
    /// Whether it is within brackets.
    pub is_in_brackets: bool,
    /// Whether it is a text without quotes.
    pub is_plain: bool,
    /// Whether it is a key.
    pub is_key: bool,
}

const TAB: &str = "a tab must not indent";

type Verdict = Result<(), &'static str>;

impl Written<'_> {
    /// Checks it.
    ///
    /// # Errors
    /// Why the application's reader does not take it.
    pub fn check(&self) -> Verdict {
        if !self.is_in_brackets {
            check_gap(self.gap)?;
        }
        if self.text.first() == Some(&'\t') {
            return Err(TAB);
        }
        if self.is_key {
            self.check_key()?;
        }
        let content = self.after_properties()?;
        match content.first() {
            Some('"') => check_escapes(content),
            _ if self.is_plain && self.is_in_brackets => check_plain_in_brackets(content),
            _ => Ok(()),
        }
    }

    fn check_key(&self) -> Verdict {
        if self.is_plain && self.text.is_empty() {
            return Err("a key is missing");
        }
        if self.text.len() > LONGEST_KEY || self.text.iter().copied().any(is_break) {
            return Err("a key must be on one line, of at most 1024 characters");
        }
        if !self.is_in_brackets {
            return Ok(());
        }
        match before_next(self.rest) {
            (gap, [':', ..]) if gap.iter().copied().any(is_break) => {
                Err("a key and its colon must be on one line")
            }
            (_, [':', next, ..]) if self.is_plain && !is_blank(*next) => {
                Err("after the colon of a key without quotes there must be a space")
            }
            _ => Ok(()),
        }
    }

    /// What follows tag and anchor, or the name of an alias.
    fn after_properties(&self) -> Result<&[char], &'static str> {
        let mut text = self.text;
        while let [indicator @ ('&' | '*' | '!'), after @ ..] = text {
            let is_tag = *indicator == '!';
            let is_part = |c: &&char| if is_tag { is_in_tag(**c) } else { is_in_anchor(**c) };
            let (name, after) = after.split_at(after.iter().take_while(is_part).count());
            let is_ended = after.first().or(self.rest.first()).is_none_or(|next| {
                is_blank(*next) || !is_tag && self.is_in_brackets && matches!(next, ',' | ']' | '}')
            });
            if is_tag && (!is_ended || name == ['!']) {
                return Err("a tag must be of ASCII letters and the like, and a space must follow");
            }
            if !is_tag && (!is_ended || name.is_empty()) {
                return Err("the name of an anchor may have ASCII letters, digits, - and _ only");
            }
            let blanks = after.iter().take_while(|c| is_blank(**c)).count();
            text = after.get(blanks..).unwrap_or_default();
        }
        Ok(text)
    }
}

fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\n')
}

fn is_break(c: char) -> bool {
    matches!(c, '\r' | '\n')
}

/// Blanks and comments at the beginning of a text, and what follows them.
fn before_next(text: &[char]) -> (&[char], &[char]) {
    let mut in_comment = false;
    let is_next = |c: &char| {
        in_comment = !is_break(*c) && (in_comment || *c == '#');
        !in_comment && !is_blank(*c)
    };
    text.split_at(text.iter().position(is_next).unwrap_or(text.len()))
}

fn is_in_anchor(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_')
}

fn is_in_tag(c: char) -> bool {
    is_in_anchor(c) || ";/?:@&=+$,.!~*'()[]%".contains(c)
}

/// Checks what stands between two nodes outside of brackets, or after the last.
///
/// # Errors
/// There is a tab where indentation is.
pub fn check_gap(gap: &[char]) -> Verdict {
    for (index, line) in gap.split(|c| is_break(*c)).enumerate() {
        let line = line.split(|c| *c == '#').next().unwrap_or_default();
        let after_indicator = line.iter().position(|c| matches!(c, '-' | '?'));
        let indentation = match after_indicator {
            Some(at) => line.get(at..),
            None => (index > 0).then_some(line),
        };
        if indentation.is_some_and(|indentation| indentation.contains(&'\t')) {
            return Err(TAB);
        }
    }
    Ok(())
}

/// Checks a text in double quotes. The one escape that only YAML 1.2 has is JSON's.
fn check_escapes(quoted: &[char]) -> Verdict {
    let mut chars = quoted.iter();
    while let Some(c) = chars.next() {
        if *c == '\\' && chars.next() == Some(&'/') {
            return Err("there is no escape \\/: leave the backslash out");
        }
    }
    Ok(())
}

fn check_plain_in_brackets(text: &[char]) -> Verdict {
    if matches!(text.first(), Some(':' | '?' | '|' | '>' | '%')) {
        return Err("within brackets, a text without quotes must not begin so: put it into quotes");
    }
    if text.contains(&'?') {
        return Err("within brackets, a text without quotes must have no question mark: put it into quotes");
    }
    Ok(())
}
