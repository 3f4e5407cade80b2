//! What a caller reads back because the caller has written it: in the trail of the own tenant, in what was made with it, and in the head
//! of an export. Only that is taken out of an answer before anybody looks in it for what belongs to others.

use std::collections::HashMap;
use std::sync::Mutex;

use serde_json::Value;

use crate::support::Answer;

/// What was written with each request, and into what it made: a hold, a role, a group, a grant, a tenant.
#[derive(Debug, Default)]
pub(crate) struct Echoes(Mutex<HashMap<String, String>>);

impl Echoes {
    /// A request that said `written` was answered so.
    pub(crate) fn note(&self, answer: &Answer, written: &str) {
        let mut known = self.0.lock().unwrap();
        let id = answer.headers["x-request-id"].to_str().unwrap();
        known.insert(id.to_owned(), written.to_owned());
        if answer.status == 201
            && let Ok(made) = serde_json::from_str::<Value>(&answer.text)
        {
            // A tenant or an invitation is made beside something else that is told once.
            let made = [&made["id"], &made["tenant"]["id"], &made["invitation"]["id"]];
            for id in made.into_iter().filter_map(Value::as_str) {
                known.insert(id.to_owned(), written.to_owned());
            }
        }
    }

    /// The answer to a request that said `asked`, without what was written by whoever reads it.
    pub(crate) fn without(&self, answer: &Answer, asked: &str) -> String {
        if let Ok(mut value) = serde_json::from_str::<Value>(&answer.text) {
            self.strip(&mut value, asked);
            return value.to_string();
        }
        let lines = answer
            .text
            .lines()
            .map(|line| match serde_json::from_str::<Value>(line) {
                Ok(mut value) => {
                    self.strip(&mut value, asked);
                    value.to_string()
                }
                Err(_) => line.to_owned(),
            });
        lines.collect::<Vec<_>>().join("\n")
    }

    fn strip(&self, value: &mut Value, asked: &str) {
        if let Some(written) = self.written_into(value) {
            erase(value, &written);
        }
        match value {
            Value::Object(members) => {
                if members.get("kind").is_some_and(|kind| kind == "manifest")
                    && let Some(filter) = members.get_mut("filter")
                {
                    erase(filter, asked);
                }
                if let Some(Value::String(entry)) = members.get_mut("entry")
                    && let Ok(mut event) = serde_json::from_str::<Value>(entry)
                {
                    self.strip(&mut event, asked);
                    *entry = event.to_string();
                }
                members.values_mut().for_each(|member| self.strip(member, asked));
            }
            Value::Array(members) => members.iter_mut().for_each(|member| self.strip(member, asked)),
            _ => {}
        }
    }

    /// Of an event of a request, or of what one made.
    fn written_into(&self, value: &Value) -> Option<String> {
        let known = self.0.lock().unwrap();
        let ids = [
            &value["request_id"],
            &value["context"]["request_id"],
            &value["id"],
        ];
        let mut ids = ids.into_iter().filter_map(Value::as_str);
        ids.find_map(|id| known.get(id).cloned())
    }
}

fn erase(value: &mut Value, written: &str) {
    match value {
        Value::String(text) => *text = text.replace(written, ""),
        Value::Array(members) => members.iter_mut().for_each(|member| erase(member, written)),
        Value::Object(members) => members.values_mut().for_each(|member| erase(member, written)),
        _ => {}
    }
}
