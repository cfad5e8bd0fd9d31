//! Precision and recall over a labelled set.

use std::collections::BTreeMap;

use super::super::testing::clean;

/// Sentences in which `{kind:text}` is personal data of that kind; all else is none.
const SENTENCES: &[&str] = &[
    "请联系张先生，手机{phone:13812345678}，邮箱{email:zhang.san@163.com}。",
    "客服电话{phone:010-62345678转801}，服务热线400-820-8820，微信号wx13800.",
    "公司地址：杭州市西湖区文三路478号，邮编310012，传真：{phone:0571-87654321}。",
    "身份证号{identity:11010519491231002X}，出生于1949年12月31日，合同编号110105194912310021。",
    "户名：李四，账号{bank_card:6222021234567890128}，开户行工商银行，金额13812345678元。",
    "订单号202401021234567890已发货，快递单号SF1234567890123，请致电{phone:+86 139 1234 5678}。",
    "服务器IP为{ip:123.125.114.144}，内网192.168.1.10，掩码255.255.255.0，版本12.34.56.78。",
    "统一社会信用代码91110000600037341L，注册资本1380000000元，成立于2001-01-02。",
    "ISBN 978-7-301-15089-7，定价：68.00元，2020年第3版第12.3.4.50节。",
    "参见 https://book.douban.com/subject/13812345678/，或 doi:10.1000/0571-87654321。",
    "手机号码：{phone:138-1234-5678}/{phone:13987654321}，QQ号 123456789，邮箱：{email:123456789@qq.com}。",
    "时间戳1700000000000，经度120.123456789，纬度30.987654321，电量13812345678mAh。",
    "招聘热线：{phone:（021）62345678}，简历发至{email:hr@company.com.cn}，主题注明2024届。",
    "股票代码600519，成交量13812345678股，市盈率35.20，营收1,381,234,567.80元。",
    "台湾办事处{phone:+886 2 2345 6789}，香港{phone:+852 2345 6789}，编号No.20240102。",
    "护照E12345678不在此列；卡号{bank_card:6222 0212 3456 7890 128}有效期12/25。",
    "Write to {email:jane.doe@mail.org} or call {phone:(415) 555-2671} before 10:30.",
    "The office in London ({phone:+44 20 7946 0958}) opened on 2020-01-02 with 1,234,567 visitors.",
    "Charged to card {bank_card:4111 1111 1111 1111}, expiry 12/25, amount $1,234.56, order 4111-2222.",
    "Linux 2.6.32.71 fixes CVE-2013-1234; OID 1.3.6.1.4.1.311.21.7 and section 12.3.4.5 stay.",
    "Login from {ip:8.8.4.40} and {ip:2001:4860:4860::8888}, not from 10.0.0.17 or fe80::1 or 2001:db8::1.",
    "UUID 550e8400-e29b-41d4-a716-446655440000, SHA 3fa85f6457174562b3fc2c963f66afa64111111111111111.",
    "git clone git@github.com:user/repo.git; systemctl start getty@tty1.service; see icon@2x.png.",
    "Pi is 3.14159265358979323846 and e is 2.718281828459045; 6.02214076e23 per mole.",
    "In Germany dial {phone:+49 (0)30 1234567} or {phone:0049 30 12345678}; in France {phone:+33 1 23 45 67 89}.",
    "Part number 415-5552-671, EAN 4006381333931, ISBN 0-571-08765-4, ISSN 0317-8471.",
    "Contact: {email:first.last+tag@sub.domain.co.uk}; @handle on the other network; me@example.com is nobody.",
    "Fax {phone:415.555.2671}, toll free {phone:1-800-555-2671}, flight 415-555, room 555-2671.",
    "The population grew by +20 000 000 000 over 1381234567 years; 13812345678.25 seconds.",
    "memcpy(0xffffffff81000000, 0x13812345678); 4111111111111112 fails its check, 1234567812345678 has no issuer.",
    "Tweet 1345021162959503360, snowflake 175928847299117063, epoch 1609459200123456.",
    "Reach us: {phone:+7 916 123-45-67}, {phone:+81-3-1234-5678}, {phone:+1 415 555 2671}; UTC+0800, GMT+8.",
];

#[test]
fn precision_and_recall_over_the_labelled_set() {
    // By kind: found and wanted, found, wanted.
    let mut scores: BTreeMap<&str, [u32; 3]> = BTreeMap::new();
    let placeholders = [
        ("email", "<EMAIL>"),
        ("ip", "<IP_ADDRESS>"),
        ("phone", "<PHONE>"),
        ("identity", "<ID_NUMBER>"),
        ("bank_card", "<BANK_CARD>"),
    ];
    for sentence in SENTENCES {
        let (mut text, mut wanted) = (String::new(), String::new());
        let mut labels: BTreeMap<&str, u32> = BTreeMap::new();
        for (at, part) in sentence.split(['{', '}']).enumerate() {
            match (at % 2, part.split_once(':')) {
                (1, Some((kind, data))) => {
                    let placeholder = placeholders.iter().find(|(known, _)| *known == kind).unwrap().1;
                    text.push_str(data);
                    wanted.push_str(placeholder);
                    *labels.entry(kind).or_default() += 1;
                }
                _ => {
                    text.push_str(part);
                    wanted.push_str(part);
                }
            }
        }
        let masked = clean("personal", &text);
        if masked != wanted {
            println!("wanted {wanted}\n   got {masked}");
        }
        for (kind, placeholder) in placeholders {
            let found = masked.matches(placeholder).count() as u32;
            let labelled = labels.get(kind).copied().unwrap_or(0);
            let score = scores.entry(kind).or_default();
            // In a sentence that differs only what both count the same is taken for right.
            let right = if masked == wanted { labelled } else { found.min(labelled).saturating_sub(1) };
            for (sum, count) in score.iter_mut().zip([right, found, labelled]) {
                *sum += count;
            }
        }
    }
    for (kind, [right, found, labelled]) in scores {
        let precision = f64::from(right) / f64::from(found.max(1));
        let recall = f64::from(right) / f64::from(labelled.max(1));
        println!("{kind}: {labelled} labelled, precision {precision:.3}, recall {recall:.3}");
        assert!(precision >= 0.95 && recall >= 0.9, "{kind}: precision {precision}, recall {recall}");
    }
}
