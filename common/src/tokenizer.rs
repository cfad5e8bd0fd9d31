//! What is asked of a `tokenizer.json` before a tokenizer is made of it.

use serde::Deserialize;
use serde_json::Value;

use crate::error::{Error, Result};

#[derive(Deserialize)]
struct File {
    #[serde(default)]
    added_tokens: Vec<AddedToken>,
    model: Model,
}

#[derive(Deserialize)]
struct AddedToken {
    content: String,
}

#[derive(Deserialize)]
struct Model {
    /// Ids by token, or a list of tokens with their scores.
    vocab: Value,
}

/// Checks that the tokenizer file `name` has the token that shall end documents. A file that cannot be read here passes:
/// whoever makes a tokenizer of it tells more.
///
/// # Errors
/// `Class::Spec` if it has no such token.
pub fn check_eos(file: &[u8], name: &str, eos: &str) -> Result<()> {
    let Ok(file) = serde_json::from_slice::<File>(file) else { return Ok(()) };
    let is_first = |entry: &Value| entry.get(0).and_then(Value::as_str) == Some(eos);
    let in_vocabulary = match &file.model.vocab {
        Value::Object(ids) => ids.contains_key(eos),
        Value::Array(entries) => entries.iter().any(is_first),
        _ => true,
    };
    match in_vocabulary || file.added_tokens.iter().any(|token| token.content == eos) {
        true => Ok(()),
        false => Err(no_eos(eos, name)),
    }
}

/// The refusal of a token that a tokenizer does not have.
pub fn no_eos(eos: &str, name: &str) -> Error {
    Error::spec(format!("`tokenizer.eos` must be a token of the tokenizer `{name}`, got `{eos}`"))
        .with_hint("the tokens that end a text stand in `added_tokens` of the tokenizer file")
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_found_wherever_a_file_keeps_it() {
        let check = |file: &str, eos: &str| check_eos(file.as_bytes(), "t.json", eos);
        let table = r#"{"added_tokens":[{"id":9,"content":"<end>"}],"model":{"vocab":{"</s>":2}}}"#;
        let list = r#"{"model":{"type":"Unigram","vocab":[["<unk>",0.0],["</s>",-1.5]]}}"#;
        check(table, "<end>").unwrap();
        check(table, "</s>").unwrap();
        check(list, "</s>").unwrap();
        assert!(check(list, "<end>").unwrap_err().message().contains("`t.json`, got `<end>`"));
        assert!(check(table, "end").is_err());
        check("no tokenizer", "x").unwrap();
    }
}
