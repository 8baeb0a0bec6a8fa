//! DynamoDB on loopback: an embedded emulator whose calls are recorded.

mod stream;

use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use dynoxide::Database;
use http_body_util::{BodyExt, Full};
use hyper::header::CONTENT_LENGTH;
use hyper::{Request, Response, StatusCode, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::AbortHandle;

use crate::aws::{Backend, Service, json_answer};
use crate::template::TableDefinition;

/// DynamoDB with tables in memory. Expired items are never deleted: AWS too may keep them for days.
pub type DynamoDb = Service<Tables>;

/// What one call consumed of one table.
#[derive(Clone, Debug, PartialEq)]
pub struct Consumed {
    /// The operation: `UpdateItem`.
    pub operation: String,
    /// The table's name.
    pub table: String,
    /// Read or write units, as the operation reads or writes.
    pub units: f64,
}

/// The emulator.
pub struct Tables {
    database: Database,
    /// What was consumed, while that is measured.
    consumed: Mutex<Option<Vec<Consumed>>>,
    address: String,
    client: Client<HttpConnector, Full<Bytes>>,
    server: AbortHandle,
}

impl Drop for Tables {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Service<Tables> {
    /// Serves an empty DynamoDB on `listener`. The methods below are not recorded as calls.
    ///
    /// # Panics
    /// If the emulator cannot start.
    pub async fn start(listener: TcpListener) -> Self {
        let database = Database::memory().expect("a database in memory opens");
        let inner = TcpListener::bind(("127.0.0.1", 0)).await.expect("loopback has a free port");
        let address = inner.local_addr().expect("a bound listener has an address").to_string();
        #[expect(clippy::disallowed_methods, reason = "the emulator runs beside the test")]
        let server = tokio::spawn({
            let database = database.clone();
            async move {
                let _ = dynoxide::server::serve_with_shutdown(inner, database, std::future::pending()).await;
            }
        });
        let client = Client::builder(TokioExecutor::new()).build_http();
        let (consumed, server) = (Mutex::default(), server.abort_handle());
        Self::serve(listener, Tables { database, consumed, address, client, server })
    }

    /// What the calls consumed since the last time that this was asked; the first time, nothing. A
    /// refused conditional write is not in it.
    pub fn consumed(&self) -> Vec<Consumed> {
        self.backend.consumed().replace(Vec::new()).unwrap_or_default()
    }

    /// Creates the tables with their indexes.
    ///
    /// # Panics
    /// When DynamoDB refuses a definition.
    pub fn create_tables(&self, tables: &[TableDefinition]) {
        for table in tables {
            self.direct(Database::create_table, table.create(&table.name));
            if let Some(attribute) = &table.time_to_live_attribute {
                let time_to_live = json!({ "AttributeName": attribute, "Enabled": true });
                let request = json!({ "TableName": table.name, "TimeToLiveSpecification": time_to_live });
                self.direct(Database::update_time_to_live, request);
            }
        }
    }

    /// The item with this key of a table whose only key attribute is the string `key_name`.
    ///
    /// # Panics
    /// When there is no such table or key attribute.
    pub fn item(&self, table: &str, key_name: &str, key_value: &str) -> Option<Value> {
        let key = json!({ key_name: { "S": key_value } });
        let request = json!({ "TableName": table, "Key": key, "ConsistentRead": true });
        let mut answer = self.direct(Database::get_item, request);
        answer.get_mut("Item").map(Value::take)
    }

    /// Every item of a table, in DynamoDB's JSON.
    ///
    /// # Panics
    /// When there is no such table.
    pub fn scan(&self, table: &str) -> Vec<Value> {
        let mut items = Vec::new();
        let mut request = json!({ "TableName": table });
        loop {
            let mut answer = self.direct(Database::scan, request.clone());
            if let Some(Value::Array(page)) = answer.get_mut("Items").map(Value::take) {
                items.extend(page);
            }
            match answer.get_mut("LastEvaluatedKey").map(Value::take) {
                Some(key) if !key.is_null() => request["ExclusiveStartKey"] = key,
                _ => return items,
            }
        }
    }

    /// Puts an item, given in DynamoDB's JSON, and replaces the one that was there.
    ///
    /// # Panics
    /// When DynamoDB refuses the item.
    #[expect(clippy::needless_pass_by_value, reason = "a test writes the item on the spot")]
    pub fn put(&self, table: &str, item: Value) {
        self.direct(Database::put_item, json!({ "TableName": table, "Item": item }));
    }

    /// Deletes the item with this key, if there is one.
    ///
    /// # Panics
    /// When there is no such table or key attribute.
    pub fn delete(&self, table: &str, key_name: &str, key_value: &str) {
        let key = json!({ key_name: { "S": key_value } });
        self.direct(Database::delete_item, json!({ "TableName": table, "Key": key }));
    }

    /// Calls the emulator directly; nothing is recorded.
    fn direct<Q: DeserializeOwned, A: Serialize, E: std::fmt::Debug>(
        &self,
        operation: impl Fn(&Database, Q) -> Result<A, E>,
        request: Value,
    ) -> Value {
        let request = serde_json::from_value(request).expect("the request has DynamoDB's form");
        let answer = operation(&self.backend.database, request).expect("DynamoDB accepts the request");
        serde_json::to_value(answer).expect("an answer is JSON")
    }
}

impl Backend for Tables {
    const EXCEPTION_PREFIX: &'static str = "com.amazonaws.dynamodb.v20120810#";
    const CONTENT_TYPE: &'static str = "application/x-amz-json-1.0";

    async fn answer(&self, operation: &str, request: Request<Bytes>) -> Response<Bytes> {
        let is_measured = self.consumed().is_some();
        let request = if is_measured { asking_what_it_consumes(request) } else { request };
        match self.forward(request).await {
            Some(answer) => {
                if let Some(consumed) = self.consumed().as_mut() {
                    consumed.extend(consumed_by(operation, answer.body()));
                }
                answer
            }
            None => json_answer::<Self>(
                StatusCode::BAD_GATEWAY,
                &json!({ "message": "The emulator behind the harness did not answer." }),
            ),
        }
    }
}

/// The request with a further member, which the functions do not send.
fn asking_what_it_consumes(request: Request<Bytes>) -> Request<Bytes> {
    let (mut head, body) = request.into_parts();
    head.headers.remove(CONTENT_LENGTH);
    let mut body: Value = serde_json::from_slice(&body).unwrap_or_default();
    body["ReturnConsumedCapacity"] = json!("TOTAL");
    Request::from_parts(head, Bytes::from(body.to_string()))
}

fn consumed_by(operation: &str, answer: &Bytes) -> Vec<Consumed> {
    let mut answer: Value = serde_json::from_slice(answer).unwrap_or_default();
    let mut tables = match answer["ConsumedCapacity"].take() {
        Value::Array(tables) => tables,
        Value::Null => Vec::new(),
        table => vec![table],
    };
    // A batch names its tables in no certain order.
    tables.sort_by_key(|table| table["TableName"].to_string());
    let consumed = |table: Value| Consumed {
        operation: operation.to_owned(),
        table: table["TableName"].as_str().unwrap_or_default().to_owned(),
        units: table["CapacityUnits"].as_f64().unwrap_or_default(),
    };
    tables.into_iter().map(consumed).collect()
}

impl Tables {
    fn consumed(&self) -> MutexGuard<'_, Option<Vec<Consumed>>> {
        self.consumed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn forward(&self, request: Request<Bytes>) -> Option<Response<Bytes>> {
        let mut request = request.map(Full::new);
        let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
        *request.uri_mut() = Uri::try_from(format!("http://{}{path}", self.address)).ok()?;
        let (head, body) = self.client.request(request).await.ok()?.into_parts();
        Some(Response::from_parts(head, body.collect().await.ok()?.to_bytes()))
    }
}
