//! Mail on the wire, and in a folder.

use std::sync::Arc;

use platform_auth::{
    InvalidSmtp, Mail, MailError, MailFolder, MailId, Mailer as _, Sender, SmtpConfig, SmtpMailer, SmtpTls,
};
use platform_core::Sources;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;
use tokio::sync::Mutex;

fn mail(to: &str) -> Mail {
    Mail {
        id: MailId::generate(&Sources::system()),
        to: to.to_owned().into(),
        subject: "Zürich: confirm your e-mail address".to_owned(),
        text: format!(
            "Here it is, and this line is longer than most: {}\n\npot1_token\n",
            "word ".repeat(20)
        )
        .into(),
    }
}

fn config(port: u16, tls: SmtpTls) -> SmtpConfig {
    SmtpConfig {
        host: "127.0.0.1".to_owned(),
        port,
        tls,
        credentials: None,
        sender: Sender::parse("Acme <no-reply@example.com>").unwrap(),
    }
}

/// A mail server for one conversation, which answers RCPT so; what it was told.
async fn server(rcpt: &'static str) -> (u16, Arc<Mutex<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let told = Arc::new(Mutex::new(String::new()));
    let heard = Arc::clone(&told);
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let (read, mut write) = stream.into_split();
        let mut lines = BufReader::new(read).lines();
        write.write_all(b"220 here\r\n").await.unwrap();
        let mut in_data = false;
        while let Ok(Some(line)) = lines.next_line().await {
            heard.lock().await.push_str(&format!("{line}\n"));
            let reply = match line.split([' ', ':']).next().unwrap_or_default() {
                "." => {
                    in_data = false;
                    "250 taken"
                }
                _ if in_data => continue,
                "RCPT" => rcpt,
                "DATA" => {
                    in_data = true;
                    "354 go on"
                }
                "QUIT" => "221 bye",
                _ => "250 well",
            };
            write.write_all(format!("{reply}\r\n").as_bytes()).await.unwrap();
        }
    });
    (port, told)
}

#[tokio::test]
async fn a_mail_goes_to_a_server_on_this_machine() {
    let (port, told) = server("250 known").await;
    let mailer = SmtpMailer::new(config(port, SmtpTls::Off)).unwrap();
    let mail = mail("ada@example.com");

    mailer.send(&mail).await.unwrap();

    let told = told.lock().await;
    for line in [
        "MAIL FROM:<no-reply@example.com>".to_owned(),
        "RCPT TO:<ada@example.com>".to_owned(),
        "To: ada@example.com".to_owned(),
        "Auto-Submitted: auto-generated".to_owned(),
        format!("Message-ID: <{}@example.com>", mail.id),
        "pot1_token".to_owned(),
    ] {
        assert!(told.contains(&line), "{line} in {told}");
    }
    assert!(!told.contains("=\n"), "{told}");
    // Not as it is: a header line is ASCII (RFC 2047).
    assert!(told.contains("Subject: ") && !told.contains("Zürich"), "{told}");
}

#[tokio::test]
async fn a_reply_says_whether_it_is_worth_to_try_again() {
    for (rcpt, expected) in [
        ("550 no such user ada@example.com", MailError::Refused(Some(550))),
        ("451 come again", MailError::Unavailable(Some(451))),
        ("530 who are you", MailError::Unavailable(Some(530))),
    ] {
        let (port, _) = server(rcpt).await;
        let mailer = SmtpMailer::new(config(port, SmtpTls::Off)).unwrap();

        let failed = mailer.send(&mail("ada@example.com")).await.unwrap_err();

        assert_eq!(failed, expected);
        assert!(!failed.to_string().contains("ada"), "{failed}");
    }
    let nobody = SmtpMailer::new(config(1, SmtpTls::Off)).unwrap();
    let failed = nobody.send(&mail("ada@example.com")).await.unwrap_err();
    assert_eq!(failed, MailError::Unavailable(None));
}

#[tokio::test]
async fn a_server_that_offers_no_tls_gets_nothing_when_tls_is_asked_for() {
    let (port, told) = server("250 known").await;
    let mailer = SmtpMailer::new(config(port, SmtpTls::StartTls)).unwrap();

    let failed = mailer.send(&mail("ada@example.com")).await.unwrap_err();

    assert!(matches!(failed, MailError::Unavailable(_)), "{failed:?}");
    assert!(!told.lock().await.contains("ada@example.com"));
}

#[test]
fn without_tls_mail_goes_to_no_other_machine() {
    for host in ["mail.example.com", "192.0.2.1", "10.0.0.1"] {
        let mut config = config(25, SmtpTls::Off);
        config.host = host.to_owned();

        assert!(
            matches!(SmtpMailer::new(config), Err(InvalidSmtp::TlsRequired)),
            "{host}"
        );
    }
}

#[tokio::test]
async fn a_folder_gets_a_file_for_each_mail_that_nobody_else_reads() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = std::env::temp_dir().join(format!("platform-auth-{}-mail", std::process::id()));
    let mailer = MailFolder::open(&folder, Sender::parse("no-reply@example.com").unwrap()).unwrap();
    let mail = mail("ada@example.com");

    mailer.send(&mail).await.unwrap();

    let path = folder.join(format!("{}.eml", mail.id));
    assert!(std::fs::read_to_string(&path).unwrap().contains("pot1_token"));
    let mode = |path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&folder), mode(&path)), (0o700, 0o600));
    std::fs::remove_dir_all(&folder).unwrap();
}

#[tokio::test]
async fn an_address_that_no_mail_can_go_to_is_refused_for_good() {
    let folder = std::env::temp_dir().join(format!("platform-auth-{}-none", std::process::id()));
    let mailer = MailFolder::open(&folder, Sender::parse("no-reply@example.com").unwrap()).unwrap();

    for to in [
        "nobody",
        "a b@example.com",
        "ada@example.com\r\nBcc: all@example.com",
    ] {
        let failed = mailer.send(&mail(to)).await.unwrap_err();
        assert_eq!(failed, MailError::Refused(None), "{to}");
    }
    assert!(Sender::parse("nobody").is_err());
    std::fs::remove_dir_all(&folder).unwrap();
}
