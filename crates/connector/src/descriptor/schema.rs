//! The format as a JSON Schema, for editors.

use serde_json::Value as Json;

const SCHEMA: &str = include_str!("../../builtin/descriptor.schema.yaml");

/// The JSON Schema of descriptors.
///
/// # Panics
/// If the schema that comes with `flow` is malformed: a test reads it.
pub fn schema() -> Json {
    serde_yaml::from_str(SCHEMA).expect("a test reads the schema")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde::de::DeserializeOwned;

    use super::super::auth_document::{
        AuthDocument, AuthParams, BasicDocument, OauthDocument, TlsDocument, TokenDocument,
    };
    use super::super::document::{
        Document, ErrorsDocument, HeaderDocument, Meta, ServiceDocument, SettingDocument,
        StatusDocument,
    };
    use super::super::resource::{
        EdgeDocument, FieldDocument, LevelDocument, OperationDocument, ParameterDocument,
        ResourceDocument, StructuredDocument, TriggerDocument, ViewDocument, WebhookDocument,
    };
    use super::super::text::Placeholder;
    use super::super::usage_document::{
        AnswerUsageDocument, FactorDocument, LongDocument, PriceDocument, PricesDocument,
        RequestUsageDocument, UsageDocument,
    };
    use super::*;

    /// The keys that are read, as the refusal of another one lists them.
    fn read<T: DeserializeOwned>() -> BTreeSet<String> {
        let refused = serde_json::from_str::<T>(r#"{ "no such key": 1 }"#);
        let message = refused.err().expect("the key is unknown").to_string();
        let (_, listed) = message.split_once("expected").expect("a list of keys");
        let texts = listed.split('`').skip(1).step_by(2);
        texts.map(str::to_owned).collect()
    }

    #[track_caller]
    fn check<T: DeserializeOwned>(path: &str) {
        let schema = schema();
        let found = schema.pointer(path).and_then(Json::as_object);
        let keys: BTreeSet<String> = found.expect(path).keys().cloned().collect();
        assert_eq!(keys, read::<T>(), "{path}");
    }

    #[test]
    fn it_has_the_keys_that_are_read() {
        check::<Document>("/$defs/document/properties");
        check::<Meta>("/$defs/meta/properties");
        check::<ServiceDocument>("/$defs/service/properties");
        check::<AuthDocument>("/$defs/auth/properties");
        check::<AuthParams>("/$defs/auth/properties/params/properties");
        check::<TokenDocument>("/$defs/token/properties");
        check::<BasicDocument>("/$defs/basic/properties");
        check::<OauthDocument>("/$defs/oauth/properties");
        check::<TlsDocument>("/$defs/tls/properties");
        check::<SettingDocument>("/$defs/setting/properties");
        check::<ErrorsDocument>("/$defs/errors/properties");
        check::<StatusDocument>(
            "/$defs/errors/properties/statuses/additionalProperties/properties",
        );
        check::<HeaderDocument>("/$defs/headers/additionalProperties/properties");
        check::<Placeholder>("/$defs/text/anyOf/1/properties/placeholders/items/properties");
        check::<ResourceDocument>("/$defs/resource/properties");
        check::<FieldDocument>("/$defs/field/properties");
        check::<ViewDocument>("/$defs/views/additionalProperties/properties");
        check::<OperationDocument>("/$defs/operation/properties");
        check::<StructuredDocument>("/$defs/operation/properties/structured/properties");
        check::<ParameterDocument>("/$defs/parameter/properties");
        check::<TriggerDocument>("/$defs/trigger/properties");
        check::<LevelDocument>("/$defs/trigger/properties/level/properties");
        check::<EdgeDocument>("/$defs/trigger/properties/edge/properties");
        check::<WebhookDocument>("/$defs/webhook/properties");
        check::<PricesDocument>("/$defs/prices/properties");
        check::<PriceDocument>("/$defs/price/properties");
        check::<LongDocument>("/$defs/price/properties/long/properties");
        check::<UsageDocument>("/$defs/usage/properties");
        check::<AnswerUsageDocument>("/$defs/usage/properties/answer/properties");
        check::<FactorDocument>(
            "/$defs/usage/properties/answer/properties/factors/items/properties",
        );
        check::<RequestUsageDocument>("/$defs/usage/properties/request/properties");
    }
}
