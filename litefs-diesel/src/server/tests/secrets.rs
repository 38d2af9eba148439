//! That no secret is ever logged, whatever the level: all that is said at `TRACE` while a node starts, is called,
//! refuses and changes its identity.

use std::time::Instant;

use data_encoding::{BASE64, BASE64URL_NOPAD, HEXLOWER, HEXUPPER};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use tracing_subscriber::filter::LevelFilter;

use super::*;
use crate::logged::Logged;
use crate::rpc::identity::testing::{Authority, Files, Followed, Own, bundle, by_secret, secret};

/// Fails when the text has a part of these bytes in any form in which a program may show them.
fn has_none_of(text: &str, secret: &[u8]) {
    // A part is enough, and no part begins where the encoding has another phase.
    for part in [&secret[..18], &secret[secret.len() - 18..]] {
        let numbers = format!("{part:?}");
        let forms = [
            HEXLOWER.encode(part),
            HEXUPPER.encode(part),
            numbers.trim_matches(['[', ']']).to_owned(),
            String::from_utf8_lossy(part).into_owned(),
            part.escape_ascii().to_string(),
        ];
        for form in forms {
            assert!(!text.contains(&form), "{form} was logged");
        }
    }
    for phase in 0..3 {
        let part = &secret[phase..phase + 15];
        for form in [BASE64.encode(part), BASE64URL_NOPAD.encode(part)] {
            assert!(!text.contains(&form), "{form} was logged");
        }
    }
}

/// Waits until that is logged.
async fn is_logged(logged: &Logged, part: &str) {
    let deadline = Instant::now() + PATIENCE;
    while logged.lines(part).is_empty() {
        assert!(Instant::now() < deadline, "`{part}` is not logged");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Writes as the node of that name, and says whether that was answered.
async fn writes(node: &TestNode, by: &Transport, me: &Identity) -> bool {
    let stream = TcpStream::connect(node.addr).await.unwrap();
    let connected = by.connect(stream, vec!["called".into()], in_ms(20_000)).await;
    let Ok((mut stream, _)) = connected else { return false };
    if hello::greet(&mut stream, me, Purpose::Data, in_ms(20_000)).await.is_err() {
        return false;
    }
    let (client, driver) = Client::<Data>::new(stream, MAX_FRAME);
    tokio::spawn(driver);
    matches!(ask(&client, write("INSERT")).await, Ok(Reply::Written(_)))
}

#[tokio::test]
async fn no_shared_secret_is_logged_at_any_level() {
    let (logged, _logging) = Logged::up_to(LevelFilter::TRACE);
    let (old, new, other) = (secret(), secret(), secret());
    let kept = Followed::with_secret(&old);
    let mut node = TestNode::secured(kept.transport.clone(), LimitSettings::default(), identity("eu")).await;
    let me = identity("eu");
    assert!(writes(&node, &by_secret(&old, "shop"), &me).await);
    for stranger in [by_secret(&other, "shop"), by_secret(&format!("{other}\n{old}"), "shop")] {
        assert!(!writes(&node, &stranger, &me).await);
    }
    kept.put_secret(&format!("{new}\n{old}")).await;
    assert!(writes(&node, &by_secret(&new, "shop"), &me).await);
    // Almost a secret, as when somebody has cut it off.
    kept.files.put("secret", &format!("{new}!"));
    is_logged(&logged, "cannot be used").await;
    kept.put_secret(&other).await;
    assert!(writes(&node, &by_secret(&other, "shop"), &me).await);
    node.stop().await;
    let text = logged.text();
    assert!(text.contains(" TRACE ") && text.contains("refused: "), "{text}");
    for secret in [old, new, other] {
        has_none_of(&text, &BASE64.decode(secret.as_bytes()).unwrap());
    }
}

#[tokio::test]
async fn no_private_key_is_logged_at_any_level() {
    let (logged, _logging) = Logged::up_to(LevelFilter::TRACE);
    let (authority, other) = (Authority::new(), Authority::new());
    let (called, renewed, stranger) = (authority.sign("called"), authority.sign("called"), other.sign("ams"));
    let kept = Followed::with_certificates(&[&authority], &called);
    let mut node = TestNode::secured(kept.transport.clone(), LimitSettings::default(), identity("eu")).await;
    let me = Identity { node: "ams".into(), ..identity("eu") };
    let own = authority.sign("ams");
    let of = |own: &Own| {
        let files = Files::new();
        files.put("ca", &bundle(&[&authority, &other]));
        files.put_certificate(own);
        Transport::load(&files.by_certificate(), "shop").unwrap()
    };
    assert!(writes(&node, &of(&own), &me).await);
    assert!(!writes(&node, &of(&stranger), &me).await);
    kept.change(|files| files.put_certificate(&renewed)).await;
    assert!(writes(&node, &of(&own), &me).await);
    // The key of another, as when only one file was replaced.
    kept.files.put("key", &stranger.key);
    is_logged(&logged, "cannot be used").await;
    node.stop().await;
    let text = logged.text();
    assert!(text.contains(" TRACE ") && text.contains("refused: "), "{text}");
    for own in [called, renewed, stranger, own] {
        let key = PrivateKeyDer::from_pem_slice(own.key.as_bytes()).unwrap();
        // What is before it is the same in all keys of a kind: the secret number is behind.
        has_none_of(&text, &key.secret_der()[36..68]);
        assert!(!text.contains("PRIVATE KEY"));
        let lines = own.key.lines().filter(|line| !line.starts_with("---"));
        lines.for_each(|line| assert!(!text.contains(line), "{line} was logged"));
    }
}
