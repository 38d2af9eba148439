//! Why something is refused: for those who count it, and for those who have to do something about it.

use rustls::{CertificateError, Error as TlsError, PeerIncompatible};

use crate::allowed;
use crate::error::{Bound, DatabaseError};
use crate::request::Refusal;
use crate::rpc::hello::HelloError;
use crate::rpc::identity::IdentityError;

/// Makes the enum, its labels and its advice of one table.
macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident = $label:literal, $advice:literal;)*) => {
        /// Why one was refused.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Reason { $($(#[$doc])* $name,)* }

        impl Reason {
            pub(super) const ALL: [Self; [$($label),*].len()] = [$(Self::$name),*];

            /// What it is counted under; never changes.
            pub(super) fn label(self) -> &'static str {
                match self { $(Self::$name => $label,)* }
            }

            /// What it is, and what to do about it.
            pub(super) fn advice(self) -> &'static str {
                match self { $(Self::$name => $advice,)* }
            }
        }
    };
}

reasons! {
    // Before it is known who is there.
    Broken = "broken", "it hung up before it said anything, as checks of a port do; nothing is to be done";
    NotTls = "not_tls", "what came is no TLS: a scanner, or a node without the identity (`cluster.secret_file`)";
    TlsVersion = "tls_version", "it does not speak TLS 1.3: it is no node of this release";
    Tls = "tls", "its TLS is not a node's: a scanner, or a node with another kind of identity";
    NoCertificate = "no_certificate", "it has no certificate: give it one of the cluster's, if it is a node";
    UnknownAuthority = "unknown_authority", "none of the authorities in `cluster.ca_file` signed its certificate";
    ExpiredCertificate = "expired_certificate", "its certificate is not in its time: replace it, or look at the clocks";
    BadCertificate = "bad_certificate", "its certificate is not good for a node";
    WrongName = "wrong_name", "its certificate is of another node than it says: look at `cluster.node` there";
    WrongSecret = "wrong_secret", "it has another secret, or another `cluster.name`, which is in the key";
    NotAccepted = "not_accepted", "it did not accept what this node presented: do both have the same identity?";
    HandshakeTime = "handshake_time", "its TLS handshake was not done in time: a scanner, or a slow network";
    Address = "connections_per_address", "one address has as many connections as `limits.connections_per_address` allows";
    AddressRate = "handshake_rate_per_address", "one address connects more often than `limits.handshake_rate_per_address` allows";
    Handshakes = "handshakes", "as many are not known yet as `limits.handshakes` allows";
    Rate = "handshake_rate", "more connect in a second than `limits.handshake_rate` allows";
    Descriptors = "descriptors", "this process cannot take more connections: raise its `ulimit -n`";
    // By what it says of itself.
    TlsToPlain = "tls_to_plain", "it speaks TLS and this node plain text: give both the same identity";
    HelloForeign = "hello_foreign", "what came is no hello of a node";
    HelloTime = "hello_time", "its hello was not done in time: a scanner, or a slow network";
    HelloTooLarge = "hello_too_large", "this node's names take more room than a hello has: shorten those of its repos";
    Protocol = "protocol", "no protocol version is common: bring both to releases that overlap";
    Application = "application", "it is of another application: `cluster.peer` there leads here by mistake";
    Cluster = "cluster", "it is of another cluster: look at `cluster.name` of both";
    LitefsCluster = "litefs_cluster", "its LiteFS is of another cluster: look at `clusterID` in the /info of both";
    NotYet = "not_yet", "its LiteFS, or this node's, has not joined a cluster yet: it will try again";
    Itself = "itself", "this node reached itself: does `cluster.peer` lead to the other nodes?";
    Connections = "connections", "peers have as many connections as `limits.connections` allows: raise it";
    // Of one that was let in.
    Frame = "frame", "a frame of it cannot be read, and its connection was closed: is it of this release?";
    FrameTime = "frame_timeout", "a frame of it was not whole within `limits.reply_timeout`, and its connection was closed";
    Unreadable = "unreadable", "a request of it cannot be read: it is of a release that this one does not know";
    CallsInFlight = "calls_in_flight", "as many requests are held as `limits.requests` or the one for each connection allows";
    CallsUnanswered = "calls_unanswered", "it goes on asking while more calls wait than a node makes, and its connection was closed: does it not read?";
    RequestBytes = "request_bytes", "the requests that are held take as many bytes as `limits.request_bytes` allows";
    Transactions = "transactions", "as many transactions are open as `limits.transactions` or the one for each connection allows";
    TooLarge = "too_large", "a statement, its binds or its result is larger than `[limits]` allows, and nothing of it is kept";
    ReplyBytes = "reply_bytes", "as many bytes of answers wait to be sent as `limits.reply_bytes` allows: does a peer not read?";
    ReplyTime = "reply_timeout", "it did not take an answer within `limits.reply_timeout`, and its connection was closed";
    Queue = "queue", "the writer's queue is full (`queue_length`, `transactions_waiting`)";
    Overdue = "overdue", "a call was still running after its deadline, and was dropped";
    UnknownRepo = "unknown_repo", "it asks for a repo that this node does not serve: is it in the settings here?";
    UnknownProcedure = "unknown_procedure", "it calls a procedure that this release of the application does not have";
    NotAllowed = "not_allowed", "a statement that may not run on a connection that is everybody's; nothing of it ran";
    WritesNotAccepted = "writes_not_accepted", "a write of a node whose writes this one does not take; it did not run";
    Call = "call", "a call that makes no sense where it came";
}

impl Reason {
    pub(super) fn place(self) -> usize {
        self as usize
    }

    /// Whether it is of everyday life, and no reason to warn.
    pub(super) fn is_common(self) -> bool {
        matches!(self, Self::Broken | Self::NotYet)
    }

    pub(super) fn of_identity(error: &IdentityError) -> Self {
        match error {
            IdentityError::Timeout => Self::HandshakeTime,
            IdentityError::Secret => Self::WrongSecret,
            IdentityError::Certificate(error) => Self::of_certificate(error),
            IdentityError::Name { .. } => Self::WrongName,
            IdentityError::Nothing => Self::NoCertificate,
            IdentityError::Refused(_) => Self::NotAccepted,
            IdentityError::Foreign(TlsError::InvalidMessage(_)) => Self::NotTls,
            IdentityError::Foreign(TlsError::PeerIncompatible(
                PeerIncompatible::Tls13RequiredForQuic
                | PeerIncompatible::SupportedVersionsExtensionRequired
                | PeerIncompatible::Tls12NotOfferedOrEnabled
                | PeerIncompatible::Tls12NotOffered,
            )) => Self::TlsVersion,
            IdentityError::Foreign(_) => Self::Tls,
            IdentityError::Io(_) => Self::Broken,
        }
    }

    fn of_certificate(error: &TlsError) -> Self {
        use CertificateError as C;
        match error {
            TlsError::InvalidCertificate(C::UnknownIssuer) => Self::UnknownAuthority,
            TlsError::InvalidCertificate(
                C::Expired | C::ExpiredContext { .. } | C::NotValidYet | C::NotValidYetContext { .. },
            ) => Self::ExpiredCertificate,
            _ => Self::BadCertificate,
        }
    }

    pub(super) fn of_hello(error: &HelloError) -> Self {
        match error {
            HelloError::Protocol { .. } => Self::Protocol,
            HelloError::Application { .. } => Self::Application,
            HelloError::Cluster { .. } => Self::Cluster,
            HelloError::LitefsCluster { .. } => Self::LitefsCluster,
            HelloError::NotYet { .. } => Self::NotYet,
            HelloError::Full { .. } => Self::Connections,
            HelloError::Itself => Self::Itself,
            HelloError::TooLarge => Self::HelloTooLarge,
            HelloError::Tls => Self::TlsToPlain,
            HelloError::Foreign(_) => Self::HelloForeign,
            HelloError::Timeout => Self::HelloTime,
            // It may have been waiting for the hello with its word on the handshake.
            HelloError::Io(error) => {
                IdentityError::behind(error).as_ref().map_or(Self::Broken, Self::of_identity)
            }
        }
    }

    /// Of what a call came to; `None` when it is an answer, or when another node is to be asked.
    pub(super) fn of_call(refusal: &Refusal) -> Option<Self> {
        match refusal {
            Refusal::Overloaded(bound) => Some(Self::of_bound(bound)),
            Refusal::TooLarge(_) => Some(Self::TooLarge),
            Refusal::UnknownRepo(_) => Some(Self::UnknownRepo),
            Refusal::UnknownProcedure { .. } => Some(Self::UnknownProcedure),
            Refusal::Refused(_) => Some(Self::Call),
            Refusal::Rejected(error) | Refusal::Read(error) => Self::of_statement(error),
            _ => None,
        }
    }

    /// Of what is full.
    fn of_bound(bound: &Bound) -> Self {
        match bound.setting() {
            "limits.requests" | "limits.requests_per_connection" => Self::CallsInFlight,
            "limits.request_bytes" => Self::RequestBytes,
            "limits.transactions" | "limits.transactions_per_connection" => Self::Transactions,
            "limits.reply_bytes" => Self::ReplyBytes,
            _ => Self::Queue,
        }
    }

    /// Of what a statement failed with: `None` when the database said so.
    pub(super) fn of_statement(error: &DatabaseError) -> Option<Self> {
        match error.bound() {
            Some(_) => Some(Self::TooLarge),
            None => allowed::is_refusal(error).then_some(Self::NotAllowed),
        }
    }
}
