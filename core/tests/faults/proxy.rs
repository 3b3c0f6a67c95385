//! A TCP proxy that cuts and freezes connections.

use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, tcp};
use tokio::sync::watch;

#[derive(Clone, Copy, Default)]
struct Control {
    cuts: u64,
    frozen: bool,
}

pub struct Proxy {
    pub address: String,
    control: Arc<watch::Sender<Control>>,
    task: tokio::task::JoinHandle<()>,
}

impl Proxy {
    pub async fn start(upstream: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let control = Arc::new(watch::channel(Control::default()).0);
        let (upstream, shared) = (upstream.to_owned(), control.clone());
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(carry(client, upstream.clone(), shared.subscribe()));
            }
        });
        Self { address, control, task }
    }

    /// Ends every connection that exists now.
    pub fn cut(&self) {
        self.control.send_modify(|control| control.cuts += 1);
    }

    /// Lets nothing through any more, without telling anybody; or lets it through again.
    pub fn freeze(&self, frozen: bool) {
        self.control.send_modify(|control| control.frozen = frozen);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
        self.cut();
    }
}

async fn carry(client: TcpStream, upstream: String, mut control: watch::Receiver<Control>) {
    let cuts = control.borrow().cuts;
    let Ok(server) = TcpStream::connect(upstream).await else { return };
    // What waited here for an acknowledgement, which the other side has no reason to send soon, would look like a lost call.
    for side in [&client, &server] {
        side.set_nodelay(true).unwrap();
    }
    let (client_in, client_out) = client.into_split();
    let (server_in, server_out) = server.into_split();
    let (up, down) = (control.clone(), control.clone());
    tokio::select! {
        _ = pump(client_in, server_out, up) => {}
        _ = pump(server_in, client_out, down) => {}
        _ = control.wait_for(|now| now.cuts != cuts) => {}
    }
}

async fn pump(
    mut from: tcp::OwnedReadHalf,
    mut to: tcp::OwnedWriteHalf,
    mut control: watch::Receiver<Control>,
) {
    let mut bytes = vec![0; 16 << 10];
    while let Ok(length @ 1..) = from.read(&mut bytes).await {
        if control.wait_for(|now| !now.frozen).await.is_err() || to.write_all(&bytes[..length]).await.is_err()
        {
            return;
        }
    }
}
