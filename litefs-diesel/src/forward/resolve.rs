//! Where the host that LiteFS names is.

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv6Addr, SocketAddr};
use std::time::Duration;

use tokio::net::lookup_host;

/// How long the look-up of a name may take: DNS clients give up after 5 s by default.
const LOOK_UP: Duration = Duration::from_secs(5);

/// What stands for the host name in a template.
const HOSTNAME: &str = "{hostname}";

/// The settings `cluster.peers` and `cluster.peer`: how a primary's host name, which LiteFS takes
/// from `lease.hostname` and which is free-form text there, becomes an address.
#[derive(Clone, Debug)]
pub(crate) struct Resolver {
    /// Each host name's address or DNS name, with its port. Looked at first.
    table: BTreeMap<String, String>,
    /// `{hostname}:7117`, `{hostname}.vm.app.internal:7117`, for all others.
    template: Option<String>,
    /// What an address is called that `cluster.nodes = "dns:…"` gave.
    dns: Option<String>,
    /// What is said can be read on the way: only this machine may be reached.
    plain: bool,
}

/// Why a host name has no address.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ResolveError {
    #[error("`cluster.peer` = `{0}` does not say where a node is: write `{{hostname}}:7117`")]
    Template(String),
    #[error(
        "LiteFS calls the primary `{0}`, which is no host name, so `cluster.peer` does not serve for it: put it into \
         `cluster.peers`, or mend `lease.hostname` in LiteFS's settings"
    )]
    Hostname(String),
    #[error(
        "`{0}` is primary, and `cluster.peers` has no entry for it; add one, or write `cluster.peer` = `{{hostname}}:7117`"
    )]
    Unlisted(String),
    #[error("cannot find `{at}`: {source}")]
    Lookup { at: String, source: io::Error },
    #[error(
        "`{at}` is {addr}, on another machine, and this node speaks in plain text (`cluster.insecure`), which stays on \
         this one: set `cluster.secret_file`, or mend `cluster.peer` and `cluster.peers`"
    )]
    NotLoopback { at: String, addr: SocketAddr },
}

impl ResolveError {
    /// Whether waiting cannot mend it.
    pub(crate) fn is_permanent(&self) -> bool {
        !matches!(self, Self::Lookup { .. })
    }
}

impl Resolver {
    /// Fails when the template does not name a host and a port.
    pub(crate) fn new(
        table: BTreeMap<String, String>,
        template: Option<String>,
    ) -> Result<Self, ResolveError> {
        match template {
            Some(template) if !leads_somewhere(&template) => Err(ResolveError::Template(template)),
            template => Ok(Self { table, template, dns: None, plain: true }),
        }
    }

    /// What is said is in plain text (the default), or not: then any address may be reached.
    pub(crate) fn plain(self, plain: bool) -> Self {
        Self { plain, ..self }
    }

    /// The DNS name that stands for all nodes, which their certificates may have.
    pub(crate) fn dns(self, dns: Option<String>) -> Self {
        Self { dns, ..self }
    }

    /// What may stand in the certificate of the node that is called: as [`node_names`](Self::node_names)
    /// when it is called by its name; when by an address that came from DNS, that address, or the name
    /// that was looked up.
    pub(crate) fn names(&self, hostname: &str) -> Vec<String> {
        match hostname.parse::<SocketAddr>() {
            Ok(address) => std::iter::once(address.ip().to_string()).chain(self.dns.clone()).collect(),
            Err(_) => self.node_names(hostname),
        }
    }

    /// What may stand in the certificate of the node of this name: the name itself, and the host of its
    /// address in `cluster.peers`, or of `cluster.peer` with the name in it.
    pub(crate) fn node_names(&self, node: &str) -> Vec<String> {
        let mut names = vec![node.to_owned()];
        if node.parse::<SocketAddr>().is_ok() {
            return names; // no name, and not to be taken for one
        }
        let place = self.place(node).ok();
        if let Some((host, _)) = place.as_deref().and_then(|place| place.rsplit_once(':')) {
            names.push(host.trim_start_matches('[').trim_end_matches(']').to_owned());
        }
        names
    }

    /// The addresses of that host, in the order in which to try them; never none.
    pub(crate) async fn resolve(&self, hostname: &str) -> Result<Vec<SocketAddr>, ResolveError> {
        let at = self.place(hostname)?;
        let lookup = |source| ResolveError::Lookup { at: at.clone(), source };
        let found = tokio::time::timeout(LOOK_UP, lookup_host(&at))
            .await
            .map_err(|_| lookup(io::ErrorKind::TimedOut.into()))?;
        let addrs: Vec<SocketAddr> = found.map_err(lookup)?.collect();
        match addrs.iter().find(|addr| self.plain && !addr.ip().is_loopback()) {
            Some(addr) => Err(ResolveError::NotLoopback { at, addr: *addr }),
            None if addrs.is_empty() => Err(lookup(io::ErrorKind::NotFound.into())),
            None => Ok(addrs),
        }
    }

    /// Its host and port, not yet looked up.
    fn place(&self, hostname: &str) -> Result<String, ResolveError> {
        if let Some(place) = self.table.get(hostname) {
            return Ok(place.clone());
        }
        if hostname.parse::<SocketAddr>().is_ok() {
            // Not LiteFS's name of a node, but one of the addresses of `cluster.nodes = "dns:…"`.
            return Ok(hostname.to_owned());
        }
        match &self.template {
            None => Err(ResolveError::Unlisted(hostname.to_owned())),
            Some(template) if !template.contains(HOSTNAME) => Ok(template.clone()),
            // An address needs brackets before the port, where the template does not bring them.
            Some(template) if hostname.parse::<Ipv6Addr>().is_ok() => Ok(match template.starts_with('[') {
                true => template.replace(HOSTNAME, hostname),
                false => template.replace(HOSTNAME, &format!("[{hostname}]")),
            }),
            Some(_) if !is_hostname(hostname) => Err(ResolveError::Hostname(hostname.to_owned())),
            Some(template) => Ok(template.replace(HOSTNAME, hostname)),
        }
    }
}

fn leads_somewhere(template: &str) -> bool {
    let Some((host, port)) = template.rsplit_once(':') else { return false };
    let braces_left = template.replace(HOSTNAME, "").contains(['{', '}']);
    !host.is_empty() && !host.contains('/') && !braces_left && port.parse::<u16>().is_ok_and(|port| port > 0)
}

/// What a DNS name may be, and `_`, which some networks use. No `:`, `/` or `@`: they would change
/// the meaning of what is around them.
fn is_hostname(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 253
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte))
        && text.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn template(template: &str) -> Result<Resolver, ResolveError> {
        Resolver::new(BTreeMap::new(), Some(template.into()))
    }

    async fn at(resolver: &Resolver, hostname: &str) -> String {
        match resolver.resolve(hostname).await {
            Ok(addrs) => addrs.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "),
            Err(error) => error.to_string(),
        }
    }

    #[tokio::test]
    async fn a_template_makes_an_address_of_a_host_name() {
        let resolver = template("{hostname}:7117").unwrap();
        assert_eq!(at(&resolver, "127.0.0.1").await, "127.0.0.1:7117");
        assert_eq!(at(&resolver, "::1").await, "[::1]:7117");
        assert_eq!(at(&template("[{hostname}]:7117").unwrap(), "::1").await, "[::1]:7117");
        assert!(at(&resolver, "localhost").await.contains("127.0.0.1:7117"));
    }

    #[tokio::test]
    async fn an_address_with_its_port_needs_neither_table_nor_template() {
        let resolver = Resolver::new(BTreeMap::new(), None).unwrap();
        assert_eq!(at(&resolver, "127.0.0.1:7001").await, "127.0.0.1:7001");
        assert_eq!(at(&resolver, "[::1]:7001").await, "[::1]:7001");
        assert!(at(&resolver, "10.0.0.1:7001").await.contains("another machine"));
    }

    #[tokio::test]
    async fn a_table_takes_any_text_for_a_host_name() {
        let table = BTreeMap::from([("node a / berlin".to_owned(), "127.0.0.1:7001".to_owned())]);
        let resolver = Resolver::new(table, None).unwrap();
        assert_eq!(at(&resolver, "node a / berlin").await, "127.0.0.1:7001");
        let error = resolver.resolve("b").await.unwrap_err();
        assert!(matches!(error, ResolveError::Unlisted(_)), "{error}");
    }

    #[tokio::test]
    async fn a_host_name_that_would_change_the_address_is_refused() {
        let resolver = template("{hostname}:7117").unwrap();
        for hostname in ["", "a:1", "a/b", "user@a", "a b", "-a", "é", "a\n", "[::1]", &"a".repeat(254)] {
            let error = resolver.resolve(hostname).await.unwrap_err();
            assert!(matches!(error, ResolveError::Hostname(_)), "{hostname:?}: {error}");
        }
    }

    #[tokio::test]
    async fn an_address_on_another_machine_is_refused() {
        let resolver = template("{hostname}:7117").unwrap();
        let error = resolver.resolve("192.0.2.1").await.unwrap_err();
        assert!(matches!(error, ResolveError::NotLoopback { .. }), "{error}");
        assert!(error.is_permanent());
    }

    #[tokio::test]
    async fn an_address_on_another_machine_is_for_nodes_with_an_identity() {
        let resolver = template("{hostname}:7117").unwrap().plain(false);
        assert_eq!(at(&resolver, "192.0.2.1").await, "192.0.2.1:7117");
    }

    #[test]
    fn a_certificate_has_the_name_of_the_node_or_of_where_it_is() {
        let table = BTreeMap::from([("ord".to_owned(), "10.0.0.2:7117".to_owned())]);
        let resolver = Resolver::new(table, Some("{hostname}.shop.internal:7117".to_owned()));
        let resolver = resolver.unwrap().dns(Some("all.shop.internal".to_owned()));
        for names in [Resolver::names, Resolver::node_names] {
            assert_eq!(names(&resolver, "ams"), ["ams", "ams.shop.internal"]);
            assert_eq!(names(&resolver, "ord"), ["ord", "10.0.0.2"]);
            assert_eq!(names(&resolver, "no host"), ["no host"]);
        }
        assert_eq!(template("[{hostname}]:7117").unwrap().names("::1"), ["::1", "::1"]);
        // An address is one that DNS gave; a node that says that this is its name proves nothing by it.
        assert_eq!(resolver.names("10.0.0.9:7117"), ["10.0.0.9", "all.shop.internal"]);
        assert_eq!(resolver.names("[::1]:7117"), ["::1", "all.shop.internal"]);
        assert_eq!(resolver.node_names("10.0.0.9:7117"), ["10.0.0.9:7117"]);
    }

    #[test]
    fn a_template_that_leads_nowhere_is_refused() {
        for wrong in
            ["", "{hostname}", ":7117", "{hostname}:", "{hostname}:0", "{host}:7117", "http://{hostname}:1"]
        {
            assert!(template(wrong).is_err(), "{wrong:?}");
        }
    }
}
