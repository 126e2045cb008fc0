//! A service that is away, and then has very much to tell.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::support::{Daemon, noticed, reader};
use crate::support::{run, until};

/// A service with so many orders; it hangs up as long as they are `usize::MAX`.
fn shop(orders: Arc<AtomicUsize>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
    let port = listener.local_addr().expect("it is bound").port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { continue };
            let count = orders.load(Ordering::SeqCst);
            if count == usize::MAX {
                continue;
            }
            let mut head = [0; 4096];
            let _ = stream.read(&mut head);
            let orders: Vec<String> = (0..count).map(|id| format!("{{\"id\":{id}}}")).collect();
            let body = format!("{{\"orders\":[{}]}}", orders.join(","));
            let answer = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            );
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    port
}

#[test]
fn after_an_outage_fifty_thousand_items_are_taken_once_each() {
    let folder = tempfile::tempdir().expect("a folder");
    let orders = Arc::new(AtomicUsize::new(3));
    let port = shop(orders.clone());
    let descriptor = "handle: shop\nservice: { baseURL: 'http://shop.invalid' }\nresources:\n  - handle: orders\n    operations: { all: { method: GET, path: /orders } }\n";
    std::fs::create_dir_all(folder.path().join("connectors")).expect("a folder");
    std::fs::write(folder.path().join("connectors/shop.yaml"), descriptor).expect("a descriptor");
    let workflow = format!(
        "name: orders\nconnections: {{ shop: {{ connector: shop, base_url: 'http://127.0.0.1:{port}' }} }}\non: {{ poll: shop.orders.all, every: 1s, items: '$.orders[*]', key: item.id, batch: 20 }}\nsteps:\n  a: {{ value: '{{{{ trigger | length }}}}' }}\noutputs: {{ n: '{{{{ steps.a }}}}' }}\n"
    );
    std::fs::write(folder.path().join("orders.yml"), workflow).expect("a workflow");
    let daemon = Daemon::start(folder.path(), &[], &[]);
    let row = || {
        reader(folder.path())
            .trigger("orders", "main")
            .expect("readable")
    };
    until("it knows what is there", || {
        row().is_some_and(|row| row.position.is_some())
    });
    orders.store(usize::MAX, Ordering::SeqCst);
    until("it fails", || row().is_some_and(|row| row.failures >= 2));
    let (_, shown, _) = run(folder.path(), &["triggers"]);
    assert!(
        shown.contains("orders/main failed ") && shown.contains("[http."),
        "{shown}"
    );
    orders.store(50_003, Ordering::SeqCst);
    let seen = || noticed(folder.path(), "orders", "main");
    until("it has taken all", || seen().len() == 2500);
    daemon.kill();
    let daemon = Daemon::start(folder.path(), &[], &[]);
    until("all have started", || {
        seen().iter().all(|seen| seen.state == "started")
    });
    assert_eq!(seen().len(), 2500, "none twice");
    assert_eq!(row().expect("known").failures, 0);
    assert_eq!(daemon.stop(), 0);
}
