//! One connection.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::link::{Link, Passage};

/// About a packet on loopback's and Ethernet's scale: what is lost or delayed as one.
const PACKET: usize = 4096;

/// How many packets are under way in one direction before the sender has to wait: 1 MiB, so that
/// 100 ms of delay let 10 MB/s through.
const UNDER_WAY: usize = 256;

/// Carries a connection until both sides have ended it, one of them broke, or it is cut; a broken
/// one is reset on the other side.
pub(super) async fn connection(mut client: TcpStream, target: &str, mut link: watch::Receiver<Link>) {
    let mut cut = link.clone();
    let carried = async {
        opened(&mut link).await?;
        let mut server = TcpStream::connect(target).await?;
        let both = nodelay_and_pump(&mut client, &mut server, &link).await;
        if both.is_err() {
            reset(&server);
        }
        both
    };
    let result = tokio::select! {
        result = carried => result,
        _ = cut.wait_for(|link| link.passage == Passage::Cut) => Err(io::ErrorKind::ConnectionReset.into()),
    };
    if result.is_err() {
        reset(&client);
    }
}

/// Has the connection end by a reset when it is dropped.
pub(super) fn reset(stream: &TcpStream) {
    let _ = stream.set_zero_linger();
}

async fn nodelay_and_pump(
    client: &mut TcpStream,
    server: &mut TcpStream,
    link: &watch::Receiver<Link>,
) -> io::Result<()> {
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (client_out, client_in) = client.split();
    let (server_out, server_in) = server.split();
    tokio::try_join!(pump(client_out, server_in, link), pump(server_out, client_in, link)).map(drop)
}

/// One direction, until its end, which is passed on.
async fn pump(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    link: &watch::Receiver<Link>,
) -> io::Result<()> {
    let (sender, mut under_way) = mpsc::channel::<(Instant, Vec<u8>)>(UNDER_WAY);
    let read = async move {
        let mut buffer = [0; PACKET];
        for nth in 0.. {
            let length = from.read(&mut buffer).await?;
            let due = Instant::now() + link.borrow().travel(nth);
            // An empty packet is the end, and takes its time as any other.
            if sender.send((due, buffer[..length].to_vec())).await.is_err() || length == 0 {
                break;
            }
        }
        Ok(())
    };
    let write = async {
        let mut link = link.clone();
        // When the line has done with what went before.
        let mut free = Instant::now();
        while let Some((due, packet)) = under_way.recv().await {
            tokio::time::sleep_until(due.max(free)).await;
            opened(&mut link).await?;
            if packet.is_empty() {
                return to.shutdown().await;
            }
            to.write_all(&packet).await?;
            free = free.max(due) + link.borrow().busy(packet.len());
        }
        Ok(())
    };
    tokio::try_join!(read, write).map(drop)
}

/// Waits while nothing passes.
async fn opened(link: &mut watch::Receiver<Link>) -> io::Result<()> {
    let opened = link.wait_for(|link| link.passage == Passage::Open).await;
    opened.map(drop).map_err(|_| io::ErrorKind::ConnectionAborted.into())
}
