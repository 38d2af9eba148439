//! How a secret is written, and what is refused.

use data_encoding::{BASE64, BASE64URL_NOPAD, HEXLOWER, HEXUPPER};

use super::super::pins;
use super::super::secret::{SecretError, parse};
use super::super::testing::secret;
use super::super::{IdentityError, Transport};
use crate::config::{IdentitySettings, SecretFrom, SecretText};

/// 32 bytes of which each encoding has characters of its own.
fn bytes() -> Vec<u8> {
    (0..32).map(|byte| 255 - byte * 5).collect()
}

fn parsed(text: &str) -> Result<Vec<Vec<u8>>, SecretError> {
    parse(text.as_bytes()).map(|secrets| secrets.iter().map(|secret| secret.bytes().to_vec()).collect())
}

#[test]
fn hex_and_base64_of_either_alphabet_are_the_same_secret() {
    let bytes = bytes();
    let base64 = BASE64.encode(&bytes);
    assert!(base64.contains('+') || base64.contains('/'), "{base64}");
    for text in [
        HEXLOWER.encode(&bytes),
        HEXUPPER.encode(&bytes),
        base64.clone(),
        base64.trim_end_matches('=').to_owned(),
        BASE64URL_NOPAD.encode(&bytes),
        format!("\n  {base64}\t\r\n"),
        format!("# of the shop, 2024\n{base64} # made by hand\n"),
    ] {
        assert_eq!(parsed(&text).unwrap(), std::slice::from_ref(&bytes), "{text}");
    }
}

#[test]
fn digits_and_a_to_f_are_hex_though_they_could_be_base64() {
    let hex = HEXLOWER.encode(&bytes());
    assert!(BASE64.decode(hex.as_bytes()).is_ok());
    assert_eq!(parsed(&hex).unwrap()[0].len(), 32);
}

#[test]
fn several_secrets_keep_their_order() {
    let (one, two) = (secret(), secret());
    let decoded = |text: &String| BASE64.decode(text.as_bytes()).unwrap();
    for between in ["\n", " ", ", "] {
        assert_eq!(
            parsed(&[one.clone(), two.clone()].join(between)).unwrap(),
            [decoded(&one), decoded(&two)]
        );
    }
}

/// Computed with other tools (HMAC of Python, OpenSSL). If this changes, nodes of two releases do not know each other.
#[test]
fn a_secret_and_a_cluster_make_the_same_key_in_every_release() {
    let secret = &parse(HEXLOWER.encode(&bytes()).as_bytes()).unwrap()[0];
    for (cluster, public) in [
        ("shop", "302a300506032b657003210021d90384a86d22b079aeefcd0ba7def253e8bf09f4ff8e1ac73164576da1c80d"),
        ("test", "302a300506032b6570032100e0e99f06a0c67806e6232b06d811e5403813a5713100a80d364ac2eb991fd55f"),
    ] {
        let (_, pin) = pins::key(secret, cluster).unwrap();
        assert_eq!(HEXLOWER.encode(&pin), public, "{cluster}");
    }
}

#[test]
fn a_short_secret_is_refused_after_it_is_decoded() {
    use SecretError as E;
    // 43 characters that look long enough, and are 31 bytes and a bit.
    let short = BASE64.encode(&bytes()[..31]);
    assert_eq!(parsed(&short), Err(E::Short { place: 1, bytes: 31 }));
    assert_eq!(parsed(&HEXLOWER.encode(&bytes()[..31])), Err(E::Short { place: 1, bytes: 31 }));
    assert_eq!(parsed(&format!("{} {short}", secret())), Err(E::Short { place: 2, bytes: 31 }));
}

#[test]
fn what_is_no_secret_is_refused() {
    use SecretError as E;
    let good = secret();
    for (text, error) in [
        ("", E::Empty),
        ("# nothing yet\n", E::Empty),
        ("hunter2 is not base64!", E::Encoding(1)),
        ("hunter2+hunter2/", E::Short { place: 1, bytes: 12 }),
        ("correct-horse-battery-staple!correct-horse-battery-staple", E::Encoding(1)),
        (&format!("{}a", HEXLOWER.encode(&bytes())), E::Encoding(1)),
        (&"0".repeat(64), E::Poor(1)),
        (&HEXLOWER.encode(&[7; 400].map(|byte: u8| byte)), E::Poor(1)),
        (&"A".repeat(3000), E::Long(1)),
        (&format!("{good} {good}"), E::Twice(2)),
        (&(0..5).map(|_| secret()).collect::<Vec<_>>().join("\n"), E::Many),
    ] {
        assert_eq!(parsed(text), Err(error), "{text}");
    }
    assert_eq!(parse(&[0xff; 64]).map(|_| ()), Err(E::NotText));
}

#[test]
fn no_secret_is_in_an_error_or_in_debug() {
    let good = secret();
    let wrong = format!("{good}!");
    let from = |text: &str| IdentitySettings::Secret(SecretFrom::Text(SecretText::new(text.to_owned())));
    let error = Transport::load(&from(&wrong), "shop").map(|_| ()).unwrap_err();
    for shown in [format!("{error} {error:?}"), format!("{:?}", from(&good))] {
        assert!(!shown.contains(&good[..8]) && !shown.contains(&good[20..28]), "{shown}");
    }
    assert!(error.to_string().starts_with("`cluster.secret`"), "{error}");
    let error = IdentityError::Secret;
    assert!(error.to_string().contains("cluster.secret_file"));
}
