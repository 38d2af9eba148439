//! Whether others than this machine reach LiteFS's HTTP port. It asks nobody who he is: whoever reaches it
//! reads and replaces every database, and takes the lease.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use reqwest::Url;

/// The state of a socket that listens, as the kernel numbers it (`TCP_LISTEN`).
const LISTENS: &str = "0A";

/// Says so in the log, once a start.
pub(crate) fn warn_if_exposed(http: &str) {
    if let Some(place) = exposed(http) {
        tracing::warn!(
            place,
            "LiteFS's own port is not only this machine's, and it asks nobody who he is: whoever reaches it can read and \
             replace every database. Bind it (`http.addr` in litefs.yml) to an address that only the cluster's nodes \
             reach, and to loopback where there is one node; see `docs/guide/statements.md`"
        );
    }
}

/// Where it is reached from elsewhere, as far as this machine tells. Looks no name up, and asks nobody.
fn exposed(http: &str) -> Option<String> {
    let url = Url::parse(http).ok()?;
    let (host, port) = (url.host_str()?, url.port_or_known_default()?);
    // With its brackets, when it is of IPv6.
    let address = host.trim_matches(['[', ']']).parse::<IpAddr>().ok();
    if !address.map_or_else(|| is_local_name(host), is_loopback) {
        return Some(format!("{host}:{port}"));
    }
    // Asked for on loopback, it may listen elsewhere too: `:20202`, LiteFS's default, is every address.
    let listening = |table: &str| {
        let text = fs::read_to_string(table).ok()?;
        listeners(&text).find(|at| at.port() == port && !is_loopback(at.ip()))
    };
    listening("/proc/net/tcp").or_else(|| listening("/proc/net/tcp6")).map(|at| at.to_string())
}

fn is_local_name(name: &str) -> bool {
    name.eq_ignore_ascii_case("localhost") || name.to_ascii_lowercase().ends_with(".localhost")
}

fn is_loopback(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}

/// The sockets that listen, in the kernel's table: `0: 0100007F:4E8A 00000000:0000 0A …`.
fn listeners(table: &str) -> impl Iterator<Item = SocketAddr> {
    table.lines().skip(1).filter_map(|line| {
        let mut fields = line.split_ascii_whitespace().skip(1);
        let (local, _, state) = (fields.next()?, fields.next()?, fields.next()?);
        let (address, port) = local.split_once(':')?;
        (state == LISTENS)
            .then(|| Some(SocketAddr::new(ip(address)?, u16::from_str_radix(port, 16).ok()?)))
            .flatten()
    })
}

/// An address as the kernel writes it: words of 32 bits, each in the machine's order of bytes.
fn ip(hex: &str) -> Option<IpAddr> {
    let word = |at: usize| {
        let word = u32::from_str_radix(hex.get(at * 8..at * 8 + 8)?, 16).ok()?;
        Some(word.to_ne_bytes())
    };
    match hex.len() {
        8 => Some(Ipv4Addr::from(word(0)?).into()),
        32 => {
            let mut all = [0; 16];
            for (at, bytes) in all.chunks_exact_mut(4).enumerate() {
                bytes.copy_from_slice(&word(at)?);
            }
            Some(Ipv6Addr::from(all).into())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn a_port_on_loopback_is_this_machines_own_and_one_on_every_address_is_not() {
        for (listens, asked, expected) in [
            ("127.0.0.1:0", "127.0.0.1", false),
            ("127.0.0.1:0", "localhost", false),
            ("[::1]:0", "[::1]", false),
            ("0.0.0.0:0", "127.0.0.1", true),
            ("[::]:0", "127.0.0.1", true),
            ("[::]:0", "[::1]", true),
        ] {
            // A machine without IPv6 has nothing to tell there.
            let Ok(listener) = TcpListener::bind(listens) else { continue };
            let port = listener.local_addr().unwrap().port();
            let place = exposed(&format!("http://{asked}:{port}"));
            assert_eq!(place.is_some(), expected, "{listens} as {asked}: {place:?}");
        }
    }

    #[test]
    fn an_address_of_the_settings_that_is_not_loopback_tells_by_itself() {
        for http in [
            "http://10.0.0.7:20202",
            "http://[fdaa::3]:20202",
            "http://litefs:20202",
            "http://localhost.example",
        ] {
            assert!(exposed(http).is_some(), "{http}");
        }
        for http in
            ["http://127.8.9.1:1", "http://[::ffff:127.0.0.1]:1", "http://app.localhost:1", "", "nonsense"]
        {
            assert_eq!(exposed(http), None, "{http}");
        }
    }

    #[test]
    fn lines_that_nobody_understands_are_passed_over() {
        let little = if cfg!(target_endian = "little") { "0100007F" } else { "7F000001" };
        let table = format!(
            "sl local rem st\n 0: {little}:4E8A 0:0 0A\n 1: {little}:4E8B 0:0 01\n x\n 2: 7:zz 0:0 0A\n"
        );
        assert_eq!(listeners(&table).collect::<Vec<_>>(), ["127.0.0.1:20106".parse().unwrap()]);
    }
}
