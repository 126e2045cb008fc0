//! Filters that lay text out for people and for names: indented, padded, as a slug.

use super::{Call, Filter, Gives, Param, Takes};
use crate::expr::error::Fault;
use crate::value::Value;

pub(super) const FILTERS: &[Filter] = &[
    Filter {
        name: "indent",
        aliases: &[],
        about: "The text with so many blanks (4) in front of each line but the first; with `first` in front of that too. Empty lines stay empty.",
        example: (r"'a\n\nb' | indent(2)", r#""a\n\n  b""#),
        gives: Gives::Text,
        params: &[Param::optional("width"), Param::optional("first")],
        takes: Takes::Text,
        run: indent,
    },
    Filter {
        name: "pad_left",
        aliases: &["rjust"],
        about: "The text made as long as `width` with a character (a blank) in front.",
        example: ("7 | pad_left(3, '0')", r#""007""#),
        gives: Gives::Text,
        params: &[Param::required("width"), Param::optional("character")],
        takes: Takes::Text,
        run: |call| {
            let (text, fill) = padding(call)?;
            call.made(fill + &text)
        },
    },
    Filter {
        name: "pad_right",
        aliases: &["ljust"],
        about: "The text made as long as `width` with a character (a blank) behind.",
        example: ("'ab' | pad_right(4, '.')", r#""ab..""#),
        gives: Gives::Text,
        params: &[Param::required("width"), Param::optional("character")],
        takes: Takes::Text,
        run: |call| {
            let (text, fill) = padding(call)?;
            call.made(text + &fill)
        },
    },
    Filter {
        name: "slug",
        aliases: &["slugify"],
        about: "The text as a name for files and addresses: small letters `a` to `z` and digits, everything else one `-`.",
        example: ("'Blåbær & Crème: 2 kg!' | slug", r#""blabaer-creme-2-kg""#),
        gives: Gives::Text,
        params: &[],
        takes: Takes::Text,
        run: slug,
    },
    Filter {
        name: "word_count",
        aliases: &["wordcount"],
        about: "How many words a text has: pieces between white space.",
        example: ("'to be or not' | word_count", "4"),
        gives: Gives::Integer,
        params: &[],
        takes: Takes::Text,
        run: |call| Ok(Value::from(call.text()?.split_whitespace().count())),
    },
];

/// Widest indent, in characters.
const INDENT_MAX: usize = 100;

fn indent(call: &Call<'_>) -> Result<Value, Fault> {
    let text = call.text()?;
    let width = call.arg_whole(0)?.unwrap_or(4);
    let blanks = match usize::try_from(width) {
        Ok(width) if width <= INDENT_MAX => " ".repeat(width),
        _ => {
            let message = format!("`width` of the filter `indent` is from 0 to {INDENT_MAX}");
            return Err(Fault::new("template.type", message));
        }
    };
    let first = call.arg_flag(1)?;
    call.context
        .budget
        .steps(text.len() / 64 + text.lines().count())?;
    let mut out = String::with_capacity(text.len() + 64);
    for (at, line) in text.split_inclusive('\n').enumerate() {
        if (at > 0 || first) && !line.trim_end_matches(['\r', '\n']).is_empty() {
            out.push_str(&blanks);
        }
        out.push_str(line);
        if out.len() > crate::expr::limits::OUTPUT_BYTES_MAX {
            break;
        }
    }
    call.made(out)
}

/// The text, and what is missing to the width.
fn padding(call: &Call<'_>) -> Result<(String, String), Fault> {
    let text = call.text()?;
    let width = call.arg_whole(0)?.unwrap_or(0);
    let character = call.arg_text(1)?.unwrap_or_else(|| " ".into());
    let mut letters = character.chars();
    let (Some(letter), None) = (letters.next(), letters.next()) else {
        let message = format!("`character` of {} is one character", call.name());
        return Err(Fault::new("template.type", message));
    };
    let missing = usize::try_from(width)
        .unwrap_or(0)
        .saturating_sub(text.chars().count());
    call.context
        .budget
        .text_bytes(missing.saturating_mul(letter.len_utf8()))?;
    let fill = std::iter::repeat_n(letter, missing).collect();
    Ok((text.to_string(), fill))
}

fn slug(call: &Call<'_>) -> Result<Value, Fault> {
    let mut out = String::new();
    for letter in call.text()?.chars().flat_map(char::to_lowercase) {
        if letter.is_ascii_alphanumeric() {
            out.push(letter);
            continue;
        }
        match plain(letter) {
            "" if !out.ends_with('-') && !out.is_empty() && !is_mark(letter) => out.push('-'),
            letters => out.push_str(letters),
        }
    }
    call.made(out.trim_end_matches('-').to_owned())
}

/// A combining mark: part of the letter before it.
fn is_mark(letter: char) -> bool {
    matches!(letter, '\u{300}'..='\u{36f}')
}

/// The plain letters of a Latin letter with a sign; nothing for all others.
fn plain(letter: char) -> &'static str {
    match letter {
        'à' | 'á' | 'â' | 'ã' | 'ā' | 'ă' | 'ą' | 'å' => "a",
        'ä' | 'æ' => "ae",
        'ç' | 'ć' | 'č' | 'ĉ' | 'ċ' => "c",
        'ď' | 'đ' | 'ð' => "d",
        'è' | 'é' | 'ê' | 'ë' | 'ē' | 'ĕ' | 'ė' | 'ę' | 'ě' => "e",
        'ğ' | 'ĝ' | 'ġ' | 'ģ' => "g",
        'ĥ' | 'ħ' => "h",
        'ì' | 'í' | 'î' | 'ï' | 'ĩ' | 'ī' | 'ĭ' | 'į' | 'ı' => "i",
        'ĵ' => "j",
        'ķ' => "k",
        'ĺ' | 'ļ' | 'ľ' | 'ł' => "l",
        'ñ' | 'ń' | 'ņ' | 'ň' => "n",
        'ò' | 'ó' | 'ô' | 'õ' | 'ō' | 'ŏ' | 'ő' | 'ø' => "o",
        'ö' | 'œ' => "oe",
        'ŕ' | 'ř' | 'ŗ' => "r",
        'ś' | 'š' | 'ş' | 'ș' | 'ŝ' => "s",
        'ß' => "ss",
        'ť' | 'ţ' | 'ț' => "t",
        'þ' => "th",
        'ù' | 'ú' | 'û' | 'ũ' | 'ū' | 'ŭ' | 'ů' | 'ű' | 'ų' => "u",
        'ü' => "ue",
        'ŵ' => "w",
        'ý' | 'ÿ' | 'ŷ' => "y",
        'ź' | 'ż' | 'ž' => "z",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use crate::expr::testing::shown;

    #[test]
    fn text_is_laid_out() {
        assert_eq!(shown(r"'a\nb\n' | indent(2, true)"), r#""  a\n  b\n""#);
        assert_eq!(shown("'abc' | pad_left(2)"), r#""abc""#);
        assert_eq!(
            shown("'a' | indent(1000)"),
            "template.type at `'a' | indent(1000)`: `width` of the filter `indent` is from 0 to 100"
        );
        assert_eq!(
            shown("'a' | pad_left(3, 'xy')"),
            "template.type at `'a' | pad_left(3, 'xy')`: `character` of the filter `pad_left` is one character"
        );
        assert_eq!(
            shown("'a' | pad_right(9000000000)"),
            "template.output_limit at `'a' | pad_right(9000000000)`: the template makes more than 8388608 bytes of text"
        );
        assert_eq!(
            shown("' -- Cafe\u{301} --  no 2 ' | slug"),
            r#""cafe-no-2""#
        );
        assert_eq!(shown("'日本' | slug"), r#""""#);
    }
}
