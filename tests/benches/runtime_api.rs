//! The Lambda Runtime API for one function at a time: hands events over and takes the responses.

use std::io::{BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use crate::http::{Request, response};
use crate::{Result, now, spawn};

/// How long a function may be silent.
const PATIENCE: Duration = Duration::from_secs(20);
/// The time that an event allows, as the template's functions have it.
const TIMEOUT: Duration = Duration::from_secs(10);

/// What a function did, in order.
enum Call {
    /// It asks for an event, which is sent here.
    Next(Instant, Sender<Vec<u8>>),
    /// The event is about to be written.
    Handed(Instant),
    /// The response is read.
    Answer(Instant, Vec<u8>),
    /// It reported an error.
    Failure(String),
}

/// The server.
pub(crate) struct RuntimeApi {
    /// `AWS_LAMBDA_RUNTIME_API`.
    pub(crate) address: String,
    calls: Receiver<Call>,
}

/// A function that waits for an event.
pub(crate) struct Ready {
    /// When it asked.
    pub(crate) at: Instant,
    hand: Sender<Vec<u8>>,
}

/// One invocation.
pub(crate) struct Invocation {
    /// From the event to the response.
    pub(crate) took: Duration,
    /// The response.
    pub(crate) body: Vec<u8>,
    /// The function, waiting for the next event.
    pub(crate) ready: Ready,
}

impl RuntimeApi {
    pub(crate) fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?.to_string();
        let (sender, calls) = channel();
        spawn(move || {
            for stream in listener.incoming().flatten() {
                let sender = sender.clone();
                // A function that is ended breaks its connections.
                spawn(move || drop(converse(&stream, &sender)));
            }
        });
        Ok(Self { address, calls })
    }

    /// Forgets what an earlier function did.
    pub(crate) fn clear(&self) {
        while self.calls.try_recv().is_ok() {}
    }

    /// Waits until the function asks for an event.
    pub(crate) fn ready(&self) -> Result<Ready> {
        loop {
            match self.call()? {
                Call::Next(at, hand) => return Ok(Ready { at, hand }),
                Call::Failure(text) => return Err(format!("the function failed: {text}").into()),
                Call::Handed(_) | Call::Answer(..) => {}
            }
        }
    }

    /// Hands an event over and waits for its response, and until the function asks for the next.
    pub(crate) fn invoke(&self, ready: &Ready, event: &str) -> Result<Invocation> {
        let deadline = (now() + TIMEOUT).as_millis();
        let headers = format!(
            "Lambda-Runtime-Aws-Request-Id: 8476a536-e9f4-11e8-9739-2dfe598c3fcd\r\n\
             Lambda-Runtime-Deadline-Ms: {deadline}\r\n\
             Lambda-Runtime-Invoked-Function-Arn: arn:aws:lambda:us-east-1:123456789012:function:bench\r\n\
             Lambda-Runtime-Trace-Id: Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=1\r\n"
        );
        ready.hand.send(response(200, "application/json", &headers, event))?;
        let (mut begun, mut answer) = (None, None);
        loop {
            match self.call()? {
                Call::Handed(at) => begun = Some(at),
                Call::Answer(at, body) => answer = begun.map(|begun| (at - begun, body)),
                Call::Failure(text) => return Err(format!("the function failed: {text}").into()),
                Call::Next(at, hand) => {
                    let (took, body) = answer.ok_or("the function asks for an event without a response")?;
                    return Ok(Invocation { took, body, ready: Ready { at, hand } });
                }
            }
        }
    }

    fn call(&self) -> Result<Call> {
        self.calls.recv_timeout(PATIENCE).map_err(|error| match error {
            RecvTimeoutError::Timeout => "the function does not answer".into(),
            RecvTimeoutError::Disconnected => "the Runtime API has ended".into(),
        })
    }
}

fn converse(stream: &TcpStream, calls: &Sender<Call>) -> Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream);
    while let Some(request) = Request::read(&mut reader)? {
        let at = Instant::now();
        if request.method == "GET" && request.path.ends_with("/runtime/invocation/next") {
            let (hand, event) = channel();
            calls.send(Call::Next(at, hand))?;
            // No event comes if the function is about to be ended.
            let event = event.recv()?;
            calls.send(Call::Handed(Instant::now()))?;
            (&*stream).write_all(&event)?;
        } else {
            let is_response = request.path.ends_with("/response");
            (&*stream).write_all(&response(202, "application/json", "", "{\"status\":\"OK\"}"))?;
            calls.send(if is_response {
                Call::Answer(at, request.body)
            } else {
                Call::Failure(String::from_utf8_lossy(&request.body).into_owned())
            })?;
        }
    }
    Ok(())
}
