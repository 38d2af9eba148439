//! `${NAME}` inside a value is the environment's, as in LiteFS's own file.

use std::borrow::Cow;

use super::env::Environment;

/// The text with every `${NAME}` replaced; `$${` is `${` as it stands. `Err` says what is missing.
pub(super) fn interpolate<'a>(text: &'a str, environment: &Environment) -> Result<Cow<'a, str>, String> {
    if !text.contains("${") {
        return Ok(Cow::Borrowed(text));
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        if let Some(before) = rest[..at].strip_suffix('$') {
            out.push_str(before);
            out.push_str("${");
            rest = &rest[at + 2..];
            continue;
        }
        out.push_str(&rest[..at]);
        let (name, after) = rest[at + 2..].split_once('}').ok_or_else(|| {
            "a `${` has no `}`; write `${NAME}`, or `$${` for the characters themselves".to_owned()
        })?;
        out.push_str(variable(name, environment)?);
        rest = after;
    }
    out.push_str(rest);
    Ok(Cow::Owned(out))
}

fn variable<'e>(name: &str, environment: &'e Environment) -> Result<&'e str, String> {
    let fits = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        && name.bytes().next().is_some_and(|b| !b.is_ascii_digit());
    if !fits {
        return Err(format!(
            "`${{{name}}}` is not the name of an environment variable; write `$${{` for the characters themselves"
        ));
    }
    match environment.get(name) {
        Some(Some(value)) => Ok(value),
        Some(None) => Err(format!("the environment variable {name} is not UTF-8")),
        None => Err(format!("the environment variable {name} is not set; set it, or write the value itself")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_gives_its_text_or_its_error() {
        let environment = Environment::of([("IP", "fdaa::1"), ("APP", "shop"), ("EMPTY", "")]);
        for (text, expected) in [
            ("plain", "plain"),
            ("[${IP}]:7117", "[fdaa::1]:7117"),
            ("{hostname}.${APP}.${APP}", "{hostname}.shop.shop"),
            ("<${EMPTY}>", "<>"),
            ("$${IP}", "${IP}"),
            ("$5 ${APP}$", "$5 shop$"),
            ("$IP", "$IP"),
            ("ü${APP}ü", "üshopü"),
        ] {
            assert_eq!(interpolate(text, &environment).as_deref(), Ok(expected), "{text}");
        }
        for (text, says) in [
            ("${NOT_HERE}", "NOT_HERE is not set"),
            ("${}", "not the name"),
            ("${a b}", "not the name"),
            ("${1}", "not the name"),
            ("a ${IP", "no `}`"),
        ] {
            let error = interpolate(text, &environment).unwrap_err();
            assert!(error.contains(says), "{text}: {error}");
        }
    }

    #[test]
    fn what_a_variable_holds_is_not_interpolated_again() {
        let environment = Environment::of([("A", "${B}"), ("B", "b")]);
        assert_eq!(interpolate("${A}", &environment).as_deref(), Ok("${B}"));
    }
}
