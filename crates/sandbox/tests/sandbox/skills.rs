//! Skills and their versions, in both shapes.

use reqwest::Method;
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};

use crate::support::{World, ids, pages_b, read, told};

const OLD: &str = "skills-2025-10-02";

fn form(name: &str, description: &str) -> Form {
    let manifest = format!("---\nname: {name}\ndescription: {description}\n---\n# Do it\n");
    let part = |path: &str, text: String| Part::text(text).file_name(path.to_owned());
    Form::new()
        .part("files[]", part("demo/SKILL.md", manifest))
        .part("files[]", part("demo/run.py", "print(1)".to_owned()))
}

async fn send(world: &World, path: &str, form: Form, beta: Option<&str>) -> (u16, Value) {
    let mut request = world.call(Method::POST, path).multipart(form);
    if let Some(beta) = beta {
        request = request.header("anthropic-beta", beta);
    }
    read(request.send().await.expect("an answer")).await
}

#[tokio::test]
async fn a_skill_gains_and_loses_versions() {
    let mut world = World::new().await;
    let (status, skill) = send(
        &world,
        "/v1/skills",
        form("demo", "First.").text("display_name", "Demo"),
        None,
    )
    .await;
    assert_eq!(status, 200, "{skill}");
    assert_eq!(
        (&skill["display_name"], &skill["source"]),
        (&json!("Demo"), &json!({"type": "custom"}))
    );
    let path = format!("/v1/skills/{}", skill["id"].as_str().expect("an id"));
    let (_, second) = send(
        &world,
        &format!("{path}/versions"),
        form("demo", "Second."),
        None,
    )
    .await;
    assert_eq!(
        (&second["name"], &second["description"]),
        (&json!("demo"), &json!("Second."))
    );
    world.restart().await;
    let version = second["id"].as_str().expect("an id");
    let content = world.call(Method::GET, &format!("{path}/versions/{version}/content"));
    let content = content.send().await.expect("an answer");
    assert_eq!(content.headers()["content-type"], "application/zip");
    let content = content.bytes().await.expect("a body");
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(content)).expect("a zip file");
    let mut manifest = String::new();
    std::io::Read::read_to_string(
        &mut archive.by_name("demo/SKILL.md").expect("it was sent"),
        &mut manifest,
    )
    .expect("text");
    assert!(manifest.contains("Second.") && archive.len() == 2);
    let (_, latest) = world.get(&format!("{path}/versions/latest")).await;
    assert_eq!(latest, second);
    let (_, skill_now) = world.get(&path).await;
    assert_eq!(skill_now["latest_version_id"], second["id"]);
    assert!(skill_now["updated_at"].as_str() > skill["updated_at"].as_str());
    let versions = pages_b(&world, &format!("{path}/versions"), 1)
        .await
        .concat();
    assert_eq!(
        versions,
        [
            second["id"].as_str().expect("an id"),
            skill["latest_version_id"].as_str().expect("an id")
        ]
    );
    let refused = send(
        &world,
        &format!("{path}/versions"),
        form("other", "x"),
        None,
    )
    .await;
    assert_eq!(
        told(&refused),
        "400 invalid_request_error: SKILL.md: `name` must stay `demo`, not become `other`"
    );
    let (_, deleted) = world
        .delete(&format!("{path}/versions/{}", versions[0]))
        .await;
    assert_eq!(
        deleted,
        json!({"id": versions[0], "type": "skill_version_deleted"})
    );
    assert!(
        told(
            &world
                .delete(&format!("{path}/versions/{}", versions[1]))
                .await
        )
        .starts_with("400")
    );
    assert_eq!(world.delete(&path).await.1["type"], "skill_deleted");
    assert!(told(&world.get(&path).await).starts_with("404 not_found_error"));
}

#[tokio::test]
async fn skills_are_listed_with_those_of_the_vendor() {
    let world = World::new().await;
    let (_, skill) = send(&world, "/v1/skills", form("demo", "d"), None).await;
    assert_eq!(skill["display_name"], "demo");
    let all = pages_b(&world, "/v1/skills", 2).await.concat();
    assert_eq!(all[0], skill["id"].as_str().expect("an id"));
    assert!(all.contains(&"xlsx".to_owned()));
    let (_, custom) = world.get("/v1/skills?source=custom").await;
    assert_eq!(ids(&custom), all[..1]);
    assert!(told(&world.get("/v1/skills?source=mine").await).starts_with("400"));
    assert!(told(&world.delete("/v1/skills/xlsx").await).starts_with("400"));
    let (_, vendor) = world.get("/v1/skills/xlsx/versions/latest").await;
    assert_eq!(vendor["id"], "20251013");
}

#[tokio::test]
async fn the_older_shape_has_older_names() {
    let world = World::new().await;
    let (_, skill) = send(
        &world,
        "/v1/skills",
        form("demo", "d").text("display_title", "Demo"),
        Some(OLD),
    )
    .await;
    assert_eq!(
        (&skill["display_title"], &skill["source"]),
        (&json!("Demo"), &json!("custom"))
    );
    let old = |method: Method, path: String| {
        let request = world.call(method, &path).header("anthropic-beta", OLD);
        async { read(request.send().await.expect("an answer")).await }
    };
    let path = format!("/v1/skills/{}", skill["id"].as_str().expect("an id"));
    let version = skill["latest_version"]
        .as_str()
        .expect("a version")
        .to_owned();
    let (_, found) = old(Method::GET, format!("{path}/versions/{version}")).await;
    assert_eq!(
        (&found["version"], &found["directory"]),
        (&json!(version), &json!("demo"))
    );
    let (_, list) = old(Method::GET, "/v1/skills".to_owned()).await;
    assert_eq!(list["has_more"], false);
    assert!(told(&old(Method::DELETE, path.clone()).await).contains("while it has versions"));
    assert_eq!(
        old(Method::DELETE, format!("{path}/versions/{version}"))
            .await
            .0,
        200
    );
    assert_eq!(old(Method::DELETE, path).await.0, 200);
}

#[tokio::test]
async fn bad_skills_are_refused() {
    let world = World::new().await;
    let file = |path: &'static str| Form::new().part("files[]", Part::text("x").file_name(path));
    for (form, expected) in [
        (
            Form::new().text("display_name", "x"),
            "files: Field required",
        ),
        (
            file("SKILL.md"),
            "files: all files must lie in one top folder",
        ),
        (
            file("demo/README.md"),
            "files: SKILL.md must lie at the root of the top folder",
        ),
        (
            file("demo/../SKILL.md"),
            "files: `demo/../SKILL.md` is not a plain relative path",
        ),
        (
            form("claude-helper", "d"),
            "SKILL.md: `name` must not contain \"anthropic\" or \"claude\"",
        ),
        (
            form("demo", "d").part("files[]", Part::text("x").file_name("other/a")),
            "files: all files must lie in one top folder",
        ),
    ] {
        let answer = send(&world, "/v1/skills", form, None).await;
        assert_eq!(
            told(&answer),
            format!("400 invalid_request_error: {expected}")
        );
    }
}
