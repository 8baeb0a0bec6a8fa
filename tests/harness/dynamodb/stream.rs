//! The stream of a table: what the emulator recorded of each write.

use dynoxide::Database;
use serde_json::{Value, json};

use super::{Service, Tables};

impl Service<Tables> {
    /// Begins to record the writes to a table, with both images, unless that has begun. Returns the
    /// stream's ARN.
    ///
    /// # Panics
    /// When there is no such table.
    pub fn begin_stream(&self, table: &str) -> String {
        let arn = || {
            let description = self.direct(Database::describe_table, json!({ "TableName": table }));
            description["Table"]["LatestStreamArn"].as_str().map(str::to_owned)
        };
        arn().unwrap_or_else(|| {
            let stream = json!({ "StreamEnabled": true, "StreamViewType": "NEW_AND_OLD_IMAGES" });
            let request = json!({ "TableName": table, "StreamSpecification": stream });
            self.direct(Database::update_table, request);
            arn().expect("the table has a stream")
        })
    }

    /// Every record of a stream, as Lambda delivers them.
    ///
    /// # Panics
    /// When there is no such stream.
    pub fn records(&self, stream: &str) -> Vec<Value> {
        let described = self.direct(Database::describe_stream, json!({ "StreamArn": stream }));
        let shard = &described["StreamDescription"]["Shards"][0]["ShardId"];
        let request = json!({ "StreamArn": stream, "ShardId": shard, "ShardIteratorType": "TRIM_HORIZON" });
        let mut iterator = self.direct(Database::get_shard_iterator, request)["ShardIterator"].take();
        let mut records = Vec::new();
        loop {
            let mut page = self.direct(Database::get_records, json!({ "ShardIterator": iterator }));
            let Value::Array(found) = page["Records"].take() else { return records };
            if found.is_empty() {
                return records;
            }
            records.extend(found.into_iter().map(|mut record| {
                record["eventSourceARN"] = json!(stream);
                record
            }));
            iterator = page["NextShardIterator"].take();
        }
    }
}
