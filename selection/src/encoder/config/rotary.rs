//! ModernBERT: rotary positions, and layers that see a window of the text.

use serde_json::Value;

use super::super::EncoderError;
use super::raw::RotaryRaw;
use super::{setting_error, short, within};

/// Of `layer_types`, and the keys of `rope_parameters`.
const GLOBAL: &str = "full_attention";
const LOCAL: &str = "sliding_attention";
/// A head this wide is no model's; the tables of angles are as wide.
const MAX_HEAD: usize = 512;
const THETA: std::ops::RangeInclusive<f64> = 1.0..=1e12;

/// What rotates queries and keys (Su et al. 2021, arXiv 2104.09864), layer by layer.
#[derive(Debug, Clone, PartialEq)]
pub(in super::super) struct Rotary {
    /// The angles of pair `i` of `d / 2` are `position / theta^(2i / d)`; of layers that see everything.
    pub(in super::super) global_theta: f64,
    /// Of layers that see a window.
    pub(in super::super) local_theta: f64,
    /// Such a layer's token sees so many tokens on each side of itself.
    pub(in super::super) window: usize,
    /// For each layer, whether it sees a window.
    pub(in super::super) local: Vec<bool>,
}

impl Rotary {
    pub(super) fn of(raw: &RotaryRaw, layers: usize, head: usize) -> Result<Self, EncoderError> {
        if !head.is_multiple_of(2) || head > MAX_HEAD {
            let expected = format!("an even number up to {MAX_HEAD}, as its positions are rotations");
            return Err(setting_error("hidden_size / num_attention_heads", head, expected));
        }
        if let Some(scaling) = &raw.rope_scaling {
            return Err(setting_error("rope_scaling", short(&scaling.to_string()), "null"));
        }
        let local = local_layers(raw, layers)?;
        let attended = within("local_attention", raw.local_attention.or(Some(128)), 1..=1 << 20)?;
        let window = attended / 2;
        match raw.sliding_window {
            Some(found) if found != window as u64 => {
                return Err(setting_error("sliding_window", found, format!("{window}, half of local_attention")));
            }
            _ => {}
        }
        // What transformers 5 writes goes before what transformers 4 wrote, as in transformers 5.
        let (global, local_theta) = thetas(raw)?;
        let global_theta = theta("global_rope_theta", global.or(raw.global_rope_theta).unwrap_or(160_000.0))?;
        let local_theta = match (local_theta, raw.local_rope_theta) {
            (Some(found), _) | (None, Some(Some(found))) => theta("local_rope_theta", found)?,
            (None, Some(None)) => global_theta,
            (None, None) => 10_000.0,
        };
        Ok(Self { global_theta, local_theta, window, local })
    }
}

fn local_layers(raw: &RotaryRaw, layers: usize) -> Result<Vec<bool>, EncoderError> {
    let by_number = |every: u64| -> Result<Vec<bool>, EncoderError> {
        let every = within("global_attn_every_n_layers", Some(every), 1..=1 << 20)?;
        Ok((0..layers).map(|layer| !layer.is_multiple_of(every)).collect())
    };
    let Some(types) = &raw.layer_types else { return by_number(raw.global_attn_every_n_layers.unwrap_or(3)) };
    if types.len() != layers {
        return Err(setting_error(
            "layer_types",
            format!("{} of them", types.len()),
            format!("{layers}, one per layer"),
        ));
    }
    let local = types.iter().map(|kind| match kind.as_str() {
        LOCAL => Ok(true),
        GLOBAL => Ok(false),
        other => Err(setting_error("a layer in layer_types", short(other), format!("{GLOBAL} or {LOCAL}"))),
    });
    let local: Vec<bool> = local.collect::<Result<_, _>>()?;
    match raw.global_attn_every_n_layers {
        // transformers 4 would obey one, transformers 5 the other.
        Some(every) if by_number(every)? != local => {
            Err(setting_error("global_attn_every_n_layers", every, "what layer_types says"))
        }
        _ => Ok(local),
    }
}

/// The thetas of `rope_parameters`, global and local.
fn thetas(raw: &RotaryRaw) -> Result<(Option<f64>, Option<f64>), EncoderError> {
    let (mut global, mut local) = (None, None);
    for (layers, parameters) in raw.rope_parameters.iter().flatten() {
        let theta = match layers.as_str() {
            GLOBAL => &mut global,
            LOCAL => &mut local,
            other => {
                return Err(setting_error("a key of rope_parameters", short(other), format!("{GLOBAL} or {LOCAL}")));
            }
        };
        match parameters {
            Value::Null => {}
            Value::Object(parameters) => {
                for (key, value) in parameters {
                    match (key.as_str(), value) {
                        ("rope_type" | "type", Value::String(kind)) if kind == "default" => {}
                        ("rope_theta", Value::Number(number)) => *theta = number.as_f64(),
                        (_, Value::Null) => {}
                        (key, value) => {
                            let found = format!("{} {}", short(key), short(&value.to_string()));
                            let expected = "rope_type \"default\" and rope_theta alone";
                            return Err(setting_error("a setting in rope_parameters", found, expected));
                        }
                    }
                }
            }
            other => return Err(setting_error("rope_parameters", short(&other.to_string()), "settings by layer type")),
        }
    }
    Ok((global, local))
}

fn theta(setting: &'static str, value: f64) -> Result<f64, EncoderError> {
    if THETA.contains(&value) {
        return Ok(value);
    }
    Err(setting_error(setting, value, format!("{} to {:e}", THETA.start(), THETA.end())))
}
