//! One attempt at one node: this one's writer, or a peer's.

use std::borrow::Cow;
use std::time::Instant;

use super::client::Sequence;
use super::peer::Peer;
use super::remote::RemoteTransaction;
use super::route::Target;
use super::router::Inner;
use crate::error::NotExecuted;
use crate::request::{Ask, Begin, OpenTransaction, Refusal, RequestId, Stamp, WriteRequest, Written};
use crate::rpc::client::{Client, Failure, Message};
use crate::rpc::data::{Data, Reply, Request};
use crate::statement::{Outcome, Session, Statement};

/// How an attempt ended without its result.
#[derive(Debug)]
pub(super) enum Missed {
    /// The node said why.
    Refused(Refusal),
    /// It never left this node.
    NotSent(String),
    /// It cannot be sent as it is, now or later.
    Unsendable(String),
    /// It may have reached the node, and no answer came.
    Lost(String),
}

impl From<Failure> for Missed {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Refused(refusal) => refusal.into(),
            Failure::NotSent(why) => Self::NotSent(why),
            Failure::Unsendable(why) => Self::Unsendable(why),
            Failure::Lost(why) => Self::Lost(why),
        }
    }
}

impl From<Refusal> for Missed {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Unknown(why) => Self::Lost(why),
            refusal => Self::Refused(refusal),
        }
    }
}

impl Target {
    /// What errors call it.
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Here => "this node",
            Self::There(peer, _) => peer.hostname(),
        }
    }

    /// The primary's host name when it is another node.
    pub(super) fn elsewhere(&self) -> Option<String> {
        match self {
            Self::Here => None,
            Self::There(peer, _) => Some(peer.hostname().to_owned()),
        }
    }
}

impl Inner {
    async fn call(
        &self,
        client: &Client<Data>,
        peer: &Peer,
        request: &Request<'_>,
        deadline: Instant,
    ) -> Result<Reply, Missed> {
        request.sized(&self.peers.sizes()).map_err(|bound| Missed::Refused(Refusal::TooLarge(bound)))?;
        client.call(Message::new(request), deadline).await.map_err(|failure| match failure {
            Failure::Lost(why) => Missed::Lost(format!("{}: {why}", peer.hostname())),
            failure => failure.into(),
        })
    }

    /// Makes this process known to the ledger of that primary: `ticket` is what it gave. `again` when that is for a
    /// write of which an attempt may have run.
    pub(super) async fn register(
        &self,
        target: &Target,
        sequence: &Sequence,
        ticket: u64,
        again: bool,
        deadline: Instant,
    ) -> Result<(), Missed> {
        let stamp = Stamp { id: sequence.id(), hash: 0, forgotten: sequence.forgotten(), again };
        let request = WriteRequest { stamp, ask: Ask::Register { ticket } };
        match self.attempt_write(target, &request, deadline).await {
            Ok(_) => Ok(()),
            // Its clock went on meanwhile: asked once more, it gives a new ticket.
            Err(Missed::Refused(Refusal::UnknownClient { .. })) => {
                Err(Missed::NotSent("its ledger wants this process to register once more".to_owned()))
            }
            Err(missed) => Err(missed),
        }
    }

    pub(super) async fn attempt_write(
        &self,
        target: &Target,
        request: &WriteRequest,
        deadline: Instant,
    ) -> Result<Written, Missed> {
        match target {
            // Copied, because a writer that is not primary any more does not give it back.
            Target::Here => Ok(self.local.write(request.clone(), deadline.into()).await?),
            Target::There(peer, client) => {
                let request =
                    Request::Write { repo: Cow::Borrowed(&self.repo), request: Cow::Borrowed(request) };
                tracing::debug!(primary = peer.hostname(), "sending");
                match self.call(client, peer, &request, deadline).await? {
                    Reply::Written(written) => Ok(written),
                    _ => Err(something_else(peer)),
                }
            }
        }
    }

    pub(super) async fn attempt_read(
        &self,
        target: &Target,
        statement: &Statement,
        deadline: Instant,
    ) -> Result<Outcome, Missed> {
        match target {
            Target::Here => Ok(self.local.read(statement.clone(), deadline.into()).await?),
            Target::There(peer, client) => {
                let request =
                    Request::Read { repo: Cow::Borrowed(&self.repo), statement: Cow::Borrowed(statement) };
                match self.call(client, peer, &request, deadline).await? {
                    Reply::Read(outcome) => Ok(outcome),
                    _ => Err(something_else(peer)),
                }
            }
        }
    }

    pub(super) async fn attempt_begin(
        &self,
        target: &Target,
        id: RequestId,
        begin: Begin,
        session: Session,
        deadline: Instant,
    ) -> Result<Box<dyn OpenTransaction>, Missed> {
        match target {
            Target::Here => Ok(self.local.begin(id, begin, session, deadline.into()).await?),
            Target::There(peer, client) => {
                let transaction = self.next_transaction();
                // Made before the answer: if nobody waits for it any more, dropping it ends what may
                // have been opened.
                let sizes = self.peers.sizes();
                let mut opened = RemoteTransaction::new(self.runtime(), client, peer, sizes, transaction);
                let repo = Cow::Borrowed(self.repo.as_str());
                let request = Request::Begin { repo, id, begin, session, transaction };
                match self.call(client, peer, &request, deadline).await {
                    Ok(Reply::Begun) => Ok(Box::new(opened)),
                    Ok(_) => Err(something_else(peer)),
                    Err(missed @ Missed::Lost(_)) => Err(missed),
                    Err(missed) => {
                        opened.never_opened();
                        Err(missed)
                    }
                }
            }
        }
    }
}

pub(super) fn unreachable(hostname: &str, why: String) -> NotExecuted {
    NotExecuted::Unreachable { primary: hostname.to_owned(), why }
}

fn something_else(peer: &Peer) -> Missed {
    Missed::Lost(format!("{} answered something else", peer.hostname()))
}
