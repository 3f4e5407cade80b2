//! Tells the story on a database of its own.
#![expect(clippy::print_stdout, reason = "it shows what it does")]

use platform_core::Sources;
use sealing::story;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let folder = story::folder()?;
    let wait = async |time| tokio::time::sleep(time).await;
    story::tell(folder.path(), Sources::system(), wait, |line| println!("{line}")).await
}
