//! JSONPath over our values, without converting them.

use jsonpath_rust::query::queryable::Queryable;

use super::Value;

impl Queryable for Value {
    fn get(&self, key: &str) -> Option<&Value> {
        Value::get(self, key)
    }

    fn as_array(&self) -> Option<&Vec<Value>> {
        match self {
            Value::List(items) => Some(items),
            _ => None,
        }
    }

    fn as_object(&self) -> Option<Vec<(&str, &Value)>> {
        Some(
            self.as_map()?
                .iter()
                .map(|(key, value)| (&**key, value))
                .collect(),
        )
    }

    fn as_str(&self) -> Option<&str> {
        Value::as_str(self)
    }

    fn as_i64(&self) -> Option<i64> {
        Value::as_i64(self)
    }

    fn as_f64(&self) -> Option<f64> {
        Value::as_f64(self)
    }

    fn as_bool(&self) -> Option<bool> {
        Value::as_bool(self)
    }

    fn null() -> Value {
        Value::Null
    }
}
