//! The other end of the owner's socket: what commands speak through.

use std::io;
use std::path::{Path, PathBuf};

use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::header::{CONTENT_TYPE, HOST};
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;
use tokio::runtime::{Builder, Runtime};

use crate::server::JSON;

/// Why the owner's socket was of no use.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// Nobody listens there: no endpoint runs on this state.
    #[error("no endpoint listens on {}: {error}", path.display())]
    Absent {
        /// The socket.
        path: PathBuf,
        /// What the kernel says.
        error: io::Error,
    },
    /// The conversation broke off.
    #[error("the endpoint at {} does not answer: {message}", path.display())]
    Broken {
        /// The socket.
        path: PathBuf,
        /// How.
        message: String,
    },
    /// The endpoint did not do it.
    #[error("{0}")]
    Refused(String),
}

/// Asks an endpoint that runs.
#[derive(Debug)]
pub struct AdminClient {
    path: PathBuf,
    runtime: Runtime,
}

impl AdminClient {
    /// For the endpoint whose socket is at `path`. Each request connects anew.
    ///
    /// # Errors
    /// The operating system refuses what waiting needs.
    pub fn new(path: &Path) -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_io().build()?;
        Ok(Self {
            path: path.to_owned(),
            runtime,
        })
    }

    /// Asks with GET.
    ///
    /// # Errors
    /// Nobody listens, or the endpoint refuses.
    pub fn get(&self, path: &str) -> Result<Vec<u8>, AdminError> {
        self.runtime
            .block_on(self.ask(Method::GET, path, Vec::new()))
    }

    /// Asks with POST and a document of JSON.
    ///
    /// # Errors
    /// Nobody listens, or the endpoint refuses.
    pub fn post(&self, path: &str, document: Vec<u8>) -> Result<Vec<u8>, AdminError> {
        self.runtime
            .block_on(self.ask(Method::POST, path, document))
    }

    async fn ask(&self, method: Method, path: &str, body: Vec<u8>) -> Result<Vec<u8>, AdminError> {
        let stream = UnixStream::connect(&self.path)
            .await
            .map_err(|error| AdminError::Absent {
                path: self.path.clone(),
                error,
            })?;
        let (status, body) = exchange(stream, method, path, body)
            .await
            .map_err(|message| AdminError::Broken {
                path: self.path.clone(),
                message,
            })?;
        if (200..300).contains(&status) {
            return Ok(body);
        }
        let said: Option<serde_json::Value> = serde_json::from_slice(&body).ok();
        let said = said.as_ref().and_then(|said| said["error"].as_str());
        let said = said.map_or_else(
            || format!("the endpoint answers with status {status}"),
            str::to_owned,
        );
        Err(AdminError::Refused(said))
    }
}

/// One request and its answer.
async fn exchange(
    stream: UnixStream,
    method: Method,
    path: &str,
    body: Vec<u8>,
) -> Result<(u16, Vec<u8>), String> {
    let said = |error: hyper::Error| error.to_string();
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(said)?;
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header(HOST, "secgroup")
        .header(CONTENT_TYPE, JSON)
        .body(Full::<Bytes>::from(body))
        .map_err(|error| error.to_string())?;
    let answer = async {
        let response = sender.send_request(request).await.map_err(said)?;
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.map_err(said)?;
        Ok((status, body.to_bytes().to_vec()))
    };
    let mut answer = std::pin::pin!(answer);
    // The connection moves the bytes of the answer; it may end before or after the answer is there.
    tokio::select! {
        done = &mut answer => done,
        ended = connection => {
            ended.map_err(said)?;
            answer.await
        }
    }
}
