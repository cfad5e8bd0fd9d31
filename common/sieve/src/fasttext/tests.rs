use proptest::prelude::*;

use super::*;

#[path = "../../fuzz/model.rs"]
mod model;

pub(crate) use model::small_model;

fn read(bytes: Vec<u8>) -> Result<Model, String> {
    Model::read(&bytes.into())
}

#[test]
fn the_probabilities_are_those_of_the_formula() {
    let model = read(small_model()).unwrap();
    assert_eq!(model.labels(), ["__label__hq", "__label__lq"]);
    // The mean of `good` and the end is (1.5, 0).
    let expected = 1.5_f32.exp() / (1.5_f32.exp() + 1.0);
    let (label, probability) = model.best("good").unwrap();
    assert_eq!(label, "__label__hq");
    assert!((probability - expected).abs() < 2e-5, "{probability} {expected}");
    assert_eq!(model.best("bad\nbad good"), model.best("bad bad good"));
    assert_eq!(model.best("bad bad good").unwrap().0, "__label__lq");
    // What it does not know leaves the end alone.
    assert_eq!(model.best("unknown"), model.best(""));
}

#[test]
fn a_file_that_is_no_model_is_told() {
    let reason = |bytes: Vec<u8>| read(bytes).err().unwrap();
    assert_eq!(reason(Vec::new()), "it is no fastText model");
    assert_eq!(reason(b"no model".to_vec()), "it is no fastText model");
    let mut bytes = small_model();
    bytes.truncate(bytes.len() - 1);
    assert_eq!(reason(bytes), format!("it ends early, at byte {}", small_model().len() - 1));
    let mut bytes = small_model();
    bytes[36] = 1;
    assert_eq!(reason(bytes), "it is no supervised model: it has vectors, but no labels");
}

#[test]
fn no_cut_of_a_model_is_a_model() {
    let bytes = small_model();
    for end in 0..bytes.len() {
        assert!(read(bytes[..end].to_vec()).is_err(), "{end}");
    }
}

proptest! {
    #[test]
    fn no_damage_to_a_model_makes_it_panic(at in 0usize..300, byte: u8, text in "\\PC{0,20}") {
        let mut bytes = small_model();
        let at = at % bytes.len();
        bytes[at] = byte;
        if let Ok(model) = read(bytes) {
            model.best(&text);
        }
    }
}

/// The model at the path in `TAMIS_TEST_LID` against what the reference said of the sentences in
/// `TAMIS_TEST_LID_EXPECTED`: a line each of label, probability and text, between tabs.
#[test]
#[ignore = "needs lid.176.ftz, which is not ours to ship"]
fn probabilities_are_those_of_the_reference() {
    let file = |name| std::fs::read(std::env::var(name).unwrap()).unwrap();
    let model = read(file("TAMIS_TEST_LID")).unwrap();
    let expected = String::from_utf8(file("TAMIS_TEST_LID_EXPECTED")).unwrap();
    let mut worst = 0.0_f32;
    for line in expected.lines() {
        let [label, probability, text] = line.splitn(3, '\t').collect::<Vec<_>>().try_into().unwrap();
        let (found, score) = model.best(text).unwrap();
        let difference = (score - probability.parse::<f32>().unwrap()).abs();
        assert!(found == label && difference < 1e-4, "{found} {score}, expected {line}");
        worst = worst.max(difference);
    }
    println!("{} texts, largest difference {worst}", expected.lines().count());
}
