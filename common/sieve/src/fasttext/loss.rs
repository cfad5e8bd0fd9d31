//! From products with the rows of the output matrix to probabilities.

/// Intervals of the table of the logistic function, and its bounds.
const TABLE: usize = 512;
const BOUND: f32 = 8.0;

pub(super) enum Loss {
    /// Labels are leaves of a Huffman tree: by inner node, the children of the nodes from the number of labels on.
    Tree(Vec<[usize; 2]>),
    /// One of all labels.
    Softmax,
    /// Each label for itself, by a table of the logistic function.
    Each(Vec<f32>),
}

impl Loss {
    /// By the number that stands in the file.
    pub(super) fn new(number: i32, label_counts: &[i64]) -> Result<Self, String> {
        match number {
            1 => Ok(Self::Tree(huffman(label_counts))),
            2 | 4 => Ok(Self::Each(
                (0..=TABLE).map(|at| logistic(at as f32 * 2.0 * BOUND / TABLE as f32 - BOUND)).collect(),
            )),
            3 => Ok(Self::Softmax),
            _ => Err(format!("its loss {number} is unknown")),
        }
    }

    /// The probability of each label; `product` gives that of the text with a row of the output matrix.
    pub(super) fn probabilities(&self, labels: usize, product: impl Fn(usize) -> f32) -> Vec<f32> {
        match self {
            Self::Tree(children) => {
                let mut logs = vec![0.0_f32; labels + children.len()];
                // Children have smaller numbers than their parents.
                for (inner, [left, right]) in children.iter().enumerate().rev() {
                    let above = logs[labels + inner];
                    let turns_right = logistic(product(inner));
                    logs[*left] = above + log(1.0 - turns_right);
                    logs[*right] = above + log(turns_right);
                }
                logs.truncate(labels);
                logs.into_iter().map(|log| log.exp().min(1.0)).collect()
            }
            Self::Softmax => {
                let products: Vec<f32> = (0..labels).map(product).collect();
                let highest = products.iter().copied().fold(f32::MIN, f32::max);
                let parts: Vec<f32> = products.iter().map(|product| (product - highest).exp()).collect();
                let sum: f32 = parts.iter().sum();
                parts.into_iter().map(|part| as_told(part / sum)).collect()
            }
            Self::Each(table) => (0..labels).map(|label| as_told(look_up(table, product(label)))).collect(),
        }
    }
}

/// The reference tells the exponential of a logarithm of which it keeps 0 away.
fn as_told(probability: f32) -> f32 {
    log(probability).exp().min(1.0)
}

fn log(value: f32) -> f32 {
    (f64::from(value) + 1e-5).ln() as f32
}

fn logistic(value: f32) -> f32 {
    1.0 / (1.0 + (-value).exp())
}

fn look_up(table: &[f32], value: f32) -> f32 {
    if value < -BOUND {
        return 0.0;
    }
    if value > BOUND {
        return 1.0;
    }
    let at = ((value + BOUND) * TABLE as f32 / BOUND / 2.0) as usize;
    table.get(at).copied().unwrap_or_default()
}

/// The children of each inner node, the last of which is the root. Leaves come by falling count, as labels do in a
/// file.
fn huffman(counts: &[i64]) -> Vec<[usize; 2]> {
    let leaves = counts.len();
    // What is not counted yet is rarer than nothing.
    let mut sums = counts.to_vec();
    sums.resize((2 * leaves).saturating_sub(1), 1_000_000_000_000_000);
    let mut children = Vec::with_capacity(leaves.saturating_sub(1));
    let (mut leaf, mut node) = (leaves, leaves);
    for inner in leaves..sums.len() {
        let pair = [(); 2].map(|()| {
            if leaf > 0 && sums[leaf - 1] < sums[node] {
                leaf -= 1;
                leaf
            } else {
                node += 1;
                node - 1
            }
        });
        sums[inner] = sums[pair[0]].saturating_add(sums[pair[1]]);
        children.push(pair);
    }
    children
}
