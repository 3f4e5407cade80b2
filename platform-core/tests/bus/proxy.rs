//! A way to a server that can be cut.

use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// What the proxy does with connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Open,
    /// Connections are cut, and new ones are cut too.
    Refused,
}

/// Passes bytes between whoever connects and a server, as long as it is told to. It ends with its value.
pub(crate) struct Proxy {
    port: u16,
    mode: watch::Sender<Mode>,
    /// Connections made under an older number pass nothing any more, and stay open.
    silent_below: Arc<watch::Sender<u64>>,
    task: JoinHandle<()>,
}

impl Proxy {
    pub(crate) async fn to(address: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (mode, modes) = watch::channel(Mode::Open);
        let silent_below = Arc::new(watch::Sender::new(0));
        let silence = Arc::clone(&silent_below);
        let address = address.to_owned();
        let task = tokio::spawn(async move {
            loop {
                let (near, _) = listener.accept().await.unwrap();
                let far = TcpStream::connect(&address).await.unwrap();
                let number = *silence.borrow();
                tokio::spawn(pass(near, far, modes.clone(), silence.subscribe(), number));
            }
        });
        Self {
            port,
            mode,
            silent_below,
            task,
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    pub(crate) fn refuse(&self) {
        self.mode.send_replace(Mode::Refused);
    }

    pub(crate) fn accept(&self) {
        self.mode.send_replace(Mode::Open);
    }

    /// What is connected now hears nothing any more, and is not told.
    pub(crate) fn silence(&self) {
        self.silent_below.send_modify(|number| *number += 1);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn pass(
    mut near: TcpStream,
    mut far: TcpStream,
    mut mode: watch::Receiver<Mode>,
    mut silent_below: watch::Receiver<u64>,
    number: u64,
) {
    let (mut there, mut back) = ([0; 4_096], [0; 4_096]);
    loop {
        tokio::select! {
            () = until(&mut mode, |mode| *mode == Mode::Refused) => return,
            () = until(&mut silent_below, |below| *below > number) => break,
            read = near.read(&mut there) => match read {
                Ok(count @ 1..) => if far.write_all(&there[..count]).await.is_err() { return },
                _ => return,
            },
            read = far.read(&mut back) => match read {
                Ok(count @ 1..) => if near.write_all(&back[..count]).await.is_err() { return },
                _ => return,
            },
        }
    }
    // Both sides stay open until they give up by themselves.
    until(&mut mode, |mode| *mode == Mode::Refused).await;
}

async fn until<T>(value: &mut watch::Receiver<T>, is_so: impl FnMut(&T) -> bool) {
    let _ = value.wait_for(is_so).await.map(drop);
}
