//! Texts on which an engine must agree with the reference before it may replace it.

/// What splits and merges trip over, by kind.
const TEXTS: &[&str] = &[
    "",
    " ",
    "a",
    // English
    "The quick brown fox jumps over the lazy dog. It's what we'd've expected, isn't it? I'LL SAY 'TIS SO.",
    "Net interest income rose 12.5% to $1,234,567.89 (2023: $1,097,393.68); see note 14(b).",
    "don't DON'T Don’t ‘quoted’ “double” — dash–dash… e.g. U.S.A. www.example.com/a?b=c&d=%20#e",
    // Chinese, Japanese, Korean
    "公司2024年第三季度实现营业收入1,234.56亿元，同比增长8.9%，归属于上市公司股东的净利润为98.7亿元。",
    "中国人民银行决定于２０２４年９月２７日下调金融机构存款准备金率０.５个百分点（不含已执行５％的机构）。",
    "《证券法》第八十条：发生可能对上市公司股票交易价格产生较大影响的重大事件……「引用」『再引』【括号】〔六角〕",
    "東京株式市場で日経平均株価は、前日比３２１円安となった。カタカナ ひらがな ｶﾀｶﾅ",
    "한국은행은 기준금리를 연 3.25%로 동결하기로 했다.",
    "繁體中文與简体混排，𠮷野家𡈽地，〇一二三",
    // Code
    "fn main() {\n    let x: Vec<u32> = (0..10).map(|i| i * 2).collect();\n\tprintln!(\"{x:?}\");\n}\n",
    "def f(a, *, b=None):\r\n    return {'k': [a, b], \"s\": r'\\d+\\s*'}  # comment\r\n\r\n",
    "<div class=\"a\">&nbsp;&amp;</div><!-- x --> {\"a\":[1,2.5e-3,null,true]} SELECT * FROM t WHERE a<>b;",
    // White space
    "a  b   c    d     e      f",
    "\n",
    "\n\n\n",
    " \n \n\t\n  x",
    "tab\tseparated\t\tvalues\t\n\r\n\r\n  trailing   ",
    "line\u{2028}separator\u{2029}paragraph\u{85}next\u{a0}nbsp\u{3000}ideographic\u{200b}zero\u{feff}bom",
    "    indented\n        twice\n\n\n    back \u{b}vertical\u{c}form",
    // Digits
    "1 12 123 1234 12345 123456 1234567 12345678 123456789 0.000001 1e10 ０１２３ ٣٤٥ ²³ ½ Ⅷ ①②③ 3.14.15",
    // Emoji, flags, skin tones, joiners
    "😀😃 👍🏽 👩‍👩‍👧‍👦 🇨🇳🇺🇸 ❤️ ☎️ 1️⃣ 🏴󠁧󠁢󠁥󠁮󠁧󠁿 text😀text 😀1 a😀",
    // Combining marks and compositions
    "e\u{301} \u{e9} A\u{30a}ngstro\u{308}m \u{212b} q\u{323}\u{307} \u{1e69} n\u{303}o ﬁne ｆｕｌｌ ㎏ ㈱ ℡",
    "\u{301}leading mark, a\u{300}\u{301}\u{302}\u{303}stack, हिन्दी में पाठ, ภาษาไทย, العَرَبِيَّة, עִבְרִית, தமிழ், বাংলা",
    // Mixed scripts
    "GDP增长5.2%，CPI同比+0.1%；A股ETF与H股IPO的P/E约为12x，USD/CNY报7.1234。",
    "Привет, мир! Ελληνικά ŁÓDŹ İstanbul ıI ß ẞ Ǆǅǆ ŉ straße naïve façade",
    "abc中文def日本語ghi한국어jkl123四五六",
    // Punctuation and symbols
    "!!!???...---___***///\\\\\\|||&&&^^^%%%$$$###@@@~~~```'''\"\"\"",
    "。。。，，，！！！？？？、、、；；；：：：——……··〜～",
    "a.b,c;d:e!f?g(h)i[j]k{l}m<n>o/p\\q|r@s#t$u%v^w&x*y-z_+=",
    "↑→↓← ∑∏∫√∞≈≠≤≥ αβγ €£¥￥ © ® ™ § ¶ • ◆ ■ □ ▲ ★ ☆ ✓ ♪",
    // Controls and the edges of Unicode
    "nul\u{0}bell\u{7}esc\u{1b}del\u{7f}c1\u{9f}soft\u{ad}",
    "\u{fffd}\u{ffff}\u{10ffff}\u{e000}\u{d7ff}\u{fffe}",
    "rtl \u{202e}txet\u{202c} lrm\u{200e} isolate\u{2066}x\u{2069} variation\u{fe0f}",
    // What looks like special tokens
    "<|endoftext|> <|im_start|>user\nhi<|im_end|><s></s>[CLS][SEP][MASK]<unk><pad>▁ Ġ Ċ ##ing @@",
    "<|endoftext|<|im_end|>|>< |endoftext|><|ENDOFTEXT|>",
];

/// Characters from which generated probes are drawn: each class that splitting rules know.
const ALPHABET: &[char] = &[
    ' ', ' ', ' ', '\n', '\r', '\t', '\u{a0}', '\u{3000}', '\u{2028}', 'a', 'e', 't', 's', 'S', 'T', 'd',
    'm', 'l', 'v', 'r', '\'', '’', '0', '1', '9', '５', '²', '.', ',', '!', '-', '_', '(', '/', '#', '。',
    '，', '、', '“', '的', '中', '国', '银', '行', '年', '𠮷', 'か', 'カ', '한', 'é', 'ß', 'İ', 'я', 'ع',
    'ह', '\u{301}', '\u{93f}', '\u{200d}', '\u{fe0f}', '😀', '👍', '🏽', '€', '∑', '\u{0}', '\u{ad}', '<',
    '|', '>',
];
const GENERATED: usize = 400;

/// Added tokens of the file that are tried; a model may have thousands of reserved ones.
const ADDED_TOKENS: usize = 64;

/// All probes for a tokenizer: fixed, generated, and with its own added tokens within text.
pub(super) fn texts(reference: &tokenizers::Tokenizer) -> Vec<String> {
    let mut texts: Vec<String> = TEXTS.iter().map(|&text| text.to_owned()).collect();
    texts.extend(long_texts());
    texts.extend(generated_texts());

    let mut added: Vec<_> = reference.get_added_vocabulary().get_added_tokens_decoder().iter().collect();
    added.sort_by_key(|(id, _)| **id);
    for (_, token) in added.into_iter().take(ADDED_TOKENS) {
        let token = &token.content;
        texts.push(format!("before {token} after{token}中文 {token}{token}\n{token}"));
    }
    texts
}

/// Words and runs beyond any cache or small-size path.
fn long_texts() -> Vec<String> {
    vec![
        "a".repeat(3_000),
        "ab1".repeat(700),
        " ".repeat(1_500),
        "\n".repeat(700),
        "中".repeat(1_200),
        "9".repeat(900),
        "Donaudampfschifffahrtsgesellschaftskapitän".repeat(20),
        "=".repeat(800),
        "e\u{301}".repeat(400),
        "长文本，含标点。".repeat(300),
        "The market closed higher. ".repeat(300),
    ]
}

fn generated_texts() -> impl Iterator<Item = String> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = move |bound: usize| {
        // xorshift64: the same probes on every machine.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % bound as u64) as usize
    };
    (0..GENERATED).map(move |_| {
        let length = 1 + next(60);
        (0..length).map(|_| ALPHABET[next(ALPHABET.len())]).collect()
    })
}
