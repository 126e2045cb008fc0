//! Models: the list, its filter and pages, and aliases.

use serde_json::json;

use crate::support::{World, ids, pages_a, told};

#[tokio::test]
async fn models_are_listed_filtered_and_found_by_alias() {
    let world = World::new().await;
    let (_, all) = world.get("/v1/models").await;
    let all = ids(&all);
    assert!(
        all.contains(&"claude-haiku-5-5".to_owned())
            && all.contains(&"claude-haiku-4-5-20251001".to_owned())
    );
    assert_eq!(pages_a(&world, "/v1/models", 7).await.concat(), all);
    let (_, retired) = world.get("/v1/models?lifecycle%5B%5D=retired").await;
    assert!(
        retired["data"]
            .as_array()
            .expect("data")
            .iter()
            .all(|model| model["lifecycle"] == "retired")
    );
    assert!(!all.contains(&ids(&retired)[0]));
    let (_, model) = world.get("/v1/models/claude-haiku-4-5").await;
    assert_eq!(
        (&model["id"], &model["line"]),
        (&json!("claude-haiku-4-5-20251001"), &json!("haiku"))
    );
    assert_eq!(
        model["capabilities"]["thinking"]["types"]["adaptive"],
        json!({"supported": false})
    );
    assert_eq!(
        told(&world.get("/v1/models/gpt").await),
        "404 not_found_error: model: gpt"
    );
    assert!(told(&world.get("/v1/models?lifecycle[]=young").await).starts_with("400"));
    assert!(told(&world.get("/v1/models?after_id=gpt").await).starts_with("400"));
}
