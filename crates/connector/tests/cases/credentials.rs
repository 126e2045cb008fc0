//! Ways of authentication: what a request carries, what is fetched for it, and where it goes.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use flow_backend::step::StepRunner;
use flow_connector::{Connectors, TransportLimits};
use flow_engine::source::SourceFile;
use flow_engine::value::Value;

use crate::support::{Bench, Received, Reply, Server, reply};

/// A service with this `auth` and these settings.
fn bench(auth: &str, settings: &str) -> Bench {
    let text = format!(
        "handle: shop\nservice:\n  baseURL: https://shop.example/v1\n  auth: {auth}\n  settings: {settings}\nresources:\n  - handle: orders\n    operations:\n      read: {{ method: GET, path: '/orders/{{{{id}}}}', output: {{}} }}\n      list: {{ method: GET, path: /orders, pagination: {{ style: link, items: data }} }}\n      create: {{ method: POST, path: /orders, parameters: {{ sku: {{}} }} }}\n"
    );
    let limits = TransportLimits {
        private_hops: true,
        ..TransportLimits::default()
    };
    let connectors = Connectors::builtin().with_descriptor(&[SourceFile::new("shop.yaml", text)]);
    let connectors = connectors.unwrap_or_else(|error| panic!("{error}"));
    Bench::with(connectors.with_limits(limits))
}

const BASIC: &str =
    "{ method: basic, params: { basic: { username: '{{username}}', password: '{{password}}' } } }";
const QUERY: &str =
    "{ method: api_token, params: { apiToken: { token: '{{api_key}}', queryName: key } } }";
const OAUTH: &str = "{ method: oauth2, params: { oauth2: { tokenURL: /token, clientId: '{{client_id}}', clientSecret: '{{client_secret}}', scopes: [read, write], form: { audience: shop } } } }";
const POST: &str = "{ method: oauth2, params: { oauth2: { tokenURL: /token, clientId: '{{client_id}}', clientSecret: '{{client_secret}}', clientAuth: post } } }";
const CLIENT: &str = "{ client_id: { default: ada } }";

const ORDER: &str = r#"{"id":"7"}"#;

#[tokio::test]
async fn a_name_and_a_password_are_a_header() {
    let server = Server::always(200, &[], ORDER).await;
    let bench = bench(BASIC, "{ username: { default: Aladdin } }");
    let call = Bench::call(
        "shop.orders.create",
        Value::map([("base_url", Value::from(server.url.as_str()))]),
        Value::map([("sku", Value::from("a"))]),
    );
    bench.run(&call).await.expect("it answers");
    let prepared = bench
        .connectors
        .prepare(&call, &bench.context)
        .await
        .expect("it is a request");
    let written = serde_json::to_string(&prepared).expect("it can be journaled");
    assert!(!written.contains("open sesame") && !written.contains("QWxhZGRpbjpvcGVuIHNlc2FtZQ"));
    bench.in_halves(&call).await.expect("it answers");
    for received in server.received() {
        assert_eq!(
            received.header("authorization"),
            Some("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==")
        );
    }
    assert_eq!(server.received().len(), 2);
}

#[tokio::test]
async fn a_key_in_the_query_stays_at_home_and_on_all_pages() {
    let other = Server::always(200, &[], r#"{"data":[3]}"#).await;
    let elsewhere = format!("<{}/v1/orders?page=3>; rel=next", other.url);
    let server = Server::start(move |received, _| {
        if received.target.contains("page=2") {
            reply(200, &[("link", &elsewhere)], r#"{"data":[2]}"#)
        } else {
            reply(200, &[("link", "<?page=2>; rel=next")], r#"{"data":[1]}"#)
        }
    })
    .await;
    let list = bench(QUERY, "{ api_key: { secret: true, defaultSecret: TOKEN } }")
        .perform("shop.orders.list", &server.settings(), "{}")
        .await
        .expect("it answers");
    assert_eq!(list.to_json().expect("a list"), "[1,2,3]");
    let targets: Vec<String> = server.received().into_iter().map(|it| it.target).collect();
    assert_eq!(
        targets,
        [
            "/v1/orders?key=hush%20hush",
            "/v1/orders?page=2&key=hush%20hush"
        ]
    );
    assert_eq!(other.received()[0].target, "/v1/orders?page=3");
}

#[tokio::test]
async fn another_way_is_chosen_by_a_setting() {
    let auth = "[{ method: bearer, params: { bearer: { token: '{{token}}' } }, when: { auth: bearer } }, { method: api_token, params: { apiToken: { token: '{{api_key}}', headerName: X-Key } }, when: { auth: key } }]";
    let settings = "{ auth: { enum: [bearer, key], default: bearer }, token: { secret: true, defaultSecret: TOKEN, when: { auth: bearer } }, api_key: { secret: true, defaultSecret: NOTES_API_KEY, when: { auth: key } } }";
    let server = Server::always(200, &[], ORDER).await;
    let bench = bench(auth, settings);
    let chosen = format!(r#"{{"base_url":"{}","auth":"key"}}"#, server.url);
    for settings in [&server.settings(), &chosen] {
        let id = r#"{"id":"7"}"#;
        bench
            .perform("shop.orders.read", settings, id)
            .await
            .expect("it answers");
    }
    let seen: Vec<_> = server.received();
    assert_eq!(seen[0].header("authorization"), Some("Bearer hush hush"));
    assert_eq!(seen[0].header("x-key"), None);
    assert_eq!(seen[1].header("authorization"), None);
    assert_eq!(seen[1].header("x-key"), Some("notes-key"));
    let catalog = bench.connectors.catalog();
    let shop = catalog.connector("shop").expect("it was loaded");
    let needed = |auth: Option<&'static str>| {
        let given = move |name: &str| (name == "auth").then_some(auth).flatten().map(Some);
        let settings = shop.settings.values();
        settings
            .filter_map(|setting| setting.secret_if(given))
            .map(AsRef::as_ref)
            .collect::<Vec<&str>>()
    };
    assert_eq!(needed(None), ["TOKEN"]);
    assert_eq!(needed(Some("key")), ["NOTES_API_KEY"]);
}

/// A service and its token endpoint: the token counts, and the first `refused` tokens are refused.
async fn service(refused: usize, lifetime: u64) -> Server {
    let issued = Arc::new(AtomicUsize::new(0));
    Server::start(move |received, _| {
        if received.target == "/v1/token" {
            let number = issued.fetch_add(1, Ordering::SeqCst) + 1;
            let body = format!(
                r#"{{"access_token":"t{number}","token_type":"Bearer","expires_in":{lifetime}}}"#
            );
            return reply(200, &[], body).drip(20, Duration::from_millis(5));
        }
        let good = received
            .header("authorization")
            .and_then(|value| value.strip_prefix("Bearer t")?.parse::<usize>().ok())
            .is_some_and(|number| number > refused);
        if good {
            reply(200, &[], ORDER)
        } else {
            reply(401, &[], r#"{"message":"worn"}"#)
        }
    })
    .await
}

fn asked(server: &Server) -> Vec<Received> {
    let received = server.received().into_iter();
    received
        .filter(|received| received.target == "/v1/token")
        .collect()
}

#[tokio::test]
async fn a_token_is_fetched_once_for_all() {
    let server = service(0, 3600).await;
    let bench = bench(OAUTH, CLIENT);
    let settings = server.settings();
    let read = || bench.perform("shop.orders.read", &settings, r#"{"id":"7"}"#);
    let all = futures_util::future::join_all((0..20).map(|_| read())).await;
    assert!(all.iter().all(Result::is_ok));
    read().await.expect("it answers");
    let asked = asked(&server);
    assert_eq!(asked.len(), 1);
    assert_eq!(
        asked[0].text(),
        "grant_type=client_credentials&scope=read%20write&audience=shop"
    );
    // base64 of `ada:s3cret%2F%2B%26`
    assert_eq!(
        asked[0].header("authorization"),
        Some("Basic YWRhOnMzY3JldCUyRiUyQiUyNg==")
    );
    assert_eq!(server.received().len(), 22);
}

#[tokio::test]
async fn the_client_may_say_who_it_is_in_the_form() {
    let server = service(0, 3600).await;
    bench(POST, CLIENT)
        .perform("shop.orders.read", &server.settings(), r#"{"id":"7"}"#)
        .await
        .expect("it answers");
    let asked = asked(&server);
    assert_eq!(asked[0].header("authorization"), None);
    assert_eq!(
        asked[0].text(),
        "grant_type=client_credentials&client_id=ada&client_secret=s3cret%2F%2B%26"
    );
}

#[tokio::test]
async fn a_refused_token_is_fetched_anew_once() {
    let server = service(1, 3600).await;
    let bench = bench(OAUTH, CLIENT);
    let call = Bench::call(
        "shop.orders.create",
        Value::map([("base_url", Value::from(server.url.as_str()))]),
        Value::map([("sku", Value::from("a"))]),
    );
    bench
        .in_halves(&call)
        .await
        .expect("the second token is good");
    assert_eq!(asked(&server).len(), 2);
    let server = service(9, 3600).await;
    let failure = bench
        .perform("shop.orders.read", &server.settings(), r#"{"id":"7"}"#)
        .await
        .expect_err("no token is good");
    assert_eq!(
        (failure.code.as_str(), asked(&server).len()),
        ("http.401", 2)
    );
}

#[tokio::test]
async fn a_token_that_is_over_is_fetched_anew() {
    let server = service(0, 0).await;
    let bench = bench(OAUTH, CLIENT);
    for _ in 0..2 {
        let settings = server.settings();
        let read = bench.perform("shop.orders.read", &settings, r#"{"id":"7"}"#);
        read.await.expect("it answers");
    }
    assert_eq!(asked(&server).len(), 2);
}

#[tokio::test]
async fn a_refusal_is_told_without_the_secret() {
    let body = r#"{"error":{"message":"s3cret/+& of ada"}}"#;
    let server = Server::always(400, &[], body).await;
    let failure = bench(OAUTH, CLIENT)
        .perform("shop.orders.read", &server.settings(), r#"{"id":"7"}"#)
        .await
        .expect_err("there is no token");
    assert_eq!(failure.code, "connection.token");
    assert_eq!(
        failure.message,
        "the token endpoint answered 400: *** of ada"
    );
    let server = Server::always(200, &[], "{}").await;
    let failure = bench(POST, CLIENT)
        .perform("shop.orders.read", &server.settings(), r#"{"id":"7"}"#)
        .await
        .expect_err("there is no token");
    assert_eq!(
        failure.message,
        "the token endpoint answered with no `access_token`"
    );
}

#[tokio::test]
async fn a_service_that_repeats_a_secret_is_not_quoted() {
    let body = r#"{"message":"the key hush hush of `Bearer hush hush` is wrong"}"#;
    let server = Server::always(403, &[], body).await;
    let auth = "{ method: bearer, params: { bearer: { token: '{{token}}' } } }";
    let settings = "{ token: { secret: true, defaultSecret: TOKEN } }";
    let failure = bench(auth, settings)
        .perform("shop.orders.read", &server.settings(), ORDER)
        .await
        .expect_err("it refuses");
    assert_eq!(
        failure.message,
        "the service answered 403: the key *** of `***` is wrong"
    );
}

#[tokio::test]
async fn a_token_and_what_it_costs_stay_with_their_origins() {
    let other = Server::always(200, &[], ORDER).await;
    let target = format!("{}/v1/orders/7", other.url);
    let server = Server::start(move |received, _| -> Reply {
        match received.target.as_str() {
            "/v1/token" => reply(200, &[], r#"{"access_token":"t"}"#),
            _ => reply(302, &[("location", &target)], ""),
        }
    })
    .await;
    bench(OAUTH, CLIENT)
        .perform("shop.orders.read", &server.settings(), r#"{"id":"7"}"#)
        .await
        .expect("it answers");
    assert_eq!(other.received()[0].header("authorization"), None);
    // An endpoint that sends the client elsewhere gets nothing for it.
    let thief = Server::always(200, &[], r#"{"access_token":"t"}"#).await;
    let target = format!("{}/token", thief.url);
    let server = Server::start(move |_, _| reply(307, &[("location", &target)], "")).await;
    let failure = bench(POST, CLIENT)
        .perform("shop.orders.read", &server.settings(), r#"{"id":"7"}"#)
        .await
        .expect_err("the body stays");
    assert_eq!(
        (failure.code.as_str(), thief.received().len()),
        ("http.redirect", 0)
    );
}
