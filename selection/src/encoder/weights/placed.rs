//! What attention knows of places: the tables of a model, and each layer's part of them.

use std::sync::Arc;

use candle_core::{Device, Tensor};

use super::super::EncoderError;
use super::super::config::{self, ModelConfig};
use super::super::places::{angles, bucket, row};
use super::super::products::{linear, rows};
use super::super::steps::normalise;
use super::reader::Reader;
use super::{Disentangling, Norm, Placed, Rotation};

/// The tables that all layers share.
pub(super) enum Places<T> {
    Embedded,
    Biased(Arc<T>),
    Rotary {
        global: Arc<Rotation<T>>,
        local: Arc<Rotation<T>>,
    },
    /// The table of relative positions, and the row of each distance.
    Disentangled {
        table: Vec<f32>,
        rows: Arc<Vec<u32>>,
    },
}

impl<T> Places<T> {
    pub(super) fn read(reader: &Reader<'_, T>) -> Result<Self, EncoderError> {
        Ok(match &reader.config.places {
            config::Places::Embedded => Self::Embedded,
            config::Places::Biased => Self::Biased(Arc::new(biases(reader)?)),
            config::Places::Rotary(rotary) => Self::Rotary {
                global: Arc::new(rotation(reader, rotary.global_theta)?),
                local: Arc::new(rotation(reader, rotary.local_theta)?),
            },
            config::Places::Disentangled(disentangled) => Self::Disentangled {
                table: table(reader, disentangled)?,
                rows: Arc::new(distances(reader.config).map(|behind| row(-behind, disentangled)).collect()),
            },
        })
    }

    /// The part of one layer, of which `name` names the parts.
    pub(super) fn of_layer(
        &self,
        reader: &Reader<'_, T>,
        index: usize,
        name: &dyn Fn(&str) -> String,
    ) -> Result<Placed<T>, EncoderError> {
        Ok(match (self, &reader.config.places) {
            (Self::Biased(table), _) => Placed::Biased(Arc::clone(table)),
            (Self::Rotary { global, local }, config::Places::Rotary(rotary)) => {
                let is_local = rotary.local.get(index) == Some(&true);
                let rotation = Arc::clone(if is_local { local } else { global });
                Placed::Rotary { rotation, window: is_local.then_some(rotary.window) }
            }
            (Self::Disentangled { table, rows }, config::Places::Disentangled(settings)) => {
                let projected = |wanted: bool, own: &str, content: &str| {
                    let part = name(if settings.shared { content } else { own });
                    wanted.then(|| project(reader, table, &part)).transpose()
                };
                let (key, query) = ("attention.self.key_proj", "attention.self.query_proj");
                Placed::Disentangled(Disentangling {
                    rows: Arc::clone(rows),
                    keys: projected(settings.content_to_position, "attention.self.pos_key_proj", key)?,
                    queries: projected(settings.position_to_content, "attention.self.pos_query_proj", query)?,
                })
            }
            _ => Placed::Embedded,
        })
    }
}

/// How far behind its query a key can stand, lowest first.
fn distances(config: &ModelConfig) -> impl Iterator<Item = isize> {
    // Both are far below the limits of isize.
    let positions = config.max_length() as isize;
    1 - positions..positions
}

/// MPNet's biases by distance. Attention weights are scaled after the biases are added, so that these are not to be.
fn biases<T>(reader: &Reader<'_, T>) -> Result<T, EncoderError> {
    let config = reader.config;
    let read = reader.checkpoint.read("encoder.relative_attention_bias.weight", &[32, config.heads])?;
    let by_head = read.t()?.to_vec2::<f32>()?;
    let unscaled = config.attention_scale().recip();
    let buckets: Vec<usize> = distances(config).map(bucket).collect();
    let values: Vec<f32> = by_head
        .iter()
        .flat_map(|head| buckets.iter().filter_map(|&bucket| head.get(bucket)).map(|bias| bias * unscaled))
        .collect();
    reader.placed(Tensor::from_vec(values, (config.heads, buckets.len()), &Device::Cpu)?)
}

fn rotation<T>(reader: &Reader<'_, T>, theta: f64) -> Result<Rotation<T>, EncoderError> {
    let (positions, head) = (reader.config.max_length(), reader.config.head());
    let table = |of: fn(f64) -> f64| {
        let values = angles(theta, positions, head, of);
        reader.placed(Tensor::from_vec(values, (positions, head / 2), &Device::Cpu)?)
    };
    Ok(Rotation { half: head / 2, cosines: table(f64::cos)?, sines: table(f64::sin)? })
}

/// DeBERTa's table of relative positions, R x D, normed where the model norms it.
fn table<T>(reader: &Reader<'_, T>, settings: &config::Disentangled) -> Result<Vec<f32>, EncoderError> {
    let (checkpoint, hidden) = (reader.checkpoint, reader.config.hidden);
    let read = |name: &str, shape: &[usize]| -> Result<Vec<f32>, EncoderError> {
        Ok(checkpoint.read(name, shape)?.flatten_all()?.to_vec1()?)
    };
    let mut table = read("encoder.rel_embeddings.weight", &[2 * settings.span, hidden])?;
    if settings.normed {
        let norm = Norm {
            bias: Vec::new(),
            weight: read("encoder.LayerNorm.weight", &[hidden])?,
            shift: read("encoder.LayerNorm.bias", &[hidden])?,
        };
        normalise(&mut table, &norm, reader.config.norm_epsilon);
    }
    Ok(table)
}

/// The table through a product of the layer's.
fn project<T>(reader: &Reader<'_, T>, table: &[f32], name: &str) -> Result<T, EncoderError> {
    let hidden = reader.config.hidden;
    let weight = reader.checkpoint.read(&format!("{name}.weight"), &[hidden, hidden])?.flatten_all()?;
    let bias = reader.checkpoint.read(&format!("{name}.bias"), &[hidden])?;
    let mut projected = Vec::new();
    linear(&mut projected, rows(table, hidden), &weight.to_vec1::<f32>()?, &bias.to_vec1::<f32>()?);
    let count = table.len() / hidden;
    reader.placed(Tensor::from_vec(projected, (count, hidden), &Device::Cpu)?)
}
