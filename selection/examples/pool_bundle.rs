//! A bundle of random ESMs, for `bench/rank/whole.py`: `pool_bundle DIMENSION RANK FIRST COUNT FILE`, where RANK 0 stands for
//! dense ones. What they map to is nonsense, but their bytes and the time that their scores take are those of real ones: dense
//! maps in int8, as those are published that were made elsewhere, low-rank maps in int4, as fitted ones are.

#![allow(missing_docs)]

use std::error::Error;
use std::{env, fs};

use esmhub_selection::SplitMix64;
use esmhub_store_format::bundle::{self, Bundled};
use esmhub_store_format::card::{BaseModel, Weights};
use esmhub_store_format::log::Published;
use esmhub_store_format::{Card, Codec, DenseMap, LowRankMap, Map, Object};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [dimension, rank, first, count, file] = arguments.as_slice() else {
        return Err("expected DIMENSION RANK FIRST COUNT FILE".into());
    };
    let (dimension, rank) = (dimension.parse()?, rank.parse()?);
    let (first, count): (u64, u64) = (first.parse()?, count.parse()?);
    let mut bytes = Vec::new();
    for number in first..first + count {
        let map = random_map(dimension, rank, &mut SplitMix64::new(number))?;
        let codec = if rank == 0 { Codec::Int8 } else { Codec::Int4 };
        bundle::append(&bundled(number, Object::encode_map(&map, codec)?)?, &mut bytes)?;
    }
    fs::write(file, bytes)?;
    Ok(())
}

fn bundled(number: u64, object: Object) -> Result<Bundled, Box<dyn Error>> {
    let card = Card::imported(Weights::of(&object, 0.01), BaseModel::named("acme/encoder"));
    let name = format!("tasks/{number:05}").parse()?;
    Ok(Bundled { published: Published { name, tag: "v1".parse()?, card: card.to_canonical()? }, object })
}

/// `s x + A (B x) + b` of this rank; where it is 0, `W x + b` with W of rank D/12 and noise. The directions of both fall.
fn random_map(dimension: usize, rank: usize, random: &mut SplitMix64) -> Result<Map, Box<dyn Error>> {
    let mut number = |scale: f32| scale * uniform(random);
    let width = (dimension as f32).sqrt();
    let components = if rank == 0 { dimension / 12 } else { rank };
    let factors = (0..2 * components * dimension)
        .map(|at| number(3.0 / width / ((at / dimension % components) as f32 + 1.0).sqrt()))
        .collect();
    let bias = (0..dimension).map(|_| number(0.2)).collect();
    let map = Map::from(LowRankMap::new(0.5, factors, bias)?);
    if rank > 0 {
        return Ok(map);
    }
    let map = map.to_dense()?.into_owned();
    let weight = map.weight().iter().map(|&weight| weight + number(0.5 / width)).collect();
    Ok(DenseMap::new(weight, map.bias().to_vec())?.into())
}

/// Between -1 and 1.
fn uniform(random: &mut SplitMix64) -> f32 {
    (random.next_u64() >> 40) as f32 / (1u32 << 23) as f32 - 1.0
}
