//! Customers who trade.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;
use tokio::net::TcpStream;

use crate::Anyhow;
use crate::load::{Load, drive, exchange, post};

/// Users who buy and sell a hundredth of a share in turn, so that none runs out of cash.
pub(crate) struct Orders {
    address: SocketAddr,
    tokens: Vec<String>,
}

impl Orders {
    pub(crate) async fn prepare(address: SocketAddr, users: usize) -> Anyhow<Self> {
        let mut tokens = Vec::new();
        for user in 0..users {
            let body =
                format!(r#"{{"email":"trader{user}@example.com","password":"a password for measuring"}}"#);
            let request = post("/api/v1/auth/register", "X-Tenant: acme", &body);
            let mut stream = TcpStream::connect(address).await?;
            let (status, answer) = exchange(&mut stream, &request, &mut Vec::new()).await?;
            anyhow::ensure!(status == 201, "registering answered {status}");
            let answer: Value = serde_json::from_slice(&answer)?;
            tokens.push(answer["token"].as_str().unwrap_or_default().to_owned());
        }
        Ok(Self { address, tokens })
    }

    /// So many clients with an account each.
    pub(crate) async fn run(&self, clients: usize, length: Duration) -> Anyhow<Load> {
        self.drive(self.tokens.iter().take(clients), length).await
    }

    /// So many clients with one account.
    pub(crate) async fn run_hot(&self, clients: usize, length: Duration) -> Anyhow<Load> {
        let first = self.tokens.iter().take(1);
        self.drive(first.cycle().take(clients), length).await
    }

    async fn drive<'t>(&self, tokens: impl Iterator<Item = &'t String>, length: Duration) -> Anyhow<Load> {
        let request = |token: &String, side: &str| {
            let body =
                format!(r#"{{"symbol":"BAC","side":"{side}","order_type":"market","quantity":"0.01"}}"#);
            post("/api/v1/orders", &format!("Authorization: Bearer {token}"), &body)
        };
        let pairs = tokens.map(|token| vec![request(token, "buy"), request(token, "sell")]);
        drive(self.address, pairs.collect(), length).await
    }

    pub(crate) fn tokens(&self) -> &[String] {
        &self.tokens
    }
}
