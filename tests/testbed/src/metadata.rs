//! ECS's task metadata endpoint, version 4, as far as a task's name goes: the agent
//! itself runs only inside ECS.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::Result;

/// An endpoint that names every task as its path says.
#[derive(Debug)]
pub struct TaskMetadata {
    address: String,
}

impl TaskMetadata {
    /// Starts it; it ends with the runtime.
    ///
    /// # Errors
    /// No port is free.
    pub async fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?.to_string();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream));
            }
        });
        Ok(Self { address })
    }

    /// What ECS would set `ECS_CONTAINER_METADATA_URI_V4` to for this task.
    pub fn uri(&self, task: &str) -> String {
        format!("http://{}/v4/{task}", self.address)
    }

    /// The ARN that the endpoint tells this task.
    pub fn arn(task: &str) -> String {
        format!("arn:aws:ecs:eu-west-1:123456789012:task/llm-proxy/{task}")
    }
}

/// Answers `GET /v4/<task>/task` and refuses everything else.
async fn answer(mut stream: TcpStream) -> std::io::Result<()> {
    let mut request = [0; 2048];
    let length = stream.read(&mut request).await?;
    let request = String::from_utf8_lossy(request.get(..length).unwrap_or_default()).into_owned();
    let path = request.strip_prefix("GET /v4/").and_then(|rest| rest.split(' ').next());
    let response = match path.and_then(|path| path.strip_suffix("/task")) {
        Some(task) => {
            let arn = TaskMetadata::arn(task);
            let body = format!(r#"{{"Cluster": "llm-proxy", "TaskARN": "{arn}", "Family": "proxy"}}"#);
            format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len())
        }
        None => "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".into(),
    };
    stream.write_all(response.as_bytes()).await
}
