//! `Fn::Cidr: [block, count, host bits]`: the first subnets of a block.

use ipnet::IpNet;

use super::function::Call;
use super::{Evaluator, Value, ValueKind};
use crate::diagnostic::Draft;
use crate::node::Kind;

/// Subnets that one call may ask for (CloudFormation's own limit).
const COUNT_MAX: usize = 256;

impl Evaluator<'_> {
    /// A list of ranges.
    pub(super) fn cidr(&self, call: Call<'_>) -> Value {
        const TAKES: &str = "[block, count, host bits]";
        let items = match &call.argument.kind {
            Kind::Sequence(items) if (2..=3).contains(&items.len()) => items,
            _ => return self.misused(call, TAKES),
        };
        let mut texts = Vec::with_capacity(items.len());
        for item in items {
            match self.as_text(self.eval(item), call) {
                Ok(text) => texts.push((text, item.span)),
                Err(value) => return value,
            }
        }
        let (block, block_span) = &texts[0];
        let Ok(block) = block.parse::<IpNet>() else {
            let message = format!("`{block}` is not an address range");
            return self.error(Draft::error(*block_span, message), call.span);
        };
        let number = |at: usize, or: usize| {
            let Some((text, span)) = texts.get(at) else {
                return Some(or);
            };
            let number = text.parse::<usize>().ok();
            if number.is_none() {
                let message = format!("`Fn::Cidr` takes a number here, found `{text}`");
                self.sink().push(Draft::error(*span, message));
            }
            number
        };
        // Without host bits the subnets are as small as AWS makes them: /24 and /64.
        let default_bits = if block.addr().is_ipv4() { 8 } else { 64 };
        let (Some(count), Some(bits)) = (number(1, 0), number(2, default_bits)) else {
            return Value::invalid(call.span);
        };
        match subnets(block, count, bits) {
            Some(nets) if self.spend(nets.len(), call.span) => {
                let value = |net: IpNet| Value::text(&net.to_string(), call.span);
                Value::new(
                    ValueKind::List(nets.into_iter().map(value).collect()),
                    call.span,
                )
            }
            Some(_) => Value::invalid(call.span),
            None => {
                let message = format!("{block} does not hold {count} ranges with {bits} host bits");
                let help =
                    format!("at most {COUNT_MAX}; the third value counts host bits, so 8 is /24");
                self.error(Draft::error(call.span, message).help(help), call.span)
            }
        }
    }
}

/// The first `count` subnets with this many host bits.
fn subnets(block: IpNet, count: usize, bits: usize) -> Option<Vec<IpNet>> {
    let prefix = usize::from(block.max_prefix_len()).checked_sub(bits)?;
    if !(1..=COUNT_MAX).contains(&count) {
        return None;
    }
    let subnets = block.trunc().subnets(u8::try_from(prefix).ok()?).ok()?;
    let list: Vec<IpNet> = subnets.take(count).collect();
    (list.len() == count).then_some(list)
}
