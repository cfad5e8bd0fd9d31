use proptest::prelude::*;

use super::*;

/// Sentences by language, as they may stand in a report of a company or in a manual.
const SENTENCES: &[(&str, &str)] = &[
    ("en", "The board of directors proposes a dividend that will be paid to all shareholders in May."),
    ("zh", "董事会建议向全体股东每十股派发现金红利，并将于五月支付。"),
    ("zh", "董事會建議向全體股東派發現金股利，並將於五月支付。"),
    ("ja", "取締役会は、すべての株主に対して五月に配当を支払うことを提案しています。"),
    ("ko", "이사회는 모든 주주에게 오월에 배당금을 지급할 것을 제안합니다."),
    ("de", "Der Vorstand schlägt vor, allen Aktionären im Mai eine Dividende auszuzahlen."),
    (
        "fr",
        "Le conseil d'administration propose de verser un dividende à tous les actionnaires au mois de mai.",
    ),
    (
        "es",
        "El consejo de administración propone pagar un dividendo a todos los accionistas en el mes de mayo.",
    ),
    (
        "pt",
        "O conselho de administração propõe que seja pago um dividendo a todos os acionistas em maio, e não antes.",
    ),
    (
        "it",
        "Il consiglio di amministrazione propone di pagare un dividendo a tutti gli azionisti nel mese di maggio.",
    ),
    (
        "nl",
        "De raad van bestuur stelt voor om in mei een dividend uit te keren aan alle aandeelhouders van het bedrijf.",
    ),
    (
        "sv",
        "Styrelsen föreslår att en utdelning ska betalas till alla aktieägare i maj och att resten behålls.",
    ),
    (
        "pl",
        "Zarząd proponuje, aby w maju wypłacić dywidendę wszystkim akcjonariuszom, którzy posiadają akcje.",
    ),
    (
        "cs",
        "Představenstvo navrhuje, aby byla v květnu vyplacena dividenda všem akcionářům, kteří o ni požádají.",
    ),
    ("hu", "Az igazgatóság azt javasolja, hogy májusban minden részvényesnek fizessenek osztalékot."),
    ("fi", "Hallitus ehdottaa, että kaikille osakkeenomistajille maksetaan osinko toukokuussa."),
    (
        "tr",
        "Yönetim kurulu, mayıs ayında bütün ortaklara kâr payı ödenmesini teklif etmektedir ve bunu açıklamıştır.",
    ),
    ("vi", "Hội đồng quản trị đề nghị trả cổ tức cho tất cả các cổ đông vào tháng năm này."),
    ("id", "Dewan direksi mengusulkan agar dividen dibayarkan kepada semua pemegang saham pada bulan Mei."),
    ("ru", "Совет директоров предлагает выплатить дивиденды всем акционерам, которые владеют акциями в мае."),
    ("uk", "Рада директорів пропонує виплатити дивіденди всім акціонерам, які володіють акціями у травні."),
    ("bg", "Съветът на директорите предлага да се изплати дивидент на всички акционери през месец май."),
    ("ar", "يقترح مجلس الإدارة دفع أرباح لجميع المساهمين في شهر مايو من هذا العام."),
    ("fa", "هیئت مدیره پیشنهاد می‌کند که در ماه مه سود سهام به همه سهامداران پرداخت شود."),
    ("he", "הדירקטוריון מציע לשלם דיבידנד לכל בעלי המניות בחודש מאי של השנה הזאת."),
    ("hi", "निदेशक मंडल ने सभी शेयरधारकों को मई में लाभांश देने का प्रस्ताव किया है।"),
    ("th", "คณะกรรมการเสนอให้จ่ายเงินปันผลแก่ผู้ถือหุ้นทุกรายในเดือนพฤษภาคม"),
    ("el", "Το διοικητικό συμβούλιο προτείνει να καταβληθεί μέρισμα σε όλους τους μετόχους τον Μάιο."),
    ("ta", "இயக்குநர் குழு அனைத்து பங்குதாரர்களுக்கும் மே மாதத்தில் ஈவுத்தொகை வழங்க முன்மொழிகிறது."),
    ("ka", "დირექტორთა საბჭო გვთავაზობს, რომ მაისში ყველა აქციონერს გადაუხადონ დივიდენდი."),
];

#[test]
fn a_sentence_tells_its_language() {
    for (language, sentence) in SENTENCES {
        let (found, score) = likeliest_language(sentence).unwrap();
        assert!(found == *language && score > 0.65, "{found} {score:.2}, expected {language}: {sentence}");
    }
}

#[test]
fn of_a_text_in_two_languages_none_is_sure() {
    let half = |language: &str| SENTENCES.iter().find(|(known, _)| *known == language).unwrap().1;
    for (one, other) in [("en", "de"), ("fr", "hu"), ("zh", "en"), ("ru", "en")] {
        let text = format!("{} {}", half(one).repeat(9), half(other).repeat(9));
        let (_, score) = likeliest_language(&text).unwrap();
        assert!(score < 0.8, "{one} and {other}: {score}");
    }
}

#[test]
fn terms_in_latin_leave_a_chinese_text_chinese() {
    let (language, score) =
        likeliest_language("调用 malloc 函数分配内存，失败时返回 NULL，并设置 errno。").unwrap();
    assert!(language == "zh" && score > 0.692, "{language} {score}");
}

#[test]
fn japanese_is_told_by_its_kana() {
    assert_eq!(likeliest_language("東京証券取引所に上場する企業の一覧").unwrap().0, "ja");
    assert_eq!(likeliest_language("东京证券交易所的上市公司").unwrap().0, "zh");
}

#[test]
fn what_is_no_language_is_not_sure() {
    for text in ["xqzj kwvf pzxq vvkq wxzz qqkp zkxv jjqw", "ACGTACGTTAGC GATTACA TTAGGC ACGTAC CCGTA"] {
        let score = likeliest_language(text).map_or(0.0, |(_, score)| score);
        assert!(score < 0.65, "{text} {score}");
    }
    assert_eq!(likeliest_language(""), None);
    assert_eq!(likeliest_language("12:30 — 45 % …"), None);
}

#[test]
fn wide_letters_are_latin() {
    let wide: String = SENTENCES[0]
        .1
        .chars()
        .map(|c| if c.is_ascii_alphabetic() { char::from_u32(c as u32 + 0xfee0).unwrap() } else { c })
        .collect();
    assert_eq!(likeliest_language(&wide).unwrap().0, "en");
}

#[test]
fn a_long_text_is_read_in_places_from_end_to_end() {
    let text = "a".repeat(100_000);
    let read: Vec<_> =
        pieces(&text).map(|piece| (piece.as_ptr() as usize - text.as_ptr() as usize, piece.len())).collect();
    assert_eq!(read.len(), SAMPLE / PIECE);
    assert_eq!((read[0], read[7]), ((0, PIECE), (100_000 - PIECE, PIECE)));
    let chinese = SENTENCES[1].1.repeat(1000);
    assert_eq!(likeliest_language(&chinese).unwrap(), ("zh", 1.0));
}

proptest! {
    #[test]
    fn scores_are_shares_of_one(text in prop_oneof!["\\PC{0,60}", "[a-zäöüé ]{0,80}", "[а-яё中文か. ]{0,40}"]) {
        let scores = scores(&text);
        prop_assert_eq!(scores.len(), languages().len());
        prop_assert!(scores.iter().all(|score| (0.0..=1.0).contains(score)));
        prop_assert!(scores.iter().sum::<f32>() < 1.001);
    }

    #[test]
    fn pieces_stand_in_order_and_are_few(text in "[a中é]{0,3000}") {
        let bytes: usize = pieces(&text).map(str::len).sum();
        // A piece may start in the middle of a character.
        prop_assert!(bytes <= SAMPLE + 3 * SAMPLE / PIECE);
    }
}
