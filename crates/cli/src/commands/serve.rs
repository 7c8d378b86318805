//! `secgroup serve`: the EC2 endpoint by itself.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use secgroup_daemon::config::LogFormat as Format;
use secgroup_daemon::logs::log_to_stderr;
use secgroup_daemon::metrics;
use secgroup_ec2::Site;
use secgroup_endpoint::{
    AccessKey, Endpoint, Keyring, Limits, Options, Service, StateFolder, Storage,
};
use secgroup_model::AccountId;
use serde::Serialize;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::args::{LogFormat, Serve};
use crate::{Failure, Outcome, say};

/// Whose everything is, if nothing is said: the account of the AWS documents' examples.
const DEFAULT_ACCOUNT: &str = "123456789012";

/// Answers until it is told to stop.
pub(crate) fn run(args: &Serve) -> Result<Outcome, Failure> {
    let format = match args.log_format {
        LogFormat::Human => Format::Human,
        LogFormat::Json => Format::Json,
    };
    log_to_stderr(format, &args.log_level)?;
    // Whoever stops it while it starts is heard when it has started.
    let mut signals = Signals::new([SIGTERM, SIGINT])?;
    let folder = match (&args.state.folder, args.ephemeral) {
        (_, true) => None,
        (Some(path), false) => Some(StateFolder::open(path)?),
        (None, false) => Some(StateFolder::open(&StateFolder::default_path()?)?),
    };
    let keyring = Keyring::of_callers(args.keys.as_deref(), folder.as_ref(), &accounts(args))?;
    let storage = match &folder {
        None => Storage::Memory,
        Some(folder) => Storage::open(&folder.store())?,
    };
    let site = Site::new(&args.region, keyring.accounts.clone());
    let service = Service::open(storage, site)?;
    if !super::stacks::seed(&service, &args.seeds)? {
        return Ok(Outcome::BadInput);
    }
    let options = Options {
        listen: args.listen,
        keys: keyring.keys.clone(),
        keys_are_configured: keyring.is_chosen,
        admin: folder.as_ref().map(StateFolder::socket),
        limits: Limits::default(),
    };
    let service = Arc::new(service);
    let metrics = args.metrics.map(|address| {
        let pages = metrics::of_endpoint(Arc::clone(&service));
        metrics::serve(address, pages)
    });
    let metrics = metrics.transpose()?;
    let endpoint = Endpoint::start(options, service)?;
    let mut ready = Ready::new(args, &endpoint, &keyring, folder.as_ref());
    ready.metrics_url = metrics
        .as_ref()
        .map(|server| metrics::url(server.address()));
    if args.json {
        say::show_json_line(&ready)?;
    } else {
        say::show(&ready.to_paste())?;
    }
    let signal = signals.forever().next();
    tracing::info!(signal, "stopping");
    drop(metrics);
    endpoint.stop();
    Ok(Outcome::Done)
}

/// Whose keys there are to be: those of the accounts that are named, or the default one's where nobody chose the keys.
fn accounts(args: &Serve) -> Vec<AccountId> {
    let named = args.accounts.iter().map(|id| AccountId::new(id));
    let default = args.accounts.is_empty() && args.keys.is_none();
    let mut seen = BTreeSet::new();
    named
        .chain(default.then(|| AccountId::new(DEFAULT_ACCOUNT)))
        .filter(|account| seen.insert(account.clone()))
        .collect()
}

/// What is said when it listens.
#[derive(Serialize)]
struct Ready {
    endpoint_url: String,
    /// Where Prometheus may ask.
    #[serde(skip_serializing_if = "Option::is_none")]
    metrics_url: Option<String>,
    region: String,
    /// The folder; none where nothing is kept.
    state: Option<String>,
    /// The file that keys stand in; none where they are kept nowhere.
    keys_file: Option<String>,
    accounts: Vec<String>,
    keys: Vec<ReadyKey>,
}

#[derive(Serialize)]
struct ReadyKey {
    id: String,
    account: String,
    /// Only of a key that was made just now.
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
}

impl Ready {
    fn new(
        args: &Serve,
        endpoint: &Endpoint,
        keyring: &Keyring,
        folder: Option<&StateFolder>,
    ) -> Self {
        let key = |key: &AccessKey| ReadyKey {
            id: key.id.clone(),
            account: key.account.clone(),
            secret: keyring.new.get(&key.id).map(|new| new.secret.clone()),
        };
        let mut keys: Vec<_> = keyring.keys.iter().map(key).collect();
        // Keys of the default account first: the first one is what is pasted.
        let place = |account: &str| keyring.accounts.iter().position(|a| a.as_str() == account);
        keys.sort_by_key(|key| place(&key.account));
        Self {
            endpoint_url: format!("http://{}", reachable(endpoint.address())),
            metrics_url: None,
            region: args.region.clone(),
            state: folder.map(|folder| folder.path().display().to_string()),
            keys_file: keyring.file.as_ref().map(|path| path.display().to_string()),
            accounts: keyring.accounts.iter().map(ToString::to_string).collect(),
            keys,
        }
    }

    /// Lines for a shell: comments, and what to export.
    fn to_paste(&self) -> String {
        let mut lines = vec![format!(
            "# secgroup {} answers for EC2 in {}. To use it, paste this into a shell:",
            env!("CARGO_PKG_VERSION"),
            self.region
        )];
        lines.push(format!("export AWS_ENDPOINT_URL={}", self.endpoint_url));
        lines.push(
            "# (AWS CLI v2 reads that from 2.13 on; an older one wants --endpoint-url)".to_owned(),
        );
        lines.push(format!("export AWS_DEFAULT_REGION={}", self.region));
        for (place, key) in self.keys.iter().enumerate() {
            // Lines of other accounts are there to be uncommented.
            let mark = if place == 0 { "" } else { "# " };
            if self.keys.len() > 1 {
                lines.push(format!("# account {}", key.account));
            }
            lines.push(format!("{mark}export AWS_ACCESS_KEY_ID={}", key.id));
            if let Some(secret) = &key.secret {
                lines.push(format!("{mark}export AWS_SECRET_ACCESS_KEY={secret}"));
            }
        }
        if let Some(url) = &self.metrics_url {
            lines.push(format!("# metrics are at {url}"));
        }
        if let Some(file) = &self.keys_file {
            lines.push(format!("# secrets are in {file}"));
        }
        match &self.state {
            Some(folder) => lines.push(format!("# state is in {folder}")),
            None => lines.push("# nothing is kept: state ends with this process".to_owned()),
        }
        lines.push(String::new());
        lines.join("\n")
    }
}

/// An address that clients of this host can connect to: that of loopback where every address is listened to.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
        _ => {}
    }
    address
}
