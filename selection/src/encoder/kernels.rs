//! The row-wise steps between matrix products, each one pass over memory.
//!
//! candle computes them as chains of whole-tensor operators, and exp and erf one number at a time through libm; that
//! costs as much time as the products. On the CPU these are loops over slices that the compiler vectorises. On any other
//! device the same steps are candle's operators, which are also what the tests compare the loops with.

use candle_core::{CpuStorage, D, InplaceOp1, InplaceOp2, InplaceOp3, Layout, Result, Tensor, bail};

use super::config::Activation;
use super::functions::{exp, gelu, gelu_tanh, sum};

/// `x + bias` for every row of `x` (T x N), in place on the CPU; `bias` has N values.
pub(super) fn add_bias(x: Tensor, bias: &Tensor) -> Result<Tensor> {
    if !x.device().is_cpu() {
        return x.broadcast_add(bias);
    }
    x.inplace_op2(bias, &AddBias)?;
    Ok(x)
}

/// `activation(x + bias)` for every row of `x` (T x N).
pub(super) fn activate(x: Tensor, bias: &Tensor, activation: Activation) -> Result<Tensor> {
    if !x.device().is_cpu() {
        return activate_by_operators(&x, bias, activation);
    }
    x.inplace_op2(bias, &Activate(activation))?;
    Ok(x)
}

/// `norm(x + bias + residual)` for every row of `x` and `residual` (T x D); `parameters` (3 x D) are bias, weight, shift.
///
/// The variance is that of the centred values, not the difference of two large sums.
pub(super) fn add_norm(x: Tensor, residual: &Tensor, parameters: &Tensor, epsilon: f32) -> Result<Tensor> {
    if !x.device().is_cpu() {
        return add_norm_by_operators(&x, residual, parameters, epsilon);
    }
    x.inplace_op3(residual, parameters, &AddNorm(epsilon))?;
    Ok(x)
}

/// `softmax(scale * x)` over the last dimension.
pub(super) fn softmax(x: Tensor, scale: f32) -> Result<Tensor> {
    if !x.device().is_cpu() {
        return candle_nn::ops::softmax(&(x * f64::from(scale))?, D::Minus1);
    }
    x.inplace_op1(&Softmax(scale))?;
    Ok(x)
}

fn activate_by_operators(x: &Tensor, bias: &Tensor, activation: Activation) -> Result<Tensor> {
    let x = x.broadcast_add(bias)?;
    match activation {
        Activation::Gelu => x.gelu_erf(),
        Activation::GeluTanh => x.gelu(),
        Activation::Relu => x.relu(),
        Activation::Silu => x.silu(),
    }
}

fn add_norm_by_operators(x: &Tensor, residual: &Tensor, parameters: &Tensor, epsilon: f32) -> Result<Tensor> {
    let x = (x.broadcast_add(&parameters.get(0)?)? + residual)?;
    let centred = x.broadcast_sub(&x.mean_keepdim(D::Minus1)?)?;
    let deviation = (centred.sqr()?.mean_keepdim(D::Minus1)? + f64::from(epsilon))?.sqrt()?;
    centred.broadcast_div(&deviation)?.broadcast_mul(&parameters.get(1)?)?.broadcast_add(&parameters.get(2)?)
}

struct AddBias;
struct Activate(Activation);
struct AddNorm(f32);
struct Softmax(f32);

impl InplaceOp2 for AddBias {
    fn name(&self) -> &'static str {
        "add-bias"
    }

    fn cpu_fwd(&self, x: &mut CpuStorage, x_at: &Layout, bias: &CpuStorage, bias_at: &Layout) -> Result<()> {
        let (_, x) = rows_mut(x, x_at)?;
        let bias = values(bias, bias_at)?;
        for row in x.chunks_exact_mut(bias.len().max(1)) {
            row.iter_mut().zip(bias).for_each(|(x, b)| *x += b);
        }
        Ok(())
    }
}

impl InplaceOp2 for Activate {
    fn name(&self) -> &'static str {
        "bias-activation"
    }

    fn cpu_fwd(&self, x: &mut CpuStorage, x_at: &Layout, bias: &CpuStorage, bias_at: &Layout) -> Result<()> {
        let (_, x) = rows_mut(x, x_at)?;
        let bias = values(bias, bias_at)?;
        match self.0 {
            Activation::Gelu => map_rows(x, bias, gelu),
            Activation::GeluTanh => map_rows(x, bias, gelu_tanh),
            Activation::Relu => map_rows(x, bias, |x| x.max(0.0)),
            Activation::Silu => map_rows(x, bias, |x| x / (1.0 + exp(-x))),
        }
        Ok(())
    }
}

impl InplaceOp3 for AddNorm {
    fn name(&self) -> &'static str {
        "bias-residual-norm"
    }

    fn cpu_fwd(
        &self,
        x: &mut CpuStorage,
        x_at: &Layout,
        residual: &CpuStorage,
        residual_at: &Layout,
        parameters: &CpuStorage,
        parameters_at: &Layout,
    ) -> Result<()> {
        let (width, x) = rows_mut(x, x_at)?;
        let residual = values(residual, residual_at)?;
        let mut parameters = values(parameters, parameters_at)?.chunks_exact(width);
        let (Some(bias), Some(weight), Some(shift)) = (parameters.next(), parameters.next(), parameters.next()) else {
            bail!("a norm has three rows of parameters");
        };
        for (row, residual) in x.chunks_exact_mut(width).zip(residual.chunks_exact(width)) {
            row.iter_mut().zip(residual).zip(bias).for_each(|((x, r), b)| *x = (*x + b) + r);
            let mean = sum(row, |x| x) / width as f32;
            row.iter_mut().for_each(|x| *x -= mean);
            let scale = (sum(row, |x| x * x) / width as f32 + self.0).sqrt().recip();
            row.iter_mut().zip(weight).zip(shift).for_each(|((x, w), s)| *x = *x * scale * w + s);
        }
        Ok(())
    }
}

impl InplaceOp1 for Softmax {
    fn name(&self) -> &'static str {
        "scaled-softmax"
    }

    fn cpu_fwd(&self, x: &mut CpuStorage, x_at: &Layout) -> Result<()> {
        let (width, x) = rows_mut(x, x_at)?;
        for row in x.chunks_exact_mut(width) {
            let highest = row.iter().fold(f32::NEG_INFINITY, |highest, &x| if x > highest { x } else { highest });
            row.iter_mut().for_each(|x| *x = exp(self.0 * (*x - highest)));
            let scale = sum(row, |x| x).recip();
            row.iter_mut().for_each(|x| *x *= scale);
        }
        Ok(())
    }
}

fn map_rows(x: &mut [f32], bias: &[f32], map: impl Fn(f32) -> f32) {
    for row in x.chunks_exact_mut(bias.len().max(1)) {
        row.iter_mut().zip(bias).for_each(|(x, b)| *x = map(*x + b));
    }
}

/// The length of a row, and all rows one after the other.
fn rows_mut<'a>(storage: &'a mut CpuStorage, at: &Layout) -> Result<(usize, &'a mut [f32])> {
    let width = at.dims().last().copied().unwrap_or(1).max(1);
    let rows = match (storage, at.contiguous_offsets()) {
        (CpuStorage::F32(values), Some((start, end))) => values.get_mut(start..end),
        _ => None,
    };
    match rows {
        Some(rows) => Ok((width, rows)),
        None => bail!("expected contiguous f32 values"),
    }
}

fn values<'a>(storage: &'a CpuStorage, at: &Layout) -> Result<&'a [f32]> {
    let range = at.contiguous_offsets();
    match range.and_then(|(start, end)| storage.as_slice::<f32>().ok()?.get(start..end)) {
        Some(values) => Ok(values),
        None => bail!("expected contiguous f32 values"),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]

    use super::*;
    use candle_core::Device;

    const ACTIVATIONS: [Activation; 4] = [Activation::Gelu, Activation::GeluTanh, Activation::Relu, Activation::Silu];

    fn waves(rows: usize, width: usize, frequency: f32) -> Tensor {
        let values: Vec<f32> = (0..rows * width).map(|i| 3.0 * (i as f32 * frequency).sin()).collect();
        Tensor::from_vec(values, (rows, width), &Device::Cpu).unwrap()
    }

    fn assert_close(ours: &Tensor, theirs: &Tensor) {
        let difference = (ours - theirs).unwrap().abs().unwrap().flatten_all().unwrap().max(0).unwrap();
        let difference = difference.to_scalar::<f32>().unwrap();
        assert!(difference < 2e-6, "{difference}");
    }

    #[test]
    fn loops_agree_with_the_operators_of_candle() {
        // A width that is no multiple of the lanes.
        let (x, residual, bias) = (waves(5, 37, 0.7), waves(5, 37, 1.3), waves(1, 37, 0.1).get(0).unwrap());
        for activation in ACTIVATIONS {
            let ours = activate(x.copy().unwrap(), &bias, activation).unwrap();
            assert_close(&ours, &activate_by_operators(&x, &bias, activation).unwrap());
        }
        let parameters = waves(3, 37, 0.3);
        let ours = add_norm(x.copy().unwrap(), &residual, &parameters, 1e-5).unwrap();
        assert_close(&ours, &add_norm_by_operators(&x, &residual, &parameters, 1e-5).unwrap());
        let ours = softmax(x.copy().unwrap(), 0.5).unwrap();
        assert_close(&ours, &candle_nn::ops::softmax(&(&x * 0.5).unwrap(), D::Minus1).unwrap());
        assert_close(&add_bias(x.copy().unwrap(), &bias).unwrap(), &x.broadcast_add(&bias).unwrap());
    }

    #[test]
    fn norm_survives_a_large_mean() {
        // The difference of two sums would lose all digits here: mean 4096, deviation 1.
        let x = Tensor::from_vec(vec![4095.0_f32, 4097.0, 4095.0, 4097.0], (1, 4), &Device::Cpu).unwrap();
        let parameters = Tensor::from_vec(
            vec![0.0_f32, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0],
            (3, 4),
            &Device::Cpu,
        );
        let zeros = x.zeros_like().unwrap();
        let normed = add_norm(x, &zeros, &parameters.unwrap(), 1e-12).unwrap().flatten_all().unwrap();
        assert_eq!(normed.to_vec1::<f32>().unwrap(), [-1.0, 1.0, -1.0, 1.0]);
    }
}
