//! A proxy between the program and the AWS emulator that loses, delays and spoils
//! requests and answers on demand.
//!
//! Promises that a request without a fault passes as it is, that every fault happens
//! exactly where its [`Rule`] says, and that what happened can be seen and waited for.
//! As with AWS itself, the client's connection stays open from request to request.
//!
//! The proxy lives on the runtime of the test: it stands still while the test blocks
//! its thread, and ends with it.

use std::ops::ControlFlow;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncWriteExt, BufStream};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use crate::http::Message;
use crate::init::STUCK;
use crate::{Emulator, Fault, Result, Rule};

/// A request that has arrived at the proxy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Its operation, such as `PutItem`; empty when it named none.
    pub operation: String,
    /// Its body, JSON.
    pub body: String,
    /// What is done to it.
    pub fault: Option<Fault>,
    /// Whether the emulator has answered it, and so has done what it asked for.
    pub answered: bool,
}

/// A running proxy.
#[derive(Debug)]
pub struct AwsProxy {
    port: u16,
    inside: Arc<Inside>,
}

/// What the connections share.
#[derive(Debug)]
struct Inside {
    /// The emulator's host and port.
    emulator: String,
    rules: Mutex<Vec<Rule>>,
    seen: watch::Sender<Vec<Seen>>,
}

impl AwsProxy {
    /// Starts a proxy that lets everything pass.
    ///
    /// # Errors
    /// No port is free.
    pub async fn start(emulator: &Emulator) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let port = listener.local_addr()?.port();
        let inside = Arc::new(Inside {
            emulator: emulator.endpoint.trim_start_matches("http://").to_owned(),
            rules: Mutex::default(),
            seen: watch::Sender::default(),
        });
        tokio::spawn(accept(listener, Arc::clone(&inside)));
        Ok(Self { port, inside })
    }

    /// For the variables `AWS_ENDPOINT_URL` or `AWS_ENDPOINT_URL_DYNAMODB`.
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Adds a rule for the requests that arrive from now on. When several rules hit
    /// the same request, the oldest decides; the others count it nevertheless.
    ///
    /// # Panics
    /// When the proxy has panicked.
    pub fn inject(&self, rule: Rule) {
        self.inside.rules.lock().expect("the proxy has panicked").push(rule);
    }

    /// Removes all rules. Requests that have arrived already keep their fault.
    ///
    /// # Panics
    /// When the proxy has panicked.
    pub fn clear(&self) {
        self.inside.rules.lock().expect("the proxy has panicked").clear();
    }

    /// All requests so far, in the order of their arrival.
    pub fn seen(&self) -> Vec<Seen> {
        self.inside.seen.borrow().clone()
    }

    /// Waits until so many requests of an operation have arrived since the start.
    ///
    /// # Errors
    /// It takes too long; the message tells what has arrived.
    pub async fn wait_for(&self, operation: &str, count: usize) -> Result<()> {
        let is_it = |seen: &&Seen| seen.operation == operation;
        self.wait_until(|all| all.iter().filter(is_it).count() >= count).await
    }

    /// Waits until `holds` says so of all requests so far.
    ///
    /// # Errors
    /// It takes too long; the message tells what has arrived.
    pub async fn wait_until(&self, mut holds: impl FnMut(&[Seen]) -> bool) -> Result<()> {
        let mut seen = self.inside.seen.subscribe();
        match timeout(STUCK, seen.wait_for(|all| holds(all))).await {
            Ok(outcome) => Ok(outcome.map(|_| ())?),
            Err(_) => Err(format!("not after {STUCK:?}: {:#?}", self.seen()).into()),
        }
    }
}

async fn accept(listener: TcpListener, inside: Arc<Inside>) {
    while let Ok((client, _)) = listener.accept().await {
        let inside = Arc::clone(&inside);
        tokio::spawn(async move {
            if let Err(error) = inside.serve(client).await {
                eprintln!("testbed: AWS proxy: {error}");
            }
        });
    }
}

impl Inside {
    /// Serves a client's requests until it goes, or a fault closes its connection.
    async fn serve(&self, client: TcpStream) -> Result<()> {
        let mut client = BufStream::new(client);
        while let Some(request) = Message::read(&mut client).await? {
            let (number, fault) = self.arrive(&request);
            let Some(answer) = self.answer(number, fault, request).await? else { break };
            if hand_over(&mut client, fault, &answer).await?.is_break() {
                break;
            }
        }
        Ok(())
    }

    /// Notes a request; returns its place among all and what to do to it.
    fn arrive(&self, request: &Message) -> (usize, Option<Fault>) {
        let target = request.header("X-Amz-Target").unwrap_or_default();
        let operation = target.rsplit('.').next().unwrap_or_default().to_owned();
        let body = String::from_utf8_lossy(&request.body).into_owned();
        let mut rules = self.rules.lock().expect("a rule has panicked");
        let faults = rules.iter_mut().map(|rule| rule.meet(&operation, &body));
        // Not a search: every rule is to count the request.
        let fault = faults.fold(None, Option::or);
        let mut number = 0;
        self.seen.send_modify(|seen| {
            number = seen.len();
            seen.push(Seen { operation, body, fault, answered: false });
        });
        (number, fault)
    }

    /// The answer to a request; `None` when there is to be none.
    async fn answer(&self, number: usize, fault: Option<Fault>, request: Message) -> Result<Option<Message>> {
        match fault {
            Some(Fault::DropRequest) => return Ok(None),
            Some(Fault::Status500) => {
                let message = "The request could not be processed";
                return Ok(Some(Message::error("500 Internal Server Error", "InternalServerError", message)));
            }
            Some(Fault::Throttle) => {
                let message = "Rate exceeded";
                return Ok(Some(Message::error("400 Bad Request", "ThrottlingException", message)));
            }
            Some(Fault::Deny) => {
                let message = "User is not authorized to perform this action";
                return Ok(Some(Message::error("400 Bad Request", "AccessDeniedException", message)));
            }
            Some(Fault::RefuseUntold) => {
                let message = "The conditional request failed";
                return Ok(Some(Message::error(
                    "400 Bad Request",
                    "ConditionalCheckFailedException",
                    message,
                )));
            }
            Some(Fault::DelayRequest(delay)) => sleep(delay).await,
            Some(Fault::DropAnswer | Fault::DelayAnswer(_) | Fault::Cut | Fault::Date(_)) | None => {}
        }
        let answer = self.forward(request).await?;
        self.seen.send_modify(|seen| {
            if let Some(request) = seen.get_mut(number) {
                request.answered = true;
            }
        });
        Ok(Some(answer))
    }

    /// Asks the emulator, on a connection that serves this request alone: so no fault
    /// can leave traces in another request.
    async fn forward(&self, request: Message) -> Result<Message> {
        let mut emulator = BufStream::new(TcpStream::connect(&self.emulator).await?);
        emulator.write_all(&request.with("Connection", "close").to_bytes()).await?;
        emulator.flush().await?;
        let answer = Message::read(&mut emulator).await?.ok_or("the emulator closed the connection")?;
        Ok(answer.without("Connection"))
    }
}

/// Gives the client its answer, or what the fault leaves of it; breaks when the
/// connection is to be closed.
async fn hand_over(
    client: &mut BufStream<TcpStream>,
    fault: Option<Fault>,
    answer: &Message,
) -> Result<ControlFlow<()>> {
    let mut bytes = answer.to_bytes();
    let mut then = ControlFlow::Continue(());
    match fault {
        Some(Fault::DropAnswer) => return Ok(ControlFlow::Break(())),
        Some(Fault::DelayAnswer(delay)) => sleep(delay).await,
        Some(Fault::Date(date)) => bytes = answer.clone().with("Date", date).to_bytes(),
        Some(Fault::Cut) => {
            bytes.truncate(bytes.len() - answer.body.len().div_ceil(2));
            then = ControlFlow::Break(());
        }
        _ => {}
    }
    client.write_all(&bytes).await?;
    client.flush().await?;
    Ok(then)
}
