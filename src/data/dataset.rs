//! Rows of features with their targets.

use std::fmt;
use std::sync::Arc;

use candle_core::{DType, Device, Result, Tensor, bail};

use super::feature::FeatureKind;
use crate::memory;

/// Rows of features with their targets: x is (n, features), y is (n, targets), on one device. Targets are of
/// the dtype of the features, or of f64 where they are kept as in a file until they are scaled; they have
/// names. Rows may carry a group id; folds never split a group. Or they may be ordered in time; then folds
/// are tested on what comes after their training rows.
#[derive(Debug, Clone)]
pub struct Dataset {
    x: Tensor,
    origins: Option<Arc<[f64]>>,
    kinds: Option<Arc<[FeatureKind]>>,
    y: Tensor,
    target_names: Arc<[String]>,
    groups: Option<Arc<[u32]>>,
    order: Option<Arc<[u32]>>,
    late: Option<Late>,
}

/// What the features of rows become when they are selected.
#[derive(Clone)]
struct Late {
    map: Arc<Map>,
    device: Device,
}

/// Maps features (n, features) to others of the same shape and dtype.
type Map = dyn Fn(&Tensor) -> Result<Tensor> + Send + Sync;

impl fmt::Debug for Late {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Late").field("device", &self.device).finish_non_exhaustive()
    }
}

impl Dataset {
    /// Joins features `x` (n, features) and targets `y` (n, targets). Tensors that are not contiguous, such
    /// as some columns of a table, are copied: rows can be selected only from contiguous ones. The targets
    /// are called `y`, or `y0`, `y1`, ....
    ///
    /// # Errors
    ///
    /// Fails when either is not a matrix, or when their rows or devices differ, or their dtypes do and that
    /// of the targets is not f64.
    ///
    /// # Examples
    ///
    /// ```
    /// use candle_core::{DType, Device, Tensor};
    /// use taper::data::Dataset;
    ///
    /// let x = Tensor::zeros((10, 3), DType::F32, &Device::Cpu)?;
    /// let y = Tensor::zeros((10, 1), DType::F32, &Device::Cpu)?;
    /// let data = Dataset::new(x, y)?;
    /// assert_eq!((data.rows(), data.features(), data.targets()), (10, 3, 1));
    /// # Ok::<(), candle_core::Error>(())
    /// ```
    pub fn new(x: Tensor, y: Tensor) -> Result<Self> {
        let fits = x.rank() == 2
            && y.rank() == 2
            && x.dims()[0] == y.dims()[0]
            && [x.dtype(), DType::F64].contains(&y.dtype())
            && x.device().same_device(y.device());
        if !fits {
            bail!(
                "Dataset: x is {:?} {:?}, y is {:?} {:?}, expected (n, features) and (n, targets) of one dtype, or y of \
                 F64, on one device",
                x.dtype(),
                x.dims(),
                y.dtype(),
                y.dims()
            )
        }
        let target_names = target_names(y.dims()[1]).into();
        Ok(Self {
            x: x.contiguous()?,
            origins: None,
            kinds: None,
            y: y.contiguous()?,
            target_names,
            groups: None,
            order: None,
            late: None,
        })
    }

    /// As [`new`](Self::new), but the features are what `map` makes of `x`, of the same shape and dtype, and
    /// only of rows that are selected, which are then on `device`: no copy of all of them is kept.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    pub(crate) fn mapped_late(
        x: Tensor,
        y: Tensor,
        map: impl Fn(&Tensor) -> Result<Tensor> + Send + Sync + 'static,
        device: &Device,
    ) -> Result<Self> {
        let late = Late { map: Arc::new(map), device: device.clone() };
        Ok(Self { late: Some(late), ..Self::new(x, y)? })
    }

    /// Whether the features are not [`x`](Self::x), but what is made of it when rows are selected.
    pub(crate) fn is_late(&self) -> bool {
        self.late.is_some()
    }

    /// The device of rows that are selected.
    pub(crate) fn device(&self) -> &Device {
        self.late.as_ref().map_or(self.x.device(), |late| &late.device)
    }

    /// The data set whose features are `x` plus these, one for each column.
    ///
    /// # Errors
    ///
    /// Fails when there is not one for each feature.
    pub fn with_origins(self, origins: Vec<f64>) -> Result<Self> {
        if origins.len() != self.features() {
            bail!("Dataset: {} origins of {} features, expected one for each", origins.len(), self.features())
        }
        let is_any = origins.iter().any(|origin| *origin != 0.);
        Ok(Self { origins: is_any.then(|| origins.into()), ..self })
    }

    /// What each feature is kept relative to: the features in their own units are `x` plus these. `None`
    /// where they are `x`.
    pub fn origins(&self) -> Option<&[f64]> {
        self.origins.as_deref()
    }

    /// The data set whose features are of these kinds.
    ///
    /// # Errors
    ///
    /// Fails when there is not one for each feature.
    pub fn with_kinds(self, kinds: Vec<FeatureKind>) -> Result<Self> {
        if kinds.len() != self.features() {
            bail!("Dataset: {} kinds of {} features, expected one for each", kinds.len(), self.features())
        }
        Ok(Self { kinds: Some(kinds.into()), ..self })
    }

    /// The same with other numbers for all features, of the same shape and dtype.
    pub(crate) fn with_x(self, x: Tensor) -> Result<Self> {
        if x.dims() != self.x.dims() || x.dtype() != self.x.dtype() {
            bail!(
                "Dataset: x is {:?} {:?}, expected as {:?} {:?}",
                x.dtype(),
                x.dims(),
                self.x.dtype(),
                self.x.dims()
            )
        }
        Ok(Self { x, ..self })
    }

    /// The same features with other targets, on the CPU, of as many rows and columns.
    pub(crate) fn with_y(&self, y: &Tensor) -> Result<Self> {
        if y.dims() != self.y.dims() {
            bail!("Dataset: y is {:?}, expected {:?}", y.dims(), self.y.dims())
        }
        Ok(Self { y: y.to_device(self.y.device())?, ..self.clone() })
    }

    /// Whether there are codes among the features.
    pub(crate) fn has_codes(&self) -> bool {
        let is_code = |kind: &FeatureKind| matches!(kind, FeatureKind::Code { .. });
        self.kinds().is_some_and(|kinds| kinds.iter().any(is_code))
    }

    /// What each feature is; `None` where all are numbers.
    pub fn kinds(&self) -> Option<&[FeatureKind]> {
        self.kinds.as_deref()
    }

    /// The data set with targets of the dtype of the features, as a network is trained on.
    ///
    /// # Errors
    ///
    /// Fails when there is no memory for them.
    pub fn rounded(&self) -> Result<Self> {
        if self.y.dtype() != self.x.dtype() {
            memory::check::<f64>(self.y.elem_count()).map_err(|problem| {
                candle_core::Error::msg(format!("a rounded copy of the targets {problem}"))
            })?;
        }
        Ok(Self { y: self.y.to_dtype(self.x.dtype())?, ..self.clone() })
    }

    /// The data set with these names of the targets.
    ///
    /// # Errors
    ///
    /// Fails when there is not one name for each target.
    pub fn with_target_names(self, names: Vec<String>) -> Result<Self> {
        if names.len() != self.targets() {
            bail!("Dataset: {} names of {} targets, expected one for each", names.len(), self.targets())
        }
        Ok(Self { target_names: names.into(), ..self })
    }

    /// The name of each target.
    pub fn target_names(&self) -> &[String] {
        &self.target_names
    }

    /// The data set with the group id of each row.
    ///
    /// # Errors
    ///
    /// Fails when there is not one id for each row.
    pub fn with_groups(self, groups: Vec<u32>) -> Result<Self> {
        if groups.len() != self.rows() {
            bail!("Dataset: {} groups of {} rows, expected one for each row", groups.len(), self.rows())
        }
        Ok(Self { groups: Some(groups.into()), ..self })
    }

    /// The group id of each row, if the rows are grouped.
    pub fn groups(&self) -> Option<&[u32]> {
        self.groups.as_deref()
    }

    /// The data set whose rows are ordered in time by these ranks; rows of one rank are of one time.
    ///
    /// # Errors
    ///
    /// Fails when there is not one rank for each row.
    pub fn with_order(self, ranks: Vec<u32>) -> Result<Self> {
        if ranks.len() != self.rows() {
            bail!("Dataset: {} ranks of {} rows, expected one for each row", ranks.len(), self.rows())
        }
        Ok(Self { order: Some(ranks.into()), ..self })
    }

    /// The rank in time of each row, if the rows are ordered.
    pub fn order(&self) -> Option<&[u32]> {
        self.order.as_deref()
    }

    /// The features, (n, features), relative to [`origins`](Self::origins) if there are any.
    pub fn x(&self) -> &Tensor {
        &self.x
    }

    /// The targets, (n, targets).
    pub fn y(&self) -> &Tensor {
        &self.y
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.x.dims()[0]
    }

    /// The number of features of a row.
    pub fn features(&self) -> usize {
        self.x.dims()[1]
    }

    /// The number of targets of a row.
    pub fn targets(&self) -> usize {
        self.y.dims()[1]
    }

    /// Copies the data set to `device`, unless it is there already.
    ///
    /// # Errors
    ///
    /// Fails when the device has no memory for it.
    pub fn to_device(&self, device: &Device) -> Result<Self> {
        let move_to = |x: &Tensor| match (x.device(), device) {
            // Candle orders nothing between two streams, so a copy between two GPUs goes through the host.
            (Device::Cuda(_), Device::Cuda(_)) if !x.device().same_device(device) => {
                x.to_device(&Device::Cpu)?.to_device(device)
            }
            _ => x.to_device(device),
        };
        Ok(Self { x: move_to(&self.x)?, y: move_to(&self.y)?, ..self.clone() })
    }

    /// The features and targets of `rows`, in that order, on one device.
    ///
    /// # Errors
    ///
    /// Fails when a row index is out of range.
    pub fn select(&self, rows: &[u32]) -> Result<(Tensor, Tensor)> {
        self.check_rows(rows)?;
        let rows = Tensor::from_slice(rows, rows.len(), self.x.device())?;
        let (x, y) = (self.x.index_select(&rows, 0)?, self.y.index_select(&rows, 0)?);
        match &self.late {
            None => Ok((x, y)),
            Some(Late { map, device }) => Ok((map(&x)?.to_device(device)?, y.to_device(device)?)),
        }
    }

    /// Rejects out-of-range row indices. Candle reads `u32::MAX` as a row of zeros, and any other index
    /// beyond the end aborts the kernel on a GPU.
    pub(crate) fn check_rows(&self, rows: &[u32]) -> Result<()> {
        match rows.iter().find(|&&row| row as usize >= self.rows()) {
            Some(row) => bail!("Dataset: row {row} of {}, expected one below", self.rows()),
            None => Ok(()),
        }
    }
}

/// The names of `count` targets that have none: `y`, or `y0`, `y1`, ....
pub(crate) fn target_names(count: usize) -> Vec<String> {
    if count == 1 { vec!["y".to_owned()] } else { (0..count).map(|i| format!("y{i}")).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_selected_in_the_order_asked_for() {
        let x = Tensor::arange(0f32, 6., &Device::Cpu).unwrap().reshape((3, 2)).unwrap();
        let y = Tensor::arange(0f32, 3., &Device::Cpu).unwrap().reshape((3, 1)).unwrap();
        let (x, y) = Dataset::new(x, y).unwrap().select(&[2, 0]).unwrap();
        assert_eq!(x.to_vec2::<f32>().unwrap(), [[4., 5.], [0., 1.]]);
        assert_eq!(y.to_vec2::<f32>().unwrap(), [[2.], [0.]]);
    }

    #[test]
    fn columns_of_a_table_are_data() {
        let table = Tensor::arange(0f32, 12., &Device::Cpu).unwrap().reshape((3, 4)).unwrap();
        let data = Dataset::new(table.narrow(1, 0, 3).unwrap(), table.narrow(1, 3, 1).unwrap()).unwrap();
        let (x, y) = data.select(&[2, 0]).unwrap();
        assert_eq!(x.to_vec2::<f32>().unwrap(), [[8., 9., 10.], [0., 1., 2.]]);
        assert_eq!(y.to_vec2::<f32>().unwrap(), [[11.], [3.]]);
    }

    #[test]
    fn out_of_range_rows_are_rejected() {
        let zeros = Tensor::zeros((3, 2), DType::F32, &Device::Cpu).unwrap();
        let data = Dataset::new(zeros.clone(), zeros).unwrap();
        for row in [3, u32::MAX] {
            let error = data.select(&[0, row]).unwrap_err().to_string();
            assert!(error.contains(&format!("row {row} of 3")), "{error}");
        }
    }

    #[test]
    fn mismatched_features_and_targets_are_rejected() {
        let zeros = |shape: &[usize], dtype| Tensor::zeros(shape, dtype, &Device::Cpu).unwrap();
        for y in [
            zeros(&[4, 1], DType::F32), // another number of rows
            zeros(&[3], DType::F32),    // not a matrix
            zeros(&[3, 1], DType::U32), // another dtype
        ] {
            let error = Dataset::new(zeros(&[3, 2], DType::F32), y).unwrap_err().to_string();
            assert!(error.contains("expected (n, features) and (n, targets)"), "{error}");
        }
        let data = Dataset::new(zeros(&[3, 2], DType::F32), zeros(&[3, 1], DType::F64)).unwrap();
        assert_eq!(data.rounded().unwrap().y().dtype(), DType::F32);
        let error = data.clone().with_origins(vec![1.]).unwrap_err().to_string();
        assert!(error.contains("1 origins of 2 features"), "{error}");
        let error = data.with_target_names(vec![]).unwrap_err().to_string();
        assert!(error.contains("0 names of 1 targets"), "{error}");
    }
}
