//! An answer that is text, in the letters that its content type declares.

use flow_engine::run::{Done, Failure, FailureKind};

/// Whether it can be read as text: a media type of text, in letters that are known here.
pub(crate) fn is_text(media: &str, content_type: &str) -> bool {
    let textual = media.starts_with("text/")
        || matches!(
            media,
            "application/xml"
                | "application/yaml"
                | "application/javascript"
                | "application/x-www-form-urlencoded"
        )
        || media.ends_with("+xml");
    textual
        && matches!(
            charset(content_type).as_str(),
            "" | "utf-8" | "utf8" | "us-ascii" | "iso-8859-1" | "latin1"
        )
}

/// The text; UTF-8 unless the content type says Latin-1.
pub(crate) fn decode(bytes: Vec<u8>, content_type: &str, done: Done) -> Result<String, Failure> {
    if matches!(charset(content_type).as_str(), "iso-8859-1" | "latin1") {
        return Ok(bytes.into_iter().map(char::from).collect());
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let message = format!("the answer is not UTF-8 text: byte {at} is out of place");
        Failure::of(FailureKind::Permanent, done, "http.encoding", message)
    })?;
    Ok(match text.strip_prefix('\u{feff}') {
        Some(rest) => rest.to_owned(),
        None => text,
    })
}

fn charset(content_type: &str) -> String {
    let parameters = content_type.split(';').skip(1);
    let value = parameters
        .filter_map(|parameter| parameter.split_once('='))
        .find(|(name, _)| name.trim().eq_ignore_ascii_case("charset"));
    value.map_or_else(String::new, |(_, value)| {
        value.trim().trim_matches('"').to_ascii_lowercase()
    })
}
