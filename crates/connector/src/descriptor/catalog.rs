//! A service as the engine's catalog lists it.

use std::sync::Arc;

use flow_engine::catalog::{Connector, Setting, SettingIs};

use super::service::Service;

impl Service {
    /// Its entry in the catalog.
    pub fn entry(&self) -> Connector {
        let mut settings: flow_engine::collections::IndexMap<_, _> = self
            .settings
            .iter()
            .map(|(name, rule)| {
                let setting = Setting {
                    secret: rule.secret,
                    identifies: rule.secret || self.base_url.holes().any(|hole| hole == name),
                    one_of: rule.one_of.clone(),
                    default_secret: rule.default_secret.clone(),
                    needed_if: rule
                        .when
                        .iter()
                        .map(|(other, value)| self.condition(other, value))
                        .collect(),
                    description: rule.description.clone(),
                };
                (name.clone(), setting)
            })
            .collect();
        settings
            .entry("base_url".into())
            .or_insert_with(|| Setting {
                secret: false,
                identifies: true,
                one_of: Vec::new(),
                default_secret: None,
                needed_if: Vec::new(),
                description: "Another address of the same service.".into(),
            });
        Connector {
            name: self.handle.clone(),
            title: self.title.clone(),
            description: self.description.clone(),
            local: false,
            rated: !self.rate_limits.is_empty(),
            settings,
            prices: self.prices.clone(),
            operations: self
                .operations
                .iter()
                .map(|(name, operation)| (name.clone(), operation.entry.clone()))
                .collect(),
        }
    }

    fn condition(&self, setting: &Arc<str>, value: &Arc<str>) -> SettingIs {
        let default = self
            .settings
            .get(setting)
            .and_then(|rule| rule.default.as_ref());
        SettingIs {
            setting: setting.clone(),
            value: value.clone(),
            by_default: default == Some(value),
        }
    }
}
