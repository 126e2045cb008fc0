//! Files: their life in both shapes.

use reqwest::Method;
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};

use crate::support::{World, ids, pages_a, pages_b, read, told};

async fn upload(world: &World, form: Form) -> (u16, Value) {
    read(
        world
            .call(Method::POST, "/v1/files")
            .multipart(form)
            .send()
            .await
            .expect("an answer"),
    )
    .await
}

fn form(name: &str, content: &str) -> Form {
    let part = Part::text(content.to_owned())
        .file_name(name.to_owned())
        .mime_str("text/plain")
        .expect("a type");
    Form::new().part("file", part)
}

#[tokio::test]
async fn a_file_lives_from_upload_to_deletion() {
    let mut world = World::new().await;
    let (status, file) = upload(
        &world,
        form("folder/note.txt", "hello").text("expires_in_seconds", "3600"),
    )
    .await;
    assert_eq!(status, 200, "{file}");
    let id = file["id"].as_str().expect("an id").to_owned();
    assert_eq!(
        (&file["filename"], &file["size_bytes"], &file["mime_type"]),
        (&json!("note.txt"), &json!(5), &json!("text/plain"))
    );
    assert_eq!(
        (&file["downloadable"], file["expires_at"].is_string()),
        (&json!(false), true)
    );
    world.restart().await;
    assert_eq!(world.get(&format!("/v1/files/{id}")).await, (200, file));
    let (status, refused) = world.get(&format!("/v1/files/{id}/content")).await;
    assert_eq!(
        (status, &refused["error"]["details"]["error_code"]),
        (400, &json!("file_not_downloadable"))
    );
    assert_eq!(
        world.delete(&format!("/v1/files/{id}")).await,
        (200, json!({"id": id, "type": "file_deleted"}))
    );
    for path in [format!("/v1/files/{id}"), format!("/v1/files/{id}/content")] {
        assert!(told(&world.get(&path).await).starts_with("404 not_found_error"));
    }
}

#[tokio::test]
async fn planted_files_can_be_downloaded() {
    let world = World::new().await;
    let content = "0123456789".repeat(20_000);
    let planted = world
        .client
        .post(format!("{}/_sandbox/files", world.base_url()))
        .multipart(form("made.txt", &content));
    let (_, file) = read(planted.send().await.expect("an answer")).await;
    assert_eq!(file["downloadable"], true);
    let path = format!("/v1/files/{}/content", file["id"].as_str().expect("an id"));
    let answer = world
        .call(Method::GET, &path)
        .send()
        .await
        .expect("an answer");
    assert_eq!(answer.headers()["content-type"], "application/octet-stream");
    assert_eq!(answer.text().await.expect("a body"), content);
}

#[tokio::test]
async fn files_page_and_select_in_both_shapes() {
    let world = World::new().await;
    let mut made = Vec::new();
    for at in 0..5 {
        let (_, file) = upload(&world, form(&format!("{at}.txt"), "x")).await;
        made.push(file["id"].as_str().expect("an id").to_owned());
    }
    made.reverse();
    assert_eq!(
        pages_b(&world, "/v1/files", 2).await,
        [made[..2].to_vec(), made[2..4].to_vec(), made[4..].to_vec()]
    );
    let (_, some) = world
        .get(&format!(
            "/v1/files?ids%5B%5D={}&ids[]={}&ids[]=file_no",
            made[3], made[1]
        ))
        .await;
    assert_eq!(
        (ids(&some), some["next_page"].is_null()),
        (vec![made[1].clone(), made[3].clone()], true)
    );
    assert!(
        told(
            &world
                .get(&format!("/v1/files?ids[]={}&limit=3", made[0]))
                .await
        )
        .starts_with("400")
    );
    assert!(told(&world.get("/v1/files?limit=1001").await).contains("from 1 to 1000"));
    let old = world
        .call(Method::GET, "/v1/files?limit=2")
        .header("anthropic-beta", "files-api-2025-04-14");
    let (_, page) = read(old.send().await.expect("an answer")).await;
    assert_eq!(
        (ids(&page), &page["has_more"], &page["last_id"]),
        (made[..2].to_vec(), &json!(true), &json!(made[1]))
    );
    assert!(page.get("next_page").is_none() && page["data"][0].get("expires_at").is_none());
    let (_, models) = world.get("/v1/models?limit=1").await;
    assert!(models.get("next_page").is_none());
    assert_eq!(pages_a(&world, "/v1/models", 1000).await.len(), 1);
}

#[tokio::test]
async fn bad_uploads_are_refused() {
    let world = World::new().await;
    for (form, expected) in [
        (
            form("a?b.txt", "x"),
            "400 invalid_request_error: file: the name must have 1 to 255 characters",
        ),
        (
            form("a", "x").text("expires_in_seconds", "5"),
            "400 invalid_request_error: expires_in_seconds: must be a whole number from 3600 to 7776000",
        ),
        (
            form("a", "x").text("purpose", "user"),
            "400 invalid_request_error: purpose: Extra inputs are not permitted",
        ),
        (
            Form::new().text("expires_in_seconds", "3600"),
            "400 invalid_request_error: file: Field required",
        ),
    ] {
        let answer = told(&upload(&world, form).await);
        assert!(answer.starts_with(expected), "{answer}");
    }
    let answer = world.post("/v1/files", &json!({})).await;
    assert_eq!(
        told(&answer),
        "400 invalid_request_error: The request body must be multipart/form-data with a boundary"
    );
}
