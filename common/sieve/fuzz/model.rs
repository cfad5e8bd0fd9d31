//! A supervised model of fastText, small enough to write down.

/// The words `</s>`, `good` and `bad`, two labels and a dense softmax of dimension 2.
pub(crate) fn small_model() -> Vec<u8> {
    const MAGIC: i32 = 793_712_314;
    let mut bytes = Vec::new();
    let ints = |numbers: &[i32]| numbers.iter().flat_map(|n| n.to_le_bytes()).collect::<Vec<_>>();
    bytes.extend(ints(&[MAGIC, 12, 2, 5, 5, 1, 5, 1, 3, 3, 0, 0, 0, 100]));
    bytes.extend(0.1_f64.to_le_bytes());
    bytes.extend(ints(&[5, 3, 2]));
    bytes.extend(9_i64.to_le_bytes());
    bytes.extend((-1_i64).to_le_bytes());
    for (entry, is_label) in [("</s>", 0), ("good", 0), ("bad", 0), ("__label__hq", 1), ("__label__lq", 1)] {
        bytes.extend(entry.as_bytes());
        bytes.push(0);
        bytes.extend(4_i64.to_le_bytes());
        bytes.push(is_label);
    }
    let mut matrix = |rows: i64, numbers: &[f32]| {
        bytes.push(0);
        bytes.extend(rows.to_le_bytes());
        bytes.extend(2_i64.to_le_bytes());
        bytes.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
    };
    matrix(3, &[0.0, 0.0, 3.0, 0.0, 0.0, 3.0]);
    matrix(2, &[1.0, 0.0, 0.0, 1.0]);
    bytes
}
