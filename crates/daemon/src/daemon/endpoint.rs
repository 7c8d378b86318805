//! The EC2 endpoint beside the workers: opened before them, because it has the policy; listening after them, because what it
//! acknowledges is in force.

use std::sync::Arc;

use secgroup_ec2::Site;
use secgroup_ec2::flow_logs::Deliveries;
use secgroup_endpoint::stacks::{self, StackWish, TemplateText};
use secgroup_endpoint::{Endpoint, Keyring, Keys, Limits, Options, Service, StateFolder, Storage};
use secgroup_model::{AccountId, Quotas};
use tracing::info;

use super::managing::Enforcer;
use super::operator::Operator;
use super::viewers::tell_of_new;
use crate::config::{Api, Config, PolicyFiles};

/// An endpoint that does not listen yet.
pub(super) struct Prepared {
    service: Arc<Service>,
    enforcer: Enforcer,
    options: Options,
}

impl Prepared {
    /// Opens the store and the keys; nothing where the files are the policy.
    ///
    /// # Errors
    /// In one line, what is wrong with them.
    pub(super) fn open(config: &Config) -> Result<Option<Self>, String> {
        let Some(api) = &config.api else {
            return Ok(None);
        };
        Self::try_open(config, api)
            .map(Some)
            .map_err(|error| error.to_string())
    }

    fn try_open(config: &Config, api: &Api) -> Result<Self, Box<dyn std::error::Error>> {
        let folder = StateFolder::open(&config.daemon.state)?;
        let account = AccountId::new(&config.policy.options.account);
        let keyring = Keyring::of_callers(api.keys.as_deref(), Some(&folder), &[account])?;
        tell_of_new(&keyring);
        let site = Site {
            quotas: quotas(api),
            ..Site::new(&config.policy.options.region, keyring.accounts)
        };
        let enforcer = Enforcer::default();
        let service = Service::open(Storage::open(&folder.store())?, site)?;
        let service = service.enforced_by(Box::new(enforcer.clone()));
        begin(&service, config)?;
        Ok(Self {
            service: Arc::new(service),
            enforcer,
            options: Options {
                listen: api.listen,
                keys: keyring.keys,
                keys_are_configured: keyring.is_chosen,
                admin: Some(folder.socket()),
                limits: Limits::default(),
            },
        })
    }

    /// Who has the policy.
    pub(super) fn service(&self) -> Arc<Service> {
        Arc::clone(&self.service)
    }

    /// Who may call.
    pub(super) const fn keys(&self) -> &Keys {
        &self.options.keys
    }

    /// Who is asked what becomes of flow logs.
    pub(super) fn deliveries(&self) -> Deliveries {
        self.service.site().deliveries.clone()
    }

    /// Listens. From now on a call is answered when `operator` has brought it into force.
    ///
    /// # Errors
    /// In one line: the address cannot be had.
    pub(super) fn listen(self, operator: &Arc<Operator>) -> Result<Endpoint, String> {
        self.enforcer.begin(operator);
        let endpoint = Endpoint::start(self.options, self.service).map_err(|e| e.to_string())?;
        info!("the EC2 endpoint is http://{}", endpoint.address());
        Ok(endpoint)
    }
}

/// Fills a store that was never used from the policy files of the configuration.
fn begin(service: &Service, config: &Config) -> Result<(), Box<dyn std::error::Error>> {
    let PolicyFiles { files, options } = &config.policy;
    if files.is_empty() {
        return Ok(());
    }
    let texts = files.iter().map(|file| {
        let name = file.display().to_string();
        let text = std::fs::read_to_string(file);
        let text = text.map_err(|error| format!("cannot read {name}: {error}"))?;
        Ok::<_, String>(TemplateText { name, text })
    });
    let wish = StackWish {
        templates: Some(texts.collect::<Result<_, _>>()?),
        parameters: options.parameters.clone(),
        import_values: options.import_values.clone(),
        ..StackWish::default()
    };
    match stacks::seed_once(service, wish)? {
        None => info!("the store has a policy already: policy files are not looked at"),
        Some(answer) if answer.changes.is_some() => info!("the store begins with the policy files"),
        Some(answer) => return Err(answer.said.into()),
    }
    Ok(())
}

/// Today's, with what the configuration says.
fn quotas(api: &Api) -> Quotas {
    Quotas {
        rules_per_group: api.rules_per_group,
        groups_per_interface: Some(api.groups_per_interface),
        ..Quotas::today()
    }
}
