//! Settings: what a node is told, and the checks before it starts.
//!
//! Each setting comes from the source of the highest rank that has it:
//!
//! 1. code: the methods of [`Config`] and [`RepoConfig`];
//! 2. the environment: `LITEFS_DIESEL__REPO__NAME__POOL_SIZE=9`, `LITEFS_DIESEL__LITEFS__HTTP=…`,
//!    `LITEFS_DIESEL__CLUSTER__LISTEN=…`; the repo's name in any case; lists with commas between
//!    (`a,b`), tables as `a=x,b=y`;
//! 3. the file: the one that `LITEFS_DIESEL_CONFIG` names, else `litefs-diesel.toml` of the working
//!    folder or the nearest above it;
//! 4. `DATABASE_URL`, where there is one repo only.
//!
//! ```toml
//! [repo.Repo]
//! database = "/litefs/app.db"
//! pool_size = 5
//! [litefs]
//! http = "http://127.0.0.1:20202"
//! [cluster]
//! name = "shop"
//! listen = "10.0.0.1:7117"
//! secret_file = "/run/secrets/litefs-diesel"
//! peers = { ams = "10.0.0.1:7117", ord = "10.0.0.2:7117" }
//! ```
//!
//! `${NAME}` inside a value of the file or of a `LITEFS_DIESEL__…` variable is the environment's;
//! `$${` is `${` itself. A variable that is not set is an error, but not where a source of higher
//! rank sets the same. A duration is a text with a unit (`"5s"`, `"200ms"`, `"1m 30s"`) or a number
//! of milliseconds, at most 7 days. An unknown key, a wrong type and an impossible value are errors
//! that name the setting, where it was set and what to write instead.
//!
//! # `[repo.NAME]`, one for each repo
//!
//! `NAME` is the name of the struct below `#[litefs_repo]`.
//!
//! | key | type | default | what for |
//! |---|---|---|---|
//! | `database` | path or URL | needed | The database file. A relative path in the settings file counts from the folder of that file, which is found from many working folders; elsewhere from the working folder. |
//! | `priv` | path | the tool's | Where the migrations tool looks, from the folder of the settings file. |
//! | `journal_mode` | `"wal"`, `"delete"`, `"truncate"`, `"persist"` | as it is; WAL when new | LiteFS replicates these; `memory` and `off` it would not see. |
//! | `foreign_keys` | boolean | `true` | As Ecto's adapter has it; SQLite's own default is off. |
//! | `pool_size` | 1 to 1,024 | 5 | Connections that read. Each is a thread that is busy while it reads. |
//! | `busy_timeout` | duration | 5 s | How long SQLite waits for a lock. LiteFS locks every reader out while it applies a transaction, so 0 makes reads fail now and then. |
//! | `queue_length` | 1 to 1,048,576 | 1,024 | Writes that wait on the primary; one more is `Overloaded` at once. |
//! | `timeout` | duration above 0 | 10 s | The deadline of a call that names none. Longer than the election that usually follows a hand-off. |
//! | `transaction_idle` | duration above 0 | 5 s | An open transaction that does nothing for so long is rolled back: it holds up every other write. At most `transaction_total`. |
//! | `transaction_total` | duration above 0 | 30 s | The longest that a transaction may be open: until it ends, the primary cannot hand over. |
//! | `read_transaction` | duration above 0 | 2 s | The longest that `repo.read_transaction` may be open and that `repo.stream` may read. Meanwhile LiteFS on this node can neither apply what others wrote nor be elected; keep it below the time that a failover may take. |
//! | `max_batch` | 1 to 65,536 | 512 | Requests in one commit: more make one commit longer, and cost all of them when it fails. |
//! | `transactions_waiting` | 1 to 65,536 | 64 | Transactions that wait for the one that is open; one more is `Overloaded` at once. |
//! | `busy_report` | duration above 0 | 5 s | How long one statement may keep the writer busy before that is reported, in `tracing` and in the counter `litefs_diesel_writer_busy_total`. Nothing can stop it, and all writes wait. Longer than a statement for which others wait, shorter than their deadlines. |
//! | `ledger_result` | 1 to 1,073,741,824 | 65,536 | Bytes of a write's result that the ledger keeps for a second answer. A larger one is kept as done, and whoever asks again is told so. |
//! | `ledger_keep` | duration above 0 | 1 h | How long the ledger keeps a process that does not write any more. At least `timeout`, `transaction_total` and three times `remember`; a write's longer `timeout` of its own counts as this. |
//! | `ack` | `"committed"`, `"visible"`, `"replicated(N)"`, `"everywhere"` | `"visible"` | When a write returns that does not say ([`Ack`](crate::Ack)). |
//! | `on_lost` | report, resubmit | report | What is done about an acknowledged write that a failover dropped: see [`Config::on_lost`] and [`RepoConfig::resubmit_lost`]. |
//! | `remember` | duration above 0 | 60 s | How long an acknowledged write is remembered for that, unless every node has it before: longer than a failover takes. |
//! | `remember_writes` | 1 to 1,000,000 | 10,000 | How many of them at most; the oldest is forgotten first. |
//!
//! # `[litefs]`: this node's LiteFS
//!
//! Without it the node is alone: it is the primary, nothing listens, nothing waits, and `[cluster]`
//! and `[limits]` are not looked at. An empty one is enough.
//!
//! | key | type | default | what for |
//! |---|---|---|---|
//! | `http` | URL | `http://127.0.0.1:20202` | LiteFS's `http.addr`, from which the node learns its role. The default is LiteFS's own. |
//! | `start_timeout` | duration | 30 s | How long a node that boots before LiteFS has a leader waits. Twice Consul's usual time for an election after a crash fits in. |
//!
//! # `[cluster]`: the other nodes
//!
//! | key | type | default | what for |
//! |---|---|---|---|
//! | `name` | text | `litefs-diesel` | Nodes of another cluster are refused. |
//! | `node` | text | the machine's host name | This node, as its peers call it; the same as LiteFS's `lease.hostname`, whose default it shares. |
//! | `listen` | socket address | none | Where peers reach this node. Port 0 takes a free one. Without it and without peers, a write on a replica has no way. |
//! | `peer` | text with `{hostname}` | none | Makes a host name of LiteFS an address: `"{hostname}:7117"`. |
//! | `peers` | table host name → `host:port` | none | The same one by one; goes before `peer`. |
//! | `nodes` | list of host names, or `"dns:NAME"`, `"dns:NAME:PORT"` | none | All nodes, for what needs every one of them. The port is that of `listen` when it is not given. |
//! | `fence` | `"heard"`, `"majority"` | `"heard"` | What keeps a primary from writing that is not the only one ([`Fence`]). `"majority"` needs `nodes`. |
//! | `fence_timeout` | duration of 1.5 s or more | 2 s | How old the confirmations of `"majority"` may be. Keep it below the time to live of LiteFS's lease. |
//! | `accept_writes` | boolean | `true` | Whether this node takes writes of other nodes while it is primary. |
//! | `accept_writes_from` | list of host names | all | The nodes whose writes it takes then; a guard against mistakes, and with certificates more than that. |
//! | `secret_file` | path | none | The shared secret by which nodes know each other, in hex or base64, at least 32 bytes of it. Several, with white space between: the first is this node's, all are accepted. Read again when it changes. |
//! | `secret` | text | none | The same, from the environment: `LITEFS_DIESEL__CLUSTER__SECRET`, or `"${NAME}"`. |
//! | `ca_file` | path | none | Instead of a secret: the authorities that sign nodes' certificates, PEM. Read again when it changes, as the next two. |
//! | `cert_file` | path | none | This node's certificate, then those between it and an authority, PEM. |
//! | `key_file` | path | none | The certificate's private key, PEM. |
//! | `allow_readable_by_others` | boolean | `false` | Takes a `secret_file` or `key_file` that others than its owner can read. |
//! | `insecure` | boolean | `false` | Plain text between nodes, and nothing by which they know each other: on loopback only. |
//!
//! # `[limits]`: what others may have of this node
//!
//! Connections are refused before TLS, so what is refused costs next to nothing. A quarter of `handshakes` and of
//! `handshake_rate` is kept for addresses from which a peer was let in before, so that strangers who come from many
//! addresses do not keep the peers out.
//!
//! | key | type | default | what for, and why this default |
//! |---|---|---|---|
//! | `connections` | 1 to 65,536 | 256 | Connections of peers at once, of which is known who is there. One more is told so after its hello. Two of each of 64 peers, and as many again whose other end is gone before this node has noticed. Together with `handshakes` it is how many file descriptors the port takes. |
//! | `connections_per_address` | 1 to 65,536 | 64 | Connections from one address at once, of peers and strangers: an IPv4 address, or the first 64 bits of an IPv6 one. So one machine cannot take all places. 32 nodes behind one address fit in. |
//! | `handshakes` | 1 to 65,536 | 256 | Connections at once of which is not known yet who is there: what strangers can hold. All peers at once fit in. |
//! | `handshake_rate` | 1 to 1,000,000 | 200 | New connections a second, and as many at once after a quiet second. A handshake takes less than a millisecond of a processor, so strangers keep one busy for a fifth at most; all peers of a node that starts fit in. |
//! | `handshake_rate_per_address` | 1 to 1,000,000 | 64 | The same from one address, a third of the whole: a flood from one machine does not use up what others need, and 32 nodes behind one address come back at once. |
//! | `handshake_timeout` | duration above 0 | 5 s | How long TLS and the hello may take together: three times around the world, and packets that are sent again. |
//! | `idle` | duration of 5 s or more | 10 min | A connection on which no call runs and no transaction is open is closed after that. The peer makes a new one when it has something to say, and no call fails. |
//! | `keepalive` | 3 s to 1 h | 15 s | After how long a silence TCP asks whether the other end is still there; one that is gone is noticed after twice that. Shorter than routers remember a silent connection. |
//! | `max_frame` | 65,536 to 1,073,741,824 | 67,108,864 | Bytes of a frame, the same on all nodes. A message is held whole on both sides: room for blobs of a megabyte by the dozen, and small enough that a few cannot fill a small server. A message has at most 1,048,576 values, whatever its size: that is of the protocol and no setting, because both sides have to count alike; in memory they take 40 MiB. |
//! | `requests` | 1 to 1,048,576 | 65,536 | Requests that are held at once: from their arrival until nothing of them is left in a queue, also when their caller has cancelled them, and their answer is on its way. One more is `Overloaded`. Each costs a few KiB besides its bytes: a quarter of a gigabyte in all. |
//! | `requests_per_connection` | 1 to 1,048,576 | 16,384 | The same of one connection: as many as a peer has on one; of one by which nodes tell each other what they see, 64, which are not counted in `requests`. A connection with more than twice as many calls without an answer, and more than 32,768, is closed: no node makes so many. |
//! | `request_bytes` | `max_frame` to 4,294,967,296 | 4 × `max_frame` | Bytes of those in memory, at most: of each its bytes, and 40 for each of its values. Those of 4 KiB or less are not counted. One more is `Overloaded`. A frame of more than 128 KiB counts from its announcement on; when there is no room for it, it waits unread for up to `reply_timeout`. |
//! | `transactions` | 1 to 65,536 | 1,024 | Transactions that peers have open, those included that wait. One more is `Overloaded`. One of each repo runs and `transactions_waiting` wait: 15 repos. |
//! | `transactions_per_connection` | 1 to 65,536 | 256 | The same of one connection: one peer cannot have all. |
//! | `statement_bytes` | 1 to `max_frame` | 4,194,304 | Bytes of a statement's text. A longer one is `TooLarge`, where it is to be sent and where it comes. SQLite reads so much in a tenth of a second, while all others wait. A migration has to fit `max_frame` only. |
//! | `binds` | 1 to 1,000,000 | 32,766 | Values bound to one statement: as many as SQLite takes unless it was built for more. |
//! | `bind_bytes` | 1 to `max_frame` | half of `max_frame` | Bytes of those, and of a procedure's arguments. |
//! | `result_rows` | 1 to 4,294,967,296 | 1,000,000 | Rows that a peer's request may return, all its statements together. What would return more is `TooLarge`: the request is rolled back and nothing of it is kept, in an open transaction the statement. |
//! | `result_bytes` | 1 to `max_frame` | half of `max_frame` | Bytes of those, or of what a procedure returns: so what is committed can be sent. |
//! | `reply_bytes` | `max_frame` to 4,294,967,296 | 4 × `max_frame` | Bytes of answers that wait until their callers take them. When there are more, connections whose answers have waited for longer than a second are closed, the longest first; what still has no room is `Overloaded`, or what was committed is told without its result. Eight of the largest results. |
//! | `reply_timeout` | duration above 0 | 30 s | How long an answer may wait until it is taken. Then its connection is closed: its caller does not read, or too slowly. 256 MiB take so long at 70 Mbit/s. As long, a frame may take until all of it has come, the wait for its room included; then its connection is closed, too. |
//!
//! # What this room never does
//! It opens no database, listens on nothing and starts no thread; its checks only look. No
//! `Debug` of it shows a value that may be secret.

mod accept;
mod ack;
mod bounds;
mod builder;
pub(crate) mod check;
mod cluster;
mod duration;
mod env;
mod error;
mod file;
#[cfg(any(test, feature = "fuzz"))]
pub(crate) mod fuzz;
mod identity;
mod interpolate;
mod layer;
mod limits;
mod load;
mod lost;
mod open;
mod read;
mod repo;
mod resolve;
mod schema;
mod settings;
pub(crate) mod tool;
mod url;

#[cfg(test)]
mod tests;

pub(crate) use accept::AcceptWrites;
pub(crate) use bounds::LimitSettings;
#[cfg(any(test, feature = "fuzz"))]
pub(crate) use bounds::MAX_FRAME;
pub use builder::Config;
pub use error::{Origin, StartError};
#[cfg(test)]
pub(crate) use identity::SecretText;
pub(crate) use identity::{IdentityFile, IdentitySettings, SecretFrom};
pub use limits::Limits;
pub(crate) use lost::LostSettings;
pub use lost::LostWrite;
pub use repo::RepoConfig;
pub(crate) use settings::{ClusterSettings, Nodes, RepoSettings, Settings};
pub use settings::{Fence, JournalMode};
#[cfg(test)]
use url::{DatabaseUrl, Target};
